r"""Polynomials that invert: close to 1/x on [1/kappa, 1] and odd, so that they invert [-1, -1/kappa] too.

Axes: Chebyshev coefficients c with p(x) = sum_k c_k T_k(x), degree = len(c) - 1.

With a = 1/kappa, rho = (kappa - 1)/(kappa + 1), t = (2 x^2 - 1 - a^2)/(1 - a^2) and n terms, p = (1 - r(x^2))/x of
degree 2n - 1, where r is the smallest polynomial of its kind with r(0) = 1:

* "relative": min max |1 - x p|, r = T_n(t)/T_n(-(1 + a^2)/(1 - a^2)), the Chebyshev iteration. Error
  1/cosh(n ln(1/rho)), degree about kappa ln(2/eps): the right one for preparing a normalised state.
* "absolute": min max |1/x - p|, r = (-1)^n rho^n (1 + a)^2/(2a) [T_n(t) + rho T_{n-1}(t)]; error (kappa + 1) rho^n
  (Suenderhauf and others, arXiv 2507.15537).
* "cks": the truncated expansion of Childs, Kothari and Somma, SIAM J. Comput. 46, 1920 (2017), arXiv 1511.02306,
  Lemmas 17 to 19: 4 sum_j (-1)^j [tail of a binomial] T_{2j+1}; for comparison, 2.4 to 6 times the degree.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft as _untyped_fft
from scipy.special import gammaln

from qalgs.checks import argument, one_of, positive_int, real

Kind = Literal["relative", "absolute", "cks"]
Real = NDArray[np.float64]
fft: Any = _untyped_fft  # its stubs take no arrays

_LARGEST_DEGREE = 400_000


def inverse_polynomial(kappa: float, error: float, kind: Kind = "relative") -> Real:
    """(degree + 1,) Chebyshev coefficients of the odd polynomial of the lowest degree that reaches ``error``.

    Args:
        kappa: > 1; the polynomial is good on [1/kappa, 1].
        error: largest |1 - x p(x)| there for "relative", largest |1/x - p(x)| otherwise.
        kind: which polynomial.

    Raises:
        ValueError: an argument is out of range, or the degree would exceed 400 000.
    """
    one_of(kind, "kind", get_args(Kind))
    kappa, error = real(kappa, "kappa", low=1), real(error, "error", above=0)
    if kappa == 1 or (kind == "relative" and error >= 1):
        return np.array([0.0, 1.0])
    if kind == "cks":
        return _cks(kappa, error)
    n = _terms(kappa, error, kind)
    if 2 * n - 1 > _LARGEST_DEGREE:
        must = f"allow a degree of at most {_LARGEST_DEGREE}; lower `kappa` or raise it"
        raise ValueError(argument("error", must, f"it is {error:g} at kappa {kappa:g}: degree {2 * n - 1}"))
    # 2n Chebyshev points, none of them 0; the transform is exact because the degree is below their number.
    x = np.cos(np.pi * (np.arange(2 * n) + 0.5) / (2 * n))
    coefficients = fft.dct((1 - residual(x, kappa, n, kind)) / x, type=2) / (2 * n)
    coefficients[0::2] = 0
    return coefficients


def inverse_degree(kappa: float, error: float, kind: Kind = "relative") -> int:
    """Degree of ``inverse_polynomial`` by formula."""
    if kappa == 1 or (kind == "relative" and error >= 1):
        return 1
    if kind == "cks":
        return 2 * _cks_terms(kappa, error)[1] + 1
    return 2 * _terms(kappa, error, kind) - 1


def residual(x: ArrayLike, kappa: float, terms: int, kind: Kind) -> Real:
    """r(x^2) = 1 - x p(x) of the polynomials "relative" and "absolute", for |x| <= 1, safe from overflow."""
    a, n = 1 / kappa, positive_int(terms, "terms")
    rho = (1 - a) / (1 + a)
    steep = 2 * n * np.arctanh(a)  # n ln(1/rho)
    inside, angle, growth = _angles(x, a)
    if kind == "relative":
        scale = 2 * np.exp(-steep) / (1 + np.exp(-2 * steep))
        rising = np.exp(n * growth - steep) * (1 + np.exp(-2 * n * growth)) / (1 + np.exp(-2 * steep))
        return np.where(inside, scale * np.cos(n * angle), rising)
    size = (1 + a) ** 2 / (2 * a)
    waving = np.exp(-steep) * (np.cos(n * angle) - rho * np.cos((n - 1) * angle))
    rising = np.exp(n * growth - steep) + np.exp(-n * growth - steep)
    falling = np.exp((n - 1) * growth - steep) + np.exp(-(n - 1) * growth - steep)
    return size * np.where(inside, waving, 0.5 * (rising - rho * falling))


def kernel_polynomial(gap: float, terms: int) -> Real:
    """(2 terms + 1,) Chebyshev coefficients of the even polynomial with R(0) = 1 that is smallest on [gap, 1].

    R = T_l(-1 + 2 (x^2 - gap^2)/(1 - gap^2)) / T_l(-1 - 2 gap^2/(1 - gap^2)); Lin and Tong, Quantum 4, 361 (2020),
    arXiv 1910.14596, Lemma 2. There |R| <= ``kernel_suppression(gap, terms)``.
    """
    n = positive_int(terms, "terms")
    gap = real(gap, "gap", above=0, high=1)
    x = np.cos(np.pi * (np.arange(2 * n + 1) + 0.5) / (2 * n + 1))
    steep = 2 * n * np.arctanh(gap)
    inside, angle, growth = _angles(x, gap)
    scale = 2 * np.exp(-steep) / (1 + np.exp(-2 * steep))
    rising = np.exp(n * growth - steep) * (1 + np.exp(-2 * n * growth)) / (1 + np.exp(-2 * steep))
    value = np.where(inside, scale * np.cos(n * angle), rising)
    coefficients = fft.dct(value, type=2) / (2 * n + 1)
    coefficients[0] /= 2
    coefficients[1::2] = 0
    return coefficients


def kernel_suppression(gap: float, terms: int) -> float:
    """Largest |R| of ``kernel_polynomial`` on [gap, 1]."""
    steep = 2 * terms * np.arctanh(gap)
    return float(1 / np.cosh(min(steep, 700.0)))


def kernel_terms(gap: float, suppression: float) -> int:
    """Fewest terms with ``kernel_suppression`` at most ``suppression``."""
    return max(1, int(np.ceil(np.arccosh(max(1.0, 1 / suppression)) / (2 * np.arctanh(gap)))))


def _angles(x: ArrayLike, a: float) -> tuple[NDArray[np.bool_], Real, Real]:
    """Where |x| >= a, and u with T_n(t) = (-1)^n cos(n u) there and (-1)^n cosh(n u) elsewhere.

    t = (2 x^2 - 1 - a^2)/(1 - a^2). Half angles keep the digits that arccos and arccosh lose near t = -1.
    """
    height = (np.square(np.asarray(x, float)) - a * a) / (1 - a * a)
    inside = height >= 0
    angle = 2 * np.arcsin(np.sqrt(np.clip(height, 0, 1)))
    growth = 2 * np.arcsinh(np.sqrt(np.maximum(-height, 0)))
    return inside, angle, growth


def evaluate(coefficients: ArrayLike, x: ArrayLike) -> Real:
    """p(x) for |x| <= 1."""
    return np.asarray(np.polynomial.chebyshev.chebval(np.asarray(x, float), np.asarray(coefficients, float)), float)


def largest_value(coefficients: ArrayLike, *, grid: int = 32) -> float:
    """An upper bound on max |p| over [-1, 1], at most 0.13 % above it for ``grid`` 32.

    From m = grid * degree Chebyshev points: max |p| <= (their largest value) / cos(pi degree / (2 m)).
    """
    c = np.asarray(coefficients, float)
    degree = max(1, len(c) - 1)
    points = fft.next_fast_len(grid * degree)
    padded = np.zeros(points + 1)
    padded[: len(c)] = c
    padded[1:-1] /= 2
    values = fft.dct(padded, type=1)
    return float(np.abs(values).max() / np.cos(np.pi * degree / (2 * points)))


def _terms(kappa: float, error: float, kind: Kind) -> int:
    ratio = 2 * np.arctanh(1 / kappa)
    wanted = np.arccosh(1 / error) if kind == "relative" else np.log((kappa + 1) / error)
    return max(1, int(np.ceil(wanted / ratio)))


def _cks_terms(kappa: float, error: float) -> tuple[int, int]:
    b = int(np.ceil(kappa**2 * np.log(kappa / error)))
    return b, min(int(np.ceil(np.sqrt(b * np.log(4 * b / error)))), b - 1)


def _cks(kappa: float, error: float) -> Real:
    b, last = _cks_terms(kappa, error)
    i = np.arange(1, b + 1)
    log_binomial = gammaln(2 * b + 1) - gammaln(b + i + 1) - gammaln(b - i + 1) - 2 * b * np.log(2)
    tail = np.append(np.cumsum(np.exp(log_binomial)[::-1])[::-1], 0.0)
    j = np.arange(last + 1)
    coefficients = np.zeros(2 * last + 2)
    coefficients[1::2] = 4 * (-1.0) ** j * tail[j]
    return coefficients
