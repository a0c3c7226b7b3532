"""Parallel deflation: every worker refines its own levels against the latest the others have broadcast.

Axes: d dimension, k players, W workers; worker w has the players lo..hi-1.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import positive_int
from qalgs.eigen.classical.base import Climb, Vectors, arrived, round_metrics
from qalgs.eigen.classical.matrix import Array, Deflated, Gain, inner, normalised, rayleigh
from qalgs.engines import EngineLike, check_engine, get_engine
from qalgs.run import Status, Step


@dataclass(frozen=True, eq=False)
class Players:
    """What a worker is told: all players up to its own last one, and their values."""

    vectors: Array
    """(d, hi) unit columns."""
    values: NDArray[np.float64]
    """(hi,) <v|M|v>."""

    @property
    def nbytes(self) -> int:
        """Bytes of both."""
        return self.vectors.nbytes + self.values.nbytes


@dataclass(frozen=True, eq=False)
class Refined(Players):
    """What a worker answers: its own players after the local steps."""

    index: int
    """The worker's."""
    slopes: NDArray[np.float64]
    """(hi - lo,) norms of their gradients before the steps, against what the worker was told."""


@dataclass(frozen=True, eq=False)
class Refiner:
    """A task for any engine: M, and which of the players to refine."""

    index: int
    M: Gain
    lo: int
    hi: int

    def build(self) -> Refiner:
        """Nothing has to be prepared."""
        return self

    def run(self, told: Players, local_steps: int) -> Refined:
        """Power iteration on M - sum_{j<i} lambda_j v_j v_j^dagger for each of its players in turn.

        A player sees those of its own worker as they are now, and all others as they were broadcast.
        """
        V, values = told.vectors.copy(), told.values.copy()
        slopes = np.zeros(self.hi - self.lo)
        for i in range(self.lo, self.hi):
            D = Deflated(self.M, V[:, :i], values[:i])
            image = D.apply(V[:, i])
            slopes[i - self.lo] = 2 * np.linalg.norm(image - inner(V[:, i], image) * V[:, i])
            for _ in range(local_steps - 1):
                image = D.apply(normalised(image, V[:, i]))
            V[:, i] = normalised(image, V[:, i])
            values[i] = inner(V[:, i], self.M.apply(V[:, i]))
        return Refined(V[:, self.lo :], values[self.lo :], self.index, slopes)


@dataclass(frozen=True)
class ParallelDeflation(Climb):
    """Parallel deflation (Liao, Su and Kyrillidis, arXiv 2502.17615): all levels are refined at the same time.

    In a round, the worker of player i takes T steps of power iteration on M - sum_{j<i} lambda_j v_j v_j^dagger with
    the v_j and lambda_j = v_j^dagger M v_j of the last round, then broadcasts its vector. A child converges once its
    parents have; until then it follows them, so that the rounds of all levels overlap.

    Raises:
        TypeError: a setting has the wrong type.
        ValueError: a setting is out of its range.

    Example:
        >>> method = ParallelDeflation(local_steps=3)
        >>> steps = list(method.iterate(np.diag([0.0, 1.0, 3.0]), 2, seed=np.random.SeedSequence(1)))
        >>> steps[-1].state.energies.round(6) + 0.0
        array([0., 1.])
    """

    workers: int | None = None
    """W, each with a block of the players, which it refines in turn; no more than k of them, and k when None."""
    local_steps: int = 5
    """T, the steps between two broadcasts."""
    engine: EngineLike = "inprocess"
    """Where the workers are: inprocess, mpi (ranks), ray (actors), or an engine object. The numbers are the same."""
    deadline: float | None = None
    """Seconds after which a round goes on without the workers that are late, if half of them have answered; the
    players of the late stay where they were, and such a run depends on the clock. None waits for all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.workers is not None:
            positive_int(self.workers, "workers")
        positive_int(self.local_steps, "local_steps")
        check_engine(self.engine, self.deadline)

    def iterate(
        self, H: Any, k: int, *, seed: np.random.SeedSequence, start: Array | None = None
    ) -> Generator[Step, None, Status]:
        """One step per round; the metrics are gradient_norm (before the round), energy_0 to energy_<k-1>, and bytes.

        Args:
            H: Hermitian matrix, see ``as_matrix``.
            k: levels, in 1..d.
            seed: draws the vectors to begin from.
            start: (d, k) vectors to begin from instead.

        Raises:
            ValueError: an argument is out of range.
            CapabilityError: what the engine needs is not installed.
            ExecutionError: a worker failed or was lost for good.
        """
        M, V = self._begin(H, k, seed, start)
        workers = k if self.workers is None else min(self.workers, k)
        bounds = np.linspace(0, k, workers + 1).round().astype(int).tolist()
        tasks = [Refiner(w, M, lo, hi) for w, (lo, hi) in enumerate(pairwise(bounds))]
        values = rayleigh(V, M.apply(V))
        session = get_engine(self.engine).place(tasks, deadline=self.deadline)
        try:
            for index in range(1, self.max_steps + 1):
                told = [Players(V[:, : task.hi], values[: task.hi]) for task in tasks]
                answers = session.round(told, self.local_steps)
                before, V, values = V, V.copy(), values.copy()
                for answer in answers:
                    mine = slice(tasks[answer.index].lo, tasks[answer.index].hi)
                    V[:, mine], values[mine] = answer.vectors, answer.values
                slope = max(float(answer.slopes.max()) for answer in answers)
                state = Vectors(V, M.c - values)
                metrics = round_metrics(state, slope) | {"bytes": float(session.bytes)}
                yield Step(index, state, metrics, total=self.max_steps)
                if len(answers) == workers and slope <= self.tolerance * M.norm and arrived(before):
                    return Status.CONVERGED
            return Status.MAX_STEPS
        finally:
            session.close()
