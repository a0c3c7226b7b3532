"""How well a circuit should run on every place of a device: estimated success probabilities from a calibration.

Axes: L layouts, n qubits of the circuit, N of the device. ``layouts[l, i]`` is the physical qubit of virtual qubit i.

    log ESP = sum over gates log(1 - error) + sum over qubits log(1 - readout error) + sum over qubits log f(idle time)
    f(t) = 1/2 + exp(-t / T1) / 6 + exp(-t / T2) / 3

with gate errors as calibrated (they contain the decay during the gate), every qubit read once at the end, and the idle
times of the as-late-as-possible schedule after a qubit's first gate; f is the average fidelity of relaxation and
dephasing, T2 clipped to 2 T1. Unknown errors count as 0, which is right for virtual gates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rustworkx as rx
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager

from qalgs_backends.checks import argument, positive_int
from qalgs_backends.devices.calibration import Calibration
from qalgs_backends.errors import CapabilityError

_VIRTUAL = frozenset({"barrier", "delay", "measure"})
_LARGEST = 1_000_000

Layouts = NDArray[np.int64]


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
        return self._take(np.sort(first))

    def _take(self, rows: NDArray[np.intp]) -> FidelityMap:
        parts = [part[rows] for part in (self.esp, self.gate, self.readout, self.idle)]
        return FidelityMap(self.device, self.calibrated_at, self.layouts[rows], *parts)


def fidelity_map(
    calibration: Calibration, circuit: QuantumCircuit, *, layouts: Layouts | None = None, limit: int = 100_000
) -> FidelityMap:
    """Every place where ``circuit`` runs without routing, with its ESP.

    Args:
        calibration: of the device.
        circuit: n qubits; its two-qubit gates define the shape that is looked for.
        layouts: (L, n) places to rate instead of all.
        limit: largest number of places looked for; a denser device has more, and these are then the first found.

    Raises:
        ValueError: a layout does not fit the device, or ``limit`` is out of range.
        CapabilityError: the shape fits nowhere on the usable part of the device.
    """
    pairs = interactions(circuit)
    places = layouts_of_shape(calibration, circuit.num_qubits, pairs, limit=limit) if layouts is None else layouts
    places = _check_layouts(np.asarray(places, np.int64), circuit.num_qubits, calibration)
    gate, readout, idle = (np.empty(len(places)) for _ in range(3))
    for rows in _same_directions(calibration, places, pairs):
        profile = _profile(calibration, circuit, tuple(int(q) for q in places[rows[0]]))
        gate[rows], idle[rows] = _rate(calibration, profile, places[rows])
    errors = np.array([qubit.readout_error or 0.0 for qubit in calibration.qubits])
    readout[:] = np.prod(1 - errors[places], axis=1)
    esp = gate * readout * idle
    order = np.lexsort((*places.T[::-1], -esp))
    return FidelityMap(
        calibration.device,
        calibration.calibrated_at,
        places[order],
        esp[order],
        gate[order],
        readout[order],
        idle[order],
    )


def interactions(circuit: QuantumCircuit) -> tuple[tuple[int, int], ...]:
    """Pairs (a, b), a < b, of qubits that share a gate.

    Raises:
        CapabilityError: a gate acts on more than two qubits.
    """
    index = {bit: i for i, bit in enumerate(circuit.qubits)}
    pairs = set()
    for item in circuit.data:
        qubits = sorted(index[q] for q in item.qubits)
        if item.operation.name == "barrier" or len(qubits) < 2:
            continue
        if len(qubits) > 2:
            raise CapabilityError(
                f"The circuit must be in gates on one or two qubits, but holds {item.operation.name}."
            )
        pairs.add((qubits[0], qubits[1]))
    return tuple(sorted(pairs))


def layouts_of_shape(
    calibration: Calibration, num_qubits: int, pairs: Sequence[tuple[int, int]], *, limit: int = 100_000
) -> Layouts:
    """(L, n) placements of a graph on usable couplers: neighbours in ``pairs`` become neighbours on the device.

    Raises:
        CapabilityError: there is none.
    """
    limit = positive_int(limit, "limit", maximum=_LARGEST)
    device = rx.PyGraph()
    device.add_nodes_from(range(calibration.num_qubits))
    device.add_edges_from_no_data(list(calibration.couplers))
    for dead in calibration.dead_qubits:
        device.remove_node(dead)
    shape = rx.PyGraph()
    shape.add_nodes_from(range(num_qubits))
    shape.add_edges_from_no_data(list(pairs))
    found = []
    for mapping in rx.vf2_mapping(device, shape, subgraph=True, induced=False, id_order=False):
        placed = {virtual: physical for physical, virtual in mapping.items()}
        found.append([placed[i] for i in range(num_qubits)])
        if len(found) == limit:
            break
    if not found:
        raise CapabilityError(
            f"The circuit's {len(pairs)} couplings fit nowhere on {calibration.device} without routing."
        )
    return np.array(found, np.int64)


def _check_layouts(places: Layouts, num_qubits: int, calibration: Calibration) -> Layouts:
    if places.ndim != 2 or places.shape[1] != num_qubits or len(places) == 0:
        raise ValueError(argument("layouts", f"have shape (L, {num_qubits})", f"its shape is {places.shape}"))
    outside = (places < 0) | (places >= calibration.num_qubits)
    repeated = (np.diff(np.sort(places, axis=1), axis=1) == 0).any(axis=1)
    bad = np.flatnonzero(outside.any(axis=1) | repeated)
    if len(bad):
        must = f"hold distinct qubits within 0 to {calibration.num_qubits - 1}"
        raise ValueError(argument("layouts", must, f"row {bad[0]} is {places[bad[0]].tolist()}"))
    return places


def _same_directions(
    calibration: Calibration, places: Layouts, pairs: Sequence[tuple[int, int]]
) -> list[NDArray[np.intp]]:
    """Rows that agree in which two-qubit gates exist in which direction on each pair: they compile to one profile."""
    offers: dict[tuple[int, int], set[str]] = {}
    for gate in calibration.usable_gates:
        if len(gate.qubits) == 2:
            offers.setdefault((gate.qubits[0], gate.qubits[1]), set()).add(gate.name)
    kinds = {frozenset(names): code for code, names in enumerate({frozenset(names) for names in offers.values()}, 1)}
    table = np.zeros((calibration.num_qubits,) * 2, np.int64)
    for pair, names in offers.items():
        table[pair] = kinds[frozenset(names)]
    columns = [table[places[:, a], places[:, b]] for a, b in pairs] + [
        table[places[:, b], places[:, a]] for a, b in pairs
    ]
    if not columns:
        return [np.arange(len(places))]
    _, group = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    return [np.flatnonzero(group.reshape(-1) == g) for g in range(group.max() + 1)]


def _profile(
    calibration: Calibration, circuit: QuantumCircuit, layout: tuple[int, ...]
) -> list[tuple[str, tuple[int, ...]]]:
    """The gates the device would run, in order, on the circuit's own qubits.

    Raises:
        CapabilityError: the circuit needs routing on this layout.
    """
    target = calibration.target(calibration.usable_gates, range(calibration.num_qubits))
    manager = generate_preset_pass_manager(
        optimization_level=1, target=target, initial_layout=list(layout), routing_method="none", seed_transpiler=0
    )
    unmeasured: Any = circuit.remove_final_measurements(inplace=False)
    try:
        placed = manager.run(unmeasured)
    except Exception as error:
        raise CapabilityError(
            f"The circuit needs routing on layout {layout} of {calibration.device}: {error}"
        ) from None
    virtual = {q: i for i, q in enumerate(layout)}
    index = {bit: i for i, bit in enumerate(placed.qubits)}
    return [
        (item.operation.name, tuple(virtual[index[q]] for q in item.qubits))
        for item in placed.data
        if item.operation.name not in _VIRTUAL
    ]


def _rate(
    calibration: Calibration, profile: Sequence[tuple[str, tuple[int, ...]]], places: Layouts
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(L,) gate and idle parts, all layouts at once.

    The gates are read backwards with the time at which each qubit's remaining gates end, counted from the end of the
    circuit: in an as-late-as-possible schedule a gate starts there for the later of its qubits, and the other idles.
    """
    errors, seconds = _tables(calibration)
    log_gate = np.zeros(len(places))
    finish = np.zeros(places.shape)
    idle = np.zeros(places.shape)
    for name, qubits in reversed(profile):
        where = tuple(places[:, q] for q in qubits)
        log_gate += np.log1p(-errors[name][where])
        start = finish[:, qubits].max(axis=1)
        for q in qubits:
            idle[:, q] += start - finish[:, q]
            finish[:, q] = start + seconds[name][where]
    t1 = np.array([qubit.t1 or np.inf for qubit in calibration.qubits])
    t2 = np.minimum([qubit.t2 or np.inf for qubit in calibration.qubits], 2 * t1)
    f = 0.5 + np.exp(-idle / t1[places]) / 6 + np.exp(-idle / t2[places]) / 3
    return np.exp(log_gate), f.prod(axis=1)


def _tables(calibration: Calibration) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """Error and duration of every gate as arrays over the qubits it may act on."""
    errors: dict[str, NDArray[np.float64]] = {}
    seconds: dict[str, NDArray[np.float64]] = {}
    for gate in calibration.gates:
        shape = (calibration.num_qubits,) * len(gate.qubits)
        errors.setdefault(gate.name, np.zeros(shape))[gate.qubits] = min(gate.error or 0.0, 1 - 1e-12)
        seconds.setdefault(gate.name, np.zeros(shape))[gate.qubits] = gate.seconds or 0.0
    return errors, seconds
