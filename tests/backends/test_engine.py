"""The exact engine on circuits that reach each of its branches, against dense matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp, Statevector

from qalgs_backends import CapabilityError, get
from qalgs_backends.pauli_sum import PauliSum
from qalgs_backends.simulators import moments, statevector
from tests.backends.cases import random_observable, reference

BACKEND = get("statevector")


def real_circuit(rng, n, layers):
    """ry, h, x, z, cx, cz and swap: amplitudes stay real."""
    theta = ParameterVector("t", layers * n)
    circuit = QuantumCircuit(n)
    for k in range(layers):
        for q in range(n):
            circuit.ry(theta[k * n + q], q)
            getattr(circuit, rng.choice(["h", "x", "z", "id"]))(q)
        a, b = rng.choice(n, 2, replace=False)
        getattr(circuit, rng.choice(["cx", "cz", "swap"]))(int(a), int(b))
    return circuit


def check(circuit, observables, points, h=1e-5, atol=1e-7):
    """Values against Qiskit; derivatives against central differences; both in one pass and in two."""
    program = BACKEND.prepare(circuit, observables)
    values = BACKEND.expect(program, points).values
    np.testing.assert_allclose(values, reference(circuit, points, observables), atol=1e-11)
    both, slopes = BACKEND.value_and_gradient(program, points)
    np.testing.assert_array_equal(both, values)
    np.testing.assert_array_equal(slopes, BACKEND.gradient(program, points))
    for j, step in enumerate(h * np.eye(points.shape[1])):
        difference = BACKEND.expect(program, points + step).values - BACKEND.expect(program, points - step).values
        np.testing.assert_allclose(slopes[:, :, j], difference / (2 * h), atol=atol)
    return program


@settings(max_examples=10)
@given(st.integers(2, 6), st.integers(0, 10**6))
def test_real_circuits_are_simulated_in_real_numbers(n, seed):
    """Observables with an odd number of Y have no part in the values of a real state."""
    rng = np.random.default_rng(seed)
    circuit = real_circuit(rng, n, 2)
    points = rng.normal(size=(2, circuit.num_parameters))
    program = check(circuit, [random_observable(rng, n), SparsePauliOp("Y" + "Z" * (n - 1))], points)
    tape = program.executable.compiled.tape
    assert tape.real
    assert tape.states(points).dtype == np.float64
    states = BACKEND.state(program, points)
    assert states.dtype == np.complex128
    expected = [Statevector(circuit.assign_parameters(point)).data for point in points]
    np.testing.assert_allclose(states, expected, atol=1e-12)
    costate = rng.normal(size=states.shape) + 1j * rng.normal(size=states.shape)
    derivative = BACKEND.vjp(program, points, costate)
    np.testing.assert_allclose(derivative, BACKEND.vjp(program, points, costate.real), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_circuits_longer_than_a_segment(n):
    rng = np.random.default_rng(n)
    theta = ParameterVector("t", 5)
    circuit = QuantumCircuit(n)
    for k in range(150):
        circuit.rx(theta[k % 5] / (k + 1), k % n)
        circuit.t(k % n)
        if n > 1:
            circuit.cx(k % n, (k + 1) % n)
    program = check(circuit, [random_observable(rng, n)], rng.normal(size=(3, 5)))
    assert n == 1 or len(program.executable.compiled.tape.segments) > 2


@pytest.mark.parametrize("kept", [moments._KEPT_SIGNS, 20])
def test_runs_of_rzz_are_one_diagonal(monkeypatch, kept):
    """Also where the signs of a run are too many to be kept."""
    monkeypatch.setattr(moments, "_KEPT_SIGNS", kept)
    theta = ParameterVector("t", 4)
    circuit = QuantumCircuit(4)
    circuit.h(range(4))
    for k in range(2):
        for a in range(4):
            circuit.rzz(theta[2 * k] * (a + 1) + 0.1, a, (a + 1) % 4)
        circuit.rx(theta[2 * k + 1], range(4))
        circuit.cz(0, 3)
    rng = np.random.default_rng(1)
    program = check(circuit, [random_observable(rng, 4) for _ in range(2)], rng.normal(size=(2, 4)))
    runs = [run for segment in program.executable.compiled.tape.segments for _, run in segment._moments]
    assert [type(run).__name__ for run in runs if run] == ["Diagonal", "Shuffle"] * 2


def test_angles_without_a_parameter_disappear_into_their_neighbours():
    a = Parameter("a")
    circuit = QuantumCircuit(2)
    for gate in ("rx", "ry", "rz", "p"):
        getattr(circuit, gate)(0.7, 0)
        getattr(circuit, gate)(a, 0)
        circuit.sx(0)
    circuit.cz(0, 1)
    circuit.rx(-0.4, 1)
    program = check(circuit, [SparsePauliOp(["XY", "ZZ", "IX"], [0.4, 1.0, -0.6])], np.array([[0.3], [-1.2]]))
    assert [len(s.blocks.factors(np.zeros((99, 1)))) for s in program.executable.compiled.tape.segments] == [4]


def test_points_and_observables_beyond_a_chunk(monkeypatch):
    rng = np.random.default_rng(2)
    circuit = efficient_su2(3, reps=2)
    observables = [random_observable(rng, 3) for _ in range(5)]
    points = rng.normal(size=(7, circuit.num_parameters))
    program = BACKEND.prepare(circuit, observables)
    values, slopes = BACKEND.value_and_gradient(program, points)
    monkeypatch.setattr(statevector, "_CHUNK_BYTES", 256)
    in_parts = BACKEND.value_and_gradient(program, points)
    np.testing.assert_allclose(in_parts[0], values, atol=1e-13)
    np.testing.assert_allclose(in_parts[1], slopes, atol=1e-13)
    np.testing.assert_allclose(BACKEND.expect(program, points).values, values, atol=1e-13)


def test_value_and_gradient_of_other_backends_is_the_same():
    rng = np.random.default_rng(3)
    circuit, observable = efficient_su2(2, reps=1), random_observable(rng, 2)
    points = rng.normal(size=(2, circuit.num_parameters))
    value, slope = BACKEND.value_and_gradient(BACKEND.prepare(circuit, observable), points)
    for name in ("aer", "lightning"):
        other = get(name)
        theirs = other.value_and_gradient(other.prepare(circuit, observable), points)
        np.testing.assert_allclose(theirs[0], value, atol=1e-10)
        np.testing.assert_allclose(theirs[1], slope, atol=1e-8)


def test_curved_angles_have_no_gradient_in_one_pass_either():
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(1)
    circuit.ry(a * b, 0)
    with pytest.raises(CapabilityError, match="affine"):
        BACKEND.value_and_gradient(BACKEND.prepare(circuit, SparsePauliOp("Z")), [1.0, 2.0])


@pytest.mark.parametrize("n", [3, 7])
@pytest.mark.parametrize("points", [1, 4])
@pytest.mark.parametrize("cache", [1 << 28, 1])
def test_images_of_states_are_those_of_the_matrix(monkeypatch, n, points, cache):
    """Dense, sparse, and sparse made again in blocks; real states get the real part."""
    monkeypatch.setattr("qalgs_backends.pauli_sum._CACHE_BYTES", cache)
    rng = np.random.default_rng(n)
    operator = random_observable(rng, n)
    psi = rng.normal(size=(points, 2**n)) + 1j * rng.normal(size=(points, 2**n))
    matrix, total = operator.to_matrix(), PauliSum(operator)
    np.testing.assert_allclose(total.apply(psi), psi @ matrix.T, atol=1e-12)
    np.testing.assert_allclose(total.apply(psi.real.copy()), psi.real @ matrix.real.T, atol=1e-12)
