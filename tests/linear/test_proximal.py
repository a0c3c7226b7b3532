"""The proximal point: its exact error laws, what "auto" decides, and its rivals at the same start."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qalgs as qa
from qalgs.linear import HHL, QSVT, Adiabatic, LinearSystem, ProximalPoint, ResidualCorrection, StartOnly
from qalgs.linear.methods import relative_distance
from qalgs.linear.proximal import needed_eta, proximal_error, reduced_kappa
from qalgs.linear.solver import state_distance
from tests.linear.systems import hermitian

KAPPA = 200
EPS = 1e-3


def proximal_step(A, b, eta, x0=0.0):
    return np.linalg.solve(np.eye(len(A)) + eta * A, x0 + eta * b)


def off_in_the_worst_direction(A, x, distance):
    """A start at ``distance`` whose error is the part of A's softest eigenvector across x."""
    u = np.linalg.eigh(A)[1][:, 0]
    u = u - x * (u @ x) / (x @ x)
    return x + distance * u / np.linalg.norm(u)


@pytest.mark.parametrize(("eta", "error"), [(1, 1.203), (10, 0.922), (100, 0.334), (1e3, 0.0471), (1e4, 0.00493)])
def test_the_worst_cold_start_reaches_the_bound_and_none_exceeds_it(eta, error):
    values = np.geomspace(0.01, 1, 16)
    assert proximal_error(100, eta) == pytest.approx(error, rel=2e-3)
    gains = eta * values / (1 + eta * values)
    worst = np.zeros(16)
    worst[0], worst[-1] = np.sqrt(gains[-1]), np.sqrt(gains[0])
    step = proximal_step(np.diag(values), values * worst, eta)
    assert state_distance(step, worst) == pytest.approx(proximal_error(100, eta), rel=1e-9)
    for b in np.random.default_rng(0).normal(size=(1000, 16)):
        assert state_distance(gains * b / values, b / values) <= proximal_error(100, eta)


@given(st.floats(1.1, 1e4), st.floats(1e-2, 1e6))
def test_the_reduced_condition_number(kappa, eta):
    d_over_eps = 1 + eta / kappa  # eta = kappa (d / eps_2 - 1)
    published = kappa - (kappa - 1) / d_over_eps
    assert reduced_kappa(kappa, eta) == pytest.approx(published, rel=1e-12)
    assert reduced_kappa(kappa, eta) == pytest.approx((1 + eta) / (1 + eta / kappa), rel=1e-12)


@given(st.floats(2, 1e3), st.floats(1e-4, 0.5), st.floats(0.01, 3), st.booleans())
def test_the_smallest_eta_just_keeps_the_error(kappa, error, delta, cold):
    eta = needed_eta(kappa, error, delta, cold=cold)
    if eta > 0:
        assert proximal_error(kappa, eta, delta, cold=cold) == pytest.approx(error, rel=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(1, 1e3), st.floats(0.01, 0.9))
def test_a_warm_start_keeps_its_bound(seed, eta, delta):
    rng = np.random.default_rng(seed)
    A, x = hermitian(rng, 6, 50), rng.normal(size=6)
    away = rng.normal(size=6)
    x0 = x + delta * np.linalg.norm(x) * away / np.linalg.norm(away)
    step = proximal_step(A, A @ x, eta, x0)
    assert state_distance(step, x) <= proximal_error(50, eta, delta, cold=False) * (1 + 1e-9)


def run(A, b, method, eps, **more):
    return qa.linear_solve(A, b, method=method, eps=eps, engine="numpy", verify=True, **more)


@pytest.mark.parametrize(("eps", "wrapped"), [(1.0, True), (0.5, True), (1e-2, False), (1e-4, False)])
def test_a_cold_start_is_wrapped_only_where_that_is_cheaper(eps, wrapped):
    A, b = qa.problems.random_spd_system(8, 50, rng=1)
    alone, chosen = run(A, b, QSVT(), eps), run(A, b, ProximalPoint(), eps)
    assert chosen.wrapped == wrapped
    assert chosen.queries.per_run < alone.queries.per_run if wrapped else chosen.queries == alone.queries
    assert chosen.error <= eps
    forced = run(A, b, ProximalPoint(allow_skip=False), eps)
    assert forced.wrapped
    assert forced.error <= eps


def test_a_close_start_is_cheaper_wrapped_and_cheaper_still_by_its_residual():
    rng = np.random.default_rng(0)
    A, b = hermitian(rng, 8, KAPPA), rng.normal(size=8)
    x = np.linalg.solve(A, b)
    distance = 2 * EPS * np.linalg.norm(x)
    x0 = off_in_the_worst_direction(A, x, distance)
    alone = run(A, b, QSVT(), EPS)
    wrapped = run(A, b, ProximalPoint(distance=distance), EPS, x0=x0)
    residual = run(A, b, ResidualCorrection(distance=distance), EPS, x0=x0)
    control = run(A, b, StartOnly(), EPS, x0=x0)
    assert wrapped.queries.per_run / alone.queries.per_run == pytest.approx(0.72, abs=0.03)
    assert residual.queries.per_run / alone.queries.per_run == pytest.approx(0.17, abs=0.03)
    assert all(result.error <= EPS for result in (alone, wrapped, residual))
    assert control.error == pytest.approx(2 * EPS, rel=1e-3)
    assert control.queries.per_run == 0
    assert residual.success_probability > 0.9
    for result in (alone, wrapped, residual):
        assert result.norm == pytest.approx(np.linalg.norm(x), rel=2 * EPS)


