"""IBM's real client against the rehearsal server: preparing, running, and what it costs."""

import inspect
import sys

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit, QuantumRegister
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends import Backend, CapabilityError, Counts, Job, Values, get
from qalgs_backends.errors import AuthError, BudgetError
from qalgs_backends.ibm.backend import IBMBackend, connect
from qalgs_backends.ibm.options import IBMOptions, Twirling
from qalgs_backends.jobs.store import JobStore
from qalgs_backends.testing import RehearsalServer
from tests.backends.ibm_rehearsal import *  # noqa: F403
from tests.backends.ibm_rehearsal import QUICK

POINTS = np.array([[0.3, 0.4], [1.0, 2.0], [3.0, -1.0]])
OBSERVABLES = [SparsePauliOp(["ZZI", "XXI", "IIZ", "YYX", "III"], [1, 0.5, 0.3, 0.2, 0.1]), SparsePauliOp("IXX")]


def ansatz():
    b, a = Parameter("b"), Parameter("a")  # sorted, the second comes first
    built = QuantumCircuit(3)
    built.rx(a, 0)
    built.cx(0, 1)
    built.ry(b, 2)
    built.cx(1, 2)
    return built


def exact(circuit, observables, params):
    backend = get("statevector")
    return backend.expect(backend.prepare(circuit, observables), params).values


def new(server, store, **options):
    made = IBMBackend(server.name, store=store, options=IBMOptions(**options))
    server.reset()
    return made


def test_it_is_a_backend(server, store):
    backend = get(f"ibm:{server.name}", store=store)
    assert isinstance(backend, Backend)
    assert backend.name == "ibm:ibm_rehearsal"
    assert backend.capabilities.remote
    assert not backend.capabilities.exact
    assert backend.capabilities.num_qubits == 5
    assert backend.calibration.age_days() < 1
    assert server.count(path="/jobs.*") == 0


def test_without_an_account_the_way_to_one_is_named(no_account):
    with pytest.raises(AuthError, match=r"No IBM account was found \(known: none\).*login"):
        get("ibm:ibm_fez")


def test_without_the_client_the_command_is_named(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    with pytest.raises(CapabilityError, match=r'pip install "qalgs\[ibm\]"'):
        get("ibm:ibm_fez")


def test_expect_agrees_with_exact_values(backend, server):
    program = backend.prepare(ansatz(), OBSERVABLES)
    assert server.count() == 0
    values = backend.expect(program, POINTS, shots=4000, rng=1)
    expected = exact(ansatz(), OBSERVABLES, POINTS)
    assert isinstance(values, Values)
    assert values.values.shape == (3, 2)
    assert np.all(np.abs(values.values - expected) < 5 * values.values_err)
    assert np.all(values.values_err < 0.05)
    assert values.shots == 4000


def test_samples_agree_with_exact_probabilities(backend):
    counts = backend.sample(backend.prepare(ansatz()), POINTS, shots=4000, rng=1)
    assert isinstance(counts, Counts)
    simulator = get("statevector")
    ideal = simulator.sample(simulator.prepare(ansatz()), POINTS, shots=400_000, rng=0).dense() / 400_000
    seen = counts.dense() / 4000
    assert np.all(np.abs(seen - ideal) < 5 * np.sqrt(ideal * (1 - ideal) / 4000) + 0.005)


def test_noise_is_that_of_the_simulated_device(no_account, monkeypatch, store):
    with RehearsalServer("fake_manila", noise=True) as noisy:
        for name, value in noisy.environment().items():
            monkeypatch.setenv(name, value)
        backend = IBMBackend(noisy.name, store=store)
        program = backend.prepare(ansatz(), OBSERVABLES, qubits=(2, 1, 0))
        assert program.layout == (2, 1, 0)
        values = backend.expect(program, POINTS, shots=8000, rng=1)
    model = get("noisy:fake_manila")
    expected = model.expect(model.prepare(ansatz(), OBSERVABLES, qubits=(2, 1, 0)), POINTS, shots=400_000, rng=0)
    error = np.hypot(values.values_err, expected.values_err)
    assert np.all(np.abs(values.values - expected.values) < 5 * error)
    assert np.max(np.abs(values.values - exact(ansatz(), OBSERVABLES, POINTS))) > 0.02


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"twirling": Twirling()},
        {"twirling": Twirling(gates=False)},
        {"twirling": Twirling(measure=False, num_randomizations=7)},
        {"twirling": Twirling(shots_per_randomization=30)},
        {"twirling": Twirling(num_randomizations=3, shots_per_randomization=50, strategy="all")},
        {"dynamical_decoupling": "XY4", "optimization_level": 1},
    ],
)
def test_the_estimate_is_exactly_what_is_posted(server, store, options):
    backend = new(server, store, **options)
    program = backend.prepare(ansatz(), OBSERVABLES)
    estimate = backend.estimate(program, 3, 500)
    assert server.count() == 0
    values = backend.expect(program, POINTS, shots=500, rng=2)
    (job,) = server.jobs.values()
    assert job.executions == estimate.shots == values.cost.shots
    assert values.cost.circuits == estimate.circuits == 3 * program.executable.grouping.num_bases
    assert job.max_seconds >= estimate.quantum_seconds
    assert np.all(np.abs(values.values - exact(ansatz(), OBSERVABLES, POINTS)) < 5.5 * values.values_err)


