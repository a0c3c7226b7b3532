"""Linear inversion, the projection onto states, and the spectral start.

Axes: n qubits, d = 2**n, r rank. Linear inversion sums y_P P / d over the measured Paulis; no Pauli matrix is built.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import argument
from qalgs.tomo.data import PauliData
from qalgs.tomo.operators import AllPauli, apply_hermitian
from qalgs.tomo.operators.allpauli import Factor

_LARGEST_DENSE = 12
_OVERSAMPLE = 4
_POWER_PASSES = 8


def linear_inversion(data: PauliData) -> NDArray[np.complex128]:
    """(d, d): sum_P y_P P / d over the measured Paulis; the unbiased estimator when all 4**n are measured.

    Its trace is 1 and it is Hermitian, but it may have negative eigenvalues.

    Raises:
        ValueError: more than 12 qubits, where the matrix alone takes over 1 GiB.
    """
    if data.num_qubits > _LARGEST_DENSE:
        raise ValueError(argument("data", f"have at most {_LARGEST_DENSE} qubits", f"it has {data.num_qubits}"))
    B = _adjoint_grid(data)
    return ((1 + 1j) * B + (1 - 1j) * B.T) / 2


def project_to_states(rho: NDArray[np.complexfloating], rank: int | None = None) -> Factor:
    """Factor (d, r) of the state closest to ``rho`` in Frobenius norm among those of rank at most ``rank``.

    The eigenvalues are projected onto the simplex (Smolin, Gambetta and Smith, arXiv 1106.5458).
    """
    values, vectors = np.linalg.eigh(rho)
    values, vectors = values[::-1][:rank], vectors[:, ::-1][:, :rank]
    shift = (np.cumsum(values) - 1) / np.arange(1, len(values) + 1)
    kept = int(np.flatnonzero(values > shift)[-1]) + 1
    return (vectors[:, :kept] * np.sqrt(values[:kept] - shift[kept - 1])).astype(np.complex128)


def spectral_start(data: PauliData, rank: int, rng: np.random.Generator) -> Factor:
    """Factor (d, r), of trace 1, of the leading eigenpairs of the linear inversion, by block power iteration.

    Paulis that were not measured count as 0, which shrinks the matrix but hardly turns its leading vectors.
    """
    B = _adjoint_grid(data)
    dim = len(B)
    width = min(dim, rank + _OVERSAMPLE)
    V = rng.normal(size=(dim, width)) + 1j * rng.normal(size=(dim, width))
    for _ in range(_POWER_PASSES):
        V, _ = np.linalg.qr(apply_hermitian(B, V))
    values, Q = np.linalg.eigh(V.conj().T @ apply_hermitian(B, V))
    leading = np.maximum(values[::-1][:rank], 1e-3 * max(values[-1], 1e-12))
    U = (V @ Q[:, ::-1][:, :rank]) * np.sqrt(leading)
    return (U / np.linalg.norm(U)).astype(np.complex128)


def random_start(dim: int, rank: int, rng: np.random.Generator) -> Factor:
    """Factor (d, r) of trace 1 with independent Gaussian real and imaginary parts."""
    U = rng.normal(size=(dim, rank)) + 1j * rng.normal(size=(dim, rank))
    return U / np.linalg.norm(U)


def _adjoint_grid(data: PauliData) -> NDArray[Any]:
    operator = AllPauli(data.num_qubits)
    table = operator.scatter(data.x, data.z, data.values) * operator.signs()
    return operator.adjoint(table) / operator.dim
