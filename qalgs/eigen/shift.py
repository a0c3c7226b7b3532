"""Bounds on a spectrum, and the shift c of M = c I - H that follows from them.

The shift enters the utility only through lambda_j = c - E_j and through c <psi_j|psi> - <psi_j|H|psi>, whose two parts
are measured apart: c is a number that may be changed at any time without running anything again.

Whoever seeks level E_r needs c > E_r: below it the best response is a copy of a parent. Far above it, lambda_1 =
c - E_1 is the stiffest curvature of the landscape and slows gradient steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from qiskit.quantum_info import SparsePauliOp
from scipy.sparse import csr_array
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from qalgs.checks import one_of
from qalgs_backends.pauli_sum import PauliSum
from qalgs_backends.program import check_observables

Bounding = Literal["auto", "norm1", "gershgorin", "lanczos"]

_DENSE, _WIDEST_LANCZOS = 6, 14
_LANCZOS_TOLERANCE = 1e-5
_THIN = 0.2
"""lambda_r below this part of lambda_1 is slow and inaccurate."""
_MARGIN = 0.5
_NOTHING = 1e-12


@dataclass(frozen=True)
class SpectralBounds:
    """An interval that holds every eigenvalue."""

    lower: float
    upper: float
    method: str
    """How it was found."""
    rigorous: bool
    """Whether it holds beyond doubt; Lanczos vectors may miss an eigenvalue that hardly overlaps with them."""


def spectral_bounds(operator: SparsePauliOp, method: Bounding = "auto") -> SpectralBounds:
    """Bounds on the eigenvalues of a Hermitian sum of Paulis.

    Args:
        operator: on n qubits.
        method: "norm1": the identity's coefficient plus and minus the sum of the others' moduli, at any n.
            "gershgorin": the circles of the sparse matrix. "lanczos": the ends of the spectrum by Lanczos iteration,
            widened by the residuals; the spectrum itself up to 6 qubits. "auto": Lanczos up to 14 qubits, else norm1.

    Raises:
        TypeError: ``operator`` is not a SparsePauliOp.
        ValueError: it is not Hermitian, or the method is not known.

    Example:
        >>> spectral_bounds(SparsePauliOp(["II", "ZZ", "XI"], [1.0, 0.5, 0.25]), "norm1")
        SpectralBounds(lower=0.25, upper=1.75, method='norm1', rigorous=True)
    """
    one_of(method, "method", ("auto", "norm1", "gershgorin", "lanczos"))
    n = int(getattr(operator, "num_qubits", 0) or 0)
    (operator,) = check_observables(operator, n)
    if method == "gershgorin":
        matrix = csr_array(operator.to_matrix(sparse=True))
        centre = matrix.diagonal().real
        radius = np.asarray(abs(matrix).sum(axis=1)).ravel() - abs(centre)
        return SpectralBounds(float((centre - radius).min()), float((centre + radius).max()), method, True)
    if method == "lanczos" or (method == "auto" and n <= _WIDEST_LANCZOS):
        ends = _ends(operator, n)
        if ends is not None:
            return SpectralBounds(*ends, "lanczos", n <= _DENSE)
    centre = mean_level(operator)
    radius = one_norm(operator) - abs(centre)
    return SpectralBounds(centre - radius, centre + radius, "norm1", True)


def mean_level(operator: SparsePauliOp) -> float:
    """Tr H / 2^n: the coefficient of the identity, and the mean of the spectrum."""
    identity = ~(operator.paulis.x | operator.paulis.z).any(axis=1)
    return float(np.real(np.asarray(operator.coeffs)[identity]).sum())


def one_norm(operator: SparsePauliOp) -> float:
    """Sum of the coefficients' moduli, that of the identity included."""
    return float(np.abs(np.asarray(operator.coeffs, complex)).sum())


def is_constant(operator: SparsePauliOp) -> bool:
    """Whether an operator is a multiple of the identity."""
    mean = abs(mean_level(operator))
    return one_norm(operator) - mean <= _NOTHING * max(1.0, mean)


@dataclass(frozen=True)
class ShiftRule:
    """When c is what.

    "auto" takes the mean of the spectrum where at most a quarter of all levels is sought, and otherwise, or once a
    player is seen to suffer, c = U + (U - E_1) / 2 with the upper bound U of the levels that may be sought, so that
    lambda_1 <= 3 lambda_r for any r.
    """

    fixed: float | None
    """A shift chosen by the user; None for "auto"."""
    mean: float
    bounds: SpectralBounds
    """Of the operator that is minimised, penalties and all."""
    upper: float
    """Of the levels that are sought."""
    many: bool
    """Whether more than a quarter of all levels is sought."""

    def shift(self, ground: float | None, *, raised: bool) -> float:
        """C, once E_1 is known or before; ``raised`` says that a player has suffered."""
        if self.fixed is not None:
            return self.fixed
        if self.many or raised or (ground is not None and ground >= self.mean):
            return self.safe(ground)
        return self.mean

    def safe(self, ground: float | None) -> float:
        """C above every level, with lambda_1 <= 3 lambda_r."""
        return self.upper + _MARGIN * (self.upper - (self.bounds.lower if ground is None else ground))

    def rate(self, player: int, ground: float | None, shift: float) -> float:
        """Step size of gradient descent: 1 / (2 lambda_1), but no more than the width of the spectrum allows.

        The first player's game has no shift in it unless one was chosen.
        """
        widest = 1 / (self.bounds.upper - self.bounds.lower)
        if player == 0 and self.fixed is None:
            return widest
        ground = self.bounds.lower if ground is None else ground
        return min(widest, 0.5 / max(shift - ground, 1e-12))


def is_thin(shift: float, ground: float, energy: float) -> bool:
    """Whether lambda_r is too small a part of lambda_1."""
    return shift - energy < _THIN * (shift - ground)


def _ends(operator: SparsePauliOp, n: int) -> tuple[float, float] | None:
    """Both ends of the spectrum, each moved outwards by its residual; None where Lanczos does not converge."""
    if n <= _DENSE:
        values = np.linalg.eigvalsh(operator.to_matrix())
        return float(values[0]), float(values[-1])
    apply, dim = PauliSum(operator).apply, 1 << n
    action: Any = LinearOperator
    matrix = action((dim, dim), matvec=lambda v: apply(v.reshape(1, -1).astype(complex))[0], dtype=complex)
    start, solve = np.random.default_rng(0).normal(size=dim).astype(complex), cast(Any, eigsh)
    try:
        pairs = [solve(matrix, 1, which=end, v0=start, tol=_LANCZOS_TOLERANCE) for end in ("SA", "LA")]
    except ArpackNoConvergence:
        return None
    (low, low_err), (high, high_err) = [(e[0], np.linalg.norm(matrix @ v[:, 0] - e[0] * v[:, 0])) for e, v in pairs]
    return float(low - low_err), float(high + high_err)
