"""What a result says, computes, draws and keeps."""

import matplotlib as mpl
import numpy as np
import pytest
from qiskit.quantum_info import Statevector

import qalgs as qa

mpl.use("agg")

H = qa.problems.h2_two_qubits()
LEVELS, VECTORS = np.linalg.eigh(H.to_matrix())


@pytest.fixture(scope="module")
def result():
    ansatz = qa.circuits.hardware_efficient(2, reps=3)
    return qa.eigensolve(H, 3, ansatz=ansatz, aux={"ZZ": qa.backends.operator_to_pennylane(H)}, rng=0)


def test_states_are_the_eigenvectors(result):
    for r in range(3):
        assert abs(np.vdot(VECTORS[:, r], result.state(r))) == pytest.approx(1, abs=1e-8)


def test_circuits_prepare_them(result):
    for r in range(3):
        assert abs(np.vdot(VECTORS[:, r], Statevector(result.bound_circuit(r)).data)) == pytest.approx(1, abs=1e-6)
    states = np.array([Statevector(circuit).data for circuit in result.bound_circuits]).T @ result.vectors
    np.testing.assert_allclose(np.abs(VECTORS[:, :3].conj().T @ states), np.eye(3), atol=1e-6)


def test_transitions_are_matrix_elements(result):
    op = np.random.default_rng(0).normal(size=(4, 4))
    op = op + op.T
    found = result.transition(op)
    states = np.array([result.state(r) for r in range(3)]).T
    np.testing.assert_allclose(found, states.conj().T @ op @ states, atol=1e-9)
    np.testing.assert_allclose(result.aux["ZZ"], LEVELS[:3], atol=1e-8)


def test_gaps_and_multiplicities(result):
    np.testing.assert_allclose(result.gaps, np.diff(LEVELS[:3]), atol=1e-8)
    assert result.multiplicities == (1, 1, 1)
    assert result.rank == 4


def test_it_comes_back_from_a_file(result, tmp_path):
    result.save(tmp_path / "levels.npz")
    loaded = qa.EigenResult.load(tmp_path / "levels")
    for name in ("eigenvalues", "eigenvalues_err", "energies", "ritz_values", "vectors"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(result, name))
    for name in ("status", "message", "counted", "shift", "basis", "provenance", "cost", "warnings"):
        assert getattr(loaded, name) == getattr(result, name)
    np.testing.assert_array_equal(loaded.players[1].parameters, result.players[1].parameters)
    assert loaded.players[1].status == result.players[1].status
    np.testing.assert_array_equal(loaded.history["value"], result.history["value"])
    np.testing.assert_allclose(loaded.transition(H), result.transition(H), atol=1e-12)
    assert str(loaded) == str(result)


def test_the_summary_says_what_was_found(result):
    text = str(result)
    for word in ("3 levels", "-1.8572750", "multiplicities 1 1 1", "converged", "gradients", "shift"):
        assert word in text


def test_bad_levels_are_named(result):
    with pytest.raises(ValueError, match="level"):
        result.state(3)
    with pytest.raises(ValueError, match="2 qubits"):
        result.transition(np.eye(2))


def test_pictures(result):
    ax = qa.plot.convergence(result)
    assert len(ax.lines[0].get_xdata()) == len(result.history["step"])
    qa.plot.convergence(result, metric="energy_1")
    ax = qa.plot.levels(result, exact=LEVELS, label="game", unit="Ha")
    assert len(ax.collections) == 3
    assert ax.get_ylabel() == "energy (Ha)"
    split = qa.eigensolve(np.diag([0.0, 0, 0, 1]), 3, rng=0)
    ax = qa.plot.levels([split, result], label=["a", "b"])
    heights = [float(line.get_segments()[0][0, 1]) for line in ax.collections]
    np.testing.assert_allclose(heights, [0, 0, 0, *LEVELS[:3]], atol=1e-6)
    with pytest.raises(ValueError, match="label"):
        qa.plot.levels([split, result], label=["a"])
    with pytest.raises(ValueError, match="at least one"):
        qa.plot.levels([])
    mpl.pyplot.close("all")
