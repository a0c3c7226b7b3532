"""Noisy simulation of a few qubits with the noise fused into the gates.

Axes: K points, m qubits, A free angles, R runs, G blocks, J rotations of a run, o observables.

The state is the real vector of its 4**m Pauli expectation values, with qubit q as digit q of the index (0 1 2 3 = I X Y
Z). A noisy gate is then a real matrix on the digits of its qubits, and a rotation about a Pauli, whatever noise follows
it, is A + cos(angle) B + sin(angle) C. Gates on one qubit between two gates on two are one run; a gate on two with the
runs before it is one 16 x 16 block. The runs of all points are made together, then the blocks, and each block is one
product with the state: the numbers of a density matrix, in far fewer and larger products.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.base import Parameter
from qalgs_backends.lowering import Angles, affine_angles
from qalgs_backends.simulators.fusing import Block, Channel, Cut, Noise, Real, nothing

_CHUNK_BYTES = 4 << 20
_QUARTER = np.pi / 2


class Superoperator:
    """A noisy circuit on at most six qubits."""

    def __init__(
        self,
        piece: QuantumCircuit,
        parameters: Sequence[Parameter],
        noise: Noise,
        readout: Real,
        observables: Sequence[SparsePauliOp] = (),
    ) -> None:
        """Fuse the circuit.

        Args:
            piece: gates on one or two qubits and final measurements; ``fits`` says whether it will do.
            parameters: order of the columns of the points.
            noise: gives the matrix that follows an operation on its qubits, None where there is none.
            readout: (m, 2) P(read 1 | prepared 0) and P(read 0 | prepared 1).
            observables: on the m qubits.
        """
        self.num_qubits = max(piece.num_qubits, 2)
        width = self.num_qubits - piece.num_qubits
        cut = Cut(piece, noise, self.num_qubits)
        self._blocks, self._runs, self._measured = cut.blocks, _Runs(cut.runs), cut.measured
        self._angles: Angles = affine_angles(cut.expressions, tuple(parameters))
        self._gates = [np.array([block.channel[i] for block in cut.blocks]) for i in range(3)]
        self._turned = np.array([block.channel[3] for block in cut.blocks], int)
        self._low, self._high = (np.array([block.runs[i] for block in cut.blocks], int) for i in range(2))
        self._perms, self.axes = _schedule(cut.blocks, self.num_qubits)
        self._readout = np.concatenate([np.asarray(readout, float), np.zeros((width, 2))])
        self._observed = np.array([self._read_vector(_widened(op, width)) for op in observables])
        self._step = max(1, _CHUNK_BYTES // (8 * (3 * 4**self.num_qubits + 3 * 256 * max(len(cut.blocks), 1))))

    def expect(self, points: Real) -> Real:
        """(K, o) expectation values with readout error at the (K, p) points."""
        return self._expect(self._angles(points).T)

    def gradient(self, points: Real) -> Real:
        """(K, o, p) derivatives: every angle enters as cos and sin, so two shifted values give its derivative.

        Raises:
            CapabilityError: an angle is not affine in the parameters.
        """
        self._angles.pull_back(np.zeros((len(self._angles.offset), 1)))  # refuses curved angles before anything runs
        at = self._angles(points).T
        count = at.shape[1]
        if count == 0:
            return np.zeros((len(points), len(self._observed), points.shape[1]))
        shift = _QUARTER * np.concatenate([np.eye(count), -np.eye(count)])
        values = self._expect((at[:, None, :] + shift[None]).reshape(-1, count))
        plus, minus = np.moveaxis(values.reshape(len(at), 2, count, -1), 1, 0)
        slopes = np.moveaxis(0.5 * (plus - minus), 1, 0)
        return self._angles.pull_back(slopes.reshape(count, -1)).reshape(len(at), values.shape[1], -1)

    def probabilities(self, points: Real) -> tuple[Real, NDArray[np.int64]]:
        """(K, 2**b) probabilities of the outcomes, readout error included, and the (2**b,) integers they read as."""
        bits = sorted(self._measured)
        outcomes = np.zeros(1, np.int64)
        for bit in reversed(bits):
            outcomes = (outcomes[:, None] + np.array([0, 1 << bit])).reshape(-1)
        return np.concatenate([self._born(state, bits) for state in self.states(points)]), outcomes

    def counts(self, points: Real, shots: int, rng: np.random.Generator) -> tuple[dict[int, int], ...]:
        """Outcomes of the (K, p) points."""
        chances, outcomes = self.probabilities(points)
        drawn = rng.multinomial(shots, chances)
        return tuple({int(outcomes[i]): int(row[i]) for i in np.flatnonzero(row)} for row in drawn)

    def states(self, points: Real) -> Iterator[Real]:
        """(k, 4, ..., 4) Pauli expectation values at the (K, p) points, some at a time; ``axes`` names the qubits."""
        yield from self._states(self._angles(points).T)

    def _expect(self, angles: Real) -> Real:
        return np.concatenate([state.reshape(len(state), -1) @ self._observed.T for state in self._states(angles)])

    def _states(self, angles: Real) -> Iterator[Real]:
        for k in range(0, len(angles), self._step):
            yield self._state(angles[k : k + self._step])

    def _state(self, angles: Real) -> Real:
        K, m = len(angles), self.num_qubits
        cos, sin = (np.concatenate([f(angles), f(np.zeros((K, 1)))], axis=1) for f in (np.cos, np.sin))
        start = np.array([1.0, 0.0, 0.0, 1.0])
        state = start
        for _ in range(m - 1):
            state = np.multiply.outer(state, start)
        state = np.broadcast_to(state, (K, *state.shape))
        if not self._blocks:
            return state
        runs = self._runs.matrices(cos, sin)
        gates = self._gates[0]
        if (self._turned >= 0).any():
            c, s = (table[:, self._turned, None, None] for table in (cos, sin))
            gates = gates + c * self._gates[1] + s * self._gates[2]
        low, high = runs[:, self._low], runs[:, self._high]
        pairs = (high[:, :, :, None, :, None] * low[:, :, None, :, None, :]).reshape(K, len(self._blocks), 16, 16)
        blocks = gates @ pairs
        for g, perm in enumerate(self._perms):
            flat = state.transpose(perm).reshape(K, 16, -1)
            state = (blocks[:, g] @ flat).reshape(K, *(4,) * m)
        return state

    def _read_vector(self, operator: SparsePauliOp) -> Real:
        """(4**m,) the observable seen through the detectors, along the axes of ``axes``.

        A detector turns a letter P into (1 - p01 - p10) P + (p01 - p10) I, whichever letter it is.
        """
        vector = np.zeros((4,) * self.num_qubits)
        for label, weight in operator.simplify().to_list():
            digits = tuple("IXYZ".index(label[-1 - q]) for q in self.axes)
            vector[digits] += np.real(weight)
        for axis, q in enumerate(self.axes):
            p10, p01 = self._readout[q]
            seen = np.diag([1.0, *[1.0 - p01 - p10] * 3])
            seen[0, 1:] = p01 - p10
            vector = np.moveaxis(np.tensordot(seen, vector, (1, axis)), 0, axis)
        return vector.reshape(-1)

    def _born(self, state: Real, bits: Sequence[int]) -> Real:
        """(k, 2**b) probabilities from the expectation values of the strings of I and Z, highest bit first."""
        wanted = [self._measured[bit] for bit in reversed(bits)]
        for axis, q in enumerate(self.axes, start=1):
            state = np.take(state, (0, 3) if q in wanted else (0,), axis=axis)
        state = state.transpose(0, *(1 + self.axes.index(q) for q in (*wanted, *self._unread(wanted))))
        state = state.reshape(len(state), *(2,) * len(wanted))
        for axis, q in enumerate(wanted, start=1):
            p10, p01 = self._readout[q]
            seen = 0.5 * np.array([[1.0, 1.0], [1.0, -1.0]]) @ np.array([[1.0, 0.0], [p01 - p10, 1.0 - p01 - p10]])
            state = np.moveaxis(np.tensordot(seen, state, (1, axis)), 0, axis)
        chances = np.clip(state.reshape(len(state), -1), 0.0, None)
        return chances / chances.sum(axis=1, keepdims=True)

    def _unread(self, wanted: Sequence[int]) -> list[int]:
        return [q for q in self.axes if q not in wanted]


class _Runs:
    """Gates on one qubit in a row, all runs of a circuit made ready to be multiplied out together."""

    def __init__(self, runs: Sequence[Sequence[Channel]]) -> None:
        folded = [_folded(run) for run in runs]
        longest = max(len(turns) for _, turns in folded)
        padded = [[*turns, *[nothing(4)] * (longest - len(turns))] for _, turns in folded]
        self._start = np.stack([start for start, _ in folded])
        self._turns = [
            (np.stack([np.concatenate(run[j][:3]) for run in padded]), np.array([run[j][3] for run in padded]))
            for j in range(longest)
        ]

    def matrices(self, cos: Real, sin: Real) -> Real:
        """(K, R, 4, 4) from the (K, A + 1) cosines and sines."""
        out = np.broadcast_to(self._start, (len(cos), *self._start.shape))
        for parts, angle in self._turns:
            turned = parts @ out
            c, s = cos[:, angle, None, None], sin[:, angle, None, None]
            out = turned[:, :, :4] + c * turned[:, :, 4:8] + s * turned[:, :, 8:]
        return out


def _folded(run: Sequence[Channel]) -> tuple[Real, list[Channel]]:
    """A fixed matrix followed by rotations that contain the fixed gates after them."""
    start, turns = np.eye(4), []
    for A, B, C, angle in run:
        if angle >= 0:
            turns.append((A, B, C, angle))
        elif turns:
            last = turns[-1]
            turns[-1] = (A @ last[0], A @ last[1], A @ last[2], last[3])
        else:
            start = A @ start
    return start, turns


def _schedule(blocks: Sequence[Block], m: int) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
    """How to turn the axes before each block, its high qubit first, and which qubit each axis is at the end."""
    axes = list(range(m - 1, -1, -1))
    perms = []
    for block in blocks:
        low, high = block.qubits
        order = [high, low, *(q for q in axes if q not in block.qubits)]
        perms.append((0, *(1 + axes.index(q) for q in order)))
        axes = order
    return perms, tuple(axes)


def _widened(operator: SparsePauliOp, width: int) -> SparsePauliOp:
    return SparsePauliOp("I" * width).tensor(operator) if width else operator
