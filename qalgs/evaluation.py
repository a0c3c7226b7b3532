"""What an optimizer asks and what an objective answers.

Axes: m points, ``shape`` the shape of one point: (p,) angles, or (d, r) for a complex factor.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from qalgs_backends.base import Cost as Cost


@dataclass(frozen=True, eq=False)
class Query:
    """Points at which the objective is wanted."""

    points: NDArray[Any]
    """(m, *shape)."""
    gradient: bool = False
    """Whether the gradient is wanted beside the value."""
    step: int | None = None
    """Answers given before; keys the noise of sampled objectives. None for a question asked by hand."""


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
    """Anything that answers queries. It may change from step to step.

    An objective without gradients says so by an attribute ``has_gradient = False``; a run that needs them is
    then refused before anything is evaluated.
    """

    def evaluate(self, query: Query) -> Evaluation:
        """Values, and gradients where the query wants them."""
        ...


@runtime_checkable
class MergeableObjective(Protocol):
    """An objective whose questions can share a job with those of others."""

    @property
    def job_key(self) -> Hashable:
        """Objectives with equal keys can answer each other's constructed queries."""
        ...

    def evaluate(self, query: Query) -> Evaluation:
        """``combine(query, run(construct(query)))``."""
        ...

    def construct(self, query: Query) -> Query:
        """The raw question to run: K points, which may be more or fewer than those of ``query``."""
        ...

    def run(self, query: Query) -> Evaluation:
        """The raw answer to constructed queries joined along the first axis; every array is (K, ...)."""
        ...

    def combine(self, query: Query, raw: Evaluation) -> Evaluation:
        """The answer to ``query`` from the raw answer to ``construct(query)``."""
        ...
