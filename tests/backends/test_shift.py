import numpy as np
import pytest
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends import CapabilityError, get
from qalgs_backends.simulators.shift import Shifts

OBSERVABLES = [SparsePauliOp(["XYZ", "ZZI", "IXX", "YII"], [0.3, -1.1, 0.7, 0.5]), SparsePauliOp(["ZIZ"], [2.0])]


def every_gate():
    """Every gate with a rule, angles that are affine, shared, scaled, and one parameter that does nothing."""
    a, v, idle = Parameter("z"), ParameterVector("v", 11), Parameter("idle")
    circuit = QuantumCircuit(3)
    circuit.rz(idle - idle, 0)
    circuit.h([0, 1, 2])
    circuit.rx(v[0], 0)
    circuit.ry(2 * v[1] - a, 1)
    circuit.rz(v[2], 2)
    circuit.p(a / 2 + 0.3, 0)
    circuit.u(v[3], v[4], v[5], 1)
    circuit.r(v[6], v[7], 2)
    circuit.rxx(v[8], 0, 1)
    circuit.ryy(v[9], 1, 2)
    circuit.rzz(v[10], 2, 0)
    circuit.rzx(0.5 * v[0] + v[1], 0, 1)
    circuit.cx(2, 0)
    circuit.crx(a, 0, 2)
    return circuit


@pytest.mark.parametrize("name", ["aer", "lightning"])
def test_every_gradient_equals_the_engines(name):
    circuit = every_gate()
    points = np.random.default_rng(0).uniform(-3, 3, (4, circuit.num_parameters))
    exact, other = get("statevector"), get(name)
    reference = exact.gradient(exact.prepare(circuit, OBSERVABLES), points)
    ours = other.gradient(other.prepare(circuit, OBSERVABLES), points)
    assert ours.shape == (4, 2, circuit.num_parameters)
    np.testing.assert_allclose(ours, reference, atol=1e-8)


def test_two_frequencies_take_four_terms_and_the_rest_two():
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(1)
    circuit.r(a, b, 0)
    circuit.rx(0.4, 0)
    assert Shifts(circuit, (a, b)).num_terms == 2 + 4


def test_noisy_gradient_equals_central_differences():
    theta = ParameterVector("t", 3)
    circuit = QuantumCircuit(2)
    circuit.ry(theta[0], 0)
    circuit.rx(theta[1] - theta[0], 1)
    circuit.cx(0, 1)
    circuit.rz(2 * theta[2], 1)
    circuit.ry(theta[1], 1)
    backend = get("noisy:fake_manila")
    program = backend.prepare(circuit, SparsePauliOp(["ZX", "YY"], [1.0, -0.4]))
    point, h = np.array([0.3, -1.2, 0.8]), 1e-4
    steps = np.concatenate([point + h * np.eye(3), point - h * np.eye(3)])
    values = backend.expect(program, steps).values[:, 0]
    np.testing.assert_allclose(backend.gradient(program, point)[0, 0], (values[:3] - values[3:]) / (2 * h), atol=1e-6)


@pytest.mark.parametrize("name", ["statevector", "aer", "lightning"])
def test_a_circuit_without_parameters_has_an_empty_gradient(name):
    circuit = QuantumCircuit(1)
    circuit.h(0)
    backend = get(name)
    assert backend.gradient(backend.prepare(circuit, SparsePauliOp("X")), np.zeros((2, 0))).shape == (2, 1, 0)


@pytest.mark.parametrize("name", ["aer", "lightning"])
def test_curved_angles_are_refused(name):
    a = Parameter("a")
    circuit = QuantumCircuit(1)
    circuit.rx(a * a, 0)
    backend = get(name)
    with pytest.raises(CapabilityError, match="affine in the parameters"):
        backend.gradient(backend.prepare(circuit, SparsePauliOp("Z")), [0.3])
