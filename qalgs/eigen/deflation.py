r"""What a player pays for looking like its parents, as one linear form that every estimator can differentiate.

Axes: q parents of one player. H is the problem's operator with the lowest levels wanted, M = c I - H with the shift c.

A player minimises loss = E + P, with E = <psi|H|psi> and P the penalty; the utility of the paper is u = c <psi|psi> -
loss. Whatever the penalty, a small change of the state changes it by

    dP = 2 Re sum_j ( conj(on_state_j) d<psi_j|psi> + conj(on_image_j) d<psi_j|H|psi> ),

so an exact engine runs one adjoint pass with the co-state H psi + sum_j (on_state_j psi_j + on_image_j H psi_j), and an
estimator with shots combines measured derivatives of the cross terms with the same numbers.

Sources: arXiv 2503.13644, Eq. for the utility; VQD: arXiv 1805.08138.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import argument, real

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]

_ILL_CONDITIONED = 1e8


@dataclass(frozen=True, eq=False)
class Parents:
    """What a player knows of the players before it; never changes while the player moves."""

    params: tuple[Real, ...]
    """q parameter vectors, each (p,)."""
    players: tuple[int, ...]
    """q indices of the players, which say which circuit each vector belongs to."""
    H: Complex
    """(q, q) <psi_i|H|psi_j>, Hermitian; the diagonal are the parents' energies."""
    S: Complex
    """(q, q) <psi_i|psi_j>, Hermitian, ones on the diagonal."""

    def __len__(self) -> int:
        return len(self.params)

    def metric(self, shift: float) -> Complex:
        """(q, q) G = <psi_i|M|psi_j>."""
        return shift * self.S - self.H


@dataclass(frozen=True, eq=False)
class Cross:
    """A player's cross terms with its q parents, as measured. The variances are 0 where the numbers are exact."""

    h: Complex
    """(q,) <psi_j|H|psi>; NaN from an estimator that measures overlaps only."""
    s: Complex
    """(q,) <psi_j|psi>; the modulus from an estimator that measures fidelities."""
    h_var: Real
    """(q,) variance of h, real and imaginary part together."""
    s_var: Real
    """(q,) variance of s."""
    hs_cov: Real
    """(q,) real part of the covariance of h and s."""

    @classmethod
    def exact(cls, h: Complex, s: Complex) -> Cross:
        """Cross terms without errors."""
        zero = np.zeros(len(h))
        return cls(h, s, zero, zero, zero)

    def shifted(self, shift: float) -> tuple[Complex, Real]:
        """(q,) c_j = <psi_j|M|psi> = shift s_j - h_j, and its variance."""
        variance = shift**2 * self.s_var + self.h_var - 2 * shift * self.hs_cov
        return shift * self.s - self.h, np.maximum(variance, 0)


@dataclass(frozen=True, eq=False)
class Penalty:
    """A penalty's value, free of the bias that squaring noise brings, and its linear form."""

    value: float
    on_state: Complex
    """(q,)."""
    on_image: Complex
    """(q,)."""


class Deflation(Protocol):
    """A rule for the penalty."""

    needs: ClassVar[Literal["cross", "overlap"]]
    """Whether it reads h and s, or the overlaps s alone. An overlap rule has ``weights`` w_j too, and then
    dP = sum_j w_j d|s_j|^2."""

    def penalty(self, cross: Cross, parents: Parents, shift: float) -> Penalty:
        """The penalty at the measured cross terms."""
        ...


class OverlapDeflation(Protocol):
    """A rule whose penalty is sum_j w_j |<psi_j|psi>|^2."""

    def weights(self, parents: Parents, shift: float) -> Real:
        """(q,) w_j."""
        ...


