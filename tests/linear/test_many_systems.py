"""Random systems of every shape against elimination: who says that it succeeded is within its bound."""

import numpy as np
import pytest

import qalgs as qa
from qalgs.linear import HHL, QSVT, VQLS, Adiabatic, ChebyshevLCU, LinearSystem, ProximalPoint
from tests.linear.systems import hermitian

SHAPES = ("positive", "indefinite", "complex", "general", "complex general")


def random_system(seed):
    """A system of a random shape, size and condition number up to 200."""
    rng = np.random.default_rng(seed)
    shape, size, kappa = SHAPES[seed % len(SHAPES)], int(rng.integers(1, 12)), 200 ** rng.uniform()
    is_complex = "complex" in shape
    A = hermitian(
        rng, size, kappa, complex_entries=is_complex, indefinite=shape == "indefinite", scale=10 ** rng.uniform(-2, 2)
    )
    if "general" in shape:
        A = A @ np.linalg.qr(rng.normal(size=(size, size)) + 1j * is_complex * rng.normal(size=(size, size)))[0]
    b = rng.normal(size=size) + 1j * is_complex * rng.normal(size=size)
    return A, b if is_complex else b.real


def check(seed, eps, clock_kappa):
    A, b = random_system(seed)
    system = LinearSystem.of(A, b)
    x = np.linalg.solve(A, b)
    methods = [QSVT(), QSVT(amplify="auto"), ChebyshevLCU()]
    methods += [HHL()] if system.kappa <= clock_kappa else []
    methods += [Adiabatic(), ProximalPoint(), ProximalPoint(HHL(clock=8))] if system.is_positive else []
    solved = 0
    for method in methods:
        result = qa.linear_solve(system, method=method, eps=eps, engine="numpy", verify=True)
        if isinstance(method, ProximalPoint) and isinstance(method.solver, HHL):
            continue  # a clock that is given keeps no promise; it only has to run
        assert result.success
        overlap = min(1.0, abs(np.vdot(result.state, x)) / np.linalg.norm(x))
        assert np.sqrt(2 - 2 * overlap) <= eps + 1e-7
        if result.norm is not None and isinstance(method, QSVT):
            assert np.linalg.norm(result.x - x) <= 2 * eps * np.linalg.norm(x)
        solved += 1
    if system.num_qubits <= 3 and system.kappa <= 20:
        result = qa.linear_solve(system, method=VQLS(), eps=eps, backend="statevector", verify=True, rng=seed)
        if result.status.success:
            assert result.error <= eps
            solved += 1
    return solved


@pytest.mark.parametrize("seed", range(15))
def test_a_few(seed):
    assert check(seed, 1e-2, 30) >= 3


@pytest.mark.slow
def test_two_hundred():
    assert sum(check(seed, 10.0 ** -(1 + seed % 3), 60) for seed in range(200)) >= 600
