"""Noise: the piece of a device equals the whole device, and readout errors have the right sign."""

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import CXGate, Measure, RZGate, SXGate, XGate
from qiskit.providers import QubitProperties
from qiskit.quantum_info import DensityMatrix, SparsePauliOp, random_density_matrix
from qiskit.transpiler import InstructionProperties, Target

from qalgs_backends import CapabilityError, get
from qalgs_backends.devices.device import SubDevice, read_device
from qalgs_backends.simulators.noise import apply_readout
from qalgs_backends.simulators.placing import place, with_idling


def ideal_gates(readout):
    """A line of qubits with perfect gates and these readout errors, endless T1 and T2."""
    n = len(readout)
    target = Target(num_qubits=n, dt=1e-9, qubit_properties=[QubitProperties(t1=1e6, t2=1e6)] * n)
    perfect = InstructionProperties(error=0.0, duration=0.0)
    for gate in (RZGate(Parameter("t")), SXGate(), XGate()):
        target.add_instruction(gate, {(q,): perfect for q in range(n)})
    target.add_instruction(CXGate(), {(q, q + 1): perfect for q in range(n - 1)})
    target.add_instruction(Measure(), {(q,): InstructionProperties(error=e) for q, e in enumerate(readout)})
    return SubDevice("line", target)


def small_circuit():
    """Awkward in order, in directions of the couplers and in its angles."""
    a, z = Parameter("a"), Parameter("z")
    circuit = QuantumCircuit(3)
    circuit.ry(z, 2)
    circuit.cx(2, 0)
    circuit.rx(a + z, 0)
    circuit.cx(0, 1)
    circuit.rz(2 * a, 1)
    circuit.ry(0.3, 1)
    return circuit


OBSERVABLES = [SparsePauliOp(["XZI", "IYZ"], [1.0, 0.5]), SparsePauliOp("ZZZ"), SparsePauliOp("IIX")]


def whole_device_state(backend, program, params, idle):
    """The state of the circuit's qubits, simulated by Aer with the noise model of the whole device."""
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel

    device = read_device(backend)
    piece = place(device, program.circuit, program.layout, seed=11)
    wide = QuantumCircuit(backend.num_qubits)
    wide.compose(with_idling(piece, device.calibration) if idle else piece.circuit, piece.used, inplace=True)
    placed = wide.assign_parameters(params)
    placed.save_density_matrix(piece.places.last, label="rho")
    model = NoiseModel.from_backend(backend, readout_error=False)
    simulator = AerSimulator(method="density_matrix", noise_model=model)
    return DensityMatrix(simulator.run(placed, shots=1).result().data(0)["rho"])


@pytest.mark.parametrize("idle", [True, False])
@pytest.mark.parametrize("device", ["FakeManilaV2", pytest.param("FakeFez", marks=pytest.mark.slow)])
def test_piece_equals_whole_device(device, idle):
    """Aer adds the noise of delays itself when it runs them."""
    from qiskit_ibm_runtime import fake_provider

    whole = getattr(fake_provider, device)()
    backend = get(whole, idle=idle)
    program = backend.prepare(small_circuit(), OBSERVABLES)
    program = backend.prepare(small_circuit(), OBSERVABLES, qubits=program.layout)
    params = np.array([[0.4, 1.3], [-0.2, 0.9]])
    values = backend.expect(program, params).values
    readout = backend._device.readout[list(program.layout)]
    for row, point in zip(values, params, strict=True):
        bound = dict(zip(program.parameters, point, strict=True))
        rho = whole_device_state(whole, program, bound, idle)
        read = apply_readout(rho.data[None], readout)[0]
        expected = [np.trace(read @ op.to_matrix()).real for op in OBSERVABLES]
        np.testing.assert_allclose(row, expected, atol=1e-9)


def test_readout_signs_against_shots():
    """P(1|0) = 0.02 and P(0|1) = 0.1 differ; 2e5 shots see each sign. Gates are perfect, so exact is the limit."""
    backend = get(ideal_gates([0.0, 0.0, 0.0]))
    backend._device.readout[:] = [[0.02, 0.10], [0.05, 0.01], [0.0, 0.2]]
    circuit = QuantumCircuit(3)
    circuit.ry(0.7, 0)
    circuit.cx(0, 1)
    circuit.ry(1.1, 1)
    circuit.cx(1, 2)
    labels = ["IIZ", "IZI", "ZII", "ZZZ", "XIX", "IYY", "XZY", "ZIX"]
    program = backend.prepare(circuit, [SparsePauliOp(label) for label in labels], qubits=(0, 1, 2))
    exact = backend.expect(program).values
    sampled = backend.expect(program, shots=200_000, rng=1)
    assert (np.abs(sampled.values - exact) < 5 * sampled.values_err).all()
    zero = backend.prepare(QuantumCircuit(3), [SparsePauliOp(label) for label in labels[:3]], qubits=(0, 1, 2))
    np.testing.assert_allclose(backend.expect(zero).values, [[1 - 0.04, 1 - 0.10, 1.0]], atol=1e-12)


@pytest.mark.parametrize("num_qubits", [1, 2, 3])
def test_readout_is_a_confusion_of_outcomes(num_qubits):
    """On the diagonal, ``apply_readout`` multiplies the outcome probabilities by the confusion matrices."""
    rng = np.random.default_rng(num_qubits)
    readout = rng.uniform(0, 0.3, (num_qubits, 2))
    rho = random_density_matrix(2**num_qubits, seed=1).data
    confusion = np.eye(1)
    for p10, p01 in readout:
        confusion = np.kron([[1 - p10, p01], [p10, 1 - p01]], confusion)
    read = apply_readout(rho[None], readout)[0]
    np.testing.assert_allclose(np.diag(read), confusion @ np.diag(rho), atol=1e-12)


