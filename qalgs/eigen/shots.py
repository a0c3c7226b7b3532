"""What shots are spent on, and what their noise does to the Ritz values.

Axes: k states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import RngLike, argument, as_seed_sequence, finite_array, generator, one_of, positive_int, real

Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class ShotPolicy:
    """Shots per circuit, and how they are shared among the bases of one number.

    A tenth of the shots of the energies is enough for cross terms, of which only squares enter, and these are small
    near the solution: the levels of two-qubit H2 come out as accurate.
    """

    energy: int
    """For each basis of an energy; at least 2."""
    cross: int | None = None
    """For each basis of a cross term or overlap; None for a tenth of ``energy``."""
    matrix: int | None = None
    """For each basis of an entry of the Ritz matrices, among them the denominators of the utility; None for ten times
    ``energy``."""
    allocation: Literal["auto", "variance", "equal"] = "auto"
    """"equal": every basis gets the same, in one job. "variance": a pilot measures the spread in each basis, and the
    rest of the same total is shared in proportion, in a job per basis. "auto": the latter on this machine, the former
    where jobs wait in a queue."""
    pilot: float = 0.1
    """Share of the shots in the pilot, within (0, 1)."""

    def __post_init__(self) -> None:
        positive_int(self.energy, "energy", minimum=2)
        for name in ("cross", "matrix"):
            if (shots := getattr(self, name)) is not None:
                positive_int(shots, name, minimum=2)
        one_of(self.allocation, "allocation", ("auto", "variance", "equal"))
        real(self.pilot, "pilot", above=0.0)
        if self.pilot >= 1:
            raise ValueError(argument("pilot", "be less than 1", f"it is {self.pilot:g}"))

    @property
    def cross_shots(self) -> int:
        """Shots for each basis of a cross term."""
        return max(2, self.energy // 10) if self.cross is None else self.cross

    @property
    def matrix_shots(self) -> int:
        """Shots for each basis of an entry of the Ritz matrices."""
        return 10 * self.energy if self.matrix is None else self.matrix


def ritz_replicas(
    H: ArrayLike,
    S: ArrayLike,
    H_err: ArrayLike,
    S_err: ArrayLike,
    rng: RngLike,
    count: int,
    *,
    HS_cov: ArrayLike | None = None,
) -> tuple[Complex, Complex]:
    """Pairs of Ritz matrices as they might have been measured: the parametric bootstrap.

    Each entry on and above the diagonal gets independent normal noise. Where a matrix has an imaginary part its entries
    off the diagonal share their variance equally between both parts.

    Args:
        H: (k, k) <psi_i|H|psi_j>, Hermitian.
        S: (k, k) <psi_i|psi_j>, Hermitian.
        H_err: (k, k) standard errors of the entries of H, real and imaginary part together.
        S_err: (k, k) those of S.
        rng: seeds the noise.
        count: replicas wanted.
        HS_cov: (k, k) real covariances of the entries of H with those of S. Both come from the same shots, and the
            coefficient of the identity in H makes them go together; None for independent ones.

    Returns:
        (count, k, k) replicas of H and of S, Hermitian.

    Raises:
        ValueError: shapes differ, an error is negative, or a covariance is larger than the errors allow.

    Example:
        >>> import numpy as np
        >>> from qalgs.eigen.shots import ritz_replicas
        >>> H, S = ritz_replicas([[-1.0, 0], [0, 1]], np.eye(2), np.full((2, 2), 0.01), np.zeros((2, 2)), 1, 200)
        >>> bool(abs(np.linalg.eigvalsh(H)[:, 0].std() - 0.01) < 0.003)
        True
    """
    h: Complex = finite_array(H, "H", ndim=2, dtype=complex)
    s: Complex = finite_array(S, "S", ndim=2, dtype=complex)
    errors = finite_array(H_err, "H_err", ndim=2), finite_array(S_err, "S_err", ndim=2)
    covariance = np.zeros(h.shape) if HS_cov is None else finite_array(HS_cov, "HS_cov", ndim=2)
    count, k = positive_int(count, "count"), len(h)
    named = zip(("H", "S", "H_err", "S_err", "HS_cov"), (h, s, *errors, covariance), strict=True)
    for name, matrix in named:
        if matrix.shape != (k, k):
            raise ValueError(argument(name, f"have shape ({k}, {k})", f"its shape is {matrix.shape}"))
    for name, matrix in zip(("H_err", "S_err"), errors, strict=True):
        if (matrix < 0).any():
            raise ValueError(argument(name, "not be negative", f"an entry is {matrix.min():g}"))
    if (abs(covariance) > errors[0] * errors[1] * (1 + 1e-9) + 1e-300).any():
        raise ValueError(argument("HS_cov", "be at most the product of the two errors", "an entry is larger"))
    # Correlated pairs from independent ones: S = a x, H = b x + c y.
    slope = np.divide(covariance, errors[1], out=np.zeros((k, k)), where=errors[1] > 0)
    left = np.sqrt(np.maximum(errors[0] ** 2 - slope**2, 0))
    draw, shape = generator(as_seed_sequence(rng)), (count, k, k)
    complex_valued = bool(np.imag(h).any() or np.imag(s).any())
    x, y = (_hermitian(draw, shape, complex_valued) for _ in range(2))
    return h + slope * x + left * y, s + errors[1] * x


def _hermitian(rng: np.random.Generator, shape: tuple[int, int, int], complex_valued: bool) -> Complex:
    """Hermitian matrices whose entries have variance 1, real and imaginary part together."""
    upper: Complex = np.triu(rng.normal(size=shape), 1).astype(complex)
    if complex_valued:
        upper = np.sqrt(0.5) * (upper + 1j * np.triu(rng.normal(size=shape), 1))
    diagonal = np.eye(shape[1]) * rng.normal(size=shape)
    return upper + upper.conj().swapaxes(1, 2) + diagonal
