"""What the backends cost: the adapter, batches, gradients and the exact engine, each against its peer.

Times are medians of interleaved calls on one thread, so that a change of the machine's load meets both sides alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.library import SaveExpectationValue
from qiskit_aer.primitives import EstimatorV2

from experiments.bench.table import Row, medians, ratio_row
from qalgs.backends import get
from qalgs_backends.pennylane.convert import operator_to_pennylane

POINTS = 64
Evaluate = Callable[[np.ndarray], Any]


def problem(n: int) -> tuple[QuantumCircuit, SparsePauliOp, np.ndarray]:
    """A two-layer ansatz, up to 100 random Paulis of weight 4 or less, and 64 points."""
    rng = np.random.default_rng(n)
    labels = set()
    while len(labels) < min(100, 4**n // 2):
        letters = np.full(n, "I")
        qubits = rng.choice(n, int(rng.integers(1, min(4, n) + 1)), replace=False)
        letters[qubits] = rng.choice(list("XYZ"), len(qubits))
        labels.add("".join(letters))
    circuit = efficient_su2(n, reps=2, entanglement="linear")
    observable = SparsePauliOp(sorted(labels), rng.normal(size=len(labels)))
    return circuit, observable, rng.uniform(-3, 3, (POINTS, circuit.num_parameters))


def raw_aer(circuit: QuantumCircuit, observable: SparsePauliOp) -> Evaluate:
    """The least that calling Aer costs: everything prepared, one point bound and run."""
    simulator = AerSimulator(method="statevector", max_parallel_threads=1)
    ready = circuit.copy()
    ready.append(SaveExpectationValue(observable, label="e"), range(circuit.num_qubits))
    parameters = list(circuit.parameters)

    def evaluate(point: np.ndarray) -> float:
        binds = [{parameter: [value] for parameter, value in zip(parameters, point, strict=True)}]
        return simulator.run(ready, parameter_binds=binds, shots=1).result().data(0)["e"]

    return evaluate


def estimator(circuit: QuantumCircuit, observable: SparsePauliOp, *, aer: bool) -> Evaluate:
    """An estimator of Qiskit Aer or of Qiskit itself, for one point."""
    options = {"method": "statevector", "max_parallel_threads": 1}
    made: Any = EstimatorV2(options={"backend_options": options}) if aer else StatevectorEstimator()
    return lambda point: float(made.run([(circuit, observable, point)]).result()[0].data.evs)


def qnode(circuit: QuantumCircuit, observable: SparsePauliOp) -> Evaluate:
    """A QNode on PennyLane's lightning.qubit, with the gates of the ansatz written out beforehand."""
    kinds = {"ry": qml.RY, "rz": qml.RZ, "cx": qml.CNOT}
    column = {parameter: j for j, parameter in enumerate(circuit.parameters)}
    steps = [
        (
            kinds[item.operation.name],
            [circuit.find_bit(q).index for q in item.qubits],
            [column[angle] for angle in item.operation.params],
        )
        for item in circuit.data
    ]
    measured = operator_to_pennylane(observable)

    def quantum(point: Any) -> Any:
        for kind, wires, columns in steps:
            kind(*(point[j] for j in columns), wires=wires)
        return qml.expval(measured)

    return qml.QNode(quantum, qml.device("lightning.qubit", wires=circuit.num_qubits), diff_method="adjoint")


def ours(name: str, circuit: QuantumCircuit, observable: SparsePauliOp) -> Evaluate:
    """One of our backends, for one point or many."""
    backend = get(name, max_parallel_threads=1) if name == "aer" else get(name)
    program = backend.prepare(circuit, observable)
    return lambda point: backend.expect(program, point).values


def overhead(n: int, repeats: int) -> Row:
    """Our adapter against raw Aer."""
    circuit, observable, points = problem(n)
    raw, own = raw_aer(circuit, observable), ours("aer", circuit, observable)
    off = abs(raw(points[0]) - own(points[0])[0, 0])
    base, took = medians([lambda: raw(points[0]), lambda: own(points[0])], repeats)
    return ratio_row("our adapter / raw Aer", n, took, base, off, "at most 1.05")


def values(n: int, repeats: int) -> list[Row]:
    """One exact value by the usual ways and by ours."""
    circuit, observable, points = problem(n)
    names = ("aer", "statevector", "lightning")
    calls = {name: ours(name, circuit, observable) for name in names}
    calls["Aer EstimatorV2"] = estimator(circuit, observable, aer=True)
    calls["StatevectorEstimator"] = estimator(circuit, observable, aer=False)
    calls["QNode on lightning.qubit"] = qnode(circuit, observable)
    calls["raw Aer"] = raw_aer(circuit, observable)
    took = dict(
        zip(calls, medians([lambda call=call: call(points[0]) for call in calls.values()], repeats), strict=True)
    )
    answer = {name: float(np.squeeze(call(points[0]))) for name, call in calls.items()}
    pairs = [(peer, name) for peer, name in zip(list(calls)[3:6], names, strict=True)]
    pairs += [(peer, "statevector") for peer in ("Aer EstimatorV2", "QNode on lightning.qubit", "raw Aer")]
    return [
        ratio_row(f"{peer} / our {name}", n, took[peer], took[name], abs(answer[peer] - answer[name]))
        for peer, name in pairs
    ]


