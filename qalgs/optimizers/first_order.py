"""Gradient descent, momentum and Adam, for real and for complex points.

Axes: ``shape`` is the shape of one point. The gradient of a real function of complex points is the direction
of steepest ascent, so that x - eta * gradient descends; only |gradient|^2 enters as a scale, which keeps Adam
real there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import RngLike, real
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


class FirstOrder:
    """What the methods of this file have in common."""

    @property
    def on_change(self) -> OnChange:
        """Moments and momenta stay useful when the objective changes."""
        return "carry"

    @property
    def uses_gradient(self) -> bool:
        """Every question wants the gradient."""
        return True


def _check_tolerance(tolerance: float | None) -> None:
    if tolerance is not None:
        real(tolerance, "tolerance", above=0)


def _question(state: State, point: NDArray[Any]) -> Query:
    return no_question(state) if state.done else Query(point[None].copy(), gradient=True, step=state.step)


def _settled(
    state: State, point: NDArray[Any], gradient: NDArray[Any], answer: Evaluation, tolerance: float
) -> dict[str, Any]:
    """The changes that end a run at ``point``, where the gradient is small enough; empty where it is not."""
    norm = float(np.linalg.norm(gradient))
    if norm > tolerance:
        return {}
    return {
        "x": point.copy(),
        "step": state.step + 1,
        "done": True,
        "success": True,
        "message": f"gradient norm {norm:.3g} is at most the tolerance {tolerance:.3g}",
        "value": float(read_values(answer, 1)[0]),
        "value_err": float(read_errors(answer, 1)[0]),
    }


@dataclass(frozen=True)
class GradientDescent(FirstOrder):
    """Steps against the gradient.

    x_{t+1} = x_t - eta_t g(x_t) with eta_t = step_size / (1 + decay t); ``decay=0`` is a constant step size.

    Raises:
        ValueError: ``step_size`` or ``tolerance`` is not positive, or ``decay`` is negative.
    """

    step_size: float = 0.1
    """eta at the first step, > 0."""
    decay: float = 0.0
    """>= 0; a positive one lets the noise of stochastic gradients average out."""
    tolerance: float | None = None
    """Ends the run where the gradient's norm is at most this; None for never."""

    def __post_init__(self) -> None:
        real(self.step_size, "step_size", above=0)
        real(self.decay, "decay", low=0)
        _check_tolerance(self.tolerance)

    def init(self, x0: ArrayLike, *, rng: RngLike = None) -> State:
        """The state at ``x0``; there is no randomness."""
        return State(start_point(x0, complex_allowed=True))

    def ask(self, state: State) -> Query:
        """Value and gradient at x."""
        return _question(state, state.x)

    def tell(self, state: State, answer: Evaluation) -> State:
        """One step."""
        read_values(answer, 1)
        gradient = read_gradient(answer, state.x)
        if self.tolerance and (end := _settled(state, state.x, gradient, answer, self.tolerance)):
            return replace(state, **end)
        step_size = self.step_size / (1 + self.decay * state.step)
        return replace(state, x=state.x - step_size * gradient, step=state.step + 1)


@dataclass(frozen=True, eq=False, kw_only=True)
class MomentumState(State):
    """State of ``Momentum``."""

    lookahead: NDArray[Any]
    """shape; the extrapolated point z where the gradient is taken."""


