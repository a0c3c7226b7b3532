"""Interleaved timing and printed tables, for every benchmark."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Row = dict[str, Any]


def medians(calls: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    """Median seconds of each call, taken in turns after a warm-up, so that a change of load meets all alike."""
    times = np.empty((repeats, len(calls)))
    for call in calls:
        call()
    for row in times:
        for k, call in enumerate(calls):
            began = time.perf_counter()
            call()
            row[k] = time.perf_counter() - began
    return [float(t) for t in np.median(times, axis=0)]


def ratio_row(what: str, n: int, first: float, second: float, difference: float, promise: str = "") -> Row:
    """A row on two timings in seconds, named "first / second" by ``what``.

    Args:
        what: names both sides.
        n: qubits.
        first: seconds of the one.
        second: seconds of the other.
        difference: of their answers.
        promise: what the ratio is meant to be, in words.
    """
    row = {
        "what": what,
        "n": n,
        "first_ms": 1e3 * first,
        "second_ms": 1e3 * second,
        "ratio": first / second,
        "difference": float(difference),
    }
    return row | ({"promise": promise} if promise else {})


def as_table(rows: Sequence[Row]) -> str:
    """Rows as text in columns; a column is any key that a row has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
