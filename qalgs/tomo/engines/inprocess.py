"""All machines in this process, one after the other: the default, and the reference for the others."""

from __future__ import annotations

from collections.abc import Sequence

from qalgs.checks import argument
from qalgs.tomo.engines.base import Machine, Reply, RoundSpec, Worker, traffic
from qalgs.tomo.operators.allpauli import Factor


class InProcessEngine:
    """Runs the machines in turn; nothing travels, but what would is counted."""

    def __repr__(self) -> str:
        return "InProcessEngine()"

    def place(self, machines: Sequence[Machine], *, deadline: float | None = None) -> InProcessSession:
        """The machines, in this process.

        Raises:
            ValueError: there is a deadline: machines that take turns cannot be late.
        """
        if deadline is not None:
            must = 'be None with the engine "inprocess"'
            raise ValueError(argument("deadline", must, f"it is {deadline}: machines that take turns are never late"))
        return InProcessSession([Worker(machine) for machine in machines])

    def close(self) -> None:
        """Nothing to end."""


class InProcessSession:
    """Machines of this process."""

    def __init__(self, workers: list[Worker]) -> None:
        self._workers = workers
        self.bytes = 0

    def round(self, factor: Factor, spec: RoundSpec) -> list[Reply]:
        """The replies of all machines."""
        replies = [worker.run(factor, spec) for worker in self._workers]
        self.bytes += traffic(factor, replies, len(replies))
        return replies

    def close(self) -> None:
        """Forget the shards."""
        self._workers = []
