"""The one loop: pull steps from an algorithm, tell the callbacks, end politely, keep what was reached.

An algorithm is a generator that yields a ``Step`` after each piece of progress and returns a ``Status``. Progress bars,
checkpoints, deadlines, stopping rules and Ctrl-C are handled here, once, for all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Status(Enum):
    """How a run ended; the value is the message for people."""

    CONVERGED = "converged"
    MAX_STEPS = "reached the largest number of steps"
    FAILED = "ended without meeting its tolerance"
    STOPPED = "stopped by a callback"
    INTERRUPTED = "interrupted; the result is what was reached until then"

    @property
    def success(self) -> bool:
        """Whether the run ended by its own rule or by its caller's."""
        return self in (Status.CONVERGED, Status.STOPPED)


@dataclass(frozen=True, eq=False)
class Step:
    """One piece of progress."""

    index: int
    """Steps completed, the start being 0."""
    state: Any
    """The algorithm's state, from which it can continue."""
    metrics: Mapping[str, float]
    """Named scalars, such as value and value_err."""
    total: int | None = None
    """Largest index there will be, where it is known."""
    phase: str = ""
    """What the algorithm is doing, where it does several things one after the other."""


Callback = Callable[[Step], None]
"""Called after each step; raises StopIteration to end the run politely."""

History = dict[str, NDArray[np.float64]]
"""Metrics over the run: name to (steps,) values, with ``step`` itself; NaN where a step did not report a metric."""


@dataclass(frozen=True, eq=False)
class Run:
    """What ``drive`` returns."""

    last: Step | None
    """The last completed step; None when there was none."""
    status: Status
    message: str
    history: History
    wall_seconds: float


def drive(steps: Generator[Step, None, Status], callback: Callback | Sequence[Callback] | None = None) -> Run:
    """Run ``steps`` to its end, a callback's StopIteration, or Ctrl-C, whichever comes first."""
    callbacks: Sequence[Callback] = () if callback is None else (callback,) if callable(callback) else tuple(callback)
    last: Step | None = None
    trace: list[tuple[int, Mapping[str, float]]] = []
    began = time.perf_counter()
    status, message = Status.MAX_STEPS, ""
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                status = end.value
                break
            last = step
            trace.append((step.index, step.metrics))
            try:
                for call in callbacks:
                    call(step)
            except StopIteration as stop:
                status, message = Status.STOPPED, str(stop)
                break
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    finally:
        steps.close()
        for call in callbacks:
            close = getattr(call, "close", None)
            if close is not None:
                close()
    return Run(last, status, message or status.value, as_history(trace), time.perf_counter() - began)


def as_history(trace: Sequence[tuple[int, Mapping[str, float]]]) -> History:
    """The metrics of a run as columns."""
    names = dict.fromkeys(name for _, metrics in trace for name in metrics)
    columns = {"step": np.array([index for index, _ in trace], float)}
    for name in names:
        columns[name] = np.array([metrics.get(name, np.nan) for _, metrics in trace], float)
    return columns
