"""Answers from shots, on any backend: energies, cross terms and their derivatives.

Axes: m points of a question, p parameters, a gate angles, t of them that move, q parents.

Derivatives are taken by gate angle and lead to the parameters by the chain rule, so parameters may be shared and angles
affine in them. Those of energies follow dE/dx = (E(x + pi/2) - E(x - pi/2)) / 2, those of the comparisons with the
parents the rules in ``comparison``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import BackendLike, get
from qalgs.checks import RngLike, argument, as_seed_sequence, child, finite_array, one_of, positive_int
from qalgs.eigen.comparison import Comparison, Interference, Overlap, two_terms
from qalgs.eigen.deflation import Cross
from qalgs.eigen.estimator import Answer, Question
from qalgs.eigen.frame import are_real, read_players
from qalgs.eigen.interference import ansatz_angles, ansatz_circuit
from qalgs.eigen.measurement import Measurement, Moments, energy_readings
from qalgs.eigen.shots import ShotPolicy
from qalgs.evaluation import Cost
from qalgs_backends.program import check_observables

Real = NDArray[np.float64]

_QUESTIONS, _PAIR = 0, 1
"""Keys of the random streams."""
_INTERFERENCE_QUBITS = 8
_QUARTER = np.pi / 2


@dataclass(frozen=True, eq=False)
class _Asked:
    """A question in gate angles."""

    question: Question
    base: Real
    """(m, a)."""
    parents: tuple[tuple[int, Real], ...]
    """Player and (1, a) gate angles of each."""
    turning: NDArray[np.intp]
    """(t,) gate angles to shift; none without a gradient."""
    chain: Real
    """(t, p) derivatives of these angles by the parameters."""
    comparison: Comparison
    """With the parents."""

    def rows(self, shifts: tuple[float, ...]) -> Real:
        """(R, a): for every point, the point itself, and then each angle that moves shifted by each of the shifts."""
        rows = np.repeat(self.base[:, None], 1 + len(self.turning) * len(shifts), axis=1)
        for i, angle in enumerate(self.turning):
            for k, shift in enumerate(shifts):
                rows[:, 1 + i * len(shifts) + k, angle] += shift
        return rows.reshape(-1, rows.shape[-1])


class SampledEstimator:
    """Answers questions with shots on a backend."""

    exact = False

    def __init__(
        self,
        circuits: Sequence[QuantumCircuit],
        hamiltonian: SparsePauliOp,
        backend: BackendLike,
        *,
        shots: int | ShotPolicy,
        cross: Literal["auto", "interference", "overlap"] = "auto",
        rescale: bool = False,
        rng: RngLike = None,
    ) -> None:
        """Read the circuits; they are compiled when they are first needed.

        Args:
            circuits: one per player, on n qubits, with the same two-qubit gates in the same order; gates on one qubit
                may differ, such as the X gates of a reference state.
            hamiltonian: Hermitian, on n qubits.
            backend: a name, a backend, or a Qiskit ``BackendV2``.
            shots: per basis of an energy, or what to spend on what.
            cross: how a player is compared with its parents. "interference" measures <psi_j|H|psi> and <psi_j|psi> on
                n + 1 qubits; "overlap" measures |<psi_j|psi>|^2 by running one circuit and the inverse of the other,
                which is shorter but gives no cross terms; "auto" is the first up to 8 qubits, except that rules which
                need overlaps only are measured by the second.
            rescale: divide the cross terms with each parent by <psi_j|psi_j> as measured by the same circuit, which is
                below 1 on a noisy machine; costs one more circuit per parent, question and basis.
            rng: seeds the shots: the shots of a question are a function of it and the question's key, and where
                questions share a job, of the keys of them all.

        Raises:
            TypeError: an argument is of the wrong kind.
            ValueError: circuits do not go together, have no parameters, or do not fit the operator or the backend.
            CapabilityError: a circuit holds something that is not a gate.
        """
        self.policy = shots if isinstance(shots, ShotPolicy) else ShotPolicy(positive_int(shots, "shots", minimum=2))
        one_of(cross, "cross", ("auto", "interference", "overlap"))
        self._frame, self._players = read_players(circuits)
        n = self._frame.num_qubits
        (self._hamiltonian,) = check_observables(hamiltonian, n)
        self._backend = get(backend)
        wide = cross == "auto" and n > _INTERFERENCE_QUBITS
        self.measures: Literal["cross", "overlap"] = "overlap" if cross == "overlap" or wide else "cross"
        self._always_interfere = cross == "interference"
        widest, needed = self._backend.capabilities.num_qubits, n + (self.measures == "cross")
        if needed > widest:
            raise ValueError(
                argument("backend", f"have at least {needed} qubits", f"{self._backend.name} has {widest}")
            )
        for k, player in enumerate(self._players):
            if not player.angles.parameters:
                raise ValueError(argument(f"circuits[{k}]", "have at least one parameter", "it has none"))
        if not isinstance(rescale, bool):
            raise TypeError(argument("rescale", "be True or False", f"it is {rescale!r}"))
        num_y = (self._hamiltonian.paulis.x & self._hamiltonian.paulis.z).sum(axis=1)
        real = not np.any(num_y % 2) and are_real(circuits)
        machine = self._frame, self._players, self._backend, self.policy
        self._overlap = Overlap(*machine)
        self._interference = Interference(*machine, hamiltonian=self._hamiltonian, real=real, rescale=rescale)
        self._seed = as_seed_sequence(rng)

    def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers; where jobs wait in a queue, all questions share one job per kind of circuit.

        Raises:
            ValueError: a question does not fit the players, or needs cross terms that are not measured here.
            CapabilityError: a gradient is wanted and an angle is not affine in the parameters.
            ExecutionError: the backend failed, or noise leaves nothing to rescale by.
        """
        asked = [self._asked(question) for question in questions]
        if self._backend.capabilities.remote:
            return self._answers(asked)
        return [answer for one in asked for answer in self._answers([one])]

    def variance(self, player: int, point: Real) -> None:
        """None: <H^2> would cost circuits of its own."""

    def pair(self, left: tuple[int, Real], right: tuple[int, Real], *, key: tuple[int, ...] = ()) -> tuple[Cross, Cost]:
        """<left|H|right> and <left|right> with the shots for matrices; of a state with itself, its energy and 1.

        Raises:
            ValueError: a player or point does not fit.
            ExecutionError: the backend failed, or noise leaves nothing to rescale by.
        """
        seed, shots = child(self._seed, _PAIR, *key), self.policy.matrix_shots
        (i, x), (j, y) = ((player, self._gate_angles(player, np.atleast_2d(point))) for player, point in (left, right))
        if i == j and np.array_equal(x, y):
            got = self._energy(ansatz_angles(self._frame, self._players[i].unitaries(x)[0]), shots, seed)
            zero = np.zeros(1)
            energy, variance = got.mean[:, 0].astype(complex), got.covariance[:, 0, 0]
            return Cross(energy, np.ones(1, complex), variance, zero, zero), got.cost
        comparison = self._overlap if self.measures == "overlap" else self._interference
        got = comparison.measurement(comparison.rows((i, x), j, y), shots, seed)
        return comparison.cross(got), got.cost

    @cached_property
    def _energy(self) -> Measurement:
        readings = energy_readings(self._hamiltonian)
        return Measurement(self._backend, ansatz_circuit(self._frame), readings, self.policy)

    def _gate_angles(self, player: int, points: Any) -> Real:
        player = positive_int(player, "player", minimum=0, maximum=len(self._players) - 1)
        branch = self._players[player]
        table, p = finite_array(points, "points", ndim=2), len(branch.angles.parameters)
        if table.shape[1] != p or not len(table):
            must = f"have shape (m, {p}) for the parameters of player {player}"
            raise ValueError(argument("points", must, f"its shape is {table.shape}"))
        return branch.gate_angles(table)

    def _asked(self, question: Question) -> _Asked:
        base = self._gate_angles(question.player, question.points)
        needs, parents = question.deflation.needs, question.parents
        if needs == "cross" and self.measures == "overlap" and len(parents):
            must = "need overlaps only, as nothing else is measured here"
            raise ValueError(argument("deflation", must, f"it is {question.deflation}"))
        by_overlap = self.measures == "overlap" or (needs == "overlap" and not self._always_interfere)
        # Without parents either will do, but only the interference takes every rule.
        comparison = self._overlap if by_overlap and len(parents) else self._interference
        there = tuple(
            (player, self._gate_angles(player, params[None]))
            for player, params in zip(parents.players, parents.params, strict=True)
        )
        angles, turning = self._players[question.player].angles, np.zeros(0, np.intp)
        if question.gradient:
            angles.pull_back(np.zeros((len(angles.offset), 1)))  # refuses angles that are not affine
            turning = self._players[question.player].turning
        return _Asked(question, base, there, turning, angles.matrix[turning], comparison)

    def _answers(self, asked: Sequence[_Asked]) -> list[Answer]:
        words = [word for one in asked for word in (len(one.question.key), *one.question.key)]
        seed = child(self._seed, _QUESTIONS, *words)
        energies = [[self._energy_rows(one)] for one in asked]
        measured = _together(lambda: self._energy, energies, self.policy.energy, child(seed, 0))
        compared: list[list[Moments]] = [[] for _ in asked]
        for k, comparison in enumerate((self._interference, self._overlap)):
            chosen = [i for i, one in enumerate(asked) if one.comparison is comparison]
            rows = [_parent_rows(asked[i]) for i in chosen]
            shots, key = self.policy.cross_shots, child(seed, 1 + k)
            parts = _together(lambda which=comparison: which.measurement, rows, shots, key)
            for i, part in zip(chosen, parts, strict=True):
                compared[i] = part
        return [_answer(one, e, parents) for one, (e,), parents in zip(asked, measured, compared, strict=True)]

    def _energy_rows(self, asked: _Asked) -> Real:
        branch = self._players[asked.question.player]
        return ansatz_angles(self._frame, branch.unitaries(asked.rows((_QUARTER, -_QUARTER)))[0])


