"""Simultaneous perturbation: a gradient step from two values, whatever the number of parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import RngLike, as_seed_sequence, generator, positive_int, real
from qalgs.evaluation import Evaluation, Query
from qalgs.optimizers.base import OnChange, State, read_values, start_point


@dataclass(frozen=True, eq=False, kw_only=True)
class SPSAState(State):
    """State of ``SPSA``."""

    seed: np.random.SeedSequence
    """With the step, decides the directions."""


@dataclass(frozen=True)
class SPSA:
    """Simultaneous perturbation stochastic approximation.

    x_{t+1} = x_t - a_t g_t,  g_t = mean over directions D of (f(x_t + c_t D) - f(x_t - c_t D)) / (2 c_t) D,
    a_t = step_size / (t + 1 + stability)^alpha,  c_t = perturbation / (t + 1)^gamma,

    with D uniform on {-1, 1}^p, drawn anew at each step as a function of the seed and the step alone. On a
    quadratic g_t is an unbiased estimate of the gradient. It never ends by itself.

    Spall, "Implementation of the simultaneous perturbation algorithm for stochastic optimization",
    IEEE Trans. Aerosp. Electron. Syst. 34, 817 (1998), section III; alpha and gamma are the values given
    there.

    Raises:
        TypeError: ``samples`` is not an integer.
        ValueError: a setting is out of its range.
    """

    step_size: float = 0.2
    """a, > 0."""
    perturbation: float = 0.1
    """c, > 0, in units of x; with shots about the standard error of a value or more."""
    stability: float = 10.0
    """A, >= 0; about a tenth of the steps planned."""
    samples: int = 1
    """Directions averaged in one step; a question has twice as many points."""
    alpha: float = 0.602
    """Decay of the step size, in (0, 1]."""
    gamma: float = 0.101
    """Decay of the perturbation, in [0, 1]."""

    @property
    def on_change(self) -> OnChange:
        """The gain sequence stays useful when the objective changes."""
        return "carry"

    @property
    def uses_gradient(self) -> bool:
        """Questions want values only."""
        return False

    def __post_init__(self) -> None:
        real(self.step_size, "step_size", above=0)
        real(self.perturbation, "perturbation", above=0)
        real(self.stability, "stability", low=0)
        positive_int(self.samples, "samples")
        real(self.alpha, "alpha", above=0, high=1)
        real(self.gamma, "gamma", low=0, high=1)

    def init(self, x0: ArrayLike, *, rng: RngLike = None) -> SPSAState:
        """The state at the real point ``x0``."""
        return SPSAState(start_point(x0, complex_allowed=False), seed=as_seed_sequence(rng))

    def ask(self, state: SPSAState) -> Query:
        """Values at x + c D for each direction, then at x - c D."""
        shift = self._radius(state) * self._directions(state)
        return Query(np.concatenate([state.x + shift, state.x - shift]), step=state.step)

    def tell(self, state: SPSAState, answer: Evaluation) -> SPSAState:
        """One step."""
        step_size = self.step_size / (state.step + 1 + self.stability) ** self.alpha
        return replace(state, x=state.x - step_size * self.gradient(state, answer), step=state.step + 1)

    def gradient(self, state: SPSAState, answer: Evaluation) -> NDArray[Any]:
        """The estimate g_t that ``answer`` gives, of the shape of x."""
        plus, minus = np.split(read_values(answer, 2 * self.samples), 2)
        slopes = (plus - minus) / (2 * self._radius(state))
        return np.tensordot(slopes, self._directions(state), axes=1) / self.samples

    def _radius(self, state: SPSAState) -> float:
        return self.perturbation / (state.step + 1) ** self.gamma

    def _directions(self, state: SPSAState) -> NDArray[Any]:
        bits = generator(state.seed, state.step).integers(2, size=(self.samples, *state.x.shape))
        return 2.0 * bits - 1.0
