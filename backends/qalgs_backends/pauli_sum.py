"""A sum of Pauli strings applied to states without its dense matrix.

Axes: d = 2**n amplitudes, K points, M distinct X masks.

A string with X mask x and Z mask z sends amplitude i to i ^ x with a sign (-1)^{|i & z|} and a factor i for
each Y. Strings of equal x share one diagonal, so a row of the operator holds M entries, not one per string.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import SparsePauliOp
from scipy.sparse import csr_array

_CACHE_BYTES = 256 << 20
_ENTRY_BYTES = 20
# Up to this many amplitudes a dense matrix is faster than a sparse one.
_DENSE = 64


class PauliSum:
    """A Hermitian sum of Pauli strings on n qubits."""

    def __init__(self, operator: SparsePauliOp) -> None:
        """Group the strings by X mask; the rows are kept where they are small, and made again where not."""
        self.num_qubits = int(operator.num_qubits or 0)
        bits = np.int64(1) << np.arange(self.num_qubits, dtype=np.int64)
        x_masks = (operator.paulis.x * bits).sum(axis=1, dtype=np.int64)
        z_masks = (operator.paulis.z * bits).sum(axis=1, dtype=np.int64)
        num_y = (operator.paulis.x & operator.paulis.z).sum(axis=1)
        coeffs = np.asarray(operator.coeffs, complex) * 1j**num_y
        self._masks, inverse = np.unique(x_masks, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        bounds = np.searchsorted(inverse[order], np.arange(len(self._masks) + 1))
        self._strings = [(z_masks[order[a:b]], coeffs[order[a:b]]) for a, b in itertools.pairwise(bounds)]
        self._per_block = max(1, _CACHE_BYTES // (_ENTRY_BYTES << self.num_qubits))
        self._only = self._rows(0, len(self._masks)) if len(self._masks) <= self._per_block else None

    def apply(self, psi: NDArray[Any]) -> NDArray[Any]:
        """(K, d) images of (K, d) states; of real states only the real part, which is all that values depend on."""
        if psi.shape[1] <= _DENSE:
            return psi @ (self._dense if np.iscomplexobj(psi) else self._dense_real)
        if self._only is not None and not np.iscomplexobj(psi):
            return _product(self._only_real, psi)
        out = np.zeros_like(psi)
        for block in self._blocks():
            out += _product(block if np.iscomplexobj(psi) else block.real, psi)
        return out

    @cached_property
    def _dense(self) -> NDArray[np.complex128]:
        """Transpose of the matrix."""
        return self._rows(0, len(self._masks)).toarray().T.copy()

    @cached_property
    def _dense_real(self) -> NDArray[np.float64]:
        return self._dense.real.copy()

    @cached_property
    def _only_real(self) -> csr_array:
        assert self._only is not None
        return self._only.real

    def expect_density(self, rho: NDArray[np.complex128]) -> NDArray[np.float64]:
        """(K,) traces of the operator times (K, d, d) density matrices."""
        values = np.zeros(len(rho))
        for block in self._blocks():
            entries = block.tocoo()
            values += (rho[:, entries.col, entries.row] @ entries.data).real
        return values

    def _blocks(self) -> Iterator[csr_array]:
        if self._only is not None:
            yield self._only
            return
        for first in range(0, len(self._masks), self._per_block):
            yield self._rows(first, min(first + self._per_block, len(self._masks)))

    def _rows(self, first: int, last: int) -> csr_array:
        """(d, d) matrix of the strings of masks ``first`` to ``last``."""
        dim, width = 1 << self.num_qubits, last - first
        rows = np.arange(dim, dtype=np.int64)
        columns = rows[:, None] ^ self._masks[None, first:last]
        values = np.empty((dim, width), complex)
        for k in range(width):
            z_masks, coeffs = self._strings[first + k]
            diagonal = np.zeros(dim, complex)
            for z, c in zip(z_masks, coeffs, strict=True):
                diagonal += c * (1.0 - 2.0 * (np.bitwise_count(columns[:, k] & z) & 1))
            values[:, k] = diagonal
        index = np.int32 if dim * width < 2**31 else np.int64
        starts = np.arange(0, dim * width + 1, width, dtype=index)
        return csr_array((values.ravel(), columns.ravel().astype(index), starts), shape=(dim, dim))


def _product(matrix: csr_array, psi: NDArray[Any]) -> NDArray[Any]:
    """(K, d) images of (K, d) states under one sparse matrix."""
    if len(psi) == 1:
        return (matrix @ psi[0])[None]
    return np.ascontiguousarray((matrix @ np.ascontiguousarray(psi.T)).T)
