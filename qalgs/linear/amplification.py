"""Amplitude amplification of any construction (Brassard, Hoyer, Mosca and Tapp, quant-ph/0005055)."""

from __future__ import annotations

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import MCPhaseGate

from qalgs.linear.preparation import labelled_inverse
from qalgs.linear.solver import Construction


def best_rounds(success_probability: float) -> int:
    """Rounds after which the success is largest for the first time: the integer nearest to pi/(4 theta) - 1/2."""
    theta = np.arcsin(np.sqrt(min(1.0, success_probability)))
    return max(0, round(np.pi / (4 * theta) - 0.5))


def amplified(construction: Construction, rounds: int, success_probability: float) -> Construction:
    """The construction with ``rounds`` rounds, 2 rounds + 1 times the uses of oracles.

    The success rises from sin^2(theta) to sin^2((2 rounds + 1) theta); ``factor`` is scaled by the ratio of the sines,
    which needs the success before: pass the one that was computed or measured.
    """
    if rounds == 0:
        return construction
    once = construction.circuit
    back = labelled_inverse(once)
    circuit = once.copy()
    everything = dict.fromkeys(range(once.num_qubits), 0)
    for _ in range(rounds):
        _reflect(circuit, dict(construction.postselect))
        circuit.compose(back, inplace=True, copy=False)
        _reflect(circuit, everything)
        circuit.compose(once, inplace=True, copy=False)
        circuit.global_phase += np.pi  # -A S_0 A^-1 S_good
    theta = np.arcsin(np.sqrt(min(1.0, success_probability)))
    factor = construction.factor
    if factor is not None:
        factor *= np.sin(theta) / np.sin((2 * rounds + 1) * theta)
    return Construction(circuit, construction.system, construction.postselect, factor, construction.notes)


def _reflect(circuit: QuantumCircuit, pattern: dict[int, int]) -> None:
    """Change the sign of the states whose qubits show ``pattern``."""
    zeros = [qubit for qubit, bit in pattern.items() if not bit]
    qubits = list(pattern)
    for qubit in zeros:
        circuit.x(qubit)
    if len(qubits) == 1:
        circuit.z(qubits[0])
    else:
        circuit.append(MCPhaseGate(np.pi, len(qubits) - 1), qubits)
    for qubit in zeros:
        circuit.x(qubit)
