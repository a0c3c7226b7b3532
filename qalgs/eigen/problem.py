"""What is asked for, read once: a Hermitian sum of Paulis whose lowest levels are wanted, and circuits to seek them.

Axes: n qubits, k levels, K players, p parameters. The highest levels of H are the lowest of -H, which is all that the
rest of the room ever sees; ``sign`` brings them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import Operator, SparsePauliOp
from scipy.sparse import issparse

from qalgs.backends import operator_from_pennylane
from qalgs.checks import argument, finite_array, one_of, positive_int, real
from qalgs.circuits import hardware_efficient, reference, uccsd
from qalgs.eigen.shift import is_constant, one_norm, spectral_bounds
from qalgs.problems import Molecule
from qalgs_backends.program import check_observables

Charge = tuple[SparsePauliOp, float]
"""A conserved operator Q and the value q that is wanted of it. Its other values are at least 1 away from q."""
SectorLike = Literal["auto", "all"] | None | Sequence[Charge]
Hamiltonian = Any
"""SparsePauliOp, square array, SciPy sparse matrix, PennyLane operator, or ``Molecule``."""

_COMMUTES = 1e-8
_WIDEST_MATRIX = 12
_COUNTED = 20
"""Basis states of so many qubits are counted to see whether a sector is large enough."""


@dataclass(frozen=True, eq=False)
class EigenProblem:
    """An operator whose lowest levels are wanted."""

    hamiltonian: SparsePauliOp
    """sign * H, and the penalties of the sector."""
    bare: SparsePauliOp
    """sign * H without them. No level of the sector is above its highest, where the penalties put all others."""
    sign: int
    """1 for the lowest levels of H, -1 for the highest."""
    dim: int
    """Levels there are, as far as is known: 2^n, or those of the sector."""
    name: str
    molecule: Molecule | None = None
    """Whose reference's electrons and Sz the sector holds, where its lowest levels are wanted."""

    @property
    def num_qubits(self) -> int:
        """N."""
        return int(self.hamiltonian.num_qubits or 0)

    @property
    def real(self) -> bool:
        """Whether the matrix is real, so that real states are enough."""
        y = (self.hamiltonian.paulis.x & self.hamiltonian.paulis.z).sum(axis=1)
        return not bool(np.any(y % 2))

    @property
    def constant(self) -> bool:
        """Whether every state has the same energy."""
        return is_constant(self.hamiltonian)

    @property
    def sought(self) -> SparsePauliOp:
        """An operator whose highest level is above every level sought, and whose mean is where they may begin."""
        return self.hamiltonian if is_constant(self.bare) else self.bare


def as_problem(H: Hamiltonian, *, which: str = "SA", sector: SectorLike = "auto") -> EigenProblem:
    """Read a Hamiltonian.

    Args:
        H: see ``eigensolve``.
        which: "SA" for the lowest levels, "LA" for the highest.
        sector: conserved operators and their values; "auto" for the electrons and Sz of a molecule's reference.

    Raises:
        TypeError: ``H`` is of no kind that can be read.
        ValueError: it is not Hermitian, not finite or of odd shape; a charge does not commute with it; or the sector
            holds no state.
    """
    one_of(which, "which", ("SA", "LA"))
    sign = 1 if which == "SA" else -1
    operator, name = as_operator(H)
    charges: Sequence[Charge] = ()
    molecule = None
    if isinstance(sector, str):
        one_of(sector, "sector", ("auto",))
        if isinstance(H, Molecule):
            molecule = H if sign == 1 else None
            charges = ((H.number, float(H.num_electrons)), (H.spin_z, float(H.spin)))
    elif sector is not None:
        charges = sector
    directed = SparsePauliOp(operator.paulis, sign * np.asarray(operator.coeffs, complex))
    total, dim = _with_penalties(directed, charges)
    return EigenProblem(total, directed, sign, dim, name, molecule)


def as_operator(H: Hamiltonian) -> tuple[SparsePauliOp, str]:
    """``H`` as a sum of Paulis with real coefficients, and a name for it.

    Raises:
        TypeError: it is of no kind that can be read.
        ValueError: it is not Hermitian, not finite, or no matrix on qubits.
    """
    if isinstance(H, Molecule):
        return H.hamiltonian, str(H)
    if isinstance(H, SparsePauliOp):
        operator = H
    elif type(H).__module__.partition(".")[0] == "pennylane":
        operator = operator_from_pennylane(H)
    elif issparse(H) or isinstance(H, np.ndarray | list | tuple):
        operator = _from_matrix(H)
    else:
        must = "be a SparsePauliOp, a square array, a PennyLane operator or a Molecule"
        raise TypeError(argument("H", must, f"it is a {type(H).__name__}"))
    n = int(operator.num_qubits or 0)
    if n == 0:
        raise ValueError(argument("H", "act on at least one qubit", "it acts on none"))
    try:
        (checked,) = check_observables(operator, n)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("observables[0]", "H")) from None
    return checked, f"an operator of {len(checked)} Paulis on {n} qubits"


def as_circuits(
    ansatz: QuantumCircuit | Sequence[QuantumCircuit] | None, problem: EigenProblem, players: int
) -> tuple[QuantumCircuit, ...]:
    """K circuits without measurements on the problem's qubits, each with at least one parameter; ``layers`` if None.

    Raises:
        TypeError: one is no circuit.
        ValueError: there are too few, or one does not fit.
    """
    n = problem.num_qubits
    if ansatz is None:
        return (layers(problem),) * players
    given = (ansatz,) * players if isinstance(ansatz, QuantumCircuit) else tuple(ansatz)
    for circuit in given:
        _check_ansatz(circuit, n)
    if len(given) < players:
        must = f"be one circuit or one for each of {players} players, guards included"
        raise ValueError(argument("ansatz", must, f"it holds {len(given)}"))
    return given[:players]


