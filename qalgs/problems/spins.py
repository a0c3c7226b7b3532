"""Chains of spins as sums of Paulis. Site i is qubit i, and operators are Paulis, not spins of 1/2."""

from __future__ import annotations

from numpy.typing import ArrayLike
from qiskit.quantum_info import SparsePauliOp

from qalgs.checks import RngLike, argument, as_seed_sequence, finite_array, generator, positive_int, real


def transverse_field_ising(num_qubits: int, *, J: float = 1.0, h: float = 1.0, periodic: bool = False) -> SparsePauliOp:
    r"""$H = -J \sum_i Z_i Z_{i+1} - h \sum_i X_i$, critical at J = h.

    The open chain's levels are the sums of $\pm$ the singular values of the matrix with h on its diagonal and J above
    it (free fermions).

    Args:
        num_qubits: n, at least 2.
        J: coupling, positive for a ferromagnet.
        h: transverse field.
        periodic: whether the last spin couples to the first; with n above 2.

    Raises:
        TypeError: a number is of the wrong type.
        ValueError: ``num_qubits`` is below 2 or a number is not finite.

    Example:
        >>> transverse_field_ising(2, h=0.5).to_list()
        [('ZZ', (-1+0j)), ('IX', (-0.5+0j)), ('XI', (-0.5+0j))]
    """
    n = positive_int(num_qubits, "num_qubits", minimum=2)
    J, h = real(J, "J"), real(h, "h")
    terms = [("ZZ", list(bond), -J) for bond in _bonds(n, periodic)]
    terms += [("X", [i], -h) for i in range(n)]
    return SparsePauliOp.from_sparse_list(terms, num_qubits=n)


def xxz(
    num_qubits: int,
    *,
    delta: float = 1.0,
    J: float = 1.0,
    fields: float | ArrayLike = 0.0,
    periodic: bool = False,
    rng: RngLike = None,
) -> SparsePauliOp:
    r"""$H = J \sum_i (X_i X_{i+1} + Y_i Y_{i+1} + \Delta Z_i Z_{i+1}) + \sum_i h_i Z_i$, which conserves the sum of Z.

    Args:
        num_qubits: n, at least 2.
        delta: anisotropy; 1 is the Heisenberg chain, 0 free fermions.
        J: coupling, positive for an antiferromagnet.
        fields: (n,) values h_i; or one number w, for values drawn uniformly from [-w, w].
        periodic: whether the last spin couples to the first; with n above 2.
        rng: decides the fields that are drawn.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a number is not finite, ``num_qubits`` is below 2, or there is not one field per spin.

    Example:
        >>> xxz(2, delta=0.5).to_list()
        [('XX', (1+0j)), ('YY', (1+0j)), ('ZZ', (0.5+0j))]
    """
    n = positive_int(num_qubits, "num_qubits", minimum=2)
    delta, J = real(delta, "delta"), real(J, "J")
    values = finite_array(fields, "fields")
    if values.ndim == 0:
        width = real(float(values), "fields", low=0.0)
        values = generator(as_seed_sequence(rng)).uniform(-width, width, size=n)
    if values.shape != (n,):
        raise ValueError(argument("fields", f"be one number or have shape ({n},)", f"its shape is {values.shape}"))
    bonds = _bonds(n, periodic)
    terms = [(pair, list(bond), J * size) for bond in bonds for pair, size in (("XX", 1), ("YY", 1), ("ZZ", delta))]
    terms += [("Z", [i], float(value)) for i, value in enumerate(values) if value]
    return SparsePauliOp.from_sparse_list(terms, num_qubits=n)


def _bonds(n: int, periodic: bool) -> list[tuple[int, int]]:
    bonds = [(i, i + 1) for i in range(n - 1)]
    return [*bonds, (n - 1, 0)] if periodic and n > 2 else bonds
