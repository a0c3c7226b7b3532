"""Games on Hamiltonians with known levels: accuracy over seeds, shifts, restarts, schedules, resuming."""

from dataclasses import replace

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp

import qalgs as qa
from qalgs.eigen.ritz import clusters
from qalgs.optimizers import Adam, GradientDescent

H2_LEVELS = np.linalg.eigvalsh(qa.problems.h2_two_qubits().to_matrix())


@pytest.fixture(scope="module")
def h2():
    return qa.problems.molecule("H2", bond_length=0.735).hamiltonian


@pytest.fixture(scope="module")
def lih():
    return qa.problems.molecule("LiH", active_electrons=2, active_orbitals=2).hamiltonian


def levels(H, k):
    return np.linalg.eigvalsh(H.to_matrix())[:k]


def layers(n, reps, rotations=("ry",)):
    return qa.circuits.hardware_efficient(n, reps=reps, rotations=rotations)


def own_error(result, exact):
    """Largest error of the players' own energies, without Ritz: with as many players as levels that would be exact."""
    return np.abs(result.energies - exact).max()


def test_all_sixteen_levels_of_h2(h2):
    exact = levels(h2, 16)
    for seed in range(2):
        result = qa.eigensolve(h2, 16, method=qa.EigenGame(gtol=1e-6), rng=seed)
        assert own_error(result, exact) < 1e-6
        assert result.counted["gradients"] <= 1500
        assert result.multiplicities == clusters(exact, np.zeros(16))


@pytest.mark.slow
def test_all_sixteen_levels_of_h2_on_ten_seeds(h2):
    exact = levels(h2, 16)
    runs = [qa.eigensolve(h2, 16, method=qa.EigenGame(gtol=1e-6), rng=seed) for seed in range(10)]
    assert sum(own_error(run, exact) < 1e-6 for run in runs) >= 9
    assert max(run.counted["gradients"] for run in runs) <= 1500


@pytest.mark.slow
def test_four_levels_of_lih_to_chemical_accuracy_on_twenty_seeds(lih):
    exact, method = levels(lih, 4), qa.EigenGame(gtol=1e-3, restarts=0, guards=0)
    runs = [qa.eigensolve(lih, 4, method=method, ansatz=layers(4, 4), rng=seed) for seed in range(20)]
    assert sum(own_error(run, exact) < 1.6e-3 for run in runs) >= 19
    # By shift rules a gradient takes two energies and one cross term per parent and parameter; a value one of each.
    p = 20
    circuits = [run.counted["gradients"] * (1 + 2 * p) + run.counted["cross"] * (1 + p) for run in runs]
    assert np.median(circuits) <= 7000


@pytest.mark.slow
def test_against_vqd_in_the_same_engine(lih):
    def cost(method):
        runs = [qa.eigensolve(lih, 4, method=method, ansatz=layers(4, 4), rng=seed) for seed in range(10)]
        good = sum(own_error(run, levels(lih, 4)) < 1.6e-3 for run in runs)
        return np.median([run.counted["gradients"] for run in runs]), good

    plain = {"gtol": 1e-3, "restarts": 0, "guards": 0}
    ours, good = cost(qa.EigenGame(**plain))
    weighted = [cost(qa.VQD(beta=beta, **plain)) for beta in (0.1, 0.3, 1.0, 3.0, 10.0)]
    default, _ = cost(qa.VQD(**plain))
    assert good == 10
    assert ours <= 1.3 * min(count for count, right in weighted if right == 10)
    assert ours <= 0.5 * default


@pytest.mark.slow
def test_lih_in_six_tapered_qubits():
    H = qa.problems.molecule("LiH", active_electrons=2, active_orbitals=5, tapered=True).hamiltonian
    exact, method = levels(H, 4), qa.EigenGame(guards=1)
    for seed in range(3):
        result = qa.eigensolve(H, 4, method=method, ansatz=layers(6, 6), rng=seed)
        assert np.abs(result.eigenvalues - exact).max() < 1.6e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ising", "xxz"])
def test_six_spins_by_default_on_ten_seeds(name):
    make = {
        "ising": lambda: qa.problems.transverse_field_ising(6),
        "xxz": lambda: qa.problems.xxz(6, fields=1.0, rng=3),
    }
    H = make[name]()
    exact = levels(H, 4)
    for seed in range(10):
        assert np.abs(qa.eigensolve(H, 4, rng=seed).eigenvalues - exact).max() < 1e-4


# Shifts


def test_a_shift_below_a_level_is_raised_and_every_level_found():
    # The mean of this spectrum is 0.5, and the levels sought reach 2.
    H = SparsePauliOp.from_operator(np.diag([-4.0, 2.0, 2.0, 2.0]).astype(complex))
    result = qa.eigensolve(H, 2, method=qa.EigenGame(guards=0), ansatz=layers(2, 3), rng=1)
    np.testing.assert_allclose(result.eigenvalues, [-4, 2], atol=1e-6)
    assert result.shift == pytest.approx(2 + 0.5 * 6)


