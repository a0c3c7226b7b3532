"""Distances, entropies and reduced states of low-rank density matrices, from their factors in O(d r**2).

Axes: d = 2**n, r and k ranks; rho = U U^dagger with U (d, r), sigma = V V^dagger with V (d, k), both of trace 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import argument, finite_array
from qalgs.tomo.data.counts import check_subset
from qalgs.tomo.operators.allpauli import Factor
from qalgs.tomo.operators.paulis import num_qubits_of

_TOLERANCE = 1e-6
_SPIN_FLIP = np.array([[0, 0, 0, -1], [0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, 0]])


def as_factor(state: Any, dim: int, name: str) -> Factor:
    """A factor of ``state``, normalised.

    Args:
        state: (d,) state vector, (d, r) factor with r < d, (d, d) density matrix, or an object of Qiskit that holds
            one of these in ``data``.
        dim: d.
        name: of the argument, for messages.

    Raises:
        TypeError: it is not an array of numbers.
        ValueError: it has the wrong dimension, norm or trace, or a (d, d) matrix is not Hermitian and positive.
    """
    array = finite_array(getattr(state, "data", state), name, dtype=complex)
    if array.ndim not in (1, 2) or len(array) != dim or (array.ndim == 2 and array.shape[1] > dim):
        must = f"have {dim} amplitudes, or be a matrix with {dim} rows"
        raise ValueError(argument(name, must, f"it has {len(array) if array.ndim == 1 else array.shape}"))
    if array.shape == (dim, dim):
        return _root(array, name)
    norm = float(np.linalg.norm(array))
    if abs(norm - 1) > _TOLERANCE:
        raise ValueError(argument(name, "have norm 1", f"its norm is {norm:.6g}"))
    return (array / norm).astype(np.complex128).reshape(dim, -1)


def pure_state(state: ArrayLike, dim: int, name: str) -> NDArray[np.complex128]:
    """``state`` as a normalised (dim,) vector.

    Raises:
        ValueError: it has the wrong length or its norm is not 1 within 1e-6.
    """
    psi = finite_array(getattr(state, "data", state), name, ndim=1, dtype=complex)
    if len(psi) != dim:
        raise ValueError(argument(name, f"have {dim} amplitudes", f"it has {len(psi)}"))
    return as_factor(psi, dim, name)[:, 0]


def fidelity(U: Factor, V: Factor) -> float:
    """F = (Tr sqrt(sqrt(rho) sigma sqrt(rho)))**2, which is (sum of the singular values of V^dagger U)**2."""
    if V.shape[1] == 1:
        return float(np.linalg.norm(V[:, 0].conj() @ U) ** 2)
    return float(np.linalg.svd(V.conj().T @ U, compute_uv=False).sum() ** 2)


def trace_distance(U: Factor, V: Factor) -> float:
    """Half the sum of the absolute eigenvalues of rho - sigma, at most r + k of which are not 0.

    With [U V] = Q R they are those of R diag(1, ..., -1, ...) R^dagger.
    """
    _, R = np.linalg.qr(np.concatenate([U, V], axis=1))
    signs = np.repeat([1.0, -1.0], [U.shape[1], V.shape[1]])
    return 0.5 * float(np.abs(np.linalg.eigvalsh((R * signs) @ R.conj().T)).sum())


def purity(U: Factor) -> float:
    """Tr(rho**2)."""
    return float(np.linalg.norm(U.conj().T @ U) ** 2)


def entropy(U: Factor) -> float:
    """-Tr(rho log2 rho), in bits."""
    p = np.square(np.linalg.svd(U, compute_uv=False))
    p = p[p > 0]
    return max(0.0, -float((p * np.log2(p)).sum()))


def partial_trace(U: Factor, qubits: Sequence[int]) -> NDArray[np.complex128]:
    """(2**k, 2**k) reduced density matrix of k qubits; qubit i of the answer is ``qubits[i]``.

    Raises:
        ValueError: a qubit is not one of the state's, or repeated, or there are none.
    """
    n = num_qubits_of(len(U), "factor")
    kept = check_subset(qubits, n)
    others = [q for q in range(n) if q not in kept]
    axes = [n - 1 - q for q in (*kept[::-1], *others)]
    rows = U.reshape((2,) * n + (-1,)).transpose([*axes, n]).reshape(1 << len(kept), -1)
    return rows @ rows.conj().T


def concurrence(rho: NDArray[Any]) -> float:
    """Entanglement of two qubits, 0 to 1: max(0, l1 - l2 - l3 - l4) (Wootters, arXiv quant-ph/9709029).

    l_i are the square roots of the eigenvalues of rho (Y x Y) rho* (Y x Y), largest first. ``rho`` is (4, 4).
    """
    values = np.linalg.eigvals(rho @ _SPIN_FLIP @ rho.conj() @ _SPIN_FLIP)
    roots = np.sort(np.sqrt(np.maximum(values.real, 0)))[::-1]
    return max(0.0, float(roots[0] - roots[1:].sum()))


def _root(rho: NDArray[np.complex128], name: str) -> Factor:
    trace = float(np.trace(rho).real)
    if abs(rho - rho.conj().T).max() > _TOLERANCE or abs(trace - 1) > _TOLERANCE:
        must = "be Hermitian with trace 1 where it is square"
        raise ValueError(argument(name, must, f"its trace is {trace:.6g}, or it is not Hermitian"))
    values, vectors = np.linalg.eigh(rho)
    if values[0] < -_TOLERANCE:
        raise ValueError(argument(name, "have no negative eigenvalues", f"one is {values[0]:.3g}"))
    kept = values > 1e-14
    U = vectors[:, kept] * np.sqrt(values[kept])
    return (U / np.linalg.norm(U)).astype(np.complex128)
