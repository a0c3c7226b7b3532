"""Molecular integrals and fermionic operators by PennyLane's own Hartree-Fock; no other chemistry program is needed.

Axes: m spatial orbitals. Energies in hartree, coordinates in angstrom. Orbitals ascend in energy. Spin orbital 2p is
orbital p with spin up, 2p + 1 the same with spin down, and mode j is qubit j of the Jordan-Wigner encoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.checks import argument
from qalgs_backends.errors import ExecutionError

# Coefficients below this are rounding errors of the integrals, and would break the symmetries they stand for.
_NEGLIGIBLE = 1e-10
_SCF_STEPS, _SCF_TOL = 500, 1e-7


@dataclass(frozen=True, eq=False)
class Integrals:
    r"""$H = c + \sum h_{pq} a_p^\dagger a_q + \frac12 \sum g_{pqrs} a_p^\dagger a_q^\dagger a_r a_s$, spin summed."""

    num_electrons: int
    constant: float
    one: NDArray[np.float64]
    """(m, m) h."""
    two: NDArray[np.float64]
    """(m, m, m, m) g, whose first and last index belong to electron 1."""

    def fock(self) -> NDArray[np.float64]:
        """(m, m) closed-shell Fock matrix of the lowest orbitals; its diagonal holds the orbital energies."""
        return _fock(self.one, self.two, np.eye(len(self.one))[:, : self.num_electrons // 2])

    def active(self, num_electrons: int, num_orbitals: int) -> Integrals:
        """Integrals of the active orbitals in the field of the doubly occupied ones below them."""
        core = (self.num_electrons - num_electrons) // 2
        kept = slice(core, core + num_orbitals)
        occupied = np.eye(len(self.one))[:, :core]
        field = _fock(self.one, self.two, occupied)
        constant = self.constant + float(np.trace((self.one + field)[:core, :core]))
        return Integrals(num_electrons, constant, field[kept, kept], self.two[kept, kept, kept, kept])

    def hamiltonian(self) -> SparsePauliOp:
        """The Hamiltonian on 2m qubits."""
        import pennylane as qml

        fermionic = qml.qchem.fermionic_observable(np.array([self.constant]), self.one, self.two)
        words: Any = qml.jordan_wigner(fermionic, ps=True)
        terms = [
            ("".join(word.values()), list(word), complex(coefficient).real)
            for word, coefficient in words.items()
            if abs(coefficient) > _NEGLIGIBLE
        ]
        return SparsePauliOp.from_sparse_list(terms, num_qubits=2 * len(self.one)).sort()

    def __post_init__(self) -> None:
        self.one.setflags(write=False)
        self.two.setflags(write=False)


@lru_cache(maxsize=32)
def integrals(
    symbols: tuple[str, ...], coordinates: tuple[tuple[float, float, float], ...], charge: int, basis: str
) -> Integrals:
    """Integrals over the Hartree-Fock orbitals of a closed shell.

    Raises:
        ValueError: an element or the basis is not known, or the number of electrons is odd or not positive.
        ExecutionError: the Hartree-Fock equations do not converge.
    """
    import pennylane as qml

    try:
        molecule = qml.qchem.Molecule(
            list(symbols), np.array(coordinates), charge=charge, basis_name=basis, unit="angstrom"
        )
    except (ValueError, KeyError) as error:
        raise ValueError(argument("symbols", f"have the basis {basis!r}", str(error))) from None
    electrons = int(molecule.n_electrons)
    if electrons < 2 or electrons % 2:
        raise ValueError(argument("charge", "leave an even number of electrons, at least 2", f"there are {electrons}"))
    constant, one, two = qml.qchem.electron_integrals(molecule)()
    found = Integrals(electrons, float(np.sum(constant)), np.asarray(one, float), np.asarray(two, float))
    return _converged(found)


def _converged(found: Integrals) -> Integrals:
    """The same Hamiltonian over self-consistent orbitals; PennyLane's own loop just ends after 50 steps."""
    count = found.num_electrons // 2
    orbitals, errors, focks = np.eye(len(found.one)), [], []
    for _ in range(_SCF_STEPS):
        occupied = orbitals[:, :count]
        density = occupied @ occupied.T
        fock = _fock(found.one, found.two, occupied)
        error = fock @ density - density @ fock
        if np.abs(error).max() < _SCF_TOL:
            break
        errors, focks = [*errors[-7:], error], [*focks[-7:], fock]
        orbitals = np.linalg.eigh(_extrapolated(errors, focks))[1]
    else:
        raise ExecutionError(f"Hartree-Fock did not converge in {_SCF_STEPS} steps; other bond lengths may.")
    if not errors:
        return found
    orbitals = np.linalg.eigh(fock)[1]
    one = orbitals.T @ found.one @ orbitals
    two = np.einsum("pqrs,pa,qb,rc,sd->abcd", found.two, *[orbitals] * 4, optimize=True)
    return Integrals(found.num_electrons, found.constant, one, two)


def _extrapolated(errors: Sequence[NDArray], focks: Sequence[NDArray]) -> NDArray:
    """The combination of Fock matrices, weights summing to 1, whose commutator error is least (Pulay's DIIS)."""
    size = len(errors)
    system = np.zeros((size + 1, size + 1))
    system[:size, :size] = [[np.vdot(a, b) for b in errors] for a in errors]
    system[:size, :size] /= max(1e-300, np.abs(system[:size, :size]).max())
    system[size, :size] = system[:size, size] = 1.0
    weights = np.linalg.lstsq(system, np.eye(size + 1)[size], rcond=None)[0][:size]
    return np.einsum("i,ipq->pq", weights, np.array(focks))


def _fock(one: NDArray, two: NDArray, occupied: NDArray) -> NDArray:
    density = occupied @ occupied.T
    return one + 2 * np.einsum("prsq,rs->pq", two, density) - np.einsum("prqs,rs->pq", two, density)
