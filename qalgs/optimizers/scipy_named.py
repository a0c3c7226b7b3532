"""The SciPy methods most used on circuits, with the settings that matter there as fields."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import ArrayLike

from qalgs.checks import RngLike, positive_int, real
from qalgs.evaluation import Evaluation, Query
from qalgs.optimizers.base import OnChange
from qalgs.optimizers.scipy_method import Bounds, SciPyMethod, SciPyState


class _Named(ABC):
    """Settings that stand for a ``SciPyMethod``."""

    @property
    def on_change(self) -> OnChange:
        """What a SciPy run remembers is stale once the objective changes."""
        return "restart"

    @abstractmethod
    def as_scipy(self) -> SciPyMethod:
        """The method with SciPy's own names for the settings."""

    @cached_property
    def _method(self) -> SciPyMethod:
        return self.as_scipy()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_method"}

    @property
    def uses_gradient(self) -> bool:
        """Whether its questions want gradients."""
        return self._method.uses_gradient

    def init(self, x0: ArrayLike, *, rng: RngLike = None) -> SciPyState:
        """The state at the real point ``x0``; there is no randomness."""
        return self._method.init(x0, rng=rng)

    def ask(self, state: SciPyState) -> Query:
        """The one point SciPy wants."""
        return self._method.ask(state)

    def tell(self, state: SciPyState, answer: Evaluation) -> SciPyState:
        """The state after SciPy has digested ``answer``."""
        return self._method.tell(state, answer)


@dataclass(frozen=True)
class COBYLA(_Named):
    """Linear models on a shrinking simplex; no gradients, robust to mild noise.

    Powell, "A direct search optimization method that models the objective and constraint functions by linear
    interpolation", in Advances in Optimization and Numerical Analysis, 51 (1994).
    """

    rhobeg: float = 1.0
    """First size of the simplex, > 0, in units of x."""
    tolerance: float = 1e-4
    """Last size of the simplex, > 0."""
    max_evaluations: int = 1000
    """Most evaluations before SciPy gives up."""
    bounds: Bounds | None = None
    """One (lower, upper) for each entry of x."""

    def __post_init__(self) -> None:
        real(self.rhobeg, "rhobeg", above=0)
        real(self.tolerance, "tolerance", above=0)
        positive_int(self.max_evaluations, "max_evaluations")

    def as_scipy(self) -> SciPyMethod:
        """The method with SciPy's own names for the settings."""
        options = {"rhobeg": self.rhobeg, "tol": self.tolerance, "maxiter": self.max_evaluations}
        return SciPyMethod("COBYLA", options, bounds=self.bounds)


@dataclass(frozen=True)
class NelderMead(_Named):
    """A simplex that reflects, expands and contracts; no gradients.

    Nelder and Mead, "A simplex method for function minimization", Comput. J. 7, 308 (1965); ``adaptive``
    after Gao and Han, Comput. Optim. Appl. 51, 259 (2012).
    """

    xatol: float = 1e-4
    """Ends when the simplex is at most this wide, > 0, and"""
    fatol: float = 1e-4
    """its values differ by at most this, > 0."""
    adaptive: bool = False
    """Scale the moves with the dimension; better from about ten entries."""
    bounds: Bounds | None = None
    """One (lower, upper) for each entry of x."""

    def __post_init__(self) -> None:
        real(self.xatol, "xatol", above=0)
        real(self.fatol, "fatol", above=0)

    def as_scipy(self) -> SciPyMethod:
        """The method with SciPy's own names for the settings."""
        options = {"xatol": self.xatol, "fatol": self.fatol, "adaptive": self.adaptive}
        return SciPyMethod("Nelder-Mead", options, bounds=self.bounds)


@dataclass(frozen=True)
class Powell(_Named):
    """Line searches along conjugate directions; no gradients.

    Powell, Comput. J. 7, 155 (1964).
    """

    xtol: float = 1e-4
    """Relative change of x, > 0, or"""
    ftol: float = 1e-4
    """of the value, > 0, that ends the run."""
    bounds: Bounds | None = None
    """One (lower, upper) for each entry of x."""

    def __post_init__(self) -> None:
        real(self.xtol, "xtol", above=0)
        real(self.ftol, "ftol", above=0)

    def as_scipy(self) -> SciPyMethod:
        """The method with SciPy's own names for the settings."""
        return SciPyMethod("Powell", {"xtol": self.xtol, "ftol": self.ftol}, bounds=self.bounds)


@dataclass(frozen=True)
class BFGS(_Named):
    """Quasi-Newton with a dense inverse Hessian; wants exact gradients.

    Nocedal and Wright, Numerical Optimization (2006), chapter 6.
    """

    gtol: float = 1e-5
    """Largest entry of the gradient that ends the run, > 0."""

    def __post_init__(self) -> None:
        real(self.gtol, "gtol", above=0)

    def as_scipy(self) -> SciPyMethod:
        """The method with SciPy's own names for the settings."""
        return SciPyMethod("BFGS", {"gtol": self.gtol})


@dataclass(frozen=True)
class LBFGSB(_Named):
    """Quasi-Newton with limited memory and bounds; wants exact gradients.

    Byrd, Lu, Nocedal and Zhu, SIAM J. Sci. Comput. 16, 1190 (1995).
    """

    gtol: float = 1e-5
    """Largest entry of the projected gradient, > 0, or"""
    ftol: float = 2.220446049250313e-9
    """relative decrease of the value, > 0, that ends the run."""
    memory: int = 10
    """Corrections kept."""
    bounds: Bounds | None = None
    """One (lower, upper) for each entry of x."""

    def __post_init__(self) -> None:
        real(self.gtol, "gtol", above=0)
        real(self.ftol, "ftol", above=0)
        positive_int(self.memory, "memory")

    def as_scipy(self) -> SciPyMethod:
        """The method with SciPy's own names for the settings."""
        options = {"gtol": self.gtol, "ftol": self.ftol, "maxcor": self.memory}
        return SciPyMethod("L-BFGS-B", options, bounds=self.bounds)


@dataclass(frozen=True)
class SLSQP(_Named):
    """Sequential least squares; wants exact gradients.

    Kraft, "A software package for sequential quadratic programming", DFVLR-FB 88-28 (1988).
    """

    ftol: float = 1e-6
    """Change of the value that ends the run, > 0."""
    bounds: Bounds | None = None
    """One (lower, upper) for each entry of x."""

    def __post_init__(self) -> None:
        real(self.ftol, "ftol", above=0)

    def as_scipy(self) -> SciPyMethod:
        """The method with SciPy's own names for the settings."""
        return SciPyMethod("SLSQP", {"ftol": self.ftol}, bounds=self.bounds)
