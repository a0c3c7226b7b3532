"""Packings against exhaustive search and against the capacities of four devices; walks that stay apart."""

from itertools import combinations

import numpy as np
import pytest
import rustworkx as rx
from hypothesis import given, settings
from hypothesis import strategies as st

from qalgs.backends import Calibration, CapabilityError
from qalgs.vqa.packing import Demand, Spacing, pack
from qalgs.vqa.schedules import Schedule
from qalgs.vqa.together import plan_together
from qalgs_backends.devices.calibration import Gate, Qubit
from qalgs_backends.devices.placements import coupling_graph, layouts_of_shape
from tests.vqa.devices import calibration, pool


def ladder(n):
    """A device of n qubits in two rows."""
    edges = [(q, q + 1) for q in range(n - 1) if q != n // 2 - 1] + [(q, q + n // 2) for q in range(n // 2)]
    gates = tuple(Gate("cz", edge, 0.01, 1e-7) for edge in edges)
    return Calibration("ladder", None, None, (Qubit(1e-4, 1e-4, 0.01, 0.01),) * n, gates)


def distance(known, a, b):
    distances = rx.distance_matrix(coupling_graph(known, max_error=None), null_value=np.inf)
    return distances[np.ix_(a, b)].min()


@settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(0, 2), st.integers(1, 3))
def test_packings_are_optimal(seed, buffer, copies):
    known = ladder(10)
    places = layouts_of_shape(known, 2, [(0, 1)])
    rng = np.random.default_rng(seed)
    places = places[rng.choice(len(places), 12, replace=False)]
    weights = rng.random(12)
    fits = [
        rows
        for rows in combinations(range(12), copies)
        if all(distance(known, places[a], places[b]) > buffer for a, b in combinations(rows, 2))
    ]
    demand = [Demand(places, weights, copies)]
    if not fits:
        with pytest.raises(CapabilityError, match="do not fit on ladder"):
            pack(demand, known, buffer=buffer)
        return
    best = max(weights[list(rows)].sum() for rows in fits)
    packing = pack(demand, known, buffer=buffer)
    assert packing.optimal
    assert tuple(packing.rows[0].tolist()) in fits
    assert packing.weight == pytest.approx(best, abs=1e-9)
    most = pack([Demand(places, weights, None)], known, buffer=buffer).num_programs
    assert most >= copies


def test_different_programs_share_a_device():
    known = ladder(12)
    lines, pairs = (layouts_of_shape(known, n, [(i, i + 1) for i in range(n - 1)]) for n in (3, 2))
    rng = np.random.default_rng(0)
    demands = [Demand(lines, rng.random(len(lines)), 1), Demand(pairs, rng.random(len(pairs)), 2)]
    for method in ("optimum", "greedy"):
        packing = pack(demands, known, buffer=1, method=method)
        regions = [*packing.placements[0], *packing.placements[1]]
        assert [len(r) for r in regions] == [3, 2, 2]
        assert all(distance(known, a, b) > 1 for a, b in combinations(regions, 2))
    assert pack(demands, known).weight >= pack(demands, known, method="greedy").weight


@pytest.mark.parametrize(
    ("name", "many", "any_esp"),
    [
        ("Sherbrooke", 14, 21),
        ("Brisbane", 17, 22),
        ("Boston", 27, 27),
        pytest.param("Nighthawk", 17, 17, marks=pytest.mark.slow),
    ],
)
def test_capacity_of_devices(name, many, any_esp):
    """Programs on four qubits with an idle qubit in between, at 0.9 of the best ESP and at any."""
    found = pool(name, 4)
    for least, number in ((0.9, many), (0.0, any_esp)):
        good = found.placements[found.esp >= least * found.esp[0]]
        packing = pack([Demand(good, np.zeros(len(good)), None)], found.calibration, seconds=120.0)
        assert packing.optimal
        assert packing.num_programs == number
        assert all(distance(found.calibration, a, b) >= 2 for a, b in combinations(packing.placements[0], 2))


