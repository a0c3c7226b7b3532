"""Settings of the games that find level after level: the Quantum EigenGame, and VQD in the same engine."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from qiskit.circuit import QuantumCircuit

from qalgs.checks import argument, one_of, positive_int, real
from qalgs.eigen.deflation import (
    Deflation,
    MuDeflation,
    SchurDeflation,
    SelfWeightedDeflation,
    SumDeflation,
    VQDDeflation,
)
from qalgs.eigen.errors import EigenWarning
from qalgs.eigen.game import EigenPlay
from qalgs.eigen.outcome import Setup
from qalgs.eigen.shift import ShiftRule, mean_level, one_norm, spectral_bounds
from qalgs.optimizers import BFGS, LBFGSB, SLSQP, SPSA, Adam, GradientDescent, Optimizer

_MANY_PARAMETERS = 40
"""Above it, a gradient by shifts takes more circuits than two random directions are worth."""
_FTOL, _MEMORY = 1e-15, 20
_FORGET = 0.99
"""Players that play at once see large gradients for as long as their parents are junk; these must not slow the end."""


@dataclass(frozen=True, kw_only=True)
class Play:
    """What games have in common."""

    schedule: Literal["sequential", "parallel", "lagged"] = "sequential"
    """"sequential": a player starts when the one before has finished. "parallel": all play at once, against what the
    others have last told. "lagged": a player starts when the gradient of the one before is within 10 ``gtol``."""
    period: int = 1
    """Rounds between two broadcasts, where players play at once."""
    optimizer: Optimizer[Any] | Sequence[Optimizer[Any]] | Literal["auto", "descent"] = "auto"
    """One for all, or one per player. "descent": gradient descent with the paper's step size 1 / (2 (c - E_1)).
    "auto": L-BFGS-B where values are exact and players play in turn, Adam where they play at once; with shots descent
    up to 40 parameters and SPSA beyond."""
    guards: int | Literal["auto"] = "auto"
    """Players beyond k, whose levels are found and not reported: they catch a level that one of the k has skipped, and
    widen the span. "auto": one, where k > 1 and there is a level left; where levels are close together, two are
    safer, or a smaller ``gtol``, as a player may have stopped at a saddle point."""
    restarts: int = 4
    """Attempts after the first where a player ends in a state that another has, or in no eigenstate."""
    start: Literal["auto", "uniform", "small"] = "auto"
    """Where attempts start: "uniform" in (-pi, pi), "small" angles near 0; "auto" is the first up to 6 qubits, unless
    the circuits start from determinants of a molecule."""
    gtol: float = 1e-5
    """Norm of the gradient of the loss at which a player stops, where values are exact."""
    accuracy: float = 1e-4
    """Error of an energy, in its unit, above which an attempt is not good enough; judged by the variance of H."""
    overlap: float = 1e-2
    """Squared overlap with a parent above which a player is a duplicate."""
    max_steps: int = 2000
    """Most questions in an attempt."""
    ritz: bool = True
    """Whether the levels are those of H in the span of all players (Rayleigh and Ritz), or the players' own."""
    cross: Literal["auto", "interference", "rescaled", "overlap"] = "auto"
    """With shots, how players are compared with their parents; see ``SampledEstimator``. "rescaled" is "interference"
    with ``rescale``, for noisy machines."""
    each: ClassVar[bool] = True
    """Players may have circuits of their own."""

    def __post_init__(self) -> None:
        one_of(self.schedule, "schedule", ("sequential", "parallel", "lagged"))
        one_of(self.start, "start", ("auto", "uniform", "small"))
        one_of(self.cross, "cross", ("auto", "interference", "rescaled", "overlap"))
        positive_int(self.period, "period")
        positive_int(self.restarts, "restarts", minimum=0)
        if self.guards != "auto":
            positive_int(self.guards, "guards", minimum=0)
        positive_int(self.max_steps, "max_steps")
        for name in ("gtol", "accuracy", "overlap"):
            real(getattr(self, name), name, above=0)
        if not isinstance(self.ritz, bool):
            raise TypeError(argument("ritz", "be True or False", f"it is {self.ritz!r}"))
        _check_optimizer(self.optimizer)

    def players(self, k: int, dim: int) -> int:
        """How many circuits the game needs, where there are ``dim`` levels."""
        return k + (int(1 < k < dim) if self.guards == "auto" else self.guards)

    def arrange(self, ansatz: tuple[QuantumCircuit, ...], k: int) -> tuple[QuantumCircuit, ...]:
        """The circuit of each player, from one ansatz per player."""
        del k
        return ansatz

    def optimizer_of(self, player: int, size: int, rate: float, *, exact: bool) -> Optimizer[Any]:
        """The optimizer of a player with ``size`` parameters, where gradient descent would take steps of ``rate``."""
        chosen = self.optimizer
        if chosen == "auto":
            if exact:
                together = self.schedule != "sequential"
                return Adam(0.05, beta2=_FORGET) if together else LBFGSB(gtol=self.gtol, ftol=_FTOL, memory=_MEMORY)
            chosen = "descent" if size <= _MANY_PARAMETERS else SPSA()
        if chosen == "descent":
            return GradientDescent(rate)
        return chosen[min(player, len(chosen) - 1)] if isinstance(chosen, Sequence) else chosen

    def rules(self, setup: Setup) -> Play:
        """The same settings with nothing left to decide."""
        small = setup.near or setup.problem.num_qubits > _FEW_QUBITS
        return replace(self, start=self.start if self.start != "auto" else "small" if small else "uniform")

    def begin_with(self, setup: Setup, deflation: Deflation, shift: float | None) -> EigenPlay:
        """The game at its start."""
        problem, K = setup.problem, len(setup.circuits)
        bounds = spectral_bounds(problem.hamiltonian)
        # Only a guard beyond the sector has anything to do with the levels that its penalties have moved.
        sought = problem.sought if problem.dim >= K else problem.hamiltonian
        rule = ShiftRule(shift, mean_level(sought), bounds, spectral_bounds(sought).upper, problem.dim < 4 * K)
        sizes = [circuit.num_parameters for circuit in setup.circuits]
        exact = setup.estimator.exact
        for one in self.optimizer if isinstance(self.optimizer, tuple | list) else (self.optimizer,):
            if not exact and isinstance(one, LBFGSB | BFGS | SLSQP):
                text = f"{type(one).__name__} trusts its gradients, which shots spoil; Adam, descent and SPSA do not."
                warnings.warn(text, EigenWarning, stacklevel=5)

        def optimizer(r: int, rate: float) -> Optimizer[Any]:
            return self.optimizer_of(r, sizes[r], rate, exact=exact)

        return EigenPlay(
            setup.estimator, sizes, self.rules(setup), deflation, rule, optimizer, setup.seed, setup.initial
        )


