"""Maps that act on every qubit on its own, M_{n-1} x ... x M_0, as two real matrix products.

Axes: S settings, n qubits, d = 2**n = D_hi * D_lo; tables are (S, d), qubit 0 in the least significant bit.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray


class LocalMap:
    """The Kronecker product of n real 2 x 2 matrices, applied to the rows of a table."""

    def __init__(self, matrices: NDArray[np.float64]) -> None:
        """``matrices`` is (n, 2, 2); matrix q acts on qubit q."""
        low = len(matrices) // 2
        self._hi, self._lo = _kron(matrices[low:]), _kron(matrices[:low])

    def __call__(self, table: NDArray[Any]) -> NDArray[np.float64]:
        """(S, d): M applied to each row."""
        return self._apply(self._hi, self._lo, table)

    def adjoint(self, table: NDArray[Any]) -> NDArray[np.float64]:
        """(S, d): the transpose of M applied to each row."""
        return self._apply(self._hi.T, self._lo.T, table)

    def _apply(self, hi: NDArray[np.float64], lo: NDArray[np.float64], table: NDArray[Any]) -> NDArray[np.float64]:
        halves = np.asarray(table, float).reshape(len(table), len(hi), len(lo))
        return np.matmul(np.matmul(hi, halves), lo.T).reshape(table.shape)


def parity_map(num_qubits: int, readout: NDArray[np.float64] | None = None, *, power: int = 1) -> LocalMap:
    """From a histogram to sum_b f_w(b) counts[b] for every support w, f_w being the parity of the qubits in w.

    Without readout errors f_w(b) = (-1)^{w . b}, the Walsh-Hadamard transform. With them f_w is the product over the
    qubits of w of the two numbers (1, -1) Lambda_q^{-1}, whose mean over faulty outcomes is the true parity.

    Args:
        num_qubits: n.
        readout: (n, 2, 2) confusion matrices, or None.
        power: 2 for the second moments, with f_w(b)**2 in place of f_w(b).
    """
    rows = np.broadcast_to([1.0, -1.0], (num_qubits, 2)) if readout is None else parity_weights(readout)
    return LocalMap(np.stack([np.ones((num_qubits, 2)), rows**power], axis=1))


def parity_weights(readout: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2): what outcomes 0 and 1 of each qubit count for, (1, -1) Lambda_q^{-1}."""
    weights = np.linalg.solve(readout.transpose(0, 2, 1), np.broadcast_to([[1.0], [-1.0]], (len(readout), 2, 1)))
    return weights[..., 0].astype(float)


def _kron(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Highest qubit first, as the bits of an index."""
    return reduce(np.kron, list(matrices[::-1]), np.ones((1, 1))).astype(float)
