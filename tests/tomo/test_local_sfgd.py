import numpy as np
import pytest

from qalgs.problems import ghz_state, haar_state, w_state
from qalgs.run import Status, drive
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.measuring.plan import covering_settings, random_settings
from qalgs.tomo.methods.descent import FGD
from qalgs.tomo.methods.inversion import spectral_start
from qalgs.tomo.methods.local_sfgd import LocalSFGD, LocalState
from qalgs.tomo.methods.objectives import LeastSquares
from qalgs.tomo.operators import Bases
from tests.tomo.oracle import random_factor

SEED = np.random.SeedSequence(5)


def sampled_counts(psi, fraction, shots, seed):
    rng = np.random.default_rng(seed)
    settings = covering_settings(len(psi).bit_length() - 1, fraction, rng)
    p = Bases(settings).probabilities(psi[:, None])
    return CountsData(settings, rng.multinomial(shots, p / p.sum(axis=1, keepdims=True)))


def fidelity(U, psi):
    return np.linalg.norm(psi.conj() @ U) ** 2 / np.linalg.norm(U) ** 2


def test_one_machine_one_step_everything_in_the_batch_is_plain_gradient_descent():
    data = PauliData.simulate(haar_state(3, 1), 0.8, 500, np.random.default_rng(0))
    start = random_factor(np.random.default_rng(1), 3, 1)
    method = LocalSFGD(machines=1, local_steps=1, rounds=7, batch=len(data), step_size=0.2, schedule="constant")
    run = drive(method.iterate(data, 1, seed=SEED, start=start))
    objective, U = LeastSquares(data), start
    for _ in range(7):
        U = U - 0.2 * objective.direction(U)
    np.testing.assert_allclose(run.last.state.factor, U, atol=1e-12)


def test_the_average_weights_unequal_shards_by_their_size():
    # After one step from a common start, the weighted average of full local directions is the pooled direction.
    data = PauliData.simulate(haar_state(3, 2), 0.5, 500, np.random.default_rng(0))
    data = data.take(np.arange(len(data) - 1))  # 31 labels on 4 machines
    start = random_factor(np.random.default_rng(1), 3, 2)
    method = LocalSFGD(machines=4, local_steps=1, rounds=1, batch=len(data), step_size=0.2, schedule="constant")
    run = drive(method.iterate(data, 2, seed=SEED, start=start))
    np.testing.assert_allclose(run.last.state.factor, start - 0.2 * LeastSquares(data).direction(start), atol=1e-12)


@pytest.mark.parametrize("local_steps", [1, 10])
def test_noiseless_data_contract_linearly_whatever_the_local_steps(local_steps):
    # Every shard has the same minimiser, so there is no floor: theorem 1 of arXiv 2203.11579 with sigma = 0.
    psi = haar_state(4, 3)
    data = PauliData.simulate(psi, 1.0, None, np.random.default_rng(0))
    rounds = 1600 // local_steps
    method = LocalSFGD(
        machines=4, local_steps=local_steps, rounds=rounds, batch=20, step_size=0.05, schedule="constant"
    )
    run = drive(
        method.iterate(data, 1, seed=SEED, start=psi[:, None] + 0.1 * random_factor(np.random.default_rng(1), 4, 1))
    )
    assert 1 - fidelity(run.last.state.factor, psi) < 1e-9


def test_more_machines_lower_the_noise_floor():
    # Theorem 1: the floor of one-step averaging is proportional to 1 / M.
    psi = haar_state(4, 4)
    data = PauliData.simulate(psi, 1.0, 100, np.random.default_rng(0))

    def floor(machines):
        method = LocalSFGD(machines=machines, local_steps=1, rounds=600, batch=8, step_size=0.1, schedule="constant")
        best = drive(LocalSFGD(machines=1, batch=len(data)).iterate(data, 1, seed=SEED)).last.state.factor
        factors = [step.state.factor for step in method.iterate(data, 1, seed=SEED, start=best)][200:]
        aligned = [U * np.exp(-1j * np.angle(np.vdot(best, U))) for U in factors]
        return np.mean([np.linalg.norm(U - best) ** 2 for U in aligned])

    assert 2 < floor(2) / floor(8) < 8


@pytest.mark.parametrize("make", [ghz_state, w_state, haar_state])
def test_fidelity_from_a_fifth_of_the_paulis(make):
    # Independent labels: infidelity d^2 / (m N) = 1 / (q N) = 0.0024 for the pooled optimum; twice that is allowed.
    psi = make(6) if make is not haar_state else make(6, 1)
    data = PauliData.simulate(psi, 0.2, 2048, np.random.default_rng(3))
    run = drive(LocalSFGD().iterate(data, 1, seed=SEED))
    assert run.status is Status.CONVERGED
    assert 1 - fidelity(run.last.state.factor, psi) < 2 / (0.2 * 2048)