@dataclass(frozen=True)
class EigenGame(Play):
    """The Quantum EigenGame (arXiv 2503.13644): each player maximises a utility against those before it.

        u_r = <psi|M|psi> - sum_{j<r} |<psi_j|M|psi>|^2 / <psi_j|M|psi_j>,   M = c I - H.

    The game equals VQD with the weights beta_j = c - E_j where the parents are exact, and where they are not the child
    is orthogonal to what its parents have really found.
    """

    c: float | Literal["auto"] = "auto"
    """The shift, in units of H: above every level that is sought. "auto": see ``ShiftRule``."""
    deflation: Literal["sum", "schur", "mu"] | Deflation = "sum"
    """"sum": as above. "schur": the exact Schur complement, for parents that are not orthogonal. "mu": without
    denominators (arXiv 2102.04152); a direction without a function, so for descent and Adam only."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.c != "auto":
            real(self.c, "c")
        if isinstance(self.deflation, str):
            one_of(self.deflation, "deflation", tuple(_DEFLATIONS))
        elif not hasattr(self.deflation, "penalty"):
            raise TypeError(argument("deflation", "be a name or a rule with `penalty`", f"it is {self.deflation!r}"))
        if self.deflation == "mu" and self.optimizer == "auto" and self.schedule == "sequential":
            must = 'be a first-order method with deflation "mu", which is the gradient of no function'
            raise ValueError(argument("optimizer", must, 'it is "auto"'))

    def begin(self, setup: Setup) -> EigenPlay:
        """The game at its start.

        Raises:
            ValueError: the rule needs cross terms, and the estimator measures overlaps only.
        """
        rule = _DEFLATIONS[self.deflation]() if isinstance(self.deflation, str) else self.deflation
        if setup.estimator.measures == "overlap" and rule.needs == "cross":
            if self.deflation != "sum":
                but = f"it is {self.deflation!r}"
                raise ValueError(argument("deflation", "need overlaps only, for nothing else is measured", but))
            rule = SelfWeightedDeflation()
        shift = None if self.c == "auto" else setup.problem.sign * float(self.c)
        return self.begin_with(setup, rule, shift)


@dataclass(frozen=True)
class VQD(Play):
    """Variational quantum deflation (arXiv 1805.08138): player r minimises <H> + sum_{j<r} beta_j |<psi_j|psi>|^2."""

    beta: float | tuple[float, ...] | None = None
    """One weight, or one per parent, each above the gap to the level sought; None for Qiskit's 10 sum |coefficients|,
    that of the identity included."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta is not None:
            VQDDeflation(self.beta)

    def begin(self, setup: Setup) -> EigenPlay:
        """The game at its start.

        Raises:
            ValueError: there are fewer weights than parents.
        """
        beta = self.beta
        if beta is None:
            beta = 10 * one_norm(setup.problem.hamiltonian)
        if not isinstance(beta, float | int) and len(beta) < len(setup.circuits) - 1:
            must = f"have one weight for each of {len(setup.circuits) - 1} parents"
            raise ValueError(argument("beta", must, f"has {len(beta)}"))
        upper = spectral_bounds(setup.problem.hamiltonian).upper
        return self.begin_with(setup, VQDDeflation(beta), upper)


_DEFLATIONS: dict[str, Any] = {"sum": SumDeflation, "schur": SchurDeflation, "mu": MuDeflation}
_FEW_QUBITS = 6


def _check_optimizer(optimizer: Any) -> None:
    if isinstance(optimizer, str):
        one_of(optimizer, "optimizer", ("auto", "descent"))
        return
    each = optimizer if isinstance(optimizer, Sequence) else (optimizer,)
    if not each:
        raise ValueError(argument("optimizer", "name at least one", "it is empty"))
    for one in each:
        if not all(hasattr(one, name) for name in ("init", "ask", "tell")):
            must = 'be an optimizer of `qalgs.optimizers`, a sequence of them, "auto" or "descent"'
            raise TypeError(argument("optimizer", must, f"it is {one!r}"))
