"""Circuits and operators between Qiskit and PennyLane, and the door to a PennyLane device of any backend.

Axes: p parameters, B broadcast points, n qubits.

Order, stated once: wire w is qubit ``wires.index(w)``, and by default wires are the integers 0 to n-1. Qubit 0 is the
least significant bit in Qiskit, while the first wire is the most significant bit of PennyLane's states and samples:
the same circuit, its outcomes written in opposite directions. Nothing is reversed here but in what prints outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.checks import argument
from qalgs_backends.errors import CapabilityError
from qalgs_backends.lowering import lower
from qalgs_backends.rng import RngLike

if TYPE_CHECKING:
    from pennylane.operation import Operator
    from pennylane.tape import QuantumScript

    from qalgs_backends.pennylane.device import QalgsDevice
    from qalgs_backends.registry import BackendLike

METHODS = {
    "Hadamard": "h",
    "PauliX": "x",
    "PauliY": "y",
    "PauliZ": "z",
    "S": "s",
    "Adjoint(S)": "sdg",
    "T": "t",
    "Adjoint(T)": "tdg",
    "SX": "sx",
    "Adjoint(SX)": "sxdg",
    "RX": "rx",
    "RY": "ry",
    "RZ": "rz",
    "PhaseShift": "p",
    "U1": "p",
    "U3": "u",
    "CNOT": "cx",
    "CY": "cy",
    "CZ": "cz",
    "CH": "ch",
    "SWAP": "swap",
    "ISWAP": "iswap",
    "ECR": "ecr",
    "Toffoli": "ccx",
    "CCZ": "ccz",
    "CSWAP": "cswap",
    "IsingXX": "rxx",
    "IsingYY": "ryy",
    "IsingZZ": "rzz",
    "ControlledPhaseShift": "cp",
    "CRX": "crx",
    "CRY": "cry",
    "CRZ": "crz",
}
"""PennyLane's gates that a QuantumCircuit has a method for; PennyLane decomposes all others."""

_WITHOUT_METHOD = ("GlobalPhase", "Identity", "Barrier")
# A dense matrix on more wires has more than 4096 Paulis.
_WIDEST_MATRIX = 6


def as_pennylane(
    backend: BackendLike, wires: int | Sequence[Hashable], shots: Any = None, seed: RngLike = None
) -> QalgsDevice:
    """A PennyLane device that runs QNodes on ``backend``.

    Args:
        backend: what ``get`` accepts.
        wires: number of wires, or their labels in the order of the backend's qubits.
        shots: default shots of a QNode on this device; None for exact values.
        seed: seed of the shots; runs on one device draw from it in turn.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: there are more wires than the backend has qubits, or wires repeat.

    Example:
        >>> as_pennylane("statevector", wires=2).name
        'qalgs.statevector'
    """
    from qalgs_backends.pennylane.device import QalgsDevice

    return QalgsDevice(backend, wires, shots, seed)


def to_pennylane(
    circuit: QuantumCircuit, params: ArrayLike | None = None, *, wires: Sequence[Hashable] | None = None
) -> list[Operator]:
    """The gates of ``circuit`` as PennyLane operations; inside a QNode they are applied.

    Where every angle is affine in the parameters, derivatives by ``params`` pass through in any of PennyLane's
    interfaces. Final measurements are left out: a QNode states its own.

    Args:
        circuit: gates, barriers and final measurements.
        params: (p,) values in the order of ``circuit.parameters``; None when p is 0.
        wires: label of each qubit; None for 0 to n-1.

    Raises:
        TypeError: ``circuit`` is not a QuantumCircuit.
        ValueError: ``params`` or ``wires`` does not fit it.
        CapabilityError: it holds something that is not a gate, or measures before the end.

    Example:
        >>> circuit = QuantumCircuit(2)
        >>> _ = circuit.cx(1, 0)
        >>> to_pennylane(circuit)
        [CNOT(wires=[1, 0])]
    """
    import pennylane as qml

    if not isinstance(circuit, QuantumCircuit):
        raise TypeError(argument("circuit", "be a QuantumCircuit", f"it is a {type(circuit).__name__}"))
    labels = _labels(wires, circuit.num_qubits)
    lowered = lower(circuit, tuple(circuit.parameters))
    values = _angle_values(lowered.angles, () if params is None else params, circuit.num_parameters)
    table = gate_table()
    out: list[Any] = []
    for op in lowered.ops:
        placed = [labels[q] for q in op.qubits]
        if op.name == "phase":
            if not _is_zero(lowered.angles, op.angle):
                out.append(qml.GlobalPhase(-values[op.angle]))
        elif op.angle < 0:
            out.append(table[op.name](wires=placed))
        else:
            out.append(table[op.name](values[op.angle], wires=placed))
    return out


