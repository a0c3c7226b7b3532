"""Derivatives of the exact backend against central differences and the parameter-shift rule."""

import numpy as np
import pytest
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends import CapabilityError, get
from tests.backends.cases import random_circuit, random_observable


@pytest.mark.parametrize("seed", range(20))
def test_adjoint_equals_central_differences(seed):
    """The error of a central difference with step h is h^2 f'''/6; terms of size 1 and slopes up to 2 give 1e-7."""
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng, depth=8)
    observables = [random_observable(rng, circuit.num_qubits) for _ in range(2)]
    backend = get("statevector")
    program = backend.prepare(circuit, observables)
    points = rng.normal(size=(2, circuit.num_parameters))
    gradient = backend.gradient(program, points)
    assert gradient.shape == (2, 2, circuit.num_parameters)
    h = 1e-5
    for j in range(circuit.num_parameters):
        step = np.zeros(circuit.num_parameters)
        step[j] = h
        slope = (backend.expect(program, points + step).values - backend.expect(program, points - step).values) / (
            2 * h
        )
        np.testing.assert_allclose(gradient[:, :, j], slope, atol=2e-6)


def test_adjoint_equals_parameter_shift():
    """Each parameter sits in one rotation with eigenvalues +-1/2: d f = (f(x + pi/2) - f(x - pi/2)) / 2."""
    theta = ParameterVector("t", 13)
    circuit = QuantumCircuit(4)
    for k, gate in enumerate(["rx", "ry", "rz", "p"] * 3):
        getattr(circuit, gate)(theta[k], k % 4)
        circuit.cx(k % 4, (k + 1) % 4)
        circuit.h((k + 2) % 4)
    circuit.rzz(theta[12], 3, 1)
    circuit.h([1, 3])
    rng = np.random.default_rng(3)
    observable = random_observable(rng, 4)
    point = rng.normal(size=13)
    backend = get("statevector")
    program = backend.prepare(circuit, observable)
    shifted = np.concatenate([point + np.pi / 2 * np.eye(13), point - np.pi / 2 * np.eye(13)])
    values = backend.expect(program, shifted).values[:, 0]
    np.testing.assert_allclose(backend.gradient(program, point)[0, 0], (values[:13] - values[13:]) / 2, atol=1e-12)


def test_vjp_with_any_costate():
    """The derivative of 2 Re <lambda|psi(theta)>, with a parameter in the global phase, where it matters."""
    rng = np.random.default_rng(5)
    circuit = random_circuit(rng, 3)
    circuit.global_phase += 2 * Parameter("phase")
    backend = get("statevector")
    program = backend.prepare(circuit)
    points = rng.normal(size=(2, circuit.num_parameters))
    costate = rng.normal(size=(2, 8)) + 1j * rng.normal(size=(2, 8))

    def value(theta):
        return 2 * np.einsum("kd,kd->k", costate.conj(), backend.state(program, theta)).real

    slopes = np.stack([(value(points + h) - value(points - h)) / 2e-5 for h in 1e-5 * np.eye(points.shape[1])], axis=1)
    np.testing.assert_allclose(backend.vjp(program, points, costate), slopes, atol=1e-7)
    np.testing.assert_allclose(backend.vjp(program, points[1], costate[1])[0], slopes[1], atol=1e-7)


def test_vjp_with_the_operator_is_the_gradient():
    rng = np.random.default_rng(6)
    circuit = random_circuit(rng, 3)
    observable = random_observable(rng, 3)
    backend = get("statevector")
    program = backend.prepare(circuit, observable)
    point = rng.normal(size=circuit.num_parameters)
    costate = observable.to_matrix() @ backend.state(program, point)[0]
    np.testing.assert_allclose(backend.vjp(program, point, costate), backend.gradient(program, point)[:, 0], atol=1e-12)


def test_angles_that_are_not_affine_have_values_but_no_gradient():
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(1)
    circuit.ry(a * b, 0)
    backend = get("statevector")
    program = backend.prepare(circuit, SparsePauliOp("Z"))
    np.testing.assert_allclose(backend.expect(program, [2.0, 0.3]).values, [[np.cos(0.6)]])
    with pytest.raises(CapabilityError, match="affine in the parameters, but one is"):
        backend.gradient(program, [2.0, 0.3])
