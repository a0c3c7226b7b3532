from dataclasses import replace

import numpy as np
import pytest

from qalgs.problems import haar_state
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.measuring.plan import all_settings
from qalgs.tomo.methods.objectives import LeastSquares, Likelihood
from qalgs.tomo.operators import Bases
from tests.tomo.oracle import random_factor

READOUT = np.array([[[0.97, 0.05], [0.03, 0.95]], [[0.99, 0.1], [0.01, 0.9]], [[1, 0.02], [0, 0.98]]])


def objectives():
    rng = np.random.default_rng(1)
    psi = haar_state(3, 1)
    p = Bases(all_settings(3)).probabilities(psi[:, None])
    counts = CountsData(all_settings(3), rng.multinomial(300, p / p.sum(axis=1, keepdims=True)))
    labels = PauliData.simulate(psi, 0.6, 200, rng)
    return {
        "likelihood": Likelihood(counts),
        "likelihood with floor": Likelihood(counts, floor=0.07),
        "likelihood with readout": Likelihood(replace(counts, readout=READOUT)),
        "likelihood with both": Likelihood(replace(counts, readout=READOUT), floor=0.07),
        "least squares": LeastSquares(labels),
    }


@pytest.mark.parametrize("name", objectives())
@pytest.mark.parametrize("r", [1, 2])
def test_direction_is_half_the_gradient_of_the_loss(name, r):
    objective = objectives()[name]
    rng = np.random.default_rng(2)
    U, V = random_factor(rng, 3, r), random_factor(rng, 3, r)
    h = 1e-5
    numerical = (objective.loss(U + h * V) - objective.loss(U - h * V)) / (2 * h)
    assert 2 * np.vdot(V, objective.direction(U)).real == pytest.approx(numerical, rel=1e-6, abs=1e-9)
    loss, direction = objective.loss_and_direction(U)
    assert loss == pytest.approx(objective.loss(U), rel=1e-12)
    np.testing.assert_array_equal(direction, objective.direction(U))


@pytest.mark.parametrize("name", objectives())
def test_a_minibatch_of_everything_is_the_full_direction(name):
    objective = objectives()[name]
    U = random_factor(np.random.default_rng(3), 3, 2)
    np.testing.assert_allclose(objective.direction(U, np.arange(objective.size)), objective.direction(U), atol=1e-12)


def test_large_minibatches_by_transform_equal_masks():
    labels = PauliData.simulate(haar_state(4, 5), 1.0, 100, np.random.default_rng(0))
    objective = LeastSquares(labels)
    U = random_factor(np.random.default_rng(4), 4, 1)
    indices = np.random.default_rng(5).integers(0, len(labels), 4 * 16 + 1)
    parts = [objective.direction(U, part) * len(part) for part in np.array_split(indices, 5)]
    np.testing.assert_allclose(objective.direction(U, indices), sum(parts) / len(indices), atol=1e-12)


def test_the_directions_are_invariant_in_gauge():
    rng = np.random.default_rng(6)
    U = random_factor(rng, 3, 2)
    V, _ = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))
    for objective in objectives().values():
        np.testing.assert_allclose(objective.direction(U @ V), objective.direction(U) @ V, atol=1e-12)


def test_counts_least_squares_is_pauli_least_squares_weighted_by_coverage():
    # Parseval: sum_b (p_s - f_s)^2 = (1/d) sum_{P in s} (Tr(P rho) - y_P,s)^2 for each setting s.
    rng = np.random.default_rng(7)
    U = random_factor(rng, 3, 2)
    settings = all_settings(3)[[5, 20]]
    counts = CountsData(settings, rng.multinomial(100, np.full(8, 1 / 8), size=2))
    bases = Bases(settings)
    from qalgs.tomo.operators.masks import expectations

    for s in range(2):
        one = counts.take(np.array([s]))
        f = one.counts[0] / 100
        left = float(((bases.probabilities(U)[s] - f) ** 2).sum())
        paulis = one.paulis()
        right = float(((expectations(paulis.x, paulis.z, U) - paulis.values) ** 2).sum()) / 8
        assert left == pytest.approx(right, rel=1e-12)
