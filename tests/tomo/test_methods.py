import logging

import numpy as np
import pytest

from qalgs.problems import ghz_state, haar_state, w_state
from qalgs.run import Status, drive
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.measuring.plan import all_settings, random_settings
from qalgs.tomo.methods.descent import FGD, MiFGD
from qalgs.tomo.methods.hard_thresholding import MatrixALPS, RandomizedSVP
from qalgs.tomo.methods.lbfgs import LBFGS
from qalgs.tomo.methods.objectives import LeastSquares, Likelihood
from qalgs.tomo.methods.starting import first_factor
from qalgs.tomo.operators import Bases
from qalgs.tomo.operators.paulis import labels_from_masks
from tests.tomo.oracle import matrix, random_factor

SEED = np.random.SeedSequence(5)
TIGHT = [
    FGD(tol=1e-9),
    FGD(tol=1e-9, scaled=True),
    MiFGD(tol=1e-9),
    LBFGS(tol=1e-14, gradient_tol=1e-9),
    RandomizedSVP(tol=1e-9),
    MatrixALPS(tol=1e-9),
]
"""Every iterative method, to the precision of exact data."""


def name(method):
    return type(method).__name__ + ("-scaled" if getattr(method, "scaled", False) else "")


def mixed_factor(n, weights, seed):
    vectors = np.linalg.qr(random_factor(np.random.default_rng(seed), n, len(weights)))[0]
    return vectors * np.sqrt(weights)


STATES = {
    "ghz": ghz_state(4)[:, None],
    "w": w_state(4)[:, None],
    "haar": haar_state(4, 1)[:, None],
    "mixed": mixed_factor(4, [0.7, 0.3], 2),
}


def sampled_counts(U, settings, shots, seed):
    """``settings``: how many random ones, or "all"."""
    rng, n = np.random.default_rng(seed), len(U).bit_length() - 1
    chosen = all_settings(n) if settings == "all" else random_settings(n, settings, rng)
    p = Bases(chosen).probabilities(U)
    return CountsData(chosen, rng.multinomial(shots, p / p.sum(axis=1, keepdims=True)))


def fit(method, data, rank=1, start=None):
    return drive(method.iterate(data, rank, seed=SEED, start=start))


def density(U):
    return U @ U.conj().T / np.linalg.norm(U) ** 2


def infidelity(U, psi):
    return 1 - np.linalg.norm(psi.conj() @ U) ** 2 / np.linalg.norm(U) ** 2


def dense_gradient(data, X):
    """(d/m) sum_k (Tr(P_k X) - y_k) P_k."""
    paulis = [matrix(label) for label in labels_from_masks(data.x, data.z, data.num_qubits)]
    errors = [np.trace(P @ X).real - y for P, y in zip(paulis, data.values, strict=True)]
    return len(X) / len(paulis) * sum(e * P for e, P in zip(errors, paulis, strict=True))


def dense_projection(X, rank):
    values, vectors = np.linalg.eigh(X)
    values, vectors = np.maximum(values[-rank:], 0), vectors[:, -rank:]
    return (vectors * values) @ vectors.conj().T


# --- one step by hand ---------------------------------------------------------------------------------------------


def test_one_step_of_fgd_by_hand():
    # One qubit, <I> = <Z> = 1 measured, U = (a, b): the errors are e_I = a^2 + b^2 - 1 and e_Z = a^2 - b^2 - 1, and
    # G = (d/m) [e_I (a, b) + e_Z (a, -b)] with d/m = 2/2.
    data = PauliData.from_labels(["I", "Z"], np.array([1.0, 1.0]))
    a, b, eta = 0.6, 0.3, 0.25
    identity, z = a * a + b * b - 1, a * a - b * b - 1
    expected = np.array([[a - eta * (identity + z) * a], [b - eta * (identity - z) * b]])
    run = fit(FGD(step_size=eta, max_steps=1), data, start=np.array([[a], [b]]))
    np.testing.assert_allclose(run.last.state.factor, expected, atol=1e-14)
    assert run.status is Status.MAX_STEPS


