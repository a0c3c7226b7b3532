r"""Linear systems by a discrete adiabatic walk and an eigenstate filter (Costa and others, arXiv 2111.08152).

Axes: registers lcu, be, q, h and the system, the most significant first.

H(f) = X_h on (0, Q_b A(f); A(f) Q_b, 0) with A(f) = (1 - f) I + f A and Q_b = I - |b><b| has b in its kernel at f = 0
and the solution at f = 1, with a gap of at least 1 - f + f/kappa. Its encoding costs one controlled use of A's and two
reflections about b; the walk is (2 |000><000| - 1) U_H(f). The schedule is f = sin^2(theta) with d theta/ds
proportional to the gap, integrated numerically; two walk steps per kappa and then a polynomial that is 1 at 0 and small
beyond the gap (Lin and Tong, arXiv 1910.14596) succeed with probability above 0.9 without any amplification. A(f) is
(I + eta A)/(1 + eta) with f = eta/(1 + eta): the proximal-point path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import DiagonalGate, MCPhaseGate, UnitaryGate

from qalgs.checks import argument, positive_int, real
from qalgs.linear.encoding import BlockEncoding, dense_encoding
from qalgs.linear.phases import phase_factors
from qalgs.linear.polynomials import kernel_polynomial, kernel_terms
from qalgs.linear.preparation import householder
from qalgs.linear.processing import append_transformation, transform_state
from qalgs.linear.solver import Construction, Outcome, QueryCount, relative_error
from qalgs.linear.system import LinearSystem

_HADAMARD = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
_SHRUNK = 0.995
"""Largest value of the filter, which must stay below 1 to have phases."""
_GRID = 20001


@dataclass(frozen=True)
class Adiabatic:
    """Walk along the path from b to the solution, then filter; for positive definite matrices.

    Raises:
        ValueError: a setting is out of its range.
    """

    steps: int | Literal["auto"] = "auto"
    """T, even; "auto" is 2 kappa."""
    walk_error: float = 0.25
    """What the walk is trusted to leave, for which the filter is made; 2 kappa steps leave 0.15 to 0.21 (rms)."""
    filtered: bool = True
    """Whether the filter is run; without it ``eps`` is not kept."""

    finds_norm: ClassVar[bool] = False
    """Whether the norm of the solution follows from the success probability."""

    def __post_init__(self) -> None:
        if self.steps != "auto" and positive_int(self.steps, "steps") % 2:
            raise ValueError(argument("steps", "be even", f"it is {self.steps}"))
        real(self.walk_error, "walk_error", above=0, high=1)

    def construct(self, system: LinearSystem, *, eps: float) -> Construction:
        """The circuit: qubits of the system, h, q, be, lcu, the filter's sign and a flag.

        Raises:
            ValueError: the matrix is not positive definite.
        """
        _check_positive(system)
        n, steps = system.num_qubits, self._steps(system.kappa)
        circuit = QuantumCircuit(n + 4 + 2 * self.filtered)
        qubits = list(range(n + 4))
        reflect_b = UnitaryGate(householder(system.rhs), check_input=False, label="U_b")
        circuit.append(reflect_b, range(n))
        encoding = dense_encoding(system.matrix)
        for f in schedule(system.kappa, steps):
            circuit.compose(_hamiltonian_circuit(system, encoding, f), qubits, inplace=True, copy=False)
            circuit.append(DiagonalGate([1.0] + 7 * [-1.0]), qubits[n + 1 :])
        postselect = dict.fromkeys(range(n, n + 4), 0)
        if self.filtered:
            # What has left the encoding's corner would be let back in by the filter; a flag stands for a measurement.
            clean = n + 5
            circuit.x(qubits[n + 1 :])
            circuit.mcx(qubits[n + 1 :], clean)
            circuit.x(qubits[n + 1 :])
            postselect[clean] = 1
            final = BlockEncoding(_hamiltonian_circuit(system, encoding, 1.0), np.empty((0, 0)), 1.0, 3)
            ancillas = [*qubits[n + 1 :], n + 4]
            sign, bit = append_transformation(
                circuit, final, self._filter(system.kappa, eps), qubits[: n + 1], ancillas
            )
            postselect[sign] = bit
        return Construction(circuit, tuple(range(n)), postselect, None, _NOTES)

    def simulate(self, system: LinearSystem, *, eps: float) -> Outcome:
        """The circuit's amplitudes, step by step."""
        _check_positive(system)
        encoding = dense_encoding(system.matrix)
        reflection = np.eye(len(system.rhs)) - 2 * np.outer(system.rhs, system.rhs.conj())
        state = np.zeros((2, 2, 2, 2, len(system.rhs)), complex)
        state[0, 0, 0, 0] = system.rhs
        uses = 0
        for f in schedule(system.kappa, self._steps(system.kappa)):
            moved = _apply_hamiltonian(state, encoding.matrix, reflection, f)
            state = -moved
            state[0, 0, 0] = moved[0, 0, 0]
            uses += 1
        amplitudes = state[0, 0, 0, 0]
        if self.filtered:
            d = len(system.rhs)
            basis = np.eye(16 * d, dtype=complex).reshape(2, 2, 2, 2, d, 16 * d)
            final = np.stack(
                [
                    _apply_hamiltonian(basis[..., j], encoding.matrix, reflection, 1.0).reshape(-1)
                    for j in range(16 * d)
                ],
                axis=1,
            )
            clean = state.reshape(8, 2 * d)[0]
            filtered, more = transform_state(final, 2 * d, self._filter(system.kappa, eps), clean)
            amplitudes, uses = filtered[:d], uses + more
        queries = QueryCount(cU_A=uses, U_b=1 + 4 * uses)
        return Outcome(amplitudes, None, queries.succeeding(float(np.vdot(amplitudes, amplitudes).real)), _NOTES)

    def estimate_queries(self, kappa: float, eps: float) -> QueryCount:
        """Walk steps and the filter's degree; the success is what a walk error of ``walk_error`` leaves."""
        uses = self._steps(kappa) + (2 * self._terms(kappa, eps) if self.filtered else 0)
        overlap = 1 - self.walk_error**2 / 2
        return QueryCount(cU_A=uses, U_b=1 + 4 * uses, success_probability=overlap**2)

    def _steps(self, kappa: float) -> int:
        return 2 * int(np.ceil(kappa * (1 - 1e-9))) if self.steps == "auto" else int(self.steps)

    def _terms(self, kappa: float, eps: float) -> int:
        if kappa <= 1 + 1e-9:
            return 1
        return kernel_terms(1 / kappa, relative_error(real(eps, "eps", above=0)) / self.walk_error)

    def _filter(self, kappa: float, eps: float) -> NDArray[np.float64]:
        gap = min(1 / kappa, 1 - 1e-6)
        return phase_factors(_SHRUNK * kernel_polynomial(gap, self._terms(kappa, eps)))


