"""Counts of placements and regions, and pools of circuits that need SWAPs."""

import time
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp, Statevector

from qalgs.backends import CapabilityError, EspModel
from qalgs.vqa.placements import placement_pool, route
from qalgs.vqa.schedules import Schedule
from qalgs_backends.devices.placements import connected_regions, coupling_graph, layouts_of_shape
from tests.vqa.devices import ansatz, calibration, pool


def line(n):
    return [(i, i + 1) for i in range(n - 1)]


@pytest.mark.parametrize(
    ("name", "lines", "regions"), [("Sherbrooke", 496, 284), ("Boston", 612, 354), ("Nighthawk", 3276, 1697)]
)
def test_numbers_of_lines_and_regions(name, lines, regions):
    """Of four qubits on all couplers, dead ones too; every one once."""
    known = calibration(name)
    found = layouts_of_shape(known, 4, line(4), max_error=None)
    assert len(found) == len(np.unique(found, axis=0)) == lines
    sets = connected_regions(known, 4, max_error=None)
    assert len(sets) == len(np.unique(sets, axis=0)) == regions
    assert (np.diff(sets, axis=1) > 0).all()


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("Sherbrooke", (496, 684, 868, 1200, 1524)),
        ("Boston", (612, 856, 1072, 1506, 1900)),
        ("Nighthawk", (3276, 8312, 21724, 54472, 139236)),
    ],
)
def test_numbers_of_longer_lines(name, counts):
    known = calibration(name)
    assert tuple(len(layouts_of_shape(known, n, line(n), max_error=None)) for n in range(4, 9)) == counts


def test_lines_and_subgraph_search_agree():
    """Lines are searched in their own way; the same shape with a limit in force goes through VF2."""
    known = calibration("Sherbrooke")
    own = layouts_of_shape(known, 5, [(2, 0), (0, 4), (4, 1), (1, 3)])
    device = nx.Graph(list(known.couplers))
    shape = nx.Graph([(2, 0), (0, 4), (4, 1), (1, 3)])
    search = nx.algorithms.isomorphism.GraphMatcher(device, shape)
    other = [[{v: k for k, v in m.items()}[i] for i in range(5)] for m in search.subgraph_monomorphisms_iter()]
    assert sorted(own.tolist()) == sorted(other)
    few = layouts_of_shape(known, 5, [(2, 0), (0, 4), (4, 1), (1, 3)], limit=30)
    assert len(few) == 30
    assert set(map(tuple, few.tolist())) <= set(map(tuple, own.tolist()))


def test_a_threshold_leaves_couplers_out():
    known = calibration("Boston")
    worst = max(known.couplers.values())
    strict = coupling_graph(known, max_error=worst)
    assert strict.num_edges() == sum(error < worst for error in known.couplers.values())
    places = layouts_of_shape(known, 4, line(4), max_error=0.005)
    for place in places[:50].tolist():
        for pair in pairwise(place):
            assert known.couplers[tuple(sorted(pair))] < 0.005
    with pytest.raises(ValueError, match="`max_error` must be greater than 0"):
        coupling_graph(known, max_error=0.0)


def test_a_pool_keeps_the_best_order_on_each_set():
    kept, every = pool("Boston", 4), placement_pool(calibration("Boston"), ansatz(4), orientations="all")
    assert not kept.routed
    sets = {tuple(sorted(place)): esp for place, esp in zip(kept.placements.tolist(), kept.esp, strict=True)}
    assert len(sets) == len(kept)
    best = {}
    for place, esp in zip(every.placements.tolist(), every.esp, strict=True):
        best[tuple(sorted(place))] = max(esp, best.get(tuple(sorted(place)), 0.0))
    assert sets == best
    np.testing.assert_allclose(kept.esp, EspModel(kept.calibration, kept.circuit).evaluate(kept.placements).total)


@pytest.mark.parametrize("seed", range(3))
def test_routed_circuits_do_the_same(seed):
    """A ring has no place on heavy hex; with SWAPs its energies are those of the ring."""
    ring = efficient_su2(4, reps=1, entanglement="circular")
    routed = placement_pool(calibration("Sherbrooke"), ring)
    assert routed.routed
    assert len(routed) > 20
    rng = np.random.default_rng(seed)
    point = rng.uniform(-3, 3, ring.num_parameters)
    operator = SparsePauliOp(["".join(rng.choice(list("IXYZ"), 4)) for _ in range(8)], rng.normal(size=8))
    exact = Statevector(ring.assign_parameters(point)).expectation_value(operator)
    parameters = dict(zip(ring.parameters, point, strict=True))
    moved = Statevector(routed.circuit.assign_parameters(parameters))
    assert moved.expectation_value(routed.observable(operator)) == pytest.approx(exact, abs=1e-12)
    target = routed.calibration.couplers
    for place in routed.placements[:20].tolist():
        for item in routed.circuit.data:
            if len(item.qubits) == 2:
                a, b = (place[routed.circuit.find_bit(q).index] for q in item.qubits)
                assert (min(a, b), max(a, b)) in target


def test_routing_on_a_square_lattice_is_not_needed_for_a_square():
    ring = efficient_su2(4, reps=1, entanglement="circular")
    assert not placement_pool(calibration("Nighthawk"), ring).routed
    with pytest.raises(CapabilityError, match="no connected region of 4"):
        route(calibration("Nighthawk"), ring, max_error=1e-6)


def energies(found, operator, point, rows):
    """Noiseless energies at one point, run on the placements of a plan on the whole device."""
    out = []
    for place in found.placements[rows].tolist():
        wide = QuantumCircuit(max(place) + 1)
        wide.compose(found.circuit, place, inplace=True)
        used = sorted(place)
        narrow = QuantumCircuit(len(used))
        for item in wide.assign_parameters(point).decompose().data:
            narrow.append(item.operation, [used.index(wide.find_bit(q).index) for q in item.qubits])
        state = Statevector(narrow)
        spots = [used.index(q) for q in place]
        out.append(state.expectation_value(found.observable(operator).apply_layout(spots, len(used))).real)
    return out


def test_the_energy_does_not_depend_on_the_map():
    """And would, by more than 0.1, if the order of a placement were lost."""
    found = pool("Brisbane", 4)
    plan = found.plan(Schedule(low=0.05))
    operator = SparsePauliOp(["IIIZ", "IIZI", "XYZI", "ZZII"], [1.0, -0.7, 0.9, 0.4])
    point = np.random.default_rng(5).uniform(-3, 3, found.circuit.num_parameters)
    exact = Statevector(found.circuit.assign_parameters(point)).expectation_value(operator).real
    np.testing.assert_allclose(energies(found, operator, point, plan.rows), exact, atol=1e-10)
    lost = operator.apply_layout([2, 0, 3, 1])
    assert abs(energies(found, lost, point, plan.rows[:1])[0] - exact) > 0.1


@pytest.mark.slow
def test_all_lines_of_eight_on_a_square_lattice_in_two_seconds():
    known = calibration("Nighthawk")
    circuit = ansatz(8)
    EspModel(known, ansatz(2)).evaluate([[0, 1]])  # the first compilation of a process loads the transpiler
    began = time.process_time()
    places = layouts_of_shape(known, 8, line(8), max_error=None)
    model = EspModel(known, circuit)
    esp = model.evaluate(places)
    assert time.process_time() - began < 2.0
    assert len(places) == 139_236
    assert esp.total.max() == pytest.approx(0.923, abs=2e-3)
    assert np.median(esp.total) == pytest.approx(0.875, abs=2e-3)
