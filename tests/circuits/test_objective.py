"""Energies of circuits as objectives, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs import optimizers as opt
from qalgs.circuits.objective import ExpectationObjective
from qalgs.evaluation import MergeableObjective, Query
from qalgs_backends.base import Capabilities, Cost, Program, Values


def two_angles():
    """RY(a) on qubit 0 and RY(b) on qubit 1: <Z_0> = cos a, <Z_1> = cos b, <X_0> = sin a."""
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("a"), 0)
    circuit.ry(Parameter("b"), 1)
    return circuit


OBSERVABLES = [SparsePauliOp(["IZ", "ZI"], [1.0, 0.5]), SparsePauliOp("IX")]


class Closed:
    """A backend that knows the closed forms of ``two_angles`` and nothing else; sampled values are normal."""

    def __init__(self, *, exact=True, gradient="adjoint"):
        self.name = "closed"
        self.capabilities = Capabilities(2, exact=exact, noise=False, gradient=gradient)
        self.jobs = []

    def prepare(self, circuit, observables=None, *, qubits=None):
        return Program(self.name, circuit, tuple(observables or ()), tuple(circuit.parameters))

    def expect(self, program, params=None, *, shots=None, rng=None):
        self.jobs.append(len(params))
        a, b = np.asarray(params).T
        values = np.stack([np.cos(a) + 0.5 * np.cos(b), np.sin(a)], axis=1)
        errors = np.zeros_like(values)
        if shots is not None:
            errors = np.full_like(values, 1 / np.sqrt(shots))
            values = values + errors * np.random.default_rng(rng).normal(size=values.shape)
        k = len(params)
        return Values(values, errors, shots, Cost(shots=k * (shots or 0), circuits=k, jobs=1))

    def gradient(self, program, params):
        a, b = np.asarray(params).T
        zero = np.zeros_like(a)
        return np.stack([np.stack([-np.sin(a), -0.5 * np.sin(b)], 1), np.stack([np.cos(a), zero], 1)], axis=1)


def real_backend():
    from qalgs_backends.simulators.statevector import StatevectorBackend

    return StatevectorBackend()


@pytest.fixture(params=[Closed, real_backend], ids=["closed", "statevector"])
def backend(request):
    return request.param()


@pytest.fixture
def program(backend):
    return backend.prepare(two_angles(), OBSERVABLES)


POINTS = np.array([[0.3, 0.7], [-1.1, 2.0], [np.pi, np.pi]])


def test_values_and_gradients_are_the_closed_forms(backend, program):
    energy = ExpectationObjective(backend, program)
    answer = energy.evaluate(Query(POINTS, gradient=True))
    a, b = POINTS.T
    np.testing.assert_allclose(answer.value, np.cos(a) + 0.5 * np.cos(b), atol=1e-12)
    np.testing.assert_allclose(answer.gradient, np.stack([-np.sin(a), -0.5 * np.sin(b)], 1), atol=1e-12)
    assert answer.value_err is None
    other = ExpectationObjective(backend, program, observable=1).evaluate(Query(POINTS))
    np.testing.assert_allclose(other.value, np.sin(a), atol=1e-12)
    assert other.gradient is None
    assert isinstance(energy, MergeableObjective)


@pytest.mark.parametrize("method", [opt.LBFGSB(), opt.COBYLA(), opt.Adam(0.2), opt.Momentum(0.4, 0.5)])
def test_the_ground_state_is_found(backend, program, method):
    # cos a + cos b / 2 is lowest, -3/2, at a = b = pi
    result = opt.minimize(ExpectationObjective(backend, program), [0.5, 0.4], method, max_steps=300)
    assert result.value == pytest.approx(-1.5, abs=1e-5)
    assert result.cost.jobs >= result.steps


def test_sampled_values_have_errors_and_five_sigma(backend, program):
    energy = ExpectationObjective(backend, program, shots=4000, rng=3)
    answer = energy.evaluate(Query(POINTS[:2]))
    a, b = POINTS[:2].T
    assert answer.value_err is not None
    assert np.all(answer.value_err > 0)
    assert np.all(np.abs(answer.value - np.cos(a) - 0.5 * np.cos(b)) < 5 * answer.value_err)
    assert answer.cost.shots >= 8000


def test_shots_are_a_function_of_seed_and_step(backend, program):
    def values(seed, *steps):
        energy = ExpectationObjective(backend, program, shots=50, rng=seed)
        return [energy.evaluate(Query(POINTS, step=step)).value for step in steps]

    one, two, by_hand, again = values(1, 4, 5, None, None)
    np.testing.assert_array_equal(values(1, 5, 4)[1], one)
    np.testing.assert_array_equal(values(1, None)[0], by_hand)
    assert not np.array_equal(one, two)
    assert not np.array_equal(by_hand, again)
    assert not np.array_equal(values(2, 4)[0], one)


def test_a_sampled_run_resumes_exactly(backend, program):
    def energy():
        return ExpectationObjective(backend, program, shots=100, rng=9)

    whole = opt.minimize(energy(), [0.5, 0.4], opt.SPSA(), max_steps=12, rng=1)
    half = opt.minimize(energy(), [0.5, 0.4], opt.SPSA(), max_steps=5, rng=1)
    rest = opt.minimize(energy(), half.state, opt.SPSA(), max_steps=7)
    np.testing.assert_array_equal(rest.x, whole.x)
    assert rest.value == whole.value


def test_players_over_one_program_share_jobs():
    backend = Closed()
    program = backend.prepare(two_angles(), OBSERVABLES)
    players = [ExpectationObjective(backend, program, observable=i) for i in (0, 1, 0)]
    starts = [[0.5, 0.4], [-0.3, 0.1], [1.0, 1.0]]
    results = opt.minimize_many(players, starts, opt.COBYLA(), max_steps=10, rng=0)
    assert backend.jobs == [3] * 10
    assert sum(r.cost.jobs for r in results) == 10
    for player, start, result in zip(players, starts, results, strict=True):
        np.testing.assert_array_equal(result.x, opt.minimize(player, start, opt.COBYLA(), max_steps=10).x)


def test_other_shots_are_other_jobs():
    backend = Closed()
    program = backend.prepare(two_angles(), OBSERVABLES)
    players = [ExpectationObjective(backend, program, shots=shots, rng=0) for shots in (10, 20, 10)]
    opt.evaluate_many(players, [Query(POINTS[:1])] * 3)
    assert sorted(backend.jobs) == [1, 2]


@pytest.mark.parametrize(("shots", "gradient"), [(100, "adjoint"), (None, None)], ids=["shots", "no gradients"])
def test_gradients_are_refused_where_there_are_none(shots, gradient):
    backend = Closed(gradient=gradient)
    energy = ExpectationObjective(backend, backend.prepare(two_angles(), OBSERVABLES), shots=shots, rng=0)
    with pytest.raises(ValueError, match="must have gradients because Adam asks"):
        opt.minimize(energy, [0.1, 0.2], opt.Adam())
    with pytest.raises(ValueError, match="Argument `query` must not ask for gradients"):
        energy.evaluate(Query(POINTS, gradient=True))
    assert backend.jobs == []


def test_misuse_is_named():
    backend = Closed()
    program = backend.prepare(two_angles(), OBSERVABLES)
    foreign = Program("elsewhere", program.circuit, program.observables, program.parameters)
    fixed = backend.prepare(QuantumCircuit(2), OBSERVABLES)
    cases = [
        (lambda: ExpectationObjective(backend, foreign), "be prepared by closed"),
        (
            lambda: ExpectationObjective(backend, backend.prepare(two_angles())),
            "be prepared with observables",
        ),
        (lambda: ExpectationObjective(backend, fixed), "at least one parameter"),
        (lambda: ExpectationObjective(backend, program, observable=2), "`observable` must be at most 1"),
        (lambda: ExpectationObjective(backend, program, shots=0), "`shots` must be at least 1"),
        (lambda: ExpectationObjective(Closed(exact=False), program), "`shots` must be given on closed"),
        (lambda: ExpectationObjective(backend, program).evaluate(Query(np.zeros((1, 3)))), "have shape"),
    ]
    for make, words in cases:
        with pytest.raises(ValueError, match=words):
            make()
