"""One-qubit gates as matrices, for many gates and many parameter points in a few array operations.

Axes: K points, m angles, B blocks, D rotations of the longest block, o co-states.

A rotation by the angle t is A + C cos(w t) + S sin(w t) with constant matrices. This form survives multiplication by
constant matrices, so gates without a free angle disappear into their neighbours and a block is a product of rotations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs_backends.lowering import Op

Matrix = NDArray[np.complex128]
Table = NDArray[Any]
"""Of float64 or complex128."""

_I = np.eye(2, dtype=complex)
_X = np.array([[0, 1], [1, 0]], complex)
_Y = np.array([[0, -1j], [1j, 0]])
_Z = np.diag([1.0 + 0j, -1])
_S = np.diag([1, 1j])
_T = np.diag([1, np.exp(0.25j * np.pi)])
_SX = 0.5 * np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]])
_NOTHING = np.zeros((2, 2), complex)
_FIXED: dict[str, Table] = {
    "h": (_X + _Z) / np.sqrt(2.0),
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


@dataclass(frozen=True, eq=False)
class Rotation:
    """A + C cos(w t) + S sin(w t), with constant gates on either side of it multiplied in."""

    angle: int
    """Index of t among the angles; -1 for a constant matrix, which is A."""
    rate: float
    """w."""
    constant: Matrix
    """A."""
    cosine: Matrix
    """C."""
    sine: Matrix
    """S."""
    generator: Matrix
    """G with d/dt of the rotation = the rotation times G."""

    def before(self, fixed: Matrix) -> Rotation:
        """This rotation, then a constant gate."""
        return replace(self, constant=fixed @ self.constant, cosine=fixed @ self.cosine, sine=fixed @ self.sine)

    def after(self, fixed: Matrix) -> Rotation:
        """A constant gate, then this rotation."""
        return replace(
            self,
            constant=self.constant @ fixed,
            cosine=self.cosine @ fixed,
            sine=self.sine @ fixed,
            generator=fixed.conj().T @ self.generator @ fixed,
        )


IDENTITY = Rotation(-1, 0.0, _I, _NOTHING, _NOTHING, _NOTHING)


def _of_pauli(pauli: Matrix) -> Rotation:
    return Rotation(-1, 0.5, _NOTHING, _I, -1j * pauli, -0.5j * pauli)


_ROTATIONS = {
    "rx": _of_pauli(_X),
    "ry": _of_pauli(_Y),
    "rz": _of_pauli(_Z),
    "p": Rotation(-1, 1.0, np.diag([1.0 + 0j, 0]), np.diag([0.0 + 0j, 1]), np.diag([0, 1j]), np.diag([0, 1j])),
}


@dataclass(frozen=True, eq=False)
class Block:
    """Neighbouring one-qubit gates on ``qubit``, first applied first."""

    qubit: int
    gates: tuple[Op, ...]


def unitary(block: Block, angles: NDArray[np.float64]) -> Matrix:
    """(2, 2, K) or (2, 2, 1) matrix of a block at the (m, K) ``angles``."""
    total = _I[:, :, None]
    for gate in block.gates:
        matrix = _FIXED[gate.name][:, :, None] if gate.angle < 0 else _at(_ROTATIONS[gate.name], angles[gate.angle])
        total = times(matrix, total)
    return total


def _at(rotation: Rotation, t: NDArray[np.float64]) -> Matrix:
    turned = rotation.rate * t
    constant, cosine, sine = (part[:, :, None] for part in (rotation.constant, rotation.cosine, rotation.sine))
    return constant + cosine * np.cos(turned) + sine * np.sin(turned)


def times(a: Table, b: Table) -> Table:
    """Products of 2 x 2 matrices that stand in the first two axes."""
    return a[:, :1] * b[:1] + a[:, 1:] * b[1:]


def rotations(gates: Sequence[Op], free: frozenset[int], offsets: NDArray[np.float64]) -> list[Rotation]:
    """The gates as rotations; one constant matrix if none of them has a free angle.

    Args:
        gates: on one qubit, first applied first.
        free: angles that depend on a parameter.
        offsets: (m,) values of the others.
    """
    out: list[Rotation] = []
    fixed = _I
    for gate in gates:
        if gate.angle in free:
            out.append(replace(_ROTATIONS[gate.name], angle=gate.angle).after(fixed))
            fixed = _I
            continue
        matrix = _FIXED[gate.name] if gate.angle < 0 else _at(_ROTATIONS[gate.name], offsets[[gate.angle]])[..., 0]
        if out:
            out[-1] = out[-1].before(matrix)
        else:
            fixed = matrix @ fixed
    return out or [replace(IDENTITY, constant=fixed)]


def is_real(block: Sequence[Rotation]) -> bool:
    """Whether the matrices of all rotations are."""
    return not any(part.imag.any() for turn in block for part in (turn.constant, turn.cosine, turn.sine))


class Blocks:
    """The matrices of B blocks, each a product of D rotations, shorter ones filled up with the identity."""

    def __init__(self, blocks: Sequence[Sequence[Rotation]], *, real: bool) -> None:
        """Stack the constants; real ones keep the tables real."""
        self.count = len(blocks)
        depth = max(len(block) for block in blocks)
        rows = [[*block, *[IDENTITY] * (depth - len(block))] for block in blocks]
        cells = [row[j] for j in range(depth) for row in rows]

        def stacked(name: str) -> Table:
            table = np.array([getattr(cell, name) for cell in cells]).reshape(depth, len(rows), 2, 2)
            table = np.ascontiguousarray(table.transpose(0, 2, 3, 1))[..., None]
            return np.real(table).copy() if real else table

        constant = stacked("constant")
        self._constant = constant if constant.any() else None
        self._cosine, self._sine, self._generator = (stacked(name) for name in ("cosine", "sine", "generator"))
        index = np.array([cell.angle for cell in cells]).reshape(depth, len(rows))
        self._index = np.maximum(index, 0)
        self._rate = np.array([cell.rate for cell in cells]).reshape(depth, len(rows), 1)
        self._free = np.nonzero(index >= 0)
        self._angles = index[self._free]

    @property
    def point_size(self) -> int:
        """Numbers of the matrices of one point."""
        return 4 * self._index.size

    def factors(self, angles: NDArray[np.float64]) -> Table:
        """(D, 2, 2, B, K) matrices of the rotations at the (m, K) ``angles``, first applied first."""
        turned = angles[self._index]
        turned *= self._rate
        turned = turned[:, None, None]
        out = self._cosine * np.cos(turned)
        out += self._sine * np.sin(turned)
        if self._constant is not None:
            out += self._constant
        return out

    def pull_back(self, factors: Table, overlap: Table, by_angle: NDArray[np.float64]) -> None:
        """Add the derivatives of 2 Re <costate|psi> by the (m, o, K) angles.

        Args:
            factors: (D, 2, 2, B, K).
            overlap: (2, 2, B, o, K) sums of psi_b conj(costate_a) over the other qubits, of the states after the block.
                Before the rotation M it is M^dagger overlap M, and the derivative by its angle is 2 Re tr(G overlap).
            by_angle: what is added to.
        """
        slopes = np.empty((len(factors), *overlap.shape[2:]))
        for j in reversed(range(len(factors))):
            factor = factors[j, ..., None, :]
            overlap = times(times(factor.conj().swapaxes(0, 1), overlap), factor)
            slopes[j] = (self._generator[j, ..., None].swapaxes(0, 1) * overlap).sum(axis=(0, 1)).real
        by_angle[self._angles] += 2.0 * slopes[self._free]
