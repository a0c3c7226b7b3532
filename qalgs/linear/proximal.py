r"""The proximal-point wrapper around any quantum linear-system solver (Kim, Chia, Kyrillidis, arXiv 2406.13879).

One step x1 = (I + eta A)^-1 (x0 + eta b) of a positive definite A is a linear system with the smaller condition number
kappa_hat = kappa (1 + eta)/(kappa + eta) (Lemma 3.3). A solver that is within eps_1 of x1 is within eps_1 + eps_2 of
the solution, where eps_2 is the step's own error:

* x0 = 0: at most 2 sin(theta/2) with sin(theta) = (s - 1)/(s + 1), s = kappa/kappa_hat, and some b reach it
  (Kantorovich's inequality): a speed-up of s costs just that error whatever kappa is.
* x0 with |x0 - x| <= delta |x|: sin(theta) <= delta / (1 + eta/kappa).

With the queries that optimal polynomials really take, wrapping pays where eps is coarse (above about 0.2), or where x0
is within a few eps of the solution; there ``ResidualCorrection`` is cheaper still, from about 1.1 eps on.
``eta="auto"`` counts and says so.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import argument, one_of, positive_int, real
from qalgs.linear.encoding import dense_encoding, shifted_encoding
from qalgs.linear.methods import Solved, as_step, relative_distance, solved, unqueried
from qalgs.linear.preparation import Preparation, prepare_sum, prepare_vector
from qalgs.linear.qsvt import QSVT
from qalgs.linear.running import Execute, task
from qalgs.linear.solver import Solver, relative_error
from qalgs.linear.system import LinearSystem
from qalgs.run import Status, Step

_SHARES = np.linspace(0.01, 0.99, 99)
"""Shares of eps that the proximal step may take."""


@dataclass(frozen=True)
class ProximalPoint:
    """One or several proximal-point steps, each solved by ``solver``.

    Raises:
        TypeError: ``solver`` prepares no state by queries.
        ValueError: a setting is out of its range.
    """

    solver: Solver = field(default_factory=QSVT)
    eta: float | Literal["auto", "paper"] = "auto"
    """A number; "auto" for the cheapest that keeps eps, or no wrapper where none is cheaper; "paper" for
    kappa (distance / eps_2 - 1) with eps_2 = (1 - 1/c) eps psi, which needs what it takes to be known."""
    steps: int = 1
    """Steps; the state of each is read out and prepared again."""
    c: float = 2.0
    """For "paper": the solver gets eps / c; > 1."""
    distance: float | None = None
    """|x0 - x| in the system's units; bounds it for "auto" where given, and is needed for "paper"."""
    psi: float | None = None
    """For "paper": sqrt(|x1| |x|)."""
    encoding: Literal["lcu", "direct"] = "lcu"
    """How I + eta A is encoded for QSVT: from A's encoding, or as another matrix, which is another oracle."""
    oracle_start: bool = False
    """Whether x0 + eta b is prepared from oracles of x0 and b, with a success of at least 1/2 where they do not oppose,
    instead of as a vector."""
    allow_skip: bool = True
    """Whether "auto" may decide not to wrap; otherwise it takes the cheapest wrapper."""

    def __post_init__(self) -> None:
        if not hasattr(self.solver, "estimate_queries"):
            must = "be QSVT(), ChebyshevLCU(), HHL() or Adiabatic()"
            raise TypeError(argument("solver", must, f"it is {self.solver!r}"))
        if self.eta not in ("auto", "paper"):
            real(self.eta, "eta", above=0)
        positive_int(self.steps, "steps")
        real(self.c, "c", above=1)
        one_of(self.encoding, "encoding", ("lcu", "direct"))
        if self.eta == "paper" and (self.distance is None or self.psi is None):
            raise ValueError(argument("eta", 'come with `distance` and `psi` when it is "paper"', "one is None"))

    def iterate(
        self,
        system: LinearSystem,
        *,
        eps: float,
        x0: NDArray[Any] | None,
        execute: Execute,
        seed: np.random.SeedSequence,
    ) -> Generator[Step, None, Status]:
        """One step of the method a step."""
        check_positive(system)
        if self.steps > 1 and not getattr(self.solver, "finds_norm", True):
            must = "be 1 for a solver that prepares the direction of the solution only"
            raise ValueError(argument("steps", must, f"it is {self.steps} with {self.solver!r}"))
        x = np.zeros_like(system.rhs) if x0 is None else x0
        plan = self.plan(system, eps=eps, x0=x0)
        if plan.eta == 0:
            yield as_step(unqueried(plan.start, system, eps, plan.reason))
            return Status.CONVERGED
        if plan.eta is None:
            direct = execute(task(self.solver, system, eps))
            yield as_step(solved(direct, error_bound=eps, kappa_hat=system.kappa, notes=(plan.reason,)))
            return Status.CONVERGED
        total: Solved | None = None
        for index in range(1, self.steps + 1):
            reached = self._step(system, x, plan, execute)
            total = reached if total is None else _joined(total, reached)
            yield as_step(total, index, self.steps)
            if reached.solution is None:
                if self.steps > 1:
                    raise ValueError(
                        argument("steps", "be 1 with shots, which leave the signs open", f"it is {self.steps}")
                    )
                break
            x = reached.solution
        return Status.CONVERGED

    def plan(self, system: LinearSystem, *, eps: float, x0: NDArray[Any] | None = None) -> ProximalPlan:
        """What would be done, without doing it."""
        eps, kappa = real(eps, "eps", above=0), system.kappa
        distance = None if self.distance is None else self.distance * system.scale / system.rhs_norm
        delta = 1.0 if x0 is None else relative_distance(system, x0, distance)
        if self.eta == "paper":
            assert self.psi is not None
            assert distance is not None
            psi = self.psi * system.scale / system.rhs_norm
            eta = kappa * (distance / ((1 - 1 / self.c) * eps * psi) - 1)
            if eta <= 0:
                return ProximalPlan(0.0, eps, eps, "x0 already meets eps: no query", system.rhs if x0 is None else x0)
            return ProximalPlan(eta, eps / self.c, eps, "eta by the paper's bound", system.rhs)
        if self.eta != "auto":
            eta = float(self.eta)
            step_error = proximal_error(kappa, eta, delta, cold=x0 is None) if self.steps == 1 else np.inf
            return ProximalPlan(eta, eps, eps + step_error, "eta as given", system.rhs)
        return self._automatic(kappa, eps, delta, system.rhs if x0 is None else x0, cold=x0 is None)

    def _automatic(self, kappa: float, eps: float, delta: float, start: NDArray[Any], *, cold: bool) -> ProximalPlan:
        if needed_eta(kappa, eps, delta, cold=cold) == 0:
            name = "b" if cold else "x0"
            return ProximalPlan(0.0, eps, eps, f"{name} already meets eps: no query", start)
        if not cold and delta >= 1:
            return ProximalPlan(None, eps, eps, "not wrapped: x0 is no better than 0, as far as is known", start)
        direct = self.solver.estimate_queries(kappa, eps).per_run
        costs, etas = [], []
        for share in _SHARES:
            eta = needed_eta(kappa, share * eps, delta, cold=cold)
            kappa_hat = reduced_kappa(kappa, eta)
            costs.append(self.solver.estimate_queries(kappa_hat, (1 - share) * eps).per_run)
            etas.append(eta)
        best = int(np.argmin(costs))
        if costs[best] >= direct and self.allow_skip:
            why = f"not wrapped: the cheapest wrapper takes {costs[best]} queries a run, the solver alone {direct}"
            return ProximalPlan(None, eps, eps, why, start)
        share = float(_SHARES[best])
        why = f"wrapped: {costs[best]} queries a run instead of {direct}, with {share:.2f} of eps for the proximal step"
        return ProximalPlan(etas[best], (1 - share) * eps, eps, why, start)

    def _step(self, system: LinearSystem, x: NDArray[Any], plan: ProximalPlan, execute: Execute) -> Solved:
        assert plan.eta is not None
        eta = plan.eta
        rhs = x + eta * system.rhs
        size = float(np.linalg.norm(rhs))
        shifted = LinearSystem(
            (np.eye(len(rhs)) + eta * system.matrix) / (1 + eta),
            rhs / size,
            reduced_kappa(system.kappa, eta),
            1.0,
            1.0,
            system.dimension,
            system.is_dilated,
        )
        oracles, notes = {}, (plan.reason,)
        if isinstance(self.solver, QSVT):
            if self.encoding == "lcu":
                oracles["encoding"] = shifted_encoding(dense_encoding(system.matrix), eta)
            oracles["preparation"] = self._preparation(x, eta, system, size)
        if self.encoding == "direct" or not isinstance(self.solver, QSVT):
            notes += ("the oracle is the encoding of (I + eta A)/(1 + eta), another one than A's",)
        return solved(
            execute(task(self.solver, shifted, plan.solver_eps, **oracles)),
            error_bound=plan.error_bound,
            kappa_hat=shifted.kappa,
            scale=size / (1 + eta),
            eta=eta,
            notes=notes,
        )

    def _preparation(self, x: NDArray[Any], eta: float, system: LinearSystem, size: float) -> Preparation:
        if self.oracle_start and np.any(x):
            return prepare_sum(x / size, eta * system.rhs / size)
        return prepare_vector((x + eta * system.rhs) / size)


