"""The penalties against dense deflated matrices: with exact parents, with parents in error, and their linear forms."""

import numpy as np
import pytest

from qalgs.eigen.deflation import (
    Cross,
    MuDeflation,
    Parents,
    SchurDeflation,
    SelfWeightedDeflation,
    SumDeflation,
    VQDDeflation,
)


def random_levels(rng, dim=8):
    """A Hermitian matrix, its eigenvalues and eigenvectors."""
    A = rng.normal(size=(dim, dim)) + 1j * rng.normal(size=(dim, dim))
    H = (A + A.conj().T) / 2
    return H, *np.linalg.eigh(H)


def unit(rng, dim=8):
    v = rng.normal(size=dim) + 1j * rng.normal(size=dim)
    return v / np.linalg.norm(v)


def as_parents(H, states):
    V = np.array(states).reshape(len(states), -1).T
    nowhere = tuple(np.zeros(1) for _ in states)
    return Parents(nowhere, tuple(range(len(states))), V.conj().T @ H @ V, V.conj().T @ V)


def cross_of(H, states, psi):
    V = np.array(states).T
    return Cross.exact(V.conj().T @ H @ psi, V.conj().T @ psi)


def penalty_matrix(H, rule, states, shift):
    """The matrix D of P = <psi|D|psi>, column by column from the linear form."""
    V, parents = np.array(states).T, as_parents(H, states)
    columns = []
    for e in np.eye(len(H), dtype=complex):
        pull = rule.penalty(cross_of(H, states, e), parents, shift)
        columns.append(V @ pull.on_state + H @ V @ pull.on_image)
    return np.array(columns).T


@pytest.mark.parametrize("seed", range(50))
def test_exact_parents_make_vqd_with_the_weights_c_minus_E(seed):
    rng = np.random.default_rng(seed)
    H, E, V = random_levels(rng)
    q, psi = int(rng.integers(1, 6)), unit(rng)
    shift = E[q] + rng.uniform(0.1, 3)
    parents = [V[:, j] for j in range(q)]
    u = shift - np.vdot(psi, H @ psi).real
    u -= SumDeflation().penalty(cross_of(H, parents, psi), as_parents(H, parents), shift).value
    overlaps = np.abs(V[:, :q].conj().T @ psi) ** 2
    assert abs(u - (shift - np.vdot(psi, H @ psi).real - (shift - E[:q]) @ overlaps)) < 1e-12


@pytest.mark.parametrize("rule", [SumDeflation(), SchurDeflation()])
def test_the_deflated_matrix_is_that_of_hotelling(rule):
    H, E, V = random_levels(np.random.default_rng(0))
    shift = E[-1] + 0.5
    D = shift * np.eye(8) - H - penalty_matrix(H, rule, [V[:, 0], V[:, 1]], shift)
    np.testing.assert_allclose(np.linalg.eigvalsh(D), np.sort([0, 0, *(shift - E[2:])]), atol=1e-12)


@pytest.mark.parametrize("rule", [SumDeflation(), SchurDeflation(), SelfWeightedDeflation(), VQDDeflation((0.5, 2.0))])
def test_the_value_belongs_to_the_linear_form(rule):
    rng = np.random.default_rng(3)
    H, E, _ = random_levels(rng)
    states, psi, shift = [unit(rng), unit(rng)], unit(rng), E[-1] + 1
    value = rule.penalty(cross_of(H, states, psi), as_parents(H, states), shift).value
    assert value == pytest.approx(np.vdot(psi, penalty_matrix(H, rule, states, shift) @ psi).real, abs=1e-12)


def test_mu_pulls_along_the_parents_without_denominators():
    rng = np.random.default_rng(4)
    H, E, V = random_levels(rng)
    psi, shift = unit(rng), E[-1] + 1
    pull = MuDeflation().penalty(cross_of(H, [V[:, 0]], psi), as_parents(H, [V[:, 0]]), shift)
    assert pull.on_state[0] == pytest.approx((shift - E[0]) * np.vdot(V[:, 0], psi))
    assert pull.on_image[0] == 0


