"""Circuits that prepare the states of ``qalgs.problems``."""

from __future__ import annotations

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import StatePreparation
from qiskit.quantum_info import Statevector

from qalgs.checks import RngLike, positive_int
from qalgs.problems.states import haar_state


def ghz(num_qubits: int) -> QuantumCircuit:
    """(|0...0> + |1...1>) / sqrt(2) on a chain of CX gates, grown from the middle so that the depth is about n / 2.

    Raises:
        ValueError: ``num_qubits`` is below 1.

    Example:
        >>> ghz(8).depth()
        5
    """
    n = positive_int(num_qubits, "num_qubits")
    circuit = QuantumCircuit(n, name=f"ghz_{n}")
    middle = (n - 1) // 2
    circuit.h(middle)
    for distance in range(n - middle):
        if middle + distance + 1 < n:
            circuit.cx(middle + distance, middle + distance + 1)
        if middle - distance > 0:
            circuit.cx(middle - distance, middle - distance - 1)
    return circuit


def w(num_qubits: int) -> QuantumCircuit:
    """The equal superposition of the n states with a single 1, on a chain of controlled rotations.

    Raises:
        ValueError: ``num_qubits`` is below 1.

    Example:
        >>> Statevector(w(2)).probabilities().round(4).tolist()
        [0.0, 0.5, 0.5, 0.0]
    """
    n = positive_int(num_qubits, "num_qubits")
    circuit = QuantumCircuit(n, name=f"w_{n}")
    circuit.x(0)
    for q in range(n - 1):
        circuit.cry(2 * np.arccos(np.sqrt(1 / (n - q))), q, q + 1)
        circuit.cx(q + 1, q)
    return circuit


def haar(num_qubits: int, rng: RngLike = None) -> QuantumCircuit:
    """The state ``problems.haar_state(num_qubits, rng)``; its depth grows like 2**n.

    Raises:
        ValueError: ``num_qubits`` is below 1.

    Example:
        >>> psi = Statevector(haar(2, rng=1)).data
        >>> bool(np.allclose(psi, haar_state(2, rng=1)))
        True
    """
    circuit = QuantumCircuit(num_qubits, name=f"haar_{num_qubits}")
    circuit.append(StatePreparation(Statevector(haar_state(num_qubits, rng))), range(num_qubits))
    return circuit.decompose(reps=1)