def test_eight_programs_on_sherbrooke_beat_the_greedy_choice():
    found = pool("Sherbrooke", 4)
    demand = [Demand(found.placements, np.log(found.esp), 8)]
    assert pack(demand, found.calibration).weight >= -0.9992
    assert pack(demand, found.calibration, method="greedy").weight == pytest.approx(-1.0370, abs=1e-3)


@pytest.mark.parametrize("buffer", [0, 1, 2])
def test_buffers_are_kept_in_every_cycle(buffer):
    found = pool("Brisbane", 4)
    schedules = [Schedule(shape) for shape in ("inverted_relu", "inverted_relu", "step", "v")]
    targets = [schedule.targets(found.esp) for schedule in schedules]
    plans = plan_together([(found.placements, found.esp)] * 4, targets, found.calibration, buffer=buffer)
    for plan, aims in zip(plans, targets, strict=True):
        assert (plan.new_qubits <= 1).all()
        assert plan.cost == pytest.approx(((plan.scores - aims) ** 2).sum(), abs=1e-15)
    for c in range(6):
        for a, b in combinations([plan.placements[c] for plan in plans], 2):
            assert distance(found.calibration, a, b) > buffer


def test_alone_together_is_alone():
    found = pool("Boston", 4)
    schedule = Schedule()
    (plan,) = plan_together([(found.placements, found.esp)], [schedule.targets(found.esp)], found.calibration)
    assert plan.cost == pytest.approx(found.plan(schedule).cost, abs=1e-15)


def test_four_programs_go_on_from_where_they_stand():
    found = pool("Sherbrooke", 4)
    packing = pack([Demand(found.placements, np.log(found.esp), 4)], found.calibration)
    here = [tuple(place) for place in packing.placements[0].tolist()]
    targets = [Schedule("v", 5).targets(found.esp)] * 4
    plans = plan_together([(found.placements, found.esp)] * 4, targets, found.calibration, start=here)
    assert [tuple(plan.placements[0].tolist()) for plan in plans] == here
    assert all((plan.new_qubits <= 1).all() for plan in plans)


def test_spacing_is_the_distance_on_the_device():
    known = calibration("Brisbane")
    graph = coupling_graph(known, max_error=None)
    for buffer in (0, 1, 2):
        near = Spacing(known, buffer).near
        assert near.diagonal().all()
        for q in (0, 63):
            lengths = rx.dijkstra_shortest_path_lengths(graph, q, lambda _: 1.0)
            expected = {q} | {p for p, d in lengths.items() if d <= buffer}
            assert set(np.flatnonzero(near[q]).tolist()) == expected


def test_bad_demands_are_refused():
    places, weights = np.array([[0, 1], [4, 5]]), np.zeros(2)
    known = ladder(8)
    with pytest.raises(ValueError, match="`demands` must hold"):
        pack([], known)
    with pytest.raises(ValueError, match="`weights` must have one entry"):
        Demand(places, np.zeros(3))
    with pytest.raises(ValueError, match="`copies` must be at least 1"):
        Demand(places, weights, 0)
    with pytest.raises(ValueError, match="`buffer` must be at least 0"):
        pack([Demand(places, weights)], known, buffer=-1)
    with pytest.raises(ValueError, match="`method` must be one of"):
        pack([Demand(places, weights)], known, method="guess")
    with pytest.raises(CapabilityError, match="3 programs 1 qubits apart do not fit"):
        pack([Demand(places, weights, 3)], known)
    with pytest.raises(ValueError, match="`targets` must be given for each of 2 pools"):
        plan_together([(places, weights)] * 2, [np.zeros(2)], known)
    with pytest.raises(ValueError, match="that of program 0 is not"):
        plan_together([(places, weights)], [np.zeros(2)], known, start=[(2, 3)])
