"""A circuit as moments: a layer of one-qubit gates, then a run of two-qubit gates as one operation on the state.

Axes: K points, d = 2**n amplitudes, m angles, r gates of a run, o co-states.

A run of cx, cz and swap is a permutation with signs; a run of rzz is a diagonal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs_backends.lowering import ENTANGLERS, Op

Reals = NDArray[np.float64]
State = NDArray[Any]
"""Of float64 or complex128."""

# Signs of a run of rzz that are kept; what is more is made again each time.
_KEPT_SIGNS = 1 << 21


@dataclass(frozen=True, eq=False)
class Shuffle:
    """A permutation with signs: the new amplitude i is ``sign[i]`` times the old amplitude ``source[i]``."""

    source: NDArray[np.intp] | None
    sign: Reals | None

    def forward(self, psi: State, angles: Reals) -> State:
        """(..., d) states after it."""
        moved = psi if self.source is None else psi.take(self.source, axis=-1)
        return moved if self.sign is None else moved * self.sign

    def backward(self, both: State, angles: Reals, by_angle: Reals) -> State:
        """(1 + o, K, d) states before it; it has no angle to derive by."""
        return self._inverse.forward(both, angles)

    @cached_property
    def _inverse(self) -> Shuffle:
        if self.source is None:
            return self
        target = np.argsort(self.source)
        return Shuffle(target, None if self.sign is None else self.sign[target])


@dataclass(frozen=True, eq=False)
class Diagonal:
    """exp(-i/2 sum_j t_j s_j), a term for each rzz; s_j is the parity of two bits as a sign."""

    angles: NDArray[np.intp]
    masks: NDArray[np.intp]
    dim: int

    def forward(self, psi: State, angles: Reals) -> State:
        """(K, d) states after it."""
        return psi * self._phases(angles)

    def backward(self, both: State, angles: Reals, by_angle: Reals) -> State:
        """(1 + o, K, d) states before it; the derivatives are added to the (m, o, K) ``by_angle``."""
        overlap = (both[1:].conj() * both[0]).imag
        for rows, signs in self._parts():
            by_angle[self.angles[rows]] += (overlap @ signs.T).transpose(2, 0, 1)
        return both * self._phases(-angles)

    def _phases(self, angles: Reals) -> NDArray[np.complex128]:
        total = np.zeros((angles.shape[1], self.dim))
        for rows, signs in self._parts():
            total += angles[self.angles[rows]].T @ signs
        return np.exp(-0.5j * total)

    def _parts(self) -> Iterable[tuple[slice, Reals]]:
        if len(self.masks) * self.dim <= _KEPT_SIGNS:
            return ((slice(None), self._kept),)
        step = max(1, _KEPT_SIGNS // self.dim)
        rows = (slice(k, k + step) for k in range(0, len(self.masks), step))
        return ((row, _parities(self.masks[row], self.dim)) for row in rows)

    @cached_property
    def _kept(self) -> Reals:
        return _parities(self.masks, self.dim)


Run = Shuffle | Diagonal


def _parities(masks: NDArray[np.intp], dim: int) -> Reals:
    """(r, d) signs."""
    return np.where(np.bitwise_count(np.arange(dim) & masks[:, None]) & 1, -1.0, 1.0)


def moments(ops: Iterable[Op], dim: int) -> Iterator[tuple[dict[int, list[Op]], Run | None]]:
    """Layers of one-qubit gates, by qubit, each with the run that follows it; equal runs of shuffles are one object."""
    index = np.arange(dim, dtype=np.intp)
    made: dict[tuple[Op, ...], Shuffle] = {}
    for layer, gates in _cut(ops):
        if gates and gates[0].name not in ENTANGLERS:
            masks = np.array([1 << a | 1 << b for a, b in (op.qubits for op in gates)])
            yield layer, Diagonal(np.array([op.angle for op in gates]), masks, dim)
        elif gates:
            if gates not in made:
                made[gates] = _shuffle(gates, index)
            yield layer, made[gates]
        else:
            yield layer, None


def _cut(ops: Iterable[Op]) -> Iterator[tuple[dict[int, list[Op]], tuple[Op, ...]]]:
    """Layers and runs as they stand in the circuit.

    A one-qubit gate waits until its qubit is needed, and then joins the layer in front of the present run, unless the
    run has touched its qubit.
    """
    layer: dict[int, list[Op]] = {}
    waiting: dict[int, list[Op]] = {}
    run: list[Op] = []
    touched: set[int] = set()
    for op in ops:
        if len(op.qubits) == 1:
            waiting.setdefault(op.qubits[0], []).append(op)
            continue
        called = [q for q in op.qubits if q in waiting]
        other_kind = run and (op.name in ENTANGLERS) != (run[0].name in ENTANGLERS)
        if other_kind or not touched.isdisjoint(called):
            yield layer, tuple(run)
            layer, run, touched = {}, [], set()
        layer |= {q: waiting.pop(q) for q in called}
        run.append(op)
        touched.update(op.qubits)
    if run:
        yield layer, tuple(run)
    if waiting:
        yield waiting, ()


def _shuffle(gates: tuple[Op, ...], index: NDArray[np.intp]) -> Shuffle:
    source, sign = index, np.ones(len(index))
    for op in reversed(gates):
        a, b = op.qubits
        if op.name == "cz":
            sign *= 1.0 - 2.0 * ((source >> a) & (source >> b) & 1)
        elif op.name == "cx":
            source = source ^ (((source >> a) & 1) << b)
        else:
            differ = ((source >> a) ^ (source >> b)) & 1
            source = source ^ ((differ << a) | (differ << b))
    return Shuffle(None if (source == index).all() else source, None if (sign > 0).all() else sign)
