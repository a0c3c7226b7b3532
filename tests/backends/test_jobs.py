"""The job store: one POST whatever dies, nothing finished lost, and no secrets on the disk."""

import dataclasses
import json
import logging
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from qalgs_backends.base import Cost, Counts, Job, Values
from qalgs_backends.errors import (
    AuthError,
    BackendError,
    BudgetError,
    CapabilityError,
    ExecutionError,
    JobError,
    TransientError,
)
from qalgs_backends.jobs import polling
from qalgs_backends.jobs.answers import pack, unpack
from qalgs_backends.jobs.batch import Chunk, JobBatch
from qalgs_backends.jobs.leases import is_alive, new_owner
from qalgs_backends.jobs.polling import JobPolicy, delays
from qalgs_backends.jobs.record import default_path, dump_result, load_result
from qalgs_backends.jobs.remote import RemoteResult
from qalgs_backends.jobs.remotes import FACTORIES, connect
from qalgs_backends.jobs.store import JobStore
from qalgs_backends.redaction import redact

from .fake_service import FolderService, RefusalError

KEY, OTHER = "ab" * 32, "cd" * 32
QUICK = JobPolicy(posts_per_minute=1000, grace_seconds=0.05, first_poll_seconds=0.01, longest_poll_seconds=0.05)
CANARY = "Zx9-canaryToken_0123456789abcdefghijklmnopQRSTUV"


def key_of(number):
    return f"{number:024x}{0:040x}"


@pytest.fixture
def service(tmp_path):
    folder = tmp_path / "service"
    folder.mkdir()
    return FolderService(folder)


@pytest.fixture
def store(tmp_path):
    return JobStore(tmp_path / "jobs.sqlite", policy=QUICK)


@pytest.fixture
def clock(monkeypatch):
    """A clock that only sleeping moves; holds the times slept."""
    slept = []
    monkeypatch.setattr(polling, "now", lambda: 1e9 + sum(slept))
    monkeypatch.setattr(polling, "sleep", slept.append)
    return slept


def submit(store, service, key=KEY, payload=(1.0, 2.0), **kwargs):
    return store.submit(service, key, lambda: list(payload), {"shots": 200, "circuits": 2}, 60.0, **kwargs)


def resume(store, service, key=KEY, payload=(1.0, 2.0)):
    return store.resume(service, key, lambda: list(payload), {"shots": 200, "circuits": 2}, 60.0)


CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from fake_service import FolderService, die
from qalgs_backends.jobs.store import JobStore
from qalgs_backends.jobs.polling import JobPolicy
folder, path, fault = sys.argv[2:5]
service = FolderService(folder)
policy = JobPolicy(posts_per_minute=1000, grace_seconds=0.05, first_poll_seconds=0.01, longest_poll_seconds=0.05)
store = JobStore(path, policy=policy)
if fault == "slow":
    service.post_seconds = 0.3
elif fault != "none" and fault != "id stored":
    setattr(service, fault, True)
def payload():
    if fault == "payload":
        die()
    return [1.0, 2.0]
job = store.submit(service, "ab" * 32, payload, {"shots": 200, "circuits": 2}, 60.0)
if fault == "id stored":
    die()
print(job.id, job.result().values.tolist(), flush=True)
"""


def child(service, store, fault):
    """Another process that runs the program which submits KEY."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-W", "error", "-c", CHILD, here, str(service.folder), str(store.path), fault]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process, returncode=0):
    out, err = process.communicate(timeout=60)
    assert process.returncode == returncode, err
    return out.strip()


# What is killed


@pytest.mark.parametrize(
    ("fault", "posted_by_killed"), [("payload", 0), ("die_before_post", 0), ("die_after_post", 1), ("id stored", 1)]
)
def test_one_post_wherever_the_program_is_killed(fault, posted_by_killed, service, store):
    finished(child(service, store, fault), -signal.SIGKILL)
    assert service.posts() == posted_by_killed
    first = submit(store, service)
    assert first.result().values.tolist() == [[1.0], [2.0]]
    assert service.posts() == 1
    assert list(service.jobs()) == [first.id]
    before = len(service.requests())
    assert submit(store, service).result().values.tolist() == [[1.0], [2.0]]
    assert len(service.requests()) == before


def test_three_processes_at_once_post_once(service, store):
    printed = {finished(process) for process in [child(service, store, "slow") for _ in range(3)]}
    assert len(printed) == 1
    assert service.posts() == 1


