"""Runs over the limits of one job: several jobs, one answer, each job paid for once."""

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit

from qalgs_backends import Counts, Job
from qalgs_backends.errors import ExecutionError, JobError
from qalgs_backends.ibm.backend import IBMBackend
from qalgs_backends.ibm.mitigation import Mitigation
from qalgs_backends.ibm.options import IBMOptions, Twirling
from qalgs_backends.ibm.remote import IBMRemote
from qalgs_backends.jobs.store import JobStore
from tests.backends.ibm_rehearsal import *  # noqa: F403
from tests.backends.ibm_rehearsal import QUICK
from tests.backends.test_ibm import OBSERVABLES, ansatz, exact, new

POINTS = np.array([[0.3, 0.4], [1.0, 2.0], [3.0, -1.0], [0.3, 0.4], [-1.0, 0.1]])


def tags(server):
    return [next(tag for tag in job.tags if tag.startswith("qa-")) for job in server.jobs.values()]


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"max_points": 2}, (2, 2, 1)),
        ({"max_points": 4}, (3, 2)),
        ({"max_executions": 3 * 4000}, (1, 1, 1, 1, 1)),
        ({"max_executions": 2 * 3 * 4000 + 1}, (2, 2, 1)),
        ({"max_executions": 2 * 3 * 4096 + 4096, "mitigation": Mitigation()}, (2, 2, 1)),
        ({"max_executions": 30_000, "twirling": Twirling(num_randomizations=7)}, (2, 2, 1)),
    ],
)
def test_the_answer_is_that_of_one_job(server, store, options, sizes):
    backend = new(server, store, **options)
    program = backend.prepare(ansatz(), OBSERVABLES)
    estimate = backend.estimate(program, 5, 4000)
    assert server.count() == 0
    job = backend.submit(program, POINTS, kind="expect", shots=4000, rng=1)
    values = job.result(timeout=60)
    assert isinstance(job, Job)
    assert estimate.jobs == len(sizes) == len(server.jobs) == values.cost.jobs
    assert estimate.shots == sum(sent.executions for sent in server.jobs.values()) == values.cost.shots
    assert max(sent.executions for sent in server.jobs.values()) <= backend._options.max_executions
    assert [chunk.num_points for chunk in job.chunks] == list(sizes)
    assert values.cost.circuits == estimate.circuits
    assert values.cost.quantum_seconds == job.cost.quantum_seconds > 0
    assert values.values.shape == values.values_err.shape == (5, 2)
    spread = np.abs(values.values - exact(ansatz(), OBSERVABLES, POINTS))
    assert np.all(spread < 5 * np.array([2.0, 1.0]) / np.sqrt(4000))
    assert not np.array_equal(values.values[0], values.values[3])
    assert len(set(tags(server))) == len(sizes)
    seen = server.count()
    again = backend.expect(program, POINTS, shots=4000, rng=1)
    np.testing.assert_array_equal(again.values, values.values)
    assert server.count() == seen


def test_the_service_s_own_limit(backend, server):
    program = backend.prepare(ansatz())
    assert backend.estimate(program, 1000, 10_000).jobs == 1
    more = backend.estimate(program, 1001, 10_000)
    assert (more.jobs, more.shots, more.circuits) == (2, 10_010_000, 1001)
    assert server.count() == 0


def test_counts_of_a_circuit_without_parameters(server, store):
    backend = new(server, store, max_points=1)
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    counts = backend.sample(backend.prepare(circuit), np.zeros((3, 0)), shots=2000, rng=1)
    assert isinstance(counts, Counts)
    assert len(counts) == len(server.jobs) == 3
    assert all(set(table) == {0, 3} and sum(table.values()) == 2000 for table in counts.outcomes)
    assert len({table[0] for table in counts.outcomes}) > 1


@pytest.mark.parametrize("sent", [True, False])
def test_a_program_that_dies_between_jobs_goes_on(server, store, monkeypatch, sent):
    """It dies while the second of three is sent, after the service has it or before: three jobs in all."""
    post, calls = IBMRemote.post, []

    def dying(self, payload, **arguments):
        calls.append(arguments["tag"])
        if len(calls) == 2:
            if sent:
                post(self, payload, **arguments)
            raise KeyboardInterrupt
        return post(self, payload, **arguments)

    monkeypatch.setattr(IBMRemote, "post", dying)
    first = new(server, store, max_points=2)
    with pytest.raises(KeyboardInterrupt):
        first.submit(first.prepare(ansatz()), POINTS, kind="sample", shots=20, rng=1)
    assert len(server.jobs) == 1 + sent
    again = IBMBackend(server.name, store=JobStore(store.path, policy=QUICK), options=IBMOptions(max_points=2))
    counts = again.sample(again.prepare(ansatz()), POINTS, shots=20, rng=1)
    assert [sum(table.values()) for table in counts.outcomes] == [20] * 5
    assert len(server.jobs) == server.count("POST", "/jobs") == len(set(tags(server))) == 3


def test_a_part_that_failed_is_sent_again_alone_when_asked_for(server, store):
    backend = new(server, store, max_points=2)
    server.end_next_job("Failed", "internal error")
    job = backend.submit(backend.prepare(ansatz()), POINTS, kind="sample", shots=20, rng=1)
    with pytest.raises(JobError, match="internal error"):
        job.result(timeout=20)
    partial = job.result(timeout=20, allow_partial=True)
    assert [sum(table.values()) for table in partial.outcomes] == [0, 0, 20, 20, 20]
    again = IBMBackend(server.name, store=store, options=IBMOptions(max_points=2, resend=True))
    whole = again.sample(again.prepare(ansatz()), POINTS, shots=20, rng=1)
    assert [sum(table.values()) for table in whole.outcomes] == [20] * 5
    assert len(server.jobs) == 4


def test_the_budget_covers_all_parts_or_none_is_sent(server, store):
    backend = IBMBackend(server.name, store=store, budget_seconds=100, options=IBMOptions(max_points=1))
    server.reset()
    program = backend.prepare(ansatz())
    estimate = backend.estimate(program, 5, 1000)
    job = backend.submit(program, POINTS, kind="sample", shots=1000, rng=1)
    limits = [sent.max_seconds for sent in server.jobs.values()]
    assert estimate.quantum_seconds <= sum(limits) <= 100
    assert backend.remaining_seconds == pytest.approx(100 - sum(limits), abs=5)
    job.result(timeout=20)
    assert backend.remaining_seconds == 95  # the rehearsal charges a second for each
    server.fail("POST", "/jobs", status=400)
    with pytest.raises(ExecutionError):
        backend.submit(program, POINTS, kind="sample", shots=1000, rng=2)
    assert backend.remaining_seconds == 95
