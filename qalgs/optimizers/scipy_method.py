"""SciPy's minimisers as optimizers that are asked and told; bit for bit ``scipy.optimize.minimize``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import RngLike, argument, one_of, real
from qalgs.evaluation import Evaluation, Query
from qalgs.optimizers.base import (
    OnChange,
    State,
    no_question,
    read_errors,
    read_gradient,
    read_values,
    start_point,
)
from qalgs.optimizers.suspended import Fun, SuspendedRun

VALUE_METHODS = ("Nelder-Mead", "Powell", "COBYLA")
GRADIENT_METHODS = ("CG", "BFGS", "Newton-CG", "L-BFGS-B", "TNC", "SLSQP", "trust-constr")
_UNBOUNDED = ("CG", "BFGS", "Newton-CG")

Bounds = Sequence[tuple[float | None, float | None]]
"""(lower, upper) for each entry of x; None for no bound."""


class Reply(NamedTuple):
    """One answer as SciPy and the state need it."""

    value: float
    value_err: float
    gradient: NDArray[np.float64] | None


class Log:
    """The answers of a run in order, shared by its successive states, and the run itself while it is live.

    It only grows, and a state reads no further than its own step, so sharing it keeps states immutable and a
    run of N steps O(N). A state told a second, different answer gets a log of its own.
    """

    def __init__(self, replies: Sequence[Reply] = ()) -> None:
        self.replies = list(replies)
        self.run: SuspendedRun | None = None
        self.method: SciPyMethod | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class SciPyState(State):
    """State of a SciPy run; ``x`` is the best point so far, and SciPy's own result once done."""

    start: NDArray[np.float64]
    """shape; the start."""
    settings: str = ""
    """The optimizer the answers belong to."""
    log: Log = field(default_factory=Log, repr=False)
    """Every answer so far."""

    def as_plain(self) -> dict[str, Any]:
        """The answers as arrays; the live run is left out, for it is rebuilt from them."""
        plain = super().as_plain()
        replies = plain.pop("log").replies[: self.step]
        plain["values"] = np.array([reply.value for reply in replies])
        plain["values_err"] = np.array([reply.value_err for reply in replies])
        gradients = [reply.gradient for reply in replies if reply.gradient is not None]
        plain["gradients"] = np.array(gradients) if gradients else None
        return plain

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """The inverse of ``as_plain``."""
        plain = dict(plain)
        values, errors, gradients = (plain.pop(name) for name in ("values", "values_err", "gradients"))
        rows = [None] * len(values) if gradients is None else list(gradients)
        replies = [Reply(float(v), float(e), g) for v, e, g in zip(values, errors, rows, strict=True)]
        return cls(**plain, log=Log(replies))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_plain, (self.as_plain(),)

    def at_rest(self) -> Self:
        """The same state with the worker thread let go; asking it again replays the answers."""
        self.log.run = None
        return self


