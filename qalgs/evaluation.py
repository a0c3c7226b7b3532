"""What an optimizer asks and what an objective answers.

Axes: m points, ``shape`` the shape of one point: (p,) angles, or (d, r) for a complex factor.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from qalgs_backends.base import Cost


@dataclass(frozen=True, eq=False)
class Query:
    """Points at which the objective is wanted."""

    points: NDArray[Any]
    """(m, *shape)."""
    gradient: bool = False
    """Whether the gradient is wanted beside the value."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The answer to a query. A standard error is None where the number is exact."""

    value: NDArray[Any]
    """(m,) real."""
    gradient: NDArray[Any] | None = None
    """(m, *shape); for complex points the steepest-ascent direction of f, as in x - eta * gradient."""
    value_err: NDArray[Any] | None = None
    """(m,) standard errors."""
    gradient_err: NDArray[Any] | None = None
    """(m, *shape) standard errors."""
    cost: Cost = field(default_factory=Cost)


class Objective(Protocol):
    """Anything that answers queries. It may change from step to step."""

    def evaluate(self, query: Query) -> Evaluation:
        """Values, and gradients where the query wants them."""
        ...
