"""What every iterative method does first: the loss that fits the data, and the factor to begin from.

Axes: d = 2**n, r rank; factors are (d, r) with trace ||U||_F**2.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from qalgs.checks import argument, one_of, real
from qalgs.tomo.data import CountsData
from qalgs.tomo.methods.base import Data
from qalgs.tomo.methods.inversion import linear_inversion, project_to_states, random_start, spectral_start
from qalgs.tomo.methods.objectives import LeastSquares, Likelihood, Objective
from qalgs.tomo.operators.allpauli import Factor

Start = Literal["spectral", "random"]
STARTS = ("spectral", "random")

_WHITE = 1e-2
"""White noise in a full-rank start, relative to the trace."""


class Fitting(Protocol):
    """A method that improves a factor step by step."""

    @property
    def tol(self) -> float:
        """When it ends."""
        ...

    @property
    def start(self) -> Start:
        """Where it begins."""
        ...

    @property
    def floor(self) -> float:
        """White noise in the likelihood's model."""
        ...


def check_settings(method: Fitting) -> None:
    """See that the settings all fits have are in their ranges.

    Raises:
        TypeError: one has the wrong type.
        ValueError: one is out of its range.
    """
    real(method.tol, "tol", above=0)
    one_of(method.start, "start", STARTS)
    real(method.floor, "floor", low=0, high=0.999)


def objective_of(data: Data, floor: float) -> Objective:
    """The likelihood of counts, with ``floor``; least squares for Pauli values."""
    return Likelihood(data, floor=floor) if isinstance(data, CountsData) else LeastSquares(data)


def first_factor(data: Data, rank: int, kind: Start, start: Factor | None, rng: np.random.Generator) -> Factor:
    """``start`` itself where one is given; otherwise a factor (d, r) of trace 1 of the wanted kind.

    Raises:
        ValueError: ``start`` is not (d, r), not finite, or zero.
    """
    dim = 1 << data.num_qubits
    if start is not None:
        return checked_factor(start, (dim, rank))
    if kind == "random":
        return random_start(dim, rank, rng)
    paulis = data.paulis() if isinstance(data, CountsData) else data
    if rank < dim:
        return spectral_start(paulis, rank, rng)
    # A column of zeros has no gradient and would never move: some white noise gives every column a weight.
    projected = project_to_states(linear_inversion(paulis))
    rho = (1 - _WHITE) * projected @ projected.conj().T + _WHITE * np.eye(dim) / dim
    return np.linalg.cholesky(rho).astype(np.complex128)


def checked_factor(start: Factor, shape: tuple[int, int]) -> Factor:
    """A copy of ``start``.

    Raises:
        ValueError: it does not have the shape (d, r), is not finite, or is zero.
    """
    factor = np.array(start, np.complex128)
    if factor.shape != shape:
        raise ValueError(argument("start", f"have shape {shape}", f"it is {factor.shape}"))
    if not np.isfinite(factor).all() or not factor.any():
        raise ValueError(argument("start", "be finite and not zero", "it is not"))
    return factor
