"""Answers from shots: without noise they are the exact ones, with noise they are right on average."""

import dataclasses

import numpy as np
import pytest
import scipy.linalg
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs import optimizers as opt
from qalgs.backends import CapabilityError, ExecutionError, get
from qalgs.eigen.deflation import (
    Cross,
    MuDeflation,
    Parents,
    SchurDeflation,
    SelfWeightedDeflation,
    SumDeflation,
    VQDDeflation,
)
from qalgs.eigen.estimator import Estimator, Question
from qalgs.eigen.sampled import SampledEstimator
from qalgs.eigen.shots import ShotPolicy
from qalgs.evaluation import Evaluation
from qalgs_backends.simulators.statevector import StatevectorBackend
from tests.eigen.states import (
    H2,
    MANY,
    ExpectedCounts,
    as_parents,
    everything,
    excitations,
    hardware_efficient,
    random_hamiltonian,
    random_layers,
    state,
)

SHIFT = 3.0
NOISELESS = ShotPolicy(MANY, MANY, MANY, allocation="equal")
GAMES = {
    "hardware efficient": ([hardware_efficient(2, reps=1)] * 3, H2),
    "every gate": ([everything(), everything((0, 2)), everything()], random_hamiltonian(3)),
    "real": ([hardware_efficient(3, ("ry",))] * 3, SparsePauliOp(["ZZI", "XXI", "IYY", "III"], [1.0, 0.4, -0.3, 0.2])),
    "excitations": ([excitations(), excitations((0, 2)), excitations()], random_hamiltonian(4)),
}
NO_PARENTS = Parents((), (), np.zeros((0, 0)), np.zeros((0, 0)))


def question(circuits, H, deflation, *, gradient=False, m=2, key=(), seed=0):
    """Player 2 with the parents 0 and 1 at random points."""
    rng = np.random.default_rng(seed)
    points = [rng.uniform(-2, 2, circuit.num_parameters) for circuit in circuits]
    parents = as_parents(circuits, H, (0, 1), points[:2])
    here = points[2] + rng.uniform(-1, 1, (m, len(points[2])))
    return Question(2, here, parents, deflation, SHIFT, gradient=gradient, key=key)


def truth(circuits, H, asked):
    """Loss, (m, q) h and s, and gradient by the adjoint method, with the co-state of ``deflation``."""
    exact, dense = StatevectorBackend(), H.to_matrix()
    circuit = circuits[asked.player]
    program = exact.prepare(circuit)
    own = [state(circuits[j], x) for j, x in zip(asked.parents.players, asked.parents.params, strict=True)]
    out = []
    for point in asked.points:
        psi = state(circuit, point)
        cross = Cross.exact(np.array([np.vdot(v, dense @ psi) for v in own]), np.array([np.vdot(v, psi) for v in own]))
        penalty = asked.deflation.penalty(cross, asked.parents, asked.shift)
        costate = dense @ psi
        for v, a, b in zip(own, penalty.on_state, penalty.on_image, strict=True):
            costate = costate + a * v + b * (dense @ v)
        gradient = exact.vjp(program, point, costate)[0]
        out.append((np.vdot(psi, dense @ psi).real + penalty.value, cross.h, cross.s, gradient))
    return [np.array(column) for column in zip(*out, strict=True)]


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
@pytest.mark.parametrize(
    "deflation", [SumDeflation(), SchurDeflation(), VQDDeflation((0.7, 1.3)), SelfWeightedDeflation()]
)
def test_without_noise_everything_is_exact(game, deflation):
    circuits, H = game
    asked = question(circuits, H, deflation, gradient=True)
    loss, h, s, gradient = truth(circuits, H, asked)
    for cross in ("auto", "interference"):
        (answer,) = SampledEstimator(circuits, H, ExpectedCounts(), shots=NOISELESS, cross=cross).evaluate([asked])
        np.testing.assert_allclose(answer.loss, loss, atol=1e-10)
        np.testing.assert_allclose(answer.gradient, gradient, atol=1e-10)
        if deflation.needs == "cross" or cross == "interference":
            np.testing.assert_allclose([x.h for x in answer.cross], h, atol=1e-10)
            np.testing.assert_allclose([x.s for x in answer.cross], s, atol=1e-10)
        else:
            np.testing.assert_allclose([x.s for x in answer.cross], abs(s), atol=1e-6)