def test_threads_at_once_post_once(service, tmp_path):
    service.post_seconds = 0.1
    ids = []

    def run():
        ids.append(submit(JobStore(tmp_path / "jobs.sqlite", policy=QUICK), service).id)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1
    assert service.posts() == 1


def test_a_lease_of_another_computer_is_waited_for_until_it_ends(service, store, clock):
    store._table.claim(KEY, service.name, {}, "elsewhere|1|x", QUICK.lease_seconds)
    submit(store, service)
    assert QUICK.lease_seconds <= sum(clock) < QUICK.lease_seconds + 5
    assert service.posts() == 1


def test_who_was_overtaken_does_not_send(store, clock):
    mine = new_owner()
    store._table.claim(KEY, "ibm_test", {}, "elsewhere|1|x", 600.0)
    polling.sleep(700.0)
    assert store._table.claim(KEY, "ibm_test", {}, mine, 600.0)[1]
    assert store._table.take_turn(KEY, mine, 5, 600.0) == 0.0
    with pytest.raises(BackendError, match="took over"):
        store._table.take_turn(KEY, "elsewhere|1|x", 5, 600.0)


def test_two_that_both_sent_end_with_one_job(service, store, caplog):
    """The last resort, should a POST outlast its lease: the job that came second is cancelled."""
    real_post = service.post

    def overtaken(payload, **kwargs):
        store._table.submitted(KEY, real_post(payload, **kwargs))
        return real_post(payload, **kwargs)

    service.post = overtaken
    with caplog.at_level(logging.WARNING):
        kept = submit(store, service).id
    assert "sent twice" in caplog.text
    (stopped,) = service.requests("CANCEL")
    assert stopped.split()[1] in set(service.jobs()) - {kept}


def test_owners_on_this_computer_are_known_to_be_dead():
    process = subprocess.Popen([sys.executable, "-c", ""])
    place, _, rest = new_owner().rsplit("|", 2)
    process.wait()
    assert is_alive(new_owner())
    assert not is_alive(f"{place}|{process.pid}|{rest}")
    assert is_alive(f"elsewhere|{process.pid}|{rest}")


# What the network loses


def test_a_lost_answer_is_found_by_its_tag(service, store):
    service.lose_answers = 1
    job = submit(store, service)
    assert list(service.jobs()) == [job.id]
    assert service.posts() == 1


def test_a_job_that_shows_late_is_waited_for(service, store):
    service.lose_answers, service.blind_finds = 1, 2
    job = submit(store, service)
    assert list(service.jobs()) == [job.id]
    assert service.posts() == 1
    assert len(service.requests("FIND")) == 3


def test_after_a_kill_a_job_that_shows_late_is_waited_for(service, store):
    finished(child(service, store, "die_after_post"), -signal.SIGKILL)
    service.blind_finds = 2
    assert list(service.jobs()) == [submit(store, service).id]
    assert service.posts() == 1


def test_a_post_that_reached_nobody_is_sent_again_after_the_grace_time(service, tmp_path, clock):
    store = JobStore(tmp_path / "jobs.sqlite", policy=JobPolicy())
    service.post_errors = [TransientError("no route")]
    submit(store, service)
    assert service.posts() == 1
    assert store.record(KEY).attempts == 2
    assert sum(clock) >= 20.0


def test_a_service_that_stays_away_is_given_up_and_asked_first_next_time(service, store):
    service.post_errors = [TransientError("no route")] * QUICK.tries
    with pytest.raises(TransientError, match="no route"):
        submit(store, service)
    record = store.record(KEY)
    assert (record.state, record.attempts, record.error) == ("intent", QUICK.tries, "TransientError: no route")
    looks = len(service.requests("FIND"))
    submit(store, service)
    assert service.requests()[-1].startswith("POST")
    assert len(service.requests("FIND")) == looks + 3
    assert store.record(KEY).error is None


@pytest.mark.parametrize("error", [AuthError("refused"), ExecutionError("bad circuit"), ValueError("no JSON")])
def test_refusals_are_not_tried_again(error, service, store):
    service.post_errors = [error]
    with pytest.raises(type(error), match=str(error)):
        submit(store, service)
    assert len(service.requests("refused POST")) == 1
    assert service.posts() == 0


@pytest.mark.parametrize("error", [BudgetError("too dear"), CapabilityError("no such gate")])
def test_what_is_refused_before_it_is_sent_leaves_no_trace(error, service, store):
    service.post_errors = [error]
    with pytest.raises(type(error)):
        submit(store, service)
    assert store.list() == ()


def test_a_payload_that_cannot_be_made_leaves_no_trace(service, store):
    def payload():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.submit(service, KEY, payload, {}, 1.0)
    assert store.list() == ()
    assert service.requests() == []


