"""Error of one proximal step from x0 = 0 against eta: the published bound, the exact law, and right-hand sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.bench.table import Row
from experiments.qlsp.common import finish
from qalgs.linear.polynomials import evaluate, inverse_polynomial, kernel_suppression
from qalgs.linear.proximal import proximal_error, reduced_kappa
from qalgs.linear.qsvt import QSVT
from qalgs.linear.solver import state_distance
from qalgs.plot.common import LINES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
A step that divides the condition number by s is off by at most 2 sin(theta/2), sin(theta) = (s - 1)/(s + 1), whatever
kappa is, and one right-hand side attains it: 1.203, 0.922, 0.334, 0.0471 and 0.00493 at eta = 1, 10, 100, 1e3 and 1e4
for kappa = 100. That is half of the published bound, so half of its eta will do. Ordinary right-hand sides are off by
about half of the worst; those along the large eigenvalues by a tenth. The control is the plain polynomial of the degree
that the wrapped solver takes at accuracy 0.01: it is better than the wrapper wherever the target is finer than about
0.25."""


@dataclass(frozen=True)
class Config:
    """A geometric spectrum; everything but the polynomial is solved exactly."""

    kappa: float = 100.0
    dim: int = 16
    least_exponent: float = 0.0
    largest_exponent: float = 6.0
    points: int = 25
    """Values of eta, geometric."""
    accuracy: float = 0.01
    """Of the solver inside, for its degree."""
    seed: int = 0
    """Not used: nothing is random."""


PRESETS = {"smoke": Config(points=7), "paper": Config()}


def total(config: Config) -> int:
    """One row per eta."""
    return config.points


def compute(config: Config) -> Iterator[Row]:
    """Bounds and errors at every eta."""
    kappa, values = config.kappa, np.geomspace(1 / config.kappa, 1, config.dim)
    ones = np.ones(config.dim)
    for eta in np.geomspace(10**config.least_exponent, 10**config.largest_exponent, config.points):
        kappa_hat = reduced_kappa(kappa, eta)
        gain = eta * values / (1 + eta * values)
        worst = np.zeros(config.dim)
        worst[0], worst[-1] = np.sqrt(gain[-1]), np.sqrt(gain[0])
        x = ones / values
        x1 = gain * x
        degree = QSVT().estimate_queries(kappa_hat, config.accuracy).per_run
        yield {
            "eta": float(eta),
            "kappa_hat": kappa_hat,
            "published": float(np.linalg.norm(x) / (1 + eta / kappa) / np.sqrt(np.linalg.norm(x1) * np.linalg.norm(x))),
            "law": proximal_error(kappa, eta),
            "worst": state_distance(gain * worst, worst),
            "b_ones": state_distance(x1, x),
            "x_ones": state_distance(gain, ones),
            "b_soft": state_distance(gain * values, values),
            "degree": degree,
            "plain": _plain_error(degree, x, values),
        }


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Errors against eta and against the condition number that is left."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(11, 4), layout="constrained")
    against_eta, against_kappa = canvas.subplots(1, 2, sharey=True)
    curves = (
        ("published", "published bound, b = ones", "--"),
        ("law", "exact law", "-"),
        ("worst", "the b that attains it", "o"),
        ("b_ones", "b = ones", "-"),
        ("x_ones", "x = ones", "-"),
        ("b_soft", "b = λ²", "-"),
        ("plain", f"control: plain polynomial of that degree, b = ones (wrapped: {config.accuracy:g})", ":"),
    )
    for k, (key, label, style) in enumerate(curves):
        for ax, name in ((against_eta, "eta"), (against_kappa, "kappa_hat")):
            ax.plot(
                [row[name] for row in rows],
                [row[key] for row in rows],
                style,
                color=LINES[k],
                label=label,
                markersize=4,
            )
    against_eta.set(xlabel="η", ylabel="distance of the step from the solution")
    against_kappa.set(xlabel="κ̂")
    finish(against_eta, xscale="log")
    finish(against_kappa)
    return canvas


def _plain_error(degree: int, x: np.ndarray, values: np.ndarray) -> float:
    """Smallest error over all intervals [1/k, 1] of the plain inverse polynomial of ``degree``, for this b = A x."""
    errors = []
    for k in np.geomspace(1.05, 1 / values[0], 60):
        error = kernel_suppression(1 / k, (degree + 1) // 2)  # the accuracy that this degree has there
        if 1e-12 < error < 0.999:
            filtered = evaluate(inverse_polynomial(k, error * (1 + 1e-9), "relative"), values) * values * x
            errors.append(state_distance(filtered, x))
    return float(min(errors, default=np.nan))