def test_schur_is_orthogonal_to_parents_that_are_not_orthogonal():
    rng = np.random.default_rng(5)
    H, E, V = random_levels(rng)
    parents = [x / np.linalg.norm(x) for x in (V[:, 0] + 0.1 * unit(rng), V[:, 1] + 0.1 * unit(rng))]
    shift, overlaps = E[-1] + 0.5, {}
    for rule in (SumDeflation(), SchurDeflation()):
        D = shift * np.eye(8) - H - penalty_matrix(H, rule, parents, shift)
        child = np.linalg.eigh(D)[1][:, -1]
        overlaps[type(rule)] = np.abs(np.array(parents).conj() @ child).max()
    assert overlaps[SchurDeflation] < 1e-12 < overlaps[SumDeflation]


PHI = 0.03


def with_a_parent_in_error(seed, phi=PHI):
    """Levels 1/2 apart, and a parent turned by phi towards the state of the child."""
    rng = np.random.default_rng(seed)
    V = np.linalg.qr(rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8)))[0]
    E = np.array([-1.0, -0.5, 0, 0.5, 1, 1.5, 2, 2.5])
    return (V * E) @ V.conj().T, E, np.cos(phi) * V[:, 0] + np.sin(phi) * V[:, 1]


@pytest.mark.parametrize("seed", range(3))
def test_a_parent_in_error_costs_eigengame_the_same_at_any_shift(seed):
    H, E, parent = with_a_parent_in_error(seed)
    gap, errors = E[1] - E[0], []
    for shift in (-0.4, 0.5, 1.2, 5.0, 20.0):
        D = shift * np.eye(8) - H - penalty_matrix(H, SumDeflation(), [parent], shift)
        child = np.linalg.eigh(D)[1][:, -1]
        assert abs(np.vdot(parent, child)) < 1e-12
        errors.append(np.vdot(child, H @ child).real - E[1])
    np.testing.assert_allclose(errors, -gap * PHI**2, rtol=0.02)


@pytest.mark.parametrize("beta", [0.6, 1.0, 2.0, 5.0])
def test_and_vqd_more_by_the_square_of_beta_over_beta_minus_gap(beta):
    # The law is of leading order: its relative error is about (phi beta / (beta - gap))^2.
    phi = 0.1 * PHI
    H, E, parent = with_a_parent_in_error(0, phi)
    gap = E[1] - E[0]
    child = np.linalg.eigh(H + penalty_matrix(H, VQDDeflation(beta), [parent], 0.0))[1][:, 0]
    ratio = (np.vdot(child, H @ child).real - E[1]) / (-gap * phi**2)
    assert ratio == pytest.approx((beta / (beta - gap)) ** 2, rel=0.03)


def test_squares_of_noisy_cross_terms_are_free_of_bias():
    rng = np.random.default_rng(7)
    h, s, sigma, shift = 0.2 - 0.1j, 0.1 + 0.05j, 0.05, 1.5
    parents = Parents((np.zeros(1),), (0,), np.array([[-1.0 + 0j]]), np.eye(1, dtype=complex))
    values = []
    for _ in range(20000):
        noise = sigma * rng.normal(size=4)
        cross = Cross(
            np.array([h + noise[0] + 1j * noise[1]]),
            np.array([s + noise[2] + 1j * noise[3]]),
            np.array([2 * sigma**2]),
            np.array([2 * sigma**2]),
            np.zeros(1),
        )
        values.append(SumDeflation().penalty(cross, parents, shift).value)
    truth = abs(shift * s - h) ** 2 / (shift + 1)
    assert abs(np.mean(values) - truth) < 5 * np.std(values) / np.sqrt(len(values))


def test_weights_are_checked():
    with pytest.raises(ValueError, match="beta"):
        VQDDeflation(-1.0)
    parents = as_parents(np.eye(2), [np.array([1.0, 0]), np.array([0, 1.0])])
    with pytest.raises(ValueError, match="one weight for each of 2 parents"):
        VQDDeflation((1.0,)).weights(parents, 0.0)
