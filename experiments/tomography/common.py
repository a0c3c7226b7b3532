"""What the tomography experiments share: data with an exact number of labels, errors, and how they are read off.

Axes: d = 2**n, m labels, r rank; factors are (d, r) and rho = U U^dagger.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qalgs.problems import StateVector
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.measuring.plan import random_settings
from qalgs.tomo.methods.local_sfgd import LocalSFGD
from qalgs.tomo.operators import Bases
from qalgs.tomo.operators.allpauli import Factor
from qalgs.tomo.operators.masks import expectations

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curve = NDArray[np.float64]
"""(rounds + 1,): a quantity at the start and after every round."""

LINES = ("#1f3b5c", "#2a7f9e", "#2a9d5c", "#d99a1c", "#c0392b", "#7d3c98")
"""Line colours, in the order of the curves."""


def measured_labels(psi: StateVector, number: int, shots: int | None, rng: np.random.Generator) -> PauliData:
    """Exactly ``number`` of the 4**n labels, drawn uniformly without replacement, each measured ``shots`` times."""
    dim = len(psi)
    chosen = rng.choice(dim * dim, size=number, replace=False)
    x, z = chosen // dim, chosen % dim
    values = np.clip(expectations(x, z, psi[:, None]), -1, 1)
    n = dim.bit_length() - 1
    if shots is None:
        return PauliData(n, x, z, values)
    sampled = 2 * rng.binomial(shots, (1 + values) / 2) / shots - 1
    return PauliData(n, x, z, sampled, np.full(number, float(shots)))


def measured_settings(psi: StateVector, number: int, shots: int, rng: np.random.Generator) -> CountsData:
    """Counts of ``number`` random settings, drawn from the exact probabilities."""
    settings = random_settings(len(psi).bit_length() - 1, number, rng)
    p = Bases(settings).probabilities(psi[:, None])
    return CountsData(settings, rng.multinomial(shots, p / p.sum(axis=1, keepdims=True)))


def squared_error(U: Factor, psi: StateVector) -> float:
    """||U U^dagger - psi psi^dagger||_F**2, without a d x d matrix."""
    return float(np.linalg.norm(U.conj().T @ U) ** 2 + 1 - 2 * np.linalg.norm(psi.conj() @ U) ** 2)


def infidelity(U: Factor, psi: StateVector) -> float:
    """1 - <psi| rho |psi> / Tr rho."""
    return float(1 - np.linalg.norm(psi.conj() @ U) ** 2 / np.linalg.norm(U) ** 2)


def squared_distance(U: Factor, V: Factor) -> float:
    """D(U, V)**2 = min over unitary R of ||U - V R||_F**2."""
    overlap = np.linalg.svd(U.conj().T @ V, compute_uv=False).sum()
    return float(np.linalg.norm(U) ** 2 + np.linalg.norm(V) ** 2 - 2 * overlap)


def factors(
    method: LocalSFGD, data: PauliData | CountsData, start: Factor, seed: np.random.SeedSequence
) -> Iterator[Factor]:
    """``start``, and the average of the machines after every round."""
    yield start
    for step in method.iterate(data, start.shape[1], seed=seed, start=start):
        yield step.state.factor


def first_below(curve: Curve, level: float) -> int | None:
    """The first round at which the curve is at most ``level``; None when it never is."""
    below = np.flatnonzero(curve <= level)
    return int(below[0]) if len(below) else None


def plateau(curve: Curve, share: float = 0.2) -> float:
    """The mean over the last ``share`` of the rounds."""
    return float(curve[-max(1, int(share * len(curve))) :].mean())


def finish(ax: Axes, *, xscale: str = "linear", level: float | None = None) -> None:
    """A logarithmic y axis with grid, legend and a dashed ``level``; a panel whose rows are missing is hidden."""
    heights = np.concatenate([np.zeros(0), *(np.asarray(line.get_ydata(), float) for line in ax.lines)])
    if not np.isfinite(heights).any():
        ax.set_visible(False)
        return
    if level is not None:
        ax.axhline(level, color="grey", linewidth=0.8, linestyle="--")
    ax.set(xscale=xscale, yscale="log")
    ax.grid(alpha=0.25, which="both", linewidth=0.5)
    ax.legend(frameon=False, fontsize=8)
