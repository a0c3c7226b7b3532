"""The reference: LAPACK for small matrices, ARPACK's Lanczos iteration for large ones."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh

from qalgs.checks import generator, positive_int
from qalgs.eigen.classical.base import Vectors
from qalgs.eigen.classical.matrix import Array, as_matrix
from qalgs.run import Status, Step

_DENSE = 512
"""Dimension up to which all eigenvectors are computed."""


@dataclass(frozen=True)
class Exact:
    """Numerically exact levels.

    Example:
        >>> (step,) = Exact().iterate(np.diag([2.0, 1.0]), 1, seed=np.random.SeedSequence(0))
        >>> step.state.energies
        array([1.])
    """

    def iterate(
        self, H: Any, k: int, *, seed: np.random.SeedSequence, start: Array | None = None
    ) -> Generator[Step, None, Status]:
        """One step; ``seed`` draws the vector Lanczos iteration begins from, ``start`` is not used.

        Raises:
            ValueError: ``H`` or k is out of range.
        """
        del start
        H = as_matrix(H)
        dim = H.shape[0]
        positive_int(k, "k", maximum=dim)
        if dim <= _DENSE or k > dim // 4:
            energies, vectors = eigh(H.toarray() if sparse.issparse(H) else H, subset_by_index=(0, k - 1))
        else:
            energies, vectors = eigsh(H, k, which="SA", v0=generator(seed).normal(size=dim))
            order = np.argsort(energies)
            energies, vectors = energies[order], vectors[:, order]
        yield Step(1, Vectors(vectors, energies), {f"energy_{i}": float(e) for i, e in enumerate(energies)}, total=1)
        return Status.CONVERGED