def test_the_direction_without_a_potential_is_exact_too():
    circuits, H = GAMES["hardware efficient"]
    asked = question(circuits, H, MuDeflation(), gradient=True)
    (answer,) = SampledEstimator(circuits, H, ExpectedCounts(), shots=NOISELESS).evaluate([asked])
    np.testing.assert_allclose(answer.gradient, truth(circuits, H, asked)[3], atol=1e-10)


@pytest.mark.parametrize("deflation", [SumDeflation(), SchurDeflation(), SelfWeightedDeflation()])
def test_with_noise_gradients_are_right_on_average_and_in_their_errors(deflation):
    """100 repeats with few shots: mean within 5 standard errors, spread as announced."""
    circuits, H = GAMES["hardware efficient"]
    one = question(circuits, H, deflation, m=1)
    repeats = 100
    asked = dataclasses.replace(one, points=np.repeat(one.points, repeats, axis=0), gradient=True)
    (answer,) = SampledEstimator(
        circuits, H, "statevector", shots=ShotPolicy(60, 60, allocation="equal"), rng=2
    ).evaluate([asked])
    loss, _, _, gradient = truth(circuits, H, one)
    error = answer.gradient.std(axis=0) / np.sqrt(repeats)
    assert np.all(abs(answer.gradient.mean(axis=0) - gradient[0]) < 5 * error)
    assert abs(answer.loss.mean() - loss[0]) < 5 * answer.loss.std() / np.sqrt(repeats)
    ratio = answer.gradient.std(axis=0) / np.sqrt((answer.gradient_err**2).mean(axis=0))
    # at few shots the square of the noise adds to the announced error, never to the spread alone
    assert np.all((ratio > 0.7) & (ratio < 1 + 5 / np.sqrt(2 * repeats)))


def test_same_key_same_noise_whoever_else_asks():
    circuits, H = GAMES["hardware efficient"]

    def estimator(rng=1):
        return SampledEstimator(circuits, H, "statevector", shots=300, rng=rng)

    first, other = question(circuits, H, SumDeflation(), key=(4, 0)), question(circuits, H, SumDeflation(), key=(4, 1))
    once = estimator().evaluate([first])[0]
    one = estimator()
    together = one.evaluate([other, first, first])
    for again in (together[1], together[2], one.evaluate([first])[0]):
        np.testing.assert_array_equal(again.loss, once.loss)
        np.testing.assert_array_equal(again.cross[0].h, once.cross[0].h)
    assert not np.any(together[0].loss == once.loss)
    assert not np.any(estimator(2).evaluate([first])[0].loss == once.loss)


class Remote(ExpectedCounts):
    """A machine with a queue."""

    def __init__(self):
        super().__init__()
        self.capabilities = dataclasses.replace(self.capabilities, remote=True)


