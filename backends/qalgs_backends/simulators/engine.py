"""Exact states of many parameter points at once, and their derivatives by the adjoint method.

Axes: K points, d = 2**n amplitudes, p parameters, m angles, o co-states, L layers, g qubits of a group. States are held
as (K, d), co-states as (o, K, d); qubit q is bit q of the amplitude's index.

The qubits are cut into groups, and what a layer of one-qubit gates does to a group is one 2**g x 2**g matrix: a layer
costs a matrix product for each group, however many gates it has. The matrices of many layers are made together, and so
are the derivatives, which only need the overlap of state and co-state on each qubit. Real circuits use real numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qalgs_backends.lowering import Lowered
from qalgs_backends.simulators.gates import IDENTITY, Blocks, Rotation, Table, is_real, rotations, times
from qalgs_backends.simulators.gates import Block as Block
from qalgs_backends.simulators.gates import unitary as unitary
from qalgs_backends.simulators.moments import Diagonal, Reals, Run, State, moments

# Qubits of a group. With one there are twice as many products; with three or four they take longer than they save.
_GROUP = 2
# Moments whose matrices are held together.
_SEGMENT = 64


class Tape:
    """A lowered circuit made ready for the engine."""

    def __init__(self, lowered: Lowered) -> None:
        """Cut the circuit into moments, and these into segments."""
        self.num_qubits = lowered.num_qubits
        self.dim = 1 << lowered.num_qubits
        self.angles = lowered.angles
        # The global phase is the last gate.
        self.phase = next(op.angle for op in lowered.ops if op.name == "phase")
        moving = np.flatnonzero(np.any(self.angles.matrix, axis=1)).tolist()
        free = frozenset([*moving, *(index for index, _ in self.angles.curved)])
        self.has_phase = self.phase in free or bool(self.angles.offset[self.phase])
        cut = list(moments((op for op in lowered.ops if op.qubits), self.dim))
        layers = [{q: rotations(gates, free, self.angles.offset) for q, gates in layer.items()} for layer, _ in cut]
        runs = [run for _, run in cut]
        self.real = not self.has_phase and not any(isinstance(run, Diagonal) for run in runs)
        self.real = self.real and all(is_real(block) for layer in layers for block in layer.values())
        self.segments = [
            Segment(layers[k : k + _SEGMENT], runs[k : k + _SEGMENT], self.num_qubits, real=self.real)
            for k in range(0, len(cut), _SEGMENT)
        ]

    @property
    def point_size(self) -> int:
        """Numbers that are held at a time for each point."""
        return self.dim + max((segment.point_size for segment in self.segments), default=0)

    def at(self, points: Reals) -> Bound:
        """The circuit at the (K, p) points."""
        return Bound(self, points)

    def states(self, points: Reals) -> State:
        """(K, d) states at the (K, p) points, real ones if the whole circuit is real."""
        return self.at(points).states()


class Bound:
    """A circuit at K points; the matrices made last are kept for the way back."""

    def __init__(self, tape: Tape, points: Reals) -> None:
        """Evaluate the angles."""
        self._tape = tape
        self._points = len(points)
        self._angles = tape.angles(points)
        self._held: tuple[Segment, Matrices] | None = None

    def states(self) -> State:
        """(K, d) states."""
        tape = self._tape
        psi: State = np.zeros((self._points, tape.dim), float if tape.real else complex)
        psi[:, 0] = 1.0
        for segment in tape.segments:
            psi = segment.forward(psi, self._matrices(segment), self._angles)
        return psi * np.exp(1j * self._angles[tape.phase])[:, None] if tape.has_phase else psi

    def vjp(self, psi: State, costates: State) -> Reals:
        """(o, K, p) derivatives of 2 Re <costate|psi(theta)>, co-states held fixed.

        Args:
            psi: (K, d) states at these points.
            costates: (o, K, d) vectors.
        """
        tape = self._tape
        if tape.real:
            costates = np.real(costates)
        by_angle = np.zeros((len(self._angles), len(costates), self._points))
        if tape.has_phase:
            by_angle[tape.phase] = -2.0 * np.vecdot(costates, psi).imag
        # The way back leaves the global phase in: it is common to all vectors and drops out of their overlaps.
        both = np.concatenate([psi[None], costates])
        for segment in reversed(tape.segments):
            both = segment.backward(both, self._matrices(segment), self._angles, by_angle)
        rows = by_angle.reshape(len(by_angle), -1)
        return tape.angles.pull_back(rows).reshape(len(costates), self._points, -1)

    def _matrices(self, segment: Segment) -> Matrices:
        if self._held is None or self._held[0] is not segment:
            self._held = segment, Matrices(segment, self._angles)
        return self._held[1]


class Group:
    """Neighbouring qubits, and the layers of a segment that turn any of them."""

    def __init__(self, qubits: range, layers: Sequence[dict[int, int]], identity: int) -> None:
        """Note which block turns which qubit in which layer.

        Args:
            qubits: of the group, lowest first.
            layers: index of the block on each qubit that has one.
            identity: index of the block that does nothing.
        """
        self.low = 1 << qubits[0]
        self.size = 1 << len(qubits)
        turned = [k for k, layer in enumerate(layers) if any(q in layer for q in qubits)]
        self.row = {k: row for row, k in enumerate(turned)}
        # (g, L) indices, highest qubit first, as in a Kronecker product.
        self.blocks = np.array([[layers[k].get(q, identity) for k in turned] for q in reversed(qubits)], np.intp)

    def matrices(self, unitaries: Table) -> Table:
        """(L, K, 2**g, 2**g) matrices from the (2, 2, B, K) ones of the blocks."""
        out = unitaries[:, :, self.blocks[0]]
        for block in self.blocks[1:]:
            right = unitaries[:, :, block]
            size = 2 * len(out)
            out = (out[:, None, :, None] * right[None, :, None]).reshape(size, size, *right.shape[2:])
        return np.ascontiguousarray(out.transpose(2, 3, 0, 1))

    def turn(self, matrix: Table, psi: State) -> State:
        """Apply (K, 2**g, 2**g) matrices to (..., K, d) states."""
        if self.low == 1:
            view = psi.reshape(*psi.shape[:-1], -1, self.size)
            return (view @ matrix.swapaxes(-1, -2)).reshape(psi.shape)
        view = psi.reshape(*psi.shape[:-1], -1, self.size, self.low)
        return (matrix[:, None] @ view).reshape(psi.shape)

    def overlap(self, psi: State, conjugates: State) -> Table:
        """(o, K, 2**g, 2**g) sums of psi_b conj(costate_a) over the other qubits."""
        if self.low == 1:
            shape = (psi.shape[0], -1, self.size)
            return psi.reshape(shape).swapaxes(-1, -2) @ conjugates.reshape(-1, *psi.reshape(shape).shape)
        view = psi.reshape(psi.shape[0], -1, self.size, self.low)
        other = conjugates.reshape(-1, *view.shape).swapaxes(-1, -2)
        return (view @ other).sum(axis=-3)

    def split(self, overlaps: Table) -> list[Table]:
        """(2, 2, L, o, K) overlaps on each qubit, highest first, from (L, o, K, 2**g, 2**g) ones."""
        out = []
        for above in range(len(self.blocks)):
            shape = (1 << above, 2, self.size >> (above + 1))
            view = overlaps.reshape(*overlaps.shape[:3], *shape, *shape)
            out.append(np.einsum("lokibjiaj->balok", view))
        return out


class Matrices:
    """What the layers of a segment do at K points."""

    def __init__(self, segment: Segment, angles: Reals) -> None:
        """Make all of them."""
        self.factors = segment.blocks.factors(angles)
        unitaries = self.factors[0]
        for factor in self.factors[1:]:
            unitaries = times(factor, unitaries)
        self.groups = [group.matrices(unitaries) for group in segment.groups]


class Segment:
    """Consecutive moments."""

    def __init__(
        self, layers: Sequence[dict[int, list[Rotation]]], runs: Sequence[Run | None], num_qubits: int, *, real: bool
    ) -> None:
        """Number the blocks of the layers."""
        blocks = [block for layer in layers for block in layer.values()]
        self.blocks = Blocks([*blocks, [IDENTITY]], real=real)
        number = iter(range(len(blocks)))
        numbered = [{q: next(number) for q in layer} for layer in layers]
        cuts = [range(q, min(q + _GROUP, num_qubits)) for q in range(0, num_qubits, _GROUP)]
        groups = [Group(qubits, numbered, len(blocks)) for qubits in cuts]
        self.groups = [group for group in groups if group.row]
        self._moments = [
            ([(j, group.row[k]) for j, group in enumerate(self.groups) if k in group.row], run)
            for k, run in enumerate(runs)
        ]

    @property
    def point_size(self) -> int:
        """Numbers of the matrices of one point."""
        return self.blocks.point_size + sum(len(group.row) * group.size**2 for group in self.groups)

    def forward(self, psi: State, matrices: Matrices, angles: Reals) -> State:
        """(K, d) states after the segment."""
        for turns, run in self._moments:
            for j, row in turns:
                psi = self.groups[j].turn(matrices.groups[j][row], psi)
            if run is not None:
                psi = run.forward(psi, angles)
        return psi

    def backward(self, both: State, matrices: Matrices, angles: Reals, by_angle: Reals) -> State:
        """(1 + o, K, d) state and co-states before the segment; adds the derivatives by its angles to ``by_angle``."""
        inverses = [table.conj().swapaxes(-1, -2) for table in matrices.groups]
        overlaps = [np.empty((len(t), len(both) - 1, *t.shape[1:]), t.dtype) for t in matrices.groups]
        for turns, run in reversed(self._moments):
            if run is not None:
                both = run.backward(both, angles, by_angle)
            if turns:
                # Gates on other qubits do not change an overlap, so all groups can be read before any is turned.
                conjugates = both[1:].conj()
                for j, row in turns:
                    overlaps[j][row] = self.groups[j].overlap(both[0], conjugates)
                for j, row in turns:
                    both = self.groups[j].turn(inverses[j][row], both)
        total = np.zeros((2, 2, self.blocks.count, *by_angle.shape[1:]), both.dtype)
        for group, table in zip(self.groups, overlaps, strict=True):
            for block, part in zip(group.blocks, group.split(table), strict=True):
                total[:, :, block] = part
        self.blocks.pull_back(matrices.factors, total, by_angle)
        return both
