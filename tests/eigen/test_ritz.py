"""Rayleigh and Ritz against numpy, what thresholding leaves out, and errors against many repetitions."""

import numpy as np
import pytest

from qalgs.eigen.ritz import Matrices, clusters, rayleigh_ritz, ritz_errors


def a_span(seed, dim=8, K=3):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(dim, dim)) + 1j * rng.normal(size=(dim, dim))
    V = rng.normal(size=(dim, K)) + 1j * rng.normal(size=(dim, K))
    V /= np.linalg.norm(V, axis=0)
    return (A + A.conj().T) / 2, V


@pytest.mark.parametrize("seed", range(5))
def test_levels_are_those_of_the_projected_operator(seed):
    H, V = a_span(seed)
    found = rayleigh_ritz(V.conj().T @ H @ V, V.conj().T @ V)
    Q = np.linalg.qr(V)[0]
    np.testing.assert_allclose(found.values, np.linalg.eigvalsh(Q.conj().T @ H @ Q), atol=1e-12)
    states = V @ found.vectors
    np.testing.assert_allclose(states.conj().T @ states, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(states.conj().T @ H @ states, np.diag(found.values), atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_they_are_upper_bounds(seed):
    H, V = a_span(seed)
    assert (rayleigh_ritz(V.conj().T @ H @ V, V.conj().T @ V).values >= np.linalg.eigvalsh(H)[:3] - 1e-12).all()


def test_a_state_that_is_there_twice_counts_once():
    H, V = a_span(1, K=2)
    V = np.column_stack([V, V[:, 0] + 1e-6 * V[:, 1]])
    V /= np.linalg.norm(V, axis=0)
    found = rayleigh_ritz(V.conj().T @ H @ V, V.conj().T @ V)
    assert found.rank == 2


def test_errors_are_the_scatter_of_repeated_measurements():
    rng = np.random.default_rng(3)
    H, S = np.diag([-1.0, 0.3]).astype(complex), np.array([[1, 0.1], [0.1, 1]], complex)
    H_err, S_err = np.array([[0.01, 0.02], [0.02, 0.015]]), np.array([[0, 0.01], [0.01, 0]])
    zero = np.zeros((2, 2))
    errors = ritz_errors(Matrices(H, S, H_err**2, S_err**2, zero), 2, rng, 2000)
    found = []
    for _ in range(2000):
        noise = [np.triu(e * rng.normal(size=(2, 2))) for e in (H_err, S_err)]
        h, s = (x + np.triu(n, 1).T + n for x, n in zip((H, S), noise, strict=True))
        found.append(rayleigh_ritz(h, s, threshold=1e-2).values)
    np.testing.assert_allclose(errors, np.std(found, axis=0), rtol=0.12)


def test_exact_matrices_have_no_errors():
    zero = np.zeros((2, 2))
    assert (
        ritz_errors(Matrices(np.eye(2, dtype=complex), np.eye(2, dtype=complex), zero, zero, zero), 2, 0, 9) == 0
    ).all()


def test_clusters():
    values = np.array([-1.0, -0.5, -0.5 + 5e-7, -0.5 + 9e-7, 0.2, 0.3])
    assert clusters(values, np.zeros(6)) == (1, 3, 1, 1)
    assert clusters(values, np.full(6, 0.03)) == (1, 3, 2)
    assert clusters(-values, np.zeros(6)) == (1, 3, 1, 1)
    assert clusters(np.zeros(0), np.zeros(0)) == ()


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="shape of H"):
        rayleigh_ritz(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="finite"):
        rayleigh_ritz(np.full((2, 2), np.nan), np.eye(2))
    with pytest.raises(ValueError, match="eigenvalue above"):
        rayleigh_ritz(np.eye(2), np.zeros((2, 2)))
