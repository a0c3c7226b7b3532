"""Density matrices as cities: a bar of signed height for each entry, with the target as an outline.

The view is an oblique projection onto plain Axes: (i, j, z), rows, columns and height, goes to
(j - i, -(i + j) / 2 + z) up to scales. Bars below the floor are drawn first, then the floor, which lets them shine
through, then the bars above it, each time from the back to the front; so what hides what is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import argument, one_of, real
from qalgs.plot.common import (
    INK,
    MINUS_I,
    NEGATIVE,
    PLUS_I,
    POSITIVE,
    STATES,
    States,
    as_matrix,
    chosen_states,
    new_axes,
    populated,
    state_names,
    titled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Part = Literal["real", "imaginary"]
_COLOURS = {"real": (POSITIVE, NEGATIVE), "imaginary": (PLUS_I, MINUS_I)}
_ACROSS, _DOWN, _UP = 0.87, 0.42, 0.55
"""Screen units per column, per row, and the share of the city's side that the highest bar takes."""
_STREET = 0.14
"""Free space on each side of a bar."""
_SHADES = (1.0, 0.62, 0.8)
"""Brightness of the top, the left and the right face."""
_FLOOR = "#f2f2f0"
_FADED = 0.06
"""Bars below this share of the full height fade into the floor."""
_LEVELS = 5

Point = tuple[float, float]


