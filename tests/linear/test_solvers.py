"""Chebyshev LCU, HHL and the adiabatic walk: circuit against arithmetic, arithmetic against elimination, counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qalgs.backends import CapabilityError
from qalgs.linear.adiabatic import Adiabatic
from qalgs.linear.chebyshev import ChebyshevLCU
from qalgs.linear.hhl import HHL
from qalgs.linear.preparation import multiplexed_ry, tree_preparation
from qalgs.linear.qsvt import QSVT
from qalgs.linear.solver import state_distance
from qalgs.linear.system import LinearSystem
from tests.linear.systems import amplitudes, hermitian

ANY = [ChebyshevLCU(), ChebyshevLCU(polynomial="cks"), HHL(), HHL(clock=5), HHL(window="rectangular", clock=6)]
SOLVERS = [*ANY, Adiabatic(), Adiabatic(steps=10, filtered=False)]


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_a_tree_prepares_and_undoes_without_multiplexers(width, seed):
    from qiskit.quantum_info import Statevector

    weights = np.abs(np.random.default_rng(seed).normal(size=1 << width))
    weights /= np.linalg.norm(weights)
    circuit = tree_preparation(weights)
    np.testing.assert_allclose(np.asarray(Statevector(circuit)), weights, atol=1e-12)
    np.testing.assert_allclose(np.asarray(Statevector(circuit.compose(circuit.inverse())))[0], 1, atol=1e-12)


def test_multiplexed_rotations():
    from qiskit.quantum_info import Operator

    angles = np.array([0.3, -1.2, 2.0, 0.0])
    matrix = Operator(multiplexed_ry(angles)).data
    for k, angle in enumerate(angles):
        cos, sin = np.cos(angle / 2), np.sin(angle / 2)
        np.testing.assert_allclose(matrix[2 * k : 2 * k + 2, 2 * k : 2 * k + 2], [[cos, -sin], [sin, cos]], atol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
@pytest.mark.parametrize("indefinite", [False, True])
def test_the_circuit_does_the_arithmetic_and_its_labels_are_the_counts(solver, indefinite):
    if indefinite and isinstance(solver, Adiabatic):
        pytest.skip("the walk takes positive matrices")
    rng = np.random.default_rng(1)
    system = LinearSystem.of(hermitian(rng, 4, 6, complex_entries=True, indefinite=indefinite), rng.normal(size=4))
    made, outcome = solver.construct(system, eps=0.05), solver.simulate(system, eps=0.05)
    np.testing.assert_allclose(amplitudes(made), outcome.amplitudes, atol=1e-12)
    assert made.queries == outcome.queries.succeeding(1.0)
    assert made.factor == pytest.approx(outcome.factor)
    if not indefinite:
        assert solver.estimate_queries(system.kappa, 0.05).per_run == made.queries.per_run


@settings(max_examples=20)
@given(st.integers(2, 8), st.booleans(), st.booleans(), st.sampled_from([0.1, 1e-2]), st.integers(0, 2**32 - 1))
def test_the_promised_error_is_kept(size, complex_entries, indefinite, eps, seed):
    rng = np.random.default_rng(seed)
    A = hermitian(rng, size, 12, complex_entries=complex_entries, indefinite=indefinite)
    system = LinearSystem.of(A, rng.normal(size=size))
    solvers = [ChebyshevLCU(), ChebyshevLCU(polynomial="absolute"), HHL(), *([] if indefinite else [Adiabatic()])]
    for solver in solvers:
        outcome = solver.simulate(system, eps=eps)
        assert state_distance(outcome.solution, system.solution) < eps
        if outcome.factor is not None:
            assert np.linalg.norm(outcome.solution) == pytest.approx(np.linalg.norm(system.solution), rel=2 * eps)


def test_the_clock_error_falls_as_the_square_with_a_sine_window():
    rng = np.random.default_rng(0)
    errors = {t: [] for t in (6, 7, 8)}
    for _ in range(20):
        system = LinearSystem.of(hermitian(rng, 8, 10), rng.normal(size=8))
        for t, found in errors.items():
            found.append(state_distance(HHL(clock=t).simulate(system, eps=0.1).solution, system.solution))
    medians = [np.median(found) for found in errors.values()]
    assert medians[2] < 3e-4
    assert 3 < medians[0] / medians[1] < 5
    assert 3 < medians[1] / medians[2] < 5


def test_the_automatic_clock_is_no_longer_than_it_must_be():
    system = LinearSystem.of(np.diag(np.geomspace(0.05, 1, 8)), np.ones(8))
    t = (HHL().estimate_queries(20, 1e-2).per_run // 2 + 1).bit_length() - 1
    one_less = max(
        state_distance(HHL(clock=t - 2).simulate(system.with_rhs(v), eps=1).solution, system.with_rhs(v).solution)
        for v in np.random.default_rng(0).normal(size=(200, 8))
    )
    assert one_less > 1e-2


@pytest.mark.parametrize("kappa", [1.0, 1.001])
def test_the_automatic_clock_of_a_spectrum_narrower_than_its_grid(kappa):
    system = LinearSystem.of(np.diag([1, 1 / kappa]), np.ones(2))
    assert state_distance(HHL().simulate(system, eps=1e-3).solution, system.solution) < 1e-3


def test_the_walk_ends_close_and_the_filter_finishes():
    rng = np.random.default_rng(9)
    errors = []
    for _ in range(10):
        system = LinearSystem.of(hermitian(rng, 8, 100), rng.normal(size=8))
        walked = Adiabatic(filtered=False).simulate(system, eps=0.1)
        errors.append(state_distance(walked.solution, system.solution))
        assert walked.queries.cU_A == 200
    assert np.sqrt(np.mean(np.square(errors))) < 0.22
    outcome = Adiabatic().simulate(system, eps=1e-6)
    assert state_distance(outcome.solution, system.solution) < 1e-6
    assert outcome.success_probability > 0.9
    assert outcome.queries.per_run <= 16 * 100


def test_more_steps_walk_closer():
    rng = np.random.default_rng(2)
    system = LinearSystem.of(hermitian(rng, 8, 50), rng.normal(size=8))
    errors = [
        state_distance(Adiabatic(steps=steps, filtered=False).simulate(system, eps=1).solution, system.solution)
        for steps in (50, 200, 800)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_counted_queries_order_the_solvers():
    """The table of counted queries at kappa 50 and eps 1e-2: HHL's clock is there the smallest that happens to do."""
    rng = np.random.default_rng(3)
    system = LinearSystem.of(hermitian(rng, 8, 50), rng.normal(size=8))
    uses = {type(s).__name__: s.simulate(system, eps=1e-2).queries for s in (QSVT(), ChebyshevLCU(), Adiabatic())}
    assert uses["QSVT"].per_run == 265
    assert uses["ChebyshevLCU"].per_run == 511
    assert uses["Adiabatic"].expected < uses["QSVT"].expected < uses["ChebyshevLCU"].expected


def test_refusals_name_what_to_use_instead():
    rng = np.random.default_rng(4)
    indefinite = LinearSystem.of(hermitian(rng, 4, 5, indefinite=True), rng.normal(size=4))
    with pytest.raises(ValueError, match=r"positive definite for the adiabatic walk.*QSVT"):
        Adiabatic().simulate(indefinite, eps=0.1)
    with pytest.raises(CapabilityError, match="18 are the most"):
        HHL(clock=16).construct(indefinite, eps=0.1)
    with pytest.raises(ValueError, match="QSVT reaches it"):
        HHL().estimate_queries(1e4, 1e-9)
    for bad in (lambda: HHL(clip=0.5), lambda: HHL(clock=0), lambda: Adiabatic(steps=3), lambda: ChebyshevLCU("best")):
        with pytest.raises(ValueError, match="must"):
            bad()
