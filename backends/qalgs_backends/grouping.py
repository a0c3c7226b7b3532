"""Expectation values from shots: which bases to measure in, and value and standard error from the counts.

Axes: K points, G bases (qubit-wise commuting groups), n qubits, o observables.

A basis is one letter per qubit. Its change of basis is rz(a) then ry(b) on every qubit, after the circuit,
with (a, b) = (0, 0) for Z and I, (0, -pi/2) for X and (-pi/2, -pi/2) for Y: the +1 eigenstate of the letter
becomes |0>. As a and b are parameters, all points in all bases are one circuit, so one job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import PauliList, SparsePauliOp

from qalgs_backends.base import Parameter
from qalgs_backends.errors import CapabilityError

_QUARTER = np.pi / 2
_WIDEST = 64


@dataclass(frozen=True, eq=False)
class Grouping:
    """The bases in which a set of observables is measured."""

    angles: NDArray[np.float64]
    """(G, 2n) angles: a of qubits 0 to n-1, then b of qubits 0 to n-1."""
    masks: tuple[NDArray[np.uint64], ...]
    """For each basis, the (T_g,) supports of its Paulis, bit q being qubit q."""
    weights: tuple[NDArray[np.float64], ...]
    """For each basis, the (T_g, o) coefficients of its Paulis in the observables."""
    constants: NDArray[np.float64]
    """(o,) coefficients of the identity, which needs no measurement."""

    @property
    def num_bases(self) -> int:
        """G, at least 1: observables that are all constant are still measured once."""
        return len(self.masks)

    def points(self, params: NDArray[np.float64]) -> NDArray[np.float64]:
        """(K*G, p + 2n) points to sample the extended circuit at, the basis running fastest."""
        k, g = len(params), self.num_bases
        return np.hstack([np.repeat(params, g, axis=0), np.tile(self.angles, (k, 1))])

    def estimate(
        self, outcomes: Sequence[dict[int, int]], shots: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        r"""Values and standard errors from the counts at ``points``.

        In basis g a shot with outcome x gives v(x) = sum_t c_t (-1)^{|x & s_t|}. The value is the sum over
        bases of the sample means of v, and its variance the sum of the sample variances of v over N, N - 1 in
        the denominator: covariances of the Paulis measured together are in it.

        Args:
            outcomes: K*G counts, in the order of ``points``.
            shots: N, shots per basis.

        Returns:
            (K, o) values and (K, o) standard errors; the errors are NaN for a single shot.
        """
        g = self.num_bases
        k = len(outcomes) // g
        values = np.tile(self.constants, (k, 1))
        variances = np.zeros_like(values)
        for row, counts in enumerate(outcomes):
            mean, variance = self._basis_moments(counts, row % g, shots)
            values[row // g] += mean
            variances[row // g] += variance / shots
        return values, np.sqrt(variances)

    def _basis_moments(
        self, counts: dict[int, int], basis: int, shots: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x = np.fromiter(counts.keys(), np.uint64, len(counts))
        share = np.fromiter(counts.values(), float, len(counts)) / shots
        odd = np.bitwise_count(x[:, None] & self.masks[basis]) & 1
        v = (1.0 - 2.0 * odd) @ self.weights[basis]
        mean = share @ v
        unbiased = shots / (shots - 1) if shots > 1 else np.nan
        return mean, unbiased * (share @ (v - mean) ** 2)


def group(observables: Sequence[SparsePauliOp]) -> Grouping:
    """Qubit-wise commuting groups of all Paulis of ``observables``; a Pauli they share is measured once.

    Args:
        observables: o operators with real coefficients.

    Raises:
        CapabilityError: they act on more than 64 qubits, the width of an outcome here.
    """
    n = int(observables[0].num_qubits or 0)
    if n > _WIDEST:
        raise CapabilityError(f"Expectation values from shots work up to {_WIDEST} qubits; the observables act on {n}.")
    table: dict[str, NDArray[np.float64]] = {}
    for k, op in enumerate(observables):
        for label, coefficient in op.to_list():
            table.setdefault(label, np.zeros(len(observables)))[k] += complex(coefficient).real
    constants = table.pop("I" * n, np.zeros(len(observables)))
    if not table:
        return Grouping(np.zeros((1, 2 * n)), (np.zeros(1, np.uint64),), (np.zeros((1, len(observables))),), constants)
    groups = SparsePauliOp(list(table)).group_commuting(qubit_wise=True)
    return Grouping(
        np.array([_angles(member.paulis) for member in groups]),
        tuple(_supports(member.paulis) for member in groups),
        tuple(np.array([table[label] for label in member.paulis.to_labels()]) for member in groups),
        constants,
    )


def with_basis_change(circuit: QuantumCircuit) -> tuple[QuantumCircuit, tuple[Parameter, ...]]:
    """A copy of ``circuit`` that ends in a change of basis and measures every qubit.

    Returns:
        The circuit, and its 2n new parameters in the order of ``basis_angles``.
    """
    n = circuit.num_qubits
    taken = {parameter.name.split("[")[0] for parameter in circuit.parameters}
    name = "basis"
    while name in taken:
        name += "_"
    angles = ParameterVector(name, 2 * n)
    extended = QuantumCircuit(n, n + circuit.num_clbits)
    extended.compose(circuit, range(n), range(n, n + circuit.num_clbits), inplace=True)
    for q in range(n):
        extended.rz(angles[q], q)
        extended.ry(angles[n + q], q)
    extended.measure(range(n), range(n))
    return extended, tuple(angles)


def basis_angles(x: NDArray[np.bool_], y: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(..., 2n) angles for ``with_basis_change``; (..., n) masks say where the letter is X and where it is Y."""
    return -_QUARTER * np.concatenate([y, x | y], axis=-1).astype(np.float64)


def _angles(paulis: PauliList) -> NDArray[np.float64]:
    """(2n,) angles of the basis in which ``paulis`` are diagonal."""
    y = paulis.x & paulis.z
    return basis_angles(np.any(paulis.x, axis=0), np.any(y, axis=0))


def _supports(paulis: PauliList) -> NDArray[np.uint64]:
    bits = np.uint64(1) << np.arange(paulis.x.shape[1], dtype=np.uint64)
    return ((paulis.x | paulis.z) * bits).sum(axis=1, dtype=np.uint64)