def test_mifgd_extrapolates_along_its_last_move():
    data = PauliData.simulate(haar_state(3, 1), 0.8, 500, np.random.default_rng(0))
    start, objective = 0.5 * random_factor(np.random.default_rng(1), 3, 2), LeastSquares(data)
    U = Z = start
    for _ in range(4):
        after = Z - 0.1 * objective.direction(Z)
        U, Z = after, after + 0.5 * (after - U)
    run = fit(MiFGD(step_size=0.1, momentum=0.5, max_steps=4), data, 2, start)
    np.testing.assert_allclose(run.last.state.factor, U, atol=1e-13)
    assert run.history["loss"][-1] == pytest.approx(objective.loss(Z))


def test_scaled_step_is_the_direction_times_the_inverse_gram_matrix():
    data = PauliData.simulate(haar_state(3, 1), 0.8, 500, np.random.default_rng(0))
    U = random_factor(np.random.default_rng(1), 3, 2)
    G = LeastSquares(data).direction(U)
    run = fit(FGD(step_size=0.1, scaled=True, max_steps=1), data, 2, U)
    expected = U - 0.1 * G @ np.linalg.inv(U.conj().T @ U + 0.01 * np.eye(2))
    np.testing.assert_allclose(run.last.state.factor, expected, atol=1e-13)


def test_projection_keeps_the_trace_at_most_one():
    data = PauliData.simulate(haar_state(4, 1), 0.3, 50, np.random.default_rng(0))
    traces = [np.linalg.norm(step.state.factor) ** 2 for step in FGD().iterate(data, 3, seed=SEED)]
    assert max(traces) <= 1 + 1e-12
    free = fit(FGD(projected=False), data, 3).last.state.factor
    assert np.linalg.norm(free) ** 2 > 1.01


def test_a_step_of_one_on_counts_is_r_rho_r():
    # R = sum n_sb / (N p_sb) Pi_sb, rho+ = R rho R / trace
    data = sampled_counts(haar_state(2, 1)[:, None], "all", 100, 1)
    U = random_factor(np.random.default_rng(2), 2, 4)
    R = np.eye(4) - Likelihood(data).direction(U) @ np.linalg.inv(U)
    run = fit(FGD(step_size=1.0, max_steps=1), data, 4, U)
    np.testing.assert_allclose(density(run.last.state.factor), density(R @ U), atol=1e-12)


@pytest.mark.parametrize("rank", [1, 2])
def test_svp_is_dense_svp_on_three_qubits(rank):
    # With rank + 5 of 8 columns the block spans nearly everything; many passes make it exact.
    data = PauliData.simulate(mixed_factor(3, [0.7, 0.3], 2), 0.9, 300, np.random.default_rng(0))
    method = RandomizedSVP(max_steps=6, power_passes=60, tol=1e-14)
    X = np.zeros((8, 8), complex)
    for step in method.iterate(data, rank, seed=SEED):
        X = dense_projection(X - 0.75 * dense_gradient(data, X), rank)
        U = step.state.factor
        np.testing.assert_allclose(U @ U.conj().T, X, atol=1e-9)