def test_costs_are_those_of_the_formulas_and_jobs_are_shared():
    """G groups, p angles, q parents: (1 + 2 p) G + q 2 G (1 + p) circuits; one job per kind for a whole round."""
    circuits, H = GAMES["hardware efficient"]
    machine, G, p, q, m = Remote(), 2, 8, 2, 2
    estimator = SampledEstimator(circuits, H, machine, shots=ShotPolicy(100, 10))
    asked = [question(circuits, H, SumDeflation(), gradient=gradient, m=m) for gradient in (True, False)]
    answers = estimator.evaluate([*asked, dataclasses.replace(asked[1], deflation=VQDDeflation(1.0))])
    energies, crosses = [m * (1 + 2 * p), m, m], [q * m * (1 + p), q * m, q * m]
    per_cross = [2 * G, 2 * G, 1]
    for k, answer in enumerate(answers):
        circuits_run = energies[k] * G + crosses[k] * per_cross[k]
        shots = energies[k] * G * 100 + crosses[k] * per_cross[k] * 10
        assert (answer.cost.circuits, answer.cost.shots) == (circuits_run, shots)
        assert answer.counted == {
            "energies": energies[k],
            "cross": crosses[k],
            "gradients": m if k == 0 else 0,
            "circuits": circuits_run,
        }
    assert sum(answer.cost.jobs for answer in answers) == len(machine.jobs) == 3
    assert sum(size for size, _ in machine.jobs) == sum(answer.cost.circuits for answer in answers)


def test_real_states_need_half_the_cross_circuits():
    circuits, H = GAMES["real"]
    estimator = SampledEstimator(circuits, H, Remote(), shots=10**6)
    (answer,) = estimator.evaluate([question(circuits, H, SumDeflation(), m=1)])
    bases = 3
    assert answer.cost.circuits == bases + 2 * bases
    assert np.all(np.imag(answer.cross[0].h) == 0)


def test_pairs_fill_the_ritz_matrices():
    circuits, H = GAMES["every gate"]
    asked = question(circuits, H, SumDeflation())
    x, y = asked.parents.params
    machine = ExpectedCounts()
    estimator: Estimator = SampledEstimator(circuits, H, machine, shots=NOISELESS)
    cross, cost = estimator.pair((0, x), (1, y))
    assert cross.h[0] == pytest.approx(asked.parents.H[0, 1], abs=1e-10)
    assert cross.s[0] == pytest.approx(asked.parents.S[0, 1], abs=1e-10)
    assert cost.circuits == machine.jobs[0][0]
    own, _ = estimator.pair((1, y), (1, y))
    assert own.h[0] == pytest.approx(asked.parents.H[1, 1], abs=1e-10)
    assert (own.s[0], own.s_var[0]) == (1, 0)
    assert estimator.variance(0, x) is None
    overlap, _ = SampledEstimator(circuits, H, machine, shots=NOISELESS, cross="overlap").pair((0, x), (1, y))
    assert np.isnan(overlap.h[0])
    assert overlap.s[0] == pytest.approx(abs(asked.parents.S[0, 1]), abs=1e-6)
    again = [SampledEstimator(circuits, H, "statevector", shots=50, rng=1).pair((0, x), (1, y), key=(3,)) for _ in "ab"]
    assert again[0][0].h[0] == again[1][0].h[0]


def test_fidelities_that_vanish_have_no_bias():
    """Orthogonal states: a modulus above 0, but |s|^2 less its variance is the measured fidelity, which is 0."""
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("x"), 0)
    estimator = SampledEstimator([circuit] * 2, SparsePauliOp("Z"), "statevector", shots=100, cross="overlap", rng=0)
    parents = as_parents([circuit], SparsePauliOp("Z"), (0,), [[0.0]])
    asked = Question(1, np.array([[np.pi], [3.0]]), parents, VQDDeflation(2.0), 0.0)
    (answer,) = estimator.evaluate([asked])
    for cross in answer.cross:
        fidelity = abs(cross.s[0]) ** 2 - cross.s_var[0]
        assert abs(fidelity * 10 - round(fidelity * 10)) < 1e-9
    assert answer.loss[0] == answer.energy[0] == -1


def test_first_players_need_no_parents():
    circuits, H = GAMES["real"]
    for cross in ("overlap", "interference"):
        estimator = SampledEstimator(circuits, H, ExpectedCounts(), shots=NOISELESS, cross=cross)
        asked = question(circuits, H, SumDeflation(), gradient=True)
        alone = dataclasses.replace(asked, parents=NO_PARENTS)
        (answer,) = estimator.evaluate([alone])
        np.testing.assert_array_equal(answer.loss, answer.energy)
        np.testing.assert_allclose(answer.gradient, truth(circuits, H, alone)[3], atol=1e-10)
        assert answer.counted["cross"] == 0