def test_counts_are_better_than_labels_and_converge():
    # Random settings with the likelihood: infidelity about d / N for a Haar state; three times that is allowed.
    psi = haar_state(6, 2)
    data = sampled_counts(psi, 0.3, 1000, 4)
    run = drive(LocalSFGD().iterate(data, 1, seed=SEED))
    assert run.status is Status.CONVERGED
    assert 1 - fidelity(run.last.state.factor, psi) < 3 * 64 / data.shots.sum()


def test_higher_rank_recovers_a_mixed_state():
    rng = np.random.default_rng(6)
    a, b = haar_state(4, 1), haar_state(4, 2)
    rho = 0.7 * np.outer(a, a.conj()) + 0.3 * np.outer(b, b.conj())
    values, vectors = np.linalg.eigh(rho)
    truth = vectors[:, -2:] * np.sqrt(values[-2:])
    data = PauliData.simulate(truth, 1.0, 4096, rng)
    U = drive(LocalSFGD(step_size=0.5).iterate(data, 2, seed=SEED)).last.state.factor
    # E ||rho_hat - rho||^2 = (2 d r - r^2) d / (m N), and five times that is allowed
    assert np.linalg.norm(U @ U.conj().T - rho) ** 2 < 5 * (2 * 16 * 2 - 4) * 16 / (256 * 4096)


def test_same_seed_same_run_and_a_state_continues_it_exactly():
    data = sampled_counts(ghz_state(4), 0.5, 200, 0)
    method = LocalSFGD(rounds=12, batch=3)
    whole = [step.state for step in method.iterate(data, 2, seed=SEED)]
    again = [step.state for step in method.iterate(data, 2, seed=SEED)]
    np.testing.assert_array_equal(whole[-1].factor, again[-1].factor)
    rest = [step.state for step in method.iterate(data, 2, seed=SEED, start=whole[4])]
    assert isinstance(rest[0], LocalState)
    assert [state.round for state in rest] == list(range(6, len(whole) + 1))
    np.testing.assert_array_equal(rest[-1].factor, whole[-1].factor)


def test_more_local_steps_need_fewer_rounds():
    psi = haar_state(5, 7)
    data = PauliData.simulate(psi, 1.0, 2048, np.random.default_rng(8))
    start = random_factor(np.random.default_rng(9), 5, 1)

    def rounds(local_steps):
        method = LocalSFGD(local_steps=local_steps, rounds=600, batch=50, step_size=0.02, schedule="constant")
        for step in method.iterate(data, 1, seed=SEED, start=start):
            if fidelity(step.state.factor, psi) > 0.98:
                return step.index
        raise AssertionError("never reached 0.98")

    assert rounds(1) / rounds(10) > 7


def rounds_to(method, data, start, reached):
    """Rounds until ``reached(factor)``, and the factors of every round."""
    factors = [step.state.factor for step in method.iterate(data, 1, seed=SEED, start=start)]
    return next(k for k, U in enumerate(factors, 1) if reached(U)), factors


