"""Hermitian matrices of low rank, kept as orthonormal columns and eigenvalues.

Axes: d = 2**n, k columns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qalgs.tomo.operators.allpauli import Factor

Columns = NDArray[np.complex128]
"""(d, k)."""


class LowRank(NamedTuple):
    """The Hermitian matrix ``vectors`` diag(``values``) ``vectors``^dagger."""

    vectors: Columns
    """(d, k) orthonormal."""
    values: NDArray[np.float64]
    """(k,)."""

    def apply(self, W: Columns) -> Columns:
        """The matrix times W (d, j)."""
        return (self.vectors * self.values) @ (self.vectors.conj().T @ W)

    def factor(self) -> Factor:
        """U with U U^dagger equal to the positive part."""
        return self.vectors * np.sqrt(np.maximum(self.values, 0))

    def plus(self, weight: float, other: LowRank) -> LowRank:
        """``self`` + ``weight`` * ``other``."""
        basis, triangle = np.linalg.qr(np.concatenate([self.vectors, other.vectors], axis=1))
        values = np.concatenate([self.values, weight * other.values])
        return within(basis, (triangle * values) @ triangle.conj().T)

    def norm(self) -> float:
        """The Frobenius norm."""
        return float(np.linalg.norm(self.values))


def touching(S: Columns, image: Columns) -> LowRank:
    """M - (1 - S S^dagger) M (1 - S S^dagger), for the Hermitian M with M S = ``image``."""
    basis, triangle = np.linalg.qr(np.concatenate([S, image], axis=1))
    width = S.shape[1]
    signs = np.diag(triangle)[:width]  # QR returns the orthonormal columns of S up to a sign each
    columns = basis.conj().T @ image / signs
    matrix = np.zeros((basis.shape[1], basis.shape[1]), np.complex128)
    matrix[:width], matrix[:, :width] = columns.conj().T, columns
    return within(basis, matrix)


def within(basis: Columns, matrix: NDArray[Any]) -> LowRank:
    """The Hermitian part of ``basis`` @ ``matrix`` @ ``basis``^dagger, eigenvalues falling."""
    values, rotation = np.linalg.eigh((matrix + matrix.conj().T) / 2)
    return LowRank(basis @ rotation[:, ::-1], values[::-1])


def positive_part(X: LowRank, rank: int) -> LowRank:
    """The nearest positive semidefinite matrix of the rank."""
    return LowRank(X.vectors[:, :rank], np.maximum(X.values[:rank], 0))


def largest_part(X: LowRank, rank: int) -> LowRank:
    """The part of X with the largest absolute eigenvalues."""
    kept = np.argsort(-np.abs(X.values), kind="stable")[:rank]
    return LowRank(X.vectors[:, kept], X.values[kept])


def from_factor(U: Factor) -> LowRank:
    """U U^dagger."""
    vectors, singular, _ = np.linalg.svd(U, full_matrices=False)
    return LowRank(vectors, singular**2)
