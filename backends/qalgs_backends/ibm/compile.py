"""From a circuit to what an IBM machine runs, once.

Expectation values that are not mitigated are counts in bases that this package chooses. Those that are come from the
client's Estimator, which measures on its own: it gets the circuit without measurements, and the observables.

Axes: K points, N executed points, p parameters, n qubits, G bases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import transpile
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import Target

from qalgs_backends.base import Parameter
from qalgs_backends.checks import argument
from qalgs_backends.devices.calibration import Calibration
from qalgs_backends.devices.device import Device
from qalgs_backends.devices.places import Places, find_places
from qalgs_backends.errors import CapabilityError
from qalgs_backends.grouping import Grouping, group, with_basis_change
from qalgs_backends.ibm.guard import client_bases
from qalgs_backends.ibm.options import IBMOptions
from qalgs_backends.ibm.remote import REGISTER
from qalgs_backends.ibm.validate import check_combination, check_isa, check_readable
from qalgs_backends.phaseless import without_phases

_LONG_CIRCUIT = 100e-6
"""Seconds assumed for a circuit whose length is not known, such as one with control flow."""


@dataclass(frozen=True, eq=False)
class Executable:
    """A circuit in the machine's gates that measures into one register, or that the client's Estimator measures."""

    circuit: QuantumCircuit
    parameters: tuple[Parameter, ...]
    """Columns of the executed points: the program's parameters, then the angles of the bases."""
    columns: tuple[int, ...]
    """Those of them that are left in the circuit, in its own order."""
    grouping: Grouping | None
    """The bases of the observables; None where they are not counted here."""
    observables: tuple[SparsePauliOp, ...]
    """Observables on the machine's qubits for the client's Estimator; empty where it is not asked."""
    constants: NDArray[np.float64]
    """(o,) coefficients of the identity, which the Estimator is not given: it is measured for nothing, and has no error
    to extrapolate."""
    varying: NDArray[np.float64]
    """(o,) 1, or 0 for an observable that is only a constant; there the Estimator, which takes no zero, gets Z."""
    seconds: float
    """Length of one execution, readout included."""
    source: QuantumCircuit
    """What was compiled, before it was placed: runs are known again by it, whatever the calibration of the day."""
    qubits: tuple[int, ...] | None
    """Physical qubits that were asked for."""
    places: Places
    num_bases: int
    """G, the circuits that one point takes at one noise factor; 1 for a program that is sampled."""

    def points(self, params: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, p + 2n) executed points: every basis of every point, or the points themselves."""
        return params if self.grouping is None else self.grouping.points(params)


def compile_program(
    circuit: QuantumCircuit,
    parameters: tuple[Parameter, ...],
    observables: tuple[SparsePauliOp, ...],
    qubits: tuple[int, ...] | None,
    calibration: Calibration,
    options: IBMOptions,
) -> Executable:
    """Place a checked circuit on the usable part of a machine; returns it ready to run.

    Args:
        circuit: checked.
        parameters: columns of the points.
        observables: none for a program that is sampled.
        qubits: physical qubits; None lets the transpiler choose.
        calibration: of the machine.
        options: how it is placed, and whether values are mitigated.

    Raises:
        ValueError: the circuit does not fit the machine.
        CapabilityError: it cannot be placed, or does not go with the options.
    """
    device = Device(calibration)
    mitigated = bool(observables) and options.mitigation is not None
    angles: tuple[Parameter, ...] = ()
    measured = circuit
    if observables and not mitigated:
        measured, angles = with_basis_change(circuit)
    logical = measured if mitigated else _in_one_register(measured)
    placed = _place(logical, qubits, device, options)
    check_isa(placed, device.usable, device.name, device.dead_qubits)
    if not mitigated:
        check_readable(placed)
    check_combination(placed, options, sampled=not observables)
    columns = (*parameters, *angles)
    index = {parameter: j for j, parameter in enumerate(columns)}
    places = find_places(logical, placed)
    grouping = group(observables) if angles else None
    wide = tuple(_measured_part(op).apply_layout(list(places.last), placed.num_qubits) for op in observables)
    wide = wide if mitigated else ()
    return Executable(
        placed,
        columns,
        tuple(index[parameter] for parameter in placed.parameters),
        grouping,
        wide,
        np.array([np.asarray(op.coeffs)[~_measured(op)].sum().real for op in observables]),
        np.array([float(_measured(op).any()) for op in observables]),
        _seconds(placed, device.usable),
        circuit,
        qubits,
        places,
        client_bases(placed, wide) if mitigated else 1 if grouping is None else grouping.num_bases,
    )


def _measured(observable: SparsePauliOp) -> NDArray[np.bool_]:
    """Which of its Paulis are not the identity."""
    return np.any(observable.paulis.x | observable.paulis.z, axis=1)


def _measured_part(observable: SparsePauliOp) -> SparsePauliOp:
    """The observable without the identity; Z where nothing is left."""
    kept = _measured(observable)
    if not kept.any():
        return SparsePauliOp.from_sparse_list([("Z", [0], 1.0)], int(observable.num_qubits or 1))
    return observable[kept]


def _in_one_register(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with all its classical bits in one register."""
    flat = QuantumCircuit(QuantumRegister(circuit.num_qubits, "q"), ClassicalRegister(circuit.num_clbits, REGISTER))
    flat.compose(circuit, range(circuit.num_qubits), range(circuit.num_clbits), inplace=True)
    if len(flat.cregs) > 1:
        raise CapabilityError("Conditions on whole classical registers are not supported; use single bits.")
    return flat


def _place(
    circuit: QuantumCircuit, qubits: tuple[int, ...] | None, device: Device, options: IBMOptions
) -> QuantumCircuit:
    if options.optimization_level is None:
        return circuit
    try:
        placed = transpile(
            without_phases(circuit, device.usable.operation_names),
            target=device.usable,
            optimization_level=options.optimization_level,
            initial_layout=None if qubits is None else list(qubits),
            seed_transpiler=options.seed_transpiler,
        )
    except QiskitError as error:
        raise CapabilityError(f"The circuit cannot be placed on {device.name}: {error.message}") from None
    placed.global_phase = 0.0  # as a long symbolic sum it would be sent, and slow down who binds it
    return placed


def _seconds(circuit: QuantumCircuit, target: Target) -> float:
    try:
        return float(circuit.estimate_duration(target, unit="s"))
    except (QiskitError, ValueError):
        return _LONG_CIRCUIT


def check_unplaced(options: IBMOptions, observed: bool, qubits: Sequence[int] | None) -> None:
    """Refuse what circuits that come ready for the machine cannot have.

    Raises:
        ValueError: observables, which need a change of basis, or a layout.
    """
    if options.optimization_level is not None:
        return
    for name, given in (("observables", observed), ("qubits", qubits is not None)):
        if given:
            must = "be None when optimization_level is None, as circuits are then run as they are"
            raise ValueError(argument(name, must, "it is given"))
