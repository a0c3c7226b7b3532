"""Local stochastic factored gradient descent, Local SFGD (arXiv 2203.11579).

M machines, each with its own share of the data, take h local steps between two averages of their factors.

Axes: M machines, h local steps, b minibatch, d = 2**n, r rank; the factor U is (d, r).
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qalgs.backends import ExecutionError
from qalgs.checks import argument, child, generator, one_of, positive_int, real
from qalgs.engines import EngineLike, Session, check_engine, get_engine
from qalgs.run import Callback, Status, Step
from qalgs.tomo.data import CountsData
from qalgs.tomo.methods.base import Data
from qalgs.tomo.methods.checkpoint import LocalState as LocalState
from qalgs.tomo.methods.checkpoint import identity, open_run, written
from qalgs.tomo.methods.machines import Machine, Reply, RoundSpec, pooled, weights_of
from qalgs.tomo.methods.starting import Start, check_settings, first_factor
from qalgs.tomo.operators.allpauli import Factor

_log = logging.getLogger(__name__)

_SPLIT, _START, _DRAWS = 0, 1, 2
"""Keys of the random streams: sharding, the start, and the minibatches (with machine and round)."""
_PLATEAU_ROUNDS = 3
_LARGEST_HALVINGS = 4
_FREE = ("rounds", "engine", "deadline", "checkpoint", "resume")
"""Settings that do not change the course of a run, and may differ when it is resumed."""


@dataclass(frozen=True)
class LocalSFGD:
    """Local SFGD on counts (likelihood) or on Pauli expectation values (least squares).

    One round: every machine i draws h minibatches of b of its own measurements and takes
    U_i <- U_i - eta_t G_i(U_i) for each; then U = sum_i w_i U_i (arXiv 2203.11579, with the shards weighted by their
    share w_i of the shots or labels, so that the fixed point is the pooled estimate). Only factors travel: M d r
    numbers each way. The loss of a factor comes back with the round that it begins, so a change of step takes effect
    one round late, and after the last round the average goes out once more to be judged.
    """

    machines: int = 4
    """M, the machines that share the data; each holds its own measurements."""
    local_steps: int = 10
    """h, the steps a machine takes between two averages; 1 is synchronous stochastic gradient descent."""
    rounds: int = 100
    """The largest number of averages (communication rounds)."""
    batch: int | None = None
    """b, the measurements in a minibatch; None for 10 settings (of counts) or d labels (of Pauli values)."""
    step_size: float = 0.5
    """eta, in units in which the curvature of the loss is of order 1: stable below 1."""
    step_units: Literal["normalised", "paper"] = "normalised"
    """paper: eta is d times as large, as in the figures of arXiv 2203.11579; for Pauli values only."""
    schedule: Literal["plateau", "constant", "diminishing"] = "plateau"
    """plateau: halve eta whenever the loss stops falling, end after four halvings. constant: eta throughout.
    diminishing: 2 eta / (t + 2) at local step t, theorem 2 of the paper."""
    start: Start = "spectral"
    """Where U begins: the leading eigenvectors of the linear inversion, or a random factor."""
    align: Literal["none", "procrustes"] = "none"
    """procrustes: machines rotate U_i onto the last average before it is averaged; for rank 2 and many local steps."""
    floor: float = 0.0
    """White noise mixed into the likelihood's model, in [0, 1)."""
    tol: float = 3e-3
    """plateau: a gain over three rounds below this share of all the gain so far counts as standing still."""
    engine: EngineLike = "inprocess"
    """Where the machines are: inprocess, mpi (ranks), ray (actors), or an engine object. The numbers are the same."""
    deadline: float | None = None
    """Seconds after which a round goes on without the machines that are late, if half of them have answered; such a
    run depends on the clock. None waits for all."""
    checkpoint: str | Path | None = None
    """File for the state after every round."""
    resume: bool = False
    """Continue the run in `checkpoint`, exactly as it would have gone on."""

    def __post_init__(self) -> None:
        positive_int(self.machines, "machines")
        positive_int(self.local_steps, "local_steps")
        positive_int(self.rounds, "rounds")
        if self.batch is not None:
            positive_int(self.batch, "batch")
        one_of(self.step_units, "step_units", ("normalised", "paper"))
        real(self.step_size, "step_size", above=0, high=2 if self.step_units == "normalised" else None)
        one_of(self.schedule, "schedule", ("plateau", "constant", "diminishing"))
        one_of(self.align, "align", ("none", "procrustes"))
        check_settings(self)
        check_engine(self.engine, self.deadline)
        if self.resume and self.checkpoint is None:
            raise ValueError(argument("checkpoint", "be given with `resume`", "it is None"))

    def unsaved(self) -> LocalSFGD:
        """The same method without its file, for runs beside the one that is to be saved: refits, other ranks."""
        return replace(self, checkpoint=None, resume=False)

    def iterate(
        self, data: Data, rank: int, *, seed: np.random.SeedSequence, start: Factor | LocalState | None = None
    ) -> Generator[Step, None, Status]:
        """One step per communication round.

        A round that makes the loss explode is undone and the step halved; a run that goes on diverging ends as FAILED
        with the last good factor. A resumed run begins with the step it had reached.

        Args:
            data: counts or Pauli values; sharded among the machines.
            rank: columns of the factor.
            seed: the same seed gives the same run, and continues it the same.
            start: a factor to begin from, or the state of an earlier run to continue.

        Raises:
            ValueError: there are fewer measurements than machines; the checkpoint is that of another run, or is there
                already and `resume` is not set; the start has no finite loss.
            CapabilityError: what the engine needs is not installed.
            ExecutionError: a machine failed or was lost for good.
        """
        positive_int(self.machines, "machines", maximum=len(data))
        scale = self._scale(data)
        engine = get_engine(self.engine)
        saved, write = self._file(data, rank, seed, start)
        state = saved or self._first(data, rank, seed, start)
        shards = data.split(self.machines, generator(seed, _SPLIT))
        session = engine.place(self._placed(shards, seed), deadline=self.deadline)
        told = state.round - 1 if saved else state.round
        try:
            return (yield from written(self._rounds(session, weights_of(shards), scale, state, told), write))
        except ExecutionError as error:
            kept = "" if write is None else f" The last finished round is in {self.checkpoint}: go on with `resume`."
            raise ExecutionError(f"{error}{kept}") from error
        finally:
            session.close()

    def _rounds(
        self,
        session: Session[Factor, RoundSpec, Reply],
        weights: NDArray[np.float64],
        scale: float,
        state: LocalState,
        told: int,
    ) -> Generator[Step, None, Status]:
        """The steps after round ``told``, each once its loss is known."""
        good = state.factor
        while True:
            ended = state.round >= self.rounds or state.halvings > _LARGEST_HALVINGS
            steps = np.zeros(0) if ended else self._step_sizes(state)
            before = session.bytes
            replies = session.round([state.factor] * self.machines, RoundSpec(state.round, scale * steps))
            loss, average = pooled(replies, weights)
            diverged = _diverged(loss, state.losses)
            if diverged and not state.losses:
                raise ValueError(argument("start", "be a factor with a finite loss", f"its loss is {loss}"))
            if diverged:
                state = replace(state, factor=good, halvings=state.halvings + 1, judged=len(state.losses))
            if state.round > told:
                told = state.round
                yield Step(told, state, self._metrics(state, loss), total=self.rounds)
            if diverged and (self.schedule != "plateau" or state.halvings > _LARGEST_HALVINGS):
                _log.warning("Diverged at step size %g: lower `step_size` or raise `batch`.", state.step_size)
                return Status.FAILED
            if average is None and not diverged:
                finished = self.schedule != "plateau" or state.halvings > _LARGEST_HALVINGS
                return Status.CONVERGED if finished else Status.MAX_STEPS
            if average is not None and not diverged:
                good, late = state.factor, self.machines - len(replies)
                state = self._advanced(state, average, loss)
                state = replace(
                    state,
                    step_size=float(steps[-1]),
                    bytes=state.bytes + session.bytes - before,
                    late=state.late + late,
                )

    def _file(
        self, data: Data, rank: int, seed: np.random.SeedSequence, start: Factor | LocalState | None
    ) -> tuple[LocalState | None, Callback | None]:
        """The state to resume from, and what writes the next ones."""
        if self.checkpoint is None:
            return None, None
        course = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _FREE}
        return open_run(self.checkpoint, identity(data, rank, seed, start, course), resume=self.resume)

    def _placed(self, shards: Sequence[Data], seed: np.random.SeedSequence) -> list[Machine]:
        align = self.align == "procrustes"
        return [
            Machine(i, shard, child(seed, _DRAWS, i), batch=self.batch, floor=self.floor, align=align)
            for i, shard in enumerate(shards)
        ]

    def _scale(self, data: Data) -> float:
        """What turns ``step_size`` into normalised units."""
        if self.step_units == "normalised":
            return 1.0
        if isinstance(data, CountsData):
            raise ValueError(argument("step_units", "be 'normalised' for counts", "it is 'paper'"))
        dim = 1 << data.num_qubits
        real(self.step_size / dim, "step_size", high=2)
        return 1 / dim

    def _first(
        self, data: Data, rank: int, seed: np.random.SeedSequence, start: Factor | LocalState | None
    ) -> LocalState:
        if isinstance(start, LocalState):
            return start
        return LocalState(first_factor(data, rank, self.start, start, generator(seed, _START)))

    def _step_sizes(self, state: LocalState) -> NDArray[np.float64]:
        """(h,) step sizes of the next round."""
        if self.schedule == "diminishing":
            t = state.round * self.local_steps + np.arange(self.local_steps)
            return 2 * self.step_size / (t + 2)
        return np.full(self.local_steps, self.step_size / 2**state.halvings)

    def _advanced(self, state: LocalState, factor: Factor, loss: float) -> LocalState:
        """The state after one more round, its step halved where the losses stand still."""
        moved = replace(state, factor=factor, round=state.round + 1, losses=(*state.losses, loss))
        recent = moved.losses[state.judged :]
        if self.schedule != "plateau" or len(recent) < 2 * _PLATEAU_ROUNDS:
            return moved
        before, now = np.mean(recent[-2 * _PLATEAU_ROUNDS : -_PLATEAU_ROUNDS]), np.mean(recent[-_PLATEAU_ROUNDS:])
        if before - now >= self.tol * max(moved.losses[0] - now, 0.0):
            return moved
        return replace(moved, halvings=state.halvings + 1, judged=len(moved.losses))

    def _metrics(self, state: LocalState, loss: float) -> dict[str, float]:
        late = {} if self.deadline is None else {"late": float(state.late)}
        return {"loss": loss, "step_size": state.step_size, "bytes": float(state.bytes)} | late


def _diverged(loss: float, losses: Sequence[float]) -> bool:
    """Whether a round made the loss worse than it ever should be."""
    if not np.isfinite(loss):
        return True
    return len(losses) > 0 and loss > losses[0] + max(abs(losses[0]), 1.0)
