"""Claims about placements on the experiments' own data; bounds are the design's, with its seeds' number."""

from dataclasses import replace

import numpy as np
import pytest

import qalgs as qa
from experiments.bench import nest as bench
from experiments.nest import comparison, queue, search
from experiments.nest.common import Setting, Task, median_time, paired, settled_after, survival
from qalgs.vqa.placements import placement_pool
from qalgs.vqa.schedules import Schedule


def test_kaplan_and_meier_without_censoring_is_the_share_that_is_left():
    times = np.array([3.0, 1.0, 2.0, 4.0])
    when, left = survival(times, np.full(4, 10.0))
    np.testing.assert_allclose(when, [1, 2, 3, 4])
    np.testing.assert_allclose(left, [0.75, 0.5, 0.25, 0])
    assert median_time(times, np.full(4, 10.0)) == 2


def test_kaplan_and_meier_counts_ended_runs_until_they_ended():
    # One of four reaches its level at 1, one ends unsuccessfully at 2, one of the two that are left gets there at 3.
    when, left = survival(np.array([1, np.inf, 3, np.inf]), np.array([9, 2, 9, 9]))
    at = dict(zip(when.tolist(), left.tolist(), strict=True))
    assert at[1] == pytest.approx(3 / 4)
    assert at[3] == pytest.approx(3 / 4 * 1 / 2)
    assert median_time(np.array([1, np.inf, np.inf, np.inf]), np.full(4, 9.0)) is None
    assert median_time(np.full(4, np.inf), np.full(4, 9.0)) is None


def test_paired_differences():
    rng = np.random.default_rng(0)
    base = rng.normal(size=40)
    facts = paired(base - 0.5 + 0.1 * rng.normal(size=40), base)
    assert facts["low"] < facts["difference"] < facts["high"] < -0.4
    assert facts["wins"] == 40
    assert facts["p"] < 1e-6
    assert set(paired(base, base)) == {"difference", "wins"}


def test_the_rule_ends_a_real_run_where_its_history_says():
    task = Task.of("H2", "fake_fez")
    setting = Setting(qa.BestMap(), 64, 200, qa.optimizers.SPSA())
    seed = np.random.SeedSequence(2)
    whole = task.run(setting, seed)
    stopped = qa.vqe(
        task.hamiltonian,
        task.ansatz,
        optimizer=setting.optimizer,
        schedule=setting.policy,
        backend=task.backend,
        shots=64,
        max_evaluations=200,
        stop=qa.Plateau(),
        rng=seed,
    )
    settled = settled_after(whole)
    assert np.isfinite(settled)
    in_search = stopped.history["cycle"].size - (stopped.evaluations - settled)
    assert settled <= in_search <= settled + 1  # SPSA asks for two values at a time


def test_penalties_leave_the_ground_energy_where_it_is():
    task = Task.of("HeH+", "fake_fez")
    assert task.ground == pytest.approx(-2.8516, abs=2e-4)
    assert np.linalg.eigvalsh(task.hamiltonian.to_matrix())[0] == pytest.approx(task.ground, abs=1e-8)
    assert (task.noiseless_gap(np.random.default_rng(0).uniform(-3, 3, (5, 32))) > 0).all()


@pytest.fixture(scope="module")
def rows():
    config = replace(
        comparison.PRESETS["paper"],
        molecules=("H2",),
        devices=("fake_brisbane",),
        policies=("nest", "bestmap", "bestmap, restarts"),
    )
    return {row["policy"]: row for row in comparison.compute(config)}


@pytest.mark.slow
def test_nest_beats_the_best_placement_without_restarts(rows):
    assert rows["nest"]["gap_median"] <= 0.19
    assert rows["bestmap"]["gap_median"] >= 0.25
    assert rows["bestmap"]["wins"] >= 20
    assert rows["bestmap"]["within_three_quarters"] >= 20


@pytest.mark.slow
def test_nest_equals_the_best_placement_with_restarts_and_leaves_it_free():
    config = replace(
        comparison.PRESETS["paper"],
        molecules=("H2",),
        devices=("fake_brisbane",),
        policies=("nest", "bestmap, restarts"),
        seeds=64,
        seed=10,
    )
    nest, best = comparison.compute(config)
    assert -0.03 < best["low"] < best["high"] < 0.03
    assert nest["on_prime"] <= 0.67
    assert best["on_prime"] == 1


def test_candidates_cost_the_same_shots():
    for setting, _ in search.settings(search.PRESETS["paper"]).values():
        shots = setting.shots if isinstance(setting.shots, tuple) else (setting.shots,)
        assert np.mean(shots) == pytest.approx(1024, abs=1)
        assert setting.max_evaluations == 432


def test_a_queue_side_by_side_loses_no_program():
    config = replace(queue.PRESETS["smoke"], problems=("ising:2",), programs=2, cycles=1, max_evaluations=15)
    first, still, nest = queue.compute(config)
    assert len(first["score"]) == len(still["score"]) == len(nest["score"]) == config.programs
    assert first["batches"] == config.programs
    assert still["batches"] == nest["batches"] == 1
    assert nest["programs_per_hour"] > 1.7 * first["programs_per_hour"]
    assert nest["mean_wait"] == 0 < first["mean_wait"]


def test_greedy_walks_are_no_better_than_exact_ones():
    pool = placement_pool(qa.backends.get("noisy:fake_brisbane").calibration, bench.line(4))
    for shape in ("inverted_relu", "linear", "v"):
        schedule = Schedule(shape)
        assert bench.greedy_walk(pool, schedule.targets(pool.esp)) >= pool.plan(schedule).rmse - 1e-12


def test_the_benchmarks_peers_agree_with_ours():
    assert bench.ratings("Boston", 3, 1)["difference"] < 1e-12
    assert bench.scores("Boston", 3, 1)["difference"] < 1e-12
