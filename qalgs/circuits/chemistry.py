"""Circuits for molecules, which start in the reference determinant and conserve electrons and Sz.

Each is a product of exp(theta (T - T^dagger)), T a move of one or two electrons, in the molecule's own encoding. The
Paulis of one move commute and flip the same qubits: each factor is exact, of CX and one RY per Pauli, and states stay
real. Moves that a tapered molecule's symmetries forbid are left out. Parameters are theta[0], theta[1], ... in the
order of the factors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import Clifford, SparsePauliOp

from qalgs.checks import argument, positive_int
from qalgs.circuits.ansatz import reference
from qalgs.problems import fermions
from qalgs.problems.fermions import Bits
from qalgs.problems.molecule import Molecule

# Modes that electrons go to, and modes that they come from, in the same order.
Move = tuple[tuple[int, ...], tuple[int, ...]]


def uccsd(molecule: Molecule, *, reps: int = 1, occupation: ArrayLike | None = None) -> QuantumCircuit:
    """Unitary coupled cluster of all singles and doubles of the reference that conserve Sz, one Trotter step.

    Args:
        molecule: whose electrons and encoding.
        reps: how often the whole product is repeated, with parameters of its own.
        occupation: of the modes in the determinant it starts from; None for the reference's.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: ``reps`` is below 1, no move is possible, or ``occupation`` is not of the molecule.

    Example:
        >>> from qalgs.problems import molecule
        >>> uccsd(molecule("H2")).num_parameters
        3
    """
    start = _start(molecule, occupation)
    filled, empty = np.flatnonzero(start).tolist(), np.flatnonzero(start == 0).tolist()
    singles = [((a,), (i,)) for i in filled for a in empty if a % 2 == i % 2]
    doubles = [
        (to, source)
        for source in combinations(filled, 2)
        for to in combinations(empty, 2)
        if sum(p % 2 for p in to) == sum(p % 2 for p in source)
    ]
    moves = [(move,) for move in (*singles, *doubles)]
    return _product(molecule, start, moves * positive_int(reps, "reps"), "uccsd")


def k_upccgsd(
    molecule: Molecule, k: int = 1, *, spin_restricted: bool = False, occupation: ArrayLike | None = None
) -> QuantumCircuit:
    """Products, k of them, of all paired doubles and all singles, occupied or not (Lee et al., arXiv 1810.02327).

    Args:
        molecule: whose electrons and encoding.
        k: products, each with parameters of its own.
        spin_restricted: whether both spins share the angle of a single, which conserves S^2 too.
        occupation: of the modes in the determinant it starts from; None for the reference's.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: ``k`` is below 1, no move is possible, or ``occupation`` is not of the molecule.

    Example:
        >>> from qalgs.problems import molecule
        >>> k_upccgsd(molecule("H2"), 2).num_parameters
        6
    """
    start = _start(molecule, occupation)
    pairs = list(combinations(range(molecule.num_orbitals), 2))
    doubles = [(_double(p, q),) for p, q in pairs]
    singles = [moves for p, q in pairs for moves in _singles(p, q, spin_restricted)]
    return _product(molecule, start, [*doubles, *singles] * positive_int(k, "k"), "k_upccgsd")


def givens(
    molecule: Molecule, layers: int = 2, *, spin_restricted: bool = True, occupation: ArrayLike | None = None
) -> QuantumCircuit:
    """A brick wall of Givens rotations between neighbouring orbitals (Anselmetti et al., arXiv 2104.05695).

    Each brick moves a pair of electrons and then single ones between two orbitals; the bricks of odd layers stand on
    the joints of even ones. Of a tapered molecule only pairs move between orbitals that differ in symmetry.

    Args:
        molecule: whose electrons and encoding.
        layers: of bricks.
        spin_restricted: whether both spins share the angle of a single, which conserves S^2 too.
        occupation: of the modes in the determinant it starts from; None for the reference's.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: ``layers`` is below 1, no move is possible, or ``occupation`` is not of the molecule.

    Example:
        >>> from qalgs.problems import molecule
        >>> givens(molecule("H4"), 2).num_parameters
        6
    """
    start = _start(molecule, occupation)
    moves: list[tuple[Move, ...]] = []
    for layer in range(positive_int(layers, "layers")):
        for p in range(layer % 2, molecule.num_orbitals - 1, 2):
            moves += [(_double(p, p + 1),), *_singles(p, p + 1, spin_restricted)]
    return _product(molecule, start, moves, "givens")


def _double(p: int, q: int) -> Move:
    return (2 * q, 2 * q + 1), (2 * p, 2 * p + 1)


def _singles(p: int, q: int, together: bool) -> Iterator[tuple[Move, ...]]:
    up, down = ((2 * q,), (2 * p,)), ((2 * q + 1,), (2 * p + 1,))
    if together:
        yield (up, down)
    else:
        yield (up,)
        yield (down,)


def _product(molecule: Molecule, start: Bits, factors: Iterable[tuple[Move, ...]], name: str) -> QuantumCircuit:
    """A determinant under one factor per parameter; a factor is one or more moves that commute."""
    made: dict[Move, SparsePauliOp | None] = {}
    kept: list[list[SparsePauliOp]] = []
    for moves in factors:
        for move in moves:
            if move not in made:
                made[move] = _generator(molecule, move)
        generators = [g for move in moves if (g := made[move]) is not None]
        if generators:
            kept.append(generators)
    if not kept:
        raise ValueError(argument("molecule", "let electrons move", f"{molecule!r} does not"))
    circuit = reference(molecule.encoding.bits(start[None])[0].tolist())
    circuit.name = f"{name}_{molecule.name}"
    for angle, generators in zip(ParameterVector("theta", len(kept)), kept, strict=True):
        for generator in generators:
            _rotate(circuit, generator, angle)
    return circuit


def _rotate(circuit: QuantumCircuit, generator: SparsePauliOp, angle: Any) -> None:
    """Append exp(-i angle G), all Paulis of G real rotations that flip the same qubits.

    CX from one flipped qubit to the others leaves Paulis that are Y on it and I or Z elsewhere; each is an RY between
    CX from the qubits with Z, most of which cancel from one Pauli to the next. A double takes 14 CX and 8 RY, where
    single Pauli rotations take 48 CX.
    """
    pivot, *others = np.flatnonzero(generator.paulis.x[0]).tolist()
    fold = QuantumCircuit(circuit.num_qubits)
    for qubit in others:
        fold.cx(pivot, qubit)
    paulis = generator.paulis.evolve(Clifford(fold), frame="s")
    folded = SparsePauliOp(paulis, generator.coeffs)
    masks = [frozenset(np.flatnonzero(z).tolist()) - {pivot} for z in folded.paulis.z]
    slopes = dict(zip(masks, np.real(np.asarray(folded.coeffs)).tolist(), strict=True))
    circuit.compose(fold, inplace=True)
    open_controls: frozenset[int] = frozenset()
    while slopes:
        mask = min(slopes, key=lambda m: (len(m ^ open_controls), sorted(m)))
        for qubit in sorted(mask ^ open_controls):
            circuit.cx(qubit, pivot)
        circuit.ry(2 * slopes.pop(mask) * angle, pivot)
        open_controls = mask
    for qubit in sorted(open_controls):
        circuit.cx(qubit, pivot)
    circuit.compose(fold.inverse(), inplace=True)


def _generator(molecule: Molecule, move: Move) -> SparsePauliOp | None:
    """G of exp(theta (T - T^dagger)) = exp(-i theta G) in the molecule's encoding; None where it has no effect."""
    there = fermions.transfer(*move, molecule.num_modes)
    generator = (1j * (there - there.adjoint())).simplify(1e-12)
    if not molecule.encoding.conserved(generator):
        return None
    encoded = molecule.encoding.operator(generator)
    return encoded if np.abs(np.asarray(encoded.coeffs)).max() > 1e-12 else None


def _start(molecule: Molecule, occupation: ArrayLike | None) -> Bits:
    if not isinstance(molecule, Molecule):
        raise TypeError(argument("molecule", "be a Molecule", f"it is a {type(molecule).__name__}"))
    if occupation is None:
        return molecule.occupation
    bits = np.asarray(occupation)
    if bits.shape != (molecule.num_modes,) or not np.isin(bits, (0, 1)).all():
        raise ValueError(argument("occupation", f"be {molecule.num_modes} of 0 and 1", f"it is {occupation!r}"))
    if not molecule.encoding.holds(bits[None])[0]:
        raise ValueError(argument("occupation", "be in the sector of the tapered molecule", f"it is {occupation!r}"))
    return bits.astype(np.uint8)
