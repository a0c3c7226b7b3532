"""What the network loses and the service refuses, and how fast the store sends."""

import dataclasses
import signal

import pytest

from qalgs_backends.errors import AuthError, BudgetError, CapabilityError, ExecutionError, TransientError
from qalgs_backends.jobs import polling
from qalgs_backends.jobs.polling import JobPolicy, delays
from qalgs_backends.jobs.store import JobStore

from .fake_service import RefusalError
from .job_store import *  # noqa: F403
from .job_store import KEY, OTHER, QUICK, child, finished, key_of, submit


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


@pytest.mark.parametrize(
    "error", [BudgetError("too dear"), CapabilityError("no such gate"), ExecutionError("no"), AuthError("no")]
)
def test_what_certainly_made_no_job_leaves_no_trace_and_is_not_looked_for(error, service, store):
    error.refused = True
    service.post_errors = [error]
    with pytest.raises(type(error)):
        submit(store, service)
    assert store.list() == ()
    submit(store, service)
    assert service.posts() == 1
    assert service.requests("FIND") == []


def test_a_refusal_after_a_lost_answer_does_not_hide_the_job_of_the_first_try(service, store):
    error = ExecutionError("no")
    error.refused = True
    service.post_errors = [TransientError("no route"), error]
    with pytest.raises(ExecutionError):
        submit(store, service)
    assert store.record(KEY).state == "intent"
    looks = len(service.requests("FIND"))
    submit(store, service)
    assert len(service.requests("FIND")) > looks


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
