"""First-order methods and SPSA against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qalgs import optimizers as opt
from qalgs.evaluation import Evaluation, Query
from tests.optimizers.problems import CENTRE, quadratic

FIRST_ORDER = [opt.GradientDescent(0.2), opt.Momentum(0.2, 0.5), opt.Adam(0.1)]


def run(method, gradient, x0, steps):
    """Iterates x_1 ... x_steps, written against ``gradient`` alone."""
    state, path = method.init(x0), []
    for _ in range(steps):
        query = method.ask(state)
        state = method.tell(state, Evaluation(np.zeros(1), gradient(query.points[0])[None]))
        path.append(state.x)
    return np.array(path)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 1.9), st.integers(1, 30))
def test_gradient_descent_on_a_parabola_is_a_geometric_series(step_size, steps):
    # f = x^2 / 2, so x_t = (1 - eta)^t x_0
    path = run(opt.GradientDescent(step_size), lambda x: x, np.ones(2), steps)
    np.testing.assert_allclose(path[-1], (1 - step_size) ** steps, rtol=1e-10, atol=1e-14)


def test_decay_divides_the_step():
    # a constant gradient 1 adds up -eta / (1 + t decay)
    path = run(opt.GradientDescent(0.5, decay=0.25), np.ones_like, np.zeros(1), 40)
    np.testing.assert_allclose(path[-1], -np.sum(0.5 / (1 + 0.25 * np.arange(40))), rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 1.0), st.floats(0, 0.99))
def test_momentum_on_a_parabola_is_a_linear_recursion(step_size, mu):
    # x_{t+1} = (1 - eta) z_t with z_t = (1 + mu) x_t - mu x_{t-1}: powers of a 2 x 2 matrix
    steps = 25
    path = run(opt.Momentum(step_size, mu), lambda x: x, np.ones(1), steps)
    matrix = np.array([[(1 - step_size) * (1 + mu), -(1 - step_size) * mu], [1, 0]])
    expected = (np.linalg.matrix_power(matrix, steps) @ np.ones(2))[0]
    np.testing.assert_allclose(path[-1, 0], expected, rtol=1e-8, atol=1e-12)


def test_momentum_without_momentum_is_gradient_descent():
    one = run(opt.Momentum(0.1, 0.0), np.sin, np.ones(3), 20)
    np.testing.assert_array_equal(one, run(opt.GradientDescent(0.1), np.sin, np.ones(3), 20))


@pytest.mark.parametrize("is_complex", [False, True])
def test_adam_from_its_sums(is_complex):
    # the moments as explicit weighted sums over all gradients, rather than as a recursion
    rng = np.random.default_rng(3)
    gradients = rng.normal(size=(20, 2, 3)) + (1j * rng.normal(size=(20, 2, 3)) if is_complex else 0)
    given_back = iter(gradients)
    eta, b1, b2, eps = 0.07, 0.8, 0.95, 1e-6
    path = run(opt.Adam(eta, b1, b2, eps), lambda _: next(given_back), np.zeros((2, 3), gradients.dtype), 20)
    x = np.zeros((2, 3), gradients.dtype)
    for t in range(1, 21):
        ages = np.arange(t)[::-1, None, None]
        w1, w2 = b1**ages / np.sum(b1**ages), b2**ages / np.sum(b2**ages)
        mean = np.sum(w1 * gradients[:t], axis=0)
        scale = np.sqrt(np.sum(w2 * (gradients[:t] * gradients[:t].conj()).real, axis=0))
        x = x - eta * mean / (scale + eps)
        np.testing.assert_allclose(path[t - 1], x, rtol=1e-10)


def test_the_first_step_of_adam_has_the_length_of_the_step_size():
    path = run(opt.Adam(0.05), lambda x: np.array([3.0, -1e-3, 2e3]), np.zeros(3), 1)
    np.testing.assert_allclose(path[0], [-0.05, 0.05, -0.05], rtol=1e-4)


@pytest.mark.parametrize("method", FIRST_ORDER)
def test_a_complex_point_is_two_real_ones(method):
    # f = sum w |z - c|^2 / 2 with equal weights in the real and imaginary part
    rng = np.random.default_rng(0)
    c = rng.normal(size=(4, 2)) + 1j * rng.normal(size=(4, 2))
    path = run(method, lambda z: z - c, np.zeros((4, 2), complex), 400)
    assert path.dtype == complex
    np.testing.assert_allclose(path[-1], c, atol=1e-3)
    if not isinstance(method, opt.Adam):  # Adam scales by the modulus, so parts do not separate there
        real = run(method, lambda x: x - c.real, np.zeros((4, 2)), 400)
        np.testing.assert_array_equal(path.real, real)


@given(st.floats(-np.pi, np.pi))
@settings(max_examples=20, deadline=None)
def test_a_global_phase_goes_through(phase):
    c = np.array([0.3 + 0.4j, -1.0 + 0.2j])
    turn = np.exp(1j * phase)
    for method in FIRST_ORDER:
        straight = run(method, lambda z: z - c, np.zeros(2, complex), 15)
        turned = run(method, lambda z: z - turn * c, np.zeros(2, complex), 15)
        np.testing.assert_allclose(turned, turn * straight, atol=1e-12)


@pytest.mark.parametrize(
    "method",
    [opt.GradientDescent(0.3, tolerance=1e-4), opt.Momentum(0.2, 0.5, 1e-4), opt.Adam(0.1, tolerance=1e-4)],
)
def test_a_tolerance_ends_the_run_where_the_gradient_is_small(method):
    objective = quadratic()
    result = opt.minimize(objective, np.zeros(3), method, max_steps=3000)
    gradient = objective.evaluate(Query(result.x[None], True)).gradient
    assert np.linalg.norm(gradient) <= 1e-4
    assert result.status.name == "CONVERGED"
    assert "tolerance" in result.message
    assert result.evaluations == result.steps  # the value at x is known, so it is not evaluated again
    assert len(method.ask(result.state).points) == 0


def test_spsa_is_unbiased_on_a_quadratic():
    # f = x A x / 2 + b x: the difference quotient along D is exactly g.D, and E[D D^T] = 1
    A = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 1.5]])
    b, x = np.array([0.3, -0.2, 0.1]), np.array([0.4, -0.7, 0.2])
    objective = opt.FunctionObjective(lambda x: 0.5 * x @ A @ x + b @ x)
    method = opt.SPSA(samples=1)
    estimates = []
    for seed in range(4000):
        state = method.init(x, rng=seed)
        estimates.append(method.gradient(state, objective.evaluate(method.ask(state))))
    mean, spread = np.mean(estimates, axis=0), np.std(estimates, axis=0, ddof=1) / np.sqrt(4000)
    assert np.all(np.abs(mean - (A @ x + b)) < 5 * spread)
    assert np.all(spread > 0)


def test_spsa_in_one_dimension_is_exact_on_a_parabola():
    method = opt.SPSA()
    objective = opt.FunctionObjective(lambda x: float(x[0] ** 2))
    state = method.init([0.7], rng=1)
    np.testing.assert_allclose(method.gradient(state, objective.evaluate(method.ask(state))), [1.4])


def test_spsa_directions_differ_from_step_to_step_and_seed_to_seed():
    method = opt.SPSA(samples=1)
    zero = Evaluation(np.zeros(2))
    state = method.init(np.zeros(64), rng=0)
    first, other = method.ask(state).points[0], method.ask(method.init(np.zeros(64), rng=1)).points[0]
    second = method.ask(method.tell(state, zero)).points[0]
    assert not np.array_equal(np.sign(first), np.sign(second))
    assert not np.array_equal(np.sign(first), np.sign(other))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: opt.GradientDescent(-0.1), ValueError),
        (lambda: opt.GradientDescent(np.nan), ValueError),
        (lambda: opt.GradientDescent("fast"), TypeError),
        (lambda: opt.GradientDescent(decay=-1), ValueError),
        (lambda: opt.Momentum(momentum=1.5), ValueError),
        (lambda: opt.Adam(beta1=1.0), ValueError),
        (lambda: opt.Adam(tolerance=0), ValueError),
        (lambda: opt.SPSA(perturbation=0), ValueError),
        (lambda: opt.SPSA(samples=1.5), TypeError),
    ],
)
def test_bad_settings_are_refused(make, error):
    with pytest.raises(error, match="Argument `"):
        make()


def test_a_complex_gradient_needs_a_complex_point():
    method = opt.GradientDescent()
    state = method.init(CENTRE)
    with pytest.raises(TypeError, match="must be real because the point is"):
        method.tell(state, Evaluation(np.zeros(1), 1j * np.ones((1, 3))))


def test_spsa_refuses_complex_points():
    with pytest.raises(TypeError, match="must be real"):
        opt.SPSA().init(np.array([1j]))
