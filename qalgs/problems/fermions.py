"""Operators of electrons on qubits, in the Jordan-Wigner encoding and in others that follow from it.

Axes: D determinants, n modes (spin orbitals), q qubits, which are n less one for each symmetry tapered off.

Order, stated once: mode 2p is spatial orbital p with spin up, mode 2p + 1 the same with spin down, and in the
Jordan-Wigner encoding qubit j holds the occupation of mode j. Every other encoding here writes the occupations through
an invertible matrix over GF(2), so that determinants stay basis states.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit.library import LinearFunction
from qiskit.quantum_info import Clifford, Pauli, PauliList, SparsePauliOp, Z2Symmetries

from qalgs.checks import argument, one_of

Mapping = Literal["jordan_wigner", "parity", "bravyi_kitaev"]
Bits = NDArray[np.uint8]

MAPPINGS = ("jordan_wigner", "parity", "bravyi_kitaev")


def number(num_modes: int) -> SparsePauliOp:
    """The number of electrons."""
    return _diagonal(np.ones(num_modes))


def spin_z(num_modes: int) -> SparsePauliOp:
    """Sz in units of hbar."""
    return _diagonal(np.tile([0.5, -0.5], num_modes // 2))


def spin_squared(num_modes: int) -> SparsePauliOp:
    r"""$S^2 = S_- S_+ + S_z (S_z + 1)$ in units of hbar squared."""
    raising = SparsePauliOp.sum([transfer((p,), (p + 1,), num_modes) for p in range(0, num_modes, 2)])
    sz = spin_z(num_modes)
    return (raising.adjoint() @ raising + sz @ sz + sz).simplify(1e-12)


def transfer(to: tuple[int, ...], source: tuple[int, ...], num_modes: int) -> SparsePauliOp:
    r"""The operator that moves electrons, $a_{p_1}^\dagger a_{q_1} a_{p_2}^\dagger a_{q_2} \dots$."""
    result = SparsePauliOp("I" * num_modes)
    for p, q in zip(to, source, strict=True):
        result = result @ annihilation(p, num_modes).adjoint() @ annihilation(q, num_modes)
    return result.simplify(1e-12)


def annihilation(mode: int, num_modes: int) -> SparsePauliOp:
    """(X + iY) / 2 on the mode's qubit, behind Z on all before it."""
    before = list(range(mode))
    letters = "Z" * mode
    terms = [(letters + "X", [*before, mode], 0.5), (letters + "Y", [*before, mode], 0.5j)]
    return SparsePauliOp.from_sparse_list(terms, num_qubits=num_modes)


def determinants(num_modes: int, num_electrons: int, spin: float | None = None) -> Bits:
    """(D, n) occupations of all determinants of so many electrons, with Sz = ``spin`` where it is given.

    Raises:
        ValueError: there is no such determinant.
    """
    half = num_modes // 2
    ups = range(num_electrons + 1) if spin is None else [num_electrons / 2 + spin]
    rows = []
    for up in ups:
        down = num_electrons - up
        if up != int(up) or not (0 <= up <= half and 0 <= down <= half):
            continue
        for a in combinations(range(0, num_modes, 2), int(up)):
            for b in combinations(range(1, num_modes, 2), int(down)):
                rows.append([*a, *b])
    if not rows:
        but = f"there is no state of {num_electrons} electrons and Sz = {spin} in {half} orbitals"
        raise ValueError(argument("sector", "hold a state", but))
    bits = np.zeros((len(rows), num_modes), np.uint8)
    bits[np.arange(len(rows))[:, None], np.array(rows, int).reshape(len(rows), num_electrons)] = 1
    return bits


