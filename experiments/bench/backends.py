"""What the backends cost: the adapter against raw Aer, batches against calls, the exact engine, a noisy device.

Times are medians of interleaved calls on one thread, so that a change of the machine's load meets both sides alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.library import SaveExpectationValue

from qalgs.backends import get

Row = dict[str, Any]
POINTS = 64


def medians(calls: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    """Median seconds of each call, taken in turns after a warm-up."""
    times = np.empty((repeats, len(calls)))
    for call in calls:
        call()
    for row in times:
        for k, call in enumerate(calls):
            began = time.perf_counter()
            call()
            row[k] = time.perf_counter() - began
    return [float(t) for t in np.median(times, axis=0)]


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
    return _row("adapter / raw Aer", n, ours, base, off)


def batching(n: int) -> Row:
    """64 points in one job against 64 calls; the promise is 10 at n = 4 and 5 at n = 8."""
    circuit, observable, points = problem(n)
    backend = get("aer", max_parallel_threads=1)
    program = backend.prepare(circuit, observable)

    def one_by_one() -> np.ndarray:
        return np.concatenate([backend.expect(program, point).values for point in points])

    off = float(np.abs(one_by_one() - backend.expect(program, points).values).max())
    calls, batch = medians([one_by_one, lambda: backend.expect(program, points)], 9)
    return _row("64 calls / batch of 64", n, calls / POINTS, batch / POINTS, off)


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
        _row(f"Aer / engine, {label}", n, base / num_points, value / num_points, off),
        _row(f"gradient / value, {label}", n, slope / num_points, value / num_points, 0.0),
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
    return _row("noisy call / noisy batch of 32", n, single, batch / 32, off)


def noisy_settings() -> Row:
    """100 settings of a GHZ state with 2048 shots each; the promise is 20 seconds."""
    backend = get("noisy:fake_fez")
    circuit, points = ghz_in_bases(8, 100)
    program = backend.prepare(circuit)
    (seconds,) = medians([lambda: backend.sample(program, points, shots=2048, rng=0)], 3)
    return {"what": "100 settings x 2048 shots, noisy GHZ", "n": 8, "seconds": seconds}


def ghz_in_bases(n: int, settings: int) -> tuple[QuantumCircuit, np.ndarray]:
    """A GHZ circuit with a parametrised change of basis, and random bases."""
    circuit = QuantumCircuit(n)
    circuit.h(0)
    for q in range(n - 1):
        circuit.cx(q, q + 1)
    phi, theta = ParameterVector("phi", n), ParameterVector("theta", n)
    for q in range(n):
        circuit.rz(phi[q], q)
        circuit.ry(theta[q], q)
    rng = np.random.default_rng(0)
    return circuit, rng.choice([0.0, -np.pi / 2], size=(settings, 2 * n))


def run() -> list[Row]:
    """All rows."""
    rows = [overhead(n, repeats) for n, repeats in ((4, 401), (8, 201), (12, 101))]
    rows += [batching(n) for n in (4, 8)]
    for n in (4, 8, 10):
        rows += engine(n, 1, 51) + engine(n, POINTS, 9)
    return [*rows, noisy(4), noisy(6), noisy_settings()]


def _row(what: str, n: int, first: float, second: float, difference: float) -> Row:
    return {
        "what": what,
        "n": n,
        "first_ms": 1e3 * first,
        "second_ms": 1e3 * second,
        "ratio": first / second,
        "difference": difference,
    }


if __name__ == "__main__":
    for row in run():
        print("  ".join(f"{key} {value:.4g}" if isinstance(value, float) else str(value) for key, value in row.items()))