@dataclass(frozen=True)
class SciPyMethod:
    """A method of ``scipy.optimize.minimize``; one step is one evaluation of the objective.

    ``SciPyMethod("L-BFGS-B")`` asks for gradients; ``SciPyMethod("L-BFGS-B", gradient=False)`` lets SciPy
    take finite differences of values, which shot noise spoils. Remembered values are stale once the objective
    changes, so the run then restarts from the best point.

    COBYQA is not offered: SciPy runs it under a global lock, which a suspended run would hold against all
    others. Methods that need second derivatives are not offered either.

    Raises:
        ValueError: the method is unknown, asks for a gradient it does not use, or takes no bounds but is
            given some.
    """

    method: str
    """SciPy's name, in any case."""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """SciPy's ``options`` of the method."""
    tolerance: float | None = None
    """SciPy's ``tol``, > 0; None for the method's default."""
    bounds: Bounds | None = None
    """One pair for each entry of x, in C order; None for none."""
    gradient: bool | None = None
    """Whether gradients are asked for; None for those methods that use them."""

    def __post_init__(self) -> None:
        names = {name.lower(): name for name in (*VALUE_METHODS, *GRADIENT_METHODS)}
        method = names.get(str(self.method).lower(), self.method)
        one_of(method, "method", tuple(names.values()))
        gradient = method in GRADIENT_METHODS if self.gradient is None else bool(self.gradient)
        if gradient and method in VALUE_METHODS:
            raise ValueError(argument("gradient", f"be False or None for {method}", "it is True"))
        if method == "Newton-CG" and not gradient:
            raise ValueError(argument("gradient", "be True or None for Newton-CG", "it is False"))
        if self.bounds is not None and method in _UNBOUNDED:
            raise ValueError(argument("bounds", f"be None for {method}", "some are given"))
        if self.tolerance is not None:
            real(self.tolerance, "tolerance", above=0)
        bounds = None if self.bounds is None else tuple((low, high) for low, high in self.bounds)
        for name, value in (("method", method), ("gradient", gradient), ("bounds", bounds)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "options", dict(self.options))

    @property
    def on_change(self) -> OnChange:
        """What a SciPy run remembers is stale once the objective changes."""
        return "restart"

    @property
    def uses_gradient(self) -> bool:
        """Whether its questions want gradients."""
        return bool(self.gradient)

    def init(self, x0: ArrayLike, *, rng: RngLike = None) -> SciPyState:
        """The state at the real point ``x0``, of any shape; there is no randomness.

        Raises:
            ValueError: ``bounds`` and ``x0`` differ in length.
        """
        x = start_point(x0, complex_allowed=False)
        if self.bounds is not None and len(self.bounds) != x.size:
            raise ValueError(
                argument("bounds", f"have one pair for each of {x.size} entries", f"it has {len(self.bounds)}")
            )
        return SciPyState(x, start=x, settings=repr(self))

    def ask(self, state: SciPyState) -> Query:
        """The one point SciPy wants.

        Raises:
            Exception: SciPy's own, when it refuses its settings.
        """
        asked = self._run(state).asked if not state.done else []
        if state.step >= len(asked):
            return no_question(state)
        point = asked[state.step].reshape(1, *state.start.shape)
        return Query(point.copy(), gradient=self.uses_gradient, step=state.step)

    def tell(self, state: SciPyState, answer: Evaluation) -> SciPyState:
        """The state after SciPy has digested ``answer``.

        Raises:
            Exception: SciPy's own, when it fails.
            ValueError: the answer is not finite or lacks the gradient asked for.
        """
        point = self.ask(state).points
        if len(point) == 0:
            return state if state.done else self._end(state)
        reply = self._reply(state, answer)
        log = state.log
        if len(log.replies) > state.step:
            log = Log(log.replies[: state.step])
        run = self._run(replace(state, log=log))
        log.run = None  # stays so when the answer is interrupted or makes SciPy raise: the run is then of no use
        run.answer(self._for_scipy(reply))
        log.run = run
        log.replies.append(reply)
        after = replace(state, step=state.step + 1, log=log)
        if not reply.value >= after.value:
            after = replace(after, x=point[0], value=reply.value, value_err=reply.value_err)
        return after if run.result is None else self._end(after)

    def _reply(self, state: SciPyState, answer: Evaluation) -> Reply:
        value, error = float(read_values(answer, 1)[0]), float(read_errors(answer, 1)[0])
        gradient = read_gradient(answer, state.start).ravel() if self.uses_gradient else None
        return Reply(value, error, gradient)

    def _for_scipy(self, reply: Reply) -> Any:
        return reply.value if reply.gradient is None else (reply.value, reply.gradient.copy())

    def _end(self, state: SciPyState) -> SciPyState:
        """``state`` with SciPy's last words."""
        result = self._run(state).result
        value = float(result.fun)
        errors = [reply.value_err for reply in state.log.replies if reply.value == value]
        return replace(
            state,
            x=np.array(result.x, float).reshape(state.start.shape),
            value=value,
            value_err=errors[-1] if errors else 0.0,
            done=True,
            success=bool(result.success),
            message=str(result.message),
        )

    def _run(self, state: SciPyState) -> SuspendedRun:
        """The live run of ``state``, rebuilt by replaying the answers where there is none."""
        log = state.log
        if log.method is not self:
            if repr(self) != state.settings:
                raise ValueError(argument("state", f"come from {self!r}", f"it comes from {state.settings}"))
            log.method = self
        if log.run is None:
            run = SuspendedRun(self._call(state.start))
            for reply in log.replies:
                run.answer(self._for_scipy(reply))
            log.run = run
        return log.run

    def _call(self, start: NDArray[np.float64]) -> Callable[[Fun], Any]:
        def call(fun: Fun) -> Any:
            from scipy.optimize import minimize

            return minimize(
                fun,
                start.ravel().copy(),
                method=self.method,
                jac=True if self.gradient else None,
                bounds=self.bounds,
                tol=self.tolerance,
                options=dict(self.options),
            )

        return call
