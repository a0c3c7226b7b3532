"""Circuits without a global phase that depends on parameters, which Qiskit's transpiler is slow to add up.

Each gate that is rewritten with an angle in the global phase adds a term to one symbolic sum. Its cost grows
exponentially: eight qubits with a parametrised u, p and ry each take ten seconds, twelve would take hours. Nothing that
is measured knows the global phase, so here these gates are written without one before the transpiler sees them:

    u(theta, phi, lam) = rz(phi + pi) sx rz(theta + pi) sx rz(lam), up to a phase.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

from qiskit.circuit import QuantumCircuit

from qalgs_backends.translation import in_gates

_HALF = math.pi / 2
# As u(theta, phi, lam).
_AS_U: dict[str, Callable[..., tuple[Any, Any, Any]]] = {
    "u": lambda theta, phi, lam: (theta, phi, lam),
    "u3": lambda theta, phi, lam: (theta, phi, lam),
    "u2": lambda phi, lam: (_HALF, phi, lam),
    "r": lambda theta, phi: (theta, phi - _HALF, _HALF - phi),
    "rx": lambda theta: (theta, -_HALF, _HALF),
    "ry": lambda theta: (theta, 0.0, 0.0),
}
_DIAGONAL = ("p", "u1")
_KEPT = ("rz", "sx", "x", "h", "cx", "measure", "reset", "delay", "barrier")


def without_phases(circuit: QuantumCircuit, native: Collection[str]) -> QuantumCircuit:
    """``circuit`` up to its global phase, with rz for every parametrised gate on one qubit that is not in ``native``.

    Args:
        circuit: any; with control flow it is returned as it is.
        native: names of gates that need no rewriting.
    """
    if circuit.has_control_flow_op() or not circuit.parameters:
        return circuit
    basis = {*native, *_KEPT, *_AS_U, *_DIAGONAL}
    flat = circuit
    if any(item.operation.name not in basis for item in circuit.data):
        flat = in_gates(circuit, basis - {"barrier"})
    out = flat.copy_empty_like()
    out.global_phase = 0.0
    for item in flat.data:
        name, params = item.operation.name, item.operation.params
        free = any(getattr(value, "parameters", None) for value in params)
        if not free or name in native or name not in (*_AS_U, *_DIAGONAL):
            out.append(item)
        elif name in _DIAGONAL:
            out.rz(params[0], item.qubits[0])
        else:
            _append_u(out, item.qubits[0], *_AS_U[name](*params))
    return out


def _append_u(out: QuantumCircuit, qubit: Any, theta: Any, phi: Any, lam: Any) -> None:
    out.rz(lam, qubit)
    out.sx(qubit)
    out.rz(theta + math.pi, qubit)
    out.sx(qubit)
    out.rz(phi + math.pi, qubit)
