"""The variational solver: its certificate against elimination, exactly, with shots and on noisy devices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qalgs as qa
from qalgs.backends import CapabilityError
from qalgs.linear import HHL, VQLS, LinearSystem, ProximalPoint
from qalgs.linear.solver import state_distance
from qalgs.linear.vqls import _observables
from qalgs.optimizers import COBYLA
from tests.linear.systems import hermitian


def solve(A, b, method=None, backend="statevector", **more):
    return qa.linear_solve(A, b, method=method or VQLS(), backend=backend, **more)


@pytest.mark.parametrize("cost", ["local", "global"])
@pytest.mark.parametrize(
    ("make", "size", "kappa"),
    [
        (qa.problems.random_spd_system, 2, 3),
        (qa.problems.random_spd_system, 8, 10),
        (qa.problems.random_hermitian_system, 4, 5),
        (qa.problems.random_hermitian_system, 8, 20),
    ],
)
def test_the_exact_run_converges_to_its_certificate(make, size, kappa, cost):
    A, b = make(size, kappa, rng=0)
    result = solve(A, b, VQLS(cost=cost), eps=1e-3, verify=True, rng=0)
    assert result.status is qa.Status.CONVERGED
    assert result.error <= result.error_bound <= 1e-3
    x = np.linalg.solve(A, b)
    assert np.linalg.norm(result.x - x) < 5e-3 * np.linalg.norm(x)
    assert result.history["cost"][-1] < result.history["cost"][1]
    assert result.queries.per_run == 0
    assert result.cost.circuits > 0
    np.testing.assert_allclose(result.probabilities, np.abs(result.state) ** 2)


def test_aer_differentiates_by_shifts_to_the_same_end():
    A, b = qa.problems.random_spd_system(4, 5, rng=0)
    here, aer = (solve(A, b, backend=name, eps=1e-2, rng=0) for name in ("statevector", "aer"))
    np.testing.assert_allclose(here.x, aer.x, rtol=1e-6)


@settings(max_examples=30)
@given(st.integers(2, 8), st.booleans(), st.integers(0, 2**32 - 1))
def test_the_costs_enclose_one_another_and_certify(size, complex_entries, seed):
    rng = np.random.default_rng(seed)
    A = hermitian(rng, size, 10, complex_entries=complex_entries, indefinite=True)
    system = LinearSystem.of(A, rng.normal(size=size))
    local, outside, square = (op.to_matrix() for op in _observables(system, "local"))
    below, above = np.linalg.eigvalsh(local - outside / system.num_qubits), np.linalg.eigvalsh(outside - local)
    assert min(below.min(), above.min()) > -1e-12
    np.testing.assert_allclose(square, system.matrix @ system.matrix, atol=1e-12)
    psi = rng.normal(size=len(system.rhs)) + 1j * rng.normal(size=len(system.rhs))
    psi /= np.linalg.norm(psi)
    sine = system.kappa * np.sqrt((psi.conj() @ outside @ psi).real)
    if sine < 1:
        assert state_distance(psi, system.solution) <= 2 * np.sin(np.arcsin(sine) / 2)


@pytest.mark.parametrize("backend", ["noisy:fake_manila", "noisy:fake_fez"])
@pytest.mark.parametrize(("size", "off"), [(2, 0.05), (4, 0.15)])
def test_a_noisy_device_comes_close_and_says_how_far_it_may_be(size, off, backend):
    A = np.diag(np.linspace(0.5, 1, size)) + 0.1 * (np.eye(size, k=1) + np.eye(size, k=-1))
    b = np.ones(size)
    result = solve(A, b, VQLS(max_steps=100), backend, eps=1e-3, shots=20_000, rng=0)
    x = np.linalg.solve(A, b)
    assert np.abs(result.probabilities - x**2 / (x @ x)).sum() / 2 < off
    assert np.all(result.probabilities_err < 0.004)
    assert 0 < result.norm_err < 0.1 * result.norm
    assert result.norm == pytest.approx(np.linalg.norm(x), rel=0.15)
    assert result.status is qa.Status.FAILED
    assert not result.success
    true = np.sqrt(2 - 2 * np.sum(np.sqrt(result.probabilities) * np.abs(x) / np.linalg.norm(x)))
    assert true < result.error_bound


@pytest.mark.slow
def test_phase_estimation_on_a_noisy_device_is_off_by_more_than_its_error_bars():
    """Error bars are those of the shots; what the gates do to a circuit of this depth is larger, and not in them."""
    A, b = np.array([[0.75, 0.25], [0.25, 0.75]]), np.array([1.0, 0.0])
    exact = qa.linear_solve(A, b, method=HHL(clock=3), engine="numpy")
    off = {}
    for name in ("aer", "noisy:fake_fez", "noisy:fake_manila"):
        found = qa.linear_solve(A, b, method=HHL(clock=3), backend=name, shots=20_000, rng=1)
        p, accepted = found.probabilities, found.success_probability * 20_000
        np.testing.assert_allclose(found.probabilities_err, np.sqrt(p * (1 - p) / accepted))
        assert (found.error_bound == np.inf) == ("noise" in " ".join(found.notes)) == (name != "aer")
        off[name] = (np.abs(p - exact.probabilities) / found.probabilities_err).max()
    assert off["aer"] < 5 < off["noisy:fake_manila"]
    assert off["noisy:fake_fez"] < off["noisy:fake_manila"]


def test_same_seed_same_run_and_another_optimizer():
    A, b = qa.problems.random_spd_system(2, 3, rng=0)
    method = VQLS(optimizer=COBYLA(max_evaluations=30), max_steps=20)
    one, two = (solve(A, b, method, "noisy:fake_fez", shots=500, rng=3) for _ in range(2))
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    np.testing.assert_array_equal(one.history["cost"], two.history["cost"])


@pytest.mark.parametrize(
    ("method", "arguments", "error", "message"),
    [
        (VQLS(), {"x0": np.ones(4)}, ValueError, "`x0` must be None for VQLS"),
        (VQLS(ansatz=qa.circuits.hardware_efficient(3)), {}, ValueError, "`ansatz` must have 2 qubits"),
        (VQLS(), {"backend": "noisy:fake_manila"}, CapabilityError, "does not give amplitudes and gradients"),
    ],
)
def test_refused(method, arguments, error, message):
    A, b = qa.problems.random_spd_system(4, 3, rng=0)
    with pytest.raises(error, match=message):
        solve(A, b, method, **arguments)


def test_systems_that_are_too_wide_are_refused():
    with pytest.raises(CapabilityError, match="at most 64 unknowns"):
        solve(np.eye(65), np.ones(65))


def test_settings_are_checked():
    with pytest.raises(ValueError, match="`cost` must be one of"):
        VQLS(cost="mean")
    with pytest.raises(TypeError, match="`solver` must be QSVT"):
        ProximalPoint(VQLS())
