"""Warm starts that a classical method gives, and what is left to do: wrapped, by residual, or by the method itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import qalgs as qa
from experiments.bench.table import Row
from experiments.qlsp.common import Vector, columns, finish, geometric_system, solve
from qalgs.checks import generator
from qalgs.linear import QSVT, ProximalPoint, ResidualCorrection
from qalgs.linear.solver import state_distance
from qalgs.plot.common import LINES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
Gradient descent leaves its error in the small eigenvalues; conjugate gradients and a coarse grid leave less there. The
wrapper saves queries only from starts within about three eps of the solution: 181 to 989 instead of 1059 at kappa 200.
There correcting the residual takes 81 to 347, and the classical method itself finishes with 46 products with A or less
by gradient descent and 3 or less by conjugate gradients. A start helps where it comes in a form that is cheaper than
those products. The wrapper and the residual are told the true distance of the start."""


@dataclass(frozen=True)
class Config:
    """Gradient descent and conjugate gradients on a random system, coarse grids on Poisson's equation."""

    dim: int = 64
    kappa: float = 200.0
    descent_steps: tuple[int, ...] = (50, 200, 250, 300, 325, 350, 400)
    conjugate_steps: tuple[int, ...] = (5, 10, 15, 20, 24, 26, 28, 30)
    poisson_points: int = 31
    coarse_points: tuple[int, ...] = (3, 7, 15)
    eps: float = 1e-2
    seed: int = 0


PRESETS = {
    "smoke": Config(dim=16, kappa=50.0, descent_steps=(50, 200), conjugate_steps=(5, 10), coarse_points=(7,)),
    "paper": Config(),
}


def total(config: Config) -> int:
    """One row per start."""
    return len(config.descent_steps) + len(config.conjugate_steps) + len(config.coarse_points)


def compute(config: Config) -> Iterator[Row]:
    """Counts from every start."""
    rng = generator(np.random.SeedSequence(config.seed))
    A, b = geometric_system(config.dim, config.kappa, rng)
    alone = solve(A, b, QSVT(), config.eps).queries.per_run
    for name, method, numbers in (
        ("gradient descent", _descent, config.descent_steps),
        ("conjugate gradients", _conjugate, config.conjugate_steps),
    ):
        trace = method(A, b)
        iterates = [next(trace) for _ in range(max(numbers) + 1)]
        finished = _first_within(iterates, A, b, config.eps)
        for number in numbers:
            yield _row(config, A, b, iterates[number], alone) | {
                "start": name,
                "products": number,
                "products_to_finish": max(0, finished - number),
            }
    A, b = qa.problems.poisson_system(config.poisson_points)
    alone = solve(A, b, QSVT(), config.eps).queries.per_run
    for points in config.coarse_points:
        x0 = _interpolated(points, config.poisson_points)
        trace = _conjugate(A, b, x0)
        finished = _first_within([next(trace) for _ in range(config.poisson_points + 1)], A, b, config.eps)
        yield _row(config, A, b, x0, alone) | {
            "start": "coarse grid",
            "products": points,
            "products_to_finish": finished,
        }


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Queries, and products that would finish instead, against the distance of the start."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(13, 4), layout="constrained")
    names = ("gradient descent", "conjugate gradients", "coarse grid")
    for ax, name in zip(canvas.subplots(1, 3), names, strict=True):
        here = sorted((row for row in rows if row["start"] == name), key=lambda row: row["distance"])
        distance = [row["distance"] for row in here]
        for k, (key, label, style) in enumerate(
            (
                ("alone_queries", "QSVT alone", "-"),
                ("wrapped_queries", "wrapped", "o-"),
                ("residual_queries", "residual correction (control)", "s--"),
                ("products_to_finish", "products with A to finish (control)", "x:"),
            )
        ):
            if here:
                shown = np.maximum([row[key] for row in here], 0.8)
                ax.plot(distance, shown, style, color=LINES[k], label=label, markersize=4)
        if here:
            ax.axvline(config.eps, color="grey", linewidth=0.8, linestyle="--")
        ax.set(xlabel="|x₀ - x| / |x|", ylabel="queries a run, or products (0 drawn at 0.8)")
        ax.set_title(f"x₀ by {name}; dashed: ε", fontsize=9)
        finish(ax, xscale="log")
        ax.set_xlim(config.eps / 10, 1)
    return canvas


def _row(config: Config, A: NDArray[np.float64], b: Vector, x0: Vector, alone: int) -> Row:
    x = np.linalg.solve(A, b)
    distance = float(np.linalg.norm(x0 - x))
    wrapped = solve(A, b, ProximalPoint(distance=distance), config.eps, x0)
    residual = solve(A, b, ResidualCorrection(distance=distance), config.eps, x0)
    return {
        "distance": distance / float(np.linalg.norm(x)),
        "start_error": state_distance(x0, x),
        "alone_queries": alone,
        "wrapped": wrapped.wrapped,
        "kappa_hat": wrapped.kappa_hat,
        **columns("wrapped", wrapped),
        **columns("residual", residual),
    }


def _first_within(iterates: Sequence[Vector], A: NDArray[np.float64], b: Vector, eps: float) -> int:
    """Index of the first iterate whose state is within ``eps``; their number where there is none."""
    x = np.linalg.solve(A, b)
    within = (k for k, iterate in enumerate(iterates) if np.any(iterate) and state_distance(iterate, x) <= eps)
    return next(within, len(iterates))


def _descent(A: NDArray[np.float64], b: Vector) -> Iterator[Vector]:
    """Gradient descent with the best constant step 2 / (largest + smallest eigenvalue)."""
    values = np.linalg.eigvalsh(A)
    x = np.zeros_like(b)
    while True:
        yield x
        x = x + 2 / (values[0] + values[-1]) * (b - A @ x)


def _conjugate(A: NDArray[np.float64], b: Vector, x0: Vector | None = None) -> Iterator[Vector]:
    """Conjugate gradients; the last iterate again and again where the residual has vanished."""
    x = np.zeros_like(b) if x0 is None else x0
    r = b - A @ x
    direction, size = r, float(r @ r)
    while True:
        yield x
        if size < 1e-28 * float(b @ b):
            continue
        image = A @ direction
        step = size / float(direction @ image)
        x, r = x + step * direction, r - step * image
        size, before = float(r @ r), size
        direction = r + size / before * direction


def _interpolated(points: int, fine: int) -> Vector:
    """Poisson's solution on ``points`` points, linear between them, on the ``fine`` grid."""
    A, b = qa.problems.poisson_system(points)
    coarse = np.concatenate([[0.0], np.linalg.solve(A, b), [0.0]])
    grid = np.arange(1, fine + 1) / (fine + 1)
    return np.interp(grid, np.linspace(0, 1, points + 2), coarse)
