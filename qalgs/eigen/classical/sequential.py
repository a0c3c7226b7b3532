"""One player after the other: each ends where its gradient vanishes, and the next one starts from what is left.

Axes: d dimension, k players.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from qalgs.eigen.classical.base import Climb, Vectors, arrived
from qalgs.eigen.classical.matrix import Array, Deflated, Gain, inner, normalised, rayleigh
from qalgs.run import Status, Step


@dataclass(frozen=True)
class Sequential(Climb, ABC):
    """The loop: player r climbs u_r(v) = v^dagger D_r v on the unit sphere until its gradient is small."""

    def iterate(
        self, H: Any, k: int, *, seed: np.random.SeedSequence, start: Array | None = None
    ) -> Generator[Step, None, Status]:
        """One step per gradient; the metrics are player, energy and gradient_norm.

        Args:
            H: Hermitian matrix, see ``as_matrix``.
            k: levels, in 1..d.
            seed: draws the vectors to begin from.
            start: (d, k) vectors to begin from instead.

        Raises:
            ValueError: an argument is out of range.
        """
        M, V = self._begin(H, k, seed, start)
        energies = np.zeros(k)
        index, status = 0, Status.CONVERGED
        for r in range(k):
            D = self._deflated(M, V[:, :r])
            for left in reversed(range(self.max_steps)):
                v = V[:, r]
                image = M.apply(v)
                gradient = self._gradient(D, v, image)
                slope = float(np.linalg.norm(gradient - inner(v, gradient) * v))
                energies[r], index = M.c - inner(v, image), index + 1
                state = Vectors(V[:, : r + 1].copy(), energies[: r + 1].copy())
                yield Step(index, state, {"player": float(r), "energy": energies[r], "gradient_norm": slope})
                if slope <= self.tolerance * M.norm and arrived(V[:, : r + 1]):
                    break
                if left == 0:
                    status = Status.MAX_STEPS
                else:
                    V[:, r] = normalised(self._moved(M, v, gradient), v)
        return status

    @abstractmethod
    def _deflated(self, M: Gain, parents: Array) -> Deflated:
        """D_r."""

    def _gradient(self, D: Deflated, v: Array, image: Array) -> Array:
        """(d,) of u at v, whose image M v is, not yet projected on the sphere."""
        return 2 * D.rest(v, image)

    @abstractmethod
    def _moved(self, M: Gain, v: Array, gradient: Array) -> Array:
        """Where to go from v, up to length."""


@dataclass(frozen=True)
class Hotelling(Sequential):
    """Power iteration with Hotelling's deflation, D_r = M - sum_{j<r} lambda_j v_j v_j^dagger.

    Saad, Numerical Methods for Large Eigenvalue Problems, section 4.2. With inexact parents the child is not exactly
    orthogonal to them, which is where it differs from the EigenGame.

    Raises:
        TypeError: a setting has the wrong type.
        ValueError: a setting is out of its range.

    Example:
        >>> steps = list(Hotelling().iterate(np.diag([0.0, 1.0, 3.0]), 2, seed=np.random.SeedSequence(1)))
        >>> steps[-1].state.energies.round(6) + 0.0
        array([0., 1.])
    """

    def _deflated(self, M: Gain, parents: Array) -> Deflated:
        return Deflated(M, parents, rayleigh(parents, M.apply(parents)))

    def _moved(self, M: Gain, v: Array, gradient: Array) -> Array:
        return gradient