def test_a_given_shift_below_a_level_is_refused_with_the_one_needed():
    H = qa.problems.h2_two_qubits()
    with pytest.raises(qa.ShiftTooSmallError, match="player 0") as first:
        qa.eigensolve(H, 2, method=qa.EigenGame(c=-1.9), rng=0)
    assert first.value.needed > H2_LEVELS[-1]
    with pytest.raises(qa.ShiftTooSmallError) as later:
        qa.eigensolve(H, 3, method=qa.EigenGame(c=-1.0, guards=0), ansatz=layers(2, 3), rng=0)
    assert later.value.player == 2
    again = qa.EigenGame(c=later.value.needed, guards=0)
    np.testing.assert_allclose(
        qa.eigensolve(H, 3, method=again, ansatz=layers(2, 3), rng=0).eigenvalues, H2_LEVELS[:3], atol=1e-6
    )


def test_the_highest_levels_take_a_shift_below_them():
    H = qa.problems.h2_two_qubits()
    result = qa.eigensolve(H, 2, which="LA", method=qa.EigenGame(c=-2.0, guards=0), ansatz=layers(2, 3), rng=0)
    np.testing.assert_allclose(result.eigenvalues, H2_LEVELS[:1:-1], atol=1e-6)
    assert result.shift == -2


# Robustness


def test_a_player_that_starts_on_its_parent_gets_away():
    H, ansatz, method = qa.problems.h2_two_qubits(), layers(2, 3), qa.EigenGame(guards=0)
    ground = qa.eigensolve(H, 1, ansatz=ansatz, rng=0).players[0].parameters
    result = qa.eigensolve(H, 2, method=method, ansatz=ansatz, initial=[ground, ground], rng=0)
    np.testing.assert_allclose(result.energies, H2_LEVELS[:2], atol=1e-6)
    assert result.success


def test_a_duplicate_is_named():
    # With too small a weight the second player is best off as a copy of the first.
    method = qa.VQD(beta=0.1, restarts=1, guards=0)
    with pytest.warns(qa.EigenWarning, match="not independent"):
        result = qa.eigensolve(qa.problems.h2_two_qubits(), 2, method=method, ansatz=layers(2, 3), rng=0)
    assert result.players[1].status == "duplicate"
    assert result.players[1].attempts == 2
    assert np.isnan(result.eigenvalues[1])
    assert not result.success


def test_a_circuit_that_cannot_reach_the_levels_is_named_and_not_tried_for_ever():
    H = qa.problems.transverse_field_ising(3)
    result = qa.eigensolve(H, 1, ansatz=layers(3, 0), rng=0)
    assert result.players[0].status == "inaccurate"
    assert result.players[0].attempts <= 5
    assert result.energies[0] > levels(H, 1)[0] + 0.01


def test_steps_can_run_out():
    result = qa.eigensolve(qa.problems.h2_two_qubits(), 1, method=qa.EigenGame(max_steps=2, restarts=0), rng=0)
    assert result.players[0].status in ("max_steps", "inaccurate")
    assert not result.success
    assert result.players[0].steps == 2


def test_guards_find_more_and_report_no_more():
    result = qa.eigensolve(qa.problems.h2_two_qubits(), 2, method=qa.EigenGame(guards=2), ansatz=layers(2, 3), rng=0)
    assert (len(result.players), len(result.eigenvalues), len(result.ritz_values)) == (4, 2, 4)
    np.testing.assert_allclose(result.ritz_values, H2_LEVELS, atol=1e-9)


def test_a_callback_ends_the_run_with_what_was_reached():
    stop = qa.StopWhen(lambda step: step.metrics["player"] == 1, "enough")
    method = qa.EigenGame(guards=0)
    with pytest.warns(qa.EigenWarning):
        result = qa.eigensolve(qa.problems.h2_two_qubits(), 3, method=method, ansatz=layers(2, 3), callback=stop, rng=0)
    assert [player.status for player in result.players] == ["converged", "stopped"]
    assert result.message == "enough"
    assert np.isnan(result.eigenvalues[2])


# Schedules


@pytest.mark.parametrize("schedule", ["parallel", "lagged"])
@pytest.mark.parametrize("deflation", ["sum", "schur"])
def test_schedules_find_the_same_levels(schedule, deflation):
    method = qa.EigenGame(schedule=schedule, deflation=deflation, gtol=1e-4, guards=0)
    result = qa.eigensolve(qa.problems.h2_two_qubits(), 3, method=method, ansatz=layers(2, 3), rng=0)
    np.testing.assert_allclose(result.energies, H2_LEVELS[:3], atol=1e-4)


def test_equal_seeds_play_equal_games():
    method = qa.EigenGame(schedule="parallel", period=3, gtol=1e-2, guards=0)
    runs = [qa.eigensolve(qa.problems.h2_two_qubits(), 3, method=method, ansatz=layers(2, 2), rng=5) for _ in range(2)]
    for one, other in zip(runs[0].players, runs[1].players, strict=True):
        np.testing.assert_array_equal(one.parameters, other.parameters)


