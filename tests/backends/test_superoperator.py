"""The fused engine against Aer's density matrix, against confusion matrices, and against finite differences."""

import time
from functools import partial

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import DensityMatrix, SparsePauliOp

from qalgs_backends import CapabilityError, get
from qalgs_backends.simulators import noise
from qalgs_backends.simulators.fusing import fits
from qalgs_backends.simulators.superoperator import Superoperator

# The hydrogen molecule at 0.742 Angstrom in STO-3G, Jordan-Wigner.
HYDROGEN = SparsePauliOp.from_list(
    [
        ("IIII", -0.0996318654),
        ("IIIZ", 0.1711056928),
        ("IIZI", 0.1711056928),
        ("IIZZ", 0.1685935711),
        ("IZII", -0.2225098666),
        ("IZIZ", 0.1205103703),
        ("IZZI", 0.1658409708),
        ("YXXY", 0.0453306005),
        ("XXYY", -0.0453306005),
        ("YYXX", -0.0453306005),
        ("XYYX", 0.0453306005),
        ("ZIII", -0.2225098666),
        ("ZIIZ", 0.1658409708),
        ("ZIZI", 0.1205103703),
        ("ZZII", 0.1743208450),
    ]
)


def random_circuit(n, seed):
    """Shared and scaled parameters, parameters in two gates of one run, and couplings in no order."""
    rng = np.random.default_rng(seed)
    parameters = [Parameter(f"t{k}") for k in range(4)]
    circuit = QuantumCircuit(n)
    for _ in range(6 * n):
        a, b = rng.permutation(n)[:2] if n > 1 else (0, 0)
        theta = parameters[rng.integers(4)]
        kind = rng.integers(5)
        if kind == 0:
            circuit.rx(2 * theta + 0.3, a)
        elif kind == 1:
            circuit.ry(theta - parameters[0], a)
        elif kind == 2:
            circuit.rz(0.4, a)
        elif kind == 3:
            circuit.p(theta, a)
        elif n > 1 and abs(a - b) == 1:
            circuit.cx(a, b)
    return circuit


def observables(n, rng):
    labels = ["".join(rng.choice(list("IXYZ"), n)) for _ in range(6)]
    return [SparsePauliOp(labels, rng.normal(size=6)), SparsePauliOp("Z" + "I" * (n - 1))]


