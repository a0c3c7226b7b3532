"""Tomography: the Pauli transform against sparse matrices, whole reconstructions, and peers.

Times are for one thread when OMP_NUM_THREADS=1 is set.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from qiskit.quantum_info import SparsePauliOp

import qalgs as qa
from experiments.bench import peers
from experiments.bench.table import Row, medians, ratio_row
from qalgs.checks import generator
from qalgs.run import drive
from qalgs.tomo.data import PauliData
from qalgs.tomo.methods import Method
from qalgs.tomo.methods.lbfgs import LBFGS
from qalgs.tomo.methods.objectives import LeastSquares
from qalgs.tomo.operators import AllPauli, apply_hermitian
from qalgs.tomo.operators.allpauli import Factor
from qalgs.tomo.operators.paulis import labels_from_masks

_SAMPLED = 4096
"""Sparse matrices built at most; the time of all 4**n is extrapolated from them."""


def gradients() -> list[Row]:
    """One least-squares gradient over all 4**n Paulis, in NumPy and compiled by Numba."""
    rows: list[Row] = []
    for n, repeats in ((6, 101), (8, 51), (10, 9), (12, 3)):
        U, y = qa.problems.haar_state(n, 2)[:, None], np.random.default_rng(n).normal(size=4**n)
        plain = AllPauli(n, kernel="numpy")
        try:
            compiled = AllPauli(n, kernel="numba")
        except ImportError:
            (seconds,) = medians([lambda plain=plain, U=U, y=y: _gradient(plain, U, y)], repeats)
            rows.append({"what": "gradient over all Paulis, NumPy", "n": n, "first_ms": 1e3 * seconds})
            continue
        grid = compiled.table(plain.grid(y))
        calls = [
            lambda plain=plain, U=U, y=y: _gradient(plain, U, y),
            lambda c=compiled, U=U, y=grid: _gradient(c, U, y),
        ]
        off = float(np.abs(calls[0]() - calls[1]()).max())
        numpy_seconds, numba_seconds = medians(calls, repeats)
        rows.append(ratio_row("gradient over all Paulis, NumPy / Numba", n, numpy_seconds, numba_seconds, off))
    return rows


def sparse_products(n: int) -> Row:
    """One sparse product per Pauli against the gradient by the transform, on the same labels."""
    data = _every_pauli(n)
    data = data.take(np.random.default_rng(0).permutation(len(data))[:_SAMPLED])
    objective, U = LeastSquares(data), qa.problems.haar_state(n, 2)[:, None]
    matrices = [SparsePauliOp(label).to_matrix(sparse=True) for label in labels_from_masks(data.x, data.z, n)]
    calls = [lambda: _sparse(U, data, matrices), lambda: objective.direction(U)]
    off = float(np.abs(calls[0]() - calls[1]()).max())
    sparse, ours = medians(calls, 7)
    share = len(data) / 4**n
    what = "CSR product per Pauli / gradient" + ("" if share == 1 else f", from {len(data)} Paulis")
    return ratio_row(what, n, sparse / share, ours, off)


def reconstructions() -> list[Row]:
    """GHZ, W and Haar states of 8 qubits from a fifth of the Paulis with 2048 shots: counts from Aer, and labels."""
    rows = []
    for name, circuit, psi in (
        ("GHZ", qa.circuits.ghz(8), qa.problems.ghz_state(8)),
        ("W", qa.circuits.w(8), qa.problems.w_state(8)),
        ("Haar", qa.circuits.haar(8, 1), qa.problems.haar_state(8, 1)),
    ):
        counts = qa.measure_paulis(circuit, fraction=0.2, shots=2048, rng=1)
        labels = PauliData.simulate(psi, 0.2, 2048, generator(np.random.SeedSequence(1)))
        for kind, data in (("settings on Aer", counts), ("independent labels", labels)):
            (seconds,) = medians([lambda data=data: _fit(data)], 3)
            infidelity = 1 - float(qa.tomography(data, bootstrap=0, rng=1).fidelity(psi))
            rows.append(
                {"what": f"LocalSFGD, {name}, {kind}", "n": 8, "first_ms": 1e3 * seconds, "infidelity": infidelity}
            )
    return rows


def end_to_end() -> list[Row]:
    """A GHZ state of 12 qubits from 500 random settings on Aer, 2048 shots each: measuring and fitting."""
    began = time.perf_counter()
    data = qa.measure_paulis(qa.circuits.ghz(12), settings=500, shots=2048, rng=1)
    rows: list[Row] = [{"what": "500 settings on Aer", "n": 12, "first_ms": 1e3 * (time.perf_counter() - began)}]
    methods: dict[str, Method] = {"L-BFGS": LBFGS(), "Local SFGD": qa.LocalSFGD()}
    for name, method in methods.items():
        result = qa.tomography(data, rank=1, method=method, bootstrap=0, rng=1)
        left = 1 - float(result.fidelity(qa.problems.ghz_state(12)))
        seconds = result.solve_seconds
        rows.append({"what": f"{name} on these counts", "n": 12, "first_ms": 1e3 * seconds, "infidelity": left})
    return rows


def run() -> list[Row]:
    """All rows."""
    products = [sparse_products(n) for n in (6, 8)]
    return [*gradients(), *products, *reconstructions(), *peers.linear(), *peers.convex(), *end_to_end()]


def _fit(data: qa.CountsData | PauliData) -> None:
    drive(qa.LocalSFGD().iterate(data, 1, seed=np.random.SeedSequence(1)))


def _gradient(operator: AllPauli, U: Factor, y: np.ndarray) -> Factor:
    return apply_hermitian(operator.adjoint(operator.forward(U) - y), U)


def _every_pauli(n: int) -> PauliData:
    return PauliData.simulate(qa.problems.haar_state(n, 1), 1.0, None, np.random.default_rng(0))


def _sparse(U: Factor, data: PauliData, matrices: list[Any]) -> Factor:
    total = np.zeros_like(U)
    for y, matrix in zip(data.values, matrices, strict=True):
        row = matrix @ U
        total += (np.vdot(U, row).real - y) * row
    return total * len(U) / len(matrices)
