"""Shots: bit order, seeds, and errors that mean what they say. Bounds are 5 standard deviations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit, QuantumRegister
from qiskit.quantum_info import SparsePauliOp, Statevector

from qalgs_backends import get
from qalgs_backends.grouping import group, with_basis_change
from tests.backends.cases import random_circuit, random_observable, reference

NOISELESS = ("statevector", "aer", "lightning")


@pytest.mark.parametrize("name", [*NOISELESS, "aer:mps", "aer:density_matrix"])
def test_qubit_0_is_the_least_significant_bit(name):
    circuit = QuantumCircuit(3)
    circuit.x(0)
    backend = get(name)
    counts = backend.sample(backend.prepare(circuit), shots=10, rng=0)
    assert counts.outcomes == ({1: 10},)
    assert counts.bitstrings() == {"001": 10}
    assert counts.num_bits == 3


@pytest.mark.parametrize("name", [*NOISELESS, "noisy:fake_manila"])
def test_classical_bits_are_numbered_flat(name):
    """Qubit 2 is 1 and goes to the second register's bit 0, which is bit 2 of the outcome."""
    qubits, low, high = QuantumRegister(3), ClassicalRegister(2, "low"), ClassicalRegister(1, "high")
    circuit = QuantumCircuit(qubits, low, high)
    circuit.x(2)
    circuit.measure(2, high[0])
    circuit.measure(0, low[1])
    backend = get(name)
    counts = backend.sample(backend.prepare(circuit), shots=200, rng=1)
    assert counts.num_bits == 3
    assert max(counts.outcomes[0], key=lambda k: counts.outcomes[0][k]) == 4


