"""Curves over the steps of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from qalgs.checks import argument
from qalgs.plot.common import LINES, new_axes
from qalgs.run import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELS = {
    "infidelity": "infidelity to the target",
    "loss": "loss",
    "value": "objective",
}


class HasHistory(Protocol):
    """Any result of a run."""

    @property
    def history(self) -> History:
        """Columns over the steps."""
        ...


def convergence(
    result: HasHistory | Sequence[HasHistory],
    *,
    metric: str | None = None,
    label: str | Sequence[str] | None = None,
    xlabel: str = "step",
    ax: Axes | None = None,
) -> Axes:
    """One metric of a result's history over its steps, with its standard error as a band where there is one.

    Args:
        result: anything with a ``history``, or several such results to be compared.
        metric: a column of the history; None for infidelity, value or loss, whichever comes first.
        label: name of the line in the legend; one for each of several results.
        xlabel: what a step is.
        ax: where to draw.

    Raises:
        ValueError: a history has no such metric, there are no results, or not as many labels as results.

    Example:
        >>> import numpy as np
        >>> class Result:
        ...     history = {"step": np.arange(3.0), "loss": np.array([1.0, 0.5, 0.2])}
        >>> convergence([Result(), Result()], label=["first", "second"]).get_ylabel()
        'loss'
    """
    results = list(result) if isinstance(result, Sequence) else [result]
    labels = [label] if label is None or isinstance(label, str) else list(label)
    labels = labels * len(results) if labels == [None] else labels
    if not results:
        raise ValueError(argument("result", "hold at least one result", "it is empty"))
    if len(labels) != len(results):
        raise ValueError(argument("label", f"name {len(results)} results", f"there are {len(labels)} labels"))
    metric = _metric(results[0].history) if metric is None else metric
    ax = new_axes(ax)
    taken = len(ax.lines)
    for k, (each, name) in enumerate(zip(results, labels, strict=True)):
        _curve(ax, each.history, metric, name, LINES[(taken + k) % len(LINES)])
    ax.set_xlabel(xlabel)
    ax.set_ylabel(_LABELS.get(metric, metric.replace("_", " ")))
    ax.grid(alpha=0.25, which="both", linewidth=0.5)
    if any(labels):
        ax.legend(frameon=False)
    return ax


def _metric(history: History) -> str:
    return next((name for name in _LABELS if name in history), "step")


def _curve(ax: Axes, history: History, metric: str, label: str | None, colour: str) -> None:
    if metric not in history:
        listed = ", ".join(repr(name) for name in history)
        raise ValueError(argument("metric", f"be one of {listed}", f"it is {metric!r}"))
    x, y = history["step"], history[metric]
    ax.plot(x, y, marker="o" if len(x) <= 60 else None, markersize=3, linewidth=1.5, label=label, color=colour)
    err = history.get(f"{metric}_err")
    if err is not None:
        ax.fill_between(x, y - err, y + err, color=colour, alpha=0.2, linewidth=0)
    if metric == "infidelity" and (y > 0).all():
        ax.set_yscale("log")
