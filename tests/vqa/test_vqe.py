"""The variational verbs: closed forms, policies on the same footing, honest energies, replay and replanning."""

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

import qalgs as qa
from qalgs.evaluation import Evaluation, Query
from qalgs.optimizers import COBYLA, LBFGSB, SPSA
from qalgs.vqa.costs import DeviceTime, shared_price
from qalgs.vqa.policies import narrowed, stages, with_settings
from qalgs.vqa.result import QAOAResult, VQEResult
from qalgs.vqa.stopping import Plateau

POLICIES = [qa.Nest(), qa.BestMap(), qa.BestMap(6), qa.ConstantLow(), qa.RandomJump(), qa.Qoncord()]
H = qa.problems.transverse_field_ising(3, h=0.7)
ANSATZ = qa.circuits.hardware_efficient(3, reps=1)


@pytest.fixture(scope="module")
def backend():
    return qa.backends.get("noisy:fake_manila")


@pytest.fixture(scope="module")
def pool(backend):
    return qa.placement_pool(backend.calibration, ANSATZ)


def test_the_exact_ground_energy_is_found_and_reported_without_error():
    result = qa.vqe(H, optimizer=LBFGSB(), rng=1)
    assert result.energy == pytest.approx(np.linalg.eigvalsh(H.to_matrix())[0], abs=1e-6)
    assert result.reference == pytest.approx(np.linalg.eigvalsh(H.to_matrix())[0], abs=1e-9)
    assert result.energy_err == 0
    assert result.success
    assert result.evaluations == len(result.history["energy"])


def test_one_angle_has_the_closed_form():
    theta = Parameter("t")
    circuit = QuantumCircuit(1)
    circuit.ry(theta, 0)
    result = qa.vqe(SparsePauliOp(["Z", "X"], [1.0, 1.0]), circuit, initial=[0.3], rng=1)
    assert result.energy == pytest.approx(-np.sqrt(2), abs=1e-6)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: f"{type(p).__name__}-{p.cycles}")
def test_every_policy_runs_its_stages_within_the_budget(policy, backend):
    result = qa.vqe(H, ANSATZ, schedule=policy, backend=backend, shots=256, max_evaluations=60, rng=2)
    assert len(result.placements) == policy.cycles
    assert set(result.history["cycle"].astype(int)) <= set(range(policy.cycles))
    assert result.evaluations <= 60 + 4 * policy.cycles + 1
    assert result.energy_err > 0
    assert (np.diff(result.history["device_seconds"]) >= 0).all()
    np.testing.assert_allclose(result.history["esp"][-1], result.esp[-1])
    if isinstance(policy, qa.Nest):
        assert (result.moves <= 1).all()
    if isinstance(policy, qa.BestMap):
        assert (result.moves == 0).all()
        assert result.esp[0] == max(result.esp)


def test_policies_place_where_they_say(pool):
    best, low = pool.placements[0], np.quantile(pool.esp, 0.25)
    assert (qa.BestMap(3).plan(pool).placements == best).all()
    assert (qa.Qoncord().plan(pool).placements[1] == best).all()
    assert abs(qa.ConstantLow().plan(pool).scores - low).max() <= abs(pool.esp - low).min() + 1e-12
    assert (qa.Nest().plan(pool).placements[-1] == best).all()
    first = qa.RandomJump().plan(pool, rng=1)
    assert (first.placements == qa.RandomJump().plan(pool, rng=1).placements).all()


def test_stages_explore_until_the_best_placement_and_only_qoncord_brings_optimizers(pool):
    plan = qa.Nest().plan(pool)
    made = stages(qa.Nest(), plan, COBYLA())
    assert made[0].exploring
    assert not made[-1].exploring
    assert all(stage.optimizer is None for stage in made)
    coarse, fine = stages(qa.Qoncord(), qa.Qoncord().plan(pool), COBYLA())
    assert coarse.to_the_end
    assert not fine.to_the_end
    assert isinstance(coarse.optimizer, COBYLA)
    assert coarse.optimizer.tolerance == 0.1
    assert isinstance(fine.optimizer, COBYLA)
    assert fine.optimizer.rhobeg == 0.1


def test_restarts_narrow_the_first_step_by_the_published_law():
    assert [round(narrowed(COBYLA(), c, 6).rhobeg, 2) for c in range(6)] == [1.0, 0.82, 0.64, 0.46, 0.28, 0.1]
    assert narrowed(COBYLA(rhobeg=0.5), 0, 1).rhobeg == 0.5
    assert narrowed(SPSA(), 3, 6) == SPSA()
    assert with_settings(SPSA(), rhobeg=3.0) == SPSA()


