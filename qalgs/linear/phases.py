r"""Phase factors of quantum signal processing for a real polynomial of definite parity.

Axes: degree d, phases phi_0 .. phi_d.

Convention: U(x) = e^{i phi_0 Z} prod_j W(x) e^{i phi_j Z} with W(x) = e^{i arccos(x) X}, symmetric phases, and
f(x) = Im <0|U(x)|0>.

On the unit circle f's Chebyshev coefficients are a Laurent polynomial i beta(z). Weiss' algorithm completes it: with
R = log(1 - |beta|^2)/2 on N points, exp of R's analytic half is the partner a*(z), free of zeros in the disc. Layer
stripping then reads tan(phi_j) = beta_0/a_0 and removes one layer; half of the layers are enough, the phases being
symmetric. Above a few hundred layers halves are stripped recursively and applied to the rest by FFT: O(d log^2 d). The
method is that of nonlinear Fourier analysis (Alexis and others, arXiv 2407.05634; Ni and Ying, arXiv 2410.06409).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft as _untyped_fft

from qalgs.checks import argument, finite_array
from qalgs.linear.polynomials import evaluate, largest_value

Real = NDArray[np.float64]
fft: Any = _untyped_fft  # its stubs take no arrays

_BASE = 256
"""Layers stripped one by one."""
_TOLERANCE = 1e-12
_LARGEST_TRANSFORM = 1 << 25
_CHECKED = 64


def phase_factors(coefficients: ArrayLike) -> Real:
    """(d + 1,) symmetric phases of the polynomial, whose response is f to 1e-12 at 64 points.

    Args:
        coefficients: (d + 1,) Chebyshev coefficients of f, all odd or all even ones 0, |f| < 1 on [-1, 1].

    Raises:
        ValueError: f has no parity, or its modulus reaches 1.
        ArithmeticError: rounding keeps the response from being exact to 1e-12; f comes too close to 1.
    """
    c = finite_array(coefficients, "coefficients", ndim=1)
    degree = len(c) - 1
    if degree < 1 or c[degree] == 0:
        raise ValueError(
            argument("coefficients", "have degree 1 or more", f"the degree is {len(np.trim_zeros(c, 'b')) - 1}")
        )
    if np.any(c[(degree + 1) % 2 :: 2] != 0):
        raise ValueError(argument("coefficients", "be all odd or all even", "both kinds are there"))
    peak = next((bound for grid in (32, 256, 2048) if (bound := largest_value(c, grid=grid)) < 1), 1.0)
    if peak >= 1:
        raise ValueError(
            argument("coefficients", "keep |f| below 1 on [-1, 1]", "it reaches 1 or comes too close; scale them down")
        )
    oversampling = max(32, int(np.ceil(4.2 / np.sqrt(1 - peak))))
    x = np.cos(np.pi * (np.arange(_CHECKED) + 0.5) / (2 * _CHECKED))
    wanted = evaluate(c, x)
    error = np.inf
    while oversampling * (degree + 1) <= _LARGEST_TRANSFORM or error == np.inf:
        phases = _phases(c, oversampling)
        error = float(np.abs(response(phases, x).imag - wanted).max())
        if error < _TOLERANCE * max(1.0, degree / 1e4):
            return phases
        oversampling *= 2
    raise ArithmeticError(
        f"The phases reproduce the polynomial only to {error:.1e}: scale it down, |f| reaches {peak:.6g}."
    )


def response(phases: ArrayLike, x: ArrayLike) -> NDArray[np.complex128]:
    """<0|U(x)|0> at every x."""
    points = np.asarray(x, float)
    sine = 1j * np.sqrt(1 - points * points)
    turns = np.exp(1j * np.asarray(phases, float))
    top = np.full(points.shape, turns[0], complex)
    low = np.zeros(points.shape, complex)
    for turn in turns[1:]:
        top, low = (top * points + low * sine) * turn, (top * sine + low * points) * np.conj(turn)
    return top


def _phases(c: Real, oversampling: int) -> Real:
    degree = len(c) - 1
    beta, partner = _complete(c, oversampling)
    half = degree // 2 + 1
    tangents, _ = _strip(beta, partner, half, False)
    phases = np.arctan(tangents)
    mirrored = phases[::-1] if degree % 2 else phases[:-1][::-1]
    return np.concatenate([phases, mirrored])


def _complete(c: Real, oversampling: int) -> tuple[Real, Real]:
    """beta_k = c_|2k-d| / 2 (c_0 in the centre), and the coefficients of a*."""
    degree = len(c) - 1
    index = np.abs(2 * np.arange(degree + 1) - degree)
    beta = c[index] * np.where(index == 0, 1.0, 0.5)
    points = fft.next_fast_len(oversampling * (degree + 1), real=True)
    points += points % 2
    modulus = np.abs(fft.rfft(beta, points))
    log = fft.irfft(0.5 * np.log1p(-np.square(modulus)), points)
    log[1 : points // 2] *= 2
    log[points // 2 + 1 :] = 0
    partner = fft.irfft(np.exp(fft.rfft(log)), points)[: degree + 1]
    return beta, partner


def _strip(beta: Real, partner: Real, layers: int, matrix_wanted: bool) -> tuple[Real, Real | None]:
    """(layers,) tangents of the phases, and the (2, 2, layers + 1) polynomial matrix that removes the layers."""
    if layers <= _BASE:
        tangents = _strip_one_by_one(beta[:layers].copy(), partner[:layers].copy(), layers)
        return tangents, _layer_matrix(tangents) if matrix_wanted else None
    first = layers // 2
    second = layers - first
    t1, T1 = _strip(beta, partner, first, True)
    assert T1 is not None
    length = fft.next_fast_len(2 * first + 1 + second, real=True)
    fb, fa = fft.rfft(beta[:layers], length), fft.rfft(partner[:layers], length)
    ft = fft.rfft(T1[:, :, ::-1], length, axis=-1)
    rest = slice(first, first + second)
    beta2 = fft.irfft(ft[0, 0] * fb + ft[0, 1] * fa, length)[rest]
    partner2 = fft.irfft(ft[1, 0] * fb + ft[1, 1] * fa, length)[rest]
    t2, T2 = _strip(beta2, partner2, second, matrix_wanted)
    product = None
    if matrix_wanted:
        assert T2 is not None
        length = fft.next_fast_len(layers + 1, real=True)
        f1, f2 = fft.rfft(T1, length, axis=-1), fft.rfft(T2, length, axis=-1)
        product = fft.irfft(np.einsum("ijk,jlk->ilk", f2, f1), length, axis=-1)[:, :, : layers + 1]
    return np.concatenate([t1, t2]), product


def _strip_one_by_one(beta: Real, partner: Real, layers: int) -> Real:
    tangents = np.empty(layers)
    for j in range(layers):
        t = tangents[j] = beta[0] / partner[0]
        size = 1 / np.sqrt(1 + t * t)
        beta, partner = ((beta - t * partner) * size)[1:], ((partner + t * beta) * size)[:-1]
    return tangents


def _layer_matrix(tangents: Real) -> Real:
    """Product over layers of [[w, -t w], [t, 1]] / sqrt(1 + t^2), as (2, 2, m + 1) coefficients of powers of w."""
    out = np.zeros((2, 2, len(tangents) + 1))
    out[0, 0, 0] = out[1, 1, 0] = 1
    for j, t in enumerate(tangents):
        size = 1 / np.sqrt(1 + t * t)
        top = (out[0, :, : j + 1] - t * out[1, :, : j + 1]) * size
        low = (t * out[0, :, : j + 1] + out[1, :, : j + 1]) * size
        out[0, :, 1 : j + 2], out[0, :, 0] = top, 0
        out[1, :, : j + 1] = low
    return out