def test_ten_local_steps_save_eight_rounds_of_nine_and_cost_nothing_at_the_end():
    # n = 6, a fifth of the Paulis at 2048 shots, M = 4, b = 50, eta = 0.02: rounds to ||U U^dagger - rho||^2 < 0.02.
    psi = ghz_state(6)
    data = PauliData.simulate(psi, 0.2, 2048, np.random.default_rng(5))
    start = random_factor(np.random.default_rng(9), 6, 1)

    def error(U):
        return np.linalg.norm(U) ** 4 + 1 - 2 * np.linalg.norm(psi.conj() @ U) ** 2

    def run(local_steps, rounds):
        method = LocalSFGD(local_steps=local_steps, rounds=rounds, batch=50, step_size=0.02, schedule="constant")
        needed, factors = rounds_to(method, data, start, lambda U: error(U) < 0.02)
        return needed, np.mean([error(U) for U in factors[-rounds // 5 :]])

    (often, floor), (seldom, other) = run(1, 1500), run(10, 150)
    assert often / seldom >= 8
    assert abs(other - floor) < 0.1 * floor


def test_local_steps_save_rounds_on_counts():
    # n = 8, a Haar state, settings as minibatches: h = 20 needs at most a quarter of the rounds of h = 1.
    psi = haar_state(8, 5)
    rng = np.random.default_rng(6)
    settings = random_settings(8, 196, rng)
    p = Bases(settings).probabilities(psi[:, None])
    data = CountsData(settings, rng.multinomial(2048, p / p.sum(axis=1, keepdims=True)))
    start = spectral_start(data.paulis(), 1, rng)

    def run(local_steps, rounds):
        method = LocalSFGD(local_steps=local_steps, rounds=rounds, step_size=0.1, schedule="constant")
        return rounds_to(method, data, start, lambda U: fidelity(U, psi) > 0.998)[0]

    assert run(1, 40) >= 4 * run(20, 5)


def floor_of(method, data, skip):
    """Mean squared distance of the rounds after ``skip`` from the pooled optimum, phases aligned."""
    best = drive(FGD(tol=1e-10, max_steps=2000, projected=False).iterate(data, 1, seed=SEED)).last.state.factor
    factors = [step.state.factor for step in method.iterate(data, 1, seed=SEED, start=best)][skip:]
    return np.mean([np.linalg.norm(U * np.exp(-1j * np.angle(np.vdot(best, U))) - best) ** 2 for U in factors])


def test_half_the_step_halves_the_noise_floor():
    # Theorem 1 of arXiv 2203.11579: the floor is eta sigma^2 / (M alpha) where h = 1.
    data = PauliData.simulate(haar_state(4, 4), 1.0, 100, np.random.default_rng(0))
    whole, half = (
        floor_of(LocalSFGD(local_steps=1, rounds=1200, batch=8, step_size=eta, schedule="constant"), data, 200)
        for eta in (0.1, 0.05)
    )
    assert 1.6 < whole / half < 2.6


@pytest.mark.slow
@pytest.mark.parametrize("local_steps", [1, 10])
def test_diminishing_steps_come_closer_as_one_over_the_steps_taken(local_steps):
    # Theorem 2: E D^2 <= 4 C / (alpha (T + 3)) with eta_t = 2 / (alpha (t + 2)). The run begins at a late t, as the
    # theorem's first steps are longer than what is stable far from the optimum.
    data = PauliData.simulate(haar_state(4, 4), 1.0, 200, np.random.default_rng(0))
    best = drive(FGD(tol=1e-10, max_steps=2000, projected=False).iterate(data, 1, seed=SEED)).last.state.factor
    method = LocalSFGD(
        local_steps=local_steps, rounds=4000 // local_steps, batch=8, step_size=1.6, schedule="diminishing"
    )
    squares = np.zeros(4001)
    for seed in range(4):
        start = LocalState(best, round=40 // local_steps)
        for step in method.iterate(data, 1, seed=np.random.SeedSequence(seed), start=start):
            U = step.state.factor
            turned = U * np.exp(-1j * np.angle(np.vdot(best, U)))
            squares[step.index * local_steps] += np.linalg.norm(turned - best) ** 2
    times = np.array([250, 500, 1000, 2000, 3500])
    means = [squares[int(0.8 * t) : int(1.14 * t)] for t in times]
    slope = np.polyfit(np.log(times), np.log([m[m > 0].mean() for m in means]), 1)[0]
    assert abs(slope + 1) < 0.2


def test_steps_that_diverge_are_undone_and_halved():
    psi = haar_state(5, 3)
    data = PauliData.simulate(psi, 0.5, 1000, np.random.default_rng(1))
    run = drive(LocalSFGD(step_size=1.9, batch=20).iterate(data, 1, seed=SEED))
    assert np.isfinite(run.last.state.factor).all()
    assert run.history["step_size"][-1] <= 1.9 / 8
    constant = drive(LocalSFGD(step_size=1.9, batch=20, schedule="constant").iterate(data, 1, seed=SEED))
    assert constant.status is Status.FAILED
    assert np.isfinite(constant.last.state.factor).all()


def test_the_diminishing_schedule_is_that_of_theorem_2():
    method = LocalSFGD(local_steps=3, step_size=0.5, schedule="diminishing")
    steps = method._step_sizes(LocalState(np.zeros((2, 1)), round=2))
    np.testing.assert_allclose(steps, [2 * 0.5 / (t + 2) for t in (6, 7, 8)])


def test_bytes_count_both_ways_for_all_machines():
    data = sampled_counts(ghz_state(3), 0.9, 100, 1)
    run = drive(LocalSFGD(machines=3, rounds=4).iterate(data, 2, seed=SEED))
    assert run.history["bytes"].tolist() == [2 * 3 * 8 * 2 * 16 * k for k in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"machines": 0}, ValueError, "`machines` must be at least 1"),
        ({"local_steps": 2.5}, TypeError, "`local_steps` must be an integer"),
        ({"rounds": True}, TypeError, "`rounds` must be an integer"),
        ({"batch": 0}, ValueError, "`batch` must be at least 1"),
        ({"step_size": 0}, ValueError, "`step_size` must be greater than 0"),
        ({"step_size": float("nan")}, ValueError, "`step_size` must be finite"),
        ({"schedule": "cosine"}, ValueError, "'cosine'"),
        ({"start": "zero"}, ValueError, "'zero'"),
        ({"floor": 1.0}, ValueError, "`floor` must be at most"),
        ({"tol": -1}, ValueError, "`tol` must be greater than 0"),
    ],
)
def test_bad_settings_are_refused(kwargs, error, message):
    with pytest.raises(error, match=message):
        LocalSFGD(**kwargs)


def test_more_machines_than_measurements_are_refused():
    data = CountsData.from_dict({"Z": {"0": 1}})
    with pytest.raises(ValueError, match="`machines` must be at most 1, but it is 4"):
        drive(LocalSFGD().iterate(data, 1, seed=SEED))
