"""Molecules by name or by coordinates, from Hartree-Fock orbitals computed on the spot.

Energies in hartree, coordinates in angstrom.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.quantum_info import SparsePauliOp

from qalgs.checks import argument, finite_array, positive_int
from qalgs.problems.fermions import Encoding, Mapping
from qalgs.problems.geometry import geometry
from qalgs.problems.molecule import Molecule
from qalgs_backends.pennylane.chemistry import integrals

# No molecule has more charges to lose or gain.
_FAR = 200


def molecule(
    name: str | Sequence[str],
    coordinates: ArrayLike | None = None,
    *,
    bond_length: float | None = None,
    charge: int | None = None,
    multiplicity: int = 1,
    active_electrons: int | None = None,
    active_orbitals: int | None = None,
    basis: str = "sto-3g",
    mapping: Mapping = "jordan_wigner",
    tapered: bool = False,
) -> Molecule:
    """A molecule on qubits, from Hartree-Fock orbitals computed on the spot.

    Args:
        name: "H2", "H3+", "HeH+", "LiH", "BeH2", "H2O" or "H4"; or the symbols of the atoms of any molecule.
        coordinates: (atoms, 3) in angstrom, where ``name`` holds symbols.
        bond_length: of a named molecule, in angstrom; None for its equilibrium.
        charge: in elementary charges; None for a named molecule's own, else 0. The electrons must pair up.
        multiplicity: 2 s + 1 of the reference and of the sector whose levels are asked for: 3 for triplets.
            The orbitals are the closed shell's all the same.
        active_electrons: electrons outside the frozen core; None for all.
        active_orbitals: orbitals they move in; None for all above the core.
        basis: "sto-3g", "6-31g", "6-311g" or "cc-pvdz".
        mapping: "jordan_wigner", "parity" or "bravyi_kitaev".
        tapered: whether qubits are saved by Z2 symmetries, in the sector of the reference.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: the molecule is not known, or an argument does not fit it.
        ExecutionError: Hartree-Fock does not converge.

    Example:
        >>> molecule("H2", bond_length=0.742)
        Molecule(H2, 2 electrons in 2 orbitals, 4 qubits, 15 terms)
    """
    label, symbols, where, usual_charge = _shape(name, coordinates, bond_length)
    charge = usual_charge if charge is None else positive_int(charge, "charge", minimum=-_FAR, maximum=_FAR)
    rows = tuple((float(x), float(y), float(z)) for x, y, z in where)
    whole = integrals(symbols, rows, charge, basis)
    electrons, orbitals = _active(whole.num_electrons, len(whole.one), active_electrons, active_orbitals)
    fermionic = whole.active(electrons, orbitals).hamiltonian()
    unpaired = positive_int(multiplicity, "multiplicity") - 1
    if (electrons - unpaired) % 2 or unpaired > min(electrons, 2 * orbitals - electrons):
        but = f"it is {multiplicity}"
        raise ValueError(argument("multiplicity", f"fit {electrons} electrons in {orbitals} orbitals", but))
    occupation = np.zeros(2 * orbitals, np.uint8)
    occupation[0 : electrons + unpaired : 2] = 1
    occupation[1 : electrons - unpaired : 2] = 1
    found = Molecule(label, symbols, where, charge, fermionic, occupation, Encoding.of(mapping, 2 * orbitals))
    return found.tapered() if tapered else found


def h2_two_qubits() -> SparsePauliOp:
    """H2 at 0.735 angstrom on two qubits, as printed in the Quantum EigenGame (arXiv 2503.13644).

    The parity encoding less its two parities of electrons, spins one after the other: eigenvalues -1.857275,
    -1.244585, -0.882722 and -0.224911. It is the electronic energy only; the nuclei's repulsion adds 0.719969 hartree.
    The paper's circuits count wires from the left of these labels, qubit 1 being wire 0.
    """
    terms = {"II": -1.05237325, "IZ": 0.39793742, "ZI": -0.39793742, "ZZ": -0.01128010, "XX": 0.18093120}
    return SparsePauliOp(list(terms), np.array(list(terms.values())))


def _shape(
    name: str | Sequence[str], coordinates: ArrayLike | None, bond_length: float | None
) -> tuple[str, tuple[str, ...], NDArray[np.float64], int]:
    if isinstance(name, str):
        if coordinates is not None:
            raise ValueError(argument("coordinates", "be left out for a named molecule", f"the name is {name!r}"))
        return name, *geometry(name, bond_length)
    symbols = tuple(name)
    if bond_length is not None or coordinates is None:
        raise ValueError(argument("coordinates", "be given, and no bond length, with symbols", f"name is {symbols}"))
    where = finite_array(coordinates, "coordinates", ndim=2)
    if where.shape != (len(symbols), 3):
        raise ValueError(argument("coordinates", f"have shape ({len(symbols)}, 3)", f"its shape is {where.shape}"))
    return "".join(symbols), symbols, where, 0


def _active(
    electrons: int, orbitals: int, active_electrons: int | None, active_orbitals: int | None
) -> tuple[int, int]:
    wanted = electrons
    if active_electrons is not None:
        wanted = positive_int(active_electrons, "active_electrons", minimum=2, maximum=electrons)
        if wanted % 2:
            raise ValueError(argument("active_electrons", "be even, the core being closed", f"it is {wanted}"))
    free = orbitals - (electrons - wanted) // 2
    if active_orbitals is None:
        return wanted, free
    return wanted, positive_int(active_orbitals, "active_orbitals", minimum=wanted // 2, maximum=free)
