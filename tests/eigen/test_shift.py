"""Bounds hold, and the shift follows its rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.quantum_info import SparsePauliOp

from qalgs.eigen.shift import ShiftRule, SpectralBounds, is_constant, is_thin, mean_level, one_norm, spectral_bounds
from tests.eigen.states import random_hamiltonian


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), method=st.sampled_from(["auto", "norm1", "gershgorin", "lanczos"]))
def test_bounds_hold_every_eigenvalue(seed, method):
    H = random_hamiltonian(3, seed)
    levels, bounds = np.linalg.eigvalsh(H.to_matrix()), spectral_bounds(H, method)
    assert bounds.lower <= levels[0] + 1e-12
    assert bounds.upper >= levels[-1] - 1e-12


def test_lanczos_is_close_where_nothing_is_diagonalised():
    H = random_hamiltonian(8, seed=2, terms=20)
    levels, bounds = np.linalg.eigvalsh(H.to_matrix()), spectral_bounds(H, "lanczos")
    assert bounds.method == "lanczos"
    assert not bounds.rigorous
    np.testing.assert_allclose([bounds.lower, bounds.upper], levels[[0, -1]], atol=1e-3)
    assert bounds.lower <= levels[0] + 1e-9
    assert bounds.upper >= levels[-1] - 1e-9


def test_the_mean_is_that_of_the_spectrum_and_the_norm_that_of_the_coefficients():
    H = random_hamiltonian(3, 5)
    assert mean_level(H) == pytest.approx(np.linalg.eigvalsh(H.to_matrix()).mean(), abs=1e-12)
    assert one_norm(H) == pytest.approx(np.abs(H.coeffs).sum())


def test_wide_operators_are_bounded_by_their_norm():
    H = SparsePauliOp(["Z" * 40, "X" * 40, "I" * 40], [1.0, -2.0, 0.5])
    assert spectral_bounds(H) == SpectralBounds(-2.5, 3.5, "norm1", True)


def test_the_rule():
    bounds = SpectralBounds(-2.0, 1.0, "norm1", True)
    few = ShiftRule(None, 0.0, bounds, bounds.upper, many=False)
    assert few.shift(None, raised=False) == 0.0
    assert few.shift(-1.5, raised=False) == 0.0
    assert few.shift(-1.5, raised=True) == 1 + 0.5 * 2.5
    assert few.shift(0.1, raised=False) > 1  # the first player is above the mean
    many = ShiftRule(None, 0.0, bounds, bounds.upper, many=True)
    assert many.shift(None, raised=False) == 1 + 0.5 * 3
    assert ShiftRule(7.0, 0.0, bounds, bounds.upper, many=True).shift(-1.5, raised=True) == 7.0


def test_levels_that_are_not_sought_slow_descent_but_do_not_raise_the_shift():
    rule = ShiftRule(None, 0.0, SpectralBounds(-2.0, 98.0, "norm1", True), 1.0, many=True)
    assert rule.shift(-2.0, raised=True) == 1 + 0.5 * 3
    assert rule.rate(0, None, 2.5) == rule.rate(1, -2.0, 2.5) == 1 / 100
    narrow = ShiftRule(None, 0.0, SpectralBounds(-2.0, 1.0, "norm1", True), 1.0, many=True)
    assert narrow.rate(0, None, 2.5) == 1 / 3
    assert narrow.rate(1, None, 2.5) == narrow.rate(1, -2.0, 2.5) == 0.5 / 4.5


def test_multiples_of_the_identity():
    assert is_constant(SparsePauliOp(["II", "ZZ"], [3.0, 1e-14]))
    assert not is_constant(SparsePauliOp(["II", "ZZ"], [3.0, 1e-9]))


def test_at_the_safe_shift_no_lambda_is_thin():
    rule = ShiftRule(None, 0.0, SpectralBounds(-2.0, 1.0, "norm1", True), 1.0, many=True)
    shift = rule.safe(-2.0)
    assert (shift + 2.0) / (shift - 1.0) == pytest.approx(3)
    assert not is_thin(shift, -2.0, 1.0)
    assert is_thin(1.1, -2.0, 1.0)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="method"):
        spectral_bounds(SparsePauliOp("Z"), "power")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Hermitian"):
        spectral_bounds(SparsePauliOp("Z", 1j))
    with pytest.raises(TypeError, match="SparsePauliOp"):
        spectral_bounds(np.eye(2))  # type: ignore[arg-type]
