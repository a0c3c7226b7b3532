"""Where variational programs ran on a device, and what they reached there.

Axes: C cycles, n qubits, P programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qalgs.backends import Calibration
from qalgs.checks import argument
from qalgs.plot.devices import device, positions
from qalgs.run import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PROGRAMS = "tab10"
_CYCLES = "cool"


class HasWalk(Protocol):
    """A result with a placement for each cycle."""

    @property
    def placements(self) -> NDArray[np.int64]:
        """(C, n) physical qubits."""
        ...

    @property
    def esp(self) -> NDArray[np.float64]:
        """(C,) estimated success probabilities."""
        ...


class HasRun(HasWalk, Protocol):
    """A variational result."""

    @property
    def history(self) -> History:
        """Columns over the evaluations."""
        ...

    @property
    def reference(self) -> float | None:
        """Exact lowest energy."""
        ...


class HasPrograms(Protocol):
    """A result of programs side by side."""

    @property
    def programs(self) -> Sequence[HasWalk]:
        """One result each."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Their names."""
        ...

    @property
    def delays(self) -> Sequence[int]:
        """Cycle of the run in which each began."""
        ...

    @property
    def calibration(self) -> Calibration:
        """Of the device."""
        ...


def walk(result: HasWalk, calibration: Calibration, *, ax: Axes | None = None) -> Axes:
    """The placements of a run drawn on its device, one colour a cycle, with the cycles' numbers and ESPs in the legend.

    Qubits that stay are ringed once for each cycle, later cycles outside earlier ones.

    Args:
        result: with at least one placement.
        calibration: of the device.
        ax: where to draw; a new figure when None.

    Raises:
        ValueError: the run used no placement of its own.
    """
    from matplotlib import colormaps

    if len(result.placements) == 0:
        raise ValueError(argument("result", "come from a run with a schedule", "it has no placements"))
    ax = device(calibration, ax=ax)
    places = _places(calibration)
    distinct = _stretches(result.placements)
    shades = colormaps[_CYCLES](np.linspace(0.0, 1.0, len(distinct)))
    pairs = set(calibration.couplers)
    for (first, last), shade in zip(distinct, shades, strict=True):
        placement = result.placements[first]
        name = f"cycle {first}" if first == last else f"cycles {first} to {last}"
        size = 9 + 3.5 * distinct.index((first, last))
        ring: dict[str, Any] = {"markersize": size, "markerfacecolor": "none", "markeredgewidth": 2}
        ax.plot(*places[placement].T, "o", color=shade, **ring, zorder=5, label=f"{name}, ESP {result.esp[first]:.3f}")
        for a, b in _edges(placement, pairs):
            ax.plot(*places[[a, b]].T, color=shade, linewidth=2, zorder=4)
    _zoom(ax, places, np.unique(result.placements))
    drawn = ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=2, fontsize=8, frameon=False)
    for handle in drawn.legend_handles:
        handle.set_markersize(8)  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue]
    return ax


def run(result: HasRun, *, axes: Sequence[Axes] | None = None) -> Figure:
    """Energy and ESP over the evaluations of a variational run, one above the other.

    Args:
        result: from ``vqe`` or ``qaoa``.
        axes: two to draw on; a new figure when None.

    Raises:
        ValueError: not two axes are given.
    """
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.subplots(2, 1, figsize=(7, 5), sharex=True, height_ratios=[3, 1], layout="constrained")[1].tolist()
    assert axes is not None
    if len(axes) != 2:
        raise ValueError(argument("axes", "be two axes", f"there are {len(axes)}"))
    above, below = axes
    step, energy, err = (result.history[name] for name in ("step", "energy", "energy_err"))
    if err.any():
        above.fill_between(step, energy - err, energy + err, alpha=0.25, linewidth=0)
    above.plot(step, energy, linewidth=0.9, label="measured")
    if result.reference is not None:
        above.axhline(result.reference, color="black", linestyle="--", linewidth=1, label="exact")
    above.set_ylabel("energy")
    above.legend(frameon=False)
    below.step(step, result.history["esp"], where="mid", color="#d1495b")
    below.set(ylabel="ESP", xlabel="evaluation")
    for change in step[1:][np.diff(result.history["cycle"]) != 0]:
        for ax in (above, below):
            ax.axvline(change - 0.5, color="0.8", linewidth=0.8, zorder=0)
    figure = above.get_figure()
    assert figure is not None
    return figure  # pyright: ignore[reportReturnType]


