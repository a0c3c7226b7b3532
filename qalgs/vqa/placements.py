"""The pool of places where a circuit can run on a device, and plans on it.

Axes: M placements, n qubits of the circuit, C cycles.

A circuit whose interactions fit on couplers needs no SWAP anywhere, and its pool holds every such placement. One that
fits nowhere is routed once on each shape of connected region that the device has; the cheapest routed form fits on all
regions of its shape, and is then placed like any other circuit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import rustworkx as rx
from numpy.typing import NDArray
from qiskit import transpile
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import Calibration, CapabilityError, EspModel, FidelityMap, fidelity_map
from qalgs.checks import one_of, positive_int
from qalgs.vqa.schedules import Schedule
from qalgs.vqa.walk import WalkPlan, plan_walk
from qalgs_backends.devices.calibration import DEAD_GATE
from qalgs_backends.devices.placements import connected_regions, coupling_graph, interactions, layouts_of_shape

_MOST_SHAPES = 12


@dataclass(frozen=True, eq=False)
class Pool:
    """Placements of one circuit on one device, best first."""

    circuit: QuantumCircuit
    """What to run: the circuit that was asked for, or its routed form."""
    final: tuple[int, ...]
    """``final[i]`` is the qubit of ``circuit`` on which virtual qubit i ends; routing moves it."""
    calibration: Calibration
    """What the ESPs are made from."""
    fidelities: FidelityMap
    """M placements with their ESPs."""
    model: EspModel
    """What rated them."""
    routed: bool = False
    """Whether SWAPs had to be added."""

    def __len__(self) -> int:
        return len(self.fidelities)

    @property
    def placements(self) -> NDArray[np.int64]:
        """(M, n) physical qubits."""
        return self.fidelities.layouts

    @property
    def esp(self) -> NDArray[np.float64]:
        """(M,) estimated success probabilities, falling."""
        return self.fidelities.esp

    def observable(self, operator: SparsePauliOp) -> SparsePauliOp:
        """``operator`` on the qubits of ``circuit``: what to hand to ``prepare`` with it."""
        return operator.apply_layout(list(self.final))

    def including(self, placement: Sequence[int]) -> Pool:
        """The pool with ``placement`` in it, at its rank.

        Raises:
            ValueError: it does not fit the device.
            CapabilityError: the circuit needs routing there.
        """
        if (self.placements == np.asarray(placement)).all(axis=1).any():
            return self
        every = np.concatenate([self.placements, np.asarray(placement, np.int64)[None]])
        rated = fidelity_map(self.calibration, self.circuit, layouts=every, fidelity=self.model.fidelity)
        return replace(self, fidelities=rated)

    def plan(
        self,
        schedule: Schedule,
        *,
        moves: int | None = 1,
        start: Sequence[int] | None = None,
        first: int = 0,
        qubit_cost: float = 0.0,
        relabel_cost: float = 0.0,
    ) -> WalkPlan:
        """The best walk for the cycles ``first`` to C - 1 of a schedule.

        After a new calibration, the pool made from it goes on from where the run stands:
        ``pool.plan(schedule, start=current, first=cycle)``.

        Args:
            schedule: levels, quantiles being those of this pool.
            moves: largest number of qubits that change between cycles; None lets every cycle choose freely.
            start: (n,) placement of the first planned cycle, in the pool or not; None leaves it free.
            first: number of the first planned cycle.
            qubit_cost: price of a new physical qubit, in squared ESP.
            relabel_cost: price of a virtual qubit changing its host, in squared ESP.

        Raises:
            TypeError: an argument is of the wrong kind.
            ValueError: an argument does not fit.
            CapabilityError: the circuit needs routing on ``start``.
        """
        first = positive_int(first, "first", minimum=0, maximum=schedule.cycles - 1)
        pool = self if start is None else self.including(start)
        targets = schedule.targets(self.esp)[first:]
        return plan_walk(
            pool.placements,
            pool.esp,
            targets,
            moves=moves,
            start=start,
            qubit_cost=qubit_cost,
            relabel_cost=relabel_cost,
        )


def placement_pool(
    calibration: Calibration,
    circuit: QuantumCircuit,
    *,
    orientations: Literal["best", "all"] = "best",
    fidelity: Literal["average", "entanglement"] = "average",
    max_error: float = DEAD_GATE,
    seed_transpiler: int = 11,
) -> Pool:
    """Every place where ``circuit`` can run, best first.

    Args:
        calibration: of the device.
        circuit: n qubits in gates on one or two.
        orientations: "best" keeps the best ordered placement on each set of qubits, "all" keeps all.
        fidelity: see ``EspModel``.
        max_error: couplers with an error of this or more are not used.
        seed_transpiler: seed of the routing, where there is one.

    Raises:
        ValueError: an argument is out of range.
        CapabilityError: a gate acts on more than two qubits, or the device has no connected region of n usable qubits.
    """
    one_of(orientations, "orientations", ("best", "all"))
    positive_int(seed_transpiler, "seed_transpiler", minimum=0)
    pairs = interactions(circuit)
    final, routed = tuple(range(circuit.num_qubits)), False
    try:
        layouts_of_shape(calibration, circuit.num_qubits, pairs, max_error=max_error, limit=1)
    except CapabilityError:
        circuit, final = route(calibration, circuit, max_error=max_error, seed_transpiler=seed_transpiler)
        routed = True
    fidelities = fidelity_map(calibration, circuit, max_error=max_error, fidelity=fidelity)
    if orientations == "best":
        fidelities = fidelities.regions()
    return Pool(circuit, final, calibration, fidelities, EspModel(calibration, circuit, fidelity=fidelity), routed)


def route(
    calibration: Calibration, circuit: QuantumCircuit, *, max_error: float = DEAD_GATE, seed_transpiler: int = 11
) -> tuple[QuantumCircuit, tuple[int, ...]]:
    """The cheapest form of ``circuit`` with SWAPs that fits on connected regions of the device.

    Returns:
        The n-qubit circuit, and for each virtual qubit the qubit of that circuit on which it ends.

    Raises:
        CapabilityError: the device has no connected region of n usable qubits.
    """
    n = circuit.num_qubits
    without: Any = circuit.remove_final_measurements(inplace=False)
    forms = []
    for shape in _shapes(calibration, n, max_error):
        edges = [list(edge) for edge in shape.edge_list()]
        both = edges + [edge[::-1] for edge in edges]
        forms.append(transpile(without, coupling_map=both, optimization_level=1, seed_transpiler=seed_transpiler))
    if not forms:
        raise CapabilityError(f"{calibration.device} has no connected region of {n} usable qubits.")
    best = min(forms, key=_two_qubit_gates)
    layout = best.layout
    final = tuple(range(n)) if layout is None else tuple(layout.final_index_layout())
    flat = QuantumCircuit(n)
    flat.compose(best, inplace=True)
    return flat, final


def _shapes(calibration: Calibration, size: int, max_error: float) -> list[rx.PyGraph]:
    """The connected regions' graphs up to isomorphism, the most frequent first."""
    device = coupling_graph(calibration, max_error=max_error)
    kinds: dict[tuple[Any, ...], list[tuple[rx.PyGraph, int]]] = {}
    for region in connected_regions(calibration, size, max_error=max_error):
        shape = device.subgraph([int(q) for q in region])
        degrees = [shape.degree(v) for v in shape.node_indices()]
        key = tuple(sorted((d, *sorted(degrees[u] for u in shape.neighbors(v))) for v, d in enumerate(degrees)))
        known = kinds.setdefault(key, [])
        for i, (other, times) in enumerate(known):
            if rx.is_isomorphic(shape, other):
                known[i] = (other, times + 1)
                break
        else:
            known.append((shape, 1))
    found = sorted((item for known in kinds.values() for item in known), key=lambda item: -item[1])
    return [shape for shape, _ in found[:_MOST_SHAPES]]


def _two_qubit_gates(circuit: QuantumCircuit) -> int:
    return sum((3 if item.operation.name == "swap" else 1) for item in circuit.data if len(item.qubits) == 2)
