"""Circuits written in given gates, where nothing has to be routed.

``qiskit.transpile`` writes the same, but on its first call in a process it loads every plug-in of the transpiler that
is installed, the clients of machines and all that they need among them, which takes seconds.
"""

from __future__ import annotations

from collections.abc import Collection

from qiskit.circuit import QuantumCircuit
from qiskit.circuit.controlflow import CONTROL_FLOW_OP_NAMES
from qiskit.circuit.equivalence_library import SessionEquivalenceLibrary
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import BasisTranslator, HighLevelSynthesis, UnitarySynthesis

_RULED = frozenset(get_standard_gate_name_mapping()) | {"barrier"}
"""Operations that the equivalence library has rules for, or that are left as they are."""


def in_gates(circuit: QuantumCircuit, basis: Collection[str]) -> QuantumCircuit:
    """``circuit`` in the gates ``basis``, with its measurements, resets, delays, barriers and control flow.

    Raises:
        QiskitError: it cannot be written so.
    """
    names = sorted(CONTROL_FLOW_OP_NAMES.union(basis))
    translator = BasisTranslator(SessionEquivalenceLibrary, names)
    if _RULED.issuperset(circuit.count_ops()):
        return PassManager([translator]).run(circuit)
    # Synthesis loads plug-ins too, but circuits of gates that are not in the standard set need it.
    synthesis = HighLevelSynthesis(equivalence_library=SessionEquivalenceLibrary, basis_gates=names)
    return PassManager([UnitarySynthesis(names), synthesis, translator]).run(circuit)