def packing(result: HasPrograms, *, cycle: int = -1, ax: Axes | None = None) -> Axes:
    """The regions of all programs in one cycle, one colour a program.

    Args:
        result: from ``colocate``.
        cycle: which; the last when -1.
        ax: where to draw; a new figure when None.

    Raises:
        ValueError: there is no such cycle.
    """
    from matplotlib import colormaps

    count = _cycles(result)
    if not -count <= cycle < count:
        raise ValueError(argument("cycle", f"be within {-count} to {count - 1}", f"it is {cycle}"))
    cycle %= count
    ax = device(result.calibration, ax=ax)
    places, colours = _places(result.calibration), colormaps[_PROGRAMS]
    pairs = set(result.calibration.couplers)
    there = _there(result, cycle)
    for p, c in there:
        program, name = result.programs[p], result.names[p]
        _region(ax, places, program.placements[c], pairs, colours(p % 10), f"{name}, ESP {program.esp[c]:.3f}")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=min(4, len(there)), fontsize=8, frameon=False)
    return ax


def strip(result: HasPrograms) -> Figure:
    """A co-located run cycle by cycle: the device with its regions, small, side by side."""
    import matplotlib.pyplot as plt
    from matplotlib import colormaps
    from matplotlib.lines import Line2D

    calibration, colours = result.calibration, colormaps[_PROGRAMS]
    places, pairs = _places(calibration), set(calibration.couplers)
    count = _cycles(result)
    columns = min(3, count)
    rows = -(-count // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(4.2 * columns, 3.2 * rows), squeeze=False, layout="constrained")
    for cycle, ax in enumerate(grid.flat):
        ax.set_axis_off()
        ax.set_aspect("equal")
        if cycle >= count:
            continue
        for a, b in pairs:
            ax.plot(*places[[a, b]].T, color="0.85", linewidth=1, zorder=1)
        there = _there(result, cycle)
        for p, c in there:
            _region(ax, places, result.programs[p].placements[c], pairs, colours(p % 10), "", size=5)
        mean = np.mean([result.programs[p].esp[c] for p, c in there]) if there else np.nan
        ax.set_title(f"cycle {cycle}, mean ESP {mean:.3f}" if there else f"cycle {cycle}", fontsize=9)
    labels = list(result.names)
    handles = [Line2D([], [], color=colours(p % 10), marker="o", linewidth=2) for p in range(len(labels))]
    figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(labels)), fontsize=8, frameon=False)
    return figure


def _cycles(result: HasPrograms) -> int:
    """Cycles of the run, delays included."""
    spans = zip(result.programs, result.delays, strict=True)
    return max(delay + len(program.placements) for program, delay in spans)


def _there(result: HasPrograms, cycle: int) -> list[tuple[int, int]]:
    """The programs that run in a cycle, and which cycle of theirs it is."""
    own = [(p, cycle - delay) for p, delay in enumerate(result.delays)]
    return [(p, c) for p, c in own if 0 <= c < len(result.programs[p].placements)]


def _region(
    ax: Axes,
    places: NDArray[np.float64],
    placement: NDArray[np.int64],
    pairs: set[tuple[int, int]],
    colour: Any,
    label: str,
    size: float = 13,
) -> None:
    ax.plot(*places[placement].T, "o", color=colour, markersize=size, alpha=0.9, zorder=5, label=label)
    for a, b in _edges(placement, pairs):
        ax.plot(*places[[a, b]].T, color=colour, linewidth=size / 2.5, alpha=0.9, zorder=4)


def _edges(placement: NDArray[np.int64], pairs: set[tuple[int, int]]) -> list[tuple[int, int]]:
    inside = set(placement.tolist())
    return [pair for pair in pairs if set(pair) <= inside]


def _places(calibration: Calibration) -> NDArray[np.float64]:
    pairs = sorted({(min(g.qubits), max(g.qubits)) for g in calibration.gates if len(g.qubits) == 2})
    return positions(calibration.num_qubits, pairs)


def _stretches(placements: NDArray[np.int64]) -> list[tuple[int, int]]:
    """First and last cycle of every stretch on one placement."""
    starts = [0, *(c for c in range(1, len(placements)) if (placements[c] != placements[c - 1]).any())]
    return [(a, b - 1) for a, b in zip(starts, [*starts[1:], len(placements)], strict=True)]


def _zoom(ax: Axes, places: NDArray[np.float64], used: NDArray[np.int64], margin: float = 3.0) -> None:
    low, high = places[used].min(axis=0) - margin, places[used].max(axis=0) + margin
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    for text in ax.texts:
        text.set_clip_on(True)
