"""The optimizer protocol: frozen settings, a frozen state, and never the objective.

Axes: m points of one question, ``shape`` the shape of one point: (p,) angles, or (d, r) for a complex factor.

An optimizer asks (``Query``) and is told (``Evaluation``). Who evaluates, where, and whether several
optimizers share one job is none of its business, so the objective may change between two questions.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import RngLike, argument, finite_array
from qalgs.evaluation import Evaluation, Query

OnChange = Literal["carry", "restart"]
"""What a changed objective does to a state: it stays useful, or the run starts afresh from ``state.x``."""


@dataclass(frozen=True, eq=False)
class State:
    """Where an optimizer stands. Its arrays are read-only."""

    kinds: ClassVar[dict[str, type[State]]] = {}
    """Every kind of state by name, for loading."""

    x: NDArray[Any]
    """shape; the point a run that ended here would return."""
    step: int = 0
    """Questions answered."""
    done: bool = False
    """Whether the optimizer has nothing left to ask."""
    success: bool = False
    """Whether it ended by meeting its tolerance; False while it is not done."""
    message: str = ""
    """Its last words, once done."""
    value: float = np.nan
    """Objective at ``x``; NaN where it has not been evaluated."""
    value_err: float = 0.0
    """Standard error of ``value``; 0 where it is exact."""

    def __init_subclass__(cls) -> None:
        State.kinds[cls.__name__] = cls

    def __post_init__(self) -> None:
        for entry in fields(self):
            array = getattr(self, entry.name)
            if isinstance(array, np.ndarray):
                array.setflags(write=False)

    def as_plain(self) -> dict[str, Any]:
        """Everything the state is made of, as arrays, numbers, strings and seeds."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """The inverse of ``as_plain``."""
        return cls(**plain)

    def at_rest(self) -> Self:
        """The same state without anything live, such as a thread; it asks the same."""
        return self


State.kinds["State"] = State

S = TypeVar("S", bound=State)


class Optimizer(Protocol[S]):
    """A method of minimisation; the same state always gives the same question."""

    @property
    def on_change(self) -> OnChange:
        """What happens to the state when the objective changes."""
        ...

    @property
    def uses_gradient(self) -> bool:
        """Whether its questions want gradients."""
        ...

    def init(self, x0: ArrayLike, *, rng: RngLike = None) -> S:
        """The state before the first question, at the start ``x0``."""
        ...

    def ask(self, state: S) -> Query:
        """The next question; without points once ``state.done``."""
        ...

    def tell(self, state: S, answer: Evaluation) -> S:
        """The state after ``answer``, which answers ``ask(state)``."""
        ...


def start_point(x0: ArrayLike, *, complex_allowed: bool) -> NDArray[Any]:
    """A copy of ``x0`` in double precision, real or complex.

    Raises:
        TypeError: ``x0`` is complex where only real points make sense, or not numeric.
        ValueError: ``x0`` is empty, a scalar, or not finite.
    """
    is_complex = np.iscomplexobj(x0)
    if is_complex and not complex_allowed:
        raise TypeError(argument("x0", "be real for this optimizer", "it is complex"))
    x = finite_array(x0, "x0", dtype=complex if is_complex else float).copy()
    if x.ndim == 0 or x.size == 0:
        raise ValueError(argument("x0", "have at least one entry along each axis", f"its shape is {x.shape}"))
    return x


def no_question(state: State) -> Query:
    """The question of an optimizer that is done: no points."""
    return Query(np.empty((0, *state.x.shape), state.x.dtype), step=state.step)


def read_values(answer: Evaluation, points: int) -> NDArray[np.float64]:
    """The (m,) values of ``answer``.

    Raises:
        ValueError: their number is not that of the points, or one is not finite.
    """
    value = finite_array(answer.value, "answer.value", ndim=1)
    if len(value) != points:
        raise ValueError(argument("answer.value", f"have shape ({points},)", f"its shape is {value.shape}"))
    return value


def read_errors(answer: Evaluation, points: int) -> NDArray[np.float64]:
    """The (m,) standard errors of the values; 0 where they are exact."""
    if answer.value_err is None:
        return np.zeros(points)
    return np.broadcast_to(np.asarray(answer.value_err, float), (points,))


def read_gradient(answer: Evaluation, like: NDArray[Any]) -> NDArray[Any]:
    """The gradient of ``answer`` at its only point, of the shape and kind of ``like``.

    Raises:
        TypeError: it is complex where ``like`` is real.
        ValueError: there is none, it has another shape, or it is not finite.
    """
    if answer.gradient is None:
        raise ValueError(argument("answer.gradient", "be given because the question asked for it", "it is None"))
    if np.iscomplexobj(answer.gradient) and not np.iscomplexobj(like):
        raise TypeError(argument("answer.gradient", "be real because the point is", "it is complex"))
    gradient = finite_array(answer.gradient, "answer.gradient", dtype=like.dtype)
    if gradient.shape != (1, *like.shape):
        raise ValueError(
            argument("answer.gradient", f"have shape {(1, *like.shape)}", f"its shape is {gradient.shape}")
        )
    return gradient[0].copy()
