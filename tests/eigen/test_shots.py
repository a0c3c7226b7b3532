"""What shots say: means without bias, covariances that are right, error bars of Ritz values that cover the truth."""

import numpy as np
import pytest
import scipy.linalg

from qalgs.backends import get
from qalgs.eigen.deflation import SumDeflation
from qalgs.eigen.estimator import Question
from qalgs.eigen.sampled import SampledEstimator
from qalgs.eigen.shots import ShotPolicy, ritz_replicas
from tests.eigen.states import H2, MANY, ExpectedCounts, as_parents, hardware_efficient, random_hamiltonian, state


def game(H, seed=1, **settings):
    """An estimator with one parent, and its question by key."""
    circuit, rng = hardware_efficient(H.num_qubits, reps=1), np.random.default_rng(seed)
    here, there = rng.uniform(-2, 2, (2, circuit.num_parameters))
    parents = as_parents([circuit], H, (0,), [there])
    estimator = SampledEstimator([circuit, circuit], H, **{"backend": "statevector", "rng": seed} | settings)

    def ask(repeats=1, *, gradient=False, key=0):
        points = np.repeat(here[None], repeats, axis=0)
        question = Question(1, points, parents, SumDeflation(), 1.5, gradient=gradient, key=(key,))
        return estimator.evaluate([question])[0]

    h = np.vdot(state(circuit, there), H.to_matrix() @ state(circuit, here))
    s = np.vdot(state(circuit, there), state(circuit, here))
    return ask, h, s


@pytest.mark.parametrize("allocation", ["equal", "variance"])
def test_squares_are_free_of_bias(allocation):
    """Debiased squares of cross terms over 2000 repeats: c, h and s within 3 standard errors of the truth."""
    ask, h, s = game(H2, shots=ShotPolicy(50, 50, allocation=allocation))
    crosses = ask(2000).cross
    for measured, exact in (
        ([np.abs(x.shifted(1.5)[0][0]) ** 2 - x.shifted(1.5)[1][0] for x in crosses], abs(1.5 * s - h) ** 2),
        ([np.abs(x.h[0]) ** 2 - x.h_var[0] for x in crosses], abs(h) ** 2),
        ([np.abs(x.s[0]) ** 2 - x.s_var[0] for x in crosses], abs(s) ** 2),
    ):
        assert abs(np.mean(measured) - exact) < 3 * np.std(measured) / np.sqrt(len(measured))
    biased = [np.abs(x.h[0]) ** 2 for x in crosses]
    assert np.mean(biased) - abs(h) ** 2 > 5 * np.std(biased) / np.sqrt(len(biased))


@pytest.mark.parametrize("allocation", ["equal", "variance"])
def test_errors_are_the_spread_of_repeats(allocation):
    ask, _, _ = game(random_hamiltonian(3), shots=ShotPolicy(400, 400, allocation=allocation))
    answer = ask(400)
    spread = 1 / np.sqrt(2 * 400)
    for values, errors in ((answer.energy, answer.energy_err), (answer.loss, answer.loss_err)):
        assert np.std(values) == pytest.approx(np.sqrt(np.mean(errors**2)), rel=5 * spread + 0.03)
    crosses = answer.cross
    h, s = (np.array([getattr(x, name)[0] for x in crosses]) for name in "hs")
    assert h.var() == pytest.approx(np.mean([x.h_var for x in crosses]), rel=10 * spread)
    assert s.var() == pytest.approx(np.mean([x.s_var for x in crosses]), rel=10 * spread)
    covariance = np.mean((h - h.mean()).conj() * (s - s.mean())).real
    scale = np.sqrt(h.var() * s.var())
    assert covariance == pytest.approx(np.mean([x.hs_cov for x in crosses]), abs=5 * scale / np.sqrt(len(h)))


def test_weighted_shots_spend_the_same_and_are_more_accurate():
    """One basis holds nearly all of the spread, so nearly all shots belong there: 4 bases, at most 4 times the gain."""
    from qiskit.quantum_info import SparsePauliOp

    H = SparsePauliOp(["ZZ", "XX", "YY", "ZX"], [1.0, 0.02, 0.02, 0.02])
    errors, shots = {}, {}
    for allocation in ("equal", "variance"):
        ask, _, _ = game(H, shots=ShotPolicy(1000, 1000, allocation=allocation))
        answers = [ask(key=key) for key in range(20)]
        errors[allocation] = np.mean([a.energy_err[0] ** 2 for a in answers])
        shots[allocation] = {a.cost.shots for a in answers}
    assert shots["equal"] == shots["variance"] == {1000 * 4 * 3}
    assert 2.0 < errors["equal"] / errors["variance"] < 4.0


def test_defaults_and_bounds_of_the_policy():
    policy = ShotPolicy(10_000)
    assert (policy.cross_shots, policy.matrix_shots) == (1000, 100_000)
    assert (ShotPolicy(5, 7, 9).cross_shots, ShotPolicy(5, 7, 9).matrix_shots) == (7, 9)
    cases = [
        (lambda: ShotPolicy(1), "`energy` must be at least 2"),
        (lambda: ShotPolicy(10, 1), "`cross` must be at least 2"),
        (lambda: ShotPolicy(10, matrix=0), "`matrix` must be at least 2"),
        (lambda: ShotPolicy(10, pilot=1.0), "`pilot` must be less than 1"),
        (lambda: ShotPolicy(10, allocation="some"), "`allocation` must be one of"),  # pyright: ignore[reportArgumentType]
    ]
    for make, words in cases:
        with pytest.raises(ValueError, match=words):
            make()