@dataclass(frozen=True, eq=False)
class ProximalPlan:
    """What the wrapper will do and why."""

    eta: float | None
    """None for the solver alone, 0 for no query at all."""
    solver_eps: float
    error_bound: float
    reason: str
    start: NDArray[Any]
    """(d,) what is returned when nothing is queried."""


def reduced_kappa(kappa: float, eta: float) -> float:
    """kappa_hat = kappa (1 + eta)/(kappa + eta), the condition number of I + eta A (Lemma 3.3)."""
    return kappa * (1 + eta) / (kappa + eta)


def proximal_error(kappa: float, eta: float, delta: float = 1.0, *, cold: bool = True) -> float:
    """Largest distance of the normalised proximal step from the normalised solution.

    Args:
        kappa: condition number.
        eta: > 0.
        delta: bound on |x0 - x| / |x|; not used when cold.
        cold: whether x0 = 0.
    """
    s = kappa / reduced_kappa(kappa, eta)
    sine = (s - 1) / (s + 1) if cold else delta / (1 + eta / kappa)
    return float(2 * np.sin(np.arcsin(sine) / 2)) if sine < 1 else np.inf


def needed_eta(kappa: float, error: float, delta: float = 1.0, *, cold: bool = True) -> float:
    """The smallest eta with ``proximal_error`` at most ``error``; 0 where no step is needed."""
    sine = relative_error(error)
    if cold:
        s = (1 + sine) / (1 - sine) if sine < 1 else np.inf
        return 0.0 if s >= kappa else (kappa - s) / (s - 1)
    return 0.0 if delta <= sine else kappa * (delta / sine - 1)


def check_positive(system: LinearSystem) -> None:
    """Refuse matrices that are not positive definite, for which I + eta A may be singular.

    Raises:
        ValueError: it is not.
    """
    if not system.is_positive:
        must = "be Hermitian and positive definite for the proximal point, because I + eta A may be singular otherwise"
        raise ValueError(argument("A", must, "it is not; solve it with QSVT(), or solve A^dagger A x = A^dagger b"))


def _joined(first: Solved, second: Solved) -> Solved:
    """The second solution with the costs of both."""
    return replace(second, queries=first.queries + second.queries, cost=first.cost + second.cost)