def batching(n: int, promise: str) -> list[Row]:
    """64 points in one job against 64 runs of Aer, and against 64 calls of ours."""
    circuit, observable, points = problem(n)
    raw, own = raw_aer(circuit, observable), ours("aer", circuit, observable)

    def run_loop() -> np.ndarray:
        return np.array([[raw(point)] for point in points])

    def call_loop() -> np.ndarray:
        return np.concatenate([own(point) for point in points])

    off = [float(np.abs(loop() - own(points)).max()) for loop in (run_loop, call_loop)]
    runs, calls, batch = (t / POINTS for t in medians([run_loop, call_loop, lambda: own(points)], 9))
    return [
        ratio_row("64 raw Aer runs / batch of 64, our aer", n, runs, batch, off[0], promise),
        ratio_row("64 of our calls / batch of 64, our aer", n, calls, batch, off[1]),
    ]


def gradient_job(n: int) -> Row:
    """All parameter shifts as one job of ours against a call of Aer's estimator for each."""
    circuit, observable, points = problem(n)
    backend = get("aer", max_parallel_threads=1)
    program, evaluate = backend.prepare(circuit, observable), estimator(circuit, observable, aer=True)
    steps = np.pi / 2 * np.eye(circuit.num_parameters)

    def loop() -> np.ndarray:
        return np.array([evaluate(points[0] + step) - evaluate(points[0] - step) for step in steps]) / 2

    def job() -> np.ndarray:
        return backend.gradient(program, points[0])[0, 0]

    off = float(np.abs(loop() - job()).max())
    theirs, took = medians([loop, job], 5)
    return ratio_row("gradient: loop of Aer EstimatorV2 / one job", n, theirs, took, off, "at least 50")


def engine(n: int, num_points: int, repeats: int) -> list[Row]:
    """Our exact engine against Aer, and its gradient against its value."""
    circuit, observable, points = problem(n)
    points = points[:num_points]
    exact, aer = get("statevector"), get("aer", max_parallel_threads=1)
    own, other = exact.prepare(circuit, observable), aer.prepare(circuit, observable)
    off = float(np.abs(exact.expect(own, points).values - aer.expect(other, points).values).max())
    base, value, slope = medians(
        [
            lambda: aer.expect(other, points),
            lambda: exact.expect(own, points),
            lambda: exact.gradient(own, points),
        ],
        repeats,
    )
    label = f"{num_points} point{'s' * (num_points > 1)}"
    return [
        ratio_row(f"our aer / our statevector, {label}", n, base / num_points, value / num_points, off),
        ratio_row(f"our statevector: gradient / value, {label}", n, slope / num_points, value / num_points, 0.0),
    ]


def gradients(n: int, promise: str = "") -> list[Row]:
    """Adjoint gradients of the engine and of lightning, and batched shifts on Aer."""
    circuit, observable, points = problem(n)
    backends = [get("statevector"), get("lightning"), get("aer", max_parallel_threads=1)]
    programs = [backend.prepare(circuit, observable) for backend in backends]

    def gradient(k: int) -> np.ndarray:
        return backends[k].gradient(programs[k], points[0])

    off = [np.abs(gradient(k) - gradient(0)).max() for k in range(3)]
    exact, lightning, shifts = medians([lambda k=k: gradient(k) for k in range(3)], 11 if n < 12 else 5)
    return [
        ratio_row("gradient: lightning adjoint / our adjoint", n, lightning, exact, off[1]),
        ratio_row("gradient: Aer shifts in one job / our adjoint", n, shifts, exact, off[2], promise),
    ]


def run() -> list[Row]:
    """All rows."""
    rows = [overhead(n, repeats) for n, repeats in ((4, 401), (8, 201), (12, 101), (16, 101))]
    for n, repeats in ((4, 51), (8, 51), (12, 21), (16, 7)):
        rows += values(n, repeats)
    rows += [*batching(4, "at least 10"), *batching(8, "at least 5"), gradient_job(8)]
    for n in (4, 8, 10):
        rows += engine(n, 1, 51) + engine(n, POINTS, 9)
    return [*rows, *gradients(4), *gradients(8), *gradients(12, "at least 20")]
