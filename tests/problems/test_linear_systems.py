"""Linear systems against closed forms of their spectra and solutions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qalgs import problems


@given(st.integers(1, 9), st.floats(1, 1e4), st.integers(0, 2**32 - 1), st.booleans())
def test_random_systems_have_the_condition_number_asked_for(dim, kappa, seed, indefinite):
    make = problems.random_hermitian_system if indefinite else problems.random_spd_system
    A, b = make(dim, kappa, rng=seed)
    values = np.linalg.eigvalsh(A)
    np.testing.assert_array_equal(A, A.conj().T)
    assert np.abs(values).max() == pytest.approx(1)
    assert np.abs(values).min() == pytest.approx(1 / kappa if dim > 1 else 1, rel=1e-6)
    assert (values.min() < 0) == (indefinite and dim > 1)
    assert np.isrealobj(A) != indefinite
    np.testing.assert_array_equal(make(dim, kappa, rng=seed)[0], A)
    assert b.shape == (dim,)


@given(st.integers(1, 12), st.floats(-3, 3), st.floats(-3, 3))
def test_the_tridiagonal_spectrum(dim, a, c):
    k = np.arange(1, dim + 1)
    expected = np.sort(a + 2 * c * np.cos(k * np.pi / (dim + 1)))
    np.testing.assert_allclose(np.linalg.eigvalsh(problems.tridiagonal_system(dim, a, c)[0]), expected, atol=1e-9)


@pytest.mark.parametrize(("points", "dimensions"), [(1, 1), (7, 1), (15, 1), (4, 2), (3, 3)])
def test_poisson(points, dimensions):
    A, b = problems.poisson_system(points, dimensions=dimensions)
    h = 1 / (points + 1)
    assert len(b) == points**dimensions
    assert np.linalg.cond(A) == pytest.approx(1 / np.tan(np.pi * h / 2) ** 2 if points > 1 else 1)
    u = np.linalg.solve(A, b)
    if dimensions == 1:
        x = h * np.arange(1, points + 1)
        np.testing.assert_allclose(u, x * (1 - x) / 2)
    else:
        # the middle of the square: sum over odd k, l of 16 sin sin / (pi^4 k l (k^2 + l^2)) = 0.07367
        assert u.max() < 0.0737


@pytest.mark.parametrize(
    "make",
    [
        lambda: problems.random_spd_system(0, 2),
        lambda: problems.random_spd_system(2, 0.5),
        lambda: problems.tridiagonal_system(2, np.nan, 1),
        lambda: problems.poisson_system(100, dimensions=2),
    ],
)
def test_refused(make):
    with pytest.raises(ValueError, match="must"):
        make()