def test_alps_step_is_the_exact_line_search_on_the_active_subspace():
    data = PauliData.simulate(mixed_factor(3, [0.7, 0.3], 2), 0.9, 300, np.random.default_rng(0))
    start = random_factor(np.random.default_rng(1), 3, 2)
    run = fit(MatrixALPS(memory=0.0, max_steps=1, power_passes=400), data, 2, start)

    X, eye = start @ start.conj().T, np.eye(8)
    gradient = dense_gradient(data, X)
    basis = np.linalg.qr(start)[0]
    outside = eye - basis @ basis.conj().T
    values, vectors = np.linalg.eigh(outside @ gradient @ outside)
    largest = vectors[:, np.argsort(-np.abs(values))[:2]]
    rest = outside - largest @ largest.conj().T
    active = gradient - rest @ gradient @ rest
    paulis = [matrix(label) for label in labels_from_masks(data.x, data.z, 3)]
    stretched = 8 / len(paulis) * sum(np.trace(P @ active).real ** 2 for P in paulis)
    expected = dense_projection(X - np.linalg.norm(active) ** 2 / stretched * active, 2)
    U = run.last.state.factor
    np.testing.assert_allclose(U @ U.conj().T, expected, atol=1e-9)


# --- every method on every state ----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("method", TIGHT, ids=name)
def test_exact_values_give_the_exact_state(method, state):
    truth = STATES[state]
    data = PauliData.simulate(truth, 0.7, None, np.random.default_rng(3))
    run = fit(method, data, truth.shape[1])
    assert run.status is Status.CONVERGED
    assert np.linalg.norm(density(run.last.state.factor) - density(truth)) < 1e-5


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("method", [FGD(), FGD(scaled=True), MiFGD(), LBFGS(), RandomizedSVP(), MatrixALPS()], ids=name)
def test_counts_give_the_state_within_shot_noise(method, state):
    # Three times E ||rho_hat - rho||^2 = (2 d r - r^2) d / (m N) of equally covered Paulis. The N shots of a setting
    # are worth 2^n values, and a Pauli of weight w is in 3^(n - w) of them: the mean over Paulis of 3^w is (10/4)^n.
    truth = STATES[state]
    rank, dim, shots = truth.shape[1], 16, 1000
    data = sampled_counts(truth, "all", shots, 4)
    error = np.linalg.norm(density(fit(method, data, rank).last.state.factor) - density(truth)) ** 2
    expected = (2 * dim * rank - rank**2) * dim / (dim**2 * shots) * (10 / 4) ** 4 / 3**4
    assert error < 3 * expected


@pytest.mark.parametrize("method", TIGHT, ids=name)
def test_same_seed_same_run(method):
    data = PauliData.simulate(STATES["mixed"], 0.7, 400, np.random.default_rng(3))
    one, two = fit(method, data, 2), fit(method, data, 2)
    np.testing.assert_array_equal(one.last.state.factor, two.last.state.factor)
    np.testing.assert_array_equal(one.history["loss"], two.history["loss"])
    assert (np.diff(one.history["step"]) == 1).all()


@pytest.mark.parametrize("method", TIGHT, ids=name)
def test_a_start_at_the_optimum_stays_there(method):
    data = PauliData.simulate(STATES["mixed"], 1.0, None, np.random.default_rng(3))
    run = fit(method, data, 2, STATES["mixed"])
    assert run.last.index <= 2
    np.testing.assert_allclose(density(run.last.state.factor), density(STATES["mixed"]), atol=1e-8)


@pytest.mark.parametrize("method", TIGHT, ids=name)
def test_a_start_of_the_wrong_shape_is_refused(method):
    data = PauliData.simulate(STATES["ghz"], 0.7, None, np.random.default_rng(3))
    with pytest.raises(ValueError, match=r"`start` must have shape \(16, 2\), but it is \(16, 1\)"):
        fit(method, data, 2, STATES["ghz"])
    with pytest.raises(ValueError, match="`start` must be finite and not zero"):
        fit(method, data, 1, np.full((16, 1), np.nan))


# --- optima, traps and divergence ---------------------------------------------------------------------------------


def test_all_methods_find_the_same_least_squares_fit():
    psi = haar_state(6, 1)
    data = PauliData.simulate(psi, 0.3, 2048, np.random.default_rng(1))
    methods = [LBFGS(tol=1e-13), FGD(projected=False), MiFGD(projected=False), RandomizedSVP(), MatrixALPS()]
    fits = [fit(method, data).last.state.factor for method in methods]
    for U in fits[1:]:
        assert np.linalg.norm(density(U) - density(fits[0])) < 2e-4  # the shot noise is 0.07
    losses = [LeastSquares(data).loss(U) for U in fits]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-6)


