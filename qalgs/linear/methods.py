"""What every method of ``linear_solve`` is: frozen settings with a generator of steps, each a solution reached.

Axes: d amplitudes of the scaled system.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import argument
from qalgs.evaluation import Cost
from qalgs.linear.running import Execute, Execution, Executor, Measured, task
from qalgs.linear.solver import QueryCount, Solver
from qalgs.linear.system import LinearSystem
from qalgs.run import Status, Step


@dataclass(frozen=True, eq=False)
class Solved:
    """A solution of the scaled system, as far as it is known."""

    solution: NDArray[Any] | None
    """(d,); of norm 1 where ``norm`` is None; None where only ``measured`` probabilities are known."""
    norm: float | None
    """Norm of the solution, where the method finds it."""
    queries: QueryCount
    """Of all runs together; the success probability is the product of theirs."""
    cost: Cost
    error_bound: float
    """What the method promises for the distance of the normalised state."""
    kappa_hat: float
    """Condition number of the matrix that the solver inverted."""
    eta: float | None = None
    """Proximal parameter; None where there was no wrapper."""
    norm_err: float = 0.0
    measured: Measured | None = None
    execution: Execution | None = None
    """The last run."""
    notes: tuple[str, ...] = ()


class Method(Protocol):
    """A way to solve a linear system."""

    def iterate(
        self,
        system: LinearSystem,
        *,
        eps: float,
        x0: NDArray[Any] | None,
        execute: Executor,
        seed: np.random.SeedSequence,
    ) -> Generator[Step, None, Status]:
        """Steps whose state is a ``Solved``; ``x0`` is a (d,) start in the scaled system's units."""
        ...


@dataclass(frozen=True)
class Direct:
    """A solver on the system itself."""

    solver: Solver

    def iterate(
        self,
        system: LinearSystem,
        *,
        eps: float,
        x0: NDArray[Any] | None,
        execute: Execute,
        seed: np.random.SeedSequence,
    ) -> Generator[Step, None, Status]:
        """One step."""
        if x0 is not None:
            must = "be None for a solver alone; ProximalPoint and ResidualCorrection start from it"
            raise ValueError(argument("x0", must, "it is given"))
        yield as_step(solved(execute(task(self.solver, system, eps)), error_bound=eps, kappa_hat=system.kappa))
        return Status.CONVERGED


@dataclass(frozen=True)
class StartOnly:
    """The start x0 itself, for no query: the control of everything that begins there."""

    def iterate(
        self,
        system: LinearSystem,
        *,
        eps: float,
        x0: NDArray[Any] | None,
        execute: Execute,
        seed: np.random.SeedSequence,
    ) -> Generator[Step, None, Status]:
        """One step."""
        if x0 is None:
            raise ValueError(argument("x0", "be given", "it is None"))
        delta = relative_distance(system, x0)
        bound = 2 * np.sin(np.arcsin(delta) / 2) if delta < 1 else np.inf
        yield as_step(unqueried(x0, system, bound, "x0 as it was given"))
        return Status.CONVERGED


def solved(execution: Execution, *, error_bound: float, kappa_hat: float, scale: float = 1.0, **more: Any) -> Solved:
    """What a run gives: ``scale`` times its solution."""
    answer = execution.answer
    factor = None if answer.factor is None else abs(answer.factor) * scale
    success = answer.queries.success_probability
    norm = None if factor is None else factor * float(np.sqrt(success))
    if isinstance(answer, Measured):
        err = 0.0 if factor is None else factor * answer.success_err / (2 * float(np.sqrt(success)))
        solution, more = None, more | {"measured": answer, "norm_err": err}
        notes = (*answer.notes, "shots give the squares of the entries; their signs stay open")
    else:
        solution, notes = answer.solution * (scale if factor is not None else 1.0), answer.notes
    notes += more.pop("notes", ())
    if execution.noisy:
        error_bound, notes = np.inf, (*notes, "the machine's noise is in no bound and in no error bar")
    return Solved(
        solution,
        norm,
        answer.queries,
        execution.cost,
        error_bound,
        kappa_hat,
        execution=execution,
        notes=notes,
        **more,
    )


def unqueried(x0: NDArray[Any], system: LinearSystem, error_bound: float, why: str) -> Solved:
    """A vector that is known beforehand."""
    return Solved(x0, float(np.linalg.norm(x0)), QueryCount(), Cost(), error_bound, system.kappa, notes=(why,))


def relative_distance(system: LinearSystem, x0: NDArray[Any], distance: float | None = None) -> float:
    """A bound on |x0 - x| / |x|, from ``distance`` or from the residual.

    |x0 - x| <= kappa |r| with r = b - A x0 in the scaled system, and |x| >= |x0| - |x0 - x|; also |x| >= |b| / |A| = 1.
    """
    far = system.kappa * float(np.linalg.norm(system.rhs - system.matrix @ x0)) if distance is None else distance
    return far / max(1.0, float(np.linalg.norm(x0)) - far)


def as_step(reached: Solved, index: int = 1, total: int = 1) -> Step:
    """The step that reports a solution."""
    metrics = {"queries": float(reached.queries.per_run), "success": reached.queries.success_probability}
    return Step(index, reached, metrics, total)
