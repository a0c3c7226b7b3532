"""Outcome probabilities of local measurement settings, and the adjoint, by rotating half of the qubits at a time.

Axes: S settings, n qubits, d = 2**n = D_hi * D_lo, r rank. A column of U, reshaped to (D_hi, D_lo), is rotated as
V_hi Psi V_lo^T; there are at most 3**(n/2) distinct halves, so they are built once and shared.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from qalgs.tomo.operators.allpauli import Factor
from qalgs.tomo.operators.paulis import Settings

_H = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
_ROTATIONS = (_H, _H @ np.diag([1, -1j]), np.eye(2))
"""To the Z basis from X, Y and Z."""

_CHUNK = 1 << 16

Weights = Callable[[NDArray[np.intp], NDArray[np.float64]], NDArray[np.float64]]
"""(indices (s,), probabilities (s, d)) -> weights (s, d)."""


class Bases:
    """The probabilities p_s(b) = sum_k |(V_s u_k)_b|**2 of a list of settings."""

    def __init__(self, settings: Settings) -> None:
        n = settings.shape[1]
        low = n // 2
        self.num_settings, self.dim = len(settings), 1 << n
        self._hi, self._hi_index = _rotations(settings[:, low:])
        self._lo, self._lo_index = _rotations(settings[:, :low])

    def probabilities(self, U: Factor, indices: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
        """(s, d): p_s(b) of the settings ``indices`` (all when None)."""
        return np.concatenate([_born(self._rotate(U, part)) for part in self._parts(U, indices)])

    def direction(self, U: Factor, weights: Weights, indices: NDArray[np.intp] | None = None) -> Factor:
        """sum_s V_s^dagger diag(g_s) V_s U, with g = weights(settings, their probabilities)."""
        total = np.zeros((U.shape[1], self._hi.shape[1], self._lo.shape[1]), np.result_type(U, self._hi))
        for part in self._parts(U, indices):
            amplitudes = self._rotate(U, part)
            amplitudes *= weights(part, _born(amplitudes)).reshape(len(part), 1, *amplitudes.shape[2:])
            back = np.matmul(amplitudes, self._lo[self._lo_index[part], None].conj())
            total += np.matmul(self._hi[self._hi_index[part], None].conj().swapaxes(-1, -2), back).sum(axis=0)
        return total.reshape(len(total), -1).T

    def _parts(self, U: Factor, indices: NDArray[np.intp] | None) -> list[NDArray[np.intp]]:
        """The settings in pieces whose amplitudes fit in the cache."""
        indices = np.arange(self.num_settings) if indices is None else indices
        size = max(1, _CHUNK // U.size)
        return [indices[i : i + size] for i in range(0, len(indices), size)]

    def _rotate(self, U: Factor, settings: NDArray[np.intp]) -> NDArray[np.complexfloating]:
        """(s, r, D_hi, D_lo): V_s u_k."""
        columns = U.T.reshape(U.shape[1], self._hi.shape[1], self._lo.shape[1])
        half = np.matmul(self._hi[self._hi_index[settings], None], columns)
        return np.matmul(half, self._lo[self._lo_index[settings], None].swapaxes(-1, -2))


def _rotations(half: Settings) -> tuple[NDArray[np.complexfloating], NDArray[np.intp]]:
    """The distinct rotations of half of the qubits, (h, D, D), and which of them each setting uses, (S,)."""
    if half.shape[1] == 0:
        return np.ones((1, 1, 1), np.complex128), np.zeros(len(half), np.intp)
    distinct, index = np.unique(half, axis=0, return_inverse=True)
    matrices = [reduce(np.kron, [_ROTATIONS[code] for code in row[::-1]]) for row in distinct]
    return np.array(matrices, np.complex128), index.reshape(-1)


def _born(amplitudes: NDArray[np.complexfloating]) -> NDArray[np.float64]:
    """(s, d) probabilities from (s, r, D_hi, D_lo) amplitudes."""
    return (amplitudes.real**2 + amplitudes.imag**2).sum(axis=1).reshape(len(amplitudes), -1)
