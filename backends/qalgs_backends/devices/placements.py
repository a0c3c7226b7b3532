"""Where a circuit fits on a device: every ordered placement of its interaction graph, and connected regions.

Axes: L placements, n qubits of the circuit, N of the device. ``placements[l, i]`` is the physical qubit of virtual
qubit i; a placement is ordered, never a set.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import rustworkx as rx
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from qalgs_backends.checks import argument, positive_int, real
from qalgs_backends.devices.calibration import DEAD_GATE, Calibration
from qalgs_backends.errors import CapabilityError

_LARGEST = 10_000_000

Placements = NDArray[np.int64]


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


def coupling_graph(calibration: Calibration, *, max_error: float | None = DEAD_GATE) -> rx.PyGraph:
    """The couplers as a graph on all N qubits, with their errors.

    Args:
        calibration: of the device.
        max_error: couplers with an error of this or more are left out, as are those of dead qubits; None keeps every
            coupler the device names, dead ones too.

    Raises:
        ValueError: ``max_error`` is not in (0, 1].
    """
    if max_error is None:
        every = ((g.qubits, g.error) for g in calibration.gates if len(g.qubits) == 2)
        errors = {(min(pair), max(pair)): math.nan if error is None else error for pair, error in every}
    else:
        limit = real(max_error, "max_error", above=0.0, high=1.0)
        errors = {pair: error for pair, error in calibration.couplers.items() if error < limit}
    graph = rx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(calibration.num_qubits))
    graph.add_edges_from([(*pair, error) for pair, error in sorted(errors.items())])
    return graph


def layouts_of_shape(
    calibration: Calibration,
    num_qubits: int,
    pairs: Sequence[tuple[int, int]],
    *,
    max_error: float | None = DEAD_GATE,
    limit: int = 250_000,
) -> Placements:
    """(L, n) placements of a graph on couplers: neighbours in ``pairs`` become neighbours on the device.

    A line is searched on all its placements at once, any other graph by VF2.

    Args:
        calibration: of the device.
        num_qubits: n.
        pairs: edges of the graph, as ``interactions`` gives them.
        max_error: see ``coupling_graph``.
        limit: largest number of placements looked for; a larger device has more, and these are then the first found.

    Raises:
        CapabilityError: there is none.
        ValueError: ``limit`` or ``max_error`` is out of range.
    """
    limit = positive_int(limit, "limit", maximum=_LARGEST)
    device = coupling_graph(calibration, max_error=max_error)
    order = _line(num_qubits, pairs)
    found = None if order is None else _lines(device, order, limit)
    if found is None:
        dead = () if max_error is None else calibration.dead_qubits
        found = _subgraphs(device, dead, num_qubits, pairs, limit)
    if len(found) == 0:
        raise CapabilityError(
            f"The circuit's {len(pairs)} couplings fit nowhere on {calibration.device} without routing."
        )
    return found


def connected_regions(
    calibration: Calibration, size: int, *, max_error: float | None = DEAD_GATE, limit: int = 250_000
) -> Placements:
    """(L, size) connected sets of qubits, each once and in increasing order.

    Raises:
        CapabilityError: there are more than ``limit``.
        ValueError: an argument is out of range.
    """
    size = positive_int(size, "size", maximum=calibration.num_qubits)
    limit = positive_int(limit, "limit", maximum=_LARGEST)
    device = coupling_graph(calibration, max_error=max_error)
    if size == 1:
        return np.setdiff1d(np.arange(calibration.num_qubits), list(calibration.dead_qubits))[:, None]
    found = np.array([sorted(nodes) for nodes in rx.connected_subgraphs(device, size)], np.int64).reshape(-1, size)
    if len(found) > limit:
        raise CapabilityError(f"{calibration.device} has {len(found)} connected sets of {size} qubits, over {limit}.")
    return found[np.lexsort(found.T[::-1])]


def check_placements(placements: Placements, num_qubits: int, device_qubits: int) -> Placements:
    """``placements`` as an (L, n) array of distinct qubits of the device.

    Raises:
        ValueError: it is not; the first bad row is named.
    """
    rows = np.asarray(placements, np.int64)
    if rows.ndim != 2 or rows.shape[1] != num_qubits or len(rows) == 0:
        raise ValueError(argument("layouts", f"have shape (L, {num_qubits})", f"its shape is {rows.shape}"))
    outside = (rows < 0) | (rows >= device_qubits)
    repeated = (np.diff(np.sort(rows, axis=1), axis=1) == 0).any(axis=1)
    bad = np.flatnonzero(outside.any(axis=1) | repeated)
    if len(bad):
        must = f"hold distinct qubits within 0 to {device_qubits - 1}"
        raise ValueError(argument("layouts", must, f"row {bad[0]} is {rows[bad[0]].tolist()}"))
    return rows


def _line(num_qubits: int, pairs: Sequence[tuple[int, int]]) -> list[int] | None:
    """The qubits along the graph when it is one line through all of them."""
    shape = rx.PyGraph()
    shape.add_nodes_from(range(num_qubits))
    shape.add_edges_from_no_data(list(pairs))
    degrees = [shape.degree(q) for q in range(num_qubits)]
    if num_qubits < 2 or len(pairs) != num_qubits - 1 or max(degrees) > 2 or not rx.is_connected(shape):
        return None
    walk = list(rx.dfs_edges(shape, degrees.index(1)))
    return [walk[0][0], *(b for _, b in walk)]


def _lines(device: rx.PyGraph, order: list[int], limit: int) -> Placements | None:
    """All directed lines on the device, column ``order[i]`` the i-th of the line; None once there are too many."""
    neighbours = [sorted(device.neighbors(q)) for q in range(device.num_nodes())]
    table = np.full((len(neighbours), max(map(len, neighbours), default=0)), -1, np.int64)
    for q, near in enumerate(neighbours):
        table[q, : len(near)] = near
    lines = np.arange(len(neighbours))[:, None]
    for _ in range(len(order) - 1):
        nearest = table[lines[:, -1]]
        fresh = (nearest >= 0) & (nearest[:, :, None] != lines[:, None, :]).all(axis=2)
        row, column = np.nonzero(fresh)
        lines = np.column_stack([lines[row], nearest[row, column]])
        if len(lines) > limit:
            return None
    out = np.empty_like(lines)
    out[:, order] = lines
    return out


def _subgraphs(
    device: rx.PyGraph,
    dead: Sequence[int] | frozenset[int],
    num_qubits: int,
    pairs: Sequence[tuple[int, int]],
    limit: int,
) -> Placements:
    alive = device.copy()
    for q in dead:
        alive.remove_node(q)
    shape = rx.PyGraph()
    shape.add_nodes_from(range(num_qubits))
    shape.add_edges_from_no_data(list(pairs))
    found = []
    for mapping in rx.vf2_mapping(alive, shape, subgraph=True, induced=False, id_order=False):
        placed = {virtual: physical for physical, virtual in mapping.items()}
        found.append([placed[i] for i in range(num_qubits)])
        if len(found) == limit:
            break
    return np.array(found, np.int64).reshape(-1, num_qubits)
