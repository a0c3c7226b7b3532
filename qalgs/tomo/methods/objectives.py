"""What the data says about a factor: a loss, and the direction in which to move the factor.

Axes: d = 2**n, r rank; the factor U is (d, r) and rho = U U^dagger. A direction G is half the real gradient with
respect to U, so that U - eta G is a step of factored gradient descent. Both losses are scaled so that their curvature
near a state of trace 1 is of order 1, whatever n and however much data there is: one step size serves all sizes.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.operators import AllPauli, Bases, apply_hermitian
from qalgs.tomo.operators.allpauli import Factor, Table
from qalgs.tomo.operators.local_maps import LocalMap
from qalgs.tomo.operators.masks import residual_direction

Indices = NDArray[np.intp]


class Objective(Protocol):
    """The loss of a factor over some measurements."""

    size: int
    """How many measurements (settings or labels) there are to draw minibatches from."""
    default_batch: int
    """A minibatch that is cheap and not too noisy."""

    def direction(self, U: Factor, indices: Indices | None = None) -> Factor:
        """The direction G (d, r), over a minibatch or over everything."""
        ...

    def loss(self, U: Factor) -> float:
        """The loss over everything."""
        ...

    def loss_and_direction(self, U: Factor) -> tuple[float, Factor]:
        """Both over everything, for little more than the price of one."""
        ...


class LeastSquares:
    """f(U) = (d / 2m) sum_k (Tr(P_k U U^dagger) - y_k)**2.

    The factor d / m makes the map an isometry on average: Paulis drawn uniformly give curvature 1. A small minibatch
    is applied by bit masks, a large one, or everything, by the all-Pauli transform.
    """

    def __init__(self, data: PauliData) -> None:
        self.size, self._data = len(data), data
        # With b labels a minibatch has curvature 1 + d / b in its worst direction, so b has to grow with d.
        self.default_batch = 1 << data.num_qubits
        self._scale = (1 << data.num_qubits) / len(data)
        self._tables: tuple[AllPauli, NDArray[Any], NDArray[Any]] | None = None

    def direction(self, U: Factor, indices: Indices | None = None) -> Factor:
        """(d/m) sum_k (Tr(P_k U U^dagger) - y_k) P_k U."""
        if indices is None:
            return self.loss_and_direction(U)[1]
        if len(indices) > 4 * len(U):  # about where the transform of all 4**n becomes the cheaper one
            return LeastSquares(self._data.take(indices)).direction(U)
        data = self._data
        return len(U) / len(indices) * residual_direction(data.x[indices], data.z[indices], data.values[indices], U)

    def loss(self, U: Factor) -> float:
        """The loss over all labels."""
        return self._weighted(self.forward(U))[0]

    def loss_and_direction(self, U: Factor) -> tuple[float, Factor]:
        """Loss and direction over all labels, by one transform and its adjoint."""
        loss, operator = self.loss_and_operator(self.forward(U))
        return loss, apply_hermitian(operator, U)

    def forward(self, U: Factor) -> Table:
        """The table of Tr(P U U^dagger) of all Paulis; tables of sums of factors are sums of tables."""
        return self._transformed()[0].forward(U)

    def loss_and_operator(self, table: Table) -> tuple[float, NDArray[Any]]:
        """The loss of the Hermitian matrix with this table, and sum_k (d/m) (Tr(P_k X) - y_k) P_k."""
        loss, weighted = self._weighted(table)
        return loss, self._transformed()[0].adjoint(weighted)

    def squared_norm(self, table: Table) -> float:
        """(d/m) sum_k Tr(P_k X)**2 of the Hermitian matrix with this table."""
        return self._scale * float(self._transformed()[2] @ table**2)

    def _weighted(self, table: Table) -> tuple[float, Table]:
        """The loss, and what the adjoint takes."""
        _, y, weights = self._transformed()
        error = table - y
        weighted = self._scale * weights * error
        return 0.5 * float(weighted @ error), weighted

    def _transformed(self) -> tuple[AllPauli, NDArray[Any], NDArray[Any]]:
        """The operator, the signed values and the weights in its layout; built on first use."""
        if self._tables is None:
            data = self._data
            operator = AllPauli(data.num_qubits)
            weights = operator.scatter(data.x, data.z, np.ones(len(data)))
            sums = operator.scatter(data.x, data.z, data.values) * operator.signs()
            y = np.divide(sums, weights, out=np.zeros_like(sums), where=weights > 0)
            self._tables = (operator, y, weights)
        return self._tables


class Likelihood:
    """f(U) = -sum_{s,b} (n_sb / N) log q_sb + log ||U||_F**2, q = (1 - floor) Lambda p + floor ||U||_F**2 / d.

    The negative log-likelihood per shot of the counts n_sb; p_s(b) = sum_k |(V_s u_k)_b|**2 is not normalised, and the
    second term makes up for it, so no constraint on the trace is needed. Lambda, the product of the qubits' confusion
    matrices, is 1 unless the data carry ``readout``: errors of the readout are part of the model, the counts are left
    as they were read. The floor is white noise mixed into the model: it keeps outcomes that a low-rank state forbids
    from having probability 0.
    """

    def __init__(self, data: CountsData, *, floor: float = 0.0) -> None:
        self.size, self._counts, self._floor = len(data), data.counts.astype(float), floor
        self.default_batch = 10
        self._bases = Bases(data.settings)
        self._readout = None if data.readout is None else LocalMap(data.readout)

    def direction(self, U: Factor, indices: Indices | None = None) -> Factor:
        """-(1 - floor) sum_s V_s^dagger diag(g_s) V_s U + (1 / ||U||**2 - floor sum n_sb / (N q_sb d)) U.

        g_s = Lambda^T (n_s / (N q_s)).
        """
        return self._evaluate(U, indices)[1]

    def loss(self, U: Factor) -> float:
        """The loss over all settings."""
        trace = float(np.linalg.norm(U) ** 2)
        q = self._mixed(self._bases.probabilities(U), trace)
        return float(-(self._counts * np.log(q)).sum() / self._counts.sum() + np.log(trace))

    def loss_and_direction(self, U: Factor) -> tuple[float, Factor]:
        """Loss and direction over all settings, in one pass."""
        return self._evaluate(U, None)

    def _evaluate(self, U: Factor, indices: Indices | None) -> tuple[float, Factor]:
        counts = self._counts if indices is None else self._counts[indices]
        total, trace, logs, white = counts.sum(), float(np.linalg.norm(U) ** 2), 0.0, 0.0

        def weights(settings: Indices, p: NDArray[np.float64]) -> NDArray[np.float64]:
            nonlocal logs, white
            q = self._mixed(p, trace)
            ratio = self._counts[settings] / (total * q)
            logs += float((self._counts[settings] * np.log(q)).sum())
            white += float(ratio.sum())
            return -(1 - self._floor) * (ratio if self._readout is None else self._readout.adjoint(ratio))

        G = self._bases.direction(U, weights, indices)
        return float(np.log(trace) - logs / total), G + (1 / trace - self._floor * white / len(U)) * U

    def _mixed(self, p: NDArray[np.float64], trace: float) -> NDArray[np.float64]:
        p = p if self._readout is None else self._readout(p)
        return np.maximum((1 - self._floor) * p + self._floor * trace / p.shape[1], 1e-12 * trace)