def test_a_start_that_is_good_enough_costs_nothing():
    A, b = qa.problems.random_spd_system(8, 50, rng=1)
    x0 = np.linalg.solve(A, b) * (1 + 0.5e-3 / 50)
    for method in (ProximalPoint(), ResidualCorrection()):
        result = run(A, b, method, EPS, x0=x0)
        assert result.queries.per_run == 0
        assert result.error <= EPS
        assert "no query" in result.notes[0]


def test_a_start_of_unknown_quality_is_not_trusted():
    A, b = qa.problems.random_spd_system(8, 50, rng=1)
    x0 = np.random.default_rng(0).normal(size=8)
    alone = run(A, b, QSVT(), EPS)
    for method in (ProximalPoint(), ResidualCorrection()):
        result = run(A, b, method, EPS, x0=x0)
        assert result.queries == alone.queries
        assert result.error <= EPS
        assert "no better than 0" in result.notes[0]
    assert run(A, b, StartOnly(), EPS, x0=x0).error_bound == np.inf


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 3), st.floats(-3, 3))
def test_the_distance_of_a_start_is_bounded_by_its_residual(seed, noise, size):
    rng = np.random.default_rng(seed)
    system = LinearSystem.of(hermitian(rng, 4, 20), rng.normal(size=4))
    x = system.solution
    x0 = x + noise * 10**size * rng.normal(size=4)
    assert np.linalg.norm(x0 - x) <= relative_distance(system, x0) * np.linalg.norm(x) * (1 + 1e-9)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.001, 2.0), st.sampled_from([0.2, 1e-2, 1e-4]), st.booleans())
def test_every_start_ends_within_eps(seed, delta, eps, told):
    rng = np.random.default_rng(seed)
    A, b = hermitian(rng, 6, 30, scale=3.0), rng.normal(size=6)
    x, away = np.linalg.solve(A, b), rng.normal(size=6)
    distance = delta * np.linalg.norm(x)
    x0 = x + distance * away / np.linalg.norm(away)
    known = {"distance": distance} if told else {}
    for method in (ProximalPoint(**known), ResidualCorrection(**known)):
        result = run(A, b, method, eps, x0=x0)
        assert result.error <= result.error_bound == eps
        assert result.queries.per_run <= run(A, b, QSVT(), eps).queries.per_run


@pytest.mark.parametrize("method", [ProximalPoint(), ProximalPoint(oracle_start=True), ResidualCorrection()])
def test_circuits_of_warm_starts_do_the_arithmetic(method):
    A, b = qa.problems.random_spd_system(4, 10, rng=3)
    x = np.linalg.solve(A, b)
    distance = 0.03 * np.linalg.norm(x)
    x0 = off_in_the_worst_direction(A, x, distance)
    known = type(method)(distance=distance, **({"oracle_start": True} if getattr(method, "oracle_start", 0) else {}))
    circuit = qa.linear_solve(A, b, method=known, eps=0.02, x0=x0, verify=True)
    numpy = run(A, b, known, 0.02, x0=x0)
    np.testing.assert_allclose(circuit.x, numpy.x, rtol=1e-9)
    assert circuit.queries == numpy.queries.succeeding(circuit.success_probability)
    assert circuit.error <= 0.02
    if getattr(known, "oracle_start", True):
        assert circuit.queries.P_x0 == circuit.queries.U_b == 1


@pytest.mark.parametrize("solver", [QSVT(), HHL()])
def test_several_steps_contract(solver):
    A, b = qa.problems.random_spd_system(4, 10, rng=3)
    system, x = LinearSystem.of(A, b), np.linalg.solve(A, b)
    errors = []
    for steps in (1, 2, 3):
        result = run(A, b, ProximalPoint(solver, eta=20.0, steps=steps), 1e-5 if isinstance(solver, QSVT) else 1e-3)
        errors.append(np.linalg.norm(result.x - x) / np.linalg.norm(x))
        assert len(result.history["step"]) == steps
    assert errors[0] <= 1 / (1 + 20 / system.kappa)
    assert errors[2] < errors[1] / 2 < errors[0] / 4
    with pytest.raises(ValueError, match="`steps` must be 1"):
        run(A, b, ProximalPoint(Adiabatic(), eta=20.0, steps=2), 1e-2)


def test_the_published_eta():
    rng = np.random.default_rng(0)
    A, b = hermitian(rng, 8, 100), rng.normal(size=8)
    x = np.linalg.solve(A, b)
    eps, c, norm = 0.1, 2.0, np.linalg.norm(x)
    x0 = off_in_the_worst_direction(A, x, 2 * eps * norm)
    method = ProximalPoint(eta="paper", c=c, distance=2 * eps * norm, psi=norm)
    result = run(A, b, method, eps, x0=x0)
    assert result.eta == pytest.approx(100 * (2 / (1 - 1 / c) - 1))
    assert result.error <= eps
    q = eps / (2 * eps)  # Psi eps / d
    assert result.kappa_hat == pytest.approx(100 - (1 - 1 / c) * 99 * q)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"eta": -1.0}, "`eta` must be greater than 0"),
        ({"eta": float("nan")}, "`eta` must be finite"),
        ({"eta": "paper"}, "come with `distance` and `psi`"),
        ({"c": 1.0}, "`c` must be greater than 1"),
        ({"steps": 0}, "`steps` must be at least 1"),
    ],
)
def test_settings_are_checked(given_, message):
    with pytest.raises(ValueError, match=message):
        ProximalPoint(**given_)


@pytest.mark.parametrize("indefinite", [True, False])
def test_matrices_that_are_not_positive_are_refused(indefinite):
    rng = np.random.default_rng(0)
    A = hermitian(rng, 4, 5, indefinite=True) if indefinite else rng.normal(size=(4, 4))
    with pytest.raises(ValueError, match="positive definite for the proximal point"):
        qa.linear_solve(A, np.ones(4), method=ProximalPoint())
