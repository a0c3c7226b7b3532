"""A list of Pauli strings applied by bit masks: the operator for minibatches.

Axes: m labels, d = 2**n, r rank; U is (d, r). Costs O(m d r); where most of the 4**n labels are wanted, ``AllPauli``
is cheaper.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qalgs.tomo.operators.allpauli import Factor
from qalgs.tomo.operators.paulis import Masks

_CHUNK = 1 << 16
_PHASES = np.array([1, -1j, -1, 1j])
"""i^k (-1)^k for k = |x & z| mod 4: what is left of P's phase when its sign (-1)^{z.(i ^ x)} is written (-1)^{z.i}."""


def expectations(x: Masks, z: Masks, U: Factor) -> NDArray[np.float64]:
    """(m,): Tr(P_k U U^dagger)."""
    out = np.empty(len(x))
    for part in _chunks(len(x), U.size):
        phases, rows = _rows(x[part], z[part], U)
        out[part] = (phases * (rows @ U.conj().reshape(-1))).real
    return out


def residual_direction(x: Masks, z: Masks, y: NDArray[np.float64], U: Factor) -> Factor:
    """sum_k (Tr(P_k U U^dagger) - y_k) P_k U."""
    total = np.zeros(U.size, np.result_type(U, np.complex64))
    for part in _chunks(len(x), U.size):
        phases, rows = _rows(x[part], z[part], U)
        error = (phases * (rows @ U.conj().reshape(-1))).real - y[part]
        total += (error * phases) @ rows
    return total.reshape(U.shape)


def _rows(x: Masks, z: Masks, U: Factor) -> tuple[NDArray[np.complexfloating], NDArray[np.complexfloating]]:
    """Phases (m,) and rows (m, d * r) whose product is P_k U, flattened."""
    index = np.arange(len(U), dtype=np.uint16 if len(U) <= 1 << 16 else np.uint32)
    source = index ^ x[:, None].astype(index.dtype)
    odd = (np.bitwise_count(index & z[:, None].astype(index.dtype)) & 1).astype(bool)
    rows = U.take(source, axis=0)
    np.negative(rows, out=rows, where=odd[:, :, None])
    return _PHASES[np.bitwise_count(x & z) & 3], rows.reshape(len(x), -1)


def _chunks(labels: int, size: int) -> list[slice]:
    step = max(1, _CHUNK // size)
    return [slice(i, i + step) for i in range(0, labels, step)]