def from_pennylane(
    tape: QuantumScript, *, wires: Sequence[Hashable] | None = None
) -> tuple[QuantumCircuit, NDArray[np.float64]]:
    """The gates of ``tape`` as a circuit whose every angle is a parameter, and the values of these.

    Gates without a counterpart are decomposed by PennyLane. Measurements are left out.

    Args:
        tape: a QuantumScript, as from ``pennylane.workflow.construct_tape``.
        wires: labels in the order of the qubits; None where they are integers, of which 0 to the greatest are taken.

    Returns:
        The circuit, and its (p,) values in the order of ``circuit.parameters``; (B, p) for a broadcast tape.

    Raises:
        ValueError: ``wires`` does not fit the tape.
        CapabilityError: PennyLane cannot decompose an operation into gates.

    Example:
        >>> import pennylane as qml
        >>> circuit, values = from_pennylane(qml.tape.QuantumScript([qml.RX(0.5, 0), qml.CNOT([0, 1])]))
        >>> circuit.num_qubits, values.tolist()
        (2, [0.5])
    """
    labels = _integer_wires(tape.wires) if wires is None else distinct(wires)
    _require_on(tape.wires, labels)
    ops: Sequence[Any] = decomposed(tape).operations
    values = angle_rows(ops, tape.batch_size)
    return circuit_of(ops, labels), values if tape.batch_size else values[0]


def operator_from_pennylane(op: Operator, *, wires: Sequence[Hashable] | None = None) -> SparsePauliOp:
    """A PennyLane operator as a sum of Paulis.

    Args:
        op: Paulis, their products, sums and multiples; or any operator with a matrix on at most 6 wires.
        wires: labels in the order of the qubits; None where they are integers, of which 0 to the greatest are taken.

    Raises:
        ValueError: ``wires`` does not fit the operator.
        CapabilityError: it has no matrix, or one on too many wires.

    Example:
        >>> import pennylane as qml
        >>> operator_from_pennylane(2.0 * qml.X(0) @ qml.Z(2)).to_list()
        [('ZIX', (2+0j))]
    """
    labels = _integer_wires(op.wires) if wires is None else distinct(wires)
    _require_on(op.wires, labels)
    qubit = {w: q for q, w in enumerate(labels)}
    terms = [
        ("".join(word.values()), [qubit[w] for w in word], complex(coefficient))
        for word, coefficient in _sentence(op).items()
    ]
    return SparsePauliOp.from_sparse_list(terms or [("", [], 0.0)], num_qubits=len(labels))


def operator_to_pennylane(operator: SparsePauliOp, *, wires: Sequence[Hashable] | None = None) -> Operator:
    """A sum of Paulis with real coefficients as a PennyLane Hamiltonian.

    Args:
        operator: a Hermitian operator.
        wires: label of each qubit; None for 0 to n-1.

    Raises:
        TypeError: ``operator`` is not a SparsePauliOp.
        ValueError: it is not Hermitian, or ``wires`` does not fit it.

    Example:
        >>> operator_to_pennylane(SparsePauliOp(["IZ", "XI"], [0.5, 2.0]))
        0.5 * Z(0) + 2.0 * X(1)
    """
    import pennylane as qml

    if not isinstance(operator, SparsePauliOp):
        raise TypeError(argument("operator", "be a SparsePauliOp", f"it is a {type(operator).__name__}"))
    labels = _labels(wires, int(operator.num_qubits or 0))
    coefficients = [complex(c) for _, c in operator.to_list()]
    worst = max(coefficients, key=lambda c: abs(c.imag))
    if abs(worst.imag) > 1e-12 * max(1.0, *map(abs, coefficients)):
        raise ValueError(argument("operator", "be Hermitian, with real coefficients", f"one coefficient is {worst}"))
    words = [
        qml.pauli.PauliWord({labels[q]: letter for q, letter in enumerate(reversed(label)) if letter != "I"})
        for label in operator.paulis.to_labels()
    ]
    return qml.Hamiltonian([c.real for c in coefficients], [word.operation(wire_order=labels[:1]) for word in words])


def gate_table() -> dict[str, Callable[..., Any]]:
    """PennyLane's gate for each name of the lowered gate table."""
    import pennylane as qml

    def inverse(gate: Callable[..., Any]) -> Callable[..., Any]:
        return lambda wires: qml.adjoint(gate(wires=wires))

    return {
        "h": qml.Hadamard,
        "x": qml.PauliX,
        "y": qml.PauliY,
        "z": qml.PauliZ,
        "s": qml.S,
        "sdg": inverse(qml.S),
        "t": qml.T,
        "tdg": inverse(qml.T),
        "sx": qml.SX,
        "sxdg": inverse(qml.SX),
        "rx": qml.RX,
        "ry": qml.RY,
        "rz": qml.RZ,
        "p": qml.PhaseShift,
        "rzz": qml.IsingZZ,
        "cx": qml.CNOT,
        "cz": qml.CZ,
        "swap": qml.SWAP,
    }