def test_questions_are_asked_again(service, store):
    service.silent_reads = 3
    assert submit(store, service).status() == "done"


def test_waiting_survives_a_long_silence(service, store):
    service.silent_reads = 20
    assert submit(store, service).result().values.shape == (2, 1)


# How fast it sends


def test_no_more_posts_a_minute_than_allowed_by_all_programs_together(service, tmp_path, clock):
    times = []
    real_post = service.post
    service.post = lambda *args, **kwargs: (times.append(polling.now()), real_post(*args, **kwargs))[1]
    for k in range(12):
        store = JobStore(tmp_path / "jobs.sqlite", policy=JobPolicy(posts_per_minute=5))
        submit(store, service, key_of(k))
    assert len(times) == 12
    assert all(later - earlier >= 60.0 for earlier, later in zip(times, times[5:], strict=False))
    assert times[-1] - times[0] < 125.0


def test_a_clock_that_was_set_back_blocks_nobody(service, store, monkeypatch):
    monkeypatch.setattr(polling, "now", lambda: 2e9)
    policy = dataclasses.replace(QUICK, posts_per_minute=1)
    submit(JobStore(store.path, policy=policy), service)
    monkeypatch.setattr(polling, "now", lambda: 1e9)
    monkeypatch.setattr(polling, "sleep", lambda seconds: pytest.fail("waited"))
    submit(JobStore(store.path, policy=policy), service, OTHER)
    assert service.posts() == 2


def test_429_holds_every_program_for_as_long_as_it_asks(service, tmp_path, clock):
    store = JobStore(tmp_path / "jobs.sqlite", policy=JobPolicy())
    service.post_errors = [RefusalError(90.0)]
    submit(store, service)
    assert sum(clock) >= 90.0
    assert service.posts() == 1
    service.post_errors = [RefusalError(100.0)] * JobPolicy().tries
    began = sum(clock)
    with pytest.raises(RefusalError):
        submit(store, service, OTHER)
    refused = sum(clock)
    assert refused - began >= 300.0
    submit(JobStore(store.path), service, "ef" * 32)
    assert sum(clock) - began >= 400.0


def test_waits_grow_to_five_minutes_and_scatter(service, tmp_path, clock):
    store = JobStore(tmp_path / "jobs.sqlite", policy=JobPolicy())
    job = submit(store, service)
    service.change_all(state="queued")
    del clock[:]
    with pytest.raises(TimeoutError, match=f"{job.id}.*{KEY[:12]}.*36000 s"):
        job.result(timeout=36000)
    assert sum(clock) == pytest.approx(36000)
    assert max(clock) <= 300.0
    assert min(clock[15:-1]) > 200.0
    assert len(clock) < 170
    assert len({round(wait, 6) for wait in clock}) > 0.2 * len(clock)
    first = [next(delays(1.0, 300.0)) for _ in range(50)]
    assert min(first) >= 0.8
    assert max(first) <= 1.1


# What is kept


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


# Jobs that end badly


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


# Lists


def test_list_record_forget(service, store):
    submit(store, service)
    submit(store, FolderService(service.folder, "ibm_other"), OTHER).result()
    assert [record.key for record in store.list()] == [KEY, OTHER]
    assert [record.key for record in store.list(state="done")] == [OTHER]
    assert [record.key for record in store.list(machine="ibm_test")] == [KEY]
    assert store.record(OTHER[:6]).machine == "ibm_other"
    assert store.usage(machine="ibm_test") == Cost(200, 2, 1, 0.0)
    with pytest.raises(ValueError, match="has ended, but it is submitted"):
        store.forget(KEY)
    store.forget(OTHER)
    for key in (OTHER, "", "zz"):
        with pytest.raises(ValueError, match="`key` must be that of one job"):
            store.record(key)


def test_misuse(service, store):
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        submit(store, service, "abc")
    with pytest.raises(ValueError, match="`max_seconds` must be greater than 0"):
        store.submit(service, KEY, list, {}, 0.0)
    with pytest.raises(TypeError, match="`spec` must hold JSON values"):
        store.submit(service, KEY, list, {"x": object()}, 1.0)
    submit(store, service)
    other = FolderService(service.folder, "ibm_other")
    for call in (lambda: submit(store, other), lambda: resume(store, other), lambda: store.wait(other, KEY)):
        with pytest.raises(ValueError, match="`remote` must be ibm_test's"):
            call()
    with pytest.raises(ValueError, match="`posts_per_minute` must be at least 1"):
        JobPolicy(posts_per_minute=0)
    assert service.posts() == 1


