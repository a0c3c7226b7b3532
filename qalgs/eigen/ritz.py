"""The best levels in the span of some states, from their matrices of H and of overlaps: Rayleigh and Ritz.

Axes: K states, r <= K of them independent, k levels.

With exact matrices the values are upper bounds to the levels, and their error is of second order in what the span
misses. With measured ones they are not: noise may push them below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import RngLike, argument, finite_array, positive_int, real
from qalgs.eigen.deflation import Complex, Real
from qalgs.eigen.shots import ritz_replicas

EXACT_THRESHOLD, SAMPLED_THRESHOLD = 1e-8, 1e-2
"""Smallest eigenvalue of the overlaps that counts as a direction of its own, without and with shots."""


@dataclass(frozen=True, eq=False)
class RitzLevels:
    """Levels in the span of K states."""

    values: Real
    """(r,) ascending."""
    vectors: Complex
    """(K, r): level i is sum_j vectors[j, i] psi_j, normalised."""

    @property
    def rank(self) -> int:
        """Independent directions."""
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Matrices:
    """What has been measured between K states, with variances; 0 where exact, NaN where not measured."""

    H: Complex
    """(K, K) <psi_i|H|psi_j>."""
    S: Complex
    """(K, K) <psi_i|psi_j>."""
    H_var: Real
    """(K, K) real and imaginary part together."""
    S_var: Real
    """(K, K)."""
    HS_cov: Real
    """(K, K)."""

    @classmethod
    def unknown(cls, size: int) -> Matrices:
        """Nothing measured, but that states are normalised."""
        nan = np.full((size, size), np.nan)
        S = nan.astype(complex)
        np.fill_diagonal(S, 1)
        zero = np.zeros((size, size))
        return cls(nan.astype(complex), S, zero, zero.copy(), zero.copy())

    @property
    def complete(self) -> bool:
        """Whether every entry is known."""
        return bool(np.isfinite(self.H).all() and np.isfinite(self.S).all())

    @property
    def exact(self) -> bool:
        """Whether no entry has an error."""
        return not (self.H_var.any() or self.S_var.any())

    def part(self, states: ArrayLike) -> Matrices:
        """Those of some of the states."""
        index = np.ix_(np.asarray(states, int), np.asarray(states, int))
        return Matrices(self.H[index], self.S[index], self.H_var[index], self.S_var[index], self.HS_cov[index])

    @property
    def threshold(self) -> float:
        """Below it, a direction of the span is noise."""
        if self.exact:
            return EXACT_THRESHOLD
        return max(SAMPLED_THRESHOLD, 3 * float(np.sqrt(self.S_var.max())))


def rayleigh_ritz(H: ArrayLike, S: ArrayLike, *, threshold: float = EXACT_THRESHOLD) -> RitzLevels:
    """The levels of H in the span of states with overlaps S.

    Args:
        H: (K, K) <psi_i|H|psi_j>.
        S: (K, K) <psi_i|psi_j>.
        threshold: directions with a smaller eigenvalue of S are left out.

    Raises:
        ValueError: shapes differ, an entry is not finite, or no direction is left.

    Example:
        >>> rayleigh_ritz([[0, 1], [1, 0]], [[1, 0], [0, 1]]).values
        array([-1.,  1.])
    """
    h, s = finite_array(H, "H", ndim=2, dtype=complex), finite_array(S, "S", ndim=2, dtype=complex)
    if h.shape != s.shape or h.shape[0] != h.shape[1]:
        raise ValueError(argument("S", "be square and of the shape of H", f"shapes are {h.shape} and {s.shape}"))
    threshold = real(threshold, "threshold", above=0)
    weights, directions = np.linalg.eigh((s + s.conj().T) / 2)
    kept = weights > threshold
    if not kept.any():
        raise ValueError(argument("S", f"have an eigenvalue above {threshold:g}", f"its largest is {weights.max():g}"))
    basis = directions[:, kept] / np.sqrt(weights[kept])
    values, vectors = np.linalg.eigh(basis.conj().T @ ((h + h.conj().T) / 2) @ basis)
    return RitzLevels(values, (basis @ vectors).astype(complex))


def ritz_errors(matrices: Matrices, k: int, rng: RngLike, replicas: int) -> NDArray[np.float64]:
    """(k,) standard errors of the lowest Ritz values, by the parametric bootstrap; 0 where the matrices are exact."""
    if matrices.exact:
        return np.zeros(k)
    count = positive_int(replicas, "bootstrap", minimum=0)
    if count < 2:
        return np.full(k, np.nan)
    H, S = ritz_replicas(
        matrices.H,
        matrices.S,
        np.sqrt(matrices.H_var),
        np.sqrt(matrices.S_var),
        rng,
        count,
        HS_cov=np.clip(matrices.HS_cov, -(b := np.sqrt(matrices.H_var * matrices.S_var)), b),
    )
    threshold = matrices.threshold
    found = [rayleigh_ritz(h, s, threshold=threshold).values[:k] for h, s in zip(H, S, strict=True)]
    whole = np.array([row for row in found if len(row) == k])
    return np.std(whole, axis=0, ddof=1) if len(whole) > 1 else np.full(k, np.nan)


def clusters(values: Real, errors: Real, *, tolerance: float = 1e-6) -> tuple[int, ...]:
    """How many of the ascending (or descending) values belong together, cluster by cluster.

    Neighbours belong together where they differ by at most the tolerance, or by 3 of their standard errors.
    """
    sizes: list[int] = []
    for i, value in enumerate(values):
        error = float(np.hypot(errors[i], errors[i - 1])) if i else 0.0
        near = max(tolerance, 3 * error if np.isfinite(error) else 0.0)
        if i and abs(value - values[i - 1]) <= near:
            sizes[-1] += 1
        else:
            sizes.append(1)
    return tuple(sizes)