@pytest.mark.parametrize("rank", [1, 2])
def test_gradient_descent_and_lbfgs_find_the_same_likelihood_fit(rank):
    data = sampled_counts(STATES["mixed"] if rank == 2 else STATES["haar"], "all", 500, 2)
    quick = fit(LBFGS(), data, rank).last.state.factor
    slow = fit(FGD(tol=1e-7), data, rank).last.state.factor
    objective = Likelihood(data)
    # In units of the log-likelihood of all shots, where statistical errors are of order 1 per parameter.
    assert abs(objective.loss(quick) - objective.loss(slow)) * data.counts.sum() < 0.05
    assert np.linalg.norm(density(quick) - density(slow)) < 5e-3


def test_the_gradient_vanishes_at_the_end_of_lbfgs():
    data = sampled_counts(STATES["haar"], "all", 500, 2)
    run = fit(LBFGS(tol=1e-15, gradient_tol=1e-8), data)
    assert run.status is Status.CONVERGED
    assert np.abs(Likelihood(data).direction(run.last.state.factor)).max() < 1e-7
    assert run.history["loss"][-1] == pytest.approx(Likelihood(data).loss(run.last.state.factor), rel=1e-12)


def test_full_rank_starts_without_an_empty_column_and_beats_projected_inversion():
    rho = 0.9 * density(STATES["ghz"]) + 0.1 * np.eye(16) / 16
    data = sampled_counts(np.linalg.cholesky(rho), "all", 500, 7)
    start = first_factor(data, 16, "spectral", None, np.random.default_rng(0))
    assert np.linalg.svd(start, compute_uv=False).min() > 1e-3
    assert np.linalg.norm(start) == pytest.approx(1)
    run = fit(LBFGS(), data, 16)
    assert run.status is Status.CONVERGED
    assert np.linalg.norm(density(run.last.state.factor) - rho) < np.linalg.norm(density(start) - rho)


def test_the_spectral_start_avoids_the_traps_of_a_random_one():
    psi = ghz_state(6)
    failures = {"spectral": 0, "random": 0}
    for seed in range(20):
        data = sampled_counts(psi[:, None], 100, 2048, seed)
        for start in failures:
            steps = LBFGS(start=start).iterate(data, 1, seed=np.random.SeedSequence(seed))
            failures[start] += infidelity(drive(steps).last.state.factor, psi) > 0.02
    assert failures["spectral"] == 0
    assert failures["random"] >= 1


def test_ill_conditioned_states_are_where_scaling_and_lbfgs_pay():
    truth = mixed_factor(6, [0.95, 0.05], 3)
    data = PauliData.simulate(truth, 0.5, None, np.random.default_rng(3))

    def steps(method):
        for step in method.iterate(data, 2, seed=SEED):
            if np.linalg.norm(density(step.state.factor) - density(truth)) < 1e-3:
                return step.index
        raise AssertionError("never came close")

    plain = steps(FGD(tol=1e-9))
    assert steps(MiFGD(tol=1e-9, step_size=0.3, momentum=0.5)) < plain
    assert steps(FGD(tol=1e-9, scaled=True)) < plain / 2
    assert steps(LBFGS(tol=1e-14)) < plain / 2


@pytest.mark.parametrize("scaled", [False, True])
def test_steps_that_are_too_long_are_undone_and_halved(scaled):
    psi = haar_state(5, 3)
    data = PauliData.simulate(psi, 0.5, 1000, np.random.default_rng(1))
    run = fit(MiFGD(step_size=2.0, momentum=0.5, scaled=scaled), data)
    assert run.status is Status.CONVERGED
    assert run.history["step_size"][-1] <= 1.0
    assert infidelity(run.last.state.factor, psi) < 0.01


