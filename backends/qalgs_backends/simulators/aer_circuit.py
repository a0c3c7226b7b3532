"""Circuits made ready for Qiskit Aer.

Angles of controlled rotations (cp, crx, cry, crz, cu) are not bound by Aer's ``parameter_binds``, and the result is
wrong without a word: these gates have to be written in others before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from qiskit.circuit import ParameterExpression, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.base import Parameter
from qalgs_backends.errors import CapabilityError
from qalgs_backends.simulators.shift import Shifts

BOUND = frozenset({"rx", "ry", "rz", "p", "u", "r", "rxx", "ryy", "rzz", "rzx"})
"""Gates whose angles Aer binds."""


@dataclass(frozen=True, eq=False)
class AerProgram:
    """A circuit that Aer runs as it is."""

    circuit: QuantumCircuit
    parameters: tuple[Parameter, ...]
    """Columns of the points."""
    labels: tuple[str, ...]
    """Names under which the expectation values are saved."""
    jumps: bool
    """Whether it has control flow, which Aer can only run with every point bound beforehand."""
    phase: Any = 0.0
    """The global phase, which is not left in ``circuit``: neither counts nor expectation values know it, and a
    parameter in it would have to be bound."""

    @cached_property
    def columns(self) -> tuple[tuple[Parameter, int], ...]:
        """The parameters that are left in the circuit, with their columns."""
        left = set(self.circuit.parameters)
        return tuple((parameter, j) for j, parameter in enumerate(self.parameters) if parameter in left)

    @cached_property
    def shifts(self) -> Shifts:
        """The shifted evaluations behind its gradient."""
        return Shifts(self.circuit, self.parameters)

    @cached_property
    def shifted(self) -> AerProgram:
        """The circuit whose points are the shifted angles."""
        return replace(self, circuit=self.shifts.circuit, parameters=self.shifts.parameters)

    @cached_property
    def saved(self) -> AerProgram:
        """The circuit that saves its state in place of its final measurements.

        Raises:
            CapabilityError: it measures or resets before the end, so that there is no one state.
        """
        from qiskit_aer.library import SaveStatevector

        ready, used = self.circuit.copy(), set()
        for index, item in reversed(list(enumerate(self.circuit.data))):
            name = item.operation.name
            if self.jumps or name == "reset" or (name == "measure" and used.issuperset(item.qubits)):
                raise CapabilityError("A circuit that measures or resets before its end has no one state.")
            if name == "measure":
                del ready.data[index]
            elif name != "barrier":
                used.update(item.qubits)
        ready.append(SaveStatevector(ready.num_qubits, label="state"), range(ready.num_qubits))
        return replace(self, circuit=ready, labels=("state",))


def aer_program(
    circuit: QuantumCircuit, parameters: Sequence[Parameter], observables: Sequence[SparsePauliOp]
) -> AerProgram:
    """``circuit`` with one save instruction for each observable.

    Raises:
        CapabilityError: it holds a gate whose angle Aer would not bind.
    """
    unbound = sorted({item.operation.name for item in circuit.data if not binds(item.operation)})
    if unbound:
        raise CapabilityError(f"Aer does not bind the angles of {', '.join(unbound)}; use other gates.")
    ready = circuit.copy()
    ready.global_phase = 0.0
    labels = tuple(f"observable{k}" for k in range(len(observables)))
    if observables:
        from qiskit_aer.library import SaveExpectationValue

        for label, observable in zip(labels, observables, strict=True):
            ready.append(SaveExpectationValue(observable, label=label), range(ready.num_qubits))
    jumps = any(getattr(item.operation, "blocks", ()) for item in ready.data)
    return AerProgram(ready, tuple(parameters), labels, jumps, circuit.global_phase)


def binds(operation: Any) -> bool:
    """Whether Aer sets the operation's angles, if it has any that are free, to the values it is given."""
    return operation.name in BOUND or not any(is_free(value) for value in operation.params)


def is_free(value: Any) -> bool:
    """Whether an angle depends on a parameter."""
    return isinstance(value, ParameterExpression) and bool(value.parameters)