def city(
    rho: Any,
    *,
    part: Part = "real",
    target: Any = None,
    states: States = STATES,
    scale: float | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The real or imaginary part of a density matrix as a city of bars, and the target's bars as outlines.

    Args:
        rho: (d, d) matrix, (d,) state vector, or a result with ``density_matrix()``.
        part: which part of the entries; positive bars are blue (green), negative ones red (yellow).
        target: the ideal state, of the same kinds as ``rho``; None for no outlines.
        states: the basis states to show, or how many of the most populated ones of ``rho`` and ``target``.
        scale: the entry whose bar has full height, for pictures that are to be compared; None for the largest one of
            ``rho`` and ``target``, of either part.
        title: written above, with the share of the population that the shown states hold.
        ax: where to draw; plain Axes, not 3-D ones.

    Raises:
        ValueError: ``rho`` or ``target`` is not square, they differ in size, or a state is out of range.

    Example:
        >>> import numpy as np
        >>> city(np.array([1, 1j]) / np.sqrt(2), part="imaginary").get_title()
        'imaginary part'
    """
    one_of(part, "part", ("real", "imaginary"))
    matrix = as_matrix(rho)
    ideal = None if target is None else as_matrix(target)
    if ideal is not None and len(ideal) != len(matrix):
        raise ValueError(argument("target", f"have dimension {len(matrix)}", f"it has {len(ideal)}"))
    if isinstance(states, int):
        states = populated(matrix if ideal is None else (matrix + ideal) / 2, states)
    chosen = chosen_states(matrix, states)
    cells = np.ix_(chosen, chosen)
    shown = [m[cells] for m in (matrix, ideal) if m is not None]
    largest = max(max(np.abs(m.real).max(), np.abs(m.imag).max()) for m in shown)
    full = max(float(largest), 1e-12) if scale is None else real(scale, "scale", above=0)
    heights = [m.real if part == "real" else m.imag for m in shown]
    ax = new_axes(ax)
    _draw(ax, heights[0], heights[1] if ideal is not None else None, full, _COLOURS[part])
    _labels(ax, state_names(matrix, chosen))
    ax.set_title(titled(title or f"{part} part", matrix, chosen), fontsize=9)
    return ax


def _draw(
    ax: Axes, bars: NDArray[np.floating], ideal: NDArray[np.floating] | None, full: float, colours: tuple[str, str]
) -> None:
    size = len(bars)
    unit = _UP * size / full
    lowest = min(float(each.min()) for each in (bars, ideal) if each is not None)
    low = lowest if lowest < -_FADED * full else 0.0
    _walls(ax, size, unit, low, full)
    outlines = None if ideal is None else ideal * unit
    _blocks(ax, np.minimum(bars * unit, 0), None if outlines is None else np.minimum(outlines, 0), colours[1], 2.0)
    _floor(ax, size)
    _blocks(ax, np.maximum(bars * unit, 0), None if outlines is None else np.maximum(outlines, 0), colours[0], 3.0)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_xlim(-(_ACROSS + 0.28) * size, (_ACROSS + 0.28) * size)
    ax.set_ylim(-2 * _DOWN * size - max(0.12 * size, -low * unit), (_UP + 0.04) * size)


def _blocks(
    ax: Axes, bars: NDArray[np.floating], outlines: NDArray[np.floating] | None, colour: str, zorder: float
) -> None:
    """All bars on one side of the floor, each with its outline after it, from the back to the front."""
    from matplotlib.collections import PolyCollection

    faces, fills, edges, widths = [], [], [], []
    for i, j in sorted(np.ndindex(*bars.shape), key=sum):
        heights = (float(bars[i, j]), 0.0 if outlines is None else float(outlines[i, j]))
        for z, outlined in zip(heights, (False, True), strict=True):
            if abs(z) >= 1e-3:
                faces += _faces(i, j, z)
                fills += [(0, 0, 0, 0)] * 3 if outlined else _shaded(colour, z / (_UP * len(bars)))
                edges += [INK if outlined else "white"] * 3
                widths += [0.9 if outlined else 0.2] * 3
    ax.add_collection(PolyCollection(faces, facecolors=fills, edgecolors=edges, linewidths=widths, zorder=zorder))


def _shaded(colour: str, height: float) -> list[tuple[float, ...]]:
    """Colours of the top, the left and the right face; ``height`` is a share of the full one."""
    from matplotlib.colors import to_rgb

    strength = min(1.0, abs(height) / _FADED)
    mixed = strength * np.array(to_rgb(colour)) + (1 - strength) * np.array(to_rgb(_FLOOR))
    return [tuple(shade * mixed) for shade in np.array(_SHADES) * strength + (1 - strength)]


def _screen(i: float, j: float, z: float) -> Point:
    return _ACROSS * (j - i), -_DOWN * (i + j) + z


def _faces(i: int, j: int, z: float) -> list[list[Point]]:
    """Top, left and right face of the bar from the floor to z, as far as they are seen."""
    back_i, front_i, back_j, front_j = i + _STREET, i + 1 - _STREET, j + _STREET, j + 1 - _STREET
    low, high = min(z, 0.0), max(z, 0.0)
    corners = [(back_i, back_j), (back_i, front_j), (front_i, front_j), (front_i, back_j)]
    top = [_screen(a, b, high) for a, b in corners]
    left = [_screen(front_i, b, h) for b, h in ((back_j, high), (front_j, high), (front_j, low), (back_j, low))]
    right = [_screen(a, front_j, h) for a, h in ((front_i, high), (back_i, high), (back_i, low), (front_i, low))]
    return [top, left, right]


def _floor(ax: Axes, size: int) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.patches import Polygon

    around = [_screen(0, 0, 0), _screen(0, size, 0), _screen(size, size, 0), _screen(size, 0, 0)]
    ax.add_patch(Polygon(around, facecolor=_FLOOR, edgecolor="none", alpha=0.6, zorder=2.2))
    along = [[_screen(k, 0, 0), _screen(k, size, 0)] for k in range(size + 1)]
    across = [[_screen(0, k, 0), _screen(size, k, 0)] for k in range(size + 1)]
    ax.add_collection(LineCollection(along + across, colors="#c9c9c4", linewidths=0.5, zorder=2.3))


def _walls(ax: Axes, size: int, unit: float, low: float, full: float) -> None:
    """Level lines on the two walls at the back, with their values on the left."""
    from matplotlib.collections import LineCollection
    from matplotlib.ticker import MaxNLocator

    step = float(np.diff(MaxNLocator(_LEVELS, steps=[1, 2, 2.5, 5, 10]).tick_values(0, full))[0])
    levels = step * np.arange(np.ceil(low / step - 1e-9), np.floor(full / step + 1e-9) + 1) + 0.0
    lines = [[_screen(size, 0, z * unit), _screen(0, 0, z * unit), _screen(0, size, z * unit)] for z in levels]
    ax.add_collection(LineCollection(lines, colors="#dddddb", linewidths=0.6, zorder=1))
    for z in levels:
        x, y = _screen(size, 0, z * unit)
        ax.text(x - 0.06 * size, y, f"{z:.3g}", ha="right", va="center", fontsize=7, color="#555555")


def _labels(ax: Axes, names: list[str]) -> None:
    """Columns along the left edge, rows along the right one, readable in front of bars that hang below the floor."""
    from matplotlib.patheffects import withStroke

    size = len(names)
    for k, name in enumerate(names):
        for (x, y), side in ((_screen(size + 0.2, k + 0.5, 0), "right"), (_screen(k + 0.5, size + 0.2, 0), "left")):
            text = ax.text(x, y, name, ha=side, va="top", fontsize=6.5, family="monospace", zorder=4)
            text.set_path_effects([withStroke(linewidth=1.5, foreground="white", alpha=0.8)])