def test_a_hopeless_descent_fails_with_its_best_factor(caplog, monkeypatch):
    data = PauliData.simulate(haar_state(3, 3), 0.5, 1000, np.random.default_rng(1))
    start = random_factor(np.random.default_rng(0), 3, 1)
    uphill = LeastSquares.loss_and_direction
    monkeypatch.setattr(LeastSquares, "loss_and_direction", lambda self, U: (f := uphill(self, U), (f[0], -f[1]))[1])
    with caplog.at_level(logging.WARNING):
        run = fit(FGD(projected=False), data, start=start)
    assert run.status is Status.FAILED
    assert "unstable" in caplog.text
    np.testing.assert_array_equal(run.last.state.factor, start)


def test_too_long_projected_steps_end_as_failed(caplog):
    data = PauliData.simulate(haar_state(3, 3), 0.25, None, np.random.default_rng(4))
    data = data.take(np.argsort(data.x | data.z)[:6].astype(np.intp))
    with caplog.at_level(logging.WARNING):
        run = fit(RandomizedSVP(step_size=2.0), data, 2)
    assert run.status in (Status.FAILED, Status.MAX_STEPS)
    assert np.isfinite(run.last.state.factor).all()


# --- statistical laws ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "make", "n"),
    [
        (FGD(), lambda seed: haar_state(6, seed), 6),
        (LBFGS(), lambda seed: w_state(7), 7),
        (RandomizedSVP(), lambda seed: haar_state(7, seed), 7),
        (MatrixALPS(), lambda seed: haar_state(6, seed), 6),
        (FGD(), lambda seed: ghz_state(8), 8),
        (LBFGS(), lambda seed: haar_state(8, seed), 8),
    ],
    ids=["FGD-haar6", "LBFGS-w7", "SVP-haar7", "ALPS-haar6", "FGD-ghz8", "LBFGS-haar8"],
)
def test_infidelity_from_uniform_labels_is_dim_squared_over_labels_times_shots(method, make, n):
    # (2 d r - r^2) d / (m N) is the squared error of rho; a pure state has half of it as infidelity: d^2 / (m N).
    ratios = []
    for seed in range(10):
        psi = make(seed)
        data = PauliData.simulate(psi, 0.2, 2048, np.random.default_rng(seed))
        ratios.append(infidelity(fit(method, data).last.state.factor, psi) * len(data) * 2048 / 4**n)
    assert np.mean(ratios) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize(("n", "settings"), [(6, 100), (8, 100)])
def test_infidelity_from_counts_of_a_haar_state_is_dim_over_shots(n, settings):
    ratios = []
    for seed in range(4):
        psi = haar_state(n, seed)
        data = sampled_counts(psi[:, None], settings, 2048, seed)
        ratios.append(infidelity(fit(LBFGS(), data).last.state.factor, psi) * data.counts.sum() / 2**n)
    assert 0.7 < np.mean(ratios) < 1.5


@pytest.mark.slow
def test_infidelity_from_counts_of_ten_qubits():
    psi = haar_state(10, 0)
    data = sampled_counts(psi[:, None], 300, 2048, 0)
    ratio = infidelity(fit(LBFGS(), data).last.state.factor, psi) * data.counts.sum() / 2**10
    assert 0.7 < ratio < 1.5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:A state of rank 1 does not explain")
def test_no_traps_in_fifty_seeds_and_the_misfit_shows_those_of_a_random_start():
    from qalgs.tomo import tomography

    psi, found = ghz_state(6), {}
    for start in ("spectral", "random"):
        fits = [
            tomography(
                sampled_counts(psi[:, None], 100, 2048, s), rank=1, method=LBFGS(start=start), bootstrap=0, rng=s
            )
            for s in range(50)
        ]
        found[start] = [result.misfit for result in fits if infidelity(result.factor, psi) > 0.02]
    assert found["spectral"] == []
    assert len(found["random"]) >= 5
    assert min(found["random"]) > 2


