"""The matrix the classical players work on: H itself, and M = c I - H, whose largest eigenvalues they seek.

Axes: d dimension, k players. Vectors are the columns of (d, k) arrays; they are real where H is real.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import SparsePauliOp
from scipy import sparse
from scipy.sparse.linalg import eigsh

from qalgs.checks import argument, finite_array, real

Array = NDArray[Any]
"""Real or complex."""
Shift = float | Literal["auto"]

_DENSE = 64
"""Dimension up to which the ends of the spectrum come from all eigenvalues."""
_ENDS_TOLERANCE = 1e-3
_MARGIN = 0.05
_HERMITIAN = 1e-10


def as_matrix(H: Any) -> Any:
    """``H`` as a real or complex float array or CSR matrix.

    Args:
        H: (d, d) array, SciPy sparse matrix, ``SparsePauliOp``, or anything whose ``hamiltonian`` is one of them.

    Raises:
        TypeError: it is none of these.
        ValueError: it is not square, not finite, or not Hermitian to 1e-10 of its largest entry.

    Example:
        >>> as_matrix(SparsePauliOp("Z")).toarray()
        array([[ 1.,  0.],
               [ 0., -1.]])
    """
    given: Any = getattr(H, "hamiltonian", H)
    matrix: Any = given.to_matrix(sparse=True) if isinstance(given, SparsePauliOp) else given
    if sparse.issparse(matrix):
        matrix = sparse.csr_array(matrix).astype(complex)
        finite_array(matrix.data, "H", dtype=complex)
    else:
        matrix = finite_array(matrix, "H", ndim=2, dtype=complex)
    if matrix.shape[0] != matrix.shape[1] or matrix.shape[0] == 0:
        raise ValueError(argument("H", "be square", f"its shape is {matrix.shape}"))
    skew = abs(matrix - matrix.conj().T).max()
    if skew > _HERMITIAN * abs(matrix).max():
        raise ValueError(argument("H", "be Hermitian", f"an entry of H - H^dagger is {skew:g}"))
    return matrix if abs(matrix.imag).max() > 0 else matrix.real


@dataclass(frozen=True, eq=False)
class Gain:
    """M = c I - H."""

    H: Any
    """(d, d) as of ``as_matrix``."""
    c: float
    norm: float
    """The largest eigenvalue of M, which sets every step size and tolerance."""

    @classmethod
    def of(cls, H: Any, c: Shift) -> Gain:
        """With c as given, or for "auto" above the spectrum by a twentieth of its width.

        Raises:
            ValueError: c is below the largest eigenvalue.
        """
        low, high = ends(H)
        width = high - low if high - low > 1e-12 * max(abs(low), abs(high)) else 1.0
        if c == "auto":
            return cls(H, high + _MARGIN * width, high + _MARGIN * width - low)
        c = real(c, "c")
        if c < high - _ENDS_TOLERANCE * width or c <= low:
            needed = f"be at least the largest eigenvalue, about {high:.6g}, and above the smallest"
            raise ValueError(argument("c", needed, f"it is {c:.6g}"))
        return cls(H, c, c - low)

    def __len__(self) -> int:
        return self.H.shape[0]

    def apply(self, V: Array) -> Array:
        """M V."""
        return self.c * V - self.H @ V

    @cached_property
    def diagonal(self) -> NDArray[np.float64]:
        """(d,) the diagonal of M."""
        return self.c - np.real(self.H.diagonal())

    def starts(self, players: int, rng: np.random.Generator) -> Array:
        """(d, players) random directions."""
        V = rng.normal(size=(len(self), players))
        if np.iscomplexobj(self.H):
            V = V + 1j * rng.normal(size=V.shape)
        return V / np.linalg.norm(V, axis=0)


def ends(H: Any) -> tuple[float, float]:
    """The smallest and the largest eigenvalue, to a thousandth of the larger modulus beyond dimension 64."""
    if H.shape[0] <= _DENSE:
        levels = np.linalg.eigvalsh(H.toarray() if sparse.issparse(H) else H)
        return float(levels[0]), float(levels[-1])
    solve: Any = eigsh  # SciPy's annotations know no tolerance but 0
    start = np.random.default_rng(0).normal(size=H.shape[0])
    low, high = (
        solve(H, 1, which=end, v0=start, tol=_ENDS_TOLERANCE, return_eigenvectors=False) for end in ("SA", "LA")
    )
    return float(low[0]), float(high[0])


@dataclass(frozen=True, eq=False)
class Deflated:
    """D = M - P diag(w) P^dagger: what a player sees of M once its parents have taken their part."""

    M: Gain
    P: Array
    """(d, q)."""
    w: NDArray[np.float64]
    """(q,)."""

    def apply(self, v: Array) -> Array:
        """(d,) D v."""
        return self.rest(v, self.M.apply(v))

    def rest(self, v: Array, image: Array) -> Array:
        """(d,) D v, where M v is known to be ``image``."""
        return image - self.P @ (self.w * (self.P.conj().T @ v))

    def diagonal(self) -> NDArray[np.float64]:
        """(d,) the diagonal of D."""
        return self.M.diagonal - np.abs(self.P) ** 2 @ self.w


def inner(v: Array, w: Array) -> float:
    """Re v^dagger w."""
    return float(np.vdot(v, w).real)


def rayleigh(V: Array, images: Array) -> NDArray[np.float64]:
    """(k,) Re v^dagger w for the columns of both."""
    return np.real(np.einsum("dk,dk->k", V.conj(), images))


def normalised(w: Array, v: Array) -> Array:
    """``w`` with length 1, or ``v`` where ``w`` is zero."""
    length = np.linalg.norm(w)
    return w / length if length > 0 else v
