"""The noise of a device's operations as matrices, the same channels that Aer's noise model applies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import SuperOp

from qalgs_backends.devices.device import Device
from qalgs_backends.simulators.fusing import pauli_matrix
from qalgs_backends.simulators.placing import delay_seconds

Key = tuple[str, tuple[int, ...]]


class Channels:
    """What happens after each operation on each place of a device; made when first asked for, and kept."""

    def __init__(self, device: Device) -> None:
        """Read the gates."""
        self._calibration = device.calibration
        self._gates = {(gate.name, gate.qubits): gate for gate in device.calibration.gates}
        self._known: dict[Key, NDArray[np.float64] | None] = {}

    def after(self, used: tuple[int, ...], operation: Any, qubits: tuple[int, ...]) -> NDArray[np.float64] | None:
        """The matrix on Pauli expectation values, the first qubit the low digit; None where there is no noise.

        Args:
            used: physical qubits of a piece of the device.
            operation: a gate or a delay.
            qubits: of the piece.
        """
        where = tuple(used[q] for q in qubits)
        if operation.name == "delay":
            return self._relaxation(where[0], delay_seconds(operation, self._calibration.dt))
        key = (operation.name, where)
        if key not in self._known:
            self._known[key] = self._gate_error(key)
        return self._known[key]

    def _gate_error(self, place: Key) -> NDArray[np.float64] | None:
        from qiskit_aer.noise.device import basic_device_gate_errors

        if place not in self._gates:
            return None
        target = self._calibration.target([self._gates[place]], place[1])
        errors = basic_device_gate_errors(target=target)
        error = next((error for name, _, error in errors if name == place[0]), None)
        return None if error is None else pauli_matrix(SuperOp(error))

    def _relaxation(self, qubit: int, seconds: float) -> NDArray[np.float64]:
        """A state's X and Y shrink with T2, and its Z goes to 1 with T1."""
        relax, dephase = np.exp(-seconds / np.array(self._calibration.times(qubit)))
        matrix = np.diag([1.0, dephase, dephase, relax])
        matrix[3, 0] = 1.0 - relax
        return matrix
