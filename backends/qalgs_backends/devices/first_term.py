"""The ESP of the published Nest code, to compare with; ``EspModel`` is the one to use.

Axes: L placements, n qubits of the circuit. Huo, Quiroga, Kyrillidis and Patel (arXiv 2510.09578), from their code:

    ESP(m) = product over gates p0(g) * exp(-D tau / T1) * exp(-D tau / T2),   tau = 50 ns

with p0 the probability of the first term of Aer's error of the gate (which is not 1 - error: it depends on how the
channel happens to be written), D the depth with virtual gates counted, and T1, T2 the means over the placement's
qubits. Readout is left out, and the decay during gates is counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from qalgs_backends.devices.calibration import Calibration
from qalgs_backends.devices.esp import EspModel, Profile
from qalgs_backends.devices.placements import Placements, check_placements

_TAU = 50e-9


def first_term_esp(
    calibration: Calibration, circuit: QuantumCircuit, placements: Placements | Sequence[Sequence[int]]
) -> NDArray[np.float64]:
    """(L,) ESP by the published code's formula, on placements that need no routing.

    Args:
        calibration: of the device.
        circuit: n qubits.
        placements: (L, n) physical qubits.

    Raises:
        ValueError: a placement does not fit the device.
        CapabilityError: the circuit needs routing on a placement.
    """
    model = EspModel(calibration, circuit)
    places = check_placements(np.asarray(placements), model.circuit.num_qubits, calibration.num_qubits)
    profiles = model.profiles(places)
    used = {
        (name, tuple(int(q) for q in row))
        for profile, rows in profiles
        for name, qubits in set(profile)
        for row in np.unique(places[rows][:, qubits], axis=0)
    }
    kept = _first_terms(calibration, used)
    t1, t2 = (
        np.array([np.nan if value is None else value for value in values])
        for values in zip(*((qubit.t1, qubit.t2) for qubit in calibration.qubits), strict=True)
    )
    esp = np.empty(len(places))
    for profile, rows in profiles:
        where = places[rows]
        product = np.ones(len(rows))
        for name, qubits in profile:
            product *= kept[name][tuple(where[:, q] for q in qubits)]
        seconds = _depth(profile) * _TAU
        decay = seconds / t1[where].mean(axis=1) + seconds / t2[where].mean(axis=1)
        esp[rows] = product * np.exp(-decay)
    return esp


def _first_terms(calibration: Calibration, used: set[tuple[str, tuple[int, ...]]]) -> dict[str, NDArray[np.float64]]:
    """p0 of every used gate, over the qubits it may act on; 1 where Aer sees no error."""
    from qiskit_aer.noise.device import basic_device_gate_errors

    size = calibration.num_qubits
    tables = {name: np.ones((size,) * len(qubits)) for name, qubits in used}
    gates = [gate for gate in calibration.gates if (gate.name, gate.qubits) in used]
    target = calibration.target(gates, range(size))
    for name, qubits, error in basic_device_gate_errors(target=target):
        if name in tables:
            tables[name][tuple(qubits)] = error.probabilities[0]
    return tables


def _depth(profile: Profile) -> int:
    finish: dict[int, int] = {}
    for _, qubits in profile:
        level = 1 + max(finish.get(q, 0) for q in qubits)
        finish.update(dict.fromkeys(qubits, level))
    return max(finish.values(), default=0)