def test_ancillas_and_bases_agree_with_the_dense_matrices():
    for H in (H2, random_hamiltonian(3, terms=12)):
        ask, h, s = game(H, backend=ExpectedCounts(), shots=ShotPolicy(MANY, MANY, allocation="equal"))
        cross = ask().cross[0]
        assert cross.h[0] == pytest.approx(h, abs=1e-10)
        assert cross.s[0] == pytest.approx(s, abs=1e-10)


@pytest.mark.parametrize("complex_valued", [False, True])
def test_ritz_replicas_have_the_errors_they_were_given(complex_valued):
    rng = np.random.default_rng(0)
    k, count = 3, 4000
    H_err, S_err = np.abs(rng.normal(size=(2, k, k)))
    H_err, S_err = 0.1 * (H_err + H_err.T), 0.1 * (S_err + S_err.T)
    cov = 0.6 * H_err * S_err
    H = (
        np.diag([1.0, 2, 3])
        + (0.1j * np.triu(np.ones((k, k)), 1) - 0.1j * np.tril(np.ones((k, k)), -1)) * complex_valued
    )
    h, s = ritz_replicas(H, np.eye(k), H_err, S_err, 4, count, HS_cov=cov)
    for replicas in (h, s):
        np.testing.assert_array_equal(replicas, replicas.conj().swapaxes(1, 2))
        assert np.any(replicas.imag) == complex_valued
    tolerance = 5 * np.sqrt(2 / count)
    np.testing.assert_allclose(h.var(axis=0), H_err**2, rtol=tolerance)
    np.testing.assert_allclose(s.var(axis=0), S_err**2, rtol=tolerance)
    np.testing.assert_allclose(np.mean((h - H).conj() * (s - np.eye(k)), axis=0).real, cov, rtol=tolerance)
    np.testing.assert_array_equal(ritz_replicas(H, np.eye(k), H_err, S_err, 4, count, HS_cov=cov)[0], h)


def test_error_bars_of_ritz_values_cover_the_truth():
    """Ritz values of H2 in the span of three nearby states, measured 80 times: z-scores of variance 1."""
    circuit, rng = hardware_efficient(2, reps=1), np.random.default_rng(2)
    points = rng.uniform(-2, 2, (3, circuit.num_parameters))
    psi = np.array([state(circuit, x) for x in points])
    exact = scipy.linalg.eigh(psi.conj() @ H2.to_matrix() @ psi.T, psi.conj() @ psi.T, eigvals_only=True)
    estimator = SampledEstimator([circuit], H2, "statevector", shots=ShotPolicy(1000, matrix=20_000), rng=3)
    z = []
    for repeat in range(80):
        H, S = np.zeros((2, 3, 3), complex)
        variances = np.zeros((3, 3, 3))
        for i in range(3):
            for j in range(i, 3):
                cross, _ = estimator.pair((0, points[i]), (0, points[j]), key=(repeat, i, j))
                H[i, j], S[i, j] = cross.h[0], cross.s[0]
                H[j, i], S[j, i] = H[i, j].conj(), S[i, j].conj()
                variances[:, i, j] = variances[:, j, i] = cross.h_var[0], cross.s_var[0], cross.hs_cov[0]
        H_err, S_err = np.sqrt(variances[:2])
        replicas = ritz_replicas(H, S, H_err, S_err, repeat, 60, HS_cov=variances[2])
        levels = np.array([scipy.linalg.eigh(h, s, eigvals_only=True) for h, s in zip(*replicas, strict=True)])
        z.append((scipy.linalg.eigh(H, S, eigvals_only=True) - exact) / levels.std(axis=0))
    z = np.array(z)
    assert np.all(np.abs(z.mean(axis=0)) < 5 / np.sqrt(80))
    assert np.all(np.abs(z.std(axis=0) - 1) < 5 / np.sqrt(160))
    assert np.mean(np.abs(z) < 2) > 0.9


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"S": np.eye(3)}, r"`S` must have shape \(2, 2\)"),
        ({"H_err": -np.ones((2, 2))}, "`H_err` must not be negative"),
        ({"HS_cov": np.ones((2, 2))}, "`HS_cov` must be at most"),
        ({"count": 0}, "`count` must be at least 1"),
    ],
)
def test_replicas_of_nonsense_are_refused(change, words):
    errors = np.full((2, 2), 0.1)
    arguments = {"H": np.eye(2), "S": np.eye(2), "H_err": errors, "S_err": errors, "rng": 0, "count": 3} | change
    with pytest.raises(ValueError, match=words):
        ritz_replicas(**arguments)


def test_shots_on_a_simulator_that_takes_counts_seriously():
    """The same numbers from Aer as from our own sampling, within 5 standard errors."""
    ours, _, _ = game(H2, shots=ShotPolicy(4000, 4000))
    aer, _, _ = game(H2, shots=ShotPolicy(4000, 4000), backend=get("aer"))
    a, b = ours(gradient=True), aer(gradient=True)
    assert abs(a.loss - b.loss)[0] < 5 * np.hypot(a.loss_err, b.loss_err)[0]
    assert np.all(np.abs(a.gradient - b.gradient) < 5 * np.hypot(a.gradient_err, b.gradient_err))