def layers(problem: EigenProblem) -> QuantumCircuit:
    """RY and CX, with RZ where H is not real, with as many parameters as a general state of up to 6 qubits has."""
    n = problem.num_qubits
    general = -(-((1 << n) - 1) // n) - 1
    reps = max(1, min(general, 2 * n))
    return hardware_efficient(n, reps=reps, rotations=("ry",) if problem.real else ("ry", "rz"))


def from_determinants(molecule: Molecule, players: int) -> tuple[QuantumCircuit, ...]:
    """K circuits of unitary coupled cluster, each from the next of the lowest determinants: near a level at angle 0."""
    return tuple(_from_determinant(molecule, occupation) for occupation in molecule.occupations(players))


def check_levels(k: Any, problem: EigenProblem) -> int:
    """``k`` as a number of levels that exist.

    Raises:
        TypeError: it is no integer.
        ValueError: there are not so many levels.
    """
    k = positive_int(k, "k")
    if k > problem.dim:
        raise ValueError(argument("k", f"be at most the {problem.dim} levels there are", f"it is {k}"))
    return k


def check_players(players: int, k: int, reach: int) -> int:
    """``players`` as a number that have a level each among the ``reach`` of their circuits.

    Raises:
        ValueError: there are not so many levels.
    """
    if players > max(k, reach):
        raise ValueError(argument("k", f"leave k and {players - k} guards within {reach} levels", f"it is {k}"))
    return players


def _from_determinant(molecule: Molecule, occupation: Any) -> QuantumCircuit:
    try:
        return uccsd(molecule, occupation=occupation)
    except ValueError:  # no move is possible: the determinant is a level, and has nothing to turn but its phase
        circuit = reference(molecule.encoding.bits(occupation[None])[0].tolist())
        circuit.rz(Parameter("theta"), 0)
        return circuit


def _check_ansatz(circuit: Any, n: int) -> None:
    if not isinstance(circuit, QuantumCircuit):
        raise TypeError(argument("ansatz", "be a QuantumCircuit or a sequence of them", f"it is {circuit!r}"))
    if circuit.layout is not None:
        must = "be a circuit on the operator's own qubits; the backend finds the layout"
        raise ValueError(argument("ansatz", must, "it has been laid out on a device"))
    if circuit.num_qubits != n:
        raise ValueError(argument("ansatz", f"have {n} qubits as H", f"it has {circuit.num_qubits}"))
    if circuit.num_clbits:
        raise ValueError(argument("ansatz", "have no classical bits", f"it has {circuit.num_clbits}"))
    if circuit.num_parameters == 0:
        raise ValueError(argument("ansatz", "have at least one parameter", "it has none"))


def _from_matrix(H: ArrayLike) -> SparsePauliOp:
    dense: Any = H.toarray() if issparse(H) else H  # pyright: ignore[reportAttributeAccessIssue]
    matrix = finite_array(dense, "H", ndim=2, dtype=complex)
    n = max(1, len(matrix).bit_length() - 1)
    if matrix.shape != (1 << n, 1 << n):
        must = "be square, with a power of 2 of rows"
        raise ValueError(argument("H", must, f"its shape is {matrix.shape}"))
    if n > _WIDEST_MATRIX:
        raise ValueError(argument("H", f"be a SparsePauliOp beyond {_WIDEST_MATRIX} qubits", f"it has {n}"))
    scale = max(1.0, float(np.abs(matrix).max()))
    if np.abs(matrix - matrix.conj().T).max() > 1e-10 * scale:
        raise ValueError(argument("H", "be Hermitian", "it is not"))
    return SparsePauliOp.from_operator(Operator((matrix + matrix.conj().T) / 2), atol=1e-14 * scale, rtol=0)


def _with_penalties(H: SparsePauliOp, charges: Sequence[Charge]) -> tuple[SparsePauliOp, int]:
    """H + mu sum_Q (Q - q)^2, with mu the width of the spectrum, and the number of states that remain."""
    n = int(H.num_qubits or 0)
    total, dim = H, 1 << n
    inside = np.ones(1 << n, bool) if n <= _COUNTED else None
    width = 0.0
    if charges:
        bounds = spectral_bounds(H)
        width = bounds.upper - bounds.lower
        width = 1.0 if is_constant(H) else width
    for operator, value in charges:
        (charge,) = check_observables(operator, n)
        value = real(value, "sector")
        commutator = (H @ charge - charge @ H).simplify(atol=_COMMUTES)
        if one_norm(commutator) > _COMMUTES:
            raise ValueError(argument("sector", "hold operators that commute with H", "one does not"))
        off = charge - value * SparsePauliOp("I" * n)
        total = total + width * (off @ off)
        if inside is not None and not charge.paulis.x.any():
            inside &= np.abs(_diagonal(charge) - value) < 0.5
            dim = int(inside.sum())
    if dim == 0:
        raise ValueError(argument("sector", "hold at least one state", "it is empty"))
    return (total.simplify(atol=1e-12) if total is not H else H), dim


def _diagonal(operator: SparsePauliOp) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(d,) diagonal of a sum of I and Z."""
    n = int(operator.num_qubits or 0)
    states = np.arange(1 << n)
    masks = (operator.paulis.z * (1 << np.arange(n))).sum(axis=1)
    signs = 1.0 - 2.0 * (np.bitwise_count(states[:, None] & masks) & 1)
    return signs @ np.real(np.asarray(operator.coeffs))