def test_the_same_run_is_not_paid_for_twice(backend, server, tmp_path):
    program = backend.prepare(ansatz(), OBSERVABLES)
    first = backend.expect(program, POINTS, shots=100, rng=5)
    seen = server.count()
    renamed = ansatz()
    renamed.assign_parameters({p: Parameter(f"z{k}") for k, p in enumerate(renamed.parameters)}, inplace=True)
    for circuit in (ansatz(), renamed):
        again = backend.expect(backend.prepare(circuit, OBSERVABLES), POINTS, shots=100, rng=5)
        np.testing.assert_array_equal(again.values, first.values)
    assert server.count() == seen
    backend.expect(program, POINTS, shots=100, rng=6)
    backend.expect(program, POINTS, shots=100)
    backend.expect(program, POINTS, shots=100)
    assert server.count("POST", "/jobs") == 4


def test_a_new_process_finds_the_stored_answer(backend, server, store):
    first = backend.expect(backend.prepare(ansatz(), OBSERVABLES), POINTS, shots=100, rng=5)
    other = IBMBackend(server.name, store=JobStore(store.path, policy=QUICK))
    posts = server.count("POST", "/jobs")
    again = other.expect(other.prepare(ansatz(), OBSERVABLES), POINTS, shots=100, rng=5)
    np.testing.assert_array_equal(again.values, first.values)
    assert server.count("POST", "/jobs") == posts == 1


def test_submit_does_not_wait(backend, server):
    server.hold()
    job = backend.submit(backend.prepare(ansatz()), POINTS, kind="sample", shots=50)
    assert isinstance(job, Job)
    assert job.status() == "queued"
    with pytest.raises(TimeoutError):
        job.result(timeout=0.1)
    server.release()
    assert len(job.result(timeout=20)) == 3
    assert job.status() == "done"
    assert job.id in server.jobs


def test_requests_of_a_submission(backend, server):
    program = backend.prepare(ansatz())
    backend.submit(program, POINTS, kind="sample", shots=10)
    assert [(r.method, r.path) for r in server.requests] == [
        ("POST", "/sessions"),
        ("GET", "/instances/usage"),
        ("GET", "/backends/ibm_rehearsal/status"),
        ("POST", "/jobs"),
    ]
    backend.submit(program, POINTS, kind="sample", shots=10)
    assert server.count() == 7
    batch, other = (job.body["session_id"] for job in server.jobs.values())
    assert batch == other
    assert server.sessions[batch]["mode"] == "batch"
    backend.close()
    assert not server.sessions[batch]["accepting_jobs"]


def test_modes(server, store):
    plain = new(server, store, mode="job")
    plain.sample(plain.prepare(ansatz()), POINTS, shots=10)
    assert server.sessions == {}
    with pytest.raises(ValueError, match="`budget_seconds` must be given with mode 'session'"):
        new(server, store, mode="session")
    with IBMBackend(server.name, store=store, budget_seconds=40, options=IBMOptions(mode="session")) as backend:
        backend.sample(backend.prepare(ansatz()), POINTS, shots=10)
    (session,) = server.sessions.values()
    assert (session["mode"], session["max_ttl"]) == ("dedicated", 40)


