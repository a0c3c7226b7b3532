"""Circuits put on the piece of a device that they use, in time as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qiskit import transpile
from qiskit.circuit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.utils import apply_prefix

from qalgs_backends.devices.calibration import Calibration
from qalgs_backends.devices.device import Device
from qalgs_backends.devices.in_place import compile_in_place, uncoupled
from qalgs_backends.devices.placements import interactions
from qalgs_backends.devices.places import Places, find_places
from qalgs_backends.errors import CapabilityError
from qalgs_backends.phaseless import without_phases


@dataclass(frozen=True, eq=False)
class Piece:
    """A circuit on a few qubits of a device."""

    circuit: QuantumCircuit
    used: tuple[int, ...]
    """Physical qubits; ``used[i]`` is qubit i of the circuit."""
    places: Places


def place(device: Device, circuit: QuantumCircuit, qubits: tuple[int, ...] | None, seed: int) -> Piece:
    """``circuit`` in the device's gates.

    The transpiler chooses the place where it may, and routes where it has to. What needs no routing is compiled in
    place, in the gates that the ESP counts.

    Args:
        device: its usable part is used.
        circuit: any.
        qubits: physical qubit of each of its qubits; None leaves the choice to the transpiler.
        seed: of the transpiler.

    Raises:
        CapabilityError: it cannot be placed.
    """
    flat = without_phases(circuit, device.usable.operation_names)
    layout, placed = qubits, None
    if layout is None:
        placed = _transpile(device, flat, None, seed)
        layout = find_places(flat, placed).first
    gates = device.calibration.usable_gates
    if _in_pairs(flat) and uncoupled(gates, pairs := interactions(flat), layout) is None:
        done = compile_in_place(device.calibration, gates, flat, pairs, layout)
        piece, kept = _compress(done.circuit, tuple(range(len(layout))))
        return Piece(piece, tuple(layout[q] for q in kept), Places(layout, tuple(layout[q] for q in done.last)))
    placed = _transpile(device, flat, layout, seed) if placed is None else placed
    places = find_places(flat, placed)
    return Piece(*_compress(placed, places.last), places)


def with_idling(piece: Piece, calibration: Calibration) -> QuantumCircuit:
    """The piece's circuit with a delay wherever a qubit waits after its first gate, all gates as late as possible.

    Read backwards, ``begun`` is the time, counted from the end of the gates, at which the rest of a qubit's operations
    begins. Operations whose duration is not known, and control flow, count as instantaneous, as they do in the ESP.
    """
    circuit = piece.circuit
    seconds = {(gate.name, gate.qubits): gate.seconds or 0.0 for gate in calibration.gates}
    index = {bit: i for i, bit in enumerate(circuit.qubits)}
    begun = [0.0] * circuit.num_qubits
    timed: list[tuple[Any, list[tuple[int, float]]]] = []
    for item in reversed(circuit.data):
        qubits = [index[q] for q in item.qubits]
        end = max(begun[q] for q in qubits)
        timed.append((item, [(q, end - begun[q]) for q in qubits if end > begun[q]]))
        where = tuple(piece.used[q] for q in qubits)
        length = _seconds(item.operation, where, seconds, calibration)
        # What is read at the end is read at the same time, after all gates.
        last = item.operation.name == "measure" and end == 0.0
        for q in qubits:
            begun[q] = end if last else end + length
    out = circuit.copy_empty_like()
    for item, waits in reversed(timed):
        out.append(item)
        for q, wait in waits:
            out.delay(wait, q, unit="s")
    return out


def delay_seconds(operation: Any, dt: float | None) -> float:
    """Length of a delay."""
    return (
        operation.duration * (dt or 0.0) if operation.unit == "dt" else apply_prefix(operation.duration, operation.unit)
    )


def _seconds(
    operation: Any, where: tuple[int, ...], known: dict[tuple[str, tuple[int, ...]], float], calibration: Calibration
) -> float:
    if operation.name == "delay":
        return delay_seconds(operation, calibration.dt)
    if operation.name == "measure":
        return calibration.qubits[where[0]].readout_seconds or 0.0
    return known.get((operation.name, where), 0.0)


def _in_pairs(circuit: QuantumCircuit) -> bool:
    """Whether it is plain gates on one or two qubits, which is what can be rated without routing."""
    wide = any(item.operation.num_qubits > 2 for item in circuit.data if item.operation.name != "barrier")
    return not wide and not circuit.has_control_flow_op()


def _transpile(device: Device, circuit: QuantumCircuit, qubits: tuple[int, ...] | None, seed: int) -> QuantumCircuit:
    try:
        return transpile(
            circuit,
            target=device.usable,
            optimization_level=3,
            initial_layout=None if qubits is None else list(qubits),
            seed_transpiler=seed,
        )
    except QiskitError as error:
        raise CapabilityError(f"The circuit cannot be placed on {device.name}: {error.message}") from None


def _compress(placed: QuantumCircuit, needed: tuple[int, ...]) -> tuple[QuantumCircuit, tuple[int, ...]]:
    """The circuit without barriers on the qubits that matter, and these qubits in increasing order."""
    index = {bit: i for i, bit in enumerate(placed.qubits)}
    kept = [item for item in placed.data if item.operation.name != "barrier"]
    used = sorted({index[q] for item in kept for q in item.qubits} | set(needed))
    new = {q: i for i, q in enumerate(used)}
    piece = QuantumCircuit(len(used), placed.num_clbits)
    clbit = {bit: i for i, bit in enumerate(placed.clbits)}
    for item in kept:
        piece.append(item.operation, [new[index[q]] for q in item.qubits], [clbit[c] for c in item.clbits])
    return piece, tuple(used)
