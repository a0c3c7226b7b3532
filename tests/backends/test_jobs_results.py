"""What is kept: nothing finished is lost, and what ended badly is sent again only when asked for."""

import dataclasses
import signal

import numpy as np
import pytest

from qalgs_backends.base import Cost, Counts, Job, Values
from qalgs_backends.errors import BackendError, JobError
from qalgs_backends.jobs import polling
from qalgs_backends.jobs.answers import pack, unpack
from qalgs_backends.jobs.record import dump_result, load_result
from qalgs_backends.jobs.remote import RemoteResult
from qalgs_backends.jobs.store import JobStore

from .fake_service import FolderService
from .job_store import *  # noqa: F403
from .job_store import KEY, QUICK, child, finished, resume, submit


def test_a_second_run_makes_no_request(service, store):
    first = submit(store, service).result()
    seen = service.requests()
    again = JobStore(store.path, policy=QUICK)
    job = submit(again, service, payload=(9.0,))
    second = job.result()
    assert job.status() == "done"
    job.cancel()
    assert service.requests() == seen
    assert np.array_equal(first.values, second.values)
    assert np.array_equal(first.values_err, second.values_err)
    assert first.cost == second.cost
    assert (second.cost.shots, second.cost.circuits, second.cost.jobs) == (200, 2, 1)
    assert second.cost.quantum_seconds == job.usage == store.usage().quantum_seconds == 2.5


def test_a_stored_job_is_a_job(service, store):
    job = submit(store, service)
    assert isinstance(job, Job)
    assert job.id in repr(job.record)
    assert store.job(service, KEY[:8]).result().values.shape == (2, 1)


def test_results_keep_their_arrays_exactly(service, store):
    arrays = {
        "file": np.arange(6, dtype=">i2").reshape(2, 3),
        "a/b": np.array(3.5, np.float32),
        "": np.asfortranarray(np.ones((2, 2), complex) * (1 - 0.0j)),
        "empty": np.zeros((0, 3), np.uint8),
        "bool": np.array([True, False]),
        "text": np.array(["a", "bc"]),
        "nan": np.array([np.nan, -np.inf, -0.0]),
    }
    facts = {"shots": np.int64(3), "nested": [1.5, None, {"a": (1, 2)}], "nan": float("nan")}
    service.result = lambda job_id: RemoteResult(arrays, facts)
    submit(store, service)
    fresh = store.wait(service, KEY)
    for result in (fresh, store.wait(service, KEY)):
        assert list(result.arrays) == list(arrays)
        for name, array in arrays.items():
            assert result.arrays[name].dtype == array.dtype
            assert result.arrays[name].shape == array.shape
            assert result.arrays[name].tobytes() == array.tobytes()
        assert result.facts["nested"] == [1.5, None, {"a": [1, 2]}]
        assert result.facts["shots"] == 3
        assert np.isnan(result.facts["nan"])


def test_a_result_that_cannot_be_kept_is_an_error_and_stays_with_the_service(service, store):
    service.result = lambda job_id: RemoteResult({"x": np.array([{}], object)}, {})
    job = submit(store, service)
    with pytest.raises(TypeError, match="x is one"):
        job.result()
    assert store.record(KEY).state == "submitted"


def test_values_and_counts_survive_packing():
    values = Values(np.array([[0.5, -1.0]]), np.array([[0.1, 0.0]]), None, Cost(1, 2, 3))
    back = unpack(load_result(*dump_result(pack(values))), values.cost)
    assert np.array_equal(back.values, values.values)
    assert (back.shots, back.cost) == (None, values.cost)
    for outcomes in (({0: 3, 2**155 + 5: 7}, {1: 10}), ({}, {2**8: 10}), ({}, {})):
        counts = Counts(outcomes, 156, 10, Cost())
        back = unpack(load_result(*dump_result(pack(counts, quantum_seconds=1))), Cost())
        assert (back.outcomes, back.num_bits, back.shots) == (outcomes, 156, 10)
    with pytest.raises(BackendError, match="give `decode`"):
        unpack(RemoteResult({"bits": np.zeros(1)}, {}), Cost())


