"""A noisy circuit cut into real matrices on Pauli expectation values: runs on one qubit and blocks on two.

Digits 0 1 2 3 stand for I X Y Z, and a matrix on two qubits has the first of them as the low digit. A rotation about a
Pauli, whatever noise follows it, is A + cos(angle) B + sin(angle) C.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import ParameterExpression, QuantumCircuit
from qiskit.quantum_info import PTM, Operator

WIDEST = 6
"""Most qubits for which this is the quicker way."""

Real = NDArray[np.float64]
Channel = tuple[Real, Real, Real, int]
"""A, B, C and the index of the angle; for a fixed gate B and C are 0 and the index -1."""
Noise = Callable[[Any, tuple[int, ...]], Real | None]


_ROTATIONS = frozenset({"rx", "ry", "rz", "p", "u1", "rxx", "ryy", "rzz", "rzx"})
_QUARTER = np.pi / 2


@dataclass(frozen=True, eq=False)
class Block:
    """A gate on two qubits, or none, and what happens to each of them before."""

    qubits: tuple[int, int]
    """Low digit first."""
    channel: Channel
    runs: tuple[int, int]
    """For each of the qubits, which of the circuit's runs comes before."""


def pauli_matrix(operation: Any) -> Real:
    """The matrix of a unitary or a channel on Pauli expectation values, its first qubit the low digit."""
    return np.ascontiguousarray(np.real(PTM(operation).data))


def fits(piece: QuantumCircuit) -> bool:
    """Whether a circuit is narrow enough and holds only what this simulator knows."""
    if piece.num_qubits > WIDEST:
        return False
    done: set[Any] = set()
    for item in piece.data:
        operation = item.operation
        if operation.name == "measure":
            done.update(item.qubits)
            continue
        free = [value for value in operation.params if _is_free(value)]
        plain = hasattr(operation, "to_matrix") or operation.name == "delay"
        known = plain and len(item.qubits) <= 2 and (not free or operation.name in _ROTATIONS)
        if not known or done.intersection(item.qubits) or getattr(operation, "blocks", ()):
            return False
    return True


class Cut:
    """A circuit cut into runs on one qubit and blocks on two."""

    def __init__(self, piece: QuantumCircuit, noise: Noise, num_qubits: int) -> None:
        self.runs: list[list[Channel]] = [[]]
        """The first is empty, for qubits that nothing happens to before a block."""
        self.blocks: list[Block] = []
        self.expressions: list[Any] = []
        self.measured: dict[int, int] = {}
        """Qubit of each classical bit."""
        self._pending: dict[int, list[Channel]] = {}
        known: dict[Any, Channel] = {}
        index = {bit: i for i, bit in enumerate(piece.qubits)}
        clbit = {bit: i for i, bit in enumerate(piece.clbits)}
        for item in piece.data:
            qubits = tuple(index[q] for q in item.qubits)
            if item.operation.name == "measure":
                self.measured[clbit[item.clbits[0]]] = qubits[0]
                continue
            channel = _channel(item.operation, qubits, noise, known)
            free = [value for value in item.operation.params if _is_free(value)]
            if free:
                channel = (*channel[:3], len(self.expressions))
                self.expressions += free
            if len(qubits) == 1:
                self._pending.setdefault(qubits[0], []).append(channel)
            else:
                self._close(qubits[0], qubits[1], channel)
        while self._pending:
            a = min(self._pending)
            b = min((q for q in self._pending if q != a), default=(a + 1) % num_qubits)
            self._close(a, b, nothing(16))

    def _close(self, a: int, b: int, channel: Channel) -> None:
        self.blocks.append(Block((a, b), channel, (self._run_before(a), self._run_before(b))))

    def _run_before(self, q: int) -> int:
        if q not in self._pending:
            return 0
        self.runs.append(self._pending.pop(q))
        return len(self.runs) - 1


def _channel(operation: Any, qubits: tuple[int, ...], noise: Noise, known: dict[Any, Channel]) -> Channel:
    """A gate with its noise; a free angle is given its index by the caller."""
    free = any(_is_free(value) for value in operation.params)
    setting = None if free else (*(float(value) for value in operation.params), getattr(operation, "unit", None))
    key = (operation.name, qubits, setting)
    if key not in known:
        size = 4 ** len(qubits)
        error = noise(operation, qubits)
        after = np.eye(size) if error is None else error
        still = np.zeros((size, size))
        A, B, C = _rotation(operation, size) if free else (_fixed(operation, size), still, still)
        known[key] = (after @ A, after @ B, after @ C, -1)
    return known[key]


def nothing(size: int) -> Channel:
    """The channel that changes nothing, as a matrix of ``size`` rows."""
    return np.eye(size), np.zeros((size, size)), np.zeros((size, size)), -1


def _fixed(operation: Any, size: int) -> Real:
    return np.eye(size) if operation.name == "delay" else pauli_matrix(Operator(operation))


def _rotation(operation: Any, size: int) -> tuple[Real, Real, Real]:
    """A + cos B + sin C, from the gate at half a turn and at a quarter."""
    half, quarter = (pauli_matrix(Operator(type(operation)(angle))) for angle in (np.pi, _QUARTER))
    A = 0.5 * (np.eye(size) + half)
    return A, np.eye(size) - A, quarter - A


def _is_free(value: Any) -> bool:
    return isinstance(value, ParameterExpression) and bool(value.parameters)
