"""The papers' claims, on the experiments' own data; the tolerances are those of the design, not fitted to one run."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.tomography import communication, figure1, mifgd, scaling, theory
from experiments.tomography.common import (
    first_below,
    measured_labels,
    measured_settings,
    plateau,
    squared_distance,
    squared_error,
)
from qalgs.problems import haar_state
from tests.tomo.oracle import random_factor


def test_errors_equal_dense_ones():
    rng, psi = np.random.default_rng(0), haar_state(3, 1)
    U = random_factor(rng, 3, 2)
    dense = np.linalg.norm(U @ U.conj().T - np.outer(psi, psi.conj())) ** 2
    assert squared_error(U, psi) == pytest.approx(dense)
    rotation = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))[0]
    assert squared_distance(U, U @ rotation) == pytest.approx(0, abs=1e-12)
    phase = np.exp(0.7j)
    assert squared_distance(psi[:, None], 1.1 * phase * psi[:, None]) == pytest.approx(0.01)


def test_exactly_so_many_labels_are_drawn():
    rng, psi = np.random.default_rng(0), haar_state(4, 1)
    data = measured_labels(psi, 100, None, rng)
    assert len(set(zip(data.x.tolist(), data.z.tolist(), strict=True))) == 100
    sampled = measured_labels(psi, 256, 50, rng)
    assert sampled.values[(sampled.x == 0) & (sampled.z == 0)] == 1
    assert len(measured_settings(psi, 7, 50, rng)) == 7


def test_curves_are_read_off_at_the_first_crossing():
    curve = np.array([1.0, 0.4, 0.6, 0.1, 0.1])
    assert (first_below(curve, 0.5), first_below(curve, 0.05)) == (1, None)
    assert plateau(curve, 0.4) == pytest.approx(0.1)


@pytest.fixture(scope="module")
def figure1_rows():
    return list(figure1.compute(figure1.PRESETS["paper"]))


@pytest.mark.slow
def test_figure_1_top_panel(figure1_rows):
    top = {row["local_steps"]: row for row in figure1_rows if row["panel"] == "top"}
    assert all(0.03 < top[h]["plateau"] < 0.07 for h in (10, 25, 50, 100))
    steps = [top[h]["steps_to_half"] for h in (10, 25, 50)]
    assert max(steps) <= 2 * min(steps)
    assert top[1]["last"] > 0.6
    assert top[200]["plateau"] > top[10]["plateau"]


@pytest.mark.slow
def test_figure_1_bottom_panel(figure1_rows):
    bottom = [row for row in figure1_rows if row["panel"] == "bottom"]

    def median(key, M):
        values = [row[key] for row in bottom if row["machines"] == M]
        return np.median([np.inf if value is None else value for value in values])

    assert median("rounds_to_level", 15) < median("rounds_to_level", 10)
    for M in (5, 10, 15, 20):
        predicted = 2 * 4**6 / (M * 200 * 100)
        assert 0.6 < median("plateau", M) / predicted < 1.4


def test_figure_1_small():
    rows = list(figure1.compute(figure1.PRESETS["smoke"]))
    top = {row["local_steps"]: row for row in rows if row["panel"] == "top"}
    assert top[1]["last"] > 0.9 > 0.5 > top[10]["last"] > top[50]["last"]
    assert top[10]["start"] == pytest.approx(1.1, abs=0.05)


def test_ten_local_steps_save_eight_rounds_of_nine():
    config = replace(
        communication.PRESETS["paper"],
        step_sizes=(0.02,),
        local_steps=(1, 10),
        settings_local_steps=(1, 20),
        distance=40,
    )
    one, ten, settings_one, settings_twenty = communication.compute(config)
    assert one["rounds"] / ten["rounds"] >= 8
    assert ten["plateau"] == pytest.approx(one["plateau"], rel=0.1)
    assert settings_twenty["rounds"] <= settings_one["rounds"] / 4


@pytest.fixture(scope="module")
def theory_rows():
    config = replace(
        theory.PRESETS["paper"],
        exact_step_sizes=(0.02,),
        noisy_machines=(2, 8),
        noisy_settings=((1, 0.1), (1, 0.05)),
        noisy_steps=800,
    )
    return list(theory.compute(config))


@pytest.mark.slow
def test_exact_data_contract_without_a_floor(theory_rows):
    for row in theory_rows:
        if row["part"] == "contraction":
            assert row["last"] < 1e-9
            assert row["factor_per_step"] <= 0.985


@pytest.mark.slow
def test_the_floor_follows_the_machines_and_the_step(theory_rows):
    floor = {(row["machines"], row["step_size"]): row["floor"] for row in theory_rows if row["part"] == "floor"}
    assert 3 < floor[2, 0.1] / floor[8, 0.1] < 5.5
    assert 1.6 < floor[2, 0.1] / floor[2, 0.05] < 2.6
    assert 1.6 < floor[8, 0.1] / floor[8, 0.05] < 2.6


@pytest.mark.slow
def test_diminishing_steps_give_one_over_t(theory_rows):
    slopes = [row["slope"] for row in theory_rows if row["part"] == "diminishing"]
    assert slopes == pytest.approx([-1, -1], abs=0.2)


def test_momentum_saves_steps_from_a_random_start():
    config = replace(mifgd.PRESETS["paper"], num_qubits=7, repeats=3, momenta=(0.0, 0.25), step_sizes=(0.5, 0.5))
    rows = [row for row in mifgd.compute(config) if row["problem"].startswith("GHZ")]
    plain, momentum = (sum(row["steps"] for row in rows[k::2]) for k in (0, 1))
    assert momentum < plain


def test_infidelities_follow_their_laws():
    config = replace(scaling.PRESETS["smoke"], num_qubits=(6,), num_settings=(100,))
    ratios = {(row["data"], row["method"]): row["ratio"] for row in scaling.compute(config)}
    # The law is a mean over data sets: one infidelity of 126 degrees of freedom scatters by an eighth.
    assert 0.5 < ratios["labels", "MiFGD"] < 1.6
    assert 0.5 < ratios["settings", "L-BFGS"] < 1.6
