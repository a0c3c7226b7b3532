"""Systems of every shape, made ready and recovered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from qalgs.linear.system import LinearSystem
from tests.linear.systems import hermitian


@given(st.integers(1, 9), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1))
def test_the_recovered_solution_solves_the_system_as_given(size, complex_entries, general, seed):
    rng = np.random.default_rng(seed)
    A = hermitian(rng, size, 20, complex_entries=complex_entries, scale=7.0)
    if general:
        A = A @ hermitian(rng, size, 3, complex_entries=complex_entries)
    b = rng.normal(size=size) + (1j * rng.normal(size=size) if complex_entries else 0)
    system = LinearSystem.of(A, b)
    np.testing.assert_allclose(A @ system.recover(system.solution), b, atol=1e-8)
    values = np.abs(system.spectrum[0])
    assert values.max() == pytest.approx(1)
    assert values.min() >= (1 - 1e-9) / system.kappa
    assert system.kappa == pytest.approx(np.linalg.cond(A), rel=1e-6)
    assert len(system.rhs) == 1 << system.num_qubits
    x = rng.normal(size=size)
    np.testing.assert_allclose(system.recover(system.embed(x)), x, atol=1e-12)


def test_sparse_and_integer_matrices_are_taken():
    A = csr_array(np.array([[2, -1, 0], [-1, 2, -1], [0, -1, 2]]))
    system = LinearSystem.of(A, [1, 0, 0])
    assert system.is_positive
    assert not system.is_dilated
    assert system.matrix.dtype == float
    np.testing.assert_allclose(system.recover(system.solution), [0.75, 0.5, 0.25])


@pytest.mark.parametrize(
    ("A", "b", "message"),
    [
        (np.ones((2, 3)), [1, 1], "square"),
        (np.eye(2), [1, 1, 1], r"shape \(2,\)"),
        (np.eye(2), [0, 0], "zero vector"),
        (np.ones((2, 2)), [1, 1], "invertible"),
        ([[1, np.inf], [0, 1]], [1, 1], "finite"),
        (np.zeros((0, 0)), [], "square"),
    ],
)
def test_refused(A, b, message):
    with pytest.raises(ValueError, match=message):
        LinearSystem.of(A, b)


def test_a_bound_on_kappa_is_used_and_one_too_low_is_warned_of():
    assert LinearSystem.of(np.diag([1, 0.5]), [1, 1], kappa=5).kappa == 5
    with pytest.warns(UserWarning, match="condition number is 2"):
        LinearSystem.of(np.diag([1, 0.5]), [1, 1], kappa=1.5)
