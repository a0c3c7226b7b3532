"""Exact states of many parameter points at once, and their derivatives by the adjoint method.

Axes: K points, d = 2**n amplitudes, p parameters, m angles. States are held as (d, K), so that a gate is a
few operations on long rows whatever the qubit; qubit q is bit q of the amplitude's index.

Two things make it quick for small circuits: neighbouring one-qubit gates are merged into one 2 x 2 matrix,
and runs of cx, cz and swap into one permutation with signs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs_backends.lowering import ENTANGLERS, Lowered, Op

State = NDArray[np.complex128]

_X = np.array([[0, 1], [1, 0]], complex)
_Y = np.array([[0, -1j], [1j, 0]])
_Z = np.diag([1.0 + 0j, -1])
_S = np.diag([1, 1j])
_T = np.diag([1, np.exp(0.25j * np.pi)])
_SX = 0.5 * np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]])
_FIXED: dict[str, NDArray[Any]] = {
    "h": (_X + _Z) / np.sqrt(2),
    "x": _X,
    "y": _Y,
    "z": _Z,
    "s": _S,
    "sdg": _S.conj(),
    "t": _T,
    "tdg": _T.conj(),
    "sx": _SX,
    "sxdg": _SX.conj().T,
}
# A rotation by angle t is exp(t G); these are its G.
_GENERATORS: dict[str, NDArray[Any]] = {
    "rx": -0.5j * _X,
    "ry": -0.5j * _Y,
    "rz": -0.5j * _Z,
    "p": np.diag([0, 1j]),
}


@dataclass(frozen=True, eq=False)
class Block:
    """Neighbouring one-qubit gates on ``qubit``, first applied first."""

    qubit: int
    gates: tuple[Op, ...]


@dataclass(frozen=True, eq=False)
class Shuffle:
    """A permutation with signs: the new amplitude i is ``sign[i]`` times the old amplitude ``source[i]``."""

    source: NDArray[np.intp]
    sign: NDArray[np.float64] | None
    target: NDArray[np.intp]
    """The inverse permutation."""


@dataclass(frozen=True, eq=False)
class Diagonal:
    """exp(-i t/2 s) with ``sign`` s of +-1 for rzz; exp(i t), with no sign, for a phase of the state."""

    angle: int
    sign: NDArray[np.float64] | None


Step = Block | Shuffle | Diagonal


class Tape:
    """A lowered circuit made ready for the engine."""

    def __init__(self, lowered: Lowered) -> None:
        """Merge gates into steps; index tables are shared by equal runs of entangling gates."""
        self.num_qubits = lowered.num_qubits
        self.angles = lowered.angles
        self.steps: tuple[Step, ...] = _merge(lowered.ops, lowered.num_qubits)

    @property
    def dim(self) -> int:
        """Amplitudes of a state."""
        return 1 << self.num_qubits

    def states(self, points: NDArray[np.float64]) -> State:
        """(d, K) states at the (K, p) points."""
        angles = self.angles(points)
        psi = np.zeros((self.dim, len(points)), complex)
        psi[0] = 1.0
        for step in self.steps:
            psi = _apply(step, psi, angles)
        return psi

    def vjp(self, points: NDArray[np.float64], psi: State, costate: State) -> NDArray[np.float64]:
        """(K, p) derivatives of 2 Re <costate|psi(theta)>, ``costate`` held fixed.

        Args:
            points: (K, p) parameters.
            psi: (d, K) states at these points.
            costate: (d, K) vectors.
        """
        angles = self.angles(points)
        by_angle = np.zeros_like(angles)
        for step in reversed(self.steps):
            if isinstance(step, Block):
                matrices = _gate_matrices(step, angles)
                _block_derivatives(step, matrices, psi, costate, by_angle)
                inverse = _product(matrices).conj().swapaxes(0, 1)
                psi, costate = _rotate(step.qubit, inverse, psi), _rotate(step.qubit, inverse, costate)
            else:
                if isinstance(step, Diagonal):
                    by_angle[step.angle] += _diagonal_derivative(step, psi, costate)
                psi, costate = _undo(step, psi, angles), _undo(step, costate, angles)
        return self.angles.pull_back(by_angle)


def _apply(step: Step, psi: State, angles: NDArray[np.float64]) -> State:
    if isinstance(step, Block):
        return _rotate(step.qubit, _product(_gate_matrices(step, angles)), psi)
    if isinstance(step, Shuffle):
        moved = psi[step.source]
        return moved if step.sign is None else np.multiply(moved, step.sign[:, None], out=moved)
    return psi * _phases(step, angles[step.angle])


def _undo(step: Shuffle | Diagonal, psi: State, angles: NDArray[np.float64]) -> State:
    if isinstance(step, Shuffle):
        return (psi if step.sign is None else psi * step.sign[:, None])[step.target]
    return psi * _phases(step, -angles[step.angle])


def _rotate(qubit: int, matrix: NDArray[np.complex128], psi: State) -> State:
    """Apply (2, 2, K) or (2, 2, 1) matrices to one qubit of (d, K) states."""
    view = psi.reshape(-1, 2, 1 << qubit, psi.shape[1])
    low, high = view[:, 0], view[:, 1]
    out = np.empty_like(view)
    for row in (0, 1):
        np.multiply(low, matrix[row, 0], out=out[:, row])
        out[:, row] += high * matrix[row, 1]
    return out.reshape(psi.shape)


def _gate_matrices(block: Block, angles: NDArray[np.float64]) -> list[NDArray[np.complex128]]:
    """(2, 2, K) or (2, 2, 1) matrix of every gate of a block."""
    return [
        _rotation(gate.name, angles[gate.angle]) if gate.angle >= 0 else _constant(gate.name) for gate in block.gates
    ]


def _constant(name: str) -> NDArray[np.complex128]:
    return _FIXED[name][:, :, None]


def _rotation(name: str, angle: NDArray[np.float64]) -> NDArray[np.complex128]:
    out = np.zeros((2, 2, len(angle)), complex)
    if name == "p":
        out[0, 0] = 1.0
        out[1, 1] = np.exp(1j * angle)
        return out
    cos, sin = np.cos(0.5 * angle), np.sin(0.5 * angle)
    if name == "rz":
        out[0, 0] = cos - 1j * sin
        out[1, 1] = cos + 1j * sin
        return out
    out[0, 0] = out[1, 1] = cos
    out[0, 1], out[1, 0] = (-1j * sin, -1j * sin) if name == "rx" else (-sin, sin)
    return out


def _product(matrices: list[NDArray[np.complex128]]) -> NDArray[np.complex128]:
    total = matrices[0]
    for matrix in matrices[1:]:
        total = _times(matrix, total)
    return total


def _times(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> NDArray[np.complex128]:
    return a[:, :1] * b[:1] + a[:, 1:] * b[1:]


def _phases(step: Diagonal, angle: NDArray[np.float64]) -> NDArray[np.complex128]:
    if step.sign is None:
        return np.exp(1j * angle)[None, :]
    return np.exp(-0.5j * step.sign[:, None] * angle)


def _block_derivatives(
    block: Block,
    matrices: list[NDArray[np.complex128]],
    psi: State,
    costate: State,
    by_angle: NDArray[np.float64],
) -> None:
    """Add the derivatives of a block's angles, all from one 2 x 2 overlap of the states after the block.

    With W the gates after gate j, d psi = W G_j W^-1 psi, so only overlap[b, a] = sum psi_b conj(costate_a)
    is needed.
    """
    if all(gate.angle < 0 for gate in block.gates):
        return
    shape = (-1, 2, 1 << block.qubit, psi.shape[1])
    overlap = np.einsum("hblk,halk->bak", psi.reshape(shape), costate.conj().reshape(shape))
    after = np.eye(2, dtype=complex)[:, :, None]
    for gate, matrix in zip(reversed(block.gates), reversed(matrices), strict=True):
        if gate.angle >= 0:
            moved = _times(_times(after, _GENERATORS[gate.name][:, :, None]), after.conj().swapaxes(0, 1))
            by_angle[gate.angle] += 2.0 * (moved.swapaxes(0, 1) * overlap).sum(axis=(0, 1)).real
        after = _times(after, matrix)


def _diagonal_derivative(step: Diagonal, psi: State, costate: State) -> NDArray[np.float64]:
    overlap = costate.conj() * psi
    if step.sign is None:
        return -2.0 * overlap.sum(axis=0).imag
    return step.sign @ overlap.imag


def _merge(ops: Iterable[Op], num_qubits: int) -> tuple[Step, ...]:
    """Long blocks and shuffles; a block may slip in front of a shuffle that leaves its qubit alone."""
    steps: list[Step] = []
    pending: dict[int, list[Op]] = {}
    run: list[Op] = []
    tables: dict[tuple[Op, ...], Shuffle] = {}

    def close() -> None:
        if run:
            key = tuple(run)
            if key not in tables:
                tables[key] = _shuffle(key, num_qubits)
            steps.append(tables[key])
            run.clear()

    def flush(qubits: Iterable[int]) -> None:
        for qubit in qubits:
            if pending.get(qubit):
                if any(qubit in op.qubits for op in run):
                    close()
                steps.append(Block(qubit, tuple(pending.pop(qubit))))

    for op in ops:
        if len(op.qubits) == 1:
            pending.setdefault(op.qubits[0], []).append(op)
            continue
        flush(op.qubits)
        if op.name in ENTANGLERS:
            run.append(op)
        else:
            close()
            steps.append(Diagonal(op.angle, _parity(op.qubits, num_qubits) if op.qubits else None))
    flush(sorted(pending))
    close()
    return tuple(steps)


def _shuffle(ops: tuple[Op, ...], num_qubits: int) -> Shuffle:
    source = np.arange(1 << num_qubits, dtype=np.intp)
    sign = np.ones(1 << num_qubits)
    i = source.copy()
    for op in reversed(ops):
        a, b = op.qubits
        if op.name == "cz":
            sign *= 1.0 - 2.0 * ((source >> a) & (source >> b) & 1)
        elif op.name == "cx":
            source = source ^ (((source >> a) & 1) << b)
        else:
            differ = ((source >> a) ^ (source >> b)) & 1
            source = source ^ ((differ << a) | (differ << b))
    target = np.empty_like(source)
    target[source] = i
    return Shuffle(source, None if (sign > 0).all() else sign, target)


def _parity(qubits: tuple[int, ...], num_qubits: int) -> NDArray[Any]:
    i = np.arange(1 << num_qubits)
    return 1.0 - 2.0 * (((i >> qubits[0]) ^ (i >> qubits[1])) & 1)
