"""Circuits as a short table of gates whose angles are functions of the parameters.

Axes: K points, p parameters, m angles.

Gates of the table: fixed one-qubit gates; rotations rx, ry, rz and phase p on one qubit, rzz on two; cx, cz
and swap. Angles are affine in the parameters, A theta + b, wherever the circuit allows it: evaluating all
angles of all points is then one matrix product, and derivatives follow by the chain rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import circuit as qc
from qiskit.circuit import QuantumCircuit
from qiskit.exceptions import QiskitError

from qalgs_backends.base import Parameter
from qalgs_backends.errors import CapabilityError
from qalgs_backends.translation import in_gates

ROTATIONS = ("rx", "ry", "rz", "p", "rzz", "phase")
FIXED = ("h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "sxdg")
ENTANGLERS = ("cx", "cz", "swap")
_BASIS = [*FIXED, "rx", "ry", "rz", "p", "u", "rzz", *ENTANGLERS]


@dataclass(frozen=True)
class Op:
    """One gate: its name, its qubits (control first), and the index of its angle, -1 where it has none."""

    name: str
    qubits: tuple[int, ...]
    angle: int = -1


@dataclass(frozen=True, eq=False)
class Angles:
    """m angles as functions of p parameters."""

    parameters: tuple[Parameter, ...]
    matrix: NDArray[np.float64]
    """(m, p) A."""
    offset: NDArray[np.float64]
    """(m,) b."""
    curved: tuple[tuple[int, Any], ...]
    """Index and expression of the angles that are not affine; their rows of A and b are 0."""

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(m, K) angles at the (K, p) points."""
        values = self.matrix @ points.T + self.offset[:, None]
        column = {parameter: j for j, parameter in enumerate(self.parameters)} if self.curved else {}
        for index, expression in self.curved:
            used = [(parameter, column[parameter]) for parameter in expression.parameters]
            values[index] = [float(expression.bind({q: row[j] for q, j in used})) for row in points]
        return values

    def pull_back(self, gradient: NDArray[np.float64]) -> NDArray[np.float64]:
        """(K, p) derivatives by the parameters from (m, K) derivatives by the angles.

        Raises:
            CapabilityError: an angle is not affine in the parameters.
        """
        if self.curved:
            expression = self.curved[0][1]
            raise CapabilityError(f"Gradients need angles that are affine in the parameters, but one is {expression}.")
        return gradient.T @ self.matrix


@dataclass(frozen=True, eq=False)
class Lowered:
    """A circuit in the gate table."""

    num_qubits: int
    ops: tuple[Op, ...]
    angles: Angles
    measured: tuple[tuple[int, int], ...]
    """(qubit, classical bit) of the final measurements."""
    num_clbits: int


def lower(circuit: QuantumCircuit, parameters: Sequence[Parameter]) -> Lowered:
    """Write ``circuit`` in the gate table.

    Args:
        circuit: gates, barriers and final measurements.
        parameters: order of the columns of the points.

    Raises:
        CapabilityError: it holds something that is neither, or measures before the end.
    """
    try:
        flat = in_gates(circuit, _BASIS)
    except QiskitError as error:
        raise CapabilityError(f"The circuit cannot be written in gates: {error.message}") from None
    ops: list[Op] = []
    expressions: list[Any] = []
    measured: dict[int, int] = {}
    for name, qubits, params in _gates(flat, measured):
        ops.append(Op(name, qubits, len(expressions) if params else -1))
        expressions.extend(params)
    ops.append(Op("phase", (), len(expressions)))
    expressions.append(flat.global_phase)
    final = tuple((qubit, clbit) for clbit, qubit in sorted(measured.items()))
    return Lowered(flat.num_qubits, tuple(ops), affine_angles(expressions, tuple(parameters)), final, flat.num_clbits)


def _gates(circuit: QuantumCircuit, measured: dict[int, int]) -> Iterator[tuple[str, tuple[int, ...], tuple[Any, ...]]]:
    """Gates in order, u as p ry p; fills ``measured`` with qubit by classical bit."""
    index = {bit: i for i, bit in enumerate(circuit.qubits)}
    clbit = {bit: i for i, bit in enumerate(circuit.clbits)}
    for item in circuit.data:
        name, params = item.operation.name, tuple(item.operation.params)
        qubits = tuple(index[q] for q in item.qubits)
        if name in ("barrier", "delay", "id"):
            continue
        done = set(measured.values()).intersection(qubits)
        if name == "measure" and not done:
            measured[clbit[item.clbits[0]]] = qubits[0]
        elif done:
            raise CapabilityError(f"Measurements must come last here, but qubit {done.pop()} is used after its own.")
        elif name == "u":
            theta, phi, lam = params
            yield "p", qubits, (lam,)
            yield "ry", qubits, (theta,)
            yield "p", qubits, (phi,)
        elif name in _BASIS:
            yield name, qubits, params
        else:
            raise CapabilityError(
                f"Only gates and final measurements are simulated here, but the circuit holds {name}."
            )


def affine_angles(expressions: Sequence[Any], parameters: tuple[Parameter, ...]) -> Angles:
    """The angles ``expressions`` as functions of ``parameters``, by a matrix wherever they are affine."""
    column = {parameter: j for j, parameter in enumerate(parameters)}
    matrix = np.zeros((len(expressions), len(parameters)))
    offset = np.zeros(len(expressions))
    curved: list[tuple[int, Any]] = []
    for i, expression in enumerate(expressions):
        if isinstance(expression, qc.Parameter):
            matrix[i, column[expression]] = 1.0
        elif not isinstance(expression, qc.ParameterExpression):
            offset[i] = float(expression)
        elif (slopes := _slopes(expression)) is None:
            curved.append((i, expression))
        else:
            for parameter, slope in slopes.items():
                matrix[i, column[parameter]] = slope
            offset[i] = float(expression.bind(dict.fromkeys(expression.parameters, 0.0)))
    return Angles(parameters, matrix, offset, tuple(curved))


def _slopes(expression: Any) -> dict[Parameter, float] | None:
    """Slope in every parameter of an affine expression; None for any other."""
    slopes: dict[Parameter, float] = {}
    for parameter in expression.parameters:
        slope = expression.gradient(parameter)
        if isinstance(slope, qc.ParameterExpression) and slope.parameters:
            return None
        slopes[parameter] = float(slope)
    return slopes
