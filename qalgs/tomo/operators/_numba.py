"""The quadrant map of ``allpauli`` on all qubits, in place and block by block, for Numba to compile.

Axes: T is the plain (d, d) array [z, z ^ x]. One stage maps the quadrants of every block of size 2 h. A block is
entered at the first of its leaves in Morton order, its stage done then; so what a leaf needs is still in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

_LEAF = 64
"""Blocks of this size fit in the first-level cache and get all of their stages at once."""


@cache
def compiled() -> Callable[[NDArray[Any]], None]:
    """``transform``, compiled; on disk for the next process.

    Raises:
        ImportError: Numba is not installed.
    """
    import_module("numba.extending").register_jitable(_stage)
    return import_module("numba").njit(cache=True)(transform)


def transform(T: NDArray[Any]) -> None:
    """The n-fold quadrant map, in place; T is (d, d) with d a power of two."""
    dim = T.shape[0]
    leaf = min(_LEAF, dim)
    for number in range((dim // leaf) ** 2):
        row, column, place, rest = 0, 0, 0, number
        while rest > 0:
            column |= (rest & 1) << place
            row |= ((rest >> 1) & 1) << place
            rest >>= 2
            place += 1
        top, left, size = row * leaf, column * leaf, dim
        while size > leaf:
            if number % (size // leaf) ** 2 == 0:
                _stage(T, top, left, size // 2)
            size //= 2
        while size > 1:
            for i in range(top, top + leaf, size):
                for j in range(left, left + leaf, size):
                    _stage(T, i, j, size // 2)
            size //= 2


def _stage(T: NDArray[Any], top: int, left: int, half: int) -> None:
    """[[a, b], [c, e]] -> [[a + e, b + c], [b - c, a - e]] for the block of size 2 ``half`` at (top, left)."""
    for i in range(top, top + half):
        upper, lower = T[i], T[i + half]
        for j in range(left, left + half):
            a, b, c, e = upper[j], upper[j + half], lower[j], lower[j + half]
            upper[j], upper[j + half], lower[j], lower[j + half] = a + e, b + c, b - c, a - e
