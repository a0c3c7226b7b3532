"""The places of a device, best first: layouts of one circuit with their estimated success probabilities.

Axes: L layouts, n qubits of the circuit. ``layouts[l, i]`` is the physical qubit of virtual qubit i. What the ESP
counts is said in ``qalgs_backends.devices.esp``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from qalgs_backends.devices.calibration import DEAD_GATE, Calibration
from qalgs_backends.devices.esp import Esp, EspModel, Fidelity
from qalgs_backends.devices.placements import Placements, layouts_of_shape

Layouts = Placements


@dataclass(frozen=True, eq=False)
class FidelityMap:
    """Layouts of one circuit on one device, best first."""

    device: str
    calibrated_at: str | None
    """UTC date of the calibration."""
    layouts: Layouts
    """(L, n) physical qubits."""
    esp: NDArray[np.float64]
    """(L,) estimated success probability in [0, 1], falling."""
    gate: NDArray[np.float64]
    """(L,) the part of the gates."""
    readout: NDArray[np.float64]
    """(L,) the part of the readout."""
    idle: NDArray[np.float64]
    """(L,) the part of idling."""

    def __len__(self) -> int:
        return len(self.layouts)

    def layout(self, rank: int = 0) -> tuple[int, ...]:
        """The layout of that rank, 0 being the best."""
        return tuple(int(q) for q in self.layouts[rank])

    def regions(self) -> FidelityMap:
        """Only the best layout on each set of physical qubits."""
        _, first = np.unique(np.sort(self.layouts, axis=1), axis=0, return_index=True)
        return self.take(np.sort(first))

    def take(self, rows: NDArray[np.intp]) -> FidelityMap:
        """Only these rows; give them in rising order to keep the best first."""
        parts = [part[rows] for part in (self.esp, self.gate, self.readout, self.idle)]
        return FidelityMap(self.device, self.calibrated_at, self.layouts[rows], *parts)


def fidelity_map(
    calibration: Calibration,
    circuit: QuantumCircuit,
    *,
    layouts: Layouts | None = None,
    max_error: float | None = DEAD_GATE,
    fidelity: Fidelity = "average",
    limit: int = 250_000,
) -> FidelityMap:
    """Every place where ``circuit`` runs without routing, with its ESP.

    Args:
        calibration: of the device.
        circuit: n qubits; its two-qubit gates define the shape that is looked for.
        layouts: (L, n) places to rate instead of all.
        max_error: couplers with an error of this or more are left out; None keeps all, dead ones too.
        fidelity: what a factor of the ESP is, "average" or "entanglement".
        limit: largest number of places looked for; a denser device has more, and these are then the first found.

    Raises:
        ValueError: a layout does not fit the device, or another argument is out of range.
        CapabilityError: the shape fits nowhere on the usable part of the device, or needs routing on a layout.
    """
    model = EspModel(calibration, circuit, fidelity=fidelity)
    if layouts is None:
        n = model.circuit.num_qubits
        layouts = layouts_of_shape(calibration, n, model.pairs, max_error=max_error, limit=limit)
    places = np.asarray(layouts, np.int64)
    return _sorted(calibration, places, model.evaluate(places))


def _sorted(calibration: Calibration, places: Layouts, esp: Esp) -> FidelityMap:
    total = esp.total
    order = np.lexsort((*places.T[::-1], -total))
    parts = [part[order] for part in (total, esp.gate, esp.readout, esp.idle)]
    return FidelityMap(calibration.device, calibration.calibrated_at, places[order], *parts)
