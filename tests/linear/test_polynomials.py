"""Inverse and kernel polynomials against their closed-form errors, and phases against the polynomials."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qalgs.linear.phases import phase_factors, response
from qalgs.linear.polynomials import (
    evaluate,
    inverse_degree,
    inverse_polynomial,
    kernel_polynomial,
    kernel_suppression,
    kernel_terms,
    largest_value,
)

X = np.cos(np.pi * (np.arange(64) + 0.5) / 128)


def error_of(coefficients, kappa, kind):
    # Chebyshev points of [1/kappa, 1], where the extrema of the residual are.
    x = 0.5 * (1 + 1 / kappa) + 0.5 * (1 - 1 / kappa) * np.cos(np.linspace(0, np.pi, 20001))
    p = evaluate(coefficients, x)
    return np.abs(1 - x * p).max() if kind == "relative" else np.abs(1 / x - p).max()


def closed_form(kappa, degree, kind):
    terms = (degree + 1) // 2
    ratio = np.log((kappa + 1) / (kappa - 1))
    return 1 / np.cosh(terms * ratio) if kind == "relative" else (kappa + 1) * np.exp(-terms * ratio)


@pytest.mark.parametrize("error", [1e-2, 1e-6])
@pytest.mark.parametrize("kappa", [2, 10, 100, 1000])
@pytest.mark.parametrize("kind", ["relative", "absolute"])
def test_the_error_is_the_closed_form_and_two_degrees_less_miss_it(kind, kappa, error):
    coefficients = inverse_polynomial(kappa, error, kind)
    degree = len(coefficients) - 1
    assert degree == inverse_degree(kappa, error, kind)
    assert not coefficients[0::2].any()
    expected = closed_form(kappa, degree, kind)
    assert error_of(coefficients, kappa, kind) == pytest.approx(expected, rel=0.01)
    assert expected <= error
    if degree > 1:
        assert closed_form(kappa, degree - 2, kind) > error


def test_degrees_of_the_three_kinds():
    assert [inverse_degree(100, 1e-2, kind) for kind in ("relative", "absolute", "cks")] == [529, 921, 2535]
    assert inverse_degree(1000, 1e-6, "relative") <= 1.05 * 1000 * np.log(2e6)


@pytest.mark.parametrize(("kappa", "error"), [(10, 1e-2), (50, 1e-4)])
def test_the_published_expansion_reaches_its_error(kappa, error):
    coefficients = inverse_polynomial(kappa, error, "cks")
    assert error_of(coefficients, kappa, "cks") <= error
    assert len(coefficients) - 1 == inverse_degree(kappa, error, "cks")


@given(st.floats(0.005, 0.9), st.integers(1, 60))
def test_the_kernel_polynomial_is_one_at_zero_and_small_beyond_the_gap(gap, terms):
    coefficients = kernel_polynomial(gap, terms)
    x = np.linspace(gap, 1, 500)
    assert evaluate(coefficients, 0.0) == pytest.approx(1, abs=1e-10)
    assert np.abs(evaluate(coefficients, x)).max() <= kernel_suppression(gap, terms) * (1 + 1e-9) + 1e-12
    assert kernel_terms(gap, kernel_suppression(gap, terms) * (1 + 1e-9)) <= terms


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_bound_on_the_largest_value_holds_and_is_close(degree, seed):
    coefficients = np.random.default_rng(seed).normal(size=degree + 1)
    peak = np.abs(evaluate(coefficients, np.cos(np.linspace(0, np.pi, 40 * degree + 1)))).max()
    assert peak <= largest_value(coefficients) <= peak * 1.003


@pytest.mark.parametrize(("kappa", "scale"), [(10, 0.9), (100, 0.98), (500, 0.9)])
def test_phases_of_inverse_polynomials(kappa, scale):
    coefficients = inverse_polynomial(kappa, 1e-8, "absolute")
    coefficients *= scale / largest_value(coefficients)
    phases = phase_factors(coefficients)
    np.testing.assert_allclose(phases, phases[::-1], atol=1e-15)
    assert np.abs(response(phases, X).imag - evaluate(coefficients, X)).max() < 1e-12


@pytest.mark.parametrize("scale", [0.9, 0.999, 0.9999])
def test_phases_of_an_even_filter_close_to_one(scale):
    coefficients = scale * kernel_polynomial(0.01, 300)
    assert np.abs(response(phase_factors(coefficients), X).imag - evaluate(coefficients, X)).max() < 1e-12


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_phases_of_random_polynomials_of_either_parity(degree, seed):
    coefficients = np.random.default_rng(seed).normal(size=degree + 1)
    coefficients[(degree + 1) % 2 :: 2] = 0
    coefficients *= 0.9 / largest_value(coefficients)
    assert np.abs(response(phase_factors(coefficients), X).imag - evaluate(coefficients, X)).max() < 1e-12


@pytest.mark.slow
def test_phases_of_degree_100_000():
    coefficients = inverse_polynomial(4000, 1e-8, "absolute")
    coefficients *= 0.9 / largest_value(coefficients)
    assert len(coefficients) - 1 == 106_859
    assert np.abs(response(phase_factors(coefficients), X).imag - evaluate(coefficients, X)).max() < 1e-11


@pytest.mark.parametrize(
    ("coefficients", "message"),
    [
        ([0.0, 0.5, 0.1], "all odd or all even"),
        ([0.0, 1.2], "below 1"),
        ([0.3], "degree 1 or more"),
        ([0.0, np.nan], "finite"),
    ],
)
def test_phases_refuse(coefficients, message):
    with pytest.raises(ValueError, match=message):
        phase_factors(coefficients)


def test_a_degree_beyond_reach_is_refused():
    with pytest.raises(ValueError, match="degree of at most 400000"):
        inverse_polynomial(1e6, 1e-3)


def test_phases_agree_with_the_peer():
    sym_qsp = pytest.importorskip("pyqsp.sym_qsp_opt", reason="pyqsp is not installed: it is in the group `peers`")
    coefficients = inverse_polynomial(10, 1e-8, "absolute")
    coefficients *= 0.9 / largest_value(coefficients)
    reduced, _, _, _ = sym_qsp.newton_solver(coefficients[1::2], 1, crit=1e-12)
    full = np.concatenate([np.flip(reduced), reduced])
    ours = response(phase_factors(coefficients), X).imag
    assert np.abs(ours - response(full, X).imag).max() < 1e-10
