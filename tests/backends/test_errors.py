"""Every misuse is named before anything runs."""

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends import BackendError, CapabilityError, ExecutionError, get
from qalgs_backends.simulators.aer_circuit import aer_program
from qalgs_backends.simulators.aer_run import run_counts

NAMES = ("statevector", "aer", "lightning", "noisy:fake_manila")


def circuit():
    built = QuantumCircuit(2)
    built.ry(Parameter("a"), 0)
    built.rx(Parameter("b"), 1)
    return built


@pytest.fixture(params=NAMES)
def backend(request):
    return get(request.param)


@pytest.mark.parametrize(
    ("observables", "kind", "message"),
    [
        (
            SparsePauliOp("ZZZ"),
            ValueError,
            r"`observables\[0\]` must act on 2 qubits, as the circuit, but it acts on 3",
        ),
        ([SparsePauliOp("ZZ"), SparsePauliOp("Z")], ValueError, r"`observables\[1\]` must act on 2 qubits"),
        (SparsePauliOp("ZZ", 1j), ValueError, "must be Hermitian, with real coefficients"),
        (SparsePauliOp("ZZ", np.nan), ValueError, "must have finite coefficients"),
        (SparsePauliOp(["ZZ"], np.array([Parameter("c")])), TypeError, "must have numbers as coefficients"),
        ("ZZ", TypeError, "must be a SparsePauliOp, but it is a str"),
        (np.eye(4), TypeError, "must be a SparsePauliOp or a sequence of them, but it is a ndarray"),
        ([], ValueError, "must hold at least one operator"),
    ],
)
def test_observables(backend, observables, kind, message):
    with pytest.raises(kind, match=message):
        backend.prepare(circuit(), observables)


@pytest.mark.parametrize(
    ("params", "kind", "message"),
    [
        ([0.1], ValueError, r"`params` must have shape \(2,\) or \(K, 2\) for the circuit's 2 parameters.*\(1,\)"),
        (np.zeros((3, 1)), ValueError, r"its shape is \(3, 1\)"),
        (np.zeros((1, 1, 2)), ValueError, r"its shape is \(1, 1, 2\)"),
        (None, ValueError, "it is missing"),
        (np.zeros((0, 2)), ValueError, "must hold at least one point"),
        ([[0.1, 0.2], [0.3, np.nan]], ValueError, "must be finite, but parameter b of point 1 is nan"),
        ([np.inf, 0.2], ValueError, "parameter a of point 0 is inf"),
        (["x", "y"], TypeError, "must be an array of real numbers"),
        ([1j, 0], TypeError, "must be an array of real numbers"),
    ],
)
def test_params(backend, params, kind, message):
    observed, sampled = backend.prepare(circuit(), SparsePauliOp("ZZ")), backend.prepare(circuit())
    with pytest.raises(kind, match=message):
        backend.expect(observed, params)
    with pytest.raises(kind, match=message):
        backend.sample(sampled, params, shots=10)
    with pytest.raises(kind, match=message):
        backend.submit(observed, params, kind="expect")


@pytest.mark.parametrize(
    ("shots", "kind"), [(0, ValueError), (-5, ValueError), (True, TypeError), (10.0, TypeError), ("10", TypeError)]
)
def test_shots(backend, shots, kind):
    observed, sampled = backend.prepare(circuit(), SparsePauliOp("ZZ")), backend.prepare(circuit())
    with pytest.raises(kind, match="Argument `shots` must be"):
        backend.expect(observed, [0, 0], shots=shots)
    with pytest.raises(kind, match="Argument `shots` must be"):
        backend.sample(sampled, [0, 0], shots=shots)
    with pytest.raises(kind, match="Argument `shots` must be"):
        backend.estimate(sampled, 1, shots)


def test_sampling_needs_shots(backend):
    program = backend.prepare(circuit())
    with pytest.raises(TypeError, match="`shots` must be an integer, but it is None"):
        backend.sample(program, [0, 0], shots=None)
    with pytest.raises(TypeError, match="`shots` must be an integer, but it is None"):
        backend.submit(program, [0, 0], kind="sample")


def test_programs_belong_to_their_backend(backend):
    other = get("statevector" if backend.name != "statevector" else "aer")
    foreign = other.prepare(circuit(), SparsePauliOp("ZZ"))
    for run in (backend.expect, backend.gradient, backend.estimate):
        with pytest.raises(ValueError, match=f"`program` must come from {backend.name}'s prepare, but {other.name}"):
            run(foreign, [0, 0])
    with pytest.raises(TypeError, match="`program` must be a Program"):
        backend.expect(circuit(), [0, 0])


def test_kind_of_program(backend):
    observed, sampled = backend.prepare(circuit(), SparsePauliOp("ZZ")), backend.prepare(circuit())
    with pytest.raises(ValueError, match="must be prepared with observables"):
        backend.expect(sampled, [0, 0])
    with pytest.raises(ValueError, match="must be prepared without observables"):
        backend.sample(observed, [0, 0], shots=1)
    with pytest.raises(ValueError, match="`kind` must be one of 'expect', 'sample'"):
        backend.submit(observed, [0, 0], kind="both")
    with pytest.raises(ValueError, match="`max_seconds` must be greater than 0"):
        backend.submit(observed, [0, 0], kind="expect", max_seconds=0)


