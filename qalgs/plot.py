"""Pictures of results. Every function takes ``ax=None``, draws on it or on a new Axes, and returns it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import argument, finite_array, positive_int, real
from qalgs.run import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELS = {
    "infidelity": "infidelity to the target",
    "loss": "loss",
    "value": "objective",
}
_HINTON_STATES = 8
_INK = "#1f3b5c"
_PHASE_COLOURS = ("#c0392b", "#d99a1c", "#1f4e9e", "#2a9d5c", "#c0392b")
"""At -pi, -pi/2, 0, pi/2 and pi: positive entries are blue, negative ones red."""


class HasHistory(Protocol):
    """Any result of a run."""

    @property
    def history(self) -> History:
        """Columns over the steps."""
        ...


def convergence(
    result: HasHistory,
    *,
    metric: str | None = None,
    label: str | None = None,
    xlabel: str = "step",
    ax: Axes | None = None,
) -> Axes:
    """One metric of a result's history over its steps, with its standard error as a band where there is one.

    Args:
        result: anything with a ``history``.
        metric: a column of the history; None for infidelity, value or loss, whichever comes first.
        label: name of the line in the legend.
        xlabel: what a step is.
        ax: where to draw.

    Raises:
        ValueError: the history has no such metric.
    """
    history = result.history
    if metric is None:
        metric = next((name for name in _LABELS if name in history), "step")
    if metric not in history:
        listed = ", ".join(repr(name) for name in history)
        raise ValueError(argument("metric", f"be one of {listed}", f"it is {metric!r}"))
    ax = _axes(ax)
    x, y = history["step"], history[metric]
    (line,) = ax.plot(x, y, marker="o", markersize=3, linewidth=1.5, label=label, color=None if label else _INK)
    err = history.get(f"{metric}_err")
    if err is not None:
        ax.fill_between(x, y - err, y + err, color=line.get_color(), alpha=0.2, linewidth=0)
    if metric == "infidelity" and (y > 0).all():
        ax.set_yscale("log")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(_LABELS.get(metric, metric.replace("_", " ")))
    ax.grid(alpha=0.25, which="both", linewidth=0.5)
    if label is not None:
        ax.legend(frameon=False)
    return ax


def density_matrix(
    rho: Any,
    *,
    states: int | Sequence[int] | NDArray[np.intp] = _HINTON_STATES,
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
    chosen = populated(matrix, states) if isinstance(states, int) else np.asarray(states, int)
    if len(chosen) == 0 or chosen.min() < 0 or chosen.max() >= len(matrix):
        raise ValueError(argument("states", f"lie in 0..{len(matrix) - 1}", f"they are {chosen.tolist()}"))
    ax = _axes(ax)
    block = matrix[np.ix_(chosen, chosen)]
    _squares(ax, block, max(float(np.abs(block).max()), 1e-12) if scale is None else real(scale, "scale", above=0))
    bits = max(1, (len(matrix) - 1).bit_length())
    names = [format(state, f"0{bits}b") for state in chosen]
    ax.set_xticks(range(len(chosen)), names, rotation=90, family="monospace", fontsize=7)
    ax.set_yticks(range(len(chosen)), names, family="monospace", fontsize=7)
    share = float(np.trace(block).real)
    shown = (
        "" if len(chosen) == len(matrix) else f"\n{len(chosen)} of {len(matrix)} states, {share:.1%} of the population"
    )
    ax.set_title(f"{title or ''}{shown}".strip(), fontsize=9)
    return ax


def populated(rho: Any, number: int) -> NDArray[np.intp]:
    """The ``number`` most populated basis states of ``rho``, in increasing order."""
    matrix = as_matrix(rho)
    number = positive_int(number, "number")
    return np.sort(np.argsort(-np.diag(matrix).real, kind="stable")[:number])


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


def as_matrix(rho: Any) -> NDArray[np.complexfloating]:
    """The (d, d) matrix of a matrix, a state vector, or anything with ``density_matrix()`` or ``data``.

    Raises:
        ValueError: it is not square.
    """
    plain: ArrayLike = rho.density_matrix() if hasattr(rho, "density_matrix") else getattr(rho, "data", rho)
    array = finite_array(plain, "rho", dtype=complex)
    if array.ndim == 1:
        array = np.outer(array, array.conj())
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ValueError(argument("rho", "be a square matrix or a vector", f"its shape is {array.shape}"))
    return array


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(5, 4), layout="constrained")[1]
