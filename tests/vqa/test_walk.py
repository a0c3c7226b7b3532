"""Walks against exhaustive search, their guarantees on five devices, and re-planning."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qalgs.vqa.placements import placement_pool
from qalgs.vqa.schedules import SHAPES, Schedule
from qalgs.vqa.walk import WalkGraph, new_qubits, plan_walk, random_plan, row_of
from tests.vqa.devices import FIVE, ansatz, calibration, pool


def greedy(placements, scores, targets, moves):
    """Step by step to the nearest reachable score."""
    rows = [int(np.argmin(abs(scores - targets[0])))]
    for aim in targets[1:]:
        stays = (placements[:, :, None] == placements[rows[-1]]).any(axis=2).sum(axis=1)
        reach = np.flatnonzero(placements.shape[1] - stays <= moves)
        rows.append(int(reach[np.argmin(abs(scores[reach] - aim))]))
    return rows


def brute(placements, scores, targets, moves, qubit_cost, relabel_cost):
    """The least cost of all sequences."""
    best, M = np.inf, len(placements)
    new = np.array([[new_qubits(a, b) for b in placements] for a in placements])
    hosts = (placements[:, None] != placements[None]).sum(axis=2)
    step = np.where(new > moves, np.inf, qubit_cost * new + relabel_cost * hosts)
    for rows in product(range(M), repeat=len(targets)):
        cost = sum((scores[m] - t) ** 2 for m, t in zip(rows, targets, strict=True))
        best = min(best, cost + sum(step[a, b] for a, b in pairwise(rows)))
    return best


@given(st.integers(0, 10_000), st.integers(0, 3), st.sampled_from([0.0, 0.01]), st.sampled_from([0.0, 0.003]))
def test_plans_are_optimal(seed, moves, qubit_cost, relabel_cost):
    rng = np.random.default_rng(seed)
    placements = np.array([rng.permutation(6)[:3] for _ in range(6)])
    scores, targets = rng.random(6), rng.random(3)
    plan = plan_walk(placements, scores, targets, moves=moves, qubit_cost=qubit_cost, relabel_cost=relabel_cost)
    assert plan.cost == pytest.approx(brute(placements, scores, targets, moves, qubit_cost, relabel_cost), abs=1e-12)
    assert (plan.new_qubits <= moves).all()
    np.testing.assert_array_equal(plan.placements, placements[plan.rows])


@given(st.integers(0, 10_000), st.integers(0, 5))
def test_the_graph_holds_every_pair_within_reach_and_no_other(seed, moves):
    rng = np.random.default_rng(seed)
    placements = np.array([rng.permutation(8)[:4] for _ in range(12)])
    graph = WalkGraph.of(placements, rng.random(12), moves)
    found = {}
    for m in range(12):
        for e in range(graph.starts[m], graph.starts[m + 1]):
            found[int(graph.sources[e]), m] = (graph.new_qubits[e], graph.new_hosts[e])
    expected = {
        (a, b): (new_qubits(placements[a], placements[b]), int((placements[a] != placements[b]).sum()))
        for a, b in product(range(12), repeat=2)
        if new_qubits(placements[a], placements[b]) <= moves
    }
    assert found == expected


@pytest.mark.parametrize("n", [4, 6])
@pytest.mark.parametrize("name", FIVE)
def test_one_qubit_at_a_time_on_every_device_with_every_schedule(name, n):
    found = pool(name, n)
    graph = WalkGraph.of(found.placements, found.esp, 1)
    for shape in SHAPES:
        targets = Schedule(shape).targets(found.esp)
        plan = plan_walk(found.placements, found.esp, targets, graph=graph)
        assert (plan.new_qubits <= 1).all()
        assert len(plan.rows) == 6
        alone = greedy(found.placements, found.esp, targets, 1)
        assert plan.cost <= ((found.esp[alone] - targets) ** 2).sum() + 1e-15


@pytest.mark.parametrize(("n", "most"), [(4, 0.02), (6, 0.06)])
def test_how_closely_the_published_schedule_is_followed(n, most):
    """FakeBrisbane, inverted ReLU from the 5 % quantile to the best; a greedy walk is off by .06 and .23."""
    found = pool("Brisbane", n)
    plan = found.plan(Schedule("inverted_relu", 6, 0.05, 1.0))
    assert plan.rmse <= most
    low, high = np.quantile(found.esp, 0.05), found.esp[0]
    absolute = Schedule("inverted_relu", 6, low, high, units="esp", grid="published")
    assert found.plan(absolute).rmse <= most
    walked = greedy(found.placements, found.esp, absolute.targets(found.esp), 1)
    assert np.sqrt(np.mean((found.esp[walked] - absolute.targets(found.esp)) ** 2)) > most


def test_the_best_map_and_free_jumps():
    found = pool("Boston", 4)
    flat = found.plan(Schedule("flat"))
    assert set(flat.rows.tolist()) == {0}
    assert flat.cost == 0.0
    stages = found.plan(Schedule("step", low=0.25), moves=None)
    assert len(set(stages.rows.tolist())) == 2
    assert stages.rows[-1] == 0
    bound = found.plan(Schedule("step", low=0.25), moves=4)
    assert bound.cost == pytest.approx(stages.cost, abs=1e-15)
    still = found.plan(Schedule("linear"), moves=0)
    assert len(set(still.rows.tolist())) == 1


def test_prices_keep_the_walk_quiet():
    found = placement_pool(calibration("Brisbane"), ansatz(4), orientations="all")
    free = found.plan(Schedule("v"))
    dear = found.plan(Schedule("v"), relabel_cost=1e-3)
    assert dear.new_hosts.sum() < free.new_hosts.sum()
    assert found.plan(Schedule("v"), qubit_cost=10.0).new_qubits.sum() == 0


def test_ties_fall_to_staying():
    plan = plan_walk([[0, 1], [1, 0], [1, 2]], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
    assert len(set(plan.rows.tolist())) == 1


def test_same_input_same_plan():
    first, second = (placement_pool(calibration("Sherbrooke"), ansatz(4)).plan(Schedule()) for _ in range(2))
    np.testing.assert_array_equal(first.placements, second.placements)


def test_random_jumps_are_near_their_targets_and_repeat():
    found = pool("Boston", 4)
    targets = Schedule("linear", cycles=30).targets(found.esp)
    plan = random_plan(found.placements, found.esp, targets, among=5, rng=3)
    np.testing.assert_array_equal(plan.rows, random_plan(found.placements, found.esp, targets, among=5, rng=3).rows)
    for row, aim in zip(plan.rows, targets, strict=True):
        assert (abs(found.esp - aim) < abs(found.esp[row] - aim)).sum() < 5
    assert plan.new_qubits.max() > 1


def worse(known, place):
    """The calibration of another day: the errors of the couplers of ``place`` have tripled."""
    gates = tuple(
        replace(g, error=min(3 * g.error, 0.4)) if len(g.qubits) == 2 and g.error and set(g.qubits) <= place else g
        for g in known.gates
    )
    return replace(known, gates=gates, calibrated_at="2026-05-01T00:00:00+00:00")


def test_a_new_calibration_is_walked_from_where_the_run_stands():
    known, schedule = calibration("Sherbrooke"), Schedule(cycles=8)
    before = pool("Sherbrooke", 4)
    plan = before.plan(schedule)
    for cycle in (1, 3, 6):
        current = tuple(plan.placements[cycle].tolist())
        changed = worse(known, set(plan.placements[-1].tolist()))
        assert changed.digest != known.digest
        after = placement_pool(changed, before.circuit)
        again = after.plan(schedule, start=current, first=cycle)
        assert tuple(again.placements[0].tolist()) == current
        assert len(again.rows) == 8 - cycle
        assert (again.new_qubits <= 1).all()


def test_a_run_on_a_part_that_died_walks_away():
    known, schedule = calibration("Boston"), Schedule(cycles=8)
    before = pool("Boston", 4)
    current = tuple(before.placements[0].tolist())
    a, b = current[0], current[1]
    gates = tuple(replace(g, error=1.0) if set(g.qubits) == {a, b} else g for g in known.gates)
    after = placement_pool(replace(known, gates=gates), before.circuit)
    assert current not in set(map(tuple, after.placements.tolist()))
    again = after.plan(schedule, start=current, first=3)
    assert tuple(again.placements[0].tolist()) == current
    assert again.scores[0] < 1e-6
    assert (again.scores[1:] > 0.5).all()


def test_bad_input_is_refused():
    places, esp = [[0, 1], [1, 2]], [0.5, 0.6]
    with pytest.raises(ValueError, match=r"`start` must be a placement of the pool, but \(5, 6\)"):
        plan_walk(places, esp, [0.5], start=(5, 6))
    with pytest.raises(ValueError, match="`allowed` must have shape"):
        plan_walk(places, esp, [0.5], allowed=[True])
    with pytest.raises(ValueError, match="leave a sequence"):
        plan_walk(places, esp, [0.5, 0.5], allowed=[[True, False], [False, False]])
    with pytest.raises(ValueError, match="`scores` must have one entry"):
        plan_walk(places, [0.5], [0.5])
    with pytest.raises(ValueError, match="`targets` must hold"):
        plan_walk(places, esp, [])
    with pytest.raises(ValueError, match="`moves` must be at least 0"):
        plan_walk(places, esp, [0.5], moves=-1)
    with pytest.raises(ValueError, match="`qubit_cost` must be at least 0"):
        plan_walk(places, esp, [0.5], qubit_cost=-1.0)
    with pytest.raises(ValueError, match="`first` must be at most 5"):
        pool("Boston", 4).plan(Schedule(), first=6)
    many = np.stack([np.arange(8000), np.arange(1, 8001)], axis=1)
    with pytest.raises(ValueError, match="at most 40000000 steps"):
        WalkGraph.of(many, np.ones(8000), 2)
    assert row_of(np.array(places), (1, 2)) == 1
