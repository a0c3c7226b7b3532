"""The whole game under shots and on noisy machines: what error bars hold, and what they do not."""

import warnings
from typing import Any

import numpy as np
import pytest

import qalgs as qa
from qalgs.circuits import hardware_efficient
from qalgs.optimizers import SPSA, Adam
from tests.backends.ibm_rehearsal import *  # noqa: F403

H = qa.problems.h2_two_qubits()
LEVELS = np.linalg.eigvalsh(H.to_matrix())
MILLI = 1e-3


@pytest.fixture(scope="module")
def ends():
    """Noiseless ends of two players."""
    ansatz = hardware_efficient(2, reps=1)
    method = qa.EigenGame(guards=0)
    players = qa.eigensolve(H, 2, ansatz=ansatz, method=method, rng=0).players
    return ansatz, np.array([player.parameters for player in players])


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("cross", [10_000, 1_000])
def test_ten_thousand_shots(cross):
    """All four levels of two-qubit H2, 120 steps of descent per attempt, 10 seeds."""
    method = qa.EigenGame(optimizer="descent", guards=0, max_steps=120)
    found, statuses = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", qa.EigenWarning)
        for seed in range(10):
            policy = qa.ShotPolicy(10_000, cross)
            result = qa.eigensolve(H, 4, method=method, ansatz=qa.circuits.random_layers(2), shots=policy, rng=seed)
            found.append(np.abs(result.eigenvalues - LEVELS).max())
            statuses += [player.status for player in result.players]
    assert max(found) < 5 * MILLI
    assert np.median(found) <= 2 * MILLI
    assert "duplicate" not in statuses


def test_a_duplicate_under_shots_is_tried_again_and_named(ends):
    """With too small a weight the second player is best off as a copy of the first."""
    ansatz, _ = ends
    method = qa.VQD(beta=0.1, restarts=1, guards=0, max_steps=60, optimizer=Adam(0.2))
    with pytest.warns(qa.EigenWarning, match="not independent"):
        result = qa.eigensolve(H, 2, method=method, ansatz=ansatz, shots=300, rng=0)
    assert result.players[1].status == "duplicate"
    assert result.players[1].attempts == 2
    assert not result.success


def levels_at(H, ends, backend, cross: Any = "rescaled"):
    """Levels at given ends, so that nothing but the machine is to blame."""
    ansatz, start = ends
    method = qa.EigenGame(max_steps=1, restarts=0, guards=0, cross=cross, optimizer=Adam(1e-9))
    shots = qa.ShotPolicy(2000, matrix=20_000)
    return qa.eigensolve(H, 2, method=method, ansatz=ansatz, initial=start, shots=shots, backend=backend, rng=0)


@pytest.mark.parametrize("cross", ["interference", "rescaled"])
def test_noise_is_a_bias_beside_the_errors(ends, cross):
    noisy = levels_at(H, ends, "noisy:fake_manila", cross)
    (said,) = noisy.warnings
    assert "bias" in said
    assert "noisy:fake_manila" in said
    off = noisy.eigenvalues[0] - LEVELS[0]
    assert off > 5 * noisy.eigenvalues_err[0]
    assert off < 0.1
    clean = levels_at(H, ends, "statevector", cross)
    assert clean.warnings == ()
    assert (np.abs(clean.eigenvalues - LEVELS[:2]) < 5 * clean.eigenvalues_err + 1e-9).all()


@pytest.mark.slow
def test_four_qubits_on_the_model_of_a_heron():
    molecule = qa.problems.molecule("H2", bond_length=0.735).hamiltonian
    exact, ansatz = np.linalg.eigvalsh(molecule.to_matrix())[:2], hardware_efficient(4, reps=3)
    players = qa.eigensolve(molecule, 2, ansatz=ansatz, method=qa.EigenGame(guards=0), rng=0).players
    result = levels_at(molecule, (ansatz, np.array([p.parameters for p in players])), "noisy:fake_fez")
    off = result.eigenvalues - exact
    assert "bias" in result.warnings[-1]
    assert off[0] > 5 * result.eigenvalues_err[0]
    assert np.abs(off).max() < 0.3


@pytest.mark.slow
def test_a_second_run_on_hardware_posts_nothing(server, backend):
    """Two levels by SPSA on the rehearsal of a device."""
    method = qa.EigenGame(optimizer=SPSA(), max_steps=2, restarts=0, guards=0)
    task = {"method": method, "ansatz": hardware_efficient(2, reps=1), "shots": qa.ShotPolicy(200, 100, 400), "rng": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", qa.EigenWarning)
        first = qa.eigensolve(H, 2, backend=backend, **task)
        posted = server.count("POST", ".*/jobs")
        second = qa.eigensolve(H, 2, backend=backend, **task)
    np.testing.assert_array_equal(second.eigenvalues, first.eigenvalues)
    assert posted > 0
    assert server.count("POST", ".*/jobs") == posted
    assert "bias" in first.warnings[-1]
