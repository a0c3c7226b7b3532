"""Programs side by side: apart in every cycle, the same energies as alone, the merged circuit's marginals."""

from collections import Counter

import numpy as np
import pytest

import qalgs as qa
from qalgs.optimizers import SPSA
from qalgs.vqa.merged import MergedPrograms, marginal
from qalgs.vqa.packing import Spacing
from qalgs.vqa.rounds import disturbed

H = qa.problems.transverse_field_ising(2, h=0.8)
ANSATZ = qa.circuits.hardware_efficient(2, reps=1)
SCHEDULE = qa.Schedule("linear", cycles=3)


@pytest.fixture(scope="module")
def backend():
    return qa.backends.get("noisy:fake_fez")


@pytest.fixture(scope="module")
def together(backend):
    jobs = [qa.VariationalJob(H, ANSATZ, schedule=SCHEDULE, name=f"job {p}") for p in range(3)]
    return qa.colocate(jobs, backend=backend, shots=200, max_evaluations=40, rng=4)


def test_regions_keep_apart_and_walk_a_qubit_at_a_time(together):
    near = Spacing(together.calibration, 1).near
    for cycle in range(3):
        regions = [result.placements[cycle] for result in together.programs]
        for i, a in enumerate(regions):
            for b in regions[:i]:
                assert not near[np.ix_(a, b)].any()
    assert together.distance >= 1
    assert all((result.moves <= 1).all() for result in together.programs)


def test_three_programs_take_little_more_than_the_time_of_one(together):
    longest = max(result.device_seconds for result in together.programs)
    assert together.device_seconds == pytest.approx(longest, rel=0.1)
    assert together.gain > 2.6
    assert together.prices.sum() == pytest.approx(together.device_seconds)
    assert together.throughput() == pytest.approx(3 / together.device_seconds)
    assert together.throughput([-1e9] * 3) == 0
    assert "3 programs" in str(together)


def test_programs_find_their_ground_states(backend):
    jobs = [qa.VariationalJob(H, ANSATZ, schedule=SCHEDULE) for _ in range(2)]
    result = qa.colocate(jobs, backend=backend, shots=1000, max_evaluations=100, rng=1)
    exact = np.linalg.eigvalsh(H.to_matrix())[0]
    for program in result.programs:
        assert program.reference == pytest.approx(exact)
        assert abs(program.energy - exact) < 0.1 + 5 * program.energy_err  # gate and readout errors are in the energy


def test_staggered_programs_take_turns_on_the_best_region(backend):
    calibration = backend.calibration
    best = qa.placement_pool(calibration, ANSATZ).placements[0]
    step = qa.Schedule("v", cycles=4, low=0.3)  # best, poor, poor, best
    jobs = [qa.VariationalJob(H, ANSATZ, schedule=step, delay=delay) for delay in (0, 2)]
    result = qa.colocate(jobs, backend=backend, shots=50, max_evaluations=24, moves=2, rng=2)
    near = Spacing(calibration, 1).near
    first, second = (program.placements for program in result.programs)
    for cycle in (2, 3):
        assert not near[np.ix_(first[cycle], second[cycle - 2])].any()
    assert set(first[0].tolist()) == set(best.tolist())
    assert set(second[-1].tolist()) == set(best.tolist())
    together = [np.array(program.history["cycle"]) for program in result.programs]
    assert all(set(cycles.astype(int)) == {0, 1, 2, 3} for cycles in together)
    assert result.gain < 2  # they are alone for a third of the run


def test_programs_may_have_different_numbers_of_cycles(backend):
    jobs = [
        qa.VariationalJob(H, ANSATZ, schedule=qa.Schedule("flat", cycles=1)),
        qa.VariationalJob(H, ANSATZ, schedule=SCHEDULE, delay=1),
    ]
    for merged in (False, True):
        result = qa.colocate(jobs, backend=backend, shots=50, max_evaluations=12, merged=merged, rng=2)
        assert [len(program.placements) for program in result.programs] == [1, 3]


