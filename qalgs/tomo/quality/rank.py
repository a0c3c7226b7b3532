"""The rank of the model, judged by data that the fit has not seen.

Axes: S settings, m labels, d = 2**n, r rank; factors are (d, r).

A fifth of the shots is set aside; nested fits of ranks 1, 2, 4, 8 to the rest predict it. The loss on what was set
aside is unbiased, so it stops falling where a higher rank fits noise only. Differences between ranks are differences
of the same shots, whose error is far smaller than that of either loss.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from math import comb

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import child, generator
from qalgs.run import Status, Step
from qalgs.tomo.data import CountsData
from qalgs.tomo.errors import InsufficientDataError
from qalgs.tomo.methods import Data, Method
from qalgs.tomo.operators.allpauli import Factor
from qalgs.tomo.operators.paulis import contained_paulis
from qalgs.tomo.quality.metrics import fidelity
from qalgs.tomo.quality.misfit import predicted
from qalgs.tomo.quality.uncertainty import fitted

CANDIDATES = (1, 2, 4, 8)
_HELD_OUT = 0.2
_FLOOR = 1e-6
"""White noise in the predictions, so that one impossible outcome does not decide everything."""
_NEW_COLUMNS = 0.02
"""Trace that the new columns of a wider factor begin with."""
_THIN, _FIT, _WIDEN = 0, 1, 2
"""Keys of the random streams."""


@dataclass(frozen=True)
class RankFit:
    """How well one rank predicts the data that were set aside."""

    rank: int
    held_out: float
    """Loss per shot of the data set aside (negative log-likelihood), or per label of Pauli values (half chi-square)."""
    excess: float
    """The same minus that of the best rank."""
    excess_err: float
    """Standard error of the difference."""
    fidelity: float | None = None
    """With the target, where one was given; of the fit to the part of the data that was not set aside."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The fits so far."""

    table: tuple[RankFit, ...] = ()
    factors: tuple[Factor, ...] = ()
    losses: tuple[NDArray[np.float64], ...] = ()
    """The loss of each outcome or label, per fit."""

    @property
    def chosen(self) -> int:
        """Index of the smallest rank within one standard error of the best."""
        return next(i for i, row in enumerate(self.table) if row.excess <= row.excess_err)


def compare_ranks(
    method: Method,
    data: Data,
    ranks: Sequence[int],
    seed: np.random.SeedSequence,
    target: Factor | None = None,
) -> Generator[Step, None, Status]:
    """One step per rank, whose state is a ``Comparison``; ends early where a rank is clearly worse than a lower one.

    Args:
        method: any method; each fit starts from the one before, with new columns.
        data: counts, or Pauli values with shots.
        ranks: increasing.
        seed: of the split and the fits.
        target: (d, k) factor of the state whose fidelity is wanted.

    Raises:
        ValueError: the data are exact.
        KeyboardInterrupt: interrupted within a fit.
    """
    rest, aside = data.thin(_HELD_OUT, generator(seed, _THIN))
    done, U = Comparison(), None
    for i, rank in enumerate(ranks):
        start = None if U is None else widened(U, rank, generator(seed, _WIDEN, i))
        U = fitted(method, rest, rank, child(seed, _FIT, i), start)
        loss, weight = _losses(aside, U)
        overlap = None if target is None else fidelity(U, target)
        row = RankFit(rank, float(loss @ weight / weight.sum()), 0.0, 0.0, overlap)
        table = _compared((*done.table, row), (*done.losses, loss), weight)
        done = Comparison(table, (*done.factors, U), (*done.losses, loss))
        yield Step(i + 1, done, {"held_out": row.held_out}, total=len(ranks), phase="comparing ranks")
        if table[-1].excess > table[-1].excess_err:
            break
    return Status.CONVERGED


def candidate_ranks(data: Data) -> tuple[int, ...]:
    """Those of 1, 2, 4, 8 that are at most d and that the data can determine.

    Raises:
        InsufficientDataError: they cannot determine a state of rank 1.
    """
    check_sufficient(data, 1)
    dim, known = 1 << data.num_qubits, data.num_paulis - 1
    return tuple(r for r in CANDIDATES if r <= dim and (r == 1 or parameters(dim, r) <= known))


def widened(factor: Factor, rank: int, rng: np.random.Generator) -> Factor:
    """The factor (d, ``rank``), of trace 1, with random new columns of small weight."""
    dim, old = factor.shape
    if rank <= old:
        return factor
    new = rng.normal(size=(dim, rank - old)) + 1j * rng.normal(size=(dim, rank - old))
    new *= np.sqrt(_NEW_COLUMNS) / np.linalg.norm(new)
    return np.concatenate([factor * np.sqrt(1 - _NEW_COLUMNS) / np.linalg.norm(factor), new], axis=1)


def parameters(dim: int, rank: int) -> int:
    """2 d r - r**2 - 1, the real parameters of a state of rank r and trace 1."""
    return 2 * dim * rank - rank**2 - 1


def check_sufficient(data: Data, rank: int) -> None:
    """Refuse data that hold fewer numbers than the state has parameters.

    Raises:
        InsufficientDataError: which says how many Paulis of each weight are missing.
    """
    needed, known = parameters(1 << data.num_qubits, rank), data.num_paulis - 1
    if known < needed:
        raise InsufficientDataError(
            f"Argument `data` must contain at least {needed} Paulis besides the identity for a state of rank {rank}, "
            f"but it contains {known}: measure more settings. Covered are {_coverage(data)}."
        )


def _coverage(data: Data) -> str:
    """How many Paulis of each weight are measured, in words, where some are missing."""
    n = data.num_qubits
    dim = 1 << n
    if isinstance(data, CountsData):
        index = np.unique(contained_paulis(data.settings))
        z, x = index // dim, index // dim ^ index % dim
    else:
        index = np.unique(data.z * dim + data.x)
        z, x = index // dim, index % dim
    found = np.bincount(np.bitwise_count(x | z), minlength=n + 1)
    whole = [comb(n, w) * 3**w for w in range(n + 1)]
    return ", ".join(f"{found[w]} of {whole[w]} of weight {w}" for w in range(1, n + 1) if found[w] < whole[w])


def _losses(data: Data, factor: Factor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The loss of each outcome or label, and how often each occurs."""
    mean = predicted(data, factor)
    if isinstance(data, CountsData):
        seen = data.counts > 0
        q = (1 - _FLOOR) * mean + _FLOOR / mean.shape[1]
        return -np.log(q[seen]), data.counts[seen].astype(float)
    assert data.shots is not None
    return 0.5 * data.shots * (data.values - mean) ** 2, np.ones(len(data))


def _compared(
    rows: tuple[RankFit, ...], losses: tuple[NDArray[np.float64], ...], weight: NDArray[np.float64]
) -> tuple[RankFit, ...]:
    """The rows with their excess over the best one."""
    best = losses[int(np.argmin([row.held_out for row in rows]))]
    total = weight.sum()
    table = []
    for row, loss in zip(rows, losses, strict=True):
        difference = loss - best
        mean = float(difference @ weight / total)
        scatter = float((difference - mean) ** 2 @ weight / total)
        table.append(replace(row, excess=mean, excess_err=float(np.sqrt(scatter / total))))
    return tuple(table)