def in_aer(backend, monkeypatch):
    """The same backend with every circuit left to Aer."""
    monkeypatch.setattr(noise, "fits", lambda piece: False)
    return backend


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_equal_to_the_density_matrix_of_aer(n, monkeypatch):
    backend = get("noisy:fake_manila")
    rng = np.random.default_rng(n)
    circuit = random_circuit(n, n)
    points = rng.uniform(-3, 3, (7, circuit.num_parameters))
    terms = observables(n, rng)
    fused = backend.prepare(circuit, terms)
    assert isinstance(fused.executable.compiled, Superoperator)
    plain = in_aer(backend, monkeypatch).prepare(circuit, terms, qubits=fused.layout)
    assert not isinstance(plain.executable.compiled, Superoperator)
    np.testing.assert_allclose(backend.expect(fused, points).values, backend.expect(plain, points).values, atol=1e-9)
    np.testing.assert_allclose(backend.gradient(fused, points), backend.gradient(plain, points), atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("device", ["fake_sherbrooke", "fake_boston"])
@pytest.mark.parametrize("n", [4, 6])
def test_equal_to_aer_on_large_devices(device, n, monkeypatch):
    backend = get(f"noisy:{device}")
    circuit = efficient_su2(n, reps=3, entanglement="linear")
    rng = np.random.default_rng(n)
    points = rng.uniform(-3, 3, (3, circuit.num_parameters))
    terms = observables(n, rng)
    layout = backend.fidelity_map(circuit).layout()
    fused = backend.prepare(circuit, terms, qubits=layout)
    plain = in_aer(backend, monkeypatch).prepare(circuit, terms, qubits=layout)
    np.testing.assert_allclose(backend.expect(fused, points).values, backend.expect(plain, points).values, atol=1e-9)


@pytest.mark.parametrize("coupling", ["rzz", "rxx", "ryy", "rzx"])
def test_rotations_of_pairs_without_noise(coupling):
    circuit = QuantumCircuit(3)
    for q in range(3):
        circuit.ry(0.5 + q, q)
    theta = Parameter("theta")
    getattr(circuit, coupling)(theta, 2, 0)
    getattr(circuit, coupling)(0.5 * theta, 0, 1)
    terms = [SparsePauliOp(label) for label in ("XYZ", "ZIX", "YYI", "IZX")]
    assert fits(circuit)
    engine = Superoperator(circuit, (theta,), lambda *_: None, np.zeros((3, 2)), terms)
    points = np.array([[0.0], [0.7], [-2.2]])
    for row, x in zip(engine.expect(points), points[:, 0], strict=True):
        state = DensityMatrix(circuit.assign_parameters({theta: x}))
        np.testing.assert_allclose(row, [state.expectation_value(op).real for op in terms], atol=1e-12)
    h = 1e-5
    numeric = (engine.expect(points + h) - engine.expect(points - h)) / (2 * h)
    np.testing.assert_allclose(engine.gradient(points)[:, :, 0], numeric, atol=1e-8)


def test_outcomes_follow_the_confusion_matrices():
    """Partial, permuted measurements: probabilities of the state, mixed by the detectors, in the order of the bits."""
    circuit = QuantumCircuit(3, 2)
    circuit.ry(0.4, 0)
    circuit.ry(1.1, 1)
    circuit.cx(0, 2)
    circuit.cx(2, 1)
    bare = circuit.remove_final_measurements(inplace=False)
    circuit.measure(2, 0)
    circuit.measure(0, 1)
    readout = np.array([[0.02, 0.1], [0.3, 0.3], [0.05, 0.01]])
    engine = Superoperator(circuit, (), lambda *_: None, readout)
    chances, outcomes = engine.probabilities(np.zeros((1, 0)))
    assert outcomes.tolist() == [0, 1, 2, 3]
    ideal = DensityMatrix(bare).probabilities([2, 0])
    mix = [np.array([[1 - a, b], [a, 1 - b]]) for a, b in readout]
    np.testing.assert_allclose(chances[0], np.kron(mix[0], mix[2]) @ ideal, atol=1e-12)
    counts = engine.counts(np.zeros((2, 0)), 40_000, np.random.default_rng(3))
    for row in counts:
        seen = np.array([row.get(x, 0) for x in range(4)]) / 40_000
        assert (abs(seen - chances[0]) < 5 * np.sqrt(chances[0] / 40_000)).all()


def test_shots_agree_with_exact_values_and_repeat():
    backend = get("noisy:fake_manila")
    circuit = random_circuit(3, 5)
    rng = np.random.default_rng(0)
    program = backend.prepare(circuit, observables(3, rng))
    points = rng.uniform(-3, 3, (4, circuit.num_parameters))
    sampled = backend.expect(program, points, shots=20_000, rng=4)
    again = backend.expect(program, points, shots=20_000, rng=4)
    np.testing.assert_array_equal(sampled.values, again.values)
    exact = backend.expect(program, points).values
    assert (abs(sampled.values - exact) < 5 * sampled.values_err + 0.03).all()


def test_what_it_does_not_know_is_left_to_aer():
    backend = get("noisy:fake_manila")
    assert not fits(QuantumCircuit(7))
    twice = QuantumCircuit(1, 1)
    twice.measure(0, 0)
    twice.x(0)
    assert not fits(twice)
    free = QuantumCircuit(1)
    free.u(Parameter("a"), 0.1, 0.2, 0)
    assert not fits(free)
    reset = QuantumCircuit(1, 1)
    reset.x(0)
    reset.reset(0)
    reset.measure(0, 0)
    assert not isinstance(backend.prepare(reset).executable.compiled, Superoperator)
    curved = QuantumCircuit(1)
    a = Parameter("a")
    curved.rx(a * a, 0)
    program = backend.prepare(curved, SparsePauliOp("Z"))
    assert isinstance(program.executable.compiled, Superoperator)
    with pytest.raises(CapabilityError, match="affine"):
        backend.gradient(program, [0.3])


def test_a_program_without_gates_or_free_angles():
    backend = get("noisy:fake_manila[1,0]")
    program = backend.prepare(QuantumCircuit(2), SparsePauliOp("ZI"))
    values = backend.expect(program, np.zeros((3, 0))).values
    np.testing.assert_allclose(values, 1 - 2 * backend._device.readout[0, 0], atol=1e-12)
    assert backend.gradient(program, np.zeros((3, 0))).shape == (3, 1, 0)


def test_without_readout_the_energy_of_hydrogen_is_another():
    """More than 10 mHa at the Hartree-Fock state: readout is not a detail."""
    backend = get("noisy:fake_manila")
    circuit = QuantumCircuit(4)
    circuit.x([0, 1])
    layout = (0, 1, 2, 3)
    with_readout = backend.expect(backend.prepare(circuit, HYDROGEN, qubits=layout)).values[0, 0]
    backend._device.readout[:] = 0.0
    without = backend.expect(backend.prepare(circuit, HYDROGEN, qubits=layout)).values[0, 0]
    assert abs(with_readout - without) > 0.010


@pytest.mark.slow
def test_lead_over_aer_and_over_the_whole_device(monkeypatch):
    """Interleaved: at least 20 times faster than Aer on the same piece, and than the estimator of the whole device."""
    from qiskit import transpile
    from qiskit.primitives import BackendEstimatorV2
    from qiskit_aer import AerSimulator
    from qiskit_ibm_runtime.fake_provider import FakeSherbrooke

    device = FakeSherbrooke()
    backend = get(device)
    circuit = efficient_su2(4, reps=3, entanglement="linear")
    layout = backend.fidelity_map(circuit).layout()
    point = np.random.default_rng(0).uniform(0, 6, (1, 32))
    fused = backend.prepare(circuit, HYDROGEN, qubits=layout)
    plain = in_aer(backend, monkeypatch).prepare(circuit, HYDROGEN, qubits=layout)
    target = backend._device.usable
    whole = transpile(circuit, target=target, optimization_level=3, initial_layout=layout, seed_transpiler=11)
    estimator = BackendEstimatorV2(backend=AerSimulator.from_backend(device), options={"default_precision": 1 / 32})
    pub = (whole, HYDROGEN.apply_layout(whole.layout), point[0])
    ways = {
        "fused": partial(backend.expect, fused, point),
        "sampled": partial(backend.expect, fused, point, shots=1024, rng=1),
        "aer": partial(backend.expect, plain, point),
        "naive": lambda: estimator.run([pub]).result(),
    }
    for way in ("fused", "sampled", "aer"):
        ways[way]()
    best = dict.fromkeys(ways, np.inf)
    for _ in range(3):
        for name, run in ways.items():
            began = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - began)
    assert best["aer"] > 20 * best["fused"]
    assert best["naive"] > 20 * best["sampled"]


def test_noise_is_read_once_for_each_place():
    backend = get("noisy:fake_manila")
    circuit = random_circuit(2, 1)
    backend.prepare(circuit, SparsePauliOp("ZZ"), qubits=(0, 1))
    known = dict(backend._channels._known)
    backend.prepare(circuit, SparsePauliOp("XX"), qubits=(0, 1))
    assert known
    assert backend._channels._known.keys() == known.keys()
