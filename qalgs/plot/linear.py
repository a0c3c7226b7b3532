"""Pictures of linear systems: inverse polynomials, solutions, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from qalgs.checks import argument, finite_array
from qalgs.linear.polynomials import Kind, evaluate, inverse_polynomial
from qalgs.linear.result import LinearResult
from qalgs.plot.common import INK, LINES, NEGATIVE, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 2001
_WIDTH = 0.8


def polynomial(
    kappa: float, error: float, *, kinds: Sequence[Kind] = ("relative", "absolute"), ax: Axes | None = None
) -> Axes:
    """Inverse polynomials over [-1, 1] with 1/x, which they follow outside the shaded gap (-1/kappa, 1/kappa).

    Args:
        kappa: condition number, > 1.
        error: largest error on the spectrum, as ``qalgs.linear.inverse_polynomial`` means it for each kind.
        kinds: which polynomials.
        ax: where to draw.

    Raises:
        ValueError: a number is out of range, or there is no such kind, or none at all.

    Example:
        >>> polynomial(5, 0.1, kinds=["relative"]).get_legend().get_texts()[1].get_text()
        'relative, degree 15'
    """
    if not kinds:
        raise ValueError(argument("kinds", "name at least one polynomial", "it is empty"))
    made = {kind: inverse_polynomial(kappa, error, kind) for kind in kinds}
    ax = new_axes(ax)
    x = np.linspace(-1, 1, _POINTS)
    outside = np.where(np.abs(x) >= 1 / kappa, x, np.nan)
    ax.plot(x, 1 / outside, color=INK, linewidth=3, alpha=0.3, label="1/x")
    for k, (kind, coefficients) in enumerate(made.items()):
        label = f"{kind}, degree {len(coefficients) - 1}"
        ax.plot(x, evaluate(coefficients, x), color=LINES[1 + k], linewidth=1.2, label=label)
    ax.axvspan(-1 / kappa, 1 / kappa, color="grey", alpha=0.15, linewidth=0)
    ax.set(xlabel="x", ylabel="p(x)", title=f"κ = {kappa:g}, error {error:g}")
    ax.grid(alpha=0.25, linewidth=0.5)
    ax.legend(frameon=False, fontsize=8)
    return ax


def solution(result: LinearResult, *, exact: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
    """The entries of the normalised solution, or their squares where shots leave the signs open, with error bars.

    Args:
        result: of ``linear_solve``; a complex state is shown by its squared moduli.
        exact: (N,) known solution of any norm, drawn as lines.
        ax: where to draw.

    Raises:
        ValueError: ``exact`` does not have one entry for each unknown, or is 0.
    """
    from matplotlib.ticker import MaxNLocator

    signed = result.state is not None and np.isrealobj(result.state)
    heights = result.state if signed and result.state is not None else result.probabilities
    errors = np.zeros(len(heights)) if signed else result.probabilities_err
    ax = new_axes(ax)
    index = np.arange(len(heights))
    shown = errors if errors.any() else None
    ax.bar(index, heights, _WIDTH, yerr=shown, capsize=3, color=LINES[5], alpha=0.8, label="found")
    if exact is not None:
        true = finite_array(exact, "exact", ndim=1, dtype=complex)
        if true.shape != heights.shape or not true.any():
            must = f"be a vector other than 0 with {len(heights)} entries"
            raise ValueError(argument("exact", must, f"its shape is {true.shape}"))
        true = true / np.linalg.norm(true)
        wanted = true.real if signed else np.abs(true) ** 2
        ax.hlines(wanted, index - _WIDTH / 2, index + _WIDTH / 2, color=NEGATIVE, linewidth=2, label="exact")
        ax.legend(frameon=False, fontsize=8)
    ax.axhline(0, color="grey", linewidth=0.6)
    ax.set(xlabel="unknown", ylabel="xᵢ / |x|" if signed else "|xᵢ|² / |x|²")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.25, axis="y", linewidth=0.5)
    return ax


def queries(results: Sequence[LinearResult], label: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Uses of the matrix oracle of several results, in one run and until a run succeeds.

    Raises:
        ValueError: there are no results, or not as many labels as results.
    """
    if not results or len(results) != len(label):
        must = f"name each of the {len(results)} results, of which there is at least one"
        raise ValueError(argument("label", must, f"there are {len(label)} labels"))
    ax = new_axes(ax)
    index = np.arange(len(results))
    for shift, name, colour, values in (
        (-0.2, "a run", LINES[0], [result.queries.per_run for result in results]),
        (0.2, "until success", LINES[1], [result.queries.expected for result in results]),
    ):
        bars = ax.bar(index + shift, values, 0.38, color=colour, label=name)
        ax.bar_label(bars, [f"{value:.4g}" for value in values], fontsize=7)
    ax.set_xticks(index, list(label), fontsize=8)
    ax.set_yscale("symlog", linthresh=1)
    ax.margins(y=0.2)
    ax.set_ylabel("uses of the matrix oracle")
    ax.grid(alpha=0.25, axis="y", linewidth=0.5)
    ax.set_axisbelow(True)
    ax.legend(frameon=False, fontsize=8)
    return ax
