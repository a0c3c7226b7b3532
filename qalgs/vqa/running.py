"""The loop of a variational run: stages of one optimizer on objectives that change with the placement.

Axes: m points of a question, p parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import child
from qalgs.evaluation import Cost, Evaluation, Objective, Query
from qalgs.optimizers import Optimizer, State
from qalgs.run import Status, Step
from qalgs.vqa.costs import DeviceTime
from qalgs.vqa.policies import Stage, narrowed
from qalgs.vqa.stopping import Plateau

_CANDIDATES = 3
"""Lowest measured points of a stage that are measured again before one of them starts the next."""


@dataclass(frozen=True, eq=False)
class Progressed:
    """Where a run stands."""

    x: NDArray[np.float64]
    """(p,) the best point so far."""
    stage: Stage


Seen = tuple[float, NDArray[np.float64]]
"""An energy and its point."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A question of a run, for the energy on a stage's placement."""

    stage: Stage
    query: Query


@dataclass
class Trail:
    """Everything that was evaluated, in order."""

    clock: DeviceTime
    rows: list[tuple[float, float, float, float, float]] = field(default_factory=list)
    """energy, energy_err, esp, cycle, device seconds so far."""
    cost: Cost = field(default_factory=Cost)

    def add(self, answer: Evaluation, stage: Stage) -> None:
        """One row for each point of an answer."""
        self.cost = self.cost + answer.cost
        errors = np.zeros(len(answer.value)) if answer.value_err is None else answer.value_err
        for value, err in zip(answer.value, errors, strict=True):
            self.rows.append((float(value), float(err), stage.esp, float(stage.cycle), self.clock.seconds(self.cost)))

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """The history."""
        table = np.array(self.rows).reshape(-1, 5)
        names = ("energy", "energy_err", "esp", "cycle", "device_seconds")
        history = {"step": np.arange(1, len(table) + 1, dtype=float)}
        return history | {name: table[:, j] for j, name in enumerate(names)}


@dataclass
class VariationalRun:
    """One variational program in progress; ``play`` lets several share a device."""

    stages: list[Stage]
    """What is done, cycle after cycle; what is still to come changes with the calibration."""
    objective_of: Callable[[Stage], Objective]
    """The energy on a stage's placement; the same object for equal placements."""
    optimizer: Optimizer[Any]
    x: NDArray[np.float64]
    max_evaluations: int
    restarts: bool
    sampled: bool
    """Whether energies carry noise."""
    stop: Plateau | None
    seed: np.random.SeedSequence
    trail: Trail
    replan: Callable[[int, Stage], list[Stage] | None] = lambda cycle, stage: None
    """New stages from a cycle on where the calibration has changed, given the stage that ended."""
    message: str = ""

    def iterate(self) -> Generator[Step, None, Status]:
        """The run alone: one step a question."""
        game = self.play()
        asked = next(game)
        while True:
            answer = self.objective_of(asked.stage).evaluate(asked.query)
            try:
                following = game.send(answer)
            except StopIteration as end:
                yield self._step(asked.stage)
                return end.value
            yield self._step(asked.stage)
            asked = following

    def questions(self) -> list[tuple[Stage, int, int]]:
        """The questions of a run that lasts to its end: on which stage, with how many points, how often."""
        size = len(self.optimizer.ask(self.optimizer.init(self.x)).points)
        again = _CANDIDATES + 1 if self.sampled else 0
        asked, spent = [], 0
        for stage in self.stages:
            often = max(0, -(-(self._budget(stage, len(self.stages)) - spent) // size))
            asked.append((stage, size, often))
            if again:
                asked.append((stage, again, 1))
            spent += often * size + bool(again)  # equal points among them are measured once
        return [*asked, (self.stages[-1], 1, 1)]

    def play(self) -> Generator[Asked, Evaluation, Status]:
        """The run as questions that are sent their answers."""
        stages, position, status = self.stages, 0, Status.MAX_STEPS
        state = self.optimizer.init(self.x)
        while position < len(stages):
            stage = stages[position]
            method = self._method(stage, len(stages))
            if position == 0 or self.restarts or stage.optimizer is not None:
                state = method.init(self.x, rng=child(self.seed, stage.cycle))
            else:
                state = replace(state, done=False, success=False, message="", value=np.nan, value_err=0.0)
            state, seen, settled = yield from self._stage(stage, method, state, self._budget(stage, len(stages)))
            yield from self._choose(state, seen, stage)
            if settled:
                self.message = "the energy has settled"
                return Status.CONVERGED
            status = Status.CONVERGED if state.done and state.success else Status.MAX_STEPS
            self.message = state.message if state.done else status.value
            position += 1
            if position < len(stages) and (fresh := self.replan(stages[position].cycle, stage)) is not None:
                stages[position:] = fresh
        return status

    def _stage(
        self, stage: Stage, method: Optimizer[Any], state: State, budget: int
    ) -> Generator[Asked, Evaluation, tuple[State, list[Seen], bool]]:
        seen: list[Seen] = []
        while len(self.trail.rows) < budget:
            query = method.ask(state)
            if not len(query.points):
                break
            answer = yield Asked(stage, replace(query, step=len(self.trail.rows)))
            state = method.tell(state, answer)
            self.trail.add(answer, stage)
            seen += list(zip(answer.value.tolist(), query.points, strict=True))
            self.x = self._leading(state, seen)
            if self.stop is None or stage.exploring:
                continue
            if self.stop.settled([value for value, _ in seen], len(self.x)):
                return state, seen, True
        return state, seen, False

    def _method(self, stage: Stage, cycles: int) -> Optimizer[Any]:
        if stage.optimizer is not None:
            return stage.optimizer
        return narrowed(self.optimizer, stage.cycle, cycles) if self.restarts else self.optimizer

    def _budget(self, stage: Stage, cycles: int) -> int:
        """Evaluations at which the stage ends."""
        if stage.to_the_end or stage.cycle == cycles - 1:
            return self.max_evaluations
        return self.max_evaluations * (stage.cycle + 1) // cycles

    def _leading(self, state: State, seen: Sequence[Seen]) -> NDArray[np.float64]:
        """Without noise the lowest point; with noise the optimizer's own, whose luck is not singled out."""
        return np.asarray(state.x) if self.sampled else np.asarray(min(seen, key=lambda pair: pair[0])[1])

    def _choose(self, state: State, seen: Sequence[Seen], stage: Stage) -> Generator[Asked, Evaluation, None]:
        """Take the best of the stage; with noise the few lowest and the optimizer's own are measured once more."""
        if not seen or not self.sampled:
            return
        lowest = [point for _, point in sorted(seen, key=lambda pair: pair[0])[:_CANDIDATES]]
        points = np.unique(np.array([*lowest, state.x]), axis=0)
        answer = yield Asked(stage, Query(points, step=len(self.trail.rows)))
        self.trail.add(answer, stage)
        self.x = points[int(np.argmin(answer.value))]

    def _step(self, stage: Stage) -> Step:
        energy, err, esp, cycle, _ = self.trail.rows[-1]
        metrics = {"energy": energy, "energy_err": err, "esp": esp, "cycle": cycle}
        return Step(len(self.trail.rows), Progressed(self.x.copy(), stage), metrics, self.max_evaluations)
