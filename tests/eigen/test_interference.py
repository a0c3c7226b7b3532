"""Circuits that compare two states: exact states, counts of gates, and what noise leaves of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import transpile
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from qalgs.backends import CapabilityError, get
from qalgs.eigen.frame import are_real, read_players
from qalgs.eigen.interference import (
    ansatz_angles,
    ansatz_circuit,
    interference_angles,
    interference_circuit,
    mirror,
)
from tests.eigen.states import H2, everything, excitations, hardware_efficient, state

BASIS = ["rz", "sx", "x", "cx"]
PAIRS = {
    "hardware efficient": (hardware_efficient(4), hardware_efficient(4)),
    "other references": (hardware_efficient(3, reference=(1,)), hardware_efficient(3, reference=(0, 1))),
    "every gate": (everything(), everything((0, 2))),
    "excitations": (excitations(), excitations((0, 2))),
    "one qubit": (hardware_efficient(1), hardware_efficient(1)),
}


def compared(pair, rng, count=3):
    """The frame, parameters of both, and their tables."""
    frame, branches = read_players(pair)
    points = [rng.uniform(-4, 4, (count, circuit.num_parameters)) for circuit in pair]
    tables = [branch.unitaries(branch.gate_angles(x)) for branch, x in zip(branches, points, strict=True)]
    return frame, points, tables


def interference(pair, left, right):
    """The bound interference circuit."""
    frame, branches = read_players(pair)
    tables = [b.unitaries(b.gate_angles(np.atleast_2d(x))) for b, x in zip(branches, (left, right), strict=True)]
    return interference_circuit(frame).assign_parameters(interference_angles(frame, *tables)[0])


def controlled(pair, left, right):
    """The same state the direct way: U on |0>, then controlled U^dagger and controlled W."""
    n = pair[0].num_qubits
    U, W = pair[0].assign_parameters(left), pair[1].assign_parameters(right)
    circuit = QuantumCircuit(n + 1)
    circuit.h(n)
    circuit.compose(U, range(n), inplace=True)
    circuit.append(U.inverse().to_gate().control(1), [n, *range(n)])
    circuit.append(W.to_gate().control(1), [n, *range(n)])
    return circuit


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_both_branches_are_the_states(pair):
    frame, points, tables = compared(pair, np.random.default_rng(1))
    circuit, angles = interference_circuit(frame), interference_angles(frame, *tables)
    for k, row in enumerate(angles):
        branches = np.sqrt(2) * Statevector(circuit.assign_parameters(row)).data.reshape(2, -1)
        expected = np.array([state(circuit, x[k]) for circuit, x in zip(pair, points, strict=True)])
        # one phase of the whole state is free, that between the branches is not
        phase = np.vdot(branches, expected)
        np.testing.assert_allclose(branches * phase / abs(phase), expected, atol=1e-12)


@pytest.mark.parametrize("nearness", [0, 1e-15, 1e-12, 1e-8, 1e-4])
def test_branches_that_are_nearly_the_same(nearness):
    """The angles between them come from sines and cosines, not from the inverse of one of them."""
    pair, rng = PAIRS["every gate"], np.random.default_rng(4)
    left = rng.uniform(-3, 3, 5)
    right = left + nearness * rng.normal(size=5)
    branches = np.sqrt(2) * Statevector(interference((pair[0], pair[0]), left, right)).data.reshape(2, -1)
    expected = np.array([state(pair[0], left), state(pair[0], right)])
    phase = np.vdot(branches, expected)
    np.testing.assert_allclose(branches * phase / abs(phase), expected, atol=1e-12)


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_the_inverse_undoes_the_circuit(pair):
    frame, points, (left, right) = compared(pair, np.random.default_rng(2))
    mirrored = frame.mirrored()
    circuit, angles = ansatz_circuit(mirrored), ansatz_angles(mirrored, mirror(frame, left[0], right[0]))
    alone = ansatz_angles(frame, left[0])
    for k, row in enumerate(angles):
        expected = abs(np.vdot(state(pair[0], points[0][k]), state(pair[1], points[1][k])))
        assert abs(Statevector(circuit.assign_parameters(row)).data[0]) == pytest.approx(expected, abs=1e-12)
        own = Statevector(ansatz_circuit(frame).assign_parameters(alone[k])).data
        assert abs(np.vdot(own, state(pair[0], points[0][k]))) == pytest.approx(1, abs=1e-12)


def test_real_and_imaginary_parts_are_x_and_y_of_the_ancilla():
    pair, rng = PAIRS["every gate"], np.random.default_rng(3)
    left, right = rng.uniform(-3, 3, (2, 5))
    whole = Statevector(interference(pair, left, right))
    for label in ("XYZ", "IZI", "YYX", "III"):
        value = np.vdot(state(pair[0], left), SparsePauliOp(label).to_matrix() @ state(pair[1], right))
        got = [whole.expectation_value(SparsePauliOp(letter + label)).real for letter in "XY"]
        assert complex(*got) == pytest.approx(value, abs=1e-12)


angle = st.floats(-7, 7)


@given(st.tuples(angle, angle, angle), st.tuples(angle, angle, angle), st.sampled_from(["any", "equal", "opposite"]))
def test_any_two_states_of_a_fresh_qubit_take_one_cx(first, second, relation):
    def circuit(angles):
        out = QuantumCircuit(1)
        out.rz(angles[0], 0)
        out.ry(angles[1], 0)
        out.p(angles[2], 0)
        return out

    second = {"any": second, "equal": first, "opposite": (first[0] + 2 * np.pi, *first[1:])}[relation]
    pair = circuit(first), circuit(second)
    whole = interference(pair, [], [])
    assert whole.num_nonlocal_gates() <= 1
    branches = np.sqrt(2) * Statevector(whole).data.reshape(2, -1)
    expected = np.array([Statevector(one).data for one in pair])
    phase = np.vdot(branches, expected)
    np.testing.assert_allclose(branches * phase / abs(phase), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("n", "gates", "reps", "most", "measured"),
    [
        (2, ("ry", "rz"), 2, 26, 12),
        (4, ("ry", "rz"), 2, 54, 26),
        (6, ("ry", "rz"), 3, 111, 57),
        (4, ("ry",), 3, 41, 37),
    ],
)
def test_two_qubit_gates(n, gates, reps, most, measured):
    """One rzz per parameter costs ``most``; one per slot, a cx on fresh qubits, n (2 reps + 1) + (n - 1) reps."""
    pair = (hardware_efficient(n, gates, reps),) * 2
    circuit = interference_circuit(read_players(pair)[0])
    count = transpile(circuit, basis_gates=BASIS, optimization_level=1).count_ops()["cx"]
    assert count == measured == n * (2 * reps + 1) + (n - 1) * reps
    assert count <= most
    left, right = np.random.default_rng(0).normal(size=(2, pair[0].num_parameters))
    bound = interference(pair, left, right)
    native = transpile(bound, basis_gates=["rz", "sx", "x", "cz", "rzz"], optimization_level=1).count_ops()
    assert native["rzz"] == n * reps <= pair[0].num_parameters
    assert native["cz"] == n + (n - 1) * reps


@pytest.mark.parametrize("n", [2, 4])
def test_controlled_gates_cost_more_than_twice_as_much(n):
    pair, rng = (hardware_efficient(n),) * 2, np.random.default_rng(0)
    left, right = rng.normal(size=(2, pair[0].num_parameters))
    counts = [
        transpile(make(pair, left, right), basis_gates=BASIS, optimization_level=1).count_ops()["cx"]
        for make in (interference, controlled)
    ]
    assert counts[0] <= 0.45 * counts[1]


def test_noise_leaves_more_of_the_amplitude_than_with_controlled_gates():
    """Re <0|H|1'> of two-qubit H2 on a noisy five-qubit machine, ry ansatz, exact noisy values."""
    pair = (hardware_efficient(2, ("ry",), 1),) * 2
    observable = SparsePauliOp("X").tensor(H2)
    backend, rng = get("noisy:fake_manila"), np.random.default_rng(5)
    kept = []
    for _ in range(3):
        left, right = rng.uniform(-3, 3, (2, 4))
        exact = np.vdot(state(pair[0], left), H2.to_matrix() @ state(pair[1], right)).real
        short, long = (
            backend.expect(backend.prepare(make(pair, left, right), observable)).values[0, 0]
            for make in (interference, controlled)
        )
        kept.append((short / exact, long / exact))
    short, long = np.abs(kept).mean(axis=0)
    assert short >= 1.3 * long


