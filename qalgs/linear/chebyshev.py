"""Linear systems by a linear combination of Chebyshev polynomials (Childs, Kothari and Somma, arXiv 1511.02306).

The walk W = (2 Pi - 1) U_A turns each eigenvalue's plane by arccos(x), so that T_j(A/alpha) stands in the corner of
W^j. An index register in amplitudes sqrt(|c_j| / l1) selects W^(2j+1); it costs l1 = sum |c_j| in amplitude, about 1.7
times the largest value that QSVT pays for the same polynomial.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import DiagonalGate, UnitaryGate

from qalgs.checks import one_of
from qalgs.linear.encoding import BlockEncoding, dense_encoding
from qalgs.linear.polynomials import Kind, inverse_degree, inverse_polynomial
from qalgs.linear.preparation import Preparation, prepare_vector, tree_preparation
from qalgs.linear.solver import Construction, Outcome, QueryCount, count_queries, relative_error
from qalgs.linear.system import LinearSystem


@dataclass(frozen=True)
class ChebyshevLCU:
    """Linear combination of odd powers of the walk, selected by the bits of an index.

    Raises:
        ValueError: there is no such polynomial.
    """

    polynomial: Kind = "relative"
    """"cks" is the published expansion; the optimal ones need a third of its terms."""

    def __post_init__(self) -> None:
        one_of(self.polynomial, "polynomial", get_args(Kind))

    def construct(self, system: LinearSystem, *, eps: float) -> Construction:
        """The circuit: qubits of the system, the encoding's ancilla, the index."""
        encoding, terms = dense_encoding(system.matrix), self._terms(system.kappa, eps)
        preparation = prepare_vector(system.rhs)
        n, m, width = system.num_qubits, encoding.num_ancillas, _index_width(terms)
        circuit = QuantumCircuit(n + m + width)
        body, index = list(range(n + m)), list(range(n + m, n + m + width))
        circuit.compose(preparation.circuit, range(n), inplace=True, copy=False)
        padded = np.zeros(1 << width)
        padded[: len(terms)] = terms
        weights = np.sqrt(np.abs(padded) / np.abs(terms).sum())
        circuit.compose(tree_preparation(weights), index, inplace=True, copy=False)
        circuit.compose(encoding.circuit, body, inplace=True, copy=False)
        circuit.append(_reflection(m), body[n:])
        square = _controlled_square(encoding)
        for bit, qubit in enumerate(index):
            for _ in range(1 << bit):
                circuit.compose(square, [*body, qubit], inplace=True, copy=False)
        circuit.append(DiagonalGate(np.where(padded < 0, -1.0, 1.0).tolist()), index)
        circuit.compose(tree_preparation(weights).inverse(), index, inplace=True, copy=False)
        postselect = dict.fromkeys(range(n, circuit.num_qubits), 0)
        return Construction(circuit, tuple(range(n)), postselect, self._factor(terms, encoding, preparation))

    def simulate(self, system: LinearSystem, *, eps: float) -> Outcome:
        """The circuit's amplitudes by powers of the walk."""
        encoding, terms = dense_encoding(system.matrix), self._terms(system.kappa, eps)
        walk = encoding.matrix.copy()
        walk[encoding.dim :] *= -1
        square = walk @ walk
        state = walk[:, : encoding.dim] @ system.rhs
        total = np.zeros(encoding.dim, complex)
        for term in terms:
            total += term * state[: encoding.dim]
            state = square @ state
        size = np.abs(terms).sum()
        amplitudes = total / size
        preparation = prepare_vector(system.rhs)
        once = count_queries(encoding.circuit) + count_queries(preparation.circuit)
        uses = QueryCount(cU_A=2 * ((1 << _index_width(terms)) - 1))
        return Outcome(
            amplitudes, size / encoding.alpha, (once + uses).succeeding(np.vdot(amplitudes, amplitudes).real)
        )

    def estimate_queries(self, kappa: float, eps: float) -> QueryCount:
        """One use and two for each value of the index but one; the least success is 1 / l1^2, for |x| = |b|."""
        terms = self._terms(kappa, eps)
        uses = 2 * ((1 << _index_width(terms)) - 1)
        return QueryCount(U_A=1, cU_A=uses, U_b=1, success_probability=float(np.abs(terms).sum() ** -2))

    def degree(self, kappa: float, eps: float) -> int:
        """Degree of the polynomial: what a select without powers of two would use."""
        return inverse_degree(kappa, relative_error(eps), self.polynomial)

    def _factor(self, terms: NDArray[np.float64], encoding: BlockEncoding, preparation: Preparation) -> float:
        return float(np.abs(terms).sum()) / (encoding.alpha * preparation.amplitude)

    def _terms(self, kappa: float, eps: float) -> NDArray[np.float64]:
        """(terms,) coefficients of T_1, T_3, T_5, ..."""
        return inverse_polynomial(kappa, relative_error(eps), self.polynomial)[1::2]


def _index_width(terms: NDArray[np.float64]) -> int:
    return max(1, (len(terms) - 1).bit_length())


def _reflection(ancillas: int) -> DiagonalGate:
    """2 Pi - 1 on the ancillas."""
    return DiagonalGate([1.0] + ((1 << ancillas) - 1) * [-1.0])


def _controlled_square(encoding: BlockEncoding) -> QuantumCircuit:
    """W^2 with a control, the last qubit; W is the encoding and a reflection."""
    size = len(encoding.matrix)
    width = size.bit_length() - 1
    controlled = np.eye(2 * size, dtype=encoding.matrix.dtype)
    controlled[size:, size:] = encoding.matrix
    oracle = UnitaryGate(controlled, check_input=False, label="cU_A")
    signs = np.ones(2 << encoding.num_ancillas)
    signs[(1 << encoding.num_ancillas) + 1 :] = -1
    circuit = QuantumCircuit(width + 1)
    for _ in range(2):
        circuit.append(oracle, range(width + 1))
        circuit.append(DiagonalGate(signs.tolist()), range(width - encoding.num_ancillas, width + 1))
    return circuit