def test_other_results_have_other_decoders(service, store):
    service.result = lambda job_id: RemoteResult({"bits": np.array([1, 1, 0])}, {"quantum_seconds": None})
    job = submit(store, service, decode=lambda r, cost: Counts(({1: int(r.arrays["bits"].sum())},), 1, 2, cost))
    assert job.result().outcomes == ({1: 2},)
    assert job.usage is None


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_what_ended_badly_is_sent_again_only_by_resume(state, service, store):
    job = submit(store, service)
    first = job.id
    service.change_all(state=state, text="qubit 3 is on fire")
    with pytest.raises(JobError, match=f"{first}.*{state}.*on fire.*resume"):
        job.result()
    assert job.status() == state
    again = submit(store, service)
    with pytest.raises(JobError):
        again.result()
    assert service.posts() == 1
    resumed = resume(store, service)
    assert resumed.id == job.id != first
    assert resumed.result().values.tolist() == [[1.0], [2.0]]
    assert service.posts() == 2
    assert resume(store, service).id == resumed.id
    assert service.posts() == 2
    assert {fields["tag"] for fields in service.jobs().values()} == {f"qa-{KEY[:24]}", f"qa-{KEY[:24]}-1"}


def test_resuming_with_a_lost_answer_does_not_find_the_failed_job(service, store):
    failed = submit(store, service)
    service.change_all(state="failed")
    assert failed.status() == "failed"
    service.lose_answers = 1
    assert resume(store, service).result().values.shape == (2, 1)
    assert service.posts() == 2


def test_late_news_of_a_failed_job_does_not_end_the_one_sent_after_it(service, store):
    job = submit(store, service)
    old = job.id
    service.change_all(state="failed")
    assert job.status() == "failed"
    news = service.state(old)
    late = FolderService(service.folder)
    resume(store, service)

    def state(job_id):
        return news

    record = dataclasses.replace(job.record, job_id=old)
    late.state = state
    assert store._look(late, record)[0] == "failed"
    assert job.record.state == "submitted"
    assert job.result().values.shape == (2, 1)


def test_cancel(service, store):
    job = submit(store, service)
    service.change_all(state="queued")
    assert job.status() == "queued"
    job.cancel()
    assert store.record(KEY).state == job.status() == "cancelled"


def test_an_intent_can_be_waited_for_located_and_cancelled(service, store):
    finished(child(service, store, "die_after_post"), -signal.SIGKILL)
    assert store.wait(service, KEY).arrays["values"].tolist() == [[1.0], [2.0]]
    assert service.posts() == 1
    store.forget(KEY)
    service.change_all(tag="other")
    finished(child(service, store, "die_before_post"), -signal.SIGKILL)
    with pytest.raises(JobError, match="never reached ibm_test"):
        store.wait(service, KEY)
    assert store.record(KEY).state == "failed"
    assert store.cancel(service, KEY) == "failed"
    store.forget(KEY)
    finished(child(service, store, "payload"), -signal.SIGKILL)
    assert store.cancel(service, KEY) == "cancelled"
    assert store.list() == ()


def test_an_interrupt_says_how_to_go_on_and_loses_nothing(service, store, monkeypatch):
    job = submit(store, service)
    service.change_all(state="running")

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(polling, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt, match=f"{job.id}.*{KEY[:12]}.*qalgs jobs wait {KEY[:12]}"):
        job.result()
    service.change_all(state="done")
    assert job.result().values.shape == (2, 1)
    assert service.posts() == 1


def test_the_callback_hears_of_changes_only(service, store):
    heard = []
    job = submit(store, service)
    service.change_all(state="queued")

    def watch(state, text, seconds):
        heard.append((state, text, seconds >= 0))
        service.change_all(state={"queued": "running", "running": "done", "done": "done"}[state])

    job.result(callback=watch)
    assert heard == [("queued", "", True), ("running", "", True), ("done", "", True)]
