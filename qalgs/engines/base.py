"""What every engine agrees on: what a worker is given once, what it is asked each round, and what it answers.

An algorithm hands out tasks, picklable plain values, and every task builds its worker where it arrives; a task's data
never move again. In a round each worker gets its message and the round's spec, and answers. An answer has to depend on
the task, the message and the spec only, not on the process or on earlier rounds: so every engine gives the same
numbers, bit for bit where the processes use the same number of BLAS threads, and a lost worker can be built again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

Message = TypeVar("Message")
Spec = TypeVar("Spec")
Answer = TypeVar("Answer", bound="Reply")
Message_contra = TypeVar("Message_contra", contravariant=True)
Spec_contra = TypeVar("Spec_contra", contravariant=True)
Answer_co = TypeVar("Answer_co", bound="Reply", covariant=True)


class Reply(Protocol):
    """What engines read in an answer."""

    @property
    def index(self) -> int:
        """The worker's."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes of what it brings back, for the count of the traffic."""
        ...


class Worker(Protocol[Message_contra, Spec_contra, Answer_co]):
    """A task at work, in whatever process."""

    def run(self, message: Message_contra, spec: Spec_contra, /) -> Answer_co:
        """The answer of one round."""
        ...


class Task(Protocol[Message_contra, Spec_contra, Answer_co]):
    """What one worker is given before the first round; any engine can pickle it."""

    @property
    def index(self) -> int:
        """i, in 0..M-1; answers come in this order."""
        ...

    def build(self) -> Worker[Message_contra, Spec_contra, Answer_co]:
        """The worker, where the task has arrived."""
        ...


class Session(Protocol[Message_contra, Spec_contra, Answer]):
    """Workers that are built and wait for rounds."""

    @property
    def bytes(self) -> int:
        """Bytes of the messages sent and of the answers received, each worker counted as if it stood alone."""
        ...

    def round(self, messages: Sequence[Message_contra], spec: Spec_contra) -> list[Answer]:
        """The answers, in order of the worker; those of all workers unless there is a deadline.

        Args:
            messages: one for each worker; only once on the wire where it is the same object for several.
            spec: the same for all.

        Raises:
            ExecutionError: a worker failed, or was lost for good.
        """
        ...

    def close(self) -> None:
        """Let the workers go; the engine stays."""
        ...


class Engine(Protocol):
    """Where the workers are."""

    def place(
        self, tasks: Sequence[Task[Message, Spec, Answer]], *, deadline: float | None = None
    ) -> Session[Message, Spec, Answer]:
        """Hand out the tasks.

        Args:
            tasks: in order of their index.
            deadline: seconds after which a round goes on without the workers that have not answered, as long as
                half of them have; None waits for all.
        """
        ...

    def close(self) -> None:
        """End every process that the engine started; sessions end with it."""
        ...


class Host:
    """One process and the workers in it, for any number of sessions."""

    def __init__(self) -> None:
        self._workers: dict[int, list[Worker[Any, Any, Reply]]] = {}

    def place(self, session: int, tasks: Sequence[Task[Any, Any, Reply]]) -> None:
        """Build the workers of a session."""
        self._workers[session] = [task.build() for task in tasks]

    def round(self, session: int, messages: Sequence[Any], spec: Any) -> list[Reply]:
        """The answers of this process's workers to a message each."""
        workers = self._workers[session]
        return [worker.run(message, spec) for worker, message in zip(workers, messages, strict=True)]

    def drop(self, session: int) -> None:
        """Forget a session."""
        self._workers.pop(session, None)

    def holds(self, session: int) -> bool:
        """Whether this process has the workers of ``session``."""
        return session in self._workers


def traffic(messages: Sequence[Any], replies: Sequence[Reply]) -> int:
    """Bytes of the messages that were sent and of the answers that were used."""
    return sum(int(message.nbytes) for message in messages) + sum(reply.nbytes for reply in replies)


def shares(workers: int, hosts: int) -> Mapping[int, list[int]]:
    """Which host has which workers: in turn, so that the numbers differ by at most one."""
    return {host: list(range(host, workers, hosts)) for host in range(min(hosts, workers))}
