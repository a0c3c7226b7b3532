"""The EigenGame of vectors: one player after the other with denominators, or all at once without them.

Axes: d dimension, k players.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from qalgs.checks import one_of, real
from qalgs.eigen.classical.base import Climb, Vectors, arrived, round_metrics
from qalgs.eigen.classical.matrix import Array, Deflated, Gain, rayleigh
from qalgs.eigen.classical.sequential import Sequential
from qalgs.run import Status, Step


@dataclass(frozen=True)
class ClassicalEigenGame(Sequential):
    """The EigenGame on vectors, by exact or by finite-difference gradients (arXiv 2503.13644, figure 6).

    u_r(v) = v^dagger M v - sum_{j<r} |v_j^dagger M v|**2 / (v_j^dagger M v_j) = v^dagger D_r v, and
    v <- v + eta grad u, normalised. As u is quadratic, its forward difference along every axis has a closed form,
    (u(v + sigma e_i) - u(v)) / sigma = 2 Re (D v)_i + sigma D_ii, for complex vectors also along i e_i, with Im.

    Raises:
        TypeError: a setting has the wrong type.
        ValueError: a setting is out of its range.

    Example:
        >>> game = ClassicalEigenGame(order="zeroth")
        >>> steps = list(game.iterate(np.diag([0.0, 1.0, 3.0]), 2, seed=np.random.SeedSequence(1)))
        >>> steps[-1].state.energies.round(6) + 0.0
        array([0., 1.])
    """

    order: Literal["exact", "zeroth"] = "exact"
    """Whether players know their gradient, or only how u changes along each axis by sigma."""
    sigma: float = 1e-4
    """zeroth: the step of the forward difference. It moves vectors by about sigma |M| / gap, so a degenerate level is
    slow to settle where ``tolerance`` is below sigma."""
    step_size: float | None = None
    """eta; None for 1 / (2 |M|), the largest step for which the stiffest direction does not overshoot."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.order, "order", ("exact", "zeroth"))
        real(self.sigma, "sigma", above=0)
        if self.step_size is not None:
            real(self.step_size, "step_size", above=0)

    def _deflated(self, M: Gain, parents: Array) -> Deflated:
        images = M.apply(parents)
        return Deflated(M, images, 1 / rayleigh(parents, images))

    def _gradient(self, D: Deflated, v: Array, image: Array) -> Array:
        gradient = super()._gradient(D, v, image)
        return gradient if self.order == "exact" else gradient + self.sigma * _bias(D, v)

    def _moved(self, M: Gain, v: Array, gradient: Array) -> Array:
        return v + (0.5 / M.norm if self.step_size is None else self.step_size) * gradient


def _bias(D: Deflated, v: Array) -> Array:
    """(d,) D_ii, for the imaginary axes of complex vectors too."""
    return D.diagonal() * (1 + 1j) if np.iscomplexobj(v) else D.diagonal()


@dataclass(frozen=True)
class EigenGameMu(Climb):
    """EigenGame-mu: all players move at once, along a pseudo-gradient without denominators (arXiv 2102.04152).

    v_i <- v_i + 2 eta (1 - v_i v_i^dagger) (M v_i - sum_{j<i} (v_j^dagger M v_i) v_j), normalised.

    Raises:
        TypeError: a setting has the wrong type.
        ValueError: a setting is out of its range.

    Example:
        >>> steps = list(EigenGameMu().iterate(np.diag([0.0, 1.0, 3.0]), 2, seed=np.random.SeedSequence(1)))
        >>> steps[-1].state.energies.round(6) + 0.0
        array([0., 1.])
    """

    step_size: float | None = None
    """eta; None for 1 / (2 |M|)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.step_size is not None:
            real(self.step_size, "step_size", above=0)

    def iterate(
        self, H: Any, k: int, *, seed: np.random.SeedSequence, start: Array | None = None
    ) -> Generator[Step, None, Status]:
        """One step per round; the metrics are gradient_norm, the longest, and energy_0 to energy_<k-1>.

        Args:
            H: Hermitian matrix, see ``as_matrix``.
            k: levels, in 1..d.
            seed: draws the vectors to begin from.
            start: (d, k) vectors to begin from instead.

        Raises:
            ValueError: an argument is out of range.
        """
        M, V = self._begin(H, k, seed, start)
        eta = 0.5 / M.norm if self.step_size is None else self.step_size
        for index in range(1, self.max_steps + 1):
            images = M.apply(V)
            overlaps = V.conj().T @ images
            gradient = 2 * (images - V @ np.triu(overlaps))  # the diagonal is the projection on the sphere
            gradient -= V * rayleigh(V, gradient)
            slope = float(np.linalg.norm(gradient, axis=0).max())
            state = Vectors(V, M.c - rayleigh(V, images))
            yield Step(index, state, round_metrics(state, slope), total=self.max_steps)
            if slope <= self.tolerance * M.norm and arrived(V):
                return Status.CONVERGED
            V = V + eta * gradient
            V = V / np.linalg.norm(V, axis=0)
        return Status.MAX_STEPS
