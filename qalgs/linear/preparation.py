"""Circuits that prepare a right-hand side, and inverses that keep the labels of oracles.

Axes: n system qubits, d = 2**n.

A vector is prepared by a Householder reflection as one matrix gate: the inverse of Qiskit's ``StatePreparation`` ends
in multiplexers on which Aer 0.18 crashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import DiagonalGate, UnitaryGate


@dataclass(frozen=True, eq=False)
class Preparation:
    """A circuit from |0> to ``vector`` on the system, where its ancillas, if any, are measured as 0."""

    circuit: QuantumCircuit
    """On the system, then on ancillas."""
    vector: NDArray[Any]
    """(d,) the vector aimed at, of any norm."""
    amplitude: float
    """What is left on the ancillas' |0> is ``amplitude * vector``."""

    @property
    def num_ancillas(self) -> int:
        """Qubits beside the system."""
        return self.circuit.num_qubits - (len(self.vector).bit_length() - 1)


def householder(vector: ArrayLike) -> NDArray[Any]:
    """(d, d) unitary whose first column is the normalised ``vector``: a phase times a reflection."""
    v = np.asarray(vector)
    v = v / np.linalg.norm(v)
    phase = v[0] / abs(v[0]) if abs(v[0]) > 0 else 1.0
    u = -v / phase
    u[0] += 1
    size = np.vdot(u, u).real
    if size < 1e-30:
        return phase * np.eye(len(v))
    return phase * (np.eye(len(v)) - 2 * np.outer(u, u.conj()) / size)


def prepare_vector(vector: NDArray[Any], label: str = "U_b") -> Preparation:
    """One use of the oracle ``label`` that prepares ``vector``."""
    n = len(vector).bit_length() - 1
    circuit = QuantumCircuit(n)
    circuit.append(UnitaryGate(householder(vector), check_input=False, label=label), range(n))
    return Preparation(circuit, vector, 1 / float(np.linalg.norm(vector)))


def prepare_sum(first: NDArray[Any], second: NDArray[Any], labels: tuple[str, str] = ("P_x0", "U_b")) -> Preparation:
    """``first + second`` from one controlled use of an oracle for each, and one ancilla.

    Its success is |first + second|^2 / (|first| + |second|)^2, at least 1/2 where their inner product is not negative.
    """
    norms = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    total = first + second
    d = len(first)
    n = d.bit_length() - 1
    angle = 2 * np.arctan2(np.sqrt(norms[1]), np.sqrt(norms[0]))
    circuit = QuantumCircuit(n + 1)
    circuit.ry(angle, n)
    for bit, (vector, label) in enumerate(zip((first, second), labels, strict=True)):
        if norms[bit] == 0:
            continue
        controlled = np.eye(2 * d, dtype=complex)
        controlled[bit * d : (bit + 1) * d, bit * d : (bit + 1) * d] = householder(vector)
        circuit.append(UnitaryGate(controlled, check_input=False, label=label), range(n + 1))
    circuit.ry(-angle, n)
    return Preparation(circuit, total, 1 / sum(norms))


def labelled_inverse(circuit: QuantumCircuit) -> QuantumCircuit:
    """The inverse circuit, each inverted gate with the label of the gate, so that oracles are still counted."""
    inverse = circuit.copy_empty_like()
    inverse.global_phase = -circuit.global_phase
    for item in reversed(circuit.data):
        operation = item.operation.inverse()
        if item.operation.label is not None:
            operation = operation.to_mutable() if hasattr(operation, "to_mutable") else operation
            operation.label = item.operation.label
        inverse.append(operation, item.qubits)
    return inverse


def multiplexed_ry(angles: ArrayLike) -> QuantumCircuit:
    """RY(angles[k]) on qubit 0 where the other qubits show k.

    RY = S H RZ H S^dagger turns it into one diagonal gate, which every simulator runs as it is.
    """
    theta = np.asarray(angles, float)
    controls = len(theta).bit_length() - 1
    circuit = QuantumCircuit(controls + 1)
    if controls == 0:
        circuit.ry(float(theta[0]), 0)
        return circuit
    circuit.sdg(0)
    circuit.h(0)
    phases = np.stack([np.exp(-0.5j * theta), np.exp(0.5j * theta)], axis=1)
    circuit.append(DiagonalGate(phases.reshape(-1).tolist()), range(controls + 1))
    circuit.h(0)
    circuit.s(0)
    return circuit


def tree_preparation(amplitudes: ArrayLike) -> QuantumCircuit:
    """A circuit from |0> to a vector of amplitudes that are real and not negative, by a tree of rotations."""
    weights = np.square(np.asarray(amplitudes, float))
    width = len(weights).bit_length() - 1
    circuit = QuantumCircuit(width)
    for level in range(width):
        qubit = width - 1 - level
        halves = weights.reshape(1 << level, 2, 1 << qubit).sum(axis=2)
        angles = 2 * np.arctan2(np.sqrt(halves[:, 1]), np.sqrt(halves[:, 0]))
        circuit.compose(multiplexed_ry(angles), [qubit, *range(qubit + 1, width)], inplace=True, copy=False)
    return circuit