def is_gate(op: Any) -> bool:
    """Whether an operation is taken as it is."""
    return op.name in METHODS or op.name in _WITHOUT_METHOD


def decomposed(tape: QuantumScript) -> QuantumScript:
    """``tape`` in the gates of ``is_gate``.

    Raises:
        CapabilityError: an operation is not among them and has no decomposition.
    """
    from pennylane.devices.preprocess import decompose

    split: Any = decompose(
        tape, stopping_condition=is_gate, skip_initial_state_prep=False, name="qalgs", error=CapabilityError
    )
    return split[0][0]


def circuit_of(ops: Sequence[Any], labels: Sequence[Hashable]) -> QuantumCircuit:
    """Gates of ``is_gate`` as a circuit with a parameter for each of their angles, in order."""
    qubit = {w: q for q, w in enumerate(labels)}
    circuit = QuantumCircuit(len(labels))
    angles = ParameterVector("angle", sum(op.num_params for op in ops))
    place = 0
    for op in ops:
        own = angles[place : place + op.num_params]
        place += op.num_params
        if op.name in METHODS:
            getattr(circuit, METHODS[op.name])(*own, *(qubit[w] for w in op.wires))
        elif op.name == "GlobalPhase":
            circuit.global_phase = circuit.global_phase - own[0]
        elif op.name == "Barrier":
            circuit.barrier(*(qubit[w] for w in op.wires))
    return circuit


def angle_rows(ops: Sequence[Any], batch_size: int | None) -> NDArray[np.float64]:
    """(B, p) angles of gates, one row where nothing is broadcast."""
    columns = [value for op in ops for value in op.data]
    if batch_size is None:
        return np.array([columns], float).reshape(1, len(columns))
    return np.array([np.broadcast_to(np.asarray(c, float), batch_size) for c in columns]).reshape(-1, batch_size).T


def _angle_values(angles: Any, params: Any, num_parameters: int) -> Any:
    """(m,) angles at one point, in the interface of ``params``."""
    from pennylane import math

    shape = np.shape(math.unwrap([params])[0])
    if shape != (num_parameters,):
        must = f"have shape ({num_parameters},) for the circuit's {num_parameters} parameters"
        raise ValueError(argument("params", must, f"its shape is {shape}"))
    if angles.curved or num_parameters == 0:
        return angles(np.asarray(params, float).reshape(1, -1))[:, 0]
    return math.dot(angles.matrix, params) + angles.offset


def _is_zero(angles: Any, row: int) -> bool:
    """Whether an angle is 0 whatever the parameters."""
    return not (angles.offset[row] or angles.matrix[row].any() or row in dict(angles.curved))


def _sentence(op: Any) -> Any:
    """The operator's Paulis with their coefficients."""
    import pennylane as qml

    if op.pauli_rep is not None:
        return op.pauli_rep
    if len(op.wires) > _WIDEST_MATRIX or not op.has_matrix:
        raise CapabilityError(
            f"Operators that are not sums of Paulis need a matrix on at most {_WIDEST_MATRIX} wires, "
            f"but {op.name} acts on {len(op.wires)}."
        )
    matrix = qml.matrix(op, wire_order=op.wires)
    return qml.pauli_decompose(matrix, wire_order=op.wires, pauli=True, check_hermitian=False)


def _labels(wires: Sequence[Hashable] | None, num_qubits: int) -> tuple[Any, ...]:
    if wires is None:
        return tuple(range(num_qubits))
    labels = distinct(wires)
    if len(labels) != num_qubits:
        raise ValueError(argument("wires", f"name one wire for each of {num_qubits} qubits", f"it is {labels}"))
    return labels


def distinct(wires: Sequence[Hashable]) -> tuple[Any, ...]:
    """``wires`` as a tuple.

    Raises:
        ValueError: one repeats.
    """
    labels = tuple(wires)
    if len(set(labels)) != len(labels):
        raise ValueError(argument("wires", "be distinct", f"it is {labels}"))
    return labels


def _integer_wires(used: Sequence[Any]) -> tuple[int, ...]:
    if not all(isinstance(w, (int, np.integer)) and w >= 0 for w in used):
        must = "give the order of wires that are not integers from 0"
        raise ValueError(argument("wires", must, f"it is None for the wires {tuple(used)}"))
    return tuple(range(max(used, default=0) + 1))


def _require_on(used: Iterable[Any], labels: tuple[Any, ...]) -> None:
    missing = [w for w in used if w not in labels]
    if missing:
        raise ValueError(argument("wires", f"hold every wire that is used, {missing[0]!r} too", f"it is {labels}"))
