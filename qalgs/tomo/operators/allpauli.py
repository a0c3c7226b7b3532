"""All 4**n Pauli expectation values of a low-rank state, and their adjoint, without a Pauli matrix.

For one qubit, with A = Re rho + Im rho and its quadrants a, b, c, e, the map

    [[a, b], [c, e]]  ->  [[a + e, b + c], [b - c, a - e]]        rows: bit of z, columns: bit of z ^ x

gives s * Tr(P rho) for I, X, Y, Z (the sign s is ``paulis.transform_sign``). For n qubits it is the n-fold Kronecker
power of one symmetric 4 x 4 matrix K, so the routine is its own adjoint, and it runs as a few small matrix products,
or, compiled by Numba, as n passes that stay in the cache.

Axes: T is the table of 4**n entries, stored with the qubits in groups, most significant group first:
(rows of group 1, columns of group 1, rows of group 2, ...). A group of three is a contiguous 64-entry axis for one
64 x 64 product; for Numba all qubits are one group. ``grid`` and ``table`` convert between T and the plain (d, d)
array [z, z ^ x].
"""

from __future__ import annotations

from functools import cache, lru_cache, reduce
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from qalgs.checks import one_of
from qalgs.tomo.operators import _numba
from qalgs.tomo.operators.paulis import Masks, transform_sign

Kernel = Literal["auto", "numpy", "numba", "cupy"]
_KERNELS = ("auto", "numpy", "numba", "cupy")
_GROUP = 3
_NUMBA_FROM = 10
"""Qubits from which "auto" compiles: below, loading Numba (0.3 s, and 1 s once) costs more than it saves."""
_CHECKED = 8
"""Qubits of the table on which the compiled transform is checked."""
_QUADRANT = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [0, 1, -1, 0], [1, 0, 0, -1]], float)

Table = NDArray[Any]
"""(4**n,) real."""
Factor = NDArray[np.complex128]
"""(d, r) complex."""


class AllPauli:
    """The map from a factor U (d, r) to s * Tr(P U U^dagger) for every Pauli P, as a table of 4**n entries.

    Args:
        num_qubits: n.
        dtype: of the tables; float32 halves time and memory at an error of 1e-6.
        kernel: "numpy"; "numba", two to three times as fast on one thread; "cupy", with the tables on a GPU, while the
            factors that come and go stay on the host; "auto" for Numba from 10 qubits on where it is installed, and
            NumPy otherwise. Kernels agree up to rounding.

    Raises:
        ValueError: ``kernel`` is none of these.
        ImportError: the package that ``kernel`` names is not installed.
    """

    def __init__(self, num_qubits: int, dtype: DTypeLike = np.float64, *, kernel: Kernel = "auto") -> None:
        self.num_qubits, self.dim, self.dtype = num_qubits, 1 << num_qubits, np.dtype(dtype)
        self.kernel = _chosen(kernel, num_qubits)
        self._xp: Any = import_module("cupy") if self.kernel == "cupy" else np
        self._compiled = _numba.compiled() if self.kernel == "numba" else None
        full, rest = divmod(num_qubits, _GROUP)
        self._groups = (num_qubits,) if self._compiled else (_GROUP,) * full + ((rest,) if rest else ())
        self._kernels = [] if self._compiled else [self._xp.asarray(_kernel(k), self.dtype) for k in self._groups]

    def forward(self, U: Factor) -> Table:
        """S * Tr(P U U^dagger) for every P; U is (d, r)."""
        U = self._xp.asarray(U)
        left = self._xp.concatenate([U.real, U.imag], axis=1).astype(self.dtype)
        right = self._xp.concatenate([U.real - U.imag, U.real + U.imag], axis=1).astype(self.dtype)
        return self._transform(self.table(left @ right.T))

    def adjoint(self, table: Table) -> NDArray[Any]:
        """The real (d, d) array B with sum_P t_P s_P P = [(1 + i) B + (1 - i) B^T] / 2."""
        return self.grid(self._transform(table.copy() if self._compiled else table))

    def table(self, grid: NDArray[Any]) -> Table:
        """T of a (d, d) array [z, z ^ x]."""
        split = [1 << k for k in self._groups]
        g = len(split)
        axes = [axis for i in range(g) for axis in (i, g + i)]
        return self._xp.ascontiguousarray(grid.reshape(*split, *split).transpose(axes), self.dtype).reshape(-1)

    def grid(self, table: Table) -> NDArray[Any]:
        """The (d, d) array [z, z ^ x] of T."""
        split = [1 << k for k in self._groups for _ in range(2)]
        g = len(self._groups)
        axes = [2 * i for i in range(g)] + [2 * i + 1 for i in range(g)]
        return self._xp.ascontiguousarray(table.reshape(split).transpose(axes)).reshape(self.dim, self.dim)

    def scatter(self, x: Masks, z: Masks, values: NDArray[Any]) -> Table:
        """T with ``values`` at the Paulis (x, z), added up where one repeats, and 0 elsewhere."""
        grid = np.bincount(z * self.dim + (z ^ x), weights=values, minlength=self.dim**2)
        return self.table(self._xp.asarray(grid.reshape(self.dim, self.dim)))

    def signs(self) -> NDArray[np.int8]:
        """The signs s in the layout of T; s * T are the expectation values themselves."""
        z = np.arange(self.dim)[:, None]
        grid = transform_sign(z ^ np.arange(self.dim), z)
        return self.table(self._xp.asarray(grid)).astype(np.int8)

    def _transform(self, table: Table) -> Table:
        """The n-fold quadrant map; the compiled one works in place."""
        if self._compiled:
            self._compiled(table.reshape(self.dim, self.dim))
            return table
        before, after = 1, table.size
        for kernel in self._kernels:
            size = len(kernel)
            after //= size
            if after == 1:
                table = table.reshape(-1, size) @ kernel
            else:
                table = self._xp.matmul(kernel, table.reshape(before, size, after))
            before *= size
        return table.reshape(-1)