@pytest.mark.slow
def test_twelve_qubits_from_500_settings():
    psi = ghz_state(12)
    run = fit(LBFGS(), sampled_counts(psi[:, None], 500, 2048, 1))
    assert run.status is Status.CONVERGED
    assert infidelity(run.last.state.factor, psi) < 0.002
    assert run.wall_seconds < 30  # 2.5 s on one thread of a machine with nothing else to do


@pytest.mark.slow
def test_full_rank_matches_the_convex_fit_of_qiskit_experiments():
    fitters = pytest.importorskip("qiskit_experiments.library.tomography.fitters")
    basis = pytest.importorskip("qiskit_experiments.library.tomography.basis").PauliMeasurementBasis()
    pytest.importorskip("cvxpy")
    rho = 0.9 * density(ghz_state(3)[:, None]) + 0.1 * np.eye(8) / 8
    data = sampled_counts(np.linalg.cholesky(rho), "all", 2048, 1)
    theirs, _ = fitters.cvxpy_gaussian_lstsq(
        data.counts[None],
        data.shots,
        np.array([1, 2, 0])[data.settings],  # their order is Z, X, Y
        np.zeros((len(data), 0), int),
        measurement_basis=basis,
        measurement_qubits=(0, 1, 2),
    )
    ours = density(fit(LBFGS(), data, 8).last.state.factor)
    noise = np.linalg.norm(np.asarray(theirs) - rho)
    assert np.linalg.norm(ours - np.asarray(theirs)) < 0.5 * noise
    assert np.linalg.norm(ours - rho) < 1.2 * noise


# --- settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "kwargs", "error", "message"),
    [
        (FGD, {"step_size": 0}, ValueError, "`step_size` must be greater than 0"),
        (FGD, {"step_size": 2.5}, ValueError, "`step_size` must be at most 2"),
        (FGD, {"max_steps": 0}, ValueError, "`max_steps` must be at least 1"),
        (FGD, {"tol": float("nan")}, ValueError, "`tol` must be finite"),
        (FGD, {"scaled": "yes"}, ValueError, "'yes'"),
        (FGD, {"projected": None}, ValueError, "None"),
        (FGD, {"start": "zero"}, ValueError, "'zero'"),
        (FGD, {"floor": 1.0}, ValueError, "`floor` must be at most"),
        (MiFGD, {"momentum": 1.0}, ValueError, "`momentum` must be at most"),
        (MiFGD, {"momentum": "half"}, TypeError, "`momentum` must be a real number"),
        (MiFGD, {"step_size": -1}, ValueError, "`step_size` must be greater than 0"),
        (LBFGS, {"memory": 0}, ValueError, "`memory` must be at least 1"),
        (LBFGS, {"tol": 0}, ValueError, "`tol` must be greater than 0"),
        (LBFGS, {"gradient_tol": -1}, ValueError, "`gradient_tol` must be greater than 0"),
        (LBFGS, {"start": 1}, ValueError, "`start` must be one of"),
        (LBFGS, {"max_steps": 1.5}, TypeError, "`max_steps` must be an integer"),
        (RandomizedSVP, {"step_size": 3}, ValueError, "`step_size` must be at most 2"),
        (RandomizedSVP, {"power_passes": 0}, ValueError, "`power_passes` must be at least 1"),
        (RandomizedSVP, {"tol": 0}, ValueError, "`tol` must be greater than 0"),
        (MatrixALPS, {"memory": -0.1}, ValueError, "`memory` must be at least 0"),
        (MatrixALPS, {"max_steps": True}, TypeError, "`max_steps` must be an integer"),
    ],
)
def test_bad_settings_are_refused(method, kwargs, error, message):
    with pytest.raises(error, match=message):
        method(**kwargs)
