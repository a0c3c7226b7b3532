"""A linear system made ready for a quantum solver: scaled, Hermitian, of a power of two.

Axes: N unknowns as given, n qubits, d = 2**n.

The scaled system is ``matrix @ y = rhs`` with |matrix| = |rhs| = 1. A matrix that is not Hermitian is dilated to
[[0, A], [A^dagger, 0]] with the right-hand side (b, 0), whose solution is (0, x): the condition number stays. Padding
is the identity, whose eigenvalue 1 keeps it too.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from qalgs.checks import argument, finite_array, real

_HERMITIAN = 1e-10
_LARGEST = 1 << 12


@dataclass(frozen=True, eq=False)
class LinearSystem:
    """A x = b as the solvers see it; made by ``LinearSystem.of``."""

    matrix: NDArray[Any]
    """(d, d) Hermitian, of spectral norm 1, float or complex."""
    rhs: NDArray[Any]
    """(d,) of norm 1."""
    kappa: float
    """Condition number: every |eigenvalue| of ``matrix`` is in [1/kappa, 1]."""
    scale: float
    """Spectral norm of A as given."""
    rhs_norm: float
    """Norm of b as given."""
    dimension: int
    """N."""
    is_dilated: bool
    """Whether A was not Hermitian."""

    @classmethod
    def of(cls, A: ArrayLike | Any, b: ArrayLike, *, kappa: float | None = None) -> LinearSystem:
        """Check, scale, dilate and pad.

        Args:
            A: (N, N) dense or SciPy sparse, real or complex, invertible.
            b: (N,) real or complex, not 0.
            kappa: a bound on the condition number; computed when None.

        Raises:
            TypeError: an entry is no number.
            ValueError: A is not square, too large, singular or not finite, or b does not fit or is 0.

        Warns:
            UserWarning: ``kappa`` is below the true condition number, so that no promise of an error holds.
        """
        dense = _dense(A)
        N = len(dense)
        vector = _numbers(b, "b")
        if vector.shape != (N,):
            raise ValueError(argument("b", f"have shape ({N},)", f"its shape is {vector.shape}"))
        rhs_norm = float(np.linalg.norm(vector))
        if rhs_norm == 0:
            raise ValueError(argument("b", "not be the zero vector", "it is"))
        hermitian = bool(np.abs(dense - dense.conj().T).max() <= _HERMITIAN * np.abs(dense).max())
        if hermitian:
            dense = (dense + dense.conj().T) / 2
        singular_values = np.linalg.svd(dense, compute_uv=False)
        scale = float(singular_values[0])
        if singular_values[-1] <= N * np.finfo(float).eps * scale:
            must = "be invertible; for a regularised solution pass A + lambda I, or the normal equations"
            raise ValueError(argument("A", must, f"its smallest singular value is {singular_values[-1]:.3g}"))
        true = scale / float(singular_values[-1])
        if kappa is not None and real(kappa, "kappa", low=1) < true * (1 - 1e-9):
            warnings.warn(
                f"`kappa` is {kappa:g} but the condition number is {true:g}: errors are not bounded.", stacklevel=2
            )
        matrix, rhs = dense / scale, vector / rhs_norm
        if not hermitian:
            zero = np.zeros_like(matrix)
            matrix = np.block([[zero, matrix], [matrix.conj().T, zero]])
            rhs = np.concatenate([rhs, np.zeros_like(rhs)])
        matrix, rhs = _padded(matrix, rhs)
        return cls(matrix, rhs, float(true if kappa is None else kappa), scale, rhs_norm, N, not hermitian)

    @property
    def num_qubits(self) -> int:
        """n, at least 1."""
        return len(self.rhs).bit_length() - 1

    @cached_property
    def spectrum(self) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """(d,) eigenvalues, ascending, and (d, d) eigenvectors in columns, of ``matrix``."""
        return np.linalg.eigh(self.matrix)

    @cached_property
    def is_positive(self) -> bool:
        """Whether every eigenvalue is positive."""
        return bool(self.spectrum[0][0] > 0)

    @cached_property
    def solution(self) -> NDArray[Any]:
        """(d,) y of the scaled system, by elimination: the truth that solvers are checked against."""
        return np.linalg.solve(self.matrix, self.rhs)

    def recover(self, vector: ArrayLike) -> NDArray[Any]:
        """(N,) x of the system as given, from a (d,) solution of the scaled one.

        Raises:
            ValueError: ``vector`` has another shape.
        """
        y = np.asarray(vector)
        if y.shape != self.rhs.shape:
            raise ValueError(argument("vector", f"have shape {self.rhs.shape}", f"its shape is {y.shape}"))
        first = self.dimension if self.is_dilated else 0
        return y[first : first + self.dimension] * (self.rhs_norm / self.scale)

    def embed(self, x: ArrayLike, name: str = "x") -> NDArray[Any]:
        """(d,) vector of the scaled system that ``recover`` maps to ``x``.

        Raises:
            ValueError: ``x`` has another length than N, or is not finite.
        """
        given = _numbers(x, name)
        if given.shape != (self.dimension,):
            raise ValueError(argument(name, f"have shape ({self.dimension},)", f"its shape is {given.shape}"))
        first = self.dimension if self.is_dilated else 0
        out = np.zeros(len(self.rhs), np.result_type(given, self.rhs))
        out[first : first + self.dimension] = given * (self.scale / self.rhs_norm)
        return out

    def with_rhs(self, rhs: NDArray[Any]) -> LinearSystem:
        """The same matrix with another (d,) right-hand side of the scaled system, of any norm but 0."""
        norm = float(np.linalg.norm(rhs))
        if norm == 0:
            raise ValueError(argument("rhs", "not be the zero vector", "it is"))
        size = self.rhs_norm * norm
        return LinearSystem(self.matrix, rhs / norm, self.kappa, self.scale, size, self.dimension, self.is_dilated)


def _numbers(value: ArrayLike, name: str, ndim: int = 1) -> NDArray[Any]:
    is_complex = np.iscomplexobj(value)
    return finite_array(value, name, ndim=ndim, dtype=complex if is_complex else float)


def _dense(A: Any) -> NDArray[Any]:
    shape = np.shape(A)
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
        raise ValueError(argument("A", "be a square matrix", f"its shape is {shape}"))
    if shape[0] > _LARGEST:
        raise ValueError(argument("A", f"have at most {_LARGEST} rows to be simulated", f"it has {shape[0]}"))
    return _numbers(A.toarray() if issparse(A) else A, "A", ndim=2)


def _padded(matrix: NDArray[Any], rhs: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    size = len(rhs)
    d = max(2, 1 << (size - 1).bit_length())
    if d == size:
        return matrix, rhs
    wide = np.eye(d, dtype=matrix.dtype)
    wide[:size, :size] = matrix
    return wide, np.concatenate([rhs, np.zeros(d - size, rhs.dtype)])
