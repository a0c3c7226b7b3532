"""Callbacks for any run: a progress bar, a record, stopping rules, a deadline, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qalgs.checks import positive_int, real
from qalgs.run import Step


class Progress:
    """A progress bar with the latest metrics; silent where standard error is not a terminal, unless ``force``."""

    def __init__(self, label: str = "", *, force: bool = False, show: Sequence[str] | None = None) -> None:
        self._label, self._force, self._show = label, force, show
        self._bar: Any = None

    def __call__(self, step: Step) -> None:
        """Draw ``step``."""
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=step.total,
                desc=" ".join(filter(None, (self._label, step.phase))),
                disable=False if self._force else None,
                leave=True,
            )
        names = step.metrics if self._show is None else [n for n in self._show if n in step.metrics]
        self._bar.set_postfix({name: f"{step.metrics[name]:.4g}" for name in names}, refresh=False)
        self._bar.update(step.index - self._bar.n)

    def close(self) -> None:
        """End the bar; ``drive`` calls this."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class Record:
    """Keeps every step, states included, in ``steps``."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def __call__(self, step: Step) -> None:
        """Append ``step``."""
        self.steps.append(step)


class StopWhen:
    """Ends the run when ``condition(step)`` is true."""

    def __init__(self, condition: Callable[[Step], bool], message: str = "the stopping condition was met") -> None:
        self._condition, self._message = condition, message

    def __call__(self, step: Step) -> None:
        """Check ``step``."""
        if self._condition(step):
            raise StopIteration(self._message)


class Deadline:
    """Ends the run after ``seconds`` of wall time, counted from the first step."""

    def __init__(self, seconds: float) -> None:
        self._seconds = real(seconds, "seconds", above=0)
        self._end: float | None = None

    def __call__(self, step: Step) -> None:
        """Check the clock."""
        now = time.monotonic()
        self._end = now + self._seconds if self._end is None else self._end
        if now >= self._end:
            raise StopIteration(f"the deadline of {self._seconds:g} s was reached")

    def close(self) -> None:
        """Forget the start, so that the object can serve another run."""
        self._end = None


class Checkpoint:
    """Writes the state every ``every`` steps by ``save(state, path)``, atomically: a killed run leaves a whole file."""

    def __init__(self, path: str | Path, save: Callable[[Any, Path], None], *, every: int = 1) -> None:
        self._path, self._save, self._every = Path(path), save, positive_int(every, "every")

    def __call__(self, step: Step) -> None:
        """Write ``step.state`` when it is due."""
        if step.index % self._every == 0:
            partial = self._path.with_name(self._path.name + ".partial")
            self._save(step.state, partial)
            partial.replace(self._path)
