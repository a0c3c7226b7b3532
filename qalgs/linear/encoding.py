"""Block-encodings: unitaries with a Hermitian matrix over alpha in their top left corner.

Axes: n system qubits, d = 2**n, m ancillas. Ancillas are the more significant qubits, so that the corner where they are
all 0 is ``matrix[:d, :d]``. Every encoding here is Hermitian, and so its own inverse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import SparsePauliOp

from qalgs.checks import argument, finite_array, real
from qalgs.linear.preparation import householder

_TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class BlockEncoding:
    """<0|U|0> = H / alpha on the ancillas' |0>."""

    circuit: QuantumCircuit
    """On system, then ancillas; its one oracle gate carries the label that is counted."""
    matrix: NDArray[Any]
    """(2**m d, 2**m d) U."""
    alpha: float
    """Subnormalisation; |H| <= alpha."""
    num_ancillas: int
    """m."""

    @property
    def dim(self) -> int:
        """D."""
        return len(self.matrix) >> self.num_ancillas

    @property
    def block(self) -> NDArray[Any]:
        """(d, d) H / alpha."""
        return self.matrix[: self.dim, : self.dim]


def dense_encoding(H: ArrayLike) -> BlockEncoding:
    """U = [[H, S], [S, -H]] with S = sqrt(1 - H^2): one ancilla, alpha = 1.

    Args:
        H: (d, d) Hermitian with spectral norm at most 1, d a power of two.

    Raises:
        ValueError: it is not.
    """
    matrix = _hermitian(H)
    values, vectors = np.linalg.eigh(matrix)
    if np.abs(values).max() > 1 + _TOLERANCE:
        raise ValueError(argument("H", "have spectral norm at most 1", f"it is {np.abs(values).max():.6g}"))
    sine = (vectors * np.sqrt(np.clip(1 - values**2, 0, None))) @ vectors.conj().T
    return _labelled(np.block([[matrix, sine], [sine, -matrix]]), 1.0, 1)


def pauli_encoding(H: SparsePauliOp) -> BlockEncoding:
    """Linear combination of Pauli strings: alpha is the sum of their coefficients' moduli.

    PREP turns the ancillas' |0> into sum_i sqrt(|h_i| / alpha) |i>, SELECT applies sign(h_i) P_i, and PREP is undone.

    Raises:
        ValueError: a coefficient is not real, or all are 0.
    """
    coefficients: NDArray[np.complex128] = np.asarray(H.coeffs, complex)
    if np.abs(np.imag(coefficients)).max() > _TOLERANCE:
        raise ValueError(argument("H", "have real coefficients", "one is complex"))
    weights = np.real(coefficients)
    alpha = float(np.abs(weights).sum())
    if alpha == 0:
        raise ValueError(argument("H", "not be 0", "it is"))
    m = max(1, (len(weights) - 1).bit_length())
    d = 1 << int(H.num_qubits or 0)
    amplitudes = np.zeros(1 << m)
    amplitudes[: len(weights)] = np.sqrt(np.abs(weights) / alpha)
    select = np.zeros((d << m, d << m), complex)
    for i in range(1 << m):
        pauli = H.paulis[i].to_matrix() * np.sign(weights[i] or 1.0) if i < len(weights) else np.eye(d)
        select[i * d : (i + 1) * d, i * d : (i + 1) * d] = pauli
    prepare = np.kron(householder(amplitudes), np.eye(d))
    return _labelled(prepare.conj().T @ select @ prepare, alpha, m)


def shifted_encoding(encoding: BlockEncoding, eta: float) -> BlockEncoding:
    """B = (I + eta H) / (1 + eta), with one more ancilla and one controlled use of ``encoding`` of H.

    The ancilla is turned by RY(2 atan sqrt(eta alpha)), controls U, and is turned back. B's subnormalisation is
    (1 + eta alpha) / (1 + eta), which is 1 where alpha is.

    Raises:
        ValueError: ``eta`` is not positive.
    """
    eta = real(eta, "eta", above=0)
    weight = eta * encoding.alpha
    angle = 2 * np.arctan(np.sqrt(weight))
    size = len(encoding.matrix)
    controlled = np.eye(2 * size, dtype=encoding.matrix.dtype)
    controlled[size:, size:] = encoding.matrix
    width = size.bit_length() - 1
    circuit = QuantumCircuit(width + 1)
    circuit.ry(angle, width)
    circuit.append(UnitaryGate(controlled, check_input=False, label="cU_A"), range(width + 1))
    circuit.ry(-angle, width)
    cos, sin = np.cos(angle / 2), np.sin(angle / 2)
    turn = np.kron(np.array([[cos, -sin], [sin, cos]]), np.eye(size))
    return BlockEncoding(circuit, turn.T @ controlled @ turn, (1 + weight) / (1 + eta), encoding.num_ancillas + 1)


def _labelled(unitary: NDArray[Any], alpha: float, ancillas: int) -> BlockEncoding:
    width = len(unitary).bit_length() - 1
    circuit = QuantumCircuit(width)
    circuit.append(UnitaryGate(unitary, check_input=False, label="U_A"), range(width))
    return BlockEncoding(circuit, unitary, alpha, ancillas)


def _hermitian(H: ArrayLike) -> NDArray[Any]:
    matrix = finite_array(H, "H", ndim=2, dtype=complex if np.iscomplexobj(H) else float)
    d = len(matrix)
    if matrix.shape != (d, d) or d < 2 or d & (d - 1):
        raise ValueError(argument("H", "be square with a power of two of rows", f"its shape is {matrix.shape}"))
    if np.abs(matrix - matrix.conj().T).max() > _TOLERANCE:
        raise ValueError(argument("H", "be Hermitian", "it is not"))
    return matrix
