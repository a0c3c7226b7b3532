"""The exact estimator against dense vectors and finite differences."""

import numpy as np
import pytest

from qalgs.backends import get
from qalgs.eigen.deflation import Parents, SchurDeflation, SelfWeightedDeflation, SumDeflation, VQDDeflation
from qalgs.eigen.estimator import Question
from qalgs.eigen.exact import ExactEstimator
from tests.eigen.states import as_parents, everything, loss, random_hamiltonian, state

RULES = [SumDeflation(), SchurDeflation(), VQDDeflation(1.3), SelfWeightedDeflation()]
H = random_hamiltonian(3)
SHIFT = 9.0


@pytest.fixture(scope="module")
def players():
    """Three players, of which two share a circuit."""
    plain, referred = everything(), everything((1,))
    rng = np.random.default_rng(1)
    return [plain, plain, referred], [rng.uniform(-np.pi, np.pi, 5) for _ in range(3)]


@pytest.fixture(scope="module")
def estimator(players):
    return ExactEstimator(players[0], H, get("statevector"))


def question(players, rule, points, *, gradient=False, r=2):
    circuits, params = players
    nobody = Parents((), (), np.zeros((0, 0), complex), np.zeros((0, 0), complex))
    parents = as_parents(circuits, H, tuple(range(r)), params[:r]) if r else nobody
    return Question(r, np.atleast_2d(points), parents, rule, SHIFT, gradient)


@pytest.mark.parametrize("rule", RULES)
def test_losses_energies_and_cross_terms_are_those_of_dense_vectors(players, estimator, rule):
    circuits, params = players
    points = np.random.default_rng(2).uniform(-3, 3, (4, 5))
    (answer,) = estimator.evaluate([question(players, rule, points)])
    parents = as_parents(circuits, H, (0, 1), params[:2])
    own, dense = [state(circuits[j], params[j]) for j in (0, 1)], H.to_matrix()
    for i, point in enumerate(points):
        psi = state(circuits[2], point)
        assert answer.energy[i] == pytest.approx(np.vdot(psi, dense @ psi).real, abs=1e-12)
        assert answer.loss[i] == pytest.approx(loss(H, rule, psi, parents, own, SHIFT), abs=1e-11)
        np.testing.assert_allclose(answer.cross[i].h, [np.vdot(v, dense @ psi) for v in own], atol=1e-12)
        np.testing.assert_allclose(answer.cross[i].s, [np.vdot(v, psi) for v in own], atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_gradients_are_those_of_central_differences(players, estimator, rule):
    x, step = players[1][2], 1e-5
    (answer,) = estimator.evaluate([question(players, rule, x, gradient=True)])
    shifts = step * np.vstack([np.eye(5), -np.eye(5)])
    (around,) = estimator.evaluate([question(players, rule, x + shifts)])
    plus, minus = np.split(around.loss, 2)
    np.testing.assert_allclose(answer.gradient[0], (plus - minus) / (2 * step), atol=1e-8)


def test_questions_asked_together_are_answered_as_alone(players, estimator):
    points = np.random.default_rng(3).uniform(-3, 3, (3, 5))
    asked = [question(players, SumDeflation(), points[: r + 1], gradient=r != 1, r=r) for r in range(3)]
    together = estimator.evaluate(asked)
    for one, answer in zip(asked, together, strict=True):
        (alone,) = estimator.evaluate([one])
        np.testing.assert_allclose(answer.loss, alone.loss, atol=1e-12)
        assert (answer.gradient is None) == (alone.gradient is None)
        if answer.gradient is not None:
            np.testing.assert_allclose(answer.gradient, alone.gradient, atol=1e-12)
    assert [answer.counted["cross"] for answer in together] == [0, 2, 6]


def test_variances_and_pairs(players, estimator):
    circuits, params = players
    left, right = state(circuits[0], params[0]), state(circuits[2], params[2])
    dense = H.to_matrix()
    cross, _ = estimator.pair((0, params[0]), (2, params[2]))
    assert cross.h[0] == pytest.approx(np.vdot(left, dense @ right), abs=1e-12)
    assert cross.s[0] == pytest.approx(np.vdot(left, right), abs=1e-12)
    mean = np.vdot(left, dense @ left).real
    spread = np.vdot(left, dense @ dense @ left).real - mean**2
    assert estimator.variance(0, params[0]) == pytest.approx(spread, abs=1e-10)


def test_a_backend_without_states_is_refused(players):
    with pytest.raises(ValueError, match="backend"):
        ExactEstimator(players[0], H, get("aer"))
