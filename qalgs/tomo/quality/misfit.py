"""Does a state explain the data? Outcome probabilities as read, simulated data, and the goodness of fit.

Axes: S settings, m labels, d = 2**n, r rank; factors are (d, r).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.operators import Bases
from qalgs.tomo.operators.allpauli import Factor
from qalgs.tomo.operators.local_maps import LocalMap
from qalgs.tomo.operators.masks import expectations

_DRAWS = 6
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Misfit:
    """How much worse the data fit than data drawn from the fit itself would."""

    value: float
    """1 is a good fit."""
    err: float
    """Its scatter where the fit is right."""


def read_probabilities(data: CountsData, factor: Factor) -> NDArray[np.float64]:
    """(S, d): the probabilities of the outcomes of each setting, readout errors included; rows sum to 1."""
    p = Bases(data.settings).probabilities(factor)
    p = p if data.readout is None else np.maximum(LocalMap(data.readout)(p), 0)
    return p / p.sum(axis=1, keepdims=True)


def predicted(data: CountsData | PauliData, factor: Factor) -> NDArray[np.float64]:
    """What the data would be on average: (S, d) probabilities or (m,) expectation values."""
    if isinstance(data, CountsData):
        return read_probabilities(data, factor)
    return np.clip(expectations(data.x, data.z, factor), -1, 1)


def misfit(data: CountsData | PauliData, factor: Factor, rng: np.random.Generator) -> Misfit | None:
    """Deviance of counts over that of counts drawn from the fit; for Pauli values, chi-square per label.

    The deviance is 2 sum_{s,b} n_sb log(n_sb / (N_s p_sb)). With few shots per outcome it is far from a chi-square,
    so it is compared with that of simulated data. None for exact data.
    """
    if isinstance(data, CountsData):
        return _counts_misfit(data, factor, rng)
    if data.shots is None:
        return None
    values = predicted(data, factor)
    variance = (1 - values**2) / data.shots if data.values_err is None else data.values_err**2
    known = variance > _SMALLEST
    if not known.any():
        return None
    squares = (data.values - values)[known] ** 2 / variance[known]
    return Misfit(float(squares.mean()), float(np.sqrt(2 / len(squares))))


def _counts_misfit(data: CountsData, factor: Factor, rng: np.random.Generator) -> Misfit:
    p = read_probabilities(data, factor)
    simulated = np.array([_deviances(rng.multinomial(data.shots, p), p) for _ in range(_DRAWS)])
    expected = 1 + float(simulated.sum(axis=1).mean())  # 1: both may vanish
    spread = np.sqrt(float(simulated.var(axis=0, ddof=1).sum()) * (1 + 1 / _DRAWS))
    return Misfit((1 + float(_deviances(data.counts, p).sum())) / expected, float(spread) / expected)


def _deviances(counts: NDArray[np.int64], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S,) deviance of each setting."""
    expected = np.maximum(counts.sum(axis=1, keepdims=True) * p, 1e-9)
    return 2 * (counts * np.log(np.where(counts > 0, counts, expected) / expected)).sum(axis=1)
