"""One optimizer at work on one objective: what the loops advance, and what they count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import RngLike, argument, as_seed_sequence, child
from qalgs.evaluation import Cost, Evaluation, Objective, Query
from qalgs.optimizers.base import Optimizer, State, read_errors
from qalgs.optimizers.functions import ObjectiveSchedule
from qalgs.optimizers.result import OptimizeResult
from qalgs.run import Status, as_history


class Player:
    """A run in progress; mutable, private to the loops, and of use wherever it is interrupted."""

    def __init__(
        self,
        objective: Objective | ObjectiveSchedule,
        x0: ArrayLike | State,
        optimizer: Optimizer[Any],
        rng: RngLike,
    ) -> None:
        self.schedule = (
            objective if isinstance(objective, ObjectiveSchedule) else ObjectiveSchedule(lambda _: objective)
        )
        self.optimizer = optimizer
        self.seed = as_seed_sequence(rng)
        self.state: State = x0 if isinstance(x0, State) else optimizer.init(x0, rng=self.seed)
        self.first = self.state.step
        self.offset = 0
        self.objective = _checked(self.schedule.at(self.index), optimizer)
        self.last_value: tuple[float, float] | None = None
        self.evaluations, self.cost = 0, Cost()
        self.best: tuple[float, NDArray[Any]] = (np.nan, self.state.x)
        self.trace: list[tuple[int, Mapping[str, float]]] = []

    @property
    def index(self) -> int:
        """Steps completed, those before a restart included."""
        return self.offset + self.state.step

    def question(self) -> Query:
        """What the optimizer asks of the objective of this step; without points when it is done."""
        self._follow()
        query = self.optimizer.ask(self.state)
        return replace(query, step=self.index)

    def accept(self, query: Query, answer: Evaluation) -> None:
        """Tell the optimizer and count."""
        after = self.optimizer.tell(self.state, answer)
        self.count(query, answer)
        self.trace.append((self.index + 1, _metrics(query, answer)))
        self.state = after

    def count(self, query: Query, answer: Evaluation) -> None:
        """Add ``answer`` to the totals and to the best point."""
        self.evaluations += len(query.points)
        self.cost = self.cost + answer.cost
        lowest = int(np.argmin(answer.value))
        if not answer.value[lowest] >= self.best[0]:
            self.best = (float(answer.value[lowest]), np.array(query.points[lowest]))

    def last_question(self) -> Query:
        """The value at x, where it is not known yet."""
        points = self.state.x[None].copy()
        return Query(points if np.isnan(self.state.value) else points[:0], step=self.index)

    def accept_last(self, query: Query, answer: Evaluation) -> None:
        """Take the value at x; the state is left as it is, so that a continued run is the run itself."""
        if len(query.points):
            self.count(query, answer)
            self.last_value = float(answer.value[0]), float(read_errors(answer, 1)[0])

    def result(self, status: Status, message: str, wall_seconds: float) -> OptimizeResult:
        """The outcome so far; ``status`` and ``message`` are those of the loop."""
        if self.state.done:
            status = Status.CONVERGED if self.state.success else Status.FAILED
            message = self.state.message
        value, value_err = self.last_value or (self.state.value, self.state.value_err)
        return OptimizeResult(
            x=self.state.x.copy(),
            value=value,
            value_err=value_err,
            status=status,
            message=message,
            steps=len(self.trace),
            evaluations=self.evaluations,
            cost=self.cost,
            best_x=self.best[1].copy(),
            best_value=self.best[0],
            history=as_history(self.trace),
            state=self.state.at_rest(),
            optimizer=repr(self.optimizer),
            wall_seconds=wall_seconds,
        )

    def _follow(self) -> None:
        """Take up the objective of this step; of another one, what was known of the old is dropped."""
        objective = self.schedule.at(self.index)
        if objective is self.objective:
            return
        self.objective = _checked(objective, self.optimizer)
        self.best = (np.nan, self.state.x)
        if self.optimizer.on_change == "carry":
            self.state = replace(self.state, done=False, success=False, message="", value=np.nan, value_err=0.0)
        else:
            self.offset = self.index
            self.state = self.optimizer.init(self.state.x, rng=child(self.seed, self.offset))


def _checked(objective: Objective, optimizer: Optimizer[Any]) -> Objective:
    """``objective``, where it can answer what ``optimizer`` asks."""
    if not callable(getattr(objective, "evaluate", None)):
        but = f"{objective!r} has no method `evaluate`; wrap a plain function in `FunctionObjective`"
        raise TypeError(argument("objective", "be an Objective or an ObjectiveSchedule", but))
    if optimizer.uses_gradient and not getattr(objective, "has_gradient", True):
        but = f"{type(objective).__name__} has none; give it one or take an optimizer such as COBYLA or SPSA"
        raise ValueError(argument("objective", f"have gradients because {type(optimizer).__name__} asks for them", but))
    return objective


def _metrics(query: Query, answer: Evaluation) -> dict[str, float]:
    metrics = {"value": float(np.mean(answer.value)), "evaluations": float(len(query.points))}
    if answer.value_err is not None:
        metrics["value_err"] = float(np.linalg.norm(answer.value_err) / len(query.points))
    if answer.gradient is not None:
        metrics["gradient_norm"] = float(np.linalg.norm(answer.gradient))
    if answer.cost.shots:
        metrics["shots"] = float(answer.cost.shots)
    return metrics
