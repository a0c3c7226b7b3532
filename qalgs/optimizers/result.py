"""What a minimisation returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs.evaluation import Cost
from qalgs.optimizers.base import State
from qalgs.run import History, Status


@dataclass(frozen=True, eq=False)
class OptimizeResult:
    """The outcome of ``minimize``; names shared with SciPy mean the same.

    ``x`` is the last point for first-order methods and SPSA, whose noise averages out along the way, and for
    SciPy's methods SciPy's own result, or the best point so far where the run was cut. ``best_x`` is always
    the evaluated point with the lowest value; with sampled values that lowest value is biased downwards by
    its noise.
    """

    x: NDArray[Any]
    """shape; the minimiser found."""
    value: float
    """Objective at ``x``; NaN where the run was interrupted before it was evaluated there."""
    value_err: float
    """Standard error of ``value``; 0 where it is exact."""
    status: Status
    """How the run ended."""
    message: str
    """The same for people; the optimizer's own words where it ended by itself."""
    steps: int
    """Questions answered in this run."""
    evaluations: int
    """Points evaluated in this run, that of ``value`` included."""
    cost: Cost
    """What this run used."""
    best_x: NDArray[Any]
    """shape; the evaluated point with the lowest value since the objective last changed."""
    best_value: float
    """Value there; NaN before any evaluation."""
    history: History = field(repr=False)
    """Metrics over the steps; ``value`` is the mean over the points of the step's question."""
    state: State = field(repr=False)
    """Where the optimizer stands; give it to ``minimize`` in place of ``x0`` to continue."""
    optimizer: str = ""
    """The optimizer and its settings."""
    wall_seconds: float = np.nan
    """Wall time of the whole run."""

    @property
    def success(self) -> bool:
        """Whether the run ended by its own rule or by its caller's."""
        return self.status.success

    @property
    def fun(self) -> float:
        """``value`` under SciPy's name."""
        return self.value

    @property
    def nit(self) -> int:
        """``steps`` under SciPy's name; for SciPy's methods a step is one evaluation, not one iteration."""
        return self.steps

    @property
    def nfev(self) -> int:
        """``evaluations`` under SciPy's name."""
        return self.evaluations

    def __str__(self) -> str:
        error = f" ± {self.value_err:.2g}" if self.value_err else ""
        lines = [
            f"{self.optimizer}: {self.message}",
            f"value        {self.value:.10g}{error}",
            f"x            {self.x.dtype} {self.x.shape}",
            f"steps        {self.steps}",
            f"evaluations  {self.evaluations}",
        ]
        if self.cost.jobs:
            lines.append(f"cost         {self.cost.jobs} jobs, {self.cost.circuits} circuits, {self.cost.shots} shots")
        return "\n".join(lines)
