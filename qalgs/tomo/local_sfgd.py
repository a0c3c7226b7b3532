"""Local stochastic factored gradient descent, Local SFGD (arXiv 2203.11579).

M machines, each with its own share of the data, take h local steps between two averages of their factors.

Axes: M machines, h local steps, b minibatch, d = 2**n, r rank; the factor U is (d, r).
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import child, generator, one_of, positive_int, real
from qalgs.run import Status, Step
from qalgs.tomo.data import CountsData
from qalgs.tomo.inversion import random_start, spectral_start
from qalgs.tomo.methods import Data
from qalgs.tomo.objectives import LeastSquares, Likelihood, Objective
from qalgs.tomo.operators.allpauli import Factor

_log = logging.getLogger(__name__)

_SPLIT, _START, _DRAWS = 0, 1, 2
"""Keys of the random streams: sharding, the start, and the minibatches (with machine and round)."""
_PLATEAU_ROUNDS = 3
_LARGEST_HALVINGS = 4


@dataclass(frozen=True, eq=False)
class LocalState:
    """Where a run stands after a round: all that is needed to go on."""

    factor: Factor
    """(d, r) average of the machines."""
    round: int = 0
    """Communication rounds completed."""
    halvings: int = 0
    """How often the plateau schedule has halved the step."""
    losses: tuple[float, ...] = ()
    """The losses of every round so far."""
    judged: int = 0
    """How many of them came before the last halving."""


@dataclass(frozen=True)
class LocalSFGD:
    """Local SFGD on counts (likelihood) or on Pauli expectation values (least squares).

    One round: every machine i draws h minibatches of b of its own measurements and takes
    U_i <- U_i - eta_t G_i(U_i) for each; then U = sum_i (m_i / m) U_i (arXiv 2203.11579, with the shards weighted by
    their size m_i, so that the fixed point is the pooled estimate). Only factors travel: M d r numbers each way.
    """

    machines: int = 4
    """M, the machines that share the data; each holds its own measurements."""
    local_steps: int = 10
    """h, the steps a machine takes between two averages; 1 is synchronous stochastic gradient descent."""
    rounds: int = 100
    """The largest number of averages (communication rounds)."""
    batch: int | None = None
    """b, the measurements in a minibatch; None for 10 settings (of counts) or d labels (of Pauli values)."""
    step_size: float = 0.3
    """eta, in units in which the curvature of the loss is of order 1: stable below 1."""
    schedule: Literal["plateau", "constant", "diminishing"] = "plateau"
    """plateau: halve eta whenever the loss stops falling, end after four halvings. constant: eta throughout.
    diminishing: 2 eta / (t + 2) at local step t, theorem 2 of the paper."""
    start: Literal["spectral", "random"] = "spectral"
    """Where U begins: the leading eigenvectors of the linear inversion, or a random factor."""
    floor: float = 0.0
    """White noise mixed into the likelihood's model, in [0, 1)."""
    tol: float = 1e-2
    """plateau: a gain over three rounds below this share of all the gain so far counts as standing still."""

    def __post_init__(self) -> None:
        positive_int(self.machines, "machines")
        positive_int(self.local_steps, "local_steps")
        positive_int(self.rounds, "rounds")
        if self.batch is not None:
            positive_int(self.batch, "batch")
        real(self.step_size, "step_size", above=0, high=2)
        one_of(self.schedule, "schedule", ("plateau", "constant", "diminishing"))
        one_of(self.start, "start", ("spectral", "random"))
        real(self.floor, "floor", low=0, high=0.999)
        real(self.tol, "tol", above=0)

    def iterate(
        self, data: Data, rank: int, *, seed: np.random.SeedSequence, start: Factor | LocalState | None = None
    ) -> Generator[Step, None, Status]:
        """One step per communication round.

        Args:
            data: counts or Pauli values; sharded among the machines.
            rank: columns of the factor.
            seed: the same seed gives the same run, and continues it the same.
            start: a factor to begin from, or the state of an earlier run to continue.

        A round that makes the loss explode is undone and the step halved; a run that goes on diverging ends as FAILED
        with the last good factor.

        Raises:
            ValueError: there are fewer measurements than machines.
        """
        positive_int(self.machines, "machines", maximum=len(data))
        workers = self._workers(data, seed)
        pooled = self._objective(data)
        state = start if isinstance(start, LocalState) else LocalState(self._first(data, rank, seed, start))
        traffic = 2 * self.machines * state.factor.nbytes
        while state.round < self.rounds:
            steps = self._step_sizes(state)
            factors = [worker.run(state.factor, state.round, steps) for worker in workers]
            average = np.sum([worker.share * U for worker, U in zip(workers, factors, strict=True)], axis=0)
            with np.errstate(over="ignore", invalid="ignore"):
                loss = pooled.loss(average)
            diverged = _diverged(loss, state.losses)
            state = self._undone(state) if diverged else self._advanced(state, average, loss)
            metrics = {"loss": loss, "step_size": steps[-1], "bytes": float(state.round * traffic)}
            yield Step(state.round, state, metrics, total=self.rounds)
            if diverged and (self.schedule != "plateau" or state.halvings > _LARGEST_HALVINGS):
                _log.warning("Local SFGD diverged at step size %g: lower `step_size` or raise `batch`.", steps[-1])
                return Status.FAILED
            if state.halvings > _LARGEST_HALVINGS:
                return Status.CONVERGED
        return Status.MAX_STEPS if self.schedule == "plateau" else Status.CONVERGED

    def _workers(self, data: Data, seed: np.random.SeedSequence) -> list[_Worker]:
        shards = data.split(self.machines, generator(seed, _SPLIT))
        return [
            _Worker(self._objective(shard), len(shard) / len(data), self.batch, child(seed, _DRAWS, machine))
            for machine, shard in enumerate(shards)
        ]

    def _objective(self, data: Data) -> Objective:
        return Likelihood(data, floor=self.floor) if isinstance(data, CountsData) else LeastSquares(data)

    def _first(self, data: Data, rank: int, seed: np.random.SeedSequence, start: Factor | None) -> Factor:
        if start is not None:
            return start
        rng = generator(seed, _START)
        if self.start == "random":
            return random_start(1 << data.num_qubits, rank, rng)
        return spectral_start(data.paulis() if isinstance(data, CountsData) else data, rank, rng)

    def _step_sizes(self, state: LocalState) -> NDArray[np.float64]:
        """(h,) step sizes of the next round."""
        if self.schedule == "diminishing":
            t = state.round * self.local_steps + np.arange(self.local_steps)
            return 2 * self.step_size / (t + 2)
        return np.full(self.local_steps, self.step_size / 2**state.halvings)

    def _undone(self, state: LocalState) -> LocalState:
        """The state after a round that diverged: the factor before it, and half the step."""
        return replace(state, round=state.round + 1, halvings=state.halvings + 1, judged=len(state.losses))

    def _advanced(self, state: LocalState, factor: Factor, loss: float) -> LocalState:
        losses, halvings, judged = (*state.losses, loss), state.halvings, state.judged
        recent = losses[judged:]
        if self.schedule == "plateau" and len(recent) >= 2 * _PLATEAU_ROUNDS:
            before, now = (
                np.mean(recent[-2 * _PLATEAU_ROUNDS : -_PLATEAU_ROUNDS]),
                np.mean(recent[-_PLATEAU_ROUNDS:]),
            )
            if before - now < self.tol * max(losses[0] - now, 0.0):
                halvings, judged = halvings + 1, len(losses)
        return LocalState(factor, state.round + 1, halvings, losses, judged)


def _diverged(loss: float, losses: Sequence[float]) -> bool:
    """Whether a round made the loss worse than it ever should be."""
    if not np.isfinite(loss):
        return True
    return len(losses) > 0 and loss > losses[0] + max(abs(losses[0]), 1.0)


@dataclass(frozen=True, eq=False)
class _Worker:
    """One machine: its shard, its weight m_i / m in the average, and its stream of minibatches."""

    objective: Objective
    share: float
    batch: int | None
    seed: np.random.SeedSequence

    def run(self, factor: Factor, round_index: int, step_sizes: Sequence[float] | NDArray[np.float64]) -> Factor:
        """The factor after this machine's local steps of round ``round_index``."""
        size = self.objective.size
        batch = min(size, self.objective.default_batch if self.batch is None else self.batch)
        rng = generator(self.seed, round_index)
        with np.errstate(over="ignore", invalid="ignore"):  # a round that diverges is undone by the caller
            for step_size in step_sizes:
                indices = None if batch == size else rng.integers(size, size=batch)
                factor = factor - step_size * self.objective.direction(factor, indices)
        return factor