def test_the_same_seed_repeats_and_a_callback_can_end(backend):
    jobs = [qa.VariationalJob(H, ANSATZ, optimizer=SPSA(), schedule=SCHEDULE) for _ in range(2)]

    def run(callback=None):
        return qa.colocate(jobs, backend=backend, shots=50, max_evaluations=24, rng=7, callback=callback)

    first, again = run(), run()
    for a, b in zip(first.programs, again.programs, strict=True):
        np.testing.assert_array_equal(a.history["energy"], b.history["energy"])

    def stop(step):
        if step.index == 3:
            raise StopIteration("enough")

    ended = run(stop)
    assert ended.programs[0].message == "enough"
    assert ended.rounds < first.rounds


def test_merged_marginals_are_the_separate_runs(backend):
    circuits = [ANSATZ, qa.circuits.hardware_efficient(3, reps=1)]
    operators = [H, qa.problems.xxz(3, delta=0.5)]
    calibration = backend.calibration
    pools = [qa.placement_pool(calibration, circuit) for circuit in circuits]
    from qalgs.vqa.together import plan_together

    plans = plan_together([(p.placements, p.esp) for p in pools], [np.ones(1)] * 2, calibration)
    places = [plan.placements[0].tolist() for plan in plans]
    merged = MergedPrograms.prepare(backend, circuits, operators, places)
    rng = np.random.default_rng(2)
    points = [rng.uniform(-2, 2, (2, c.num_parameters)) for c in circuits]
    answers, cost = merged.evaluate(points, 4000, 3)
    assert cost.circuits == 2 * max(grouping.num_bases for grouping in merged.groupings)
    for circuit, operator, place, own, answer in zip(circuits, operators, places, points, answers, strict=True):
        alone = backend.expect(backend.prepare(circuit, operator, qubits=place), own, shots=4000, rng=5)
        spread = np.hypot(answer.value_err, alone.values_err[:, 0])
        assert (abs(answer.value - alone.values[:, 0]) < 5 * spread).all()


def test_the_merged_run_agrees_with_regions_one_by_one(backend):
    jobs = [qa.VariationalJob(H, ANSATZ, schedule=qa.Schedule("flat", cycles=1)) for _ in range(2)]
    apart, whole = (
        qa.colocate(jobs, backend=backend, shots=2000, max_evaluations=15, merged=merged, rng=3)
        for merged in (False, True)
    )
    assert apart.circuits == whole.circuits
    assert apart.device_seconds == whole.device_seconds
    for a, b in zip(apart.programs, whole.programs, strict=True):
        # the first question is the same point with other shots
        spread = np.hypot(a.history["energy_err"][0], b.history["energy_err"][0])
        assert abs(a.history["energy"][0] - b.history["energy"][0]) < 5 * spread


def test_marginals():
    assert marginal({0b1011: 3, 0b0110: 2, 0b1111: 1}, 2, 2) == Counter({0b10: 3, 0b01: 2, 0b11: 1})


def test_crosstalk_touches_only_couplers_next_to_others(backend):
    calibration = backend.calibration
    place = np.array(next(iter(calibration.couplers)))
    far = np.array([q for q in range(calibration.num_qubits) if not Spacing(calibration, 2).near[place, q].any()][:2])
    assert disturbed(calibration, place, [far], 2.0).gates == calibration.gates
    close = np.array([np.flatnonzero(Spacing(calibration, 1).near[place[1]] & ~np.isin(np.arange(156), place))[0]])
    changed = disturbed(calibration, place, [close], 2.0)
    pairs = [(a, b) for a, b in zip(calibration.gates, changed.gates, strict=True) if a != b]
    assert pairs
    for before, after in pairs:
        assert set(before.qubits) == set(place.tolist())
        assert after.error == pytest.approx(min(1.0, 3 * before.error))


@pytest.mark.parametrize(
    ("jobs", "arguments", "error", "message"),
    [
        ([], {}, ValueError, "at least one job"),
        ([qa.VariationalJob(H, ANSATZ, delay=-1)], {}, ValueError, "delay"),
        ([qa.VariationalJob(H, ANSATZ)], {"crosstalk": 1.0, "merged": True}, ValueError, "crosstalk"),
        ([qa.VariationalJob(H, ANSATZ)] * 60, {}, qa.backends.CapabilityError, "do not fit"),
    ],
)
def test_bad_arguments_are_refused(jobs, arguments, error, message, backend):
    with pytest.raises(error, match=message):
        qa.colocate(jobs, backend=backend, max_evaluations=5, **arguments)