def test_dynamic_circuits_are_sampled_by_aer():
    circuit = QuantumCircuit(2, 2)
    circuit.ry(Parameter("x"), 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    backend = get("aer")
    counts = backend.sample(backend.prepare(circuit), [[0.0], [np.pi], [1.0]], shots=100, rng=0)
    assert counts.outcomes[:2] == ({0: 100}, {3: 100})
    assert set(counts.outcomes[2]) == {0, 3}


@pytest.mark.parametrize("name", NOISELESS)
def test_frequencies(name):
    rng = np.random.default_rng(8)
    circuit = random_circuit(rng, 4)
    params = rng.normal(size=(3, circuit.num_parameters))
    shots = 20_000
    backend = get(name)
    counts = backend.sample(backend.prepare(circuit), params, shots=shots, rng=2).dense()
    assert counts.shape == (3, 16)
    for row, point in zip(counts, params, strict=True):
        exact = Statevector(circuit.assign_parameters(point)).probabilities()
        assert row.sum() == shots
        assert (np.abs(row / shots - exact) <= 5 * np.sqrt(exact * (1 - exact) / shots) + 1e-12).all()


@pytest.mark.parametrize("name", [*NOISELESS, "noisy:fake_manila"])
def test_same_seed_same_answer(name):
    x = Parameter("x")
    circuit = QuantumCircuit(2)
    circuit.ry(x, 0)
    circuit.cx(0, 1)
    backend = get(name)
    program = backend.prepare(circuit)
    observed = backend.prepare(circuit, SparsePauliOp(["XX", "ZI"]))
    points = [[0.4], [1.1]]
    one, two, other = (backend.sample(program, points, shots=500, rng=seed) for seed in (5, 5, 6))
    assert one.outcomes == two.outcomes
    assert one.outcomes != other.outcomes
    first = backend.expect(observed, points, shots=500, rng=np.random.SeedSequence(4))
    again = backend.expect(observed, points, shots=500, rng=np.random.SeedSequence(4))
    np.testing.assert_array_equal(first.values, again.values)
    generator = np.random.default_rng(0)
    drawn = [backend.expect(observed, points, shots=500, rng=generator).values for _ in range(2)]
    assert (drawn[0] != drawn[1]).any()


@pytest.mark.parametrize("name", ["statevector", *(pytest.param(n, marks=pytest.mark.slow) for n in NOISELESS[1:])])
def test_pulls_are_of_unit_width(name):
    """(sampled - exact) / error over 400 values: mean 0 +- 5/20, and standard deviation 1 +- 5/sqrt(800)."""
    rng = np.random.default_rng(11)
    circuit = random_circuit(rng, 3)
    observables = [random_observable(rng, 3, terms=12) for _ in range(4)]
    params = rng.normal(size=(100, circuit.num_parameters))
    backend = get(name)
    program = backend.prepare(circuit, observables)
    sampled = backend.expect(program, params, shots=2000, rng=7)
    pulls = (sampled.values - reference(circuit, params, observables)) / sampled.values_err
    independent = pulls[:, 0]
    assert abs(independent.mean()) < 5 / np.sqrt(100)
    assert abs(independent.std() - 1) < 5 / np.sqrt(200)
    assert np.abs(pulls).max() < 5


@pytest.mark.parametrize("name", NOISELESS)
def test_cost_is_the_estimate(name):
    x = Parameter("x")
    circuit = QuantumCircuit(2)
    circuit.ry(x, 0)
    backend = get(name)
    observed = backend.prepare(circuit, SparsePauliOp(["XX", "ZI", "ZZ", "YI"]))
    for program, shots, run in (
        (observed, 50, backend.expect),
        (observed, None, backend.expect),
        (backend.prepare(circuit), 50, backend.sample),
    ):
        used = run(program, [[0.1], [0.2]], shots=shots).cost
        planned = backend.estimate(program, 2, shots)
        assert (used.shots, used.circuits, used.jobs) == (planned.shots, planned.circuits, planned.jobs)
    assert backend.estimate(observed, 2, 50).circuits == 6
    assert backend.estimate(observed, 2, 50).shots == 300


def test_an_identity_needs_no_shots_but_has_a_value():
    backend = get("statevector")
    answer = backend.expect(backend.prepare(QuantumCircuit(2), SparsePauliOp("II", 3.0)), shots=5, rng=0)
    np.testing.assert_array_equal(answer.values, [[3.0]])
    np.testing.assert_array_equal(answer.values_err, [[0.0]])


def test_one_shot_has_no_error_estimate():
    backend = get("statevector")
    circuit = QuantumCircuit(1)
    circuit.h(0)
    answer = backend.expect(backend.prepare(circuit, SparsePauliOp("Z")), shots=1, rng=0)
    assert np.isnan(answer.values_err).all()


def test_covariances_are_counted():
    """ZI - IZ of a Bell state is 0 in every shot, though each of its terms is +-1."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    backend = get("statevector")
    answer = backend.expect(backend.prepare(circuit, SparsePauliOp(["ZI", "IZ"], [1, -1])), shots=100, rng=0)
    np.testing.assert_array_equal(answer.values, [[0.0]])
    np.testing.assert_array_equal(answer.values_err, [[0.0]])


@given(
    st.lists(st.text("IXYZ", min_size=3, max_size=3), min_size=1, max_size=12, unique=True),
    st.integers(0, 99),
)
def test_basis_change_makes_paulis_diagonal(labels, seed):
    """Exact probabilities in the bases reproduce the exact value of any sum, with probabilities as counts."""
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng, 3, depth=3)
    circuit = circuit.assign_parameters(rng.normal(size=circuit.num_parameters))
    observable = SparsePauliOp(labels, rng.normal(size=len(labels)))
    grouping = group((observable,))
    extended, angles = with_basis_change(circuit)
    extended.remove_final_measurements()
    total = grouping.constants[0]
    for basis, row in enumerate(grouping.angles):
        state = Statevector(extended.assign_parameters(dict(zip(angles, row, strict=True))))
        table = {k: float(p) for k, p in enumerate(state.probabilities())}
        total += _mean(grouping, table, basis)
    np.testing.assert_allclose(total, Statevector(circuit).expectation_value(observable).real, atol=1e-9)


def _mean(grouping, table, basis):
    signs = [[(-1) ** (k & int(mask)).bit_count() for mask in grouping.masks[basis]] for k in table]
    return float(np.array(list(table.values())) @ np.array(signs) @ grouping.weights[basis][:, 0])
