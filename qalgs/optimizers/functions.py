"""Plain functions as objectives, and objectives that change on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import argument
from qalgs.evaluation import Evaluation, Objective, Query


@dataclass(frozen=True)
class FunctionObjective:
    """An exact objective made of a function of one point, and its gradient where there is one."""

    fun: Callable[[NDArray[Any]], float]
    """Point to value."""
    gradient: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    """Point to gradient, of the point's shape."""

    @property
    def has_gradient(self) -> bool:
        """Whether there is a gradient."""
        return self.gradient is not None

    def evaluate(self, query: Query) -> Evaluation:
        """Values, and gradients where the query wants them.

        Raises:
            ValueError: the query wants gradients and there are none.
        """
        value = np.array([float(self.fun(point)) for point in query.points])
        if not query.gradient:
            return Evaluation(value)
        if self.gradient is None:
            raise ValueError(argument("query", "not ask for gradients", "this objective has none"))
        return Evaluation(value, np.array([self.gradient(point) for point in query.points]))


@dataclass(frozen=True)
class ObjectiveSchedule:
    """An objective that may change from step to step.

    It has changed when ``at`` returns another object than at the step before, so ``at`` must return the same
    object for as long as nothing changes. An optimizer whose memory a change makes stale then restarts from
    its point.
    """

    at: Callable[[int], Objective]
    """Steps completed to the objective of the next step."""
