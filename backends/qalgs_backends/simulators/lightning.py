"""PennyLane Lightning as a backend: exact values and adjoint gradients in C++.

Axes: K points, p parameters, a free angles, o observables. The circuit goes through the package's own gate table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.base import Capabilities, Parameter
from qalgs_backends.lowering import Lowered, lower
from qalgs_backends.pennylane.convert import gate_table, operator_to_pennylane
from qalgs_backends.rng import generator
from qalgs_backends.simulators.local import LocalBackend, Outcomes
from qalgs_backends.simulators.memory import available_bytes, require_state, widest_state
from qalgs_backends.simulators.statevector import draw

if TYPE_CHECKING:
    from pennylane.tape import QuantumScript

# The state, and in a gradient the image under each observable and a scratch state.
_COPIES = 4


@dataclass(frozen=True, eq=False)
class _Compiled:
    lowered: Lowered
    gates: tuple[tuple[Callable[..., Any], tuple[int, ...], int], ...]
    """PennyLane's gate, its wires, and the row of its angle (-1 without one)."""
    free: tuple[int, ...]
    """Rows of the angles that depend on a parameter."""
    trainable: tuple[int, ...]
    """Their places among the angles of the tape."""
    measurements: tuple[Any, ...]
    device: Any


class LightningBackend(LocalBackend):
    """Exact simulation by PennyLane's lightning.qubit."""

    def __init__(self) -> None:
        """Find out how wide a circuit this machine's memory admits."""
        self.name = "lightning"
        widest = widest_state(available_bytes(), _COPIES)
        self.capabilities = Capabilities(widest, exact=True, noise=False, gradient="adjoint")

    def _admit(self, circuit: QuantumCircuit) -> None:
        require_state(circuit.num_qubits, _COPIES)

    def _compile(
        self,
        circuit: QuantumCircuit,
        parameters: tuple[Parameter, ...],
        observables: tuple[SparsePauliOp, ...],
        qubits: tuple[int, ...] | None,
    ) -> tuple[_Compiled, None]:
        import pennylane as qml

        lowered = lower(circuit, parameters)
        table = gate_table()
        # The last wire of a device is the least significant bit of its states. Wires in any other order than
        # 0, 1, ... would have Lightning rename those of every gate and observable in every call.
        wires = range(lowered.num_qubits)[::-1]
        gates = tuple(
            (table[op.name], tuple(wires[q] for q in op.qubits), op.angle) for op in lowered.ops if op.name != "phase"
        )
        angles = [angle for _, _, angle in gates if angle >= 0]
        depends = {int(row) for row in lowered.angles.matrix.nonzero()[0]} | {row for row, _ in lowered.angles.curved}
        trainable = tuple(place for place, row in enumerate(angles) if row in depends)
        device = qml.device("lightning.qubit", wires=lowered.num_qubits)
        measured = tuple(qml.expval(operator_to_pennylane(op, wires=wires)) for op in observables) or (qml.state(),)
        free = tuple(angles[place] for place in trainable)
        return _Compiled(lowered, gates, free, trainable, measured, device), None

    def _exact(self, compiled: _Compiled, points: NDArray[np.float64]) -> NDArray[np.float64]:
        values = compiled.device.execute(_tapes(compiled, points))
        return np.array(values, float).reshape(len(points), len(compiled.measurements))

    def _gradient(self, compiled: _Compiled, points: NDArray[np.float64]) -> NDArray[np.float64]:
        shape = (len(points), len(compiled.measurements), len(compiled.free))
        by_angle = np.zeros((len(compiled.lowered.angles.offset), shape[0] * shape[1]))
        if compiled.free:
            derivatives = compiled.device.compute_derivatives(_tapes(compiled, points))
            by_angle[list(compiled.free)] = np.array(derivatives, float).reshape(shape).reshape(-1, shape[2]).T
        return compiled.lowered.angles.pull_back(by_angle).reshape(*shape[:2], -1)

    def _counts(
        self, compiled: _Compiled, points: NDArray[np.float64], shots: int, seed: np.random.SeedSequence
    ) -> Outcomes:
        tapes = _tapes(compiled, points)
        states = (compiled.device.execute(tape) for tape in tapes)
        return tuple(
            draw(np.asarray(psi), compiled.lowered.measured, shots, generator(seed, k)) for k, psi in enumerate(states)
        )


def _tapes(compiled: _Compiled, points: NDArray[np.float64]) -> tuple[QuantumScript, ...]:
    """One tape for each of the (K, p) points."""
    from pennylane.tape import QuantumScript

    angles = compiled.lowered.angles(points).T.tolist()
    return tuple(
        QuantumScript(
            [gate(wires=wires) if row < 0 else gate(values[row], wires=wires) for gate, wires, row in compiled.gates],
            compiled.measurements,
            trainable_params=compiled.trainable,
        )
        for values in angles
    )
