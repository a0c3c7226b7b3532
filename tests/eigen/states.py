"""Dense oracles, ansatz circuits, and a backend whose counts are the probabilities themselves."""

from __future__ import annotations

import numpy as np
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp, Statevector

from qalgs.eigen.deflation import Parents
from qalgs_backends.base import Counts
from qalgs_backends.simulators.statevector import StatevectorBackend

H2 = SparsePauliOp(["II", "IZ", "ZI", "ZZ", "XX"], [-1.05237325, 0.39793742, -0.39793742, -0.01128010, 0.18093120])
MANY = 10**14
"""Shots at which the rounding of counts is below every tolerance used here."""


class ExpectedCounts(StatevectorBackend):
    """Every outcome as often as it is expected: shots without noise."""

    def __init__(self):
        super().__init__()
        self.jobs = []

    def sample(self, program, params=None, *, shots, rng=None):
        self.jobs.append((len(params), shots))
        times = np.rint(shots * abs(self.state(program, params)) ** 2).astype(int)
        outcomes = tuple({x: int(row[x]) for x in range(len(row))} for row in times)
        return Counts(outcomes, program.num_qubits, shots, self.estimate(program, len(params), shots))


def hardware_efficient(n, gates=("ry", "rz"), reps=2, *, reference=()):
    """efficient_su2 after X gates on the qubits of ``reference``."""
    circuit = QuantumCircuit(n)
    if reference:
        circuit.x(list(reference))
    ansatz = efficient_su2(n, list(gates), entanglement="linear", reps=reps, parameter_prefix="t")
    return circuit.compose(ansatz)


def everything(reference=()):
    """Three qubits, five shared parameters, affine angles, and every kind of gate that has one."""
    t = ParameterVector("t", 5)
    circuit = QuantumCircuit(3)
    if reference:
        circuit.x(list(reference))
    circuit.h(0)
    circuit.rxx(2 * t[0] + 0.3, 0, 1)
    circuit.ryy(t[1], 1, 2)
    circuit.rzx(t[2] - t[0], 0, 2)
    circuit.p(t[3], 1)
    circuit.cp(0.5 * t[3], 0, 1)
    circuit.cry(t[4], 1, 2)
    circuit.u(t[0], t[1], t[2], 0)
    circuit.rz(0.7, 2)
    circuit.rzz(t[4], 0, 2)
    circuit.sx(1)
    circuit.global_phase = t[1] + 0.2
    return circuit


def excitations(occupied=(0, 1)):
    """Singles and a double excitation on four spin orbitals in Trotter form, as in UCCSD."""
    from qiskit.circuit.library import PauliEvolutionGate

    circuit = QuantumCircuit(4)
    circuit.x(list(occupied))
    generators = {
        "a": [("XZYI", 0.5), ("YZXI", -0.5)],
        "b": [("IXZY", 0.5), ("IYZX", -0.5)],
        "c": [("XXXY", 0.25), ("XXYX", 0.25), ("YXYY", -0.25), ("YYXY", -0.25)],
    }
    for name, terms in generators.items():
        angle = Parameter(name)
        for label, weight in terms:
            circuit.compose(PauliEvolutionGate(SparsePauliOp(label), weight * angle).definition, inplace=True)
    return circuit


def state(circuit, params):
    return Statevector(circuit.assign_parameters(params)).data


def as_parents(circuits, H, players, params):
    """Parents whose matrices are exact."""
    psi = np.array([state(circuits[j], x) for j, x in zip(players, params, strict=True)]).reshape(len(players), -1)
    return Parents(
        tuple(np.asarray(x, float) for x in params),
        tuple(players),
        psi.conj() @ H.to_matrix() @ psi.T,
        psi.conj() @ psi.T,
    )


def random_hamiltonian(n, seed=0, terms=8):
    rng = np.random.default_rng(seed)
    labels = {"I" * n, *("".join(rng.choice(list("IXYZ"), n)) for _ in range(terms))}
    return SparsePauliOp(sorted(labels), rng.normal(size=len(labels)))


def loss(H, deflation, psi, parents, parent_states, shift):
    """E + P from dense vectors."""
    from qalgs.eigen.deflation import Cross

    dense = H.to_matrix()
    h = np.array([np.vdot(v, dense @ psi) for v in parent_states])
    s = np.array([np.vdot(v, psi) for v in parent_states])
    return np.vdot(psi, dense @ psi).real + deflation.penalty(Cross.exact(h, s), parents, shift).value


def random_layers():
    """The nine rotations and two CNOTs of the paper's figure 5, on |++>."""
    t = ParameterVector("t", 9)
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.ry(t[0], 0)
    circuit.rx(t[1], 1)
    circuit.cx(0, 1)
    circuit.rz(t[2], 1)
    circuit.cx(1, 0)
    circuit.rx(t[3], 1)
    circuit.ry(t[4], 1)
    circuit.ry(t[5], 0)
    circuit.rz(t[6], 0)
    circuit.rx(t[7], 1)
    circuit.rz(t[8], 0)
    return circuit
