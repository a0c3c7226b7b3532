"""Eigenvalues of a reconstructed state, and how well it explains the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import argument, finite_array
from qalgs.plot.common import INK, NEGATIVE, new_axes
from qalgs.results import basic_bootstrap
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.operators import AllPauli
from qalgs.tomo.operators.masks import expectations

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIGMAS = 5
_BINS = 50
_LABELLED = 8
"""Bars with their values written above them; more would not be legible."""
_ROUNDING = 1e-9
"""Errors below this are those of arithmetic: the one eigenvalue of a pure state is 1 by construction."""


class HasSpectrum(Protocol):
    """Any reconstructed state, such as ``TomographyResult``."""

    @property
    def factor(self) -> NDArray[Any]:
        """(d, r) with rho = factor @ factor.conj().T."""
        ...

    @property
    def replicas(self) -> NDArray[Any]:
        """(B, d, r) factors refitted to resampled data; B may be 0."""
        ...


def eigenvalues(result: HasSpectrum, *, target: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
    """The eigenvalues of the reconstructed state as bars, with bootstrap errors and their 95 % intervals.

    Args:
        result: a reconstructed state.
        target: eigenvalues of the ideal state, drawn as lines across the bars; None for none.
        ax: where to draw.

    Raises:
        ValueError: ``target`` is not a list of finite numbers.
    """
    values = _spectrum(result.factor)
    replicas = np.array([_spectrum(U) for U in result.replicas]).reshape(-1, len(values))
    estimates = [
        basic_bootstrap(value, column, low=0, high=1) for value, column in zip(values, replicas.T, strict=True)
    ]
    ax = new_axes(ax)
    places = np.arange(1, len(values) + 1)
    ax.bar(places, values, width=0.62, color=INK, alpha=0.85)
    ideal = np.zeros(0) if target is None else np.sort(finite_array(target, "target", ndim=1))[::-1][: len(values)]
    ax.hlines(ideal, places[: len(ideal)] - 0.42, places[: len(ideal)] + 0.42, color="black", linewidth=1.2)
    for place, estimate in zip(places.tolist(), estimates, strict=True):
        err, top = estimate.err or 0.0, max([estimate.value, estimate.high or 0.0, *ideal[place - 1 : place]])
        text = f"{estimate.value:.4f}" + (f"\n± {err:.4f}" if err > _ROUNDING else "")
        if len(values) <= _LABELLED:
            ax.text(place, top + 0.02, text, ha="center", va="bottom", fontsize=7)
        if estimate.low is not None and estimate.high is not None and err > _ROUNDING:
            middle = (estimate.low + estimate.high) / 2
            ax.errorbar(place, middle, middle - estimate.low, color=NEGATIVE, capsize=5, linewidth=1.5, marker="none")
    ax.set(xticks=places, xlabel="eigenvector", ylabel="eigenvalue")
    ax.set_xlim(0.3, max(len(values), 3) + 0.7)
    ax.set_ylim(0, max([values[0], *ideal]) + 0.15)
    ax.grid(alpha=0.25, axis="y", linewidth=0.5)
    return ax


def pauli_residuals(result: Any, *, data: CountsData | PauliData | None = None, ax: Axes | None = None) -> Axes:
    """Histogram of (y_P - Tr(P rho)) / sigma_P over the measured Paulis, against the standard normal density.

    sigma_P**2 = (1 - Tr(P rho)**2) / shots_P. A fit that explains the data follows the curve; one of too low a rank is
    wider. The fit takes up some of the noise, so with few Paulis the histogram is a little narrower.

    Args:
        result: a reconstructed state with its ``factor``, and with its ``data`` unless that is given.
        data: what was measured; None for the data of the result.
        ax: where to draw.

    Raises:
        ValueError: there is no data, or it is exact, so that residuals have no scale.
    """
    data = getattr(result, "data", None) if data is None else data
    if data is None:
        raise ValueError(argument("data", "be given", "the result does not hold its data: it was loaded from a file"))
    paulis = data.paulis() if isinstance(data, CountsData) else data
    if paulis.shots is None:
        raise ValueError(argument("data", "be sampled", "it is exact: its residuals have no scale"))
    factor = result.factor
    predicted = np.clip(_predicted(paulis, factor), -1, 1)
    variance = (1 - predicted**2) / paulis.shots
    uncertain = variance > 1e-9
    scaled = (paulis.values - predicted)[uncertain] / np.sqrt(variance[uncertain])
    ax = new_axes(ax)
    edges = np.linspace(-_SIGMAS, _SIGMAS, _BINS + 1)
    ax.hist(np.clip(scaled, -_SIGMAS, _SIGMAS), edges.tolist(), density=True, color=INK, alpha=0.75)
    x = np.linspace(-_SIGMAS, _SIGMAS, 201)
    ax.plot(x, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), color=NEGATIVE, linewidth=1.5, label="shot noise alone")
    beyond = float(np.mean(np.abs(scaled) > _SIGMAS)) if len(scaled) else 0.0
    spread = float(np.sqrt(np.mean(scaled**2))) if len(scaled) else 0.0
    ax.set(xlabel="residual / standard error", ylabel="density")
    ax.set_title(f"{len(scaled):,} Paulis, spread {spread:.2f}, {beyond:.2%} beyond {_SIGMAS}", fontsize=9)
    ax.grid(alpha=0.25, linewidth=0.5)
    ax.legend(frameon=False, fontsize=8)
    return ax


def _predicted(data: PauliData, U: NDArray[Any]) -> NDArray[Any]:
    """(m,) Tr(P U U^dagger), by the transform of all Paulis where that is the cheaper way."""
    if len(data) <= 4 * len(U):
        return expectations(data.x, data.z, U)
    operator = AllPauli(data.num_qubits)
    grid = operator.grid(operator.forward(U) * operator.signs())
    return grid[data.z, data.z ^ data.x]


def _spectrum(factor: NDArray[Any]) -> NDArray[np.float64]:
    return np.square(np.linalg.svd(factor, compute_uv=False))