@dataclass(frozen=True, eq=False)
class Encoding:
    """How occupations are written on qubits: through a matrix over GF(2), less the qubits that symmetries fix."""

    matrix: Bits
    """(n, n); qubit i holds the parity of the modes marked in row i."""
    symmetries: Z2Symmetries | None = None
    """Products of Z on the n qubits, with their values; None where nothing is tapered."""

    @classmethod
    def of(cls, mapping: Mapping, num_modes: int) -> Encoding:
        """The encoding of that name, nothing tapered.

        Raises:
            ValueError: there is none.
        """
        one_of(mapping, "mapping", MAPPINGS)
        if mapping == "jordan_wigner":
            return cls(np.eye(num_modes, dtype=np.uint8))
        if mapping == "parity":
            return cls(np.tri(num_modes, dtype=np.uint8))
        matrix = np.ones((1, 1), np.uint8)
        while len(matrix) < num_modes:
            matrix = np.kron(np.eye(2, dtype=np.uint8), matrix)
            matrix[-1, : len(matrix) // 2] = 1
        return cls(matrix[:num_modes, :num_modes])

    @property
    def num_qubits(self) -> int:
        """Qubits that are left, q."""
        return len(self.matrix) - (0 if self.symmetries is None else len(self.symmetries.sq_list))

    def operator(self, jordan_wigner: SparsePauliOp) -> SparsePauliOp:
        """The same operator on the qubits of this encoding.

        Raises:
            ValueError: it does not commute with a symmetry that was tapered off.
        """
        paulis = self._mapped(jordan_wigner)
        operator: Any = SparsePauliOp(paulis, jordan_wigner.coeffs)
        if self.symmetries is not None:
            if not self._commutes(paulis):
                raise ValueError(argument("operator", "commute with the symmetries tapered off", "it does not"))
            operator = self.symmetries.taper(operator)
        return operator.simplify(1e-10).sort()

    def conserved(self, jordan_wigner: SparsePauliOp) -> bool:
        """Whether an operator commutes with every symmetry that was tapered off."""
        return self._commutes(self._mapped(jordan_wigner))

    def bits(self, occupations: ArrayLike) -> Bits:
        """(D, q) bits of (D, n) determinants, bit of qubit 0 first."""
        bits = self._all_bits(occupations)
        return bits if self.symmetries is None else np.delete(bits, self.symmetries.sq_list, axis=1)

    def values(self, occupations: ArrayLike) -> NDArray[np.int64]:
        """(D, s) values +1 or -1 of the symmetries."""
        z = np.array([string.z for string in self._strings()], int).reshape(-1, len(self.matrix))
        return 1 - 2 * (self._all_bits(occupations).astype(int) @ z.T % 2)

    def holds(self, occupations: ArrayLike) -> NDArray[np.bool_]:
        """(D,) whether a determinant has the values of the symmetries that were tapered off."""
        wanted = [] if self.symmetries is None else self.symmetries.tapering_values
        return (self.values(occupations) == np.array(wanted, int)).all(axis=1)

    def tapered(self, jordan_wigner: SparsePauliOp, occupation: ArrayLike) -> Encoding:
        """One qubit less for each product of Z that commutes with an operator and S^2, fixed by a determinant."""
        whole, n = Encoding(self.matrix), len(self.matrix)
        # Asked to commute with every Z too, a symmetry is a product of Z, which determinants have a value of.
        parts = [whole.operator(part) for part in (jordan_wigner, spin_squared(n), number(n))]
        found = Z2Symmetries.find_z2_symmetries(SparsePauliOp.sum(parts))
        if found.is_empty():
            return whole
        undecided = Encoding(self.matrix, found)
        values = undecided.values(np.atleast_2d(occupation))[0].tolist()
        return Encoding(self.matrix, Z2Symmetries(found.symmetries, found.sq_paulis, found.sq_list, values))

    def _mapped(self, jordan_wigner: SparsePauliOp) -> PauliList:
        linear: Any = self.matrix.astype(bool)
        paulis: Any = jordan_wigner.paulis.evolve(Clifford(LinearFunction(linear)), frame="s")
        return paulis

    def _commutes(self, paulis: PauliList) -> bool:
        return all(np.all(paulis.commutes(string)) for string in self._strings())

    def _strings(self) -> list[Pauli]:
        return [] if self.symmetries is None else self.symmetries.symmetries

    def _all_bits(self, occupations: ArrayLike) -> Bits:
        return np.asarray(occupations, np.uint8) @ self.matrix.T % 2


def _diagonal(weights: NDArray[np.float64]) -> SparsePauliOp:
    terms: list[tuple[str, list[int], float]] = [("", [], float(weights.sum()) / 2)]
    terms += [("Z", [j], -float(w) / 2) for j, w in enumerate(weights)]
    return SparsePauliOp.from_sparse_list(terms, num_qubits=len(weights))
