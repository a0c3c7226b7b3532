"""Exact values on a GPU against the same on all cores of the CPU, both by Qiskit Aer, which ran them by its own word.

The circuit has one layer of ry and rz, a line of cx, and another layer; the observable is a sum of three Paulis, so
that the state takes the time. Where there is no GPU, the table says why.
"""

from __future__ import annotations

import numpy as np
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

from experiments.bench.table import Row, medians, ratio_row
from qalgs.backends import Backend, CapabilityError, get

WIDTHS = (20, 22, 24, 26, 28)


def compare(n: int, gpu: Backend, cpu: Backend, repeats: int) -> Row:
    """One value of ``n`` qubits on either."""
    circuit = efficient_su2(n, reps=1, entanglement="linear")
    observable = SparsePauliOp(["Z" * n, "X" * n, "Y" * 2 + "I" * (n - 2)], np.array([1.0, 0.5, -0.7]))
    point = np.random.default_rng(n).uniform(-3, 3, circuit.num_parameters)
    programs = [backend.prepare(circuit, observable) for backend in (cpu, gpu)]
    off = abs(cpu.expect(programs[0], point).values - gpu.expect(programs[1], point).values).max()
    slow, fast = medians([lambda: cpu.expect(programs[0], point), lambda: gpu.expect(programs[1], point)], repeats)
    return ratio_row("value: CPU / GPU, statevector", n, slow, fast, off)


def run() -> list[Row]:
    """All rows, or the reason why there are none."""
    try:
        gpu = get("aer:gpu")
    except CapabilityError as error:
        return [{"what": f"not measured: {error}"}]
    cpu = get("aer")
    widest = min(gpu.capabilities.num_qubits, cpu.capabilities.num_qubits)
    return [compare(n, gpu, cpu, 5 if n < 26 else 3) for n in WIDTHS if n <= widest]
