"""A calibrated device as something to transpile for, and the small piece of it that a circuit uses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import Target

from qalgs_backends.devices.calibration import DEAD_GATE, Calibration
from qalgs_backends.errors import CapabilityError


@dataclass(frozen=True, eq=False)
class Device:
    """A device, reduced to what simulating its noise needs."""

    calibration: Calibration

    @property
    def name(self) -> str:
        """The device's own name."""
        return self.calibration.device

    @property
    def dead_qubits(self) -> frozenset[int]:
        """Qubits no circuit should use."""
        return self.calibration.dead_qubits

    @cached_property
    def readout(self) -> NDArray[np.float64]:
        """(N, 2): P(read 1 | prepared 0) and P(read 0 | prepared 1) of every qubit; NaN where unknown."""
        pairs = [(q.prob_meas1_prep0, q.prob_meas0_prep1) for q in self.calibration.qubits]
        return np.array(pairs, dtype=float)

    @cached_property
    def usable(self) -> Target:
        """The target without its dead qubits and couplers.

        Raises:
            CapabilityError: couplers exist but none is usable.
        """
        couplers = [gate for gate in self.calibration.gates if len(gate.qubits) == 2]
        if couplers and not self.calibration.couplers:
            raise CapabilityError(
                f"Device {self.name} has no usable coupler: each of its {len(couplers)} has an unknown error, "
                f"one of {DEAD_GATE} or more, or a dead qubit."
            )
        return self.calibration.target(self.calibration.usable_gates, range(self.calibration.num_qubits))

    def piece(self, circuit: QuantumCircuit, qubits: tuple[int, ...]) -> SubDevice:
        """The part of the device that ``circuit`` uses.

        Args:
            circuit: on the piece's own qubits, ``qubits[i]`` being the physical one.
            qubits: physical qubits.
        """
        index = {bit: i for i, bit in enumerate(circuit.qubits)}
        used = {(item.operation.name, tuple(qubits[index[q]] for q in item.qubits)) for item in circuit.data}
        gates = [gate for gate in self.calibration.gates if (gate.name, gate.qubits) in used]
        return SubDevice(f"{self.name}[{len(qubits)}]", self.calibration.target(gates, qubits))


class SubDevice(BackendV2):
    """A few qubits of a device, only to derive a noise model from."""

    def __init__(self, name: str, target: Target) -> None:
        """Keep the target."""
        super().__init__(name=name)
        self._piece = target

    @property
    def target(self) -> Any:
        """The piece's target."""
        return self._piece

    @property
    def max_circuits(self) -> None:
        """No limit."""
        return

    @classmethod
    def _default_options(cls) -> Any:
        return Options()

    def run(self, run_input: Any, **options: Any) -> Any:
        """Not a machine; it is never run."""
        raise CapabilityError("A piece of a device only carries calibration data; it does not run circuits.")


def read_device(source: BackendV2 | Calibration) -> Device:
    """The device behind a calibration or a Qiskit backend.

    Raises:
        CapabilityError: the backend has no qubits or no calibrated measurement, so there is no noise to simulate.
    """
    return Device(source if isinstance(source, Calibration) else Calibration.from_backend(source))
