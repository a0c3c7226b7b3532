"""The alternating circuits of QAOA."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp

from qalgs.checks import argument, one_of, positive_int


def qaoa(
    cost: SparsePauliOp,
    *,
    depth: int,
    mixer: Literal["x", "xy"] | SparsePauliOp = "x",
    initial: QuantumCircuit | None = None,
) -> QuantumCircuit:
    r"""$\prod_l e^{-i \beta_l B} e^{-i \gamma_l C}$ on the initial state (Farhi et al., arXiv 1411.4028).

    In the order of ``circuit.parameters`` the points are (beta[0], ..., beta[depth-1], gamma[0], ...,
    gamma[depth-1]), which is alphabetical.

    Args:
        cost: C, a sum of products of Z, as of ``problems.maxcut``; its identity term is left out.
        depth: number of layers.
        mixer: B: "x" the sum of X; "xy" the sum of (XX + YY) / 2 around the ring, which conserves the number of
            ones; or any operator. Terms that do not commute are applied one after the other.
        initial: circuit of the initial state; None for the equal superposition of all basis states.

    Returns:
        A circuit with 2 * depth parameters.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: the cost is not diagonal or constant, numbers of qubits differ, ``initial`` is missing where
            "xy" needs it or has parameters, or an argument is out of range.

    Example:
        >>> from qalgs.problems import maxcut
        >>> qaoa(maxcut([(0, 1), (1, 2)]).hamiltonian, depth=2).num_parameters
        4
    """
    depth = positive_int(depth, "depth")
    phases = _without_identity(cost, "cost")
    if phases.paulis.x.any():
        worst = next(label for label in phases.paulis.to_labels() if set(label) & set("XY"))
        raise ValueError(argument("cost", "be a sum of products of Z", f"one term is {worst}"))
    n = int(phases.num_qubits or 0)
    mixing = _mixer(mixer, n, initial)
    circuit = _start(initial, n)
    gamma, beta = ParameterVector("gamma", depth), ParameterVector("beta", depth)
    for layer in range(depth):
        for operator, angle in ((phases, gamma[layer]), (mixing, beta[layer])):
            evolution: Any = PauliEvolutionGate(operator, angle).definition
            circuit.compose(evolution, inplace=True)
    return circuit


def _mixer(mixer: str | SparsePauliOp, n: int, initial: QuantumCircuit | None) -> SparsePauliOp:
    if isinstance(mixer, SparsePauliOp):
        if mixer.num_qubits != n:
            raise ValueError(argument("mixer", f"have the {n} qubits of the cost", f"it has {mixer.num_qubits}"))
        return _without_identity(mixer, "mixer")
    one_of(mixer, "mixer", ("x", "xy"))
    if mixer == "x":
        return SparsePauliOp.from_sparse_list([("X", [i], 1.0) for i in range(n)], num_qubits=n)
    if initial is None:
        raise ValueError(argument("initial", 'be given with the mixer "xy"', "it is None"))
    bonds = [(i, (i + 1) % n) for i in range(n if n > 2 else n - 1)]
    terms = [(pair, list(bond), 0.5) for bond in bonds for pair in ("XX", "YY")]
    return SparsePauliOp.from_sparse_list(terms, num_qubits=n)


def _start(initial: QuantumCircuit | None, n: int) -> QuantumCircuit:
    circuit = QuantumCircuit(n, name=f"qaoa_{n}")
    if initial is None:
        circuit.h(range(n))
    elif initial.num_qubits != n or initial.num_parameters or initial.num_clbits:
        must = f"be a circuit of gates on the {n} qubits of the cost, without parameters"
        but = f"it has {initial.num_qubits} qubits, {initial.num_clbits} bits and {initial.num_parameters} parameters"
        raise ValueError(argument("initial", must, but))
    else:
        circuit.compose(initial, inplace=True)
    return circuit


def _without_identity(operator: SparsePauliOp, name: str) -> SparsePauliOp:
    if not isinstance(operator, SparsePauliOp):
        raise TypeError(argument(name, "be a SparsePauliOp", f"it is a {type(operator).__name__}"))
    kept = operator.simplify()
    kept = kept[(kept.paulis.x | kept.paulis.z).any(axis=1)]
    coefficients = np.asarray(kept.coeffs, complex)
    if not coefficients.any():
        raise ValueError(argument(name, "not be a constant", "it is"))
    if np.abs(np.imag(coefficients)).max() > 1e-12 * np.abs(coefficients).max():
        raise ValueError(argument(name, "be Hermitian, with real coefficients", "it is not"))
    return kept