def test_optimizers_without_gradients_play_too():
    """SPSA finds the second level of H2 beside the exact ground state, also where angles are not affine."""
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(2)
    circuit.ry(a, 0)
    circuit.ry(a + b.sin(), 1)
    circuit.cx(0, 1)
    estimator = SampledEstimator([circuit] * 2, H2, "statevector", shots=2000, rng=0)
    lines = np.linspace(-np.pi, np.pi, 41), np.linspace(-np.pi / 2, np.pi / 2, 41)
    grid = np.stack(np.meshgrid(*lines), -1).reshape(-1, 2)
    noiseless = SampledEstimator([circuit] * 2, H2, ExpectedCounts(), shots=NOISELESS)

    def losses(points, parents):
        return noiseless.evaluate([Question(1, points, parents, SumDeflation(), 1.0)])[0].loss

    parents = as_parents([circuit], H2, (0,), [grid[losses(grid, NO_PARENTS).argmin()]])
    best = losses(grid, parents)

    class Loss:
        has_gradient = False

        def evaluate(self, query):
            asked = Question(1, query.points, parents, SumDeflation(), 1.0, key=(query.step or 0,))
            (answer,) = estimator.evaluate([asked])
            return Evaluation(answer.loss, value_err=answer.loss_err, cost=answer.cost)

    result = opt.minimize(Loss(), grid[best.argmin()] + [0.6, -0.6], opt.SPSA(), max_steps=100, rng=1)
    assert losses(np.array([result.x]), parents)[0] < best.min() + 0.05
    with pytest.raises(CapabilityError, match="affine"):
        estimator.evaluate([Question(1, grid[:1], parents, SumDeflation(), 1.0, gradient=True)])


def test_rescaling_restores_amplitude_on_a_noisy_machine():
    """Two-qubit H2, ry ansatz, a machine with noise: overlaps and cross terms are closer to the truth."""
    circuits = [hardware_efficient(2, ("ry",), 1)] * 3
    asked = question(circuits, H2, SumDeflation(), m=4, seed=3)
    _, h, s, _ = truth(circuits, H2, asked)
    miss = {}
    for rescale in (False, True):
        estimator = SampledEstimator(
            circuits, H2, "noisy:fake_manila", shots=ShotPolicy(100, 20_000), rescale=rescale, rng=0
        )
        (answer,) = estimator.evaluate([asked])
        miss[rescale] = [
            np.sqrt(np.mean(np.abs([getattr(x, name) for x in answer.cross] - exact) ** 2))
            for name, exact in (("h", h), ("s", s))
        ]
    assert miss[True][0] < 0.8 * miss[False][0]
    assert miss[True][1] < 0.6 * miss[False][1]


def test_nothing_is_rescaled_by_noise():
    class Lost(ExpectedCounts):
        def sample(self, program, params=None, *, shots, rng=None):
            counts = super().sample(program, params, shots=shots, rng=rng)
            flat = tuple(dict.fromkeys(outcome, shots >> counts.num_bits) for outcome in counts.outcomes)
            return dataclasses.replace(counts, outcomes=flat)

    circuits, H = GAMES["real"]
    estimator = SampledEstimator(circuits, H, Lost(), shots=ShotPolicy(1024, 1024, allocation="equal"), rescale=True)
    with pytest.raises(ExecutionError, match="no amplitude to rescale by"):
        estimator.evaluate([question(circuits, H, SumDeflation())])


