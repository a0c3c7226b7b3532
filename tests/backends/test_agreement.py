"""The same numbers from every exact backend and from qiskit.quantum_info."""

import numpy as np
import pytest
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from qalgs_backends import get
from tests.backends.cases import random_circuit, random_observable, reference

TOLERANCE = 1e-9
METHODS = ("statevector", "aer", "lightning", "aer:density_matrix", "aer:mps")


@pytest.mark.parametrize("seed", range(50))
def test_random_circuits(seed):
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng, affine=seed % 5 != 0)
    observables = [random_observable(rng, circuit.num_qubits) for _ in range(2)]
    params = rng.normal(size=(3, circuit.num_parameters))
    expected = reference(circuit, params, observables)
    for name in METHODS:
        backend = get(name)
        program = backend.prepare(circuit, observables)
        batch = backend.expect(program, params)
        single = [backend.expect(program, row).values[0] for row in params]
        np.testing.assert_allclose(batch.values, expected, atol=TOLERANCE, err_msg=name)
        np.testing.assert_allclose(single, expected, atol=TOLERANCE, err_msg=name)
        assert not batch.values_err.any()


@pytest.mark.parametrize("seed", range(10))
def test_states_with_global_phase(seed):
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng)
    circuit.global_phase += 0.7 * Parameter("phase")
    params = rng.normal(size=(2, circuit.num_parameters))
    backend = get("statevector")
    states = backend.state(backend.prepare(circuit), params)
    for state, row in zip(states, params, strict=True):
        np.testing.assert_allclose(state, Statevector(circuit.assign_parameters(row)).data, atol=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_wide_random_circuits(seed):
    """1 to 10 qubits. Aer drops squared Schmidt values of 1e-16 and less from its MPS: there, the bound is wider."""
    rng = np.random.default_rng(1000 + seed)
    circuit = random_circuit(rng, 1 + seed % 10, depth=8, affine=seed % 5 != 0)
    observables = [random_observable(rng, circuit.num_qubits) for _ in range(2)]
    params = rng.normal(size=(2, circuit.num_parameters))
    expected = reference(circuit, params, observables)
    for name in METHODS:
        backend = get(name)
        values = backend.expect(backend.prepare(circuit, observables), params).values
        tolerance = 1e-8 if name == "aer:mps" else TOLERANCE
        np.testing.assert_allclose(values, expected, atol=tolerance, err_msg=name)


def test_stabilizer_and_its_shots():
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.s(2)
    observables = [SparsePauliOp("YXX"), SparsePauliOp("ZZI"), SparsePauliOp("IIZ")]
    backend = get("aer:stabilizer")
    program = backend.prepare(circuit, observables)
    np.testing.assert_allclose(backend.expect(program).values, [[1, 1, 0]], atol=1e-12)
    sampled = backend.expect(program, shots=400, rng=0)
    np.testing.assert_allclose(sampled.values[0, :2], 1, atol=1e-12)
    assert abs(sampled.values[0, 2]) < 5 / 20


@pytest.mark.parametrize("gate", ["cp", "crx", "cry", "crz"])
@pytest.mark.parametrize("points", [1, 3])
def test_controlled_rotations_are_bound(gate, points):
    """Aer's own binding leaves these angles at another value; the adapter must not."""
    x = Parameter("x")
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.ry(0.4, 1)
    getattr(circuit, gate)(x, 0, 1)
    circuit.h([0, 1])
    observable = SparsePauliOp(["XZ", "ZI", "IZ", "YY"], [1, 2, 0.5, 0.7])
    params = np.linspace(0.3, 2.0, points)[:, None]
    backend = get("aer")
    values = backend.expect(backend.prepare(circuit, observable), params).values
    np.testing.assert_allclose(values, reference(circuit, params, [observable]), atol=TOLERANCE)


@pytest.mark.parametrize("name", ["statevector", "aer", "lightning", "noisy:fake_manila"])
def test_columns_follow_the_circuit_not_the_creation(name):
    z, a = Parameter("z"), Parameter("a")
    vector = ParameterVector("v", 12)
    circuit = QuantumCircuit(3)
    circuit.rx(z, 0)
    circuit.rx(vector[11], 1)
    circuit.rx(vector[2], 2)
    circuit.rx(a, 2)
    observables = [SparsePauliOp(label) for label in ("IIZ", "IZI", "ZII")]
    backend = get(name)
    program = backend.prepare(circuit, observables)
    assert [p.name for p in program.parameters] == ["a", "v[2]", "v[11]", "z"]
    values = backend.expect(program, [0.1, 0.2, 0.5, 1.0]).values[0]
    tolerance = 0.15 if name.startswith("noisy") else TOLERANCE
    np.testing.assert_allclose(values, np.cos([1.0, 0.5, 0.3]), atol=tolerance)


@pytest.mark.parametrize("name", ["statevector", "aer", "lightning"])
def test_parameters_that_cancel_or_sit_in_the_phase(name):
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(1, global_phase=b)
    circuit.ry(a - a + 0.5, 0)
    backend = get(name)
    params = np.array([[0.1], [0.9]]) if circuit.num_parameters == 1 else np.array([[0.1, 0.2], [0.9, 0.8]])
    values = backend.expect(backend.prepare(circuit, SparsePauliOp("Z")), params).values
    np.testing.assert_allclose(values, np.cos(0.5) * np.ones((2, 1)), atol=TOLERANCE)


@pytest.mark.parametrize("name", ["statevector", "aer", "lightning"])
def test_initialize_counts_as_unitary(name):
    circuit = QuantumCircuit(2)
    circuit.initialize([0.6, 0, 0, 0.8])
    backend = get(name)
    values = backend.expect(backend.prepare(circuit, SparsePauliOp(["ZI", "XX"]))).values
    np.testing.assert_allclose(values, [[0.36 - 0.64 + 0.96]], atol=TOLERANCE)


def test_statevector_admits_as_many_points_as_asked():
    """More points than one chunk of states holds."""
    x = Parameter("x")
    circuit = QuantumCircuit(9)
    circuit.ry(x, 8)
    params = np.linspace(0, 1, 300)[:, None]
    backend = get("statevector")
    program = backend.prepare(circuit, SparsePauliOp("Z" + "I" * 8))
    np.testing.assert_allclose(backend.expect(program, params).values, np.cos(params), atol=1e-12)
    assert backend.state(program, params).shape == (300, 512)
    np.testing.assert_allclose(backend.gradient(program, params)[:, 0], -np.sin(params), atol=1e-12)
