import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.quantum_info import DensityMatrix, SparsePauliOp

from qalgs.tomo.operators import AllPauli, Bases, apply_hermitian, masks
from qalgs.tomo.operators.paulis import labels_from_masks, masks_from_labels, settings_from_text, settings_to_text
from tests.tomo.oracle import matrix, projectors, random_factor


def every_label(n):
    return ["".join(letters) for letters in itertools.product("IXYZ", repeat=n)]


@pytest.mark.parametrize(("n", "r"), [(1, 1), (2, 3), (3, 2), (4, 1), (5, 2)])
def test_all_pauli_and_masks_equal_dense_traces(n, r):
    U = random_factor(np.random.default_rng(n), n, r)
    x, z, _ = masks_from_labels(every_label(n))
    rho = U @ U.conj().T
    exact = np.array([np.trace(matrix(label) @ rho).real for label in every_label(n)])
    operator = AllPauli(n)
    grid = operator.grid(operator.forward(U) * operator.signs())
    np.testing.assert_allclose(grid[z, z ^ x], exact, atol=1e-12)
    np.testing.assert_allclose(masks.expectations(x, z, U), exact, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_adjoints_equal_dense_sums(n):
    rng = np.random.default_rng(10 + n)
    labels = every_label(n)
    x, z, _ = masks_from_labels(labels)
    weights = rng.normal(size=len(labels))
    dense = sum(w * matrix(label) for w, label in zip(weights, labels, strict=True))
    U = random_factor(rng, n, 3)
    operator = AllPauli(n)
    B = operator.adjoint(operator.scatter(x, z, weights) * operator.signs())
    np.testing.assert_allclose(apply_hermitian(B, U), dense @ U, atol=1e-11)
    y = rng.normal(size=len(labels))
    residual = np.array([np.trace(matrix(label) @ U @ U.conj().T).real for label in labels]) - y
    expected = sum(e * matrix(label) for e, label in zip(residual, labels, strict=True)) @ U
    np.testing.assert_allclose(masks.residual_direction(x, z, y, U), expected, atol=1e-11)


@given(seed=st.integers(0, 10**6), n=st.integers(1, 7))
def test_transform_is_its_own_adjoint(seed, n):
    rng = np.random.default_rng(seed)
    operator = AllPauli(n)
    U, table = random_factor(rng, n, 2), rng.normal(size=4**n)
    forward = operator.forward(U) @ table
    backward = np.vdot(U, apply_hermitian(operator.adjoint(table), U)).real
    assert forward == pytest.approx(backward, rel=1e-11, abs=1e-11)


@given(seed=st.integers(0, 10**6), n=st.integers(1, 7))
def test_table_and_grid_are_inverse(seed, n):
    operator = AllPauli(n)
    grid = np.random.default_rng(seed).normal(size=(2**n, 2**n))
    np.testing.assert_array_equal(operator.grid(operator.table(grid)), grid)


def test_bit_order_agrees_with_qiskit_on_an_asymmetric_state():
    U = random_factor(np.random.default_rng(3), 3, 1)
    rho = DensityMatrix(U @ U.conj().T)
    labels = ["XIZ", "YZI", "IXY", "ZYX"]
    x, z, n = masks_from_labels(labels)
    theirs = [rho.expectation_value(SparsePauliOp(label)).real for label in labels]
    np.testing.assert_allclose(masks.expectations(x, z, U), theirs, atol=1e-12)
    assert labels_from_masks(x, z, n) == labels


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_basis_probabilities_and_direction_equal_projectors(n):
    rng = np.random.default_rng(n)
    texts = ["".join(rng.choice(list("XYZ"), n)) for _ in range(6)]
    settings = settings_from_text(texts)
    assert settings_to_text(settings) == texts
    U = random_factor(rng, n, 2)
    bases = Bases(settings)
    every = np.array([projectors(text) for text in texts])
    exact = np.einsum("sbij,jk,ik->sb", every, U, U.conj()).real
    np.testing.assert_allclose(bases.probabilities(U), exact, atol=1e-12)
    chosen = np.array([4, 0, 4])
    g = rng.normal(size=(6, 2**n))
    expected = np.einsum("sb,sbij,jk->ik", g[chosen], every[chosen], U)
    np.testing.assert_allclose(bases.direction(U, lambda s, p: g[s], chosen), expected, atol=1e-12)
    np.testing.assert_allclose(bases.probabilities(U, chosen), exact[chosen], atol=1e-12)


def test_single_precision_agrees():
    U = random_factor(np.random.default_rng(0), 8, 1)
    np.testing.assert_allclose(AllPauli(8, np.float32).forward(U), AllPauli(8).forward(U), atol=1e-5)