def test_misuse_is_named():
    circuits, H = GAMES["hardware efficient"]
    asked = question(circuits, H, SumDeflation())
    fixed = QuantumCircuit(2)

    def make(circuits=circuits, H=H, backend="statevector", **settings):
        return SampledEstimator(circuits, H, backend, **{"shots": 10} | settings)

    cases = [
        (lambda: make(shots=1), "`shots` must be at least 2"),
        (lambda: make(cross="swap"), "`cross` must be one of"),
        (lambda: make(H=SparsePauliOp("ZZZ")), "act on 2 qubits"),
        (lambda: make(H=SparsePauliOp("ZZ", [1j])), "Hermitian"),
        (lambda: make(circuits=[]), "`circuits` must hold at least one circuit"),
        (lambda: make(circuits=[fixed, fixed]), r"`circuits\[0\]` must have at least one parameter"),
        (
            lambda: make(circuits=[hardware_efficient(5)], H=SparsePauliOp("Z" * 5), backend="noisy:fake_manila"),
            "6 qubits",
        ),
        (lambda: make(cross="overlap").evaluate([asked]), "`deflation` must need overlaps only"),
        (lambda: make().evaluate([dataclasses.replace(asked, player=3)]), "`player` must be at most 2"),
        (lambda: make().evaluate([dataclasses.replace(asked, points=np.zeros((1, 3)))]), r"shape \(m, 8\)"),
        (lambda: make().evaluate([dataclasses.replace(asked, points=np.full((1, 8), np.nan))]), "must be finite"),
    ]
    for call, words in cases:
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(TypeError, match="`rescale` must be True or False"):
        make(rescale=1)
    wide = [hardware_efficient(9, ("ry",), 1)]
    assert make(circuits=wide, H=SparsePauliOp("Z" * 9)).measures == "overlap"
    assert make(circuits=wide, H=SparsePauliOp("Z" * 9), cross="interference").measures == "cross"
    assert get("statevector").capabilities.num_qubits > 9


def play(circuit, H, k, *, shots, steps, seed, kept=10):
    """A plain sequential game: gradient descent, the last points averaged, then the Ritz matrices.

    Returns:
        Sorted energies as measured, and Ritz values.
    """
    rng = np.random.default_rng(seed)
    estimator = SampledEstimator([circuit] * k, H, "statevector", shots=shots, rng=seed)
    bound = H.coeffs[0].real + np.abs(H.coeffs[1:]).sum()
    shift, parents = 0.0, NO_PARENTS
    for r in range(k):
        x, last = rng.random(circuit.num_parameters), []
        for step in range(steps):
            asked = Question(r, x[None], parents, SumDeflation(), shift, gradient=True, key=(r, step))
            rate = 1 / (2 * (shift - parents.H[0, 0].real)) if r else 0.25
            x = x - rate * estimator.evaluate([asked])[0].gradient[0]
            last = [*last, x][-kept:]
        points = (*parents.params, np.mean(last, axis=0))
        h, s = np.eye(r + 1, dtype=complex), np.eye(r + 1, dtype=complex)
        h[:r, :r], s[:r, :r] = parents.H, parents.S
        for j in range(r + 1):
            cross, _ = estimator.pair((j, points[j]), (r, points[r]), key=(r, j))
            h[j, r], s[j, r], h[r, j], s[r, j] = cross.h[0], cross.s[0], cross.h[0].conj(), cross.s[0].conj()
        parents = Parents(points, tuple(range(r + 1)), h, s)
        shift = 1.5 * bound - 0.5 * h[0, 0].real
    return np.sort(np.diag(parents.H).real), scipy.linalg.eigh(parents.H, parents.S, eigvals_only=True)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_qubit_hydrogen_with_ten_thousand_shots():
    """All four levels, 120 steps per player, 10 seeds: Ritz values within 5 mHa in all, median worst level within 2."""
    levels = np.linalg.eigvalsh(H2.to_matrix())
    games = [play(random_layers(), H2, 4, shots=10_000, steps=120, seed=seed) for seed in range(10)]
    measured, ritz = (1000 * np.abs(np.array(rows) - levels).max(axis=1) for rows in zip(*games, strict=True))
    assert np.all(ritz < 5)
    assert np.median(ritz) <= 2
    assert np.sum(measured < 5) >= 7
