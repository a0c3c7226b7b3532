"""Tomography: the Pauli transform against sparse matrices, and whole reconstructions.

Times are for one thread when OMP_NUM_THREADS=1 is set.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit.quantum_info import SparsePauliOp

import qalgs as qa
from experiments.bench.table import Row, medians, ratio_row
from qalgs.checks import generator
from qalgs.run import drive
from qalgs.tomo.data import PauliData
from qalgs.tomo.objectives import LeastSquares
from qalgs.tomo.operators.allpauli import Factor
from qalgs.tomo.paulis import labels_from_masks


def gradients() -> list[Row]:
    """One least-squares gradient over all 4**n Paulis."""
    rows: list[Row] = []
    for n, repeats in ((6, 21), (8, 21), (10, 7), (12, 3)):
        objective, U = _problem(n)[1:]
        (seconds,) = medians([lambda objective=objective, U=U: objective.direction(U)], repeats)
        rows.append({"what": "gradient over all Paulis", "n": n, "ms": 1e3 * seconds})
    return rows


def sparse_products() -> Row:
    """The same against one sparse product per Pauli, at 6 qubits."""
    data, objective, U = _problem(6)
    matrices = [SparsePauliOp(label).to_matrix(sparse=True) for label in labels_from_masks(data.x, data.z, 6)]
    calls = [lambda: _sparse(U, data, matrices), lambda: objective.direction(U)]
    off = float(np.abs(calls[0]() - calls[1]()).max())
    sparse, ours = medians(calls, 11)
    return ratio_row("CSR product per Pauli / gradient", 6, sparse, ours, off)


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
            rows.append({"what": f"LocalSFGD, {name}, {kind}", "n": 8, "ms": 1e3 * seconds, "infidelity": infidelity})
    return rows


def run() -> list[Row]:
    """All rows."""
    return [*gradients(), sparse_products(), *reconstructions()]


def _fit(data: qa.CountsData | PauliData) -> None:
    drive(qa.LocalSFGD().iterate(data, 1, seed=np.random.SeedSequence(1)))


def _problem(n: int) -> tuple[PauliData, LeastSquares, Factor]:
    data = PauliData.simulate(qa.problems.haar_state(n, 1), 1.0, None, np.random.default_rng(0))
    return data, LeastSquares(data), qa.problems.haar_state(n, 2)[:, None]


def _sparse(U: Factor, data: PauliData, matrices: list[Any]) -> Factor:
    total = np.zeros_like(U)
    for y, matrix in zip(data.values, matrices, strict=True):
        row = matrix @ U
        total += (np.vdot(U, row).real - y) * row
    return total * len(U) / len(matrices)
