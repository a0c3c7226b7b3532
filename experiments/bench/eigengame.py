"""The EigenGame: circuits and seconds to chemical accuracy beside VQD of qiskit-algorithms, and the engine's gradient.

Circuits are what a machine would run: 1 + 2 p energies for an energy with its gradient by shifts, and 1 + p cross terms
for each parent. The peer has no gradients; its circuits are the energies and fidelities that it asks for.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_aer.primitives import EstimatorV2

from experiments.bench.table import Row, medians, ratio_row
from experiments.eigengame.levels import CHEMICAL, MILLI, duplicates_allowed, errors, raw_levels
from qalgs.backends import get
from qalgs.checks import child, generator
from qalgs.circuits import hardware_efficient
from qalgs.eigen import VQD, EigenGame, eigensolve
from qalgs.problems import molecule

_LEVELS = 4
_SEEDS, _PEER_SEEDS = 20, 2
_BETAS = (0.1, 0.3, 1.0, 3.0, 10.0, None)
_PEER_BETAS = (0.3, None)
_PEER = "qiskit-algorithms VQD, SLSQP"
_QUARTER = np.pi / 2


def games() -> list[Row]:
    """LiH (2,2), four levels: the game, and VQD with the same engine, optimizer and starts."""
    H, ansatz, exact = _problem()
    # Without restarts for an energy's variance, which ask for more than chemical accuracy.
    common: dict[str, Any] = {"gtol": 1e-3, "guards": 0, "accuracy": 1.0}
    methods: dict[str, EigenGame | VQD] = {"EigenGame, c = auto": EigenGame(**common)}
    methods |= {f"VQD, beta = {beta or 'default'}": VQD(beta=beta, **common) for beta in _BETAS}
    rows = []
    for name, method in methods.items():
        found = []
        for seed in range(_SEEDS):
            with duplicates_allowed():
                result = eigensolve(H, _LEVELS, method=method, ansatz=ansatz, rng=seed)
            found.append((result.counted, result.wall_seconds, errors(raw_levels(result), exact).max()))
        rows.append(_row(f"{name}, our engine", found, ansatz.num_parameters))
    return rows


def peer() -> list[Row]:
    """The same task for the VQD of qiskit-algorithms, with exact overlaps, which it does not bring itself."""
    try:
        import_module("qiskit_algorithms")
    except ImportError:
        return [{"what": _PEER, "note": "not installed"}]
    rows = []
    for beta in _PEER_BETAS:
        runs = [_peer_run(beta, seed) for seed in range(_PEER_SEEDS)]
        circuits, seconds, worst = np.median(runs, axis=0)
        right = sum(miss < CHEMICAL for *_, miss in runs)
        rows.append(
            {
                "what": f"{_PEER}, beta = {beta or 'default'}",
                "circuits": float(circuits),
                "seconds": float(seconds),
                "right": f"{right}/{_PEER_SEEDS}",
                "error_mha": MILLI * float(worst),
            }
        )
    return rows


def engines() -> list[Row]:
    """A full gradient of an energy, against PennyLane Lightning, and Aer's and Qiskit's estimators by shifts."""
    rows = []
    for n, repeats in ((4, 31), (8, 11)):
        circuit = efficient_su2(n, reps=3, entanglement="linear")
        rng = np.random.default_rng(n)
        labels = sorted({"".join(rng.choice(list("IXYZ"), n)) for _ in range(15 if n == 4 else 185)})
        H, point = SparsePauliOp(labels, rng.normal(size=len(labels))), rng.uniform(-3, 3, circuit.num_parameters)
        own, lightning = (_gradient(name, circuit, H, point) for name in ("statevector", "lightning"))
        aer: Any = EstimatorV2(options={"backend_options": {"method": "statevector", "max_parallel_threads": 1}})
        peers = {
            "lightning adjoint": lightning,
            "Aer EstimatorV2, shifts": _shifts(aer, circuit, H, point),
            "StatevectorEstimator, shifts": _shifts(StatevectorEstimator(), circuit, H, point),
        }
        ours, *theirs = medians([own, *peers.values()], repeats if n == 4 else 3)
        for (name, call), seconds in zip(peers.items(), theirs, strict=True):
            off = float(np.abs(call() - own()).max())
            rows.append(ratio_row(f"{name} / our adjoint gradient", n, seconds, ours, off))
    return rows


def run() -> list[Row]:
    """All rows."""
    return [*games(), *peer(), *engines()]


def _problem() -> tuple[SparsePauliOp, QuantumCircuit, NDArray[np.float64]]:
    H = molecule("LiH", active_electrons=2, active_orbitals=2).hamiltonian
    return H, hardware_efficient(4, reps=4), np.linalg.eigvalsh(H.to_matrix())[:_LEVELS]


def _row(name: str, found: list[tuple[dict[str, int], float, float]], p: int) -> Row:
    energies, cross = ([counted[key] for counted, *_ in found] for key in ("energies", "cross"))
    circuits = [(1 + 2 * p) * e + (1 + p) * c for e, c in zip(energies, cross, strict=True)]
    right = sum(miss < CHEMICAL for *_, miss in found)
    return {
        "what": name,
        "circuits": float(np.median(circuits)),
        "seconds": float(np.median([seconds for _, seconds, _ in found])),
        "right": f"{right}/{len(found)}",
        "error_mha": MILLI * float(np.median([miss for *_, miss in found])),
        "energies": float(np.median(energies)),
        "cross": float(np.median(cross)),
    }


def _peer_run(beta: float | None, seed: int) -> tuple[float, float, float]:
    """Circuits, seconds, and the largest error of a level."""
    library, solvers = import_module("qiskit_algorithms"), import_module("qiskit_algorithms.eigensolvers")
    H, ansatz, exact = _problem()
    fidelity, p = _exact_fidelity(), ansatz.num_parameters
    starts = generator(child(np.random.SeedSequence(seed))).uniform(-np.pi, np.pi, (_LEVELS, p))
    betas = None if beta is None else np.full(_LEVELS, beta)
    optimizer = library.optimizers.SLSQP(maxiter=300, ftol=1e-5)
    solver = solvers.VQD(
        StatevectorEstimator(), fidelity, ansatz, optimizer, k=_LEVELS, betas=betas, initial_point=list(starts)
    )
    began = time.perf_counter()
    result = solver.compute_eigenvalues(H)
    seconds = time.perf_counter() - began
    circuits = int(np.sum(result.cost_function_evals)) + fidelity.asked
    return float(circuits), seconds, float(errors(np.real(result.eigenvalues), exact).max())


def _exact_fidelity() -> Any:
    """|<a|b>|^2 by state vectors, counting how often it is asked."""
    states = import_module("qiskit_algorithms.state_fidelities")
    job: Any = import_module("qiskit_algorithms.algorithm_job").AlgorithmJob

    class ExactFidelity(states.BaseStateFidelity):  # pyright: ignore[reportUntypedBaseClass]
        asked = 0

        def create_fidelity_circuit(self, circuit_1: Any, circuit_2: Any) -> Any:
            return circuit_2.compose(circuit_1.inverse())

        def _run(self, circuits_1: Any, circuits_2: Any, values_1: Any = None, values_2: Any = None, **_: Any) -> Any:
            left, right = ([c] if isinstance(c, QuantumCircuit) else list(c) for c in (circuits_1, circuits_2))
            a, b = (self._preprocess_values(c, v) for c, v in ((left, values_1), (right, values_2)))
            pairs = zip(_states(left, a), _states(right, b), strict=True)
            found = [float(abs(np.vdot(x, y)) ** 2) for x, y in pairs]
            self.asked += len(found)
            return job(states.StateFidelityResult, found, found, {}, 0)

    return ExactFidelity()


def _states(circuits: list[QuantumCircuit], values: Any) -> list[NDArray[np.complex128]]:
    rows = [v for v in values if len(v)] or [[]] * len(circuits)
    return [Statevector(c.assign_parameters(v) if len(v) else c).data for c, v in zip(circuits, rows, strict=False)]


def _gradient(name: str, circuit: QuantumCircuit, H: SparsePauliOp, point: NDArray[np.float64]) -> Any:
    backend: Any = get(name)
    program = backend.prepare(circuit, H)
    return lambda: np.asarray(backend.gradient(program, point[None])).reshape(-1)


def _shifts(estimator: Any, circuit: QuantumCircuit, H: SparsePauliOp, point: NDArray[np.float64]) -> Any:
    """All shifted points in one call."""
    shifted = np.repeat(point[None], 2 * len(point), axis=0)
    for j in range(len(point)):
        shifted[2 * j, j] += _QUARTER
        shifted[2 * j + 1, j] -= _QUARTER

    def gradient() -> NDArray[np.float64]:
        values = np.asarray(estimator.run([(circuit, H, shifted)]).result()[0].data.evs)
        return 0.5 * (values[::2] - values[1::2])

    return gradient
