"""QSVT: encodings, circuit against arithmetic, arithmetic against elimination, and counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Operator, SparsePauliOp

from qalgs.linear.encoding import dense_encoding, pauli_encoding, shifted_encoding
from qalgs.linear.preparation import householder, labelled_inverse, prepare_sum, prepare_vector
from qalgs.linear.qsvt import QSVT
from qalgs.linear.solver import count_queries, state_distance
from qalgs.linear.system import LinearSystem
from tests.linear.systems import amplitudes, hermitian

MIX = SparsePauliOp(["II", "XZ", "ZI", "YY"], [1.0, 0.3, -0.2, 0.25])


@given(st.integers(1, 4), st.booleans(), st.integers(0, 2**32 - 1))
def test_householder_prepares_any_vector(n, complex_entries, seed):
    rng = np.random.default_rng(seed)
    v = rng.normal(size=1 << n) + (1j * rng.normal(size=1 << n) if complex_entries else 0)
    U = householder(v)
    np.testing.assert_allclose(U[:, 0], v / np.linalg.norm(v), atol=1e-12)
    np.testing.assert_allclose(U @ U.conj().T, np.eye(1 << n), atol=1e-12)


@pytest.mark.parametrize("encoding", [dense_encoding(MIX.to_matrix() / 2), pauli_encoding(MIX)], ids=["dense", "pauli"])
def test_encodings_are_hermitian_unitaries_with_the_matrix_in_the_corner(encoding):
    size = len(encoding.matrix)
    target = MIX.to_matrix() / (2 if encoding.num_ancillas == 1 else 1)
    np.testing.assert_allclose(encoding.alpha * encoding.block, target, atol=1e-12)
    np.testing.assert_allclose(encoding.matrix @ encoding.matrix, np.eye(size), atol=1e-12)
    np.testing.assert_allclose(Operator(encoding.circuit).data, encoding.matrix, atol=1e-12)
    shifted = shifted_encoding(encoding, 3.0)
    np.testing.assert_allclose(shifted.alpha * shifted.block, (np.eye(4) + 3 * target) / 4, atol=1e-12)
    np.testing.assert_allclose(shifted.matrix @ shifted.matrix, np.eye(2 * size), atol=1e-12)
    np.testing.assert_allclose(Operator(shifted.circuit).data, shifted.matrix, atol=1e-12)
    assert count_queries(shifted.circuit).cU_A == 1


@pytest.mark.parametrize("H", [np.eye(3), [[0, 1], [0, 0]], 2 * np.eye(2)])
def test_encodings_refuse(H):
    with pytest.raises(ValueError, match="`H` must"):
        dense_encoding(H)


def test_a_sum_of_vectors_succeeds_at_least_half_the_time_where_they_do_not_oppose():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=4), rng.normal(size=4)
    y *= np.sign(x @ y)
    made = prepare_sum(x, y)
    state = Operator(made.circuit).data[:, 0]
    np.testing.assert_allclose(state[:4], made.amplitude * (x + y), atol=1e-12)
    assert np.linalg.norm(state[:4]) ** 2 >= 0.5
    assert (count_queries(made.circuit).P_x0, count_queries(made.circuit).U_b) == (1, 1)


def test_the_inverse_undoes_and_counts():
    circuit = prepare_sum(np.array([1, 2j, 0, 1]), np.array([0.5, 0, 1, 1])).circuit
    back = labelled_inverse(circuit)
    np.testing.assert_allclose(Operator(circuit.compose(back)).data, np.eye(8), atol=1e-12)
    assert count_queries(back) == count_queries(circuit)


def test_labels_inside_containers_and_powers_are_counted():
    inner = QuantumCircuit(2)
    inner.append(prepare_vector(np.ones(4)).circuit.data[0].operation, [0, 1])
    outer = QuantumCircuit(2)
    outer.append(inner.to_gate(), [0, 1])
    power = prepare_vector(np.ones(4), "exp_iAt^8").circuit
    outer.compose(power, inplace=True)
    outer.h(0)
    assert (count_queries(outer).U_b, count_queries(outer).exp_iAt) == (1, 8)


@settings(max_examples=15)
@given(st.integers(1, 8), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1))
def test_the_circuit_does_the_arithmetic_and_the_arithmetic_solves(size, complex_entries, indefinite, general, seed):
    rng = np.random.default_rng(seed)
    A = hermitian(rng, size, 8, complex_entries=complex_entries, indefinite=indefinite, scale=3.0)
    if general:
        A = A @ hermitian(rng, size, 1.5, complex_entries=complex_entries)
    b = rng.normal(size=size)
    system, solver = LinearSystem.of(A, b), QSVT()
    made, outcome = solver.construct(system, eps=1e-2), solver.simulate(system, eps=1e-2)
    np.testing.assert_allclose(amplitudes(made), outcome.amplitudes, atol=1e-12)
    assert made.queries.per_run == outcome.queries.per_run == solver.estimate_queries(system.kappa, 1e-2).per_run
    assert made.factor == outcome.factor
    x = np.linalg.solve(A, b)
    # the sign and the norm are right too: no phase is aligned here
    assert np.linalg.norm(system.recover(outcome.solution) - x) < 1.01e-2 * np.linalg.norm(x)


def test_eight_unknowns_at_kappa_50():
    rng = np.random.default_rng(0)
    A, b = hermitian(rng, 8, 50), rng.normal(size=8)
    system = LinearSystem.of(A, b)
    outcome = QSVT().simulate(system, eps=1e-4)
    made = QSVT().construct(system, eps=1e-4)
    assert outcome.queries.U_A == made.queries.U_A == 495
    np.testing.assert_allclose(amplitudes(made), outcome.amplitudes, atol=1e-12)
    assert state_distance(outcome.solution, system.solution) < 1e-4
    height = 1 / outcome.factor
    assert outcome.success_probability == pytest.approx(
        abs(height) ** 2 * np.vdot(system.solution, system.solution), rel=0.01
    )
    assert np.linalg.norm(outcome.solution) == pytest.approx(np.linalg.norm(system.solution), rel=1e-3)


@pytest.mark.parametrize("kind", ["relative", "absolute", "cks"])
def test_every_polynomial_keeps_the_promised_error(kind):
    rng = np.random.default_rng(3)
    system = LinearSystem.of(hermitian(rng, 8, 30, indefinite=True), rng.normal(size=8))
    outcome = QSVT(polynomial=kind).simulate(system, eps=1e-3)
    assert state_distance(outcome.solution, system.solution) < 1e-3


def test_amplification_multiplies_the_uses_and_keeps_the_solution():
    rng = np.random.default_rng(5)
    system = LinearSystem.of(hermitian(rng, 4, 10), rng.normal(size=4))
    once, solver = QSVT().simulate(system, eps=1e-2), QSVT(amplify="auto")
    made, outcome = solver.construct(system, eps=1e-2), solver.simulate(system, eps=1e-2)
    times = outcome.queries.U_A // once.queries.U_A
    assert times % 2 == 1
    assert times > 1
    assert made.queries == outcome.queries.succeeding(1.0)
    assert outcome.success_probability > once.success_probability
    assert outcome.queries.expected < once.queries.expected
    np.testing.assert_allclose(made.factor * amplitudes(made), once.solution, rtol=1e-9)
    np.testing.assert_allclose(outcome.solution, once.solution, rtol=1e-9)


def test_the_shifted_encoding_is_inverted_with_one_controlled_use_a_degree():
    rng = np.random.default_rng(0)
    kappa = 50
    A = hermitian(rng, 8, kappa)
    system = LinearSystem.of(A, rng.normal(size=8))
    eta = 1.2 * kappa
    kappa_hat = kappa * (1 + eta) / (kappa + eta)
    x0 = system.solution * 1.02
    rhs = x0 + eta * system.rhs
    shifted = LinearSystem.of(np.eye(8) + eta * system.matrix, rhs)
    encoding, preparation = shifted_encoding(dense_encoding(system.matrix), eta), prepare_sum(x0, eta * system.rhs)
    made = QSVT().construct(shifted, eps=1e-3, encoding=encoding, preparation=preparation)
    assert shifted.kappa == pytest.approx(kappa_hat)
    assert made.queries.cU_A == 211
    assert made.queries.U_A == 0
    truth = np.linalg.solve(np.eye(8) + eta * system.matrix, rhs)
    assert state_distance(amplitudes(made), truth) < 1e-3
    np.testing.assert_allclose(made.factor * amplitudes(made) / (1 + eta), truth, rtol=2e-2)


@pytest.mark.parametrize("settings_", [{"scale": 1.5}, {"polynomial": "best"}, {"amplify": -1}])
def test_settings_are_checked(settings_):
    with pytest.raises(ValueError, match="must"):
        QSVT(**settings_)
