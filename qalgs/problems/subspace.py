"""Operators on the span of some basis states, by exact diagonalisation.

Axes: D basis states, k levels, T Pauli terms.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.quantum_info import SparsePauliOp
from scipy.sparse import csr_array
from scipy.sparse.linalg import eigsh

from qalgs.checks import argument, positive_int

# Up to here all eigenvectors cost seconds; above it Lanczos finds a few.
_DENSE = 2048


def pack(bits: ArrayLike) -> NDArray[np.int64]:
    """(D,) integers of (D, q) bits, bit of qubit 0 first and least significant."""
    rows = np.atleast_2d(np.asarray(bits, np.int64))
    return rows @ (1 << np.arange(rows.shape[1], dtype=np.int64))


def restricted(operator: SparsePauliOp, indices: ArrayLike) -> csr_array:
    """(D, D) matrix of an operator between basis states; what leads out of their span is dropped.

    Args:
        operator: a sum of Paulis.
        indices: (D,) integers, distinct; bit q of one is the bit of qubit q.
    """
    states = np.asarray(indices, np.int64)
    order = np.argsort(states)
    ascending = states[order]
    x, z = pack(operator.paulis.x), pack(operator.paulis.z)
    # A Pauli is i^|x & z| X^x Z^z on qubits where the letter Y counts as iXZ.
    weights = np.asarray(operator.coeffs, complex) * 1j ** (np.bitwise_count(x & z) % 4)
    data, rows, columns = [], [], []
    for flip in np.unique(x):
        chosen = x == flip
        signs = 1.0 - 2.0 * (np.bitwise_count(states[:, None] & z[chosen]) % 2)
        target = states ^ flip
        place = np.minimum(np.searchsorted(ascending, target), len(states) - 1)
        inside = np.flatnonzero(ascending[place] == target)
        data.append((signs @ weights[chosen])[inside])
        rows.append(order[place[inside]])
        columns.append(inside)
    size = len(states)
    values: Any = np.concatenate(data)
    if not np.imag(values).any():
        values = np.real(values)
    return csr_array((values, (np.concatenate(rows), np.concatenate(columns))), shape=(size, size))


def levels(operator: SparsePauliOp, indices: ArrayLike, k: int | None = None) -> tuple[NDArray, NDArray]:
    """The k lowest eigenvalues (k,) of an operator in a span of basis states, ascending, and eigenvectors (D, k).

    Args:
        operator: Hermitian.
        indices: (D,) basis states.
        k: how many; None for all D.

    Raises:
        TypeError: ``k`` is not an integer.
        ValueError: ``k`` is out of range, or all of more than 2048 levels are wanted.
    """
    size = len(np.asarray(indices))
    k = size if k is None else positive_int(k, "k", maximum=size)
    matrix = restricted(operator, indices)
    if size <= _DENSE:
        energies, vectors = np.linalg.eigh(matrix.toarray())
        return energies[:k], vectors[:, :k]
    if k > size // 4:
        raise ValueError(argument("k", f"be at most {size // 4} in a space of {size} states", f"it is {k}"))
    start = np.random.default_rng(0).normal(size=size)
    energies, vectors = eigsh(matrix, k, which="SA", v0=start, ncv=min(size, max(4 * k, 40)))
    order = np.argsort(energies)
    return energies[order], vectors[:, order]
