"""From histograms of settings to Pauli values, and back from coefficients of Paulis to those of outcomes.

Axes: S settings, n qubits, d = 2**n. The 2**n Paulis of a setting are indexed by their support.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import finite_array
from qalgs.tomo.data.formats import outcome_table
from qalgs.tomo.data.pauli_data import PauliData
from qalgs.tomo.operators.local_maps import parity_map
from qalgs.tomo.operators.paulis import Settings, setting_masks
from qalgs_backends.simulators.memory import available_bytes

_TABLES = 4
_SHARE_OF_MEMORY = 0.6
_ROWS = 64


def pauli_table(settings: Settings, counts: NDArray[np.generic], readout: NDArray[np.float64] | None) -> PauliData:
    """Every Pauli that a setting contains, pooled over the settings that contain it."""
    dim, n = counts.shape[1], settings.shape[1]
    require_tables(n)
    mean, square = parity_map(n, readout), None if readout is None else parity_map(n, readout, power=2)
    total, shots = np.zeros(dim * dim), np.zeros(dim * dim)
    squares = np.zeros(dim * dim if square else 0)
    for first in range(0, len(settings), _ROWS):
        rows = counts[first : first + _ROWS]
        seconds = square(rows) if square else None
        for s, parity in enumerate(mean(rows)):
            index = support_index(settings[first + s])
            total[index] += parity
            shots[index] += parity[0]
            if seconds is not None:
                squares[index] += seconds[s]
    seen = np.flatnonzero(shots)
    masks, values, number = (n, seen % dim, seen // dim), total[seen] / shots[seen], shots[seen]
    if not square:
        return PauliData(*masks, values, number)
    second = np.maximum(squares[seen] / number, 1.0)
    err = np.sqrt(np.maximum(second - values**2, 0) / number)
    worth = number / second
    slack = 5 / np.sqrt(worth)
    return PauliData(*masks, np.clip(values, -1 - slack, 1 + slack), worth, err)


def support_index(setting: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(d,): z * d + x of the Pauli with each support w."""
    dim = 1 << len(setting)
    x, z = setting_masks(setting[None])
    support = np.arange(dim, dtype=np.int64)
    return (z[0] & support) * dim + (x[0] & support)


def quasi_paulis(quasi: Mapping[str, Mapping[str, float]], shots: ArrayLike) -> PauliData:
    """Pauli values of quasi-probabilities, which may be negative, as mitigation outside this package gives them.

    Counts have to be whole numbers for a likelihood; these go to the least-squares objective instead.

    Args:
        quasi: quasi-probability per bit string, per setting, as in ``CountsData.from_dict``; they are made to sum to 1.
        shots: shots behind each setting, (S,) or one number.

    Raises:
        ValueError: a setting or a bit string is malformed, an entry is not finite, or the values are more than 5
            standard errors outside [-1, 1].
    """
    settings, table = outcome_table(list(quasi), list(quasi.values()))
    finite_array(table, "quasi", ndim=2)
    number = np.broadcast_to(finite_array(shots, "shots"), len(table))
    return pauli_table(settings, table / table.sum(axis=1, keepdims=True) * number[:, None], None)


def require_tables(num_qubits: int) -> None:
    """Refuse what would not fit, before anything is allocated.

    Raises:
        MemoryError: tables of 4**n numbers take more than 60 % of the memory that is free.
    """
    needed, free = _TABLES * 8 * 4**num_qubits, available_bytes()
    if needed > _SHARE_OF_MEMORY * free:
        raise MemoryError(
            f"All Paulis of {num_qubits} qubits take {needed:,} bytes, but {free:,} are free: use `marginal(qubits)`, "
            "or a method that starts at random and reads the counts only."
        )
