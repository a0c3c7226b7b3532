"""What the classical methods share: their state, and what a method is.

Axes: d dimension, k players, q of them begun so far.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import argument, finite_array, generator, positive_int, real
from qalgs.eigen.classical.matrix import Array, Gain, Shift, as_matrix
from qalgs.run import Status, Step

_COPIED = 0.5


@dataclass(frozen=True, eq=False)
class Vectors:
    """The players so far."""

    vectors: Array
    """(d, q) unit columns, in the order of the players."""
    energies: NDArray[np.float64]
    """(q,) <v|H|v>."""


@runtime_checkable
class ClassicalMethod(Protocol):
    """A way to find the k lowest levels of a matrix."""

    def iterate(
        self, H: Any, k: int, *, seed: np.random.SeedSequence, start: Array | None = None
    ) -> Generator[Step, None, Status]:
        """Steps whose state is ``Vectors``.

        Args:
            H: as of ``as_matrix``.
            k: levels, in 1..d.
            seed: draws the vectors to begin from.
            start: (d, k) vectors to begin from instead; they need not be orthogonal.

        Raises:
            ValueError: an argument is out of range.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Climb:
    """The settings of every method that climbs on M = c I - H."""

    c: Shift = "auto"
    """Shift of M = c I - H, at least the largest eigenvalue of H; "auto": just above it, by Lanczos iteration."""
    tolerance: float = 1e-6
    """A player has arrived when its gradient along the sphere is at most this share of the norm of M."""
    max_steps: int = 100_000
    """The largest number of steps: of every player where they take turns, of rounds where all move at once."""

    def __post_init__(self) -> None:
        if self.c != "auto":
            real(self.c, "c")
        real(self.tolerance, "tolerance", above=0)
        positive_int(self.max_steps, "max_steps")

    def _begin(self, H: Any, k: int, seed: np.random.SeedSequence, start: Array | None) -> tuple[Gain, Array]:
        """M and the (d, k) vectors to begin from.

        Raises:
            TypeError: ``H`` is no matrix, or k no integer.
            ValueError: ``H``, c, k or ``start`` is out of range.
        """
        M = Gain.of(as_matrix(H), self.c)
        positive_int(k, "k", maximum=len(M))
        return M, M.starts(k, generator(seed)) if start is None else checked_start(M, k, start)


def arrived(V: Array) -> bool:
    """Whether no column lies with more than half of it in the span of the columns before it.

    A child that copies its parents has no gradient either: it is on a saddle, and leaves it by going on.
    """
    shared = np.abs(np.triu(V.conj().T @ V, 1)) ** 2
    return bool(shared.sum(axis=0).max() <= _COPIED)


def round_metrics(state: Vectors, slope: float) -> dict[str, float]:
    """The metrics of a round in which all players move: the longest gradient, and every energy."""
    return {"gradient_norm": slope} | {f"energy_{i}": float(e) for i, e in enumerate(state.energies)}


def checked_start(M: Gain, k: int, start: Array) -> Array:
    """(d, k): the columns of ``start`` with length 1.

    Raises:
        ValueError: it has the wrong shape, or is complex where H is real, or has a column of zeros.
    """
    if np.iscomplexobj(start) and not np.iscomplexobj(M.H):
        raise ValueError(argument("start", "be real for a real H", "it is complex"))
    V = finite_array(start, "start", dtype=M.H.dtype)
    if V.shape != (len(M), k):
        raise ValueError(argument("start", f"have shape {(len(M), k)}", f"it is {V.shape}"))
    lengths = np.linalg.norm(V, axis=0)
    if not lengths.all():
        raise ValueError(argument("start", "have no column of zeros", f"column {int(lengths.argmin())} is one"))
    return V / lengths