def test_circuits(backend):
    with pytest.raises(TypeError, match="`circuit` must be a QuantumCircuit, but it is a str"):
        backend.prepare("OPENQASM")
    with pytest.raises(ValueError, match="`circuit` must have at least one qubit"):
        backend.prepare(QuantumCircuit())
    with pytest.raises(ValueError, match="it has 2 classical bits and no measurement"):
        backend.prepare(QuantumCircuit(2, 2))
    measured = QuantumCircuit(1, 1)
    measured.measure(0, 0)
    with pytest.raises(ValueError, match="must be unitary when observables are given, but it contains measure"):
        backend.prepare(measured, SparsePauliOp("Z"))
    reset = QuantumCircuit(1)
    reset.reset(0)
    with pytest.raises(ValueError, match="but it contains reset"):
        backend.prepare(reset, SparsePauliOp("Z"))


@pytest.mark.parametrize("name", ["statevector", "aer"])
def test_no_device_no_qubits(name):
    with pytest.raises(ValueError, match=f"`qubits` must be None on {name}"):
        get(name).prepare(circuit(), qubits=(0, 1))


@pytest.mark.parametrize(
    ("qubits", "kind", "message"),
    [
        ((0,), ValueError, "name one physical qubit for each of the circuit's 2"),
        ((0, 0), ValueError, "be distinct and within 0 to 4"),
        ((0, 7), ValueError, "be distinct and within 0 to 4"),
        ((0, 1.0), TypeError, "hold integers"),
    ],
)
def test_physical_qubits(qubits, kind, message):
    with pytest.raises(kind, match=f"Argument `qubits` must {message}"):
        get("noisy:fake_manila").prepare(circuit(), qubits=qubits)


@pytest.mark.parametrize("name", ["statevector", "aer", "aer:density_matrix"])
def test_states_that_do_not_fit(name):
    """60 qubits: the bytes needed are named, and nothing is allocated."""
    wide = QuantumCircuit(60)
    wide.h(range(60))
    with pytest.raises(CapabilityError, match=r"of 60 qubits needs \d{19,} bytes of memory, but \d+ bytes"):
        get(name).prepare(wide)


def test_memory_limit_is_respected():
    wide = QuantumCircuit(20)
    with pytest.raises(CapabilityError, match=r"A statevector of 20 qubits needs 16777216 bytes .* 1048576 bytes"):
        get("aer", max_memory_mb=1).prepare(wide)
    assert get("aer", max_memory_mb=1).capabilities.num_qubits == 16
    assert get("aer", max_memory_mb=1, precision="single").capabilities.num_qubits == 17


def test_wider_than_the_device():
    with pytest.raises(CapabilityError, match="noisy:fake_manila takes at most 5 qubits, but the circuit has 6"):
        get("noisy:fake_manila").prepare(QuantumCircuit(6))
    with pytest.raises(ValueError, match="`circuit` must have at most 2 qubits on noisy:fake_manila"):
        get("noisy:fake_manila[0,1]").prepare(QuantumCircuit(3))


def test_the_exact_backend_refuses_what_is_not_a_pure_state():
    middle = QuantumCircuit(1, 1)
    middle.measure(0, 0)
    middle.x(0)
    with pytest.raises(CapabilityError, match="qubit 0 is used after its own"):
        get("statevector").prepare(middle)
    reset = QuantumCircuit(1)
    reset.x(0)
    reset.reset(0)
    with pytest.raises(CapabilityError, match="the circuit holds reset"):
        get("statevector").prepare(reset)


def test_gates_outside_clifford_are_refused_by_the_stabilizer_method():
    t = QuantumCircuit(1)
    t.t(0)
    backend = get("aer:stabilizer")
    with pytest.raises(BackendError):
        backend.expect(backend.prepare(t, SparsePauliOp("Z")))


def test_a_failed_run_raises_with_the_simulators_words(caplog):
    from qiskit_aer import AerSimulator

    wide = QuantumCircuit(24, 24)
    wide.h(range(24))
    wide.measure(range(24), range(24))
    simulator = AerSimulator(method="statevector", max_memory_mb=1)
    with pytest.raises(ExecutionError, match="Insufficient memory"):
        run_counts(simulator, aer_program(wide, (), ()), np.zeros((1, 0)), 10, np.random.SeedSequence(0))


def test_native_gates_that_aer_would_not_bind_are_refused():
    """On a device such a gate cannot be decomposed without changing its noise."""
    device = GenericBackendV2(2, basis_gates=["rz", "sx", "x", "cp"], seed=0)
    gate = QuantumCircuit(2)
    gate.cp(Parameter("x"), 0, 1)
    with pytest.raises(CapabilityError, match="Aer does not bind the angles of cp"):
        get(device).prepare(gate)


def test_costates():
    backend = get("statevector")
    program = backend.prepare(circuit())
    with pytest.raises(ValueError, match=r"`costate` must have shape \(1, 4\), but its shape is \(1, 3\)"):
        backend.vjp(program, [0, 0], np.zeros(3))
    with pytest.raises(ValueError, match="`costate` must be finite"):
        backend.vjp(program, [0, 0], np.full(4, np.nan))


@pytest.mark.parametrize("rng", [-1, 1.5, True, "seed"])
def test_seeds(backend, rng):
    program = backend.prepare(circuit())
    with pytest.raises((TypeError, ValueError), match="Argument `rng` must be"):
        backend.sample(program, [0, 0], shots=1, rng=rng)


def test_jobs_are_done_at_once(backend):
    job = backend.submit(backend.prepare(circuit()), [0.1, 0.2], kind="sample", shots=10, rng=3)
    assert job.status() == "done"
    assert job.result(timeout=0).outcomes == job.result().outcomes
    assert job.id
    job.cancel()
    assert backend.submit(backend.prepare(circuit(), SparsePauliOp("ZZ")), [0, 0], kind="expect").result().shots is None
