"""The verb: systems of every shape on circuits and by arithmetic, what is refused, what is kept."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import qalgs as qa
from qalgs.backends import CapabilityError
from qalgs.linear import QSVT, Adiabatic, ChebyshevLCU, LinearResult, ProximalPoint, ResidualCorrection, StartOnly
from tests.linear.systems import hermitian

SYSTEMS = {
    "five unknowns": lambda rng: (hermitian(rng, 5, 12, scale=3.0), rng.normal(size=5)),
    "indefinite": lambda rng: (hermitian(rng, 4, 12, indefinite=True), rng.normal(size=4)),
    "complex": lambda rng: (
        hermitian(rng, 4, 8, complex_entries=True) @ hermitian(rng, 4, 1.5, complex_entries=True),
        rng.normal(size=4) + 1j * rng.normal(size=4),
    ),
    "sparse integers": lambda rng: (csr_array(np.array([[2, -1, 0], [-1, 2, -1], [0, -1, 2]])), [1, 0, 0]),
    "one unknown": lambda rng: ([[-4.0]], [2.0]),
}


@pytest.mark.parametrize("engine", ["circuit", "numpy"])
@pytest.mark.parametrize("kind", SYSTEMS)
def test_the_solution_has_the_right_sign_phase_and_norm(kind, engine):
    A, b = SYSTEMS[kind](np.random.default_rng(7))
    result = qa.linear_solve(A, b, eps=1e-3, engine=engine, verify=True)
    x = np.linalg.solve(A.toarray() if hasattr(A, "toarray") else A, b)
    assert np.linalg.norm(result.x - x) < 2e-3 * np.linalg.norm(x)
    assert result.error <= result.error_bound == 1e-3
    assert np.isrealobj(result.state) == np.isrealobj(x)
    np.testing.assert_allclose(result.probabilities, np.abs(result.state) ** 2)
    assert not result.probabilities_err.any()
    assert result.success
    assert (result.circuit is None) == (engine == "numpy")


@pytest.mark.parametrize(
    "method", [QSVT(amplify="auto"), ChebyshevLCU(), qa.HHL(), Adiabatic(), ProximalPoint(eta=9.0)]
)
def test_both_engines_give_the_same_result(method):
    A, b = qa.problems.random_spd_system(4, 6, rng=2)
    circuit, numpy = (qa.linear_solve(A, b, method=method, eps=0.05, engine=e) for e in ("circuit", "numpy"))
    assert abs(np.vdot(circuit.state, numpy.state)) == pytest.approx(1, abs=1e-12)
    assert circuit.queries.per_run == numpy.queries.per_run
    assert circuit.success_probability == pytest.approx(numpy.success_probability, abs=1e-12)
    assert circuit.norm == (None if numpy.norm is None else pytest.approx(numpy.norm))
    assert (circuit.provenance["source"], numpy.provenance["source"]) == ("aer", "numpy")


def test_the_exact_engine_runs_a_short_circuit_too():
    A, b = np.diag([1.0, 0.5]), np.array([1.0, -1.0])
    here, aer = (qa.linear_solve(A, b, eps=0.1, backend=name) for name in ("statevector", "aer"))
    np.testing.assert_allclose(here.x, aer.x, atol=1e-9)


def test_the_example_of_the_handbook():
    A, b = qa.problems.random_spd_system(dim=8, kappa=50, rng=0)
    result = qa.linear_solve(A, b, method=qa.ProximalPoint(solver=qa.QSVT()), eps=1e-3, backend=qa.backends.get("aer"))
    assert not result.wrapped
    assert result.kappa_hat == pytest.approx(50)
    assert "not wrapped" in str(result)
    np.testing.assert_allclose(result.x, np.linalg.solve(A, b), atol=2e-3 * result.norm)


def test_a_system_is_taken_with_its_own_right_hand_side():
    A, b = qa.problems.tridiagonal_system(3, 2, -1)
    system = qa.LinearSystem.of(A, b, kappa=10)
    result = qa.linear_solve(system, engine="numpy")
    assert result.kappa == 10
    np.testing.assert_allclose(result.x, [1.5, 2, 1.5], atol=5e-3)
    with pytest.raises(ValueError, match="`b` must be None"):
        qa.linear_solve(system, b)
    with pytest.raises(ValueError, match="`b` must be given"):
        qa.linear_solve(A)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "qsvt"}, TypeError, "`method` must be a solver"),
        ({"eps": 0}, ValueError, "`eps` must be greater than 0"),
        ({"engine": "gpu"}, ValueError, "`engine` must be one of"),
        ({"engine": "numpy", "shots": 10}, ValueError, "`shots` must be None with the engine 'numpy'"),
        ({"shots": 0}, ValueError, "`shots` must be at least 1"),
        ({"x0": [1, 2, 3]}, ValueError, r"`x0` must have shape \(2,\)"),
        ({"x0": [1, 2]}, ValueError, "`x0` must be None for a solver alone"),
        ({"method": StartOnly()}, ValueError, "`x0` must be given"),
        ({"method": ResidualCorrection()}, ValueError, "`x0` must be a start other than 0"),
        ({"backend": "noisy:fake_manila"}, CapabilityError, "does not give amplitudes"),
    ],
)
def test_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        qa.linear_solve(np.diag([1.0, 0.5]), [1.0, 1.0], **arguments)


def test_a_circuit_too_long_for_elementary_gates_is_refused_before_it_is_compiled():
    A, b = qa.problems.random_spd_system(16, 50, rng=0)
    with pytest.raises(CapabilityError, match=r"about 2e\+05 CX on statevector.*backend='aer'"):
        qa.linear_solve(A, b, backend="statevector")


def test_a_singular_matrix_is_refused():
    with pytest.raises(ValueError, match="invertible"):
        qa.linear_solve(np.ones((2, 2)), [1.0, 1.0])


def test_results_are_saved_and_loaded(tmp_path):
    A, b = qa.problems.random_spd_system(4, 6, rng=2)
    result = qa.linear_solve(A, b, method=ProximalPoint(eta=9.0), eps=0.05, engine="numpy", verify=True)
    result.save(tmp_path / "result")
    again = LinearResult.load(tmp_path / "result")
    np.testing.assert_array_equal(again.state, result.state)
    assert (again.queries, again.norm, again.eta) == (result.queries, result.norm, result.eta)
    assert str(again) == str(result)


def test_a_callback_ends_a_run_of_several_steps():
    A, b = qa.problems.random_spd_system(4, 6, rng=2)
    method = ProximalPoint(eta=9.0, steps=5)
    stop = qa.StopWhen(lambda step: step.index == 2, "enough")
    result = qa.linear_solve(A, b, method=method, eps=0.05, engine="numpy", callback=stop)
    assert (result.status, result.message) == (qa.Status.STOPPED, "enough")
    assert len(result.history["queries"]) == 2
