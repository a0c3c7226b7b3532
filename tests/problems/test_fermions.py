"""Encodings and spin operators against PennyLane's and against the algebra of fermions."""

import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import operator_from_pennylane
from qalgs.problems import fermions
from qalgs.problems.fermions import Encoding
from qalgs.problems.subspace import levels, pack, restricted


def distance(a, b):
    return float(np.abs((a - b).simplify(1e-12).coeffs).max())


def dense(operator):
    return operator.to_matrix()


def test_ladder_operators_anticommute():
    a = [dense(fermions.annihilation(j, 4)) for j in range(4)]
    for i in range(4):
        for j in range(4):
            np.testing.assert_allclose(a[i] @ a[j] + a[j] @ a[i], 0, atol=1e-14)
            np.testing.assert_allclose(a[i] @ a[j].conj().T + a[j].conj().T @ a[i], np.eye(16) * (i == j), atol=1e-14)


def test_number_and_spin_are_pennylanes():
    assert distance(fermions.number(6), operator_from_pennylane(qml.qchem.particle_number(6))) < 1e-14
    assert distance(fermions.spin_z(6), operator_from_pennylane(qml.qchem.spinz(6))) < 1e-14
    # PennyLane's S^2 holds for one number of electrons only
    for electrons in (1, 2, 3):
        bits = pack(fermions.determinants(6, electrons))
        theirs = operator_from_pennylane(qml.qchem.spin2(electrons, 6))
        ours = restricted(fermions.spin_squared(6), bits).toarray()
        np.testing.assert_allclose(ours, restricted(theirs, bits).toarray(), atol=1e-12)


def test_spin_squared_has_its_eigenvalues():
    # two electrons in two orbitals: three singlets and one triplet
    energies, _ = levels(fermions.spin_squared(4), pack(fermions.determinants(4, 2)))
    np.testing.assert_allclose(energies, [0, 0, 0, 2, 2, 2], atol=1e-12)


def ladder_sum(seed, modes):
    """A random operator on fermions, in PennyLane's words and in ours."""
    draw = np.random.default_rng(seed)
    theirs, ours = 0.0 * qml.FermiWord({}), 0 * SparsePauliOp("I" * modes)
    for _ in range(3):
        i, j, c = int(draw.integers(modes)), int(draw.integers(modes)), float(draw.normal())
        theirs = theirs + c * (qml.FermiC(i) * qml.FermiA(j))
        ours = ours + c * fermions.transfer((i,), (j,), modes)
    return theirs, ours.simplify(1e-12)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), modes=st.sampled_from([2, 3, 4, 6, 8]))
def test_encodings_are_pennylanes(seed, modes):
    theirs, ours = ladder_sum(seed, modes)
    jordan_wigner = operator_from_pennylane(qml.jordan_wigner(theirs), wires=range(modes))
    assert distance(ours, jordan_wigner) < 1e-12
    for name, transform in (("parity", qml.parity_transform), ("bravyi_kitaev", qml.bravyi_kitaev)):
        wanted = operator_from_pennylane(transform(theirs, modes), wires=range(modes))
        assert distance(Encoding.of(name, modes).operator(ours), wanted) < 1e-12


@pytest.mark.parametrize("mapping", fermions.MAPPINGS)
def test_determinants_keep_their_electrons_and_energies(mapping):
    draw = np.random.default_rng(5)
    modes = 6
    operator = fermions.number(modes) @ fermions.number(modes)
    operator = operator + sum(float(draw.normal()) * fermions.transfer((p,), (p,), modes) for p in range(modes))
    occupations = np.concatenate([fermions.determinants(modes, n) for n in range(modes + 1)])
    encoding = Encoding.of(mapping, modes)
    ours = restricted(encoding.operator(operator), pack(encoding.bits(occupations))).diagonal()
    np.testing.assert_allclose(ours, restricted(operator, pack(occupations)).diagonal(), atol=1e-12)
    assert len(np.unique(pack(encoding.bits(occupations)))) == 2**modes


def test_restricted_is_a_block_of_the_dense_matrix():
    draw = np.random.default_rng(1)
    labels = ["".join(draw.choice(list("IXYZ"), 4)) for _ in range(12)]
    operator = SparsePauliOp(labels, draw.normal(size=12))
    chosen = np.array([3, 14, 0, 7, 9])
    block = dense(operator)[np.ix_(chosen, chosen)]
    np.testing.assert_allclose(restricted(operator, chosen).toarray(), block, atol=1e-12)


def test_lanczos_agrees_with_the_dense_levels():
    # a chain of 12 spins, 4096 states: above the size that is diagonalised densely
    terms = [("ZZ", [i, i + 1], -1.0) for i in range(11)] + [("X", [i], -1.0) for i in range(12)]
    chain = SparsePauliOp.from_sparse_list(terms, num_qubits=12)
    found, vectors = levels(chain, np.arange(2**12), 3)
    matrix = np.diag(np.ones(12)) + np.diag(np.ones(11), 1)
    modes = np.linalg.svd(matrix, compute_uv=False)[::-1]
    np.testing.assert_allclose(found, -modes.sum() + 2 * np.array([0, modes[0], modes[1]]), atol=1e-9)
    assert vectors.shape == (4096, 3)


def test_misuse_is_named():
    with pytest.raises(ValueError, match="`mapping` must be one of"):
        Encoding.of("jw", 4)
    with pytest.raises(ValueError, match="`sector` must hold a state"):
        fermions.determinants(4, 2, 1.5)
    hopping = fermions.transfer((0,), (2,), 4) + fermions.transfer((2,), (0,), 4)
    encoding = Encoding.of("jordan_wigner", 4).tapered(hopping, [1, 0, 0, 0])
    with pytest.raises(ValueError, match="`operator` must commute"):
        encoding.operator(fermions.annihilation(0, 4))
    with pytest.raises(ValueError, match="`k` must be at most"):
        levels(SparsePauliOp("Z" * 12), np.arange(2**12))
