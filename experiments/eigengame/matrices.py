"""What the classical experiments share: matrices with known levels in a random basis, and how they are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import argument

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Levels = NDArray[np.float64]
"""(n,) falling, the first of them about 1."""

SPECTRA: dict[str, Callable[[int, np.random.Generator], Levels]] = {
    "1/i": lambda n, rng: 1 / np.arange(1, n + 1),
    "1/i^2": lambda n, rng: np.arange(1, n + 1.0) ** -2,
    "pareto(1)": lambda n, rng: _falling(rng.pareto(1, n) + 1),
    "power(3)": lambda n, rng: np.sort(rng.power(3, n))[::-1],
}
"""How the eigenvalues lie: fixed, with heavy tails (largest 1), or crowded at 1."""


def random_matrix(spectrum: str, n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], Levels]:
    """(n, n) symmetric positive matrix in a random orthogonal basis, and its eigenvalues, falling.

    Raises:
        ValueError: there is no such spectrum.
    """
    if spectrum not in SPECTRA:
        raise ValueError(argument("spectrum", f"be one of {', '.join(SPECTRA)}", f"it is {spectrum!r}"))
    levels = SPECTRA[spectrum](n, rng)
    basis, _ = np.linalg.qr(rng.normal(size=(n, n)))
    matrix: Any = (basis * levels) @ basis.T
    return (matrix + matrix.T) / 2, levels


def shades(number: int) -> list[tuple[float, float, float, float]]:
    """Colours of so many players, from dark to bright."""
    from matplotlib import colormaps

    return [tuple(colour) for colour in colormaps["viridis"](np.linspace(0, 0.92, number))]


def finish(*axes: Axes, **legend: Any) -> None:
    """A grid, and a legend where there is anything to name."""
    for ax in axes:
        ax.grid(alpha=0.25, which="both", linewidth=0.5)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, fontsize=7, **legend)


def _falling(values: Levels) -> Levels:
    return np.sort(values)[::-1] / values.max()
