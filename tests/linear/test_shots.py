"""Shots: frequencies within their errors, reproducible, honest about signs."""

import numpy as np
import pytest

import qalgs as qa
from qalgs.linear import HHL, QSVT, ChebyshevLCU, ProximalPoint

SHOTS = 100_000


@pytest.mark.parametrize("method", [QSVT(), QSVT(amplify=1), HHL(clock=5), ChebyshevLCU(), ProximalPoint(eta=60.0)])
def test_frequencies_agree_with_the_exact_run(method):
    A, b = qa.problems.random_spd_system(8, 10, rng=0)
    exact = qa.linear_solve(A, b, method=method, eps=1e-2, engine="numpy")
    shots = qa.linear_solve(A, b, method=method, eps=1e-2, shots=SHOTS, rng=1)
    assert shots.state is None
    assert np.abs(shots.probabilities - exact.probabilities).sum() / 2 < 0.02
    assert np.all(np.abs(shots.probabilities - exact.probabilities) <= 5 * shots.probabilities_err + 1e-4)
    assert abs(shots.success_probability - exact.success_probability) <= 3 * shots.success_probability_err
    assert abs(shots.norm - exact.norm) <= 3 * shots.norm_err
    assert shots.queries.per_run == exact.queries.per_run
    assert shots.cost.shots == SHOTS


def test_same_seed_same_counts():
    A, b = qa.problems.random_spd_system(4, 5, rng=0)
    one, two, other = (qa.linear_solve(A, b, eps=0.1, shots=500, rng=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    assert not np.array_equal(one.probabilities, other.probabilities)


def test_padded_and_dilated_systems_keep_the_unknowns_as_given():
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(3, 3)) + 2 * np.eye(3), np.ones(3)
    x = np.linalg.solve(A, b)
    result = qa.linear_solve(A, b, eps=1e-3, shots=20_000, rng=0, verify=True)
    expected = x**2 / (x @ x)
    assert np.all(np.abs(result.probabilities - expected) <= 5 * result.probabilities_err + 2e-3)
    assert result.error is None
    assert "signs" in " ".join(result.notes)


def test_no_success_is_said():
    # b lies along the largest eigenvalue: the success is about (0.98 / 1.1 kappa)^2 = 3e-4
    with pytest.raises(ValueError, match="None of 1 shots succeeded"):
        qa.linear_solve(np.diag([1.0, 0.02]), [1.0, 0.0], eps=1e-2, shots=1, rng=0)


def test_several_steps_need_signs():
    A, b = qa.problems.random_spd_system(4, 5, rng=0)
    with pytest.raises(ValueError, match="`steps` must be 1 with shots"):
        qa.linear_solve(A, b, method=ProximalPoint(eta=9.0, steps=2), eps=0.1, shots=100)
