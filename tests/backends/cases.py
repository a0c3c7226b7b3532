"""Circuits and observables that are hard to get right by accident."""

import numpy as np
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

FIXED_1 = ("h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "sxdg", "id")
FIXED_2 = ("cx", "cy", "cz", "swap", "ch", "iswap", "ecr", "dcx")
ROTATION_1 = ("rx", "ry", "rz", "p")
ROTATION_2 = ("rxx", "ryy", "rzz", "rzx", "cp", "crx", "cry", "crz")


def awkward_parameters(rng, count):
    """Parameters whose sorted order is not their order of creation, half from a vector long enough for two digits."""
    vector = ParameterVector("theta", max(12, count))
    names = [f"{letter}{k}" for k, letter in enumerate("zyxbamqc")]
    return list(rng.permutation([*vector[:count], *(Parameter(name) for name in names)]))[:count]


def random_circuit(rng, num_qubits=None, depth=14, *, affine=True):
    """A random circuit on 1 to 6 qubits in gates of every kind, with affine angles of up to two parameters."""
    n = int(num_qubits or rng.integers(1, 7))
    pool = awkward_parameters(rng, int(rng.integers(1, 12)))
    circuit = QuantumCircuit(n, global_phase=float(rng.normal()))
    for _ in range(depth * n):
        qubits = [int(q) for q in rng.permutation(n)]
        kind = int(rng.integers(5))
        if kind == 0:
            getattr(circuit, rng.choice(FIXED_1))(qubits[0])
        elif kind == 1 and n > 1:
            getattr(circuit, rng.choice(FIXED_2))(*qubits[:2])
        elif kind == 2 and n > 1:
            getattr(circuit, rng.choice(ROTATION_2))(angle(rng, pool, affine), *qubits[:2])
        elif kind == 3 and rng.random() < 0.3:
            circuit.u(*(angle(rng, pool, affine) for _ in range(3)), qubits[0])
        elif kind == 3 and n > 2 and rng.random() < 0.2:
            circuit.ccx(*qubits[:3])
        else:
            getattr(circuit, rng.choice(ROTATION_1))(angle(rng, pool, affine), qubits[0])
    circuit.barrier()
    return circuit


def angle(rng, pool, affine=True):
    """A number, a parameter, or an expression of two."""
    kind = int(rng.integers(5 if affine else 6))
    a, b = (pool[int(k)] for k in rng.integers(len(pool), size=2))
    choices = (float(rng.normal()), a, -a, 2 * a + 0.3, 0.5 * (a - b) + b / 3, a * b)
    return choices[kind]


def random_observable(rng, num_qubits, terms=8):
    """Random Paulis, repeated ones and the identity included."""
    labels = ["".join(rng.choice(list("IXYZ"), num_qubits)) for _ in range(terms)]
    return SparsePauliOp([*labels, labels[0], "I" * num_qubits], rng.normal(size=terms + 2))


def reference(circuit, params, observables):
    """(K, o) expectation values by qiskit.quantum_info, bound by name."""
    table = []
    for row in np.atleast_2d(params):
        bound = {p.name: float(v) for p, v in zip(circuit.parameters, row, strict=True)}
        state = Statevector(circuit.assign_parameters(bound))
        table.append([state.expectation_value(op).real for op in observables])
    return np.array(table)