def test_the_same_seed_repeats_the_run_and_another_does_not(backend):
    def run(seed):
        return qa.vqe(H, ANSATZ, schedule=qa.Nest(cycles=3), backend=backend, shots=200, max_evaluations=40, rng=seed)

    first, again, other = run(5), run(5), run(6)
    np.testing.assert_array_equal(first.history["energy"], again.history["energy"])
    assert first.energy == again.energy
    assert not np.array_equal(first.history["energy"], other.history["energy"])


def test_without_restarts_the_optimizer_goes_on_over_changes_of_placement(backend):
    result = qa.vqe(
        H,
        ANSATZ,
        optimizer=SPSA(),
        schedule=qa.Nest(cycles=3),
        backend=backend,
        shots=200,
        max_evaluations=30,
        rng=1,
    )
    assert set(result.history["cycle"].astype(int)) == {0, 1, 2}


def test_the_reported_energy_is_measured_anew_not_the_luckiest(backend):
    lucky, anew = [], []
    exact = qa.backends.get("noisy:fake_manila")
    for seed in range(12):
        result = qa.vqe(H, ANSATZ, backend=backend, shots=64, max_evaluations=40, rng=seed)
        program = exact.prepare(ANSATZ, H)
        truth = exact.expect(program, result.parameters).values[0, 0]
        lucky.append(result.history["energy"].min() - truth)
        anew.append((result.energy - truth) / result.energy_err)
    assert np.mean(lucky) < -0.1
    assert abs(np.mean(anew)) < 5 / np.sqrt(len(anew)) + 0.3  # the change of basis adds about two noisy pulses


def test_the_noiseless_energy_is_the_same_on_every_placement_of_a_plan(pool):
    exact = qa.backends.get("statevector")
    point = np.random.default_rng(0).uniform(-3, 3, ANSATZ.num_parameters)
    reference = exact.expect(exact.prepare(ANSATZ, H), point).values[0, 0]
    routed = exact.expect(exact.prepare(pool.circuit, pool.observable(H)), point).values[0, 0]
    assert routed == pytest.approx(reference, abs=1e-10)
    backend = qa.backends.get("noisy:fake_manila")
    noisy = [
        backend.expect(backend.prepare(ANSATZ, H, qubits=place.tolist()), point).values[0, 0]
        for place in qa.Nest().plan(pool).placements
    ]
    shuffled = backend.expect(backend.prepare(ANSATZ, H.apply_layout([2, 0, 1])), point).values[0, 0]
    assert np.ptp(noisy) < abs(shuffled - reference) / 3


def test_a_new_calibration_replans_from_where_the_run_stands(backend, monkeypatch):
    from dataclasses import replace

    old = backend.calibration
    gates = [replace(g, error=min(0.4, 3 * g.error)) if g.error and len(g.qubits) == 2 else g for g in old.gates]
    new = replace(old, gates=tuple(gates))
    served = [old, old, new, new]  # for the first plan, then after the cycles 0, 1 and 2
    monkeypatch.setattr("qalgs.vqa.preparing.calibration_of", lambda _: served.pop(0))
    result = qa.vqe(H, ANSATZ, schedule=qa.Nest(cycles=4), backend=backend, shots=100, max_evaluations=40, rng=1)
    assert served == []
    assert set(result.history["cycle"].astype(int)) == {0, 1, 2, 3}
    fresh = qa.placement_pool(new, ANSATZ)
    plan = qa.Nest(cycles=4).plan(fresh, start=result.placements[1].tolist(), first=2)
    assert (result.placements[2] == result.placements[1]).all()
    assert (result.placements[2:] == plan.placements).all()
    np.testing.assert_allclose(result.esp[2:], plan.scores)
    np.testing.assert_allclose(result.targets[2:], plan.targets)
    assert result.history["esp"][-1] == result.esp[-1]


def test_molecules_warn_of_other_charges_and_are_compared_in_their_sector():
    for name, length, own, other in [("HeH+", 0.775, -2.8516, -3.016), ("H2", 0.742, -1.1373, None)]:
        molecule = qa.problems.molecule(name, bond_length=length)
        if other is None:
            result = qa.vqe(molecule, max_evaluations=5, rng=1)
            assert result.warnings == ()
        else:
            with pytest.warns(UserWarning, match=f"{other:.3f}"):
                result = qa.vqe(molecule, max_evaluations=5, rng=1)
            assert "penalised" in result.warnings[0]
        assert result.reference == pytest.approx(own, abs=2e-4)


def test_the_plateau_rule_fires_on_settled_noise_and_not_on_progress():
    rng = np.random.default_rng(3)
    falling = np.linspace(1, 0, 80) + rng.normal(0, 0.01, 80)
    flat = rng.normal(0, 0.01, 80)
    assert not Plateau().settled(falling.tolist(), 4)
    assert Plateau().settled(flat.tolist(), 4)
    assert not Plateau().settled(flat[:50].tolist(), 4)
    result = qa.vqe(H, ANSATZ, optimizer=SPSA(), stop=Plateau(tolerance=0.5), max_evaluations=300, rng=1)
    assert result.success
    assert result.message == "the energy has settled"
    assert result.evaluations < 300


