"""Numbers of a result against Qiskit's and against closed forms."""

import numpy as np
import pytest
from qiskit.quantum_info import DensityMatrix, Pauli, concurrence, entropy, partial_trace, purity, state_fidelity

import qalgs as qa
from qalgs.run import Status
from qalgs.tomo.result import TomographyResult
from tests.tomo.oracle import random_factor


def result_of(U, replicas=()):
    stacked = np.array(replicas) if len(replicas) else np.zeros((0, *U.shape))
    return TomographyResult(U, Status.CONVERGED, "converged", {"step": np.array([1.0])}, 1.0, stacked, 0.1, {})


@pytest.mark.parametrize(("r", "k"), [(1, 1), (1, 3), (2, 3), (5, 8), (8, 8)])
def test_distances_are_qiskits(r, k):
    rng = np.random.default_rng(r + 10 * k)
    U, V = random_factor(rng, 3, r), random_factor(rng, 3, k)
    rho, sigma = DensityMatrix(U @ U.conj().T), DensityMatrix(V @ V.conj().T)
    result = result_of(U)
    other = sigma if k == 8 else V
    assert float(result.fidelity(other)) == pytest.approx(state_fidelity(rho, sigma), abs=1e-7)
    half = 0.5 * np.abs(np.linalg.eigvalsh(rho.data - sigma.data)).sum()
    assert float(result.trace_distance(other)) == pytest.approx(half, abs=1e-9)
    assert float(result.purity()) == pytest.approx(purity(rho).real, abs=1e-12)
    assert float(result.entropy()) == pytest.approx(entropy(rho), abs=1e-9)


@pytest.mark.parametrize("qubits", [[0], [2, 0], [1, 3], [3, 2, 1, 0]])
def test_reduced_states_are_qiskits(qubits):
    U = random_factor(np.random.default_rng(1), 4, 3)
    ours = result_of(U).partial_trace(qubits)
    traced = partial_trace(DensityMatrix(U @ U.conj().T), [q for q in range(4) if q not in qubits])
    order = np.argsort(np.argsort(qubits))  # their qubit order[i] is our qubit i
    index = sum((np.arange(len(ours)) >> i & 1) << q for i, q in enumerate(order))
    np.testing.assert_allclose(ours, traced.data[np.ix_(index, index)], atol=1e-12)


def test_concurrence_is_qiskits_and_that_of_known_states():
    U = random_factor(np.random.default_rng(2), 3, 2)
    theirs = concurrence(partial_trace(DensityMatrix(U @ U.conj().T), [1]))
    assert float(result_of(U).concurrence(0, 2)) == pytest.approx(theirs, abs=1e-7)
    w = qa.problems.w_state(4)[:, None].astype(complex)
    assert float(result_of(w).concurrence(1, 3)) == pytest.approx(2 / 4)  # 2/n for W
    ghz = qa.problems.ghz_state(3)[:, None]
    assert float(result_of(ghz).concurrence(0, 1)) == pytest.approx(0, abs=1e-7)


def test_expectations_are_qiskits():
    U = random_factor(np.random.default_rng(3), 3, 2)
    rho = DensityMatrix(U @ U.conj().T)
    labels = ["XYZ", "IIZ", "YIX"]
    ours = result_of(U, [U, U]).expectations(labels)
    np.testing.assert_allclose([e.value for e in ours], [rho.expectation_value(Pauli(s)).real for s in labels])
    assert [e.err for e in ours] == pytest.approx([0, 0, 0])
    assert result_of(U).expectation("XYZ") == result_of(U).expectations(["XYZ"])[0]


def test_the_note_about_the_boundary():
    psi, other = qa.problems.ghz_state(2)[:, None], np.eye(4)[:, [1]]
    near = [np.hstack([psi * np.sqrt(1 - e), other * np.sqrt(e)]) for e in (0.001, 0.02, 0.01)]
    assert result_of(near[0], near).at_boundary
    assert "at the boundary" in str(result_of(near[0], near))
    mixed = np.eye(4) / 2
    assert not result_of(mixed, [mixed, mixed]).at_boundary
    assert not result_of(psi).at_boundary  # nothing is known without replicas


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (np.ones(4) / 2, "have 8 amplitudes"),
        (np.ones(8), "have norm 1, but its norm is 2.82843"),
        (np.eye(8), "be Hermitian with trace 1"),
        (np.diag([1.5, -0.5, 0, 0, 0, 0, 0, 0]), "have no negative eigenvalues, but one is -0.5"),
        (np.ones((8, 2)), "have norm 1, but its norm is 4"),
        (np.ones((8, 9)), r"it has \(8, 9\)"),
        (np.full(8, np.nan), "be finite"),
    ],
)
def test_other_states_are_refused(state, message):
    result = result_of(random_factor(np.random.default_rng(0), 3, 2))
    for metric in (result.fidelity, result.trace_distance):
        with pytest.raises(ValueError, match=message):
            metric(state)


def test_bad_qubits_and_labels_are_refused():
    result = result_of(random_factor(np.random.default_rng(0), 3, 2))
    for qubits in ([], [0, 0], [3], [-1]):
        with pytest.raises(ValueError, match="be distinct and within 0 to 2"):
            result.partial_trace(qubits)
    with pytest.raises(ValueError, match="be distinct"):
        result.concurrence(1, 1)
    with pytest.raises(ValueError, match="have 3 letters, but it is 'XX'"):
        result.expectation("XX")
