"""Linear systems with known condition numbers. Each is a pair (A, b) of dense arrays, A not scaled to norm 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import RngLike, argument, as_seed_sequence, generator, positive_int, real

System = tuple[NDArray[Any], NDArray[Any]]
"""(N, N) matrix and (N,) right-hand side."""


def random_spd_system(dim: int, kappa: float, rng: RngLike = None) -> System:
    """A real positive definite matrix with eigenvalues log-uniform in [1/kappa, 1], the ends taken, and a random b.

    Args:
        dim: N.
        kappa: condition number, at least 1; it is 1 where N is.
        rng: decides eigenvalues, eigenvectors (Haar) and b (normal).

    Raises:
        TypeError: a number is of the wrong type.
        ValueError: ``dim`` is below 1 or ``kappa`` below 1.

    Example:
        >>> A, b = random_spd_system(8, 50, rng=0)
        >>> round(float(np.linalg.cond(A)), 6), b.shape
        (50.0, (8,))
    """
    draw = generator(as_seed_sequence(rng))
    values, b = _spectrum(dim, kappa, draw), draw.normal(size=dim)
    return _with_spectrum(values, draw.normal(size=(dim, dim))), b


def random_hermitian_system(dim: int, kappa: float, rng: RngLike = None) -> System:
    """A complex Hermitian matrix with eigenvalues of both signs, their moduli as in ``random_spd_system``.

    Signs alternate from the largest modulus down, the largest one being positive.

    Args:
        dim: N.
        kappa: condition number, at least 1; it is 1 where N is.
        rng: decides eigenvalues, eigenvectors (Haar) and b (complex normal).

    Raises:
        TypeError: a number is of the wrong type.
        ValueError: ``dim`` is below 1 or ``kappa`` below 1.

    Example:
        >>> A, b = random_hermitian_system(4, 10, rng=0)
        >>> np.sign(np.linalg.eigvalsh(A)).astype(int).tolist()
        [-1, -1, 1, 1]
    """
    draw = generator(as_seed_sequence(rng))
    values = _spectrum(dim, kappa, draw)[::-1] * (-1.0) ** np.arange(dim)
    b = draw.normal(size=dim) + 1j * draw.normal(size=dim)
    return _with_spectrum(values, draw.normal(size=(dim, dim)) + 1j * draw.normal(size=(dim, dim))), b


def tridiagonal_system(dim: int, diagonal: float, neighbour: float) -> System:
    r"""The symmetric Toeplitz matrix with ``diagonal`` and ``neighbour`` beside it, and b of ones.

    Its eigenvalues are $a + 2 c \cos(k \pi / (N + 1))$, k = 1 .. N.

    Raises:
        TypeError: a number is of the wrong type.
        ValueError: ``dim`` is below 1, or a number is not finite.

    Example:
        >>> tridiagonal_system(3, 2, -1)[0].tolist()
        [[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 2.0]]
    """
    N = positive_int(dim, "dim")
    a, c = real(diagonal, "diagonal"), real(neighbour, "neighbour")
    return a * np.eye(N) + c * (np.eye(N, k=1) + np.eye(N, k=-1)), np.ones(N)


def poisson_system(points: int, *, dimensions: int = 1) -> System:
    r"""-Laplace(u) = 1 on the unit interval, square, ..., u = 0 on the border, by central differences.

    In one dimension $u = x(1 - x)/2$ exactly, at the points x = k/(points + 1). The condition number is
    $\cot^2(\pi h / 2)$, h = 1/(points + 1), in any dimension.

    Args:
        points: inner points along each axis.
        dimensions: axes; N = points**dimensions, at most 4096.

    Raises:
        TypeError: an argument is not an integer.
        ValueError: one is below 1, or there are too many points.

    Example:
        >>> A, b = poisson_system(3)
        >>> np.linalg.solve(A, b).round(12).tolist()
        [0.09375, 0.125, 0.09375]
    """
    n, axes = positive_int(points, "points"), positive_int(dimensions, "dimensions")
    if n**axes > _MOST:
        raise ValueError(argument("points", f"make at most {_MOST} unknowns", f"there are {n**axes}"))
    along = tridiagonal_system(n, 2, -1)[0] * (n + 1) ** 2
    A = along
    for _ in range(axes - 1):
        A = np.kron(A, np.eye(n)) + np.kron(np.eye(len(A)), along)
    return A, np.ones(len(A))


_MOST = 4096


def _spectrum(dim: int, kappa: float, draw: np.random.Generator) -> NDArray[np.float64]:
    """(N,) ascending values in [1/kappa, 1], both ends among them."""
    N, kappa = positive_int(dim, "dim"), real(kappa, "kappa", low=1)
    values = np.sort(kappa ** -draw.uniform(size=N))
    values[0], values[-1] = 1 / kappa, 1.0
    return values


def _with_spectrum(values: NDArray[np.float64], start: NDArray[Any]) -> NDArray[Any]:
    """The matrix with these eigenvalues and Haar eigenvectors, made from Gaussian entries."""
    Q, R = np.linalg.qr(start)
    Q = Q * (np.diag(R) / np.abs(np.diag(R)))
    A = (Q * values) @ Q.conj().T
    return (A + A.conj().T) / 2