@dataclass(frozen=True)
class SumDeflation:
    """The paper's utility: P = sum_j |c_j|^2 / lambda_j, with lambda_j = <psi_j|M|psi_j>."""

    needs: ClassVar[Literal["cross", "overlap"]] = "cross"

    def penalty(self, cross: Cross, parents: Parents, shift: float) -> Penalty:
        """As in the class."""
        c, variance = cross.shifted(shift)
        scale = np.diag(parents.metric(shift)).real
        pulled = c / scale
        value = float(np.sum((np.abs(c) ** 2 - variance) / scale))
        return Penalty(value, shift * pulled, -pulled)


@dataclass(frozen=True)
class SchurDeflation:
    """P = c^dagger G^-1 c, the exact Schur complement, also for parents that are not orthogonal in M.

    Where G is singular to working precision its near-null directions are left out.
    """

    needs: ClassVar[Literal["cross", "overlap"]] = "cross"

    def penalty(self, cross: Cross, parents: Parents, shift: float) -> Penalty:
        """As in the class."""
        c, variance = cross.shifted(shift)
        inverse = np.linalg.pinv(parents.metric(shift), rcond=1 / _ILL_CONDITIONED, hermitian=True)
        pulled = inverse @ c
        value = float(np.vdot(c, pulled).real - np.diag(inverse).real @ variance)
        return Penalty(value, shift * pulled, -pulled)


@dataclass(frozen=True)
class MuDeflation:
    """The update of EigenGame-mu: direction M psi - sum_j c_j psi_j, without denominators (arXiv 2102.04152).

    It is no gradient of any function; the value is that of the utility with lambda_j = 1, for the record only.
    """

    needs: ClassVar[Literal["cross", "overlap"]] = "cross"

    def penalty(self, cross: Cross, parents: Parents, shift: float) -> Penalty:
        """As in the class."""
        del parents
        c, variance = cross.shifted(shift)
        return Penalty(float(np.sum(np.abs(c) ** 2 - variance)), c, np.zeros_like(c))


@dataclass(frozen=True)
class VQDDeflation:
    """P = sum_j beta_j |<psi_j|psi>|^2 with fixed weights (arXiv 1805.08138)."""

    beta: float | tuple[float, ...]
    """One weight, or one per parent; each > 0 and larger than the gap to the level sought."""
    needs: ClassVar[Literal["cross", "overlap"]] = "overlap"

    def __post_init__(self) -> None:
        for value in np.atleast_1d(self.beta):
            real(float(value), "beta", above=0)

    def weights(self, parents: Parents, shift: float) -> Real:
        """(q,) beta_j."""
        del shift
        if np.ndim(self.beta) == 0:
            return np.full(len(parents), self.beta, float)
        beta = np.asarray(self.beta, float)
        if len(beta) < len(parents):
            raise ValueError(
                argument("beta", f"have one weight for each of {len(parents)} parents", f"has {len(beta)}")
            )
        return beta[: len(parents)]

    def penalty(self, cross: Cross, parents: Parents, shift: float) -> Penalty:
        """As in the class."""
        return overlap_penalty(self.weights(parents, shift), cross)


@dataclass(frozen=True)
class SelfWeightedDeflation:
    """P = sum_j lambda_j |<psi_j|psi>|^2: the utility with overlaps in place of cross terms; VQD that tunes itself."""

    needs: ClassVar[Literal["cross", "overlap"]] = "overlap"

    def weights(self, parents: Parents, shift: float) -> Real:
        """(q,) lambda_j = <psi_j|M|psi_j>."""
        return np.diag(parents.metric(shift)).real

    def penalty(self, cross: Cross, parents: Parents, shift: float) -> Penalty:
        """As in the class."""
        return overlap_penalty(self.weights(parents, shift), cross)


def overlap_penalty(weights: Real, cross: Cross) -> Penalty:
    """sum_j w_j |s_j|^2."""
    value = float(weights @ (np.abs(cross.s) ** 2 - cross.s_var))
    return Penalty(value, weights * cross.s, np.zeros_like(cross.s))
