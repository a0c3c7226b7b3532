"""Tomography: the Pauli transform against sparse matrices, and whole reconstructions.

Times are for one thread when OMP_NUM_THREADS=1 is set.
"""

from __future__ import annotations

import numpy as np
from qiskit.quantum_info import SparsePauliOp

import qalgs as qa
from experiments.bench.table import Row, medians
from qalgs.checks import generator
from qalgs.run import drive
from qalgs.tomo.data import PauliData
from qalgs.tomo.objectives import LeastSquares
from qalgs.tomo.paulis import labels_from_masks

_LARGEST_SPARSE = 6


def gradients() -> list[Row]:
    """One least-squares gradient over all 4**n Paulis; at n = 6 against one sparse product per Pauli."""
    rows = []
    for n, repeats in ((6, 21), (8, 21), (10, 7), (12, 3)):
        psi = qa.problems.haar_state(n, 1)
        data = PauliData.simulate(psi, 1.0, None, np.random.default_rng(0))
        objective, U = LeastSquares(data), qa.problems.haar_state(n, 2)[:, None]
        row: Row = {"what": "gradient over all Paulis", "n": n}
        calls = [lambda objective=objective, U=U: objective.direction(U)]
        if n <= _LARGEST_SPARSE:
            labels = labels_from_masks(data.x, data.z, n)
            matrices = [SparsePauliOp(label).to_matrix(sparse=True) for label in labels]
            calls.append(lambda U=U, data=data, matrices=matrices: _sparse(U, data, matrices))
            row["off"] = float(np.abs(calls[0]() - calls[1]()).max())
        times = medians(calls, repeats)
        row["ms"] = 1e3 * times[0]
        if len(times) > 1:
            row["peer"], row["peer_ms"], row["ratio"] = "CSR product per Pauli", 1e3 * times[1], times[1] / times[0]
        rows.append(row)
    return rows


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
            rows.append({"what": f"{name}, {kind}", "n": 8, "seconds": seconds, "infidelity": infidelity})
    return rows


def run() -> list[Row]:
    """All rows."""
    return gradients() + reconstructions()


def _fit(data: qa.CountsData | PauliData) -> None:
    drive(qa.LocalSFGD().iterate(data, 1, seed=np.random.SeedSequence(1)))


def _sparse(U: np.ndarray, data: PauliData, matrices: list) -> np.ndarray:
    total = np.zeros_like(U)
    for y, matrix in zip(data.values, matrices, strict=True):
        row = matrix @ U
        total += (np.vdot(U, row).real - y) * row
    return total * len(U) / len(matrices)
