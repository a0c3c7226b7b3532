"""What the backends cost: the adapter against raw Aer, batches against calls, the exact engine, a noisy device.

Times are medians of interleaved calls on one thread, so that a change of the machine's load meets both sides alike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.library import SaveExpectationValue

from experiments.bench.table import Row, medians, ratio_row
from qalgs.backends import basis_angles, get, with_basis_change
from qalgs.circuits import ghz

POINTS = 64


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


def raw_aer(circuit: QuantumCircuit, observable: SparsePauliOp) -> Callable[[np.ndarray], float]:
    """The least that calling Aer costs: everything prepared, one point bound and run."""
    simulator = AerSimulator(method="statevector", max_parallel_threads=1)
    ready = circuit.copy()
    ready.append(SaveExpectationValue(observable, label="e"), range(circuit.num_qubits))
    parameters = list(circuit.parameters)

    def evaluate(point: np.ndarray) -> float:
        binds = [{parameter: [value] for parameter, value in zip(parameters, point, strict=True)}]
        return simulator.run(ready, parameter_binds=binds, shots=1).result().data(0)["e"]

    return evaluate


def overhead(n: int, repeats: int) -> Row:
    """Our adapter against raw Aer; the promise is 1.05."""
    circuit, observable, points = problem(n)
    backend = get("aer", max_parallel_threads=1)
    program = backend.prepare(circuit, observable)
    raw = raw_aer(circuit, observable)
    off = abs(raw(points[0]) - backend.expect(program, points[0]).values[0, 0])
    base, ours = medians([lambda: raw(points[0]), lambda: backend.expect(program, points[0])], repeats)
    return ratio_row("adapter / raw Aer", n, ours, base, off)


def batching(n: int) -> Row:
    """64 points in one job against 64 calls; the promise is 10 at n = 4 and 5 at n = 8."""
    circuit, observable, points = problem(n)
    backend = get("aer", max_parallel_threads=1)
    program = backend.prepare(circuit, observable)

    def one_by_one() -> np.ndarray:
        return np.concatenate([backend.expect(program, point).values for point in points])

    off = float(np.abs(one_by_one() - backend.expect(program, points).values).max())
    calls, batch = medians([one_by_one, lambda: backend.expect(program, points)], 9)
    return ratio_row("64 calls / batch of 64", n, calls / POINTS, batch / POINTS, off)


def engine(n: int, num_points: int, repeats: int) -> list[Row]:
    """Our exact engine against Aer, and its gradient against its value."""
    circuit, observable, points = problem(n)
    points = points[:num_points]
    ours, aer = get("statevector"), get("aer", max_parallel_threads=1)
    own, other = ours.prepare(circuit, observable), aer.prepare(circuit, observable)
    off = float(np.abs(ours.expect(own, points).values - aer.expect(other, points).values).max())
    base, value, slope = medians(
        [
            lambda: aer.expect(other, points),
            lambda: ours.expect(own, points),
            lambda: ours.gradient(own, points),
        ],
        repeats,
    )
    label = f"{num_points} point{'s' * (num_points > 1)}"
    return [
        ratio_row(f"Aer / engine, {label}", n, base / num_points, value / num_points, off),
        ratio_row(f"gradient / value, {label}", n, slope / num_points, value / num_points, 0.0),
    ]


def gradients(n: int) -> list[Row]:
    """Adjoint gradients of the engine and of lightning, and batched shifts on Aer."""
    circuit, observable, points = problem(n)
    backends = [get("statevector"), get("lightning"), get("aer", max_parallel_threads=1)]
    programs = [backend.prepare(circuit, observable) for backend in backends]

    def gradient(k: int) -> np.ndarray:
        return backends[k].gradient(programs[k], points[0])

    off = [np.abs(gradient(k) - gradient(0)).max() for k in range(3)]
    ours, lightning, shifts = medians([lambda k=k: gradient(k) for k in range(3)], 11 if n < 12 else 5)
    return [
        ratio_row("gradient: lightning / engine", n, lightning, ours, off[1]),
        ratio_row("gradient: Aer shifts / engine", n, shifts, ours, off[2]),
    ]


def noisy(n: int) -> Row:
    """Exact values on the piece of a fake 156-qubit device: one call against a batch."""
    backend = get("noisy:fake_fez", max_parallel_threads=1)
    circuit, observable, points = problem(n)
    program = backend.prepare(circuit, observable)
    off = float(np.abs(backend.expect(program, points[0]).values - backend.expect(program, points[:2]).values[0]).max())
    single, batch = medians(
        [lambda: backend.expect(program, points[0]), lambda: backend.expect(program, points[:32])], 5
    )
    return ratio_row("noisy call / noisy batch of 32", n, single, batch / 32, off)


def noisy_settings() -> Row:
    """100 settings of a GHZ state with 2048 shots each; the promise is 20 seconds."""
    backend = get("noisy:fake_fez")
    program = backend.prepare(with_basis_change(ghz(8))[0])
    letters = np.random.default_rng(0).integers(3, size=(100, 8))
    points = basis_angles(letters == 0, letters == 1)
    (seconds,) = medians([lambda: backend.sample(program, points, shots=2048, rng=0)], 3)
    return {"what": "100 settings x 2048 shots, noisy GHZ", "n": 8, "seconds": seconds}


def run() -> list[Row]:
    """All rows."""
    rows = [overhead(n, repeats) for n, repeats in ((4, 401), (8, 201), (12, 101))]
    rows += [batching(n) for n in (4, 8)]
    for n in (4, 8, 10):
        rows += engine(n, 1, 51) + engine(n, POINTS, 9)
    for n in (4, 8, 12):
        rows += gradients(n)
    return [*rows, noisy(4), noisy(6), noisy_settings()]
