"""Energy levels as lines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import argument, finite_array
from qalgs.plot.common import INK, NEGATIVE, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HALF, _SPREAD = 0.36, 0.12
_DEGENERATE = 1e-6
"""Levels of this relative distance are drawn side by side."""


class HasLevels(Protocol):
    """Any result with levels, such as ``EigenResult``."""

    @property
    def eigenvalues(self) -> NDArray[Any]:
        """(k,)."""
        ...

    @property
    def eigenvalues_err(self) -> NDArray[Any]:
        """(k,) standard errors."""
        ...


def levels(
    result: HasLevels | Sequence[HasLevels],
    *,
    exact: ArrayLike | None = None,
    label: str | Sequence[str] | None = None,
    unit: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A level diagram: one column of lines per result, with error bars, and the exact levels across them.

    Degenerate levels are split into as many parts as there are of them.

    Args:
        result: anything with ``eigenvalues`` and ``eigenvalues_err``, or several of them.
        exact: known levels, drawn as thin lines across all columns.
        label: name of the column; one for each of several results.
        unit: of the energies, for the axis.
        ax: where to draw.

    Raises:
        ValueError: there are no results, not as many labels as results, or ``exact`` is no list of finite numbers.
    """
    results = list(result) if isinstance(result, Sequence) else [result]
    names = [label] if label is None or isinstance(label, str) else list(label)
    names = names * len(results) if names == [None] else names
    if not results:
        raise ValueError(argument("result", "hold at least one result", "it is empty"))
    if len(names) != len(results):
        raise ValueError(argument("label", f"name {len(results)} results", f"there are {len(names)} labels"))
    known = np.zeros(0) if exact is None else finite_array(exact, "exact", ndim=1)
    ax = new_axes(ax)
    for value in known:
        ax.axhline(value, color=NEGATIVE, linewidth=0.8, linestyle="--", zorder=1)
    for column, each in enumerate(results):
        _column(ax, column, np.asarray(each.eigenvalues, float), np.asarray(each.eigenvalues_err, float))
    ax.set_xlim(-0.7, len(results) - 0.3)
    ax.set_xticks(range(len(results)), [name or "" for name in names])
    ax.set_ylabel(f"energy ({unit})" if unit else "energy")
    ax.grid(alpha=0.25, axis="y", linewidth=0.5)
    return ax


def _column(ax: Axes, column: int, values: NDArray[Any], errors: NDArray[Any]) -> None:
    order = np.argsort(values)
    values, errors = values[order], errors[order]
    kept = np.isfinite(values)
    values, errors = values[kept], errors[kept]
    if not len(values):
        return
    near = _DEGENERATE * max(1.0, float(np.ptp(values)))
    cuts = [0, *(i for i in range(1, len(values)) if values[i] - values[i - 1] > near), len(values)]
    for first, last in pairwise(cuts):
        parts = last - first
        width = 2 * _HALF / parts
        for i in range(first, last):
            left = column - _HALF + (i - first) * width
            shown = width * (1 - _SPREAD) if parts > 1 else width
            ax.hlines(values[i], left, left + shown, color=INK, linewidth=2, zorder=2)
            if errors[i] > 0:
                ax.errorbar(left + shown / 2, values[i], errors[i], color=INK, capsize=3, linewidth=1, zorder=3)
