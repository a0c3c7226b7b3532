"""Runs in several jobs: what is done stays done when another one fails."""

import numpy as np
import pytest

from qalgs_backends.base import Cost, Counts, Job
from qalgs_backends.errors import AuthError, JobError
from qalgs_backends.jobs.answers import pack
from qalgs_backends.jobs.batch import Chunk, JobBatch

from .job_store import *  # noqa: F403
from .job_store import key_of


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
