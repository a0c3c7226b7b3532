"""Numbers with their covariances from the counts of several bases.

Axes: R rows (points of one circuit), G bases, o numbers read, b angles of a basis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import Backend, Cost, basis_angles, with_basis_change
from qalgs.checks import child
from qalgs.eigen.shots import ShotPolicy
from qalgs_backends.grouping import group

Real = NDArray[np.float64]
Read = Callable[[NDArray[np.uint64], float], Real]
"""From (X,) outcomes to the (X, o) numbers they stand for, given the basis' share of what several bases measure."""


@dataclass(frozen=True, eq=False)
class Readings:
    """o numbers, each the sum of what is read in G bases and a constant."""

    angles: Real
    """(G, b) angles of the bases."""
    read: tuple[Read, ...]
    """For each basis, what its outcomes stand for."""
    pool: NDArray[np.intp]
    """(G,) bases with the same number here measure something in common, each with its share of their shots."""
    constants: Real
    """(o,)."""


@dataclass(frozen=True, eq=False)
class Moments:
    """R measured rows."""

    mean: Real
    """(R, o)."""
    covariance: Real
    """(R, o, o) of the means."""
    cost: Cost

    def rows(self, first: int, last: int) -> Moments:
        """Some of the rows with their share of the cost; the jobs go with the first row."""
        share = (last - first) / len(self.mean)
        cost = Cost(
            round(self.cost.shots * share),
            round(self.cost.circuits * share),
            self.cost.jobs if first == 0 else 0,
            self.cost.quantum_seconds * share,
            self.cost.wall_seconds * share,
        )
        return Moments(self.mean[first:last], self.covariance[first:last], cost)


class Measurement:
    """A circuit on a backend, and what is read from it."""

    def __init__(self, backend: Backend, circuit: QuantumCircuit, readings: Readings, policy: ShotPolicy) -> None:
        """Compile the circuit with a change of basis, where the readings have more than the Z basis."""
        own, basis = tuple(circuit.parameters), ()
        if readings.angles.shape[1]:
            circuit, basis = with_basis_change(circuit)
        self._backend, self._readings, self._pilot = backend, readings, policy.pilot
        self._program = backend.prepare(circuit)
        columns = {parameter: j for j, parameter in enumerate((*own, *basis))}
        self._order = [columns[parameter] for parameter in self._program.parameters]
        remote = backend.capabilities.remote
        self._weighted = policy.allocation == "variance" or (policy.allocation == "auto" and not remote)

    def __call__(self, points: Real, shots: int, seed: np.random.SeedSequence) -> Moments:
        """The numbers at the (R, p) points, ``shots`` for each basis on average."""
        G = len(self._readings.read)
        equal = self._shares(np.full(G, shots))
        if G == 1 or not self._weighted or shots < 4:
            means, spreads, cost = self._run(points, range(G), equal, shots, seed)
            return self._total(means, spreads / shots, cost)
        first = min(max(2, round(self._pilot * shots)), shots - 2)
        means, spreads, cost = self._run(points, range(G), equal, first, child(seed, 0))
        # The weights of the two parts do not depend on what the pilot saw, so the mean is free of bias.
        part = first / shots
        mean, variance = part * means, part**2 * spreads / first
        rest = _shared(np.sqrt(np.trace(spreads, axis1=2, axis2=3).mean(axis=0)), G * (shots - first))
        shares = self._shares(rest)
        for g in range(G):
            means, spreads, spent = self._run(points, [g], shares, int(rest[g]), child(seed, 1 + g))
            mean[:, g] += (1 - part) * means[:, 0]
            variance[:, g] += (1 - part) ** 2 * spreads[:, 0] / rest[g]
            cost = cost + spent
        return self._total(mean, variance, cost)

    def _shares(self, shots: NDArray[Any]) -> Real:
        """(G,) each basis' part of the shots of its pool."""
        return shots / np.bincount(self._readings.pool, shots)[self._readings.pool]

    def _run(
        self, points: Real, bases: Sequence[int], shares: Real, shots: int, seed: np.random.SeedSequence
    ) -> tuple[Real, Real, Cost]:
        """(R, g, o) means, (R, g, o, o) covariances of single shots, in one job."""
        g, R = len(bases), len(points)
        rows = np.hstack([np.repeat(points, g, axis=0), np.tile(self._readings.angles[list(bases)], (R, 1))])
        counts = self._backend.sample(self._program, rows[:, self._order], shots=shots, rng=seed)
        o = len(self._readings.constants)
        means, spreads = np.empty((R * g, o)), np.empty((R * g, o, o))
        for row, outcome in enumerate(counts.outcomes):
            basis = bases[row % g]
            outcomes = np.fromiter(outcome.keys(), np.uint64, len(outcome))
            times = np.fromiter(outcome.values(), float, len(outcome))
            means[row], spreads[row] = _moments(self._readings.read[basis](outcomes, shares[basis]), times)
        return means.reshape(R, g, o), spreads.reshape(R, g, o, o), counts.cost

    def _total(self, means: Real, variances: Real, cost: Cost) -> Moments:
        return Moments(self._readings.constants + means.sum(axis=1), variances.sum(axis=1), cost)