@dataclass(frozen=True)
class Momentum(FirstOrder):
    """Nesterov's accelerated gradient, the form MiFGD uses on a factor.

    x_{t+1} = z_t - eta g(z_t),  z_{t+1} = x_{t+1} + mu (x_{t+1} - x_t).

    Kim et al., "Fast quantum state reconstruction via accelerated non-convex programming", Photonics 10, 116
    (2023), arXiv:2104.07006, with x the factor U and z the factor Z.

    Raises:
        ValueError: ``step_size`` or ``tolerance`` is not positive, or ``momentum`` is outside [0, 1].
    """

    step_size: float = 0.1
    """eta, > 0."""
    momentum: float = 0.9
    """mu in [0, 1]; 0 is plain gradient descent."""
    tolerance: float | None = None
    """Ends the run where the gradient's norm at z is at most this; None for never."""

    def __post_init__(self) -> None:
        real(self.step_size, "step_size", above=0)
        real(self.momentum, "momentum", low=0, high=1)
        _check_tolerance(self.tolerance)

    def init(self, x0: ArrayLike, *, rng: RngLike = None) -> MomentumState:
        """The state at rest at ``x0``; there is no randomness."""
        x = start_point(x0, complex_allowed=True)
        return MomentumState(x, lookahead=x)

    def ask(self, state: MomentumState) -> Query:
        """Value and gradient at the extrapolated point."""
        return _question(state, state.lookahead)

    def tell(self, state: MomentumState, answer: Evaluation) -> MomentumState:
        """One step."""
        read_values(answer, 1)
        z = state.lookahead
        gradient = read_gradient(answer, z)
        if self.tolerance and (end := _settled(state, z, gradient, answer, self.tolerance)):
            return replace(state, **end)
        x = z - self.step_size * gradient
        return replace(state, x=x, lookahead=x + self.momentum * (x - state.x), step=state.step + 1)


@dataclass(frozen=True, eq=False, kw_only=True)
class AdamState(State):
    """State of ``Adam``."""

    first: NDArray[Any]
    """shape; running mean of the gradient."""
    second: NDArray[np.float64]
    """shape, real; running mean of |gradient|^2."""


@dataclass(frozen=True)
class Adam(FirstOrder):
    """Steps scaled entry by entry by running moments of the gradient.

    m_t = b1 m_{t-1} + (1 - b1) g_t,  v_t = b2 v_{t-1} + (1 - b2) |g_t|^2,
    x_t = x_{t-1} - eta (m_t / (1 - b1^t)) / (sqrt(v_t / (1 - b2^t)) + eps).

    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, arXiv:1412.6980, Algorithm 1.

    Raises:
        ValueError: a setting is out of its range.
    """

    step_size: float = 0.05
    """eta, > 0; about the largest move of an entry in one step."""
    beta1: float = 0.9
    """Memory of the mean, in [0, 1)."""
    beta2: float = 0.999
    """Memory of the scale, in [0, 1)."""
    eps: float = 1e-8
    """> 0; bounds the scaling where gradients vanish."""
    tolerance: float | None = None
    """Ends the run where the gradient's norm is at most this; None for never."""

    def __post_init__(self) -> None:
        real(self.step_size, "step_size", above=0)
        real(self.eps, "eps", above=0)
        for name in ("beta1", "beta2"):
            real(getattr(self, name), name, low=0, high=1 - 1e-12)
        _check_tolerance(self.tolerance)

    def init(self, x0: ArrayLike, *, rng: RngLike = None) -> AdamState:
        """The state at ``x0`` with empty moments; there is no randomness."""
        x = start_point(x0, complex_allowed=True)
        return AdamState(x, first=np.zeros_like(x), second=np.zeros(x.shape))

    def ask(self, state: AdamState) -> Query:
        """Value and gradient at x."""
        return _question(state, state.x)

    def tell(self, state: AdamState, answer: Evaluation) -> AdamState:
        """One step."""
        read_values(answer, 1)
        gradient = read_gradient(answer, state.x)
        if self.tolerance and (end := _settled(state, state.x, gradient, answer, self.tolerance)):
            return replace(state, **end)
        t = state.step + 1
        first = self.beta1 * state.first + (1 - self.beta1) * gradient
        second = self.beta2 * state.second + (1 - self.beta2) * np.abs(gradient) ** 2
        scale = np.sqrt(second / (1 - self.beta2**t)) + self.eps
        x = state.x - self.step_size * (first / (1 - self.beta1**t)) / scale
        return replace(state, x=x, first=first, second=second, step=t)
