"""Where routed circuits end, on simulated devices and IBM's alike, and whose program a program is."""

import numpy as np
import pytest
from qiskit import transpile
from qiskit.circuit import ClassicalRegister, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.transpiler import CouplingMap

import qalgs as qa
from qalgs_backends import get
from qalgs_backends.devices.calibration import Calibration, Gate, Qubit
from qalgs_backends.devices.places import find_places
from qalgs_backends.ibm.backend import IBMBackend
from qalgs_backends.ibm.options import IBMOptions
from tests.backends.ibm_rehearsal import *  # noqa: F403

P10, P01 = np.array([0.30, 0.02, 0.12, 0.25, 0.07]), np.array([0.05, 0.28, 0.17, 0.01, 0.22])


def line_of_bad_readers():
    """Five qubits in a row with perfect gates, each of which is read wrongly in its own way."""
    qubits = [Qubit(1.0, 1.0, float(up), float(down), 1e-6) for up, down in zip(P10, P01, strict=True)]
    gates = [Gate(name, (q,), 0.0, 1e-8) for name in ("rz", "sx", "x") for q in range(5)]
    gates += [Gate("cx", pair, 0.0, 1e-7) for q in range(4) for pair in ((q, q + 1), (q + 1, q))]
    return Calibration("line", None, None, tuple(qubits), tuple(gates))


def routed(num_qubits=4):
    """Every pair of qubits meets, which a line has to route; on zeros it does nothing."""
    circuit = QuantumCircuit(num_qubits)
    for q in range(num_qubits):
        for other in range(q):
            circuit.cx(q, other)
    return circuit


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("measured", [False, True])
def test_the_qubits_that_are_read_hold_the_outcome(seed, measured):
    """The circuits permute basis states, so every physical qubit ends in 0 or 1."""
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(4)
    circuit.x([q for q in range(4) if rng.integers(2)])
    for _ in range(8):
        a, b = (int(q) for q in rng.permutation(4)[:2])
        circuit.swap(a, b) if rng.integers(2) else circuit.cx(a, b)
    (expected,) = Statevector(circuit).probabilities_dict()
    if measured:
        circuit.swap(0, 3)
        expected = "".join(expected[k] for k in (3, 1, 2, 0))
        circuit.add_register(ClassicalRegister(4))
        circuit.measure(range(4), rng.permutation(4).tolist())
    placed = transpile(
        circuit, coupling_map=CouplingMap.from_line(5), basis_gates=["rz", "sx", "x", "cx"], seed_transpiler=seed
    )
    places = find_places(circuit, placed)
    unread = QuantumCircuit(*placed.qregs)
    for item in placed.data:
        if item.operation.name not in ("measure", "barrier"):
            unread.append(item.operation, [placed.find_bit(q).index for q in item.qubits])
    for q, place in enumerate(places.last):
        assert Statevector(unread).probabilities([place])[int(expected[-1 - q])] == pytest.approx(1)
    assert sorted(set(places.first)) == sorted(places.first)


def test_a_simulated_device_says_which_qubits_it_reads():
    backend = get(line_of_bad_readers(), idle=False)
    program = backend.prepare(routed(), qubits=(3, 0, 2, 1))
    assert program.layout == (3, 0, 2, 1)
    assert program.measured_on != program.layout
    shots = 40_000
    counts = backend.sample(program, shots=shots, rng=1).dense()[0]
    ones = np.array([counts[[x for x in range(16) if x >> q & 1]].sum() for q in range(4)]) / shots
    expected = P10[list(program.measured_on)]
    assert np.all(np.abs(ones - expected) < 5 * np.sqrt(expected * (1 - expected) / shots))
    observed = backend.prepare(routed(), SparsePauliOp("IIIZ"), qubits=(3, 0, 2, 1))
    assert backend.expect(observed).values[0, 0] == pytest.approx(1 - 2 * P10[observed.measured_on[0]])


def test_readout_is_calibrated_where_it_happens():
    backend = get(line_of_bad_readers())
    arguments = {"settings": ["ZZZZ"], "shots": 1000, "backend": backend, "qubits": (3, 0, 2, 1), "rng": 2}
    data = qa.measure_paulis(routed(), readout="calibrate", **arguments)
    extended = qa.backends.with_basis_change(routed())[0]
    program = backend.prepare(extended, qubits=(3, 0, 2, 1))
    read = list(program.measured_on)
    assert read != [3, 0, 2, 1]
    error = 5 * np.sqrt(0.3 * 0.7 / 8192)
    np.testing.assert_allclose(data.readout[:, 1, 0], P10[read], atol=error)
    np.testing.assert_allclose(data.readout[:, 0, 1], P01[read], atol=error)


def test_an_ibm_machine_says_which_qubits_it_reads(server, store):
    backend = IBMBackend(server.name, store=store)
    for observables in (None, SparsePauliOp("ZZZZ")):
        program = backend.prepare(routed(), observables, qubits=(3, 0, 2, 1))
        assert program.layout == (3, 0, 2, 1)
        assert program.measured_on != program.layout
        posted = program.executable.circuit
        measured = {
            posted.find_bit(item.clbits[0]).index: posted.find_bit(item.qubits[0]).index
            for item in posted.data
            if item.operation.name == "measure"
        }
        assert program.measured_on == tuple(measured[q] for q in range(4))


def test_there_is_no_place_without_a_device():
    program = get("statevector").prepare(routed())
    assert program.layout is None
    assert program.measured_on is None


def test_backends_of_one_name_do_not_take_one_another_s_programs(server, store):
    pairs = [
        (get("aer"), get("aer")),
        (get("noisy:fake_manila"), get("noisy:fake_manila", seed_transpiler=3)),
        (IBMBackend(server.name, store=store), IBMBackend(server.name, store=store, options=IBMOptions(max_points=1))),
    ]
    for mine, other in pairs:
        assert mine.name == other.name
        program = other.prepare(routed())
        with pytest.raises(ValueError, match="another backend of that name, which may be configured differently"):
            mine.sample(program, shots=10)
        with pytest.raises(ValueError, match=f"must come from {mine.name}'s prepare"):
            mine.estimate(program, 1, 10)
