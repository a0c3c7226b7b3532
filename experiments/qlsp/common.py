"""What the linear-system experiments share: systems, starts at a given distance, and runs with their counted queries.

Axes: N unknowns; x is the true solution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import qalgs as qa
from experiments.bench.table import Row
from qalgs.linear.methods import Method
from qalgs.linear.result import LinearResult
from qalgs.linear.solver import Solver

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Vector = NDArray[np.float64]


def geometric_system(dim: int, kappa: float, rng: np.random.Generator) -> tuple[NDArray[np.float64], Vector]:
    """A positive definite matrix with eigenvalues geometric in [1/kappa, 1], and a normal b of norm 1."""
    Q = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    A, b = (Q * np.geomspace(1 / kappa, 1, dim)) @ Q.T, rng.normal(size=dim)
    return (A + A.T) / 2, b / np.linalg.norm(b)


def start_at(A: NDArray[Any], x: NDArray[Any], distance: float) -> Vector:
    """A start whose error is A's softest eigenvector, as far as it is across x: the hardest for a proximal step."""
    u = np.linalg.eigh(A)[1][:, 0]
    u = u - x * (u @ x) / (x @ x)
    return x + distance * u / np.linalg.norm(u)


def solve(A: Any, b: Any, method: Solver | Method, eps: float, x0: Vector | None = None) -> LinearResult:
    """One run by arithmetic, compared with elimination."""
    return qa.linear_solve(A, b, method=method, eps=eps, x0=x0, engine="numpy", verify=True)


def columns(name: str, result: LinearResult) -> Row:
    """What is reported of one run, under its name."""
    return {
        f"{name}_queries": result.queries.per_run,
        f"{name}_error": result.error,
        f"{name}_success": result.success_probability,
    }


def finish(ax: Axes, *, xscale: str = "linear", yscale: str = "log", headroom: float = 0.0) -> None:
    """Scales, grid and legend, with that share of a logarithmic y axis left free; a panel without data is hidden."""
    if not (ax.lines or ax.patches or ax.collections):
        ax.set_visible(False)
        return
    if xscale != "linear":  # setting a scale resets the ticks
        ax.set_xscale(xscale)
    ax.set_yscale(yscale)
    if headroom:
        low, high = ax.get_ylim()
        ax.set_ylim(low, high * (high / low) ** headroom)
    ax.grid(alpha=0.25, which="both", linewidth=0.5)
    ax.set_axisbelow(True)
    ax.legend(frameon=False, fontsize=8)