# The file


def test_the_file_is_durable_private_and_where_the_platform_keeps_data(store, tmp_path, monkeypatch):
    with sqlite3.connect(store.path) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    monkeypatch.setenv("QALGS_JOBS", str(tmp_path / "here" / "j.sqlite"))
    assert JobStore().path == default_path() == tmp_path / "here" / "j.sqlite"
    monkeypatch.delenv("QALGS_JOBS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert default_path() == tmp_path / "qalgs" / "jobs.sqlite"


@pytest.mark.parametrize("damage", ["text", "pages", "truncated"])
def test_a_damaged_file_is_named_and_nothing_is_sent(damage, service, store):
    for k in range(40):
        submit(store, service, key_of(k))
    raw = store.path.read_bytes()
    middle = b"\xff" * (len(raw) - 8192)
    store.path.write_bytes({"text": b"hello" * 300, "pages": raw[:4096] + middle, "truncated": raw[:5000]}[damage])
    before = service.posts()
    with pytest.raises(BackendError, match=r"jobs\.sqlite is damaged.*Move it away.*qa-"):
        submit(JobStore(store.path, policy=QUICK), service)
    assert service.posts() == before


def test_a_damaged_result_is_named(service, store):
    submit(store, service).result()
    db = sqlite3.connect(store.path)
    db.execute("UPDATE jobs SET result=substr(result, 1, 50)")
    db.commit()
    db.close()
    with pytest.raises(BackendError, match=r"result of job abababababab in .* is damaged"):
        store.wait(service, KEY)


def test_a_file_of_a_newer_version_or_in_no_folder_is_refused(store, tmp_path):
    db = sqlite3.connect(store.path)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(BackendError, match="newer version of qalgs"):
        JobStore(store.path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError, match="cannot be made"):
        JobStore(tmp_path / "file" / "jobs.sqlite")


def test_many_open_a_new_file_at_once(tmp_path):
    failures = []

    def run():
        try:
            JobStore(tmp_path / "new.sqlite").list()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# Secrets


@pytest.mark.parametrize("spec", [{"token": "x"}, {"a": [{"API_KEY": "x"}]}, {"instance": "x"}, {"Authorization": "x"}])
def test_a_spec_may_not_name_accounts(spec, service, store):
    with pytest.raises(ValueError, match="no account or token"):
        store.submit(service, KEY, list, spec, 1.0)
    assert store.list() == ()


def test_no_secret_reaches_the_disk(service, store):
    crn = "crn:v1:bluemix:public:quantum-computing:us-east:a/123:456::"
    service.post_errors = [ExecutionError(f"apikey {CANARY} is refused for {crn}")]
    with pytest.raises(ExecutionError):
        submit(store, service)
    service.result = lambda job_id: RemoteResult({}, {"url": f"https://u:{CANARY}@x", "token": "short", "crn": crn})
    job = submit(store, service)
    service.change_all(state="queued", text=f"Bearer {CANARY}")
    job.status()
    service.change_all(state="done")
    assert store.wait(service, KEY).facts["token"] == "[removed]"
    submit(store, service, OTHER)
    service.change_all(state="failed", text=f"Authorization: Bearer {CANARY}")
    assert store.refresh(service, OTHER) == "failed"
    assert "[removed]" in store.record(OTHER).error
    written = b"".join(path.read_bytes() for path in store.path.parent.glob("jobs.sqlite*"))
    assert CANARY.encode() not in written
    assert b"bluemix" not in written
    assert b"short" not in written


def test_digests_and_ids_are_no_secrets():
    harmless = f"job d3k9v2p5a1b2c3 has key {KEY} and commit {'0a' * 20}, 3.5 s"
    assert redact(harmless) == harmless


# Batches


def batch(store, service, num=4):
    chunks = [Chunk(key_of(k), lambda k=k: [k, k + 0.5], {"shots": 20, "circuits": 2}, 9.0, 2) for k in range(num)]
    return JobBatch(store, service, chunks)


def test_a_batch_joins_its_chunks_and_resumes_only_what_ended_badly(service, store):
    whole = batch(store, service).submit()
    assert whole.statuses() == ("done",) * 4
    assert whole.result().values.ravel().tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    assert whole.result().cost.quantum_seconds == 10.0
    assert whole.result().cost.shots == 80
    assert isinstance(whole, Job)
    assert service.posts() == 4


def test_partial_answers(service, store):
    whole = batch(store, service).submit()
    service.change(whole.jobs()[1].id, state="failed", text="no")
    service.change(whole.jobs()[2].id, state="cancelled")
    assert whole.statuses() == ("done", "failed", "cancelled", "done")
    assert whole.status() == "failed"
    with pytest.raises(JobError, match="no"):
        whole.result()
    partial = whole.result(allow_partial=True)
    assert np.isnan(partial.values[2:6]).all()
    assert np.isnan(partial.values_err[2:6]).all()
    assert partial.values[[0, 1, 6, 7], 0].tolist() == [0, 0.5, 3, 3.5]
    old = [job.id for job in whole.jobs()]
    assert whole.submit().resume() == ("done",) * 4
    assert service.posts() == 6
    assert [a == b for a, b in zip(old, [job.id for job in whole.jobs()], strict=True)] == [True, False, False, True]
    assert np.isfinite(whole.result().values).all()


def test_a_batch_that_was_interrupted_goes_on(service, store):
    service.post_errors = []
    real_post, calls = service.post, []

    def post(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise AuthError("expired")
        return real_post(*args, **kwargs)

    service.post = post
    with pytest.raises(AuthError):
        batch(store, service).submit()
    service.post = real_post
    assert batch(store, service).resume() == ("done",) * 4
    assert service.posts() == 4


def test_partial_counts_timeouts_and_nothing_at_all(service, store):
    counts = Counts(({1: 5}, {0: 5}), 1, 5, Cost())
    service.result = lambda job_id: pack(counts)
    whole = batch(store, service, 2).submit()
    service.change(whole.jobs()[0].id, state="queued")
    assert whole.status() == "queued"
    with pytest.raises(TimeoutError):
        whole.result(timeout=0.05)
    assert whole.result(timeout=0.05, allow_partial=True).outcomes == ({}, {}, {1: 5}, {0: 5})
    whole.cancel()
    assert whole.status() == "cancelled"
    with pytest.raises(JobError, match="No job of the batch"):
        JobBatch(store, service, whole.chunks[:1]).result(allow_partial=True)
    for chunks in ([], [whole.chunks[0]] * 2):
        with pytest.raises(ValueError, match="distinct keys"):
            JobBatch(store, service, chunks)


# The command line and the machines it reaches


def test_machines_are_found_by_name(service, monkeypatch):
    monkeypatch.setitem(FACTORIES, "test_", lambda machine: FolderService(service.folder, machine))
    assert connect("test_a").name == "test_a"
    with pytest.raises(CapabilityError, match="No service is known for the machine 'abacus'"):
        connect("abacus")


@pytest.fixture
def command(service, store, monkeypatch):
    tyro = pytest.importorskip("tyro")
    from qalgs.cli.jobs import jobs

    monkeypatch.setitem(FACTORIES, "ibm_", lambda machine: service)
    monkeypatch.setattr("qalgs.cli.jobs.JobStore", lambda path: JobStore(path, policy=QUICK))
    return lambda *args: tyro.cli(jobs, args=[*args, "--store", str(store.path)])


def test_the_command_lists_waits_and_cancels(command, service, store, capsys):
    command("list")
    assert "0 jobs" in capsys.readouterr().out
    submit(store, service)
    submit(store, service, OTHER)
    first, second = (store.record(key).job_id for key in (KEY, OTHER))
    service.change(second, state="queued")
    seen = len(service.requests())
    command("list")
    printed = capsys.readouterr().out
    assert len(service.requests()) == seen
    assert first in printed
    assert "2 jobs" in printed
    command("wait", KEY[:8])
    assert "done: values (2, 1)" in capsys.readouterr().out
    command("cancel", OTHER[:8])
    assert "cancelled" in capsys.readouterr().out
    command("wait")
    assert "all jobs have ended" in capsys.readouterr().out
    with pytest.raises(JobError, match="1 of 1 jobs"):
        command("wait", OTHER)
    assert "was cancelled" in capsys.readouterr().out
    with pytest.raises(ValueError, match="name the jobs to cancel"):
        command("cancel")


def test_the_command_resumes_what_was_interrupted(command, service, store, capsys):
    finished(child(service, store, "die_after_post"), -signal.SIGKILL)
    command("resume")
    assert "done" in capsys.readouterr().out
    assert store.record(KEY).state == "done"
    assert service.posts() == 1


def test_records_are_json_but_for_nothing(service, store):
    record = submit(store, service).record
    assert json.loads(json.dumps(dataclasses.asdict(record)))["tag"] == f"qa-{KEY[:24]}"
    assert abs(record.created - time.time()) < 60
