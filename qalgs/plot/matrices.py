"""Density matrices as Hinton diagrams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import real
from qalgs.plot.common import (
    MINUS_I,
    NEGATIVE,
    PLUS_I,
    POSITIVE,
    STATES,
    States,
    as_matrix,
    chosen_states,
    new_axes,
    state_names,
    titled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PHASE_COLOURS = (NEGATIVE, MINUS_I, POSITIVE, PLUS_I, NEGATIVE)
"""At -pi, -pi/2, 0, pi/2 and pi."""


def density_matrix(
    rho: Any,
    *,
    states: States = STATES,
    scale: float | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Hinton diagram: a square of area |rho_ij|, coloured by the phase of rho_ij, for some of the basis states.

    Args:
        rho: (d, d) matrix, (d,) state vector, or a result with ``density_matrix()``.
        states: the basis states to show, or how many of the most populated ones.
        scale: the |rho_ij| whose square fills its cell, for pictures that are to be compared; None for the largest one.
        title: written above, with the share of the population that the shown states hold.
        ax: where to draw.

    Raises:
        ValueError: ``rho`` is not square, or a state is out of range.
    """
    matrix = as_matrix(rho)
    chosen = chosen_states(matrix, states)
    ax = new_axes(ax)
    block = matrix[np.ix_(chosen, chosen)]
    _squares(ax, block, max(float(np.abs(block).max()), 1e-12) if scale is None else real(scale, "scale", above=0))
    names = state_names(matrix, chosen)
    ax.set_xticks(range(len(chosen)), names, rotation=90, family="monospace", fontsize=7)
    ax.set_yticks(range(len(chosen)), names, family="monospace", fontsize=7)
    ax.set_title(titled(title, matrix, chosen), fontsize=9)
    return ax


def _squares(ax: Axes, block: NDArray[np.complexfloating], full: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import LinearSegmentedColormap, Normalize
    from matplotlib.patches import Rectangle

    sides = (0.94 * np.sqrt(np.minimum(np.abs(block) / full, 1))).tolist()
    patches = [
        Rectangle((j - side / 2, i - side / 2), side, side) for i, row in enumerate(sides) for j, side in enumerate(row)
    ]
    phases = Normalize(-np.pi, np.pi)
    cyclic = LinearSegmentedColormap.from_list("phase", _PHASE_COLOURS)
    colours = cyclic(phases(np.angle(block).reshape(-1)))
    ax.add_collection(PatchCollection(patches, facecolors=colours, edgecolors="none"))
    ax.set_facecolor("#f2f2f0")
    ax.set_xlim(-0.5, len(block) - 0.5)
    ax.set_ylim(len(block) - 0.5, -0.5)
    ax.set_aspect("equal")
    bar = ax.figure.colorbar(ScalarMappable(phases, cyclic), ax=ax, fraction=0.046, pad=0.03, ticks=[-np.pi, 0, np.pi])
    bar.ax.set_yticklabels(["−π", "0", "π"])
    bar.set_label(f"phase; a full square is |ρ| = {full:.3f}", fontsize=7)
