"""A device as a picture: which couplers and qubits are good today, and where a circuit sits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qalgs.backends import Calibration
from qalgs.checks import argument

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SWEEPS = 60
_COLOURS = "viridis_r"
_LAYOUT = "#d1495b"


def device(calibration: Calibration, *, layout: Sequence[int] = (), ax: Axes | None = None) -> Axes:
    """Couplers coloured by the error of their gate, qubits by their readout error, and a layout's qubits ringed.

    Both scales are logarithmic. Dead couplers are dotted, dead qubits crossed out.

    Args:
        calibration: of the device.
        layout: physical qubits to ring, numbered by the circuit's qubit they carry.
        ax: where to draw; a new figure when None.

    Raises:
        ValueError: ``layout`` names a qubit that is not on the device.
    """
    outside = [q for q in layout if not 0 <= q < calibration.num_qubits]
    if outside:
        must = f"hold qubits within 0 to {calibration.num_qubits - 1}"
        raise ValueError(argument("layout", must, f"it holds {outside[0]}"))
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(9, 7), layout="constrained")[1]
    pairs = sorted({(min(g.qubits), max(g.qubits)) for g in calibration.gates if len(g.qubits) == 2})
    places = positions(calibration.num_qubits, pairs)
    _draw_couplers(ax, calibration, pairs, places)
    _draw_qubits(ax, calibration, places)
    _draw_layout(ax, layout, places)
    date = "" if calibration.calibrated_at is None else f", {calibration.calibrated_at[:10]}"
    ax.set_title(f"{calibration.device}{date}", fontsize=10)
    # The margin keeps a device whose qubits lie on one line from being drawn with no height.
    low, high = places.min(axis=0) - 1, places.max(axis=0) + 1
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    ax.set_axis_off()
    return ax


def positions(num_qubits: int, pairs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """(N, 2) places whose distances follow those in the coupling graph: scaling, then majorisation of the stress.

    The lattices of devices come out as lattices (de Leeuw, J. Classification 5, 163 (1988), for the majorisation).
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import shortest_path

    rows, columns = np.array(pairs, int).reshape(-1, 2).T
    graph = csr_array((np.ones(len(rows)), (rows, columns)), shape=(num_qubits, num_qubits))
    distance = shortest_path(graph, directed=False, unweighted=True)
    reach = distance[np.isfinite(distance)].max() + 2
    distance[~np.isfinite(distance)] = reach
    centred = distance**2 - (distance**2).mean(axis=0)
    values, vectors = np.linalg.eigh(-0.5 * (centred - centred.mean(axis=1, keepdims=True)))
    x = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 1e-9))
    weight = 1 / np.maximum(distance, 1) ** 2
    np.fill_diagonal(weight, 0)
    inverse = np.linalg.pinv(np.diag(weight.sum(axis=1)) - weight)
    for _ in range(_SWEEPS):
        apart = np.linalg.norm(x[:, None] - x[None], axis=-1)
        ratio = -weight * distance / np.maximum(apart, 1e-9)
        np.fill_diagonal(ratio, 0)
        np.fill_diagonal(ratio, -ratio.sum(axis=1))
        x = inverse @ (ratio @ x)
    _, axes = np.linalg.eigh(np.cov(x.T))
    return x @ axes[:, ::-1]


def _draw_couplers(
    ax: Axes, calibration: Calibration, pairs: Sequence[tuple[int, int]], places: NDArray[np.float64]
) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LogNorm

    usable = calibration.couplers
    dead = [pair for pair in pairs if pair not in usable]
    ax.add_collection(LineCollection([places[list(p)] for p in dead], colors="0.6", linestyles=":", linewidths=1.2))
    if not usable:
        return
    errors = np.maximum(list(usable.values()), 1e-6)
    norm = LogNorm(errors.min(), max(errors.max(), errors.min() * 1.01))
    lines = LineCollection([places[list(p)] for p in usable], array=errors, norm=norm, cmap=_COLOURS, linewidths=4)
    ax.add_collection(lines)
    ax.figure.colorbar(ScalarMappable(norm, _COLOURS), ax=ax, fraction=0.03, pad=0.02, label="two-qubit gate error")


def _draw_qubits(ax: Axes, calibration: Calibration, places: NDArray[np.float64]) -> None:
    from matplotlib.colors import LogNorm

    errors = np.array([qubit.readout_error or 0.5 for qubit in calibration.qubits])
    norm = LogNorm(max(errors.min(), 1e-5), max(errors.max(), errors.min() * 1.01))
    size, below, letters = (60, -9, 5.5) if calibration.num_qubits > 30 else (260, -12, 8)
    dots = ax.scatter(
        *places.T, c=errors, norm=norm, cmap="magma_r", s=size, edgecolors="0.25", linewidths=0.6, zorder=3
    )
    ax.figure.colorbar(dots, ax=ax, fraction=0.03, pad=0.02, label="readout error")
    dead = sorted(calibration.dead_qubits)
    ax.plot(*places[dead].T, "x", color="black", markersize=8, zorder=4)
    for q, place in enumerate(places):
        ax.annotate(
            str(q), place, xytext=(0, below), textcoords="offset points", fontsize=letters, ha="center", va="top"
        )


def _draw_layout(ax: Axes, layout: Sequence[int], places: NDArray[np.float64]) -> None:
    from matplotlib.patheffects import withStroke

    ring = {"markersize": 17, "markerfacecolor": "none", "markeredgecolor": _LAYOUT, "markeredgewidth": 2.2}
    outline = [withStroke(linewidth=2, foreground="white")]
    for virtual, q in enumerate(layout):
        ax.plot(*places[q], "o", **ring, zorder=5)
        number = {"color": _LAYOUT, "weight": "bold", "fontsize": 9, "ha": "center", "va": "center"}
        ax.annotate(str(virtual), places[q], **number, path_effects=outline, zorder=6)
