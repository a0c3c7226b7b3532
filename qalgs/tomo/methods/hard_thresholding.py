"""Projected gradient descent on the state itself: after each step only its best part of low rank is kept.

Axes: d = 2**n, r rank. A state is a ``LowRank``; a gradient is the real (d, d) table of ``AllPauli.adjoint``, which is
applied to columns and never expanded to Paulis.

The map is A(X)_k = sqrt(d / m) Tr(P_k X), an isometry on average, and f(X) = |A(X) - y|**2 / 2 is ``LeastSquares``.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import generator, positive_int, real
from qalgs.run import Status, Step
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.methods.base import Data, Point
from qalgs.tomo.methods.low_rank import Columns, LowRank, from_factor, largest_part, positive_part, touching, within
from qalgs.tomo.methods.objectives import LeastSquares
from qalgs.tomo.methods.starting import checked_factor
from qalgs.tomo.operators import apply_hermitian
from qalgs.tomo.operators.allpauli import Factor, Table

_log = logging.getLogger(__name__)

_OVERSAMPLE = 5
_EXPLODED = 10.0
"""A loss so many times that of X = 0 has diverged."""


class _Map:
    """The map of the measured Paulis on matrices of low rank."""

    def __init__(self, data: PauliData) -> None:
        self.dim, self._loss = 1 << data.num_qubits, LeastSquares(data)

    def gradient(self, X: LowRank) -> tuple[float, NDArray[Any]]:
        """f(X), and the table of A^dagger (A(X) - y)."""
        return self._loss.loss_and_operator(self._forward(X))

    def squared_norm(self, X: LowRank) -> float:
        """|A(X)|**2."""
        return self._loss.squared_norm(self._forward(X))

    def _forward(self, X: LowRank) -> Table:
        parts = [(sign, np.flatnonzero(sign * X.values > 0)) for sign in (1, -1)]
        tables = [
            sign * self._loss.forward(X.vectors[:, kept] * np.sqrt(np.abs(X.values[kept])))
            for sign, kept in parts
            if len(kept)
        ]
        return sum(tables, np.zeros(self.dim**2))


@dataclass(frozen=True)
class _HardThresholding(ABC):
    """The loop the methods of this file share: X+ = P_r(a gradient step from Q), Q+ = X+ + tau (X+ - X)."""

    max_steps: int = 300
    """The largest number of steps."""
    tol: float = 1e-5
    """Ends the run when a step moves X by less than this share of its Frobenius norm."""

    def __post_init__(self) -> None:
        positive_int(self.max_steps, "max_steps")
        real(self.tol, "tol", above=0)

    def iterate(
        self, data: Data, rank: int, *, seed: np.random.SeedSequence, start: Factor | None = None
    ) -> Generator[Step, None, Status]:
        """One step per projection; the loss is that at Q.

        Args:
            data: Pauli values; counts are first turned into the values of all the Paulis they contain.
            rank: columns of the factor.
            seed: draws the random subspaces.
            start: (d, r) factor to begin from; X = 0 when None, whose first step is the spectral estimate.

        Raises:
            ValueError: ``start`` has the wrong shape.
        """
        paulis = _Map(data.paulis() if isinstance(data, CountsData) else data)
        rng = generator(seed)
        zero = LowRank(np.linalg.qr(_gaussian(paulis.dim, rank, rng))[0], np.zeros(rank))
        X = point = zero if start is None else from_factor(checked_factor(start, (paulis.dim, rank)))
        best, best_loss, largest = X, np.inf, _EXPLODED * paulis.gradient(zero)[0]
        _, table = paulis.gradient(point)
        for index in range(1, self.max_steps + 1):
            before, X = X, self._step(paulis, point, table, rank, rng)
            point = X.plus(self._memory, X.plus(-1, before)) if self._memory else X
            loss, table = paulis.gradient(point)
            if loss < best_loss:
                best, best_loss = X, loss
            exploded = not loss < largest
            yield Step(index, Point((best if exploded else X).factor()), {"loss": loss}, total=self.max_steps)
            if exploded:
                _log.warning("%s diverged: its step is too long for so few measurements.", type(self).__name__)
                return Status.FAILED
            if X.plus(-1, before).norm() <= self.tol * X.norm():
                return Status.CONVERGED
        return Status.MAX_STEPS

    @property
    def _memory(self) -> float:
        """Tau."""
        return 0.0

    @abstractmethod
    def _step(self, paulis: _Map, Q: LowRank, table: NDArray[Any], rank: int, rng: np.random.Generator) -> LowRank:
        """The next X of rank r, from Q and the table of the gradient there."""


@dataclass(frozen=True)
class RandomizedSVP(_HardThresholding):
    """Randomised low-memory singular value projection, X <- P_r(X - mu grad f(X)) with P_r onto states of rank r.

    Becker, Cevher and Kyrillidis, arXiv 1303.0167: the leading eigenpairs come from randomised block power iteration
    on the operator W -> X W - mu grad f(X) W, so that nothing larger than (d, r + 5) is stored besides the tables of
    the Pauli transform.

    Raises:
        TypeError: a setting has the wrong type.
        ValueError: a setting is out of its range.
    """

    step_size: float = 0.75
    """mu in (0, 2], in units in which the map is an isometry on average: 1 is the fastest for many Paulis, less is
    safer for few."""
    power_passes: int = 2
    """Applications of the operator before its eigenpairs are read off."""

    def __post_init__(self) -> None:
        super().__post_init__()
        real(self.step_size, "step_size", above=0, high=2)
        positive_int(self.power_passes, "power_passes")

    def _step(self, paulis: _Map, Q: LowRank, table: NDArray[Any], rank: int, rng: np.random.Generator) -> LowRank:
        def moved(W: Columns) -> Columns:
            return Q.apply(W) - self.step_size * apply_hermitian(table, W)

        basis = np.concatenate([Q.vectors, _gaussian(paulis.dim, _OVERSAMPLE, rng)], axis=1)
        for _ in range(self.power_passes):
            basis, _ = np.linalg.qr(moved(basis))
        return positive_part(within(basis, basis.conj().T @ moved(basis)), rank)


@dataclass(frozen=True)
class MatrixALPS(_HardThresholding):
    """Matrix ALPS: singular value projection with the optimal step on the active subspace, and memory.

    X+ = P_r(Q - mu P_S grad f(Q)), mu = |P_S grad f|**2 / |A(P_S grad f)|**2, and Q+ = X+ + tau (X+ - X). S is spanned
    by Q and by the r leading eigenvectors of the part of the gradient outside of Q, and P_S(M) is M without its part
    whose rows and columns both lie outside of S. Kyrillidis and Cevher, arXiv 1203.4481, algorithms I and II for
    Hermitian matrices, without the second line search of I; the eigenvectors are found by randomised block power
    iteration as in ``RandomizedSVP``.

    Raises:
        TypeError: a setting has the wrong type.
        ValueError: a setting is out of its range.
    """

    memory: float = 0.25
    """tau in [0, 1); 0 is algorithm I."""
    power_passes: int = 2
    """Applications of the gradient before its eigenvectors are read off."""

    def __post_init__(self) -> None:
        super().__post_init__()
        real(self.memory, "memory", low=0, high=0.999)
        positive_int(self.power_passes, "power_passes")

    @property
    def _memory(self) -> float:
        return self.memory

    def _step(self, paulis: _Map, Q: LowRank, table: NDArray[Any], rank: int, rng: np.random.Generator) -> LowRank:
        S, _ = np.linalg.qr(np.concatenate([Q.vectors, self._outside(Q, table, rank, rng)], axis=1))
        projected = touching(S, apply_hermitian(table, S))
        stretched = paulis.squared_norm(projected)
        step_size = projected.norm() ** 2 / stretched if stretched > 0 else 0.0
        return positive_part(Q.plus(-step_size, projected), rank)

    def _outside(self, Q: LowRank, table: NDArray[Any], rank: int, rng: np.random.Generator) -> Columns:
        """(d, r): the leading eigenvectors of the gradient projected on the complement of Q."""

        def outside(W: Columns) -> Columns:
            return W - Q.vectors @ (Q.vectors.conj().T @ W)

        def gradient(W: Columns) -> Columns:
            return outside(apply_hermitian(table, outside(W)))

        basis = _gaussian(len(Q.vectors), rank + _OVERSAMPLE, rng)
        for _ in range(self.power_passes):
            basis, _ = np.linalg.qr(gradient(basis))
        return largest_part(within(basis, basis.conj().T @ gradient(basis)), rank).vectors


def _gaussian(dim: int, columns: int, rng: np.random.Generator) -> Columns:
    columns = min(columns, dim)
    return rng.normal(size=(dim, columns)) + 1j * rng.normal(size=(dim, columns))
