"""Molecules as sums of Paulis, with the answers that exact diagonalisation gives.

Energies in hartree, nuclear repulsion and core included, in the identity term. Coordinates in angstrom. The order of
modes and qubits is that of ``fermions``.

A Hamiltonian on qubits holds every charge: the lowest eigenvalue of HeH+ belongs to three electrons, -3.016 against the
cation's -2.852. Ask for the levels of a sector, taper, use circuits that conserve the electrons, or penalise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.quantum_info import SparsePauliOp

from qalgs.checks import argument, positive_int, real
from qalgs.problems import fermions
from qalgs.problems.fermions import Bits, Encoding
from qalgs.problems.subspace import levels, pack, restricted


@dataclass(frozen=True, eq=False)
class Sector:
    """All states of so many electrons and so much Sz, diagonalised."""

    num_electrons: int
    spin: float | None
    """Sz in units of hbar; None for all."""
    indices: NDArray[np.int64]
    """(D,) basis states of the qubits; bit q of one is the bit of qubit q."""
    energies: NDArray[np.float64]
    """(k,) ascending, in hartree."""
    states: NDArray[np.complex128]
    """(D, k) eigenvectors over ``indices``."""
    spins_squared: NDArray[np.float64]
    """(k,) expectation values of S^2; s (s + 1) where the level is not degenerate with another spin."""


@dataclass(frozen=True, eq=False)
class Molecule:
    """A molecule on qubits: its Hamiltonian, what it conserves, and where it starts."""

    name: str
    symbols: tuple[str, ...]
    coordinates: NDArray[np.float64]
    """(atoms, 3) in angstrom."""
    charge: int
    fermionic: SparsePauliOp
    """The Hamiltonian in the Jordan-Wigner encoding, nothing tapered."""
    occupation: Bits
    """(2 orbitals,) occupation of the modes in the reference determinant."""
    encoding: Encoding
    """How occupations are written on the qubits."""

    def __repr__(self) -> str:
        space = f"{self.num_electrons} electrons in {self.num_orbitals} orbitals"
        return f"Molecule({self.name}, {space}, {self.num_qubits} qubits, {len(self.hamiltonian)} terms)"

    @cached_property
    def hamiltonian(self) -> SparsePauliOp:
        """On the qubits, in hartree."""
        return self.encoding.operator(self.fermionic)

    @cached_property
    def number(self) -> SparsePauliOp:
        """Number of active electrons on the qubits."""
        return self.encoding.operator(fermions.number(self.num_modes))

    @cached_property
    def spin_z(self) -> SparsePauliOp:
        """Sz on the qubits."""
        return self.encoding.operator(fermions.spin_z(self.num_modes))

    @cached_property
    def spin_squared(self) -> SparsePauliOp:
        """S^2 on the qubits."""
        return self.encoding.operator(fermions.spin_squared(self.num_modes))

    @property
    def num_qubits(self) -> int:
        """Qubits of the Hamiltonian."""
        return self.encoding.num_qubits

    @property
    def num_modes(self) -> int:
        """Active spin orbitals."""
        return len(self.occupation)

    @property
    def num_orbitals(self) -> int:
        """Active spatial orbitals."""
        return self.num_modes // 2

    @property
    def num_electrons(self) -> int:
        """Active electrons of the reference."""
        return int(self.occupation.sum())

    @property
    def spin(self) -> float:
        """Sz of the reference, in units of hbar."""
        return (int(self.occupation[::2].sum()) - int(self.occupation[1::2].sum())) / 2

    @property
    def reference(self) -> tuple[int, ...]:
        """Bit of each qubit in the reference determinant, Hartree-Fock's where the multiplicity is 1."""
        return tuple(self.encoding.bits(self.occupation[None])[0].tolist())

    def determinants(self, k: int) -> Bits:
        """(k, q) bits of the k determinants of lowest diagonal energy with the reference's electrons and Sz.

        Raises:
            TypeError: ``k`` is not an integer.
            ValueError: ``k`` is below 1 or there are not so many.
        """
        return self.encoding.bits(self.occupations(k))

    def occupations(self, k: int) -> Bits:
        """(k, 2 orbitals) occupations of the modes in ``determinants(k)``, as the circuits for molecules take them.

        Raises:
            TypeError: ``k`` is not an integer.
            ValueError: ``k`` is below 1 or there are not so many.
        """
        held = self._held(self.num_electrons, self.spin)
        return self._by_energy(held)[: positive_int(k, "k", maximum=len(held))]

    def sector(self, num_electrons: int | None = None, spin: float | None = None, *, k: int | None = None) -> Sector:
        """Levels among the states of so many electrons with Sz = ``spin``; of a tapered molecule, among those it holds.

        Args:
            num_electrons: None for the molecule's, with all values of Sz where ``spin`` is None.
            spin: Sz in units of hbar; None for all.
            k: how many levels; None for all.

        Raises:
            TypeError: a number is of the wrong type.
            ValueError: there is no such state, or more levels are wanted than can be had.
        """
        electrons = self.num_electrons
        if num_electrons is not None:
            electrons = positive_int(num_electrons, "num_electrons", minimum=0, maximum=self.num_modes)
        spin = None if spin is None else real(spin, "spin")
        indices = pack(self.encoding.bits(self._held(electrons, spin)))
        energies, states = levels(self.hamiltonian, indices, k)
        s2 = np.einsum("dk,dk->k", states.conj(), restricted(self.spin_squared, indices) @ states).real
        return Sector(electrons, spin, indices, energies, states, s2)

    def exact_levels(self, k: int) -> NDArray[np.float64]:
        """(k,) lowest energies with the reference's electrons and Sz, in hartree.

        Raises:
            TypeError: ``k`` is not an integer.
            ValueError: ``k`` is below 1 or there are not so many.
        """
        return self.sector(self.num_electrons, self.spin, k=k).energies

    def penalised(self, *, number: float = 1.0, spin_squared: float = 0.0, spin_z: float = 0.0) -> SparsePauliOp:
        r"""$H + \mu_N (N - N_0)^2 + \mu_S (S^2 - s(s+1)) + \mu_z (S_z - m)^2$, N_0 and m of the reference, s = |m|.

        States of the reference's electrons and spin keep their energies. The second term is linear in S^2: it
        lowers no state as long as s is 0 or the third holds Sz at m.

        Args:
            number: mu_N in hartree.
            spin_squared: mu_S in hartree.
            spin_z: mu_z in hartree.

        Raises:
            TypeError: a weight is not a number.
            ValueError: a weight is negative.
        """
        s = abs(self.spin)
        one = SparsePauliOp("I" * self.num_qubits)
        charge, tilt = self.number - self.num_electrons * one, self.spin_z - self.spin * one
        parts = {
            "number": (number, charge @ charge),
            "spin_squared": (spin_squared, self.spin_squared - s * (s + 1) * one),
            "spin_z": (spin_z, tilt @ tilt),
        }
        total = self.hamiltonian
        for name, (weight, operator) in parts.items():
            total = total + real(weight, name, low=0.0) * operator
        return total.simplify(1e-12).sort()

    def tapered(self, occupation: ArrayLike | None = None) -> Molecule:
        """The same molecule with one qubit less for each Z2 symmetry, in the sector of a determinant.

        The sector holds only states that agree with the determinant in every symmetry; ``tapered_sectors`` has
        them all.

        Args:
            occupation: (2 orbitals,) of the modes, up and down in turn; None for the reference's.

        Raises:
            ValueError: ``occupation`` is not one.
        """
        bits = self.occupation if occupation is None else np.asarray(occupation)
        if bits.shape != (self.num_modes,) or not np.isin(bits, (0, 1)).all():
            raise ValueError(argument("occupation", f"be {self.num_modes} of 0 and 1", f"it is {occupation!r}"))
        bits = bits.astype(np.uint8)
        encoding = Encoding(self.encoding.matrix).tapered(self.fermionic, bits)
        return replace(self, occupation=bits, encoding=encoding)

    def tapered_sectors(self) -> tuple[Molecule, ...]:
        """Every tapered sector that holds states of the molecule's electrons, each with its lowest determinant.

        Together they hold the whole spectrum of so many electrons, all values of Sz, each level once.
        """
        ordered = self._by_energy(fermions.determinants(self.num_modes, self.num_electrons))
        encoding = self.tapered().encoding
        _, first = np.unique(encoding.values(ordered), axis=0, return_index=True)
        return tuple(self.tapered(ordered[i]) for i in np.sort(first))

    def _by_energy(self, occupations: Bits) -> Bits:
        diagonal = restricted(self.fermionic, pack(occupations)).diagonal().real
        return occupations[np.argsort(diagonal.round(9), kind="stable")]

    def _held(self, num_electrons: int, spin: float | None) -> Bits:
        occupations = fermions.determinants(self.num_modes, num_electrons, spin)
        held = occupations[self.encoding.holds(occupations)]
        if not len(held):
            but = f"the tapered molecule holds none of {num_electrons} electrons and Sz = {spin}"
            raise ValueError(argument("sector", "hold a state", but))
        return held
