"""Ansatz circuits against Qiskit's and PennyLane's own."""

import numpy as np
import pennylane as qml
import pytest
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import Operator, Statevector

from qalgs import circuits


@pytest.mark.parametrize(
    ("ours", "qiskit"),
    [("linear", "linear"), ("reverse_linear", "reverse_linear"), ("ring", "circular"), ("full", "full")],
)
@pytest.mark.parametrize("rotations", [("ry",), ("ry", "rz")])
def test_hardware_efficient_is_efficient_su2_parameter_by_parameter(ours, qiskit, rotations):
    mine = circuits.hardware_efficient(4, reps=2, rotations=rotations, entanglement=ours)
    theirs = efficient_su2(4, su2_gates=list(rotations), entanglement=qiskit, reps=2)
    point = np.random.default_rng(0).normal(size=mine.num_parameters)
    assert [p.name for p in mine.parameters[:2]] == ["theta[0]", "theta[1]"]
    assert Operator(mine.assign_parameters(point)).equiv(Operator(theirs.assign_parameters(point)))


def test_pairs_and_cz():
    circuit = circuits.hardware_efficient(3, reps=1, entanglement=[(2, 0)], entangler="cz")
    assert circuit.count_ops() == {"ry": 6, "cz": 1}
    gate = next(item for item in circuit if item.operation.name == "cz")
    assert [circuit.find_bit(q).index for q in gate.qubits] == [2, 0]
    assert circuits.hardware_efficient(1, reps=2, entanglement="ring").count_ops() == {"ry": 3}
    assert circuits.hardware_efficient(2, reps=1, entanglement="ring").count_ops()["cx"] == 1


def gates(circuit):
    return [(i.operation.name, *(circuit.find_bit(q).index for q in i.qubits)) for i in circuit]


def test_random_layers_are_those_of_figure_5():
    # RY0 RX1 CX01 RZ1 | CX10 RX1 RY1 RY0 | RZ0 RX1 RZ0 after |+>
    wanted = [("h", 0), ("h", 1), ("ry", 0), ("rx", 1), ("cx", 0, 1), ("rz", 1), ("cx", 1, 0), ("rx", 1), ("ry", 1)]
    wanted += [("ry", 0), ("rz", 0), ("rx", 1), ("rz", 0)]
    assert gates(circuits.random_layers(2)) == wanted


@pytest.mark.parametrize(("n", "seed"), [(2, 42), (3, 0), (5, 7)])
def test_random_layers_are_pennylanes(n, seed):
    names = {"RX": "rx", "RY": "ry", "RZ": "rz", "CNOT": "cx"}
    for ratio in (0.0, 0.3, 0.7):
        weights = np.zeros((4, 5))
        operator = qml.RandomLayers(weights, wires=range(n), seed=seed, ratio_imprim=ratio)
        theirs = [(names[op.name], *op.wires) for op in operator.decomposition()]
        assert gates(circuits.random_layers(n, layers=4, rotations=5, ratio=ratio, rng=seed))[n:] == theirs


def test_random_layers_of_one_qubit_end():
    assert circuits.random_layers(1, rng=3).count_ops().get("cx", 0) == 0


def test_reference_is_the_basis_state():
    state = Statevector(circuits.reference((1, 0, 1, 0)))
    assert state.probabilities_dict() == {"0101": 1.0}


def test_misuse_is_named():
    cases = [
        (lambda: circuits.hardware_efficient(0), "`num_qubits` must be at least 1"),
        (lambda: circuits.hardware_efficient(2, reps=-1), "`reps` must be at least 0"),
        (lambda: circuits.hardware_efficient(2, rotations=()), "`rotations` must be a sequence"),
        (lambda: circuits.hardware_efficient(2, rotations="ry"), "`rotations` must be a sequence"),
        (lambda: circuits.hardware_efficient(2, rotations=("r",)), "`rotations` must be one of"),
        (lambda: circuits.hardware_efficient(2, entanglement="line"), "`entanglement` must be one of"),
        (lambda: circuits.hardware_efficient(2, entanglement=[(0, 2)]), "`entanglement` must hold pairs"),
        (lambda: circuits.hardware_efficient(2, entanglement=[(1, 1)]), "`entanglement` must hold pairs"),
        (lambda: circuits.hardware_efficient(2, entangler="swap"), "`entangler` must be one of"),
        (lambda: circuits.random_layers(2, ratio=1.0), "`ratio` must be below 1"),
        (lambda: circuits.reference((0, 2)), "`bits` must be one or more of 0 and 1"),
        (lambda: circuits.reference(()), "`bits` must be one or more of 0 and 1"),
    ]
    for make, words in cases:
        with pytest.raises(ValueError, match=words):
            make()