def test_shots_of_a_fake_device_agree_with_exact():
    """Up to the noise of the basis change, two pulses on each qubit, bounded here by 0.004 a qubit."""
    backend = get("noisy:fake_manila")
    program = backend.prepare(small_circuit(), OBSERVABLES)
    exact = backend.expect(program, [0.4, 1.3]).values
    sampled = backend.expect(program, [0.4, 1.3], shots=50_000, rng=2)
    assert (np.abs(sampled.values - exact) < 5 * sampled.values_err + 0.02).all()


def test_noise_is_there_and_layout_is_kept():
    backend = get("noisy:fake_manila[3,2,1]")
    assert backend.capabilities.num_qubits == 3
    circuit = QuantumCircuit(3)
    circuit.x(2)
    program = backend.prepare(circuit, SparsePauliOp("ZII"))
    assert program.layout == (3, 2, 1)
    p01 = backend._device.readout[1, 1]
    value = backend.expect(program).values[0, 0]
    assert -1 < value < -1 + 2 * p01 + 0.01
    assert backend.prepare(QuantumCircuit(2), SparsePauliOp("ZI")).layout == (3, 2)


def test_asymmetric_readout_comes_from_the_calibration():
    backend = get("noisy:fake_manila")
    np.testing.assert_allclose(backend._device.readout[0], [0.0158, 0.0548], atol=1e-12)


def test_a_batch_equals_single_points():
    backend = get("noisy:fake_manila")
    program = backend.prepare(small_circuit(), OBSERVABLES)
    params = np.random.default_rng(0).normal(size=(5, 2))
    single = [backend.expect(program, row).values[0] for row in params]
    np.testing.assert_allclose(backend.expect(program, params).values, single, atol=1e-12)


def test_a_circuit_without_parameters_and_many_points():
    backend = get("noisy:fake_manila")
    circuit = QuantumCircuit(1)
    circuit.x(0)
    values = backend.expect(backend.prepare(circuit, SparsePauliOp("Z")), np.zeros((3, 0)))
    assert values.values.shape == (3, 1)
    counts = backend.sample(backend.prepare(circuit), np.zeros((3, 0)), shots=50, rng=0)
    assert len(counts) == 3


def test_delays_relax():
    backend = get("noisy:fake_manila[0]")
    values = []
    for microseconds in (0, 200):
        circuit = QuantumCircuit(1)
        circuit.x(0)
        if microseconds:
            circuit.delay(microseconds, 0, unit="us")
        values.append(backend.expect(backend.prepare(circuit, SparsePauliOp("Z"))).values[0, 0])
    t1 = backend._device.calibration.qubits[0].t1
    p10, p01 = backend._device.readout[0]
    unread = [(v - (p01 - p10)) / (1 - p01 - p10) for v in values]
    assert (1 - unread[1]) / (1 - unread[0]) == pytest.approx(np.exp(-200e-6 / t1), rel=0.01)


def test_dead_couplers_are_avoided():
    from qiskit_ibm_runtime.fake_provider import FakeFez

    device = read_device(FakeFez())
    assert len(device.usable["cz"]) == 338
    assert all(p.error < 0.5 for p in device.usable["cz"].values())


def test_a_device_without_couplers_is_refused():
    with pytest.raises(CapabilityError, match="no usable coupler: each of its 144"):
        get("noisy:fake_kyoto")


def test_dead_qubits_are_avoided():
    device = ideal_gates([0.01, 0.45, 0.01, 0.01])
    backend = get(device)
    assert backend._device.dead_qubits == {1}
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    assert set(backend.prepare(circuit, SparsePauliOp("ZZ")).layout) == {2, 3}
    with pytest.raises(ValueError, match="qubit 1 is not"):
        backend.prepare(circuit, SparsePauliOp("ZZ"), qubits=(1, 2))
    with pytest.raises(ValueError, match="qubit 1 is not"):
        get(device, qubits=(0, 1))


def test_exact_values_of_many_qubits_are_refused_but_shots_are_not():
    backend = get(ideal_gates([0.01] * 15))
    circuit = QuantumCircuit(14)
    circuit.x(13)
    for q in range(13):
        circuit.cx(q, q + 1)
    program = backend.prepare(circuit, SparsePauliOp("Z" + "I" * 13))
    with pytest.raises(CapabilityError, match="up to 13 qubits; this circuit uses 14"):
        backend.expect(program)
    assert backend.expect(program, shots=500, rng=0).values[0, 0] == pytest.approx(-0.98, abs=0.05)


@pytest.mark.slow
def test_fez_sampling_is_quick():
    """100 settings of an 8-qubit GHZ state with 2048 shots; about a second here, 20 s is the promise."""
    import time

    from qiskit.circuit import ParameterVector

    circuit = QuantumCircuit(8)
    circuit.h(0)
    for q in range(7):
        circuit.cx(q, q + 1)
    a, b = ParameterVector("a", 8), ParameterVector("b", 8)
    for q in range(8):
        circuit.rz(a[q], q)
        circuit.ry(b[q], q)
    backend = get("noisy:fake_fez")
    program = backend.prepare(circuit)
    points = np.random.default_rng(0).choice([0, -np.pi / 2], size=(100, 16))
    began = time.perf_counter()
    counts = backend.sample(program, points, shots=2048, rng=0)
    assert time.perf_counter() - began < 20
    assert all(sum(outcome.values()) == 2048 for outcome in counts.outcomes)
