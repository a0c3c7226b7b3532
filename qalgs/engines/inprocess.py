"""All workers in this process, one after the other: the default, and the reference for the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic

from qalgs.checks import argument
from qalgs.engines.base import Answer, Message, Spec, Task, Worker, traffic


class InProcessEngine:
    """Runs the workers in turn; nothing travels, but what would is counted."""

    def __repr__(self) -> str:
        return "InProcessEngine()"

    def place(
        self, tasks: Sequence[Task[Message, Spec, Answer]], *, deadline: float | None = None
    ) -> InProcessSession[Message, Spec, Answer]:
        """The workers, in this process.

        Raises:
            ValueError: there is a deadline: workers that take turns cannot be late.
        """
        if deadline is not None:
            must = 'be None with the engine "inprocess"'
            raise ValueError(argument("deadline", must, f"it is {deadline}: workers that take turns are never late"))
        return InProcessSession([task.build() for task in tasks])

    def close(self) -> None:
        """Nothing to end."""


class InProcessSession(Generic[Message, Spec, Answer]):
    """Workers of this process."""

    def __init__(self, workers: list[Worker[Message, Spec, Answer]]) -> None:
        self._workers: list[Worker[Any, Any, Answer]] = list(workers)
        self.bytes = 0

    def round(self, messages: Sequence[Message], spec: Spec) -> list[Answer]:
        """The answers of all workers."""
        replies = [worker.run(message, spec) for worker, message in zip(self._workers, messages, strict=True)]
        self.bytes += traffic(messages, replies)
        return replies

    def close(self) -> None:
        """Forget the workers."""
        self._workers = []