def test_states_known_to_be_real():
    assert are_real([hardware_efficient(3, ("ry",)), hardware_efficient(3, ("ry",), reference=(0, 2))])
    assert are_real([excitations()])
    assert not are_real([hardware_efficient(3, ("ry",)), hardware_efficient(3)])
    assert not are_real([everything()])


def measured():
    circuit = hardware_efficient(2)
    circuit.measure_all()
    return circuit


@pytest.mark.parametrize(
    ("circuits", "error", "words"),
    [
        ([], ValueError, "must hold at least one circuit"),
        ([measured()], ValueError, r"circuits\[0\]` must have no measurements"),
        ([hardware_efficient(2), hardware_efficient(3)], ValueError, r"circuits\[1\]` must have 2 qubits"),
        ([hardware_efficient(2, reps=1), hardware_efficient(2, reps=2)], ValueError, "it has 2 of them, not 1"),
        ([everything(), hardware_efficient(3)], ValueError, r"circuits\[1\]` must have the two-qubit gates"),
        (["circuit"], TypeError, r"circuits\[0\]` must be a QuantumCircuit"),
    ],
)
def test_circuits_that_do_not_go_together_are_refused(circuits, error, words):
    with pytest.raises(error, match=words):
        read_players(circuits)


def test_what_is_not_a_gate_is_refused_by_name():
    circuit = QuantumCircuit(2)
    circuit.reset(0)
    with pytest.raises(CapabilityError, match="reset"):
        read_players([circuit])