def _parent_rows(asked: _Asked) -> list[Real]:
    """For each parent, the rows of the job that compares it with the player."""
    if not asked.parents:
        return []
    right = asked.rows(asked.comparison.shifts)
    return [asked.comparison.rows(parent, asked.question.player, right) for parent in asked.parents]


def _together(
    measurement: Callable[[], Measurement],
    blocks: Sequence[Sequence[Real]],
    shots: int,
    seed: np.random.SeedSequence,
) -> list[list[Moments]]:
    """All blocks of all questions measured at once, and handed back as they came."""
    sizes = [len(block) for row in blocks for block in row]
    if not sizes:
        return [[] for _ in blocks]
    got = measurement()(np.concatenate([block for row in blocks for block in row]), shots, seed)
    ends = np.cumsum(sizes)
    parts = iter([got.rows(int(end) - size, int(end)) for end, size in zip(ends, sizes, strict=True)])
    return [[next(parts) for _ in row] for row in blocks]


def _answer(asked: _Asked, energy: Moments, parents: Sequence[Moments]) -> Answer:
    question, m, t = asked.question, len(asked.base), len(asked.turning)
    pulled = asked.comparison.pulled(question, parents, asked.chain)
    value, var = (x.reshape(m, 1 + 2 * t) for x in (energy.mean[:, 0], energy.covariance[:, 0, 0]))
    slope, slope_var = two_terms(value[:, 1:], var[:, 1:])
    gradient = gradient_err = None
    if question.gradient:
        gradient = (slope + pulled.slope) @ asked.chain
        gradient_err = np.sqrt((slope_var + pulled.slope_var) @ asked.chain**2 + pulled.common_var)
    cost = sum((part.cost for part in parents), energy.cost)
    counted = {
        "energies": m * (1 + 2 * t),
        "cross": len(parents) * m * (1 + len(asked.comparison.shifts) * t),
        "gradients": m if question.gradient else 0,
        "circuits": cost.circuits,
    }
    return Answer(
        value[:, 0] + pulled.value,
        np.sqrt(var[:, 0] + pulled.value_var),
        value[:, 0],
        np.sqrt(var[:, 0]),
        pulled.crosses,
        gradient,
        gradient_err,
        cost,
        counted,
    )