def energy_readings(hamiltonian: SparsePauliOp) -> Readings:
    """<H>, in the qubit-wise commuting groups of its Paulis."""
    grouping = group([hamiltonian])
    parts = zip(grouping.masks, grouping.weights, strict=True)
    read = tuple(_signs(masks, weights, np.zeros_like(weights)) for masks, weights in parts)
    return Readings(grouping.angles, read, np.zeros(len(read), np.intp), grouping.constants)


def cross_readings(hamiltonian: SparsePauliOp, *, real: bool) -> Readings:
    """Re h, Re s, Im h, Im s of an interference state, h = <left|H|right>, s = <left|right>; the ancilla is qubit n.

    Every basis measures s, which they have in common; the identity's part of h is a multiple of it. With ``real`` the
    imaginary parts are 0 and not measured.
    """
    n, grouping = int(hamiltonian.num_qubits or 0), group([hamiltonian])
    constant, ancilla = grouping.constants[0], np.uint64(1 << n)
    angles, read = [], []
    for part in (0,) if real else (0, 1):
        turn = basis_angles(np.array([part == 0]), np.array([part == 1]))
        for basis, masks, weights in zip(grouping.angles, grouping.masks, grouping.weights, strict=True):
            angles.append(np.concatenate([basis[:n], turn[:1], basis[n:], turn[1:]]))
            own, common = np.zeros((2, len(masks) + 1, 4))
            own[:-1, 2 * part] = weights[:, 0]
            common[-1, 2 * part : 2 * part + 2] = constant, 1
            read.append(_signs(np.append(masks | ancilla, ancilla), own, common))
    pool = np.repeat(np.arange(1 if real else 2), grouping.num_bases)
    return Readings(np.array(angles), tuple(read), pool, np.zeros(4))


def overlap_readings() -> Readings:
    """The probability of the outcome 0 of all qubits."""
    return Readings(
        np.zeros((1, 0)), (lambda x, _: (x == 0).astype(float)[:, None],), np.zeros(1, np.intp), np.zeros(1)
    )


def _signs(masks: NDArray[np.uint64], own: Real, common: Real) -> Read:
    """From outcomes x to sum_t weight_t (-1)^|x & masks_t|, the weights being (T, o) own + share * common."""
    return lambda x, share: (1.0 - 2.0 * (np.bitwise_count(x[:, None] & masks) & 1)) @ (own + share * common)


def _moments(values: Real, times: Real) -> tuple[Real, Real]:
    """(o,) mean and (o, o) covariance of single shots, from (X, o) values that occurred so many times."""
    shots = times.sum()
    mean = times @ values / shots
    centred = values - mean
    return mean, (centred.T * times) @ centred / (shots - 1)


def _shared(spread: Real, total: int) -> NDArray[np.int64]:
    """``total`` shots in proportion to the (G,) spreads, at least a tenth of an equal share each."""
    floor = max(2, total // (10 * len(spread)))
    weights = spread / spread.sum() if spread.sum() > 0 else np.full(len(spread), 1 / len(spread))
    shots = floor + np.floor((total - floor * len(spread)) * weights).astype(np.int64)
    shots[np.argmax(shots)] += total - shots.sum()
    return shots
