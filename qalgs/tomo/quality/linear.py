"""The linear estimate of a fidelity: no model, no rank, no bias, and an exact standard error.

Axes: S settings, m labels, d = 2**n. F = (1/d) sum_P Tr(P psi) <P> is linear in the data, so for counts it is a sum of
one number per shot, a_s(b), and its error is their scatter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.results import Estimate
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.data.pauli_table import require_tables, support_index
from qalgs.tomo.operators import AllPauli
from qalgs.tomo.operators.local_maps import parity_map
from qalgs.tomo.quality.metrics import pure_state

_NORMAL = 1.959963984540054
"""95 % of a normal distribution are within this many standard deviations."""
_ROWS = 64


def linear_fidelity(data: CountsData | PauliData, state: ArrayLike) -> tuple[Estimate, float]:
    """The model-free fidelity sum_P Tr(P psi) y_P / d over the measured Paulis, and their share of psi.

    With a share of 1 it is unbiased, whatever the rank of the true state, and its interval is a normal one; what is
    missing counts as 0. The error of counts takes into account that a shot serves many Paulis at once; that of Pauli
    values takes these as independent.

    Args:
        data: counts or Pauli values; counts with ``readout`` are mitigated.
        state: (d,) the pure state psi.

    Returns:
        The estimate, and sum_{P measured} Tr(P psi)**2 / d, which is 1 when nothing that matters is missing.

    Raises:
        ValueError: ``state`` has the wrong length or norm.
        MemoryError: the tables of 4**n numbers do not fit in memory.
    """
    dim = 1 << data.num_qubits
    psi = pure_state(state, dim, "state")
    require_tables(data.num_qubits)
    operator = AllPauli(data.num_qubits)
    grid = operator.grid(operator.forward(psi[:, None]) * operator.signs())
    if isinstance(data, CountsData):
        return _from_counts(data, grid)
    weights = grid[data.z, data.z ^ data.x]
    err = float(np.linalg.norm(weights * data.errors)) / dim
    return _estimate(float(weights @ data.values) / dim, err), float(weights @ weights) / dim


def coverage(data: CountsData | PauliData, state: ArrayLike) -> float:
    """The share of ``state`` that the measured Paulis make up, sum_{P measured} Tr(P psi)**2 / d, in [0, 1]."""
    return linear_fidelity(data, state)[1]


def _from_counts(data: CountsData, grid: NDArray[np.float64]) -> tuple[Estimate, float]:
    dim = len(grid)
    shots = np.zeros(dim * dim)
    for setting, number in zip(data.settings, data.shots, strict=True):
        shots[support_index(setting)] += number
    z, x = np.divmod(np.arange(dim * dim), dim)
    weights = grid[z, z ^ x]
    share = float(np.square(weights[shots > 0]).sum()) / dim
    each = np.divide(weights, dim * shots, out=np.zeros_like(weights), where=shots > 0)
    value = variance = 0.0
    parities = parity_map(data.num_qubits, data.readout)
    for first in range(0, len(data), _ROWS):
        counts = data.counts[first : first + _ROWS]
        index = np.array([support_index(setting) for setting in data.settings[first : first + _ROWS]])
        a = parities.adjoint(each[index])
        total = counts.sum(axis=1)
        mean = (counts * a).sum(axis=1) / total
        value += float(mean @ total)
        variance += float((counts * np.square(a - mean[:, None])).sum())
    return _estimate(value, float(np.sqrt(variance))), share


def _estimate(value: float, err: float) -> Estimate:
    return Estimate(value, err, value - _NORMAL * err, value + _NORMAL * err) if err else Estimate(value, 0.0)
