"""All 4**n Pauli expectation values of a low-rank state, and their adjoint, without a Pauli matrix.

For one qubit, with A = Re rho + Im rho and its quadrants a, b, c, e, the map

    [[a, b], [c, e]]  ->  [[a + e, b + c], [b - c, a - e]]        rows: bit of z, columns: bit of z ^ x

gives s * Tr(P rho) for I, X, Y, Z (the sign s is ``paulis.transform_sign``). For n qubits it is the n-fold Kronecker
power of one symmetric 4 x 4 matrix K, so the routine is its own adjoint, and it runs as a few small matrix products.

Axes: T is the table of 4**n entries, stored with the qubits in groups of at most three, most significant group first:
(rows of group 1, columns of group 1, rows of group 2, ...). A group of three is a contiguous 64-entry axis for one
64 x 64 product. ``grid`` and ``table`` convert between T and the plain (d, d) array [z, z ^ x].
"""

from __future__ import annotations

from functools import lru_cache, reduce
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from qalgs.tomo.paulis import Masks, transform_sign

_GROUP = 3
_QUADRANT = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [0, 1, -1, 0], [1, 0, 0, -1]], float)

Table = NDArray[Any]
"""(4**n,) real."""
Factor = NDArray[np.complex128]
"""(d, r) complex."""


class AllPauli:
    """The map from a factor U (d, r) to s * Tr(P U U^dagger) for every Pauli P, as a table of 4**n entries."""

    def __init__(self, num_qubits: int, dtype: DTypeLike = np.float64) -> None:
        self.num_qubits, self.dim, self.dtype = num_qubits, 1 << num_qubits, np.dtype(dtype)
        full, rest = divmod(num_qubits, _GROUP)
        self._groups = (_GROUP,) * full + ((rest,) if rest else ())
        self._kernels = [_kernel(k).astype(self.dtype) for k in self._groups]

    def forward(self, U: Factor) -> Table:
        """S * Tr(P U U^dagger) for every P; U is (d, r)."""
        left: NDArray[Any] = np.concatenate([U.real, U.imag], axis=1).astype(self.dtype)
        right: NDArray[Any] = np.concatenate([U.real - U.imag, U.real + U.imag], axis=1).astype(self.dtype)
        return self._transform(self.table(left @ right.T))

    def adjoint(self, table: Table) -> NDArray[Any]:
        """The real (d, d) array B with sum_P t_P s_P P = [(1 + i) B + (1 - i) B^T] / 2."""
        return self.grid(self._transform(table))

    def table(self, grid: NDArray[Any]) -> Table:
        """T of a (d, d) array [z, z ^ x]."""
        split = [1 << k for k in self._groups]
        g = len(split)
        axes = [axis for i in range(g) for axis in (i, g + i)]
        return np.ascontiguousarray(grid.reshape(*split, *split).transpose(axes), self.dtype).reshape(-1)

    def grid(self, table: Table) -> NDArray[Any]:
        """The (d, d) array [z, z ^ x] of T."""
        split = [1 << k for k in self._groups for _ in range(2)]
        g = len(self._groups)
        axes = [2 * i for i in range(g)] + [2 * i + 1 for i in range(g)]
        return np.ascontiguousarray(table.reshape(split).transpose(axes)).reshape(self.dim, self.dim)

    def scatter(self, x: Masks, z: Masks, values: NDArray[Any]) -> Table:
        """T with ``values`` at the Paulis (x, z), added up where one repeats, and 0 elsewhere."""
        grid = np.bincount(z * self.dim + (z ^ x), weights=values, minlength=self.dim**2)
        return self.table(grid.reshape(self.dim, self.dim))

    def signs(self) -> NDArray[np.int8]:
        """The signs s in the layout of T; s * T are the expectation values themselves."""
        z = np.arange(self.dim)[:, None]
        grid = transform_sign(z ^ np.arange(self.dim), z)
        return self.table(grid).astype(np.int8)

    def _transform(self, table: Table) -> Table:
        before, after = 1, table.size
        for kernel in self._kernels:
            size = len(kernel)
            after //= size
            if after == 1:
                table = table.reshape(-1, size) @ kernel
            else:
                table = np.matmul(kernel, table.reshape(before, size, after))
            before *= size
        return table.reshape(-1)


def apply_hermitian(B: NDArray[Any], U: Factor) -> Factor:
    """M U for the Hermitian M = [(1 + i) B + (1 - i) B^T] / 2 that ``AllPauli.adjoint`` stands for."""
    rank = U.shape[1]
    parts: NDArray[Any] = np.concatenate([U.real, U.imag], axis=1).astype(B.dtype)
    plain, transposed = B @ parts, B.T @ parts
    return 0.5 * (
        (1 + 1j) * (plain[:, :rank] + 1j * plain[:, rank:])
        + (1 - 1j) * (transposed[:, :rank] + 1j * transposed[:, rank:])
    )


@lru_cache(maxsize=4)
def _kernel(num_qubits: int) -> NDArray[np.float64]:
    """The ``num_qubits``-fold power of the quadrant map on (rows, columns) pairs, (4**k, 4**k)."""
    one = _QUADRANT.reshape(2, 2, 2, 2)

    def times(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        a, b = left.shape[0], right.shape[0]
        return np.einsum("abcd,efgh->aebfcgdh", left, right).reshape((a * b,) * 4)

    power = reduce(times, [one] * num_qubits)
    return np.ascontiguousarray(power.reshape(4**num_qubits, 4**num_qubits))