_NOTES = ("the walk prepares the direction of the solution; its norm takes one more experiment, <b|A|x>",)


def schedule(kappa: float, steps: int) -> NDArray[np.float64]:
    """(steps,) f at the walk's steps: f = sin^2(theta), d theta/ds proportional to 1 - f + f/kappa."""
    theta = np.linspace(0, np.pi / 2, _GRID)
    f = np.sin(theta) ** 2
    slowness = 1 / (1 - f + f / kappa)
    s = np.concatenate([[0], np.cumsum((slowness[1:] + slowness[:-1]) / 2)])
    return np.sin(np.interp(np.arange(steps) / steps, s / s[-1], theta)) ** 2


def _check_positive(system: LinearSystem) -> None:
    if not system.is_positive:
        must = "be Hermitian and positive definite for the adiabatic walk"
        raise ValueError(argument("A", must, "it is not; QSVT, ChebyshevLCU and HHL take any invertible matrix"))


def _apply_hamiltonian(state: NDArray[Any], unitary: NDArray[Any], reflection: NDArray[Any], f: float) -> NDArray[Any]:
    """U_H(f) on (lcu, be, q, h, d)."""
    d = state.shape[-1]
    turn = np.array([[np.sqrt(1 - f), -np.sqrt(f)], [np.sqrt(f), np.sqrt(1 - f)]])
    state = _project(state, reflection, 1)
    state = np.tensordot(turn, state, axes=(1, 0))
    moved = np.einsum("aNbM,bqhM->aqhN", unitary.reshape(2, d, 2, d), state[1])
    state = np.tensordot(turn.T, np.stack([state[0], moved]), axes=(1, 0))
    return _project(state, reflection, 0)[:, :, :, ::-1]


def _project(state: NDArray[Any], reflection: NDArray[Any], h: int) -> NDArray[Any]:
    """The encoding of Q_b where the register h has this value: H_q, the reflection if q is 1, H_q."""
    turned = np.einsum("ij,abjhn->abihn", _HADAMARD, state)
    turned[:, :, 1, h] = turned[:, :, 1, h] @ reflection.T
    return np.einsum("ij,abjhn->abihn", _HADAMARD, turned)


def _hamiltonian_circuit(system: LinearSystem, encoding: BlockEncoding, f: float) -> QuantumCircuit:
    """U_H(f) on the system, h, q, be, lcu."""
    n, size = system.num_qubits, len(encoding.matrix)
    h, q, be, lcu = range(n, n + 4)
    controlled = np.eye(2 * size, dtype=encoding.matrix.dtype)
    controlled[size:, size:] = encoding.matrix
    angle = 2 * np.arcsin(np.sqrt(f))
    circuit = QuantumCircuit(n + 4)
    _append_projection(circuit, system, h, q, 1)
    circuit.ry(angle, lcu)
    circuit.append(UnitaryGate(controlled, check_input=False, label="cU_A"), [*range(n), be, lcu])
    circuit.ry(-angle, lcu)
    _append_projection(circuit, system, h, q, 0)
    circuit.x(h)
    return circuit


def _append_projection(circuit: QuantumCircuit, system: LinearSystem, h: int, q: int, value: int) -> None:
    n = system.num_qubits
    preparation = householder(system.rhs)
    circuit.h(q)
    if value == 0:
        circuit.x(h)
    circuit.append(UnitaryGate(preparation.conj().T, check_input=False, label="U_b"), range(n))
    for qubit in range(n):
        circuit.x(qubit)
    circuit.append(MCPhaseGate(np.pi, n + 1), [*range(n), h, q])
    for qubit in range(n):
        circuit.x(qubit)
    circuit.append(UnitaryGate(preparation, check_input=False, label="U_b"), range(n))
    if value == 0:
        circuit.x(h)
    circuit.h(q)
