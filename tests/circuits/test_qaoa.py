"""QAOA against the closed form of its first layer and against matrix exponentials."""

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector
from scipy.linalg import expm

from qalgs import backends, circuits, problems


def energy(circuit, hamiltonian, points):
    backend = backends.get("statevector")
    return backend.expect(backend.prepare(circuit, [hamiltonian]), points).values[:, 0]


def test_one_layer_on_a_ring_is_the_closed_form():
    # each edge of a ring of more than 3 nodes is cut with probability 1/2 - sin(4 beta) sin(2 gamma) / 4, the sign that
    # of a cost that counts minus the cut (Wang et al., arXiv 1706.02998, for triangle-free graphs of degree 2)
    n = 6
    cost = problems.maxcut(problems.cycle_graph(n)).hamiltonian
    circuit = circuits.qaoa(cost, depth=1)
    assert [p.name for p in circuit.parameters] == ["beta[0]", "gamma[0]"]
    points = np.random.default_rng(0).uniform(-np.pi, np.pi, size=(20, 2))
    beta, gamma = points.T
    wanted = -n * (0.5 - np.sin(4 * beta) * np.sin(2 * gamma) / 4)
    np.testing.assert_allclose(energy(circuit, cost, points), wanted, atol=1e-12)
    # its best value is 3/4 of the edges
    best = energy(circuit, cost, np.array([[-np.pi / 8, np.pi / 4]]))
    assert best[0] == pytest.approx(-0.75 * n, abs=1e-12)


def test_two_layers_are_matrix_exponentials():
    cost = SparsePauliOp(["III", "ZZI", "IZZ", "ZIZ", "IIZ", "ZZZ"], [0.4, 1.0, -0.5, 0.7, 0.3, 0.9])
    circuit = circuits.qaoa(cost, depth=2)
    assert circuit.global_phase == 0
    point = np.array([0.3, -0.8, 1.1, 0.4])
    mixer = SparsePauliOp(["IIX", "IXI", "XII"]).to_matrix()
    state = np.full(8, 8**-0.5, complex)
    diagonal = cost.to_matrix()
    for beta, gamma in zip(point[:2], point[2:], strict=True):
        state = expm(-1j * beta * mixer) @ expm(-1j * gamma * diagonal) @ state
    found = Statevector(circuit.assign_parameters(point)).data
    assert abs(np.vdot(state, found)) == pytest.approx(1, abs=1e-12)


def test_the_xy_mixer_keeps_the_number_of_ones():
    cost = problems.maxcut(problems.cycle_graph(4)).hamiltonian
    circuit = circuits.qaoa(cost, depth=2, mixer="xy", initial=circuits.reference((1, 0, 1, 0)))
    ones = SparsePauliOp.from_sparse_list([("", [], 2.0)] + [("Z", [i], -0.5) for i in range(4)], num_qubits=4)
    points = np.random.default_rng(1).normal(size=(5, 4))
    np.testing.assert_allclose(energy(circuit, ones, points), 2.0, atol=1e-12)
    spread = energy(circuit, cost, points)
    assert np.ptp(spread) > 0.1


def test_a_mixer_of_ones_own():
    cost = SparsePauliOp(["ZZ"])
    circuit = circuits.qaoa(cost, depth=1, mixer=SparsePauliOp(["XI", "IX"], [1.0, 1.0]))
    ours = circuits.qaoa(cost, depth=1)
    point = [[0.3, 0.9]]
    np.testing.assert_allclose(energy(circuit, cost, point), energy(ours, cost, point), atol=1e-14)


def test_gradients_are_those_of_the_closed_form():
    cost = problems.maxcut(problems.cycle_graph(4)).hamiltonian
    backend = backends.get("statevector")
    program = backend.prepare(circuits.qaoa(cost, depth=1), [cost])
    beta, gamma = 0.2, 0.7
    wanted = [4 * np.cos(4 * beta) * np.sin(2 * gamma), 2 * np.sin(4 * beta) * np.cos(2 * gamma)]
    np.testing.assert_allclose(backend.gradient(program, [[beta, gamma]])[0, 0], wanted, atol=1e-12)


def test_misuse_is_named():
    cost = SparsePauliOp(["ZZ"])
    parametrised = circuits.hardware_efficient(2)
    cases = [
        (lambda: circuits.qaoa(cost, depth=0), "`depth` must be at least 1"),
        (lambda: circuits.qaoa(SparsePauliOp(["ZX"]), depth=1), "`cost` must be a sum of products of Z, but .* ZX"),
        (lambda: circuits.qaoa(SparsePauliOp(["II"]), depth=1), "`cost` must not be a constant"),
        (lambda: circuits.qaoa(1j * cost, depth=1), "`cost` must be Hermitian"),
        (lambda: circuits.qaoa(cost, depth=1, mixer="y"), "`mixer` must be one of"),
        (lambda: circuits.qaoa(cost, depth=1, mixer=SparsePauliOp("X")), "`mixer` must have the 2 qubits"),
        (lambda: circuits.qaoa(cost, depth=1, mixer="xy"), "`initial` must be given"),
        (lambda: circuits.qaoa(cost, depth=1, initial=QuantumCircuit(3)), "`initial` must be a circuit"),
        (lambda: circuits.qaoa(cost, depth=1, initial=parametrised), "`initial` must be a circuit"),
    ]
    for make, words in cases:
        with pytest.raises(ValueError, match=words):
            make()
    with pytest.raises(TypeError, match="`cost` must be a SparsePauliOp"):
        circuits.qaoa("ZZ", depth=1)