def apply_hermitian(B: NDArray[Any], U: Factor) -> Factor:
    """M U, where U lives, for the Hermitian M = [(1 + i) B + (1 - i) B^T] / 2 that ``AllPauli.adjoint`` stands for."""
    rank, xp = U.shape[1], array_module(B)
    parts = xp.asarray(np.concatenate([U.real, U.imag], axis=1).astype(B.dtype))
    plain, transposed = B @ parts, B.T @ parts
    product = 0.5 * (
        (1 + 1j) * (plain[:, :rank] + 1j * plain[:, rank:])
        + (1 - 1j) * (transposed[:, :rank] + 1j * transposed[:, rank:])
    )
    return product if array_module(U) is xp else xp.asnumpy(product)


def array_module(array: Any) -> Any:
    """NumPy, or CuPy for an array that lives on a GPU."""
    package = type(array).__module__.partition(".")[0]
    return import_module(package) if package == "cupy" else np


def _chosen(kernel: Kernel, num_qubits: int) -> Kernel:
    one_of(kernel, "kernel", _KERNELS)
    if kernel == "auto":
        return "numba" if num_qubits >= _NUMBA_FROM and _numba_works() else "numpy"
    return kernel


@cache
def _numba_works() -> bool:
    """Whether Numba is installed, compiles, and agrees with NumPy on a table of several blocks."""
    try:
        compiled = AllPauli(_CHECKED, kernel="numba")
    except ImportError:
        return False
    plain = AllPauli(_CHECKED, kernel="numpy")
    U = np.random.default_rng(0).normal(size=2 << _CHECKED).view(complex)[:, None]
    return np.allclose(compiled.forward(U), plain.grid(plain.forward(U)).reshape(-1), rtol=0, atol=1e-9)


@lru_cache(maxsize=4)
def _kernel(num_qubits: int) -> NDArray[np.float64]:
    """The ``num_qubits``-fold power of the quadrant map on (rows, columns) pairs, (4**k, 4**k)."""
    one = _QUADRANT.reshape(2, 2, 2, 2)

    def times(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        a, b = left.shape[0], right.shape[0]
        return np.einsum("abcd,efgh->aebfcgdh", left, right).reshape((a * b,) * 4)

    power = reduce(times, [one] * num_qubits)
    return np.ascontiguousarray(power.reshape(4**num_qubits, 4**num_qubits))
