"""Where on a device the qubits of a transpiled circuit are, at the start and when they are read."""

from __future__ import annotations

from dataclasses import dataclass

from qiskit.circuit import QuantumCircuit


@dataclass(frozen=True)
class Places:
    """Physical qubits of virtual qubits 0 to n-1. Routing moves qubits, so the two may differ."""

    first: tuple[int, ...]
    """Before the first gate."""
    last: tuple[int, ...]
    """After the last gate, where they are read."""


def find_places(circuit: QuantumCircuit, placed: QuantumCircuit) -> Places:
    """Where the qubits of ``circuit`` are in ``placed``, its transpiled form."""
    if placed.layout is None:
        same = tuple(range(circuit.num_qubits))
        return Places(same, same)
    first = placed.layout.initial_index_layout(filter_ancillas=True)[: circuit.num_qubits]
    last = placed.layout.final_index_layout(filter_ancillas=True)[: circuit.num_qubits]
    return Places(tuple(first), tuple(last))