def test_a_budget_counts_what_was_used(server, store):
    backend = IBMBackend(server.name, store=store, budget_seconds=30)
    server.reset()
    program = backend.prepare(ansatz())
    job = backend.submit(program, POINTS, kind="sample", shots=1000, rng=1)
    (posted,) = server.jobs.values()
    assert posted.max_seconds <= 30
    assert backend.remaining_seconds == pytest.approx(30 - posted.max_seconds, abs=1)
    used = job.result().cost.quantum_seconds
    assert used == 1.0
    assert backend.remaining_seconds == 29
    backend.sample(program, POINTS, shots=1000, rng=1)
    assert backend.remaining_seconds == 29
    seen = server.count()
    with pytest.raises(BudgetError, match=r"29\.0 of the budget's 30 are left. Nothing was submitted"):
        backend.sample(program, POINTS, shots=100_000)
    assert server.count() == seen


def test_circuits_without_parameters_are_drawn_anew_for_each_point(backend, server):
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    program = backend.prepare(bell)
    counts = backend.sample(program, np.zeros((3, 0)), shots=2000)
    assert all(set(table) <= {0, 3} and sum(table.values()) == 2000 for table in counts.outcomes)
    assert len({table[0] for table in counts.outcomes}) > 1
    (job,) = server.jobs.values()
    assert job.executions == backend.estimate(program, 3, 2000).shots == 6000


def test_classical_bits_keep_their_places(backend):
    qubits, first, second = QuantumRegister(3), ClassicalRegister(2, "x"), ClassicalRegister(2, "y")
    circuit = QuantumCircuit(qubits, first, second)
    circuit.x(2)
    circuit.measure([2, 0], [second[1], first[0]])
    counts = backend.sample(backend.prepare(circuit), shots=20)
    assert counts.bitstrings() == {"1000": 20}


def test_a_measurement_may_decide_what_follows(backend):
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    assert backend.sample(backend.prepare(circuit), shots=20).bitstrings() == {"11": 20}


def test_constant_observables(backend):
    values = backend.expect(backend.prepare(ansatz(), SparsePauliOp("III", 2.5)), POINTS, shots=10)
    np.testing.assert_array_equal(values.values, np.full((3, 1), 2.5))


def test_circuits_in_the_machines_own_gates_run_as_they_are(server, store):
    backend = new(server, store, optimization_level=None)
    circuit = QuantumCircuit(4, 1)
    circuit.x(3)
    circuit.cx(3, 2)
    circuit.measure(2, 0)
    program = backend.prepare(circuit)
    assert program.layout == (0, 1, 2, 3)
    assert backend.sample(program, shots=10).bitstrings() == {"1": 10}


def test_no_exact_values_and_no_gradients(backend, server):
    program = backend.prepare(ansatz(), OBSERVABLES)
    with pytest.raises(CapabilityError, match="no exact values"):
        backend.expect(program, POINTS)
    with pytest.raises(CapabilityError, match="no exact values"):
        backend.estimate(program, 3)
    with pytest.raises(CapabilityError, match="no gradients"):
        backend.gradient(program, POINTS)
    assert server.count() == 0


def test_fidelity_map_and_refresh(backend, server):
    ranked = backend.fidelity_map(ansatz())
    assert server.count() == 0
    assert ranked.device == server.name
    backend.refresh()
    assert server.count("GET", "/backends/ibm_rehearsal/properties") == 1


def test_the_service_of_a_machine_by_name(backend, server):
    job = backend.submit(backend.prepare(ansatz()), POINTS, kind="sample", shots=10)
    job.result()
    remote = connect(server.name)
    assert remote.name == server.name
    assert remote.state(job.id)[0] == "done"
    assert remote.result(job.id).facts["num_points"] == 3


def test_same_signatures_as_the_protocol():
    for name in ("prepare", "expect", "sample", "submit", "estimate"):
        asked = inspect.signature(getattr(Backend, name)).parameters
        given = inspect.signature(getattr(IBMBackend, name)).parameters
        assert list(asked) == list(given)
