"""The noise of a device's operations as matrices, the same channels that Aer's noise model applies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import SuperOp
from qiskit.utils import apply_prefix

from qalgs_backends.devices.device import Device
from qalgs_backends.simulators.fusing import pauli_matrix

Key = tuple[str, tuple[int, ...], float]


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
        waits = operation.name == "delay"
        where = tuple(used[q] for q in qubits)
        key = (operation.name, where, self._seconds(operation) if waits else 0.0)
        if key not in self._known:
            error = self._relaxation(where[0], key[2]) if waits else self._gate_error(key[:2])
            self._known[key] = None if error is None else pauli_matrix(SuperOp(error))
        return self._known[key]

    def _gate_error(self, place: tuple[str, tuple[int, ...]]) -> Any:
        from qiskit_aer.noise.device import basic_device_gate_errors

        if place not in self._gates:
            return None
        target = self._calibration.target([self._gates[place]], place[1])
        errors = basic_device_gate_errors(target=target)
        return next((error for name, _, error in errors if name == place[0]), None)

    def _relaxation(self, qubit: int, seconds: float) -> Any:
        from qiskit_aer.noise import thermal_relaxation_error

        known = self._calibration.qubits[qubit]
        if known.t1 is None and known.t2 is None:
            return None
        t1 = np.inf if known.t1 is None else known.t1
        t2 = np.inf if known.t2 is None else known.t2
        return thermal_relaxation_error(t1, min(t2, 2 * t1), seconds)

    def _seconds(self, operation: Any) -> float:
        if operation.unit != "dt":
            return float(apply_prefix(operation.duration, operation.unit))
        return operation.duration * (self._calibration.dt or 0.0)
