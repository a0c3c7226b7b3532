"""Spin chains against free fermions and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qalgs import problems

real = st.floats(-2, 2).map(lambda x: round(x, 3))


@settings(deadline=None, max_examples=25)
@given(n=st.integers(2, 7), J=real, h=real)
def test_the_open_ising_chain_is_free_fermions(n, J, h):
    # levels are sums of plus and minus the singular values of h on the diagonal and J above it
    modes = np.linalg.svd(np.diag(np.full(n, h)) + np.diag(np.full(n - 1, J), 1), compute_uv=False)
    signs = 1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    found = np.linalg.eigvalsh(problems.transverse_field_ising(n, J=J, h=h).to_matrix())
    np.testing.assert_allclose(found, np.sort(signs @ modes), atol=1e-9)


@pytest.mark.parametrize("n", [3, 4, 7])
def test_the_critical_ring_has_its_ground_energy(n):
    # momenta (2 j + 1) pi / n, energy 2 |sin(q / 2)| each
    momenta = (2 * np.arange(n) + 1) * np.pi / n
    found = np.linalg.eigvalsh(problems.transverse_field_ising(n, periodic=True).to_matrix())[0]
    assert found == pytest.approx(-2 * np.abs(np.sin(momenta / 2)).sum(), abs=1e-9)


@pytest.mark.parametrize("delta", [-1.0, 0.3, 1.0])
def test_two_spins_of_xxz(delta):
    # triplet pair at delta, singlet at -2 - delta, its partner at 2 - delta
    found = np.linalg.eigvalsh(problems.xxz(2, delta=delta, J=1.5).to_matrix())
    np.testing.assert_allclose(found, np.sort(1.5 * np.array([delta, delta, -2 - delta, 2 - delta])), atol=1e-12)


def test_the_xx_chain_is_free_fermions():
    # hopping 2 between neighbours and a field: single-particle levels of one tridiagonal matrix
    fields = np.array([0.3, -1.0, 0.7, 0.2, 0.5])
    single = np.linalg.eigvalsh(np.diag(-2 * fields) + 2 * (np.diag(np.ones(4), 1) + np.diag(np.ones(4), -1)))
    found = np.linalg.eigvalsh(problems.xxz(5, delta=0.0, fields=fields).to_matrix())[0]
    assert found == pytest.approx(fields.sum() + single[single < 0].sum(), abs=1e-9)


def test_random_fields_are_the_seeds():
    def drawn(rng):
        terms = problems.xxz(6, fields=2.0, rng=rng).to_list()
        return np.array([c.real for label, c in terms if label.count("Z") == 1])

    np.testing.assert_array_equal(drawn(3), drawn(3))
    assert not np.array_equal(drawn(3), drawn(4))
    assert drawn(3).shape == (6,)
    assert np.abs(drawn(3)).max() <= 2.0


def test_the_ring_closes():
    assert len(problems.xxz(5, periodic=True)) == 15
    assert len(problems.transverse_field_ising(2, periodic=True)) == 3


def test_misuse_is_named():
    cases = [
        (lambda: problems.transverse_field_ising(1), "`num_qubits` must be at least 2"),
        (lambda: problems.transverse_field_ising(3, h=float("nan")), "`h` must be finite"),
        (lambda: problems.xxz(3, fields=[1.0, 2.0]), "`fields` must be one number or have shape"),
        (lambda: problems.xxz(3, fields=-1.0), "`fields` must be at least 0"),
        (lambda: problems.xxz(3, delta=float("inf")), "`delta` must be finite"),
    ]
    for make, words in cases:
        with pytest.raises(ValueError, match=words):
            make()