def depth_and_error(H, ansatz, method, error, seeds=8):
    """Rounds (median over the seeds) and errors of four levels."""
    exact = levels(H, 4)
    runs = [qa.eigensolve(H, 4, method=method, ansatz=ansatz, rng=seed) for seed in range(seeds)]
    return np.median([len(run.history["step"]) for run in runs]), np.array([error(run, exact) for run in runs])


def reported_error(result, exact):
    return np.abs(result.eigenvalues - exact).max()


@pytest.mark.slow
@pytest.mark.parametrize("period", [1, 5])
@pytest.mark.parametrize("molecule", ["H2", "LiH"])
def test_parallel_play_is_shallower(lih, molecule, period):
    if molecule == "H2":  # four levels are all there are, so that Ritz values would be exact whatever is played
        H, ansatz, error = qa.problems.h2_two_qubits(), qa.circuits.random_layers(2), own_error
        deep = qa.EigenGame(optimizer="descent", gtol=1e-2, accuracy=0.1, guards=0)
    else:
        H, ansatz, error = lih, layers(4, 4), reported_error
        deep = qa.EigenGame(optimizer=Adam(0.05, beta2=0.99), gtol=3e-3, accuracy=0.1, guards=1)
    rounds, errors = depth_and_error(H, ansatz, deep, error)
    flat_rounds, flat_errors = depth_and_error(H, ansatz, replace(deep, schedule="parallel", period=period), error)
    assert flat_rounds <= 0.6 * rounds
    assert errors.max() < 5e-3
    assert flat_errors.max() < 5e-3


def test_the_paper_s_descent_is_one_over_twice_lambda():
    H, ansatz = qa.problems.h2_two_qubits(), layers(2, 2)
    start = np.random.default_rng(0).random((1, ansatz.num_parameters))
    paper = qa.EigenGame(c=0.0, optimizer="descent", gtol=1e-2, restarts=0)
    fixed = qa.EigenGame(c=0.0, optimizer=GradientDescent(0.5 / -H2_LEVELS[0]), gtol=1e-2, restarts=0)
    runs = [qa.eigensolve(H, 1, method=m, ansatz=ansatz, initial=start, rng=0) for m in (paper, fixed)]
    np.testing.assert_allclose(runs[0].players[0].parameters, runs[1].players[0].parameters, atol=1e-12)


# Resuming


@pytest.mark.parametrize(
    "method",
    [
        qa.EigenGame(guards=0),
        qa.EigenGame(guards=0, schedule="parallel", period=2, gtol=1e-2),
        qa.VQD(beta=3.0, guards=0, optimizer=Adam(0.1), gtol=1e-2),
        qa.SSVQE(restarts=1, gtol=1e-3),
    ],
)
@pytest.mark.parametrize("cut", [1, 17])
def test_a_resumed_run_is_the_run_itself_bit_by_bit(tmp_path, method, cut):
    H, ansatz = qa.problems.h2_two_qubits(), layers(2, 2)
    whole = qa.eigensolve(H, 3, method=method, ansatz=ansatz, rng=4)
    path = tmp_path / "run.npz"

    def die(step):
        if step.index == cut:
            raise RuntimeError

    task = {"method": method, "ansatz": ansatz, "rng": 4, "checkpoint": path, "checkpoint_every": 1}
    with pytest.raises(RuntimeError):
        qa.eigensolve(H, 3, callback=die, **task)
    resumed = qa.eigensolve(H, 3, resume=True, **task)
    for one, other in zip(whole.players, resumed.players, strict=True):
        np.testing.assert_array_equal(one.parameters, other.parameters)
    np.testing.assert_array_equal(whole.eigenvalues, resumed.eigenvalues)
    np.testing.assert_array_equal(whole.history["value"], resumed.history["value"])
    assert whole.counted == resumed.counted
    again = qa.eigensolve(H, 3, resume=True, **task)
    np.testing.assert_array_equal(whole.eigenvalues, again.eigenvalues)


def test_files_of_other_runs_are_refused(tmp_path):
    H, path = qa.problems.h2_two_qubits(), tmp_path / "run.npz"
    task = {"method": qa.EigenGame(gtol=1e-2), "ansatz": layers(2, 2), "checkpoint": path}
    qa.eigensolve(H, 1, rng=0, **task)
    with pytest.raises(ValueError, match="new file"):
        qa.eigensolve(H, 1, rng=0, **task)
    for other, name in (({"rng": 1}, "rng"), ({"rng": 0, "k": 2}, "`k`|ansatz"), ({"rng": 0, "H": 2 * H}, "`H`")):
        arguments = {"H": H, "k": 1, **task, **other}
        with pytest.raises(ValueError, match=name):
            qa.eigensolve(**arguments, resume=True)
    path.write_bytes(b"not a file of ours")
    with pytest.raises(ValueError, match="eigensolve"):
        qa.eigensolve(H, 1, rng=0, resume=True, **task)
    with pytest.raises(ValueError, match="resume from"):
        qa.eigensolve(H, 1, rng=0, resume=True)