def test_shots_may_grow_with_the_cycles(backend):
    result = qa.vqe(H, ANSATZ, schedule=qa.BestMap(2), backend=backend, shots=[50, 800], max_evaluations=30, rng=1)
    err = result.history["energy_err"]
    cycle = result.history["cycle"]
    assert err[cycle == 0].mean() > 2.5 * err[cycle == 1].mean()


def test_ctrl_c_leaves_the_best_point_so_far(backend):
    def interrupt(step):
        if step.index == 7:
            raise KeyboardInterrupt

    result = qa.vqe(H, ANSATZ, backend=backend, shots=100, rng=1, callback=interrupt)
    assert result.status is qa.Status.INTERRUPTED
    assert len(result.history["energy"]) >= 7
    assert np.isfinite(result.energy)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"ansatz": qa.circuits.hardware_efficient(2)}, ValueError, "3 qubits of H"),
        ({"ansatz": QuantumCircuit(3)}, ValueError, "free parameter"),
        ({"initial": [0.0]}, ValueError, r"shape \(24,\)"),
        ({"schedule": qa.Nest()}, qa.backends.CapabilityError, "no calibration"),
        ({"optimizer": LBFGSB(), "shots": 10}, ValueError, "do without gradients"),
        ({"shots": 0}, ValueError, "at least 1"),
        ({"shots": [10, 10]}, ValueError, "one for each of 1 cycles"),
        ({"max_evaluations": 0}, ValueError, "max_evaluations"),
    ],
)
def test_bad_arguments_are_refused_before_anything_runs(arguments, error, message):
    with pytest.raises(error, match=message):
        qa.vqe(H, **arguments)
    with pytest.raises(TypeError, match="SparsePauliOp"):
        qa.vqe(np.eye(4))


def test_results_are_saved_and_loaded(tmp_path, backend):
    result = qa.vqe(H, ANSATZ, schedule=qa.Nest(cycles=2), backend=backend, shots=50, max_evaluations=20, rng=1)
    result.save(tmp_path / "run")
    loaded = VQEResult.load(tmp_path / "run")
    assert str(loaded) == str(result)
    np.testing.assert_array_equal(loaded.history["energy"], result.history["energy"])
    np.testing.assert_array_equal(loaded.placements, result.placements)
    cut = qa.qaoa(qa.problems.maxcut([(0, 1), (1, 2)]), max_evaluations=20, rng=1)
    cut.save(tmp_path / "cut")
    again = QAOAResult.load(tmp_path / "cut")
    assert (tuple(again.bits), again.ratio, again.best_cost) == (cut.bits, cut.ratio, cut.best_cost)


def test_qaoa_finds_cuts_and_its_ratio_has_the_closed_form_on_a_ring():
    ring = qa.problems.maxcut(qa.problems.cycle_graph(8))
    result = qa.qaoa(ring, depth=1, rng=2)
    assert result.ratio == pytest.approx(3 / 4, abs=1e-3)  # (2p + 1)/(2p + 2) at p = 1
    assert result.best_cost == -8
    assert ring.cut_value(result.bits) == 8


def test_qaoa_runs_on_placements_of_a_device_and_reads_the_right_bits(backend):
    path = qa.problems.maxcut(qa.problems.path_graph(4))
    result = qa.qaoa(path, schedule=qa.Nest(cycles=2), backend=backend, shots=200, max_evaluations=30, rng=3)
    assert path.cut_value(result.bits) == pytest.approx(-result.best_cost)
    assert result.best_cost == -3


def test_the_time_model_and_the_price():
    clock = DeviceTime(rep_delay=1e-3, circuit=0, overhead=2)
    assert clock.seconds(qa.results.Cost(shots=1000, circuits=5, jobs=2)) == pytest.approx(5)
    np.testing.assert_allclose(shared_price(10.0, [4, 4, 2], 2.0), [8, 8, 4])


def test_the_run_can_be_played_question_by_question():
    from qalgs.vqa.policies import Stage
    from qalgs.vqa.running import Trail, VariationalRun

    def unused(stage):
        raise AssertionError(stage)

    run = VariationalRun(
        [Stage(0, None, 1.0, False)],
        unused,
        COBYLA(max_evaluations=50),
        np.ones(2),
        50,
        True,
        False,
        None,
        np.random.SeedSequence(1),
        Trail(DeviceTime()),
    )
    game = run.play()
    asked = next(game)
    assert isinstance(asked.query, Query)
    for _ in range(60):
        try:
            asked = game.send(Evaluation(np.sum(asked.query.points**2, axis=1)))
        except StopIteration:
            break
    assert np.linalg.norm(run.x) < 0.05
