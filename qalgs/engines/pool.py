"""Rounds over several processes: who is asked, who is waited for, and when a round goes on without the late ones."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Generic

from qalgs.backends import ExecutionError
from qalgs.engines.base import Answer, Message, Spec, Task, shares, traffic

_IDS = count()


class Pool(ABC):
    """Processes (hosts) that answer one question at a time; a host that is late stays busy until it has answered."""

    def __init__(self) -> None:
        self.busy: dict[int, int] = {}
        """Hosts that owe an answer, and the number of the question."""

    def place(
        self, tasks: Sequence[Task[Message, Spec, Answer]], *, deadline: float | None = None
    ) -> PoolSession[Message, Spec, Answer]:
        """Hand out the tasks to the hosts, in turn.

        Args:
            tasks: in order of their index.
            deadline: seconds a round waits for more than half of the workers; None waits for all.
        """
        session = next(_IDS)
        hosted = shares(len(tasks), self.hosts(len(tasks)))
        for host, indices in hosted.items():
            self.place_on(host, session, [tasks[i] for i in indices])
        return PoolSession(self, session, hosted, deadline)

    def receive(self, timeout: float | None) -> tuple[int, list[Any] | str] | None:
        """The next answer, whose host is free again: the question, and the replies or the text of an error.

        None after ``timeout`` seconds.
        """
        arrived = self.next_answer(timeout)
        if arrived is None:
            return None
        host, answer = arrived
        return self.busy.pop(host, -1), answer

    def ask(self, host: int, question: int, session: int, messages: list[Any], spec: Any) -> None:
        """Send a round to a host that is free."""
        self.busy[host] = question
        self.send(host, session, messages, spec)

    @abstractmethod
    def hosts(self, workers: int) -> int:
        """How many processes there are for so many workers."""

    @abstractmethod
    def place_on(self, host: int, session: int, tasks: list[Any]) -> None:
        """Give ``host`` its tasks."""

    @abstractmethod
    def send(self, host: int, session: int, messages: list[Any], spec: Any) -> None:
        """Ask ``host`` for a round, with a message for each of its workers."""

    @abstractmethod
    def next_answer(self, timeout: float | None) -> tuple[int, Any] | None:
        """The next host that answers with its replies, or with the text of an error; None after ``timeout``."""

    @abstractmethod
    def drop(self, host: int, session: int) -> None:
        """Let ``host`` forget a session."""

    @abstractmethod
    def close(self) -> None:
        """End the processes; calling it twice does no harm."""


class PoolSession(Generic[Message, Spec, Answer]):
    """Workers on the hosts of a pool."""

    def __init__(self, pool: Pool, session: int, hosted: Mapping[int, list[int]], deadline: float | None) -> None:
        self._pool, self._session, self._hosted, self._deadline = pool, session, dict(hosted), deadline
        workers = len(self._workers(list(self._hosted)))
        self._quorum = workers if deadline is None else (workers + 1) // 2
        self.bytes = 0

    def round(self, messages: Sequence[Message], spec: Spec) -> list[Answer]:
        """The replies, in order of the worker; of all workers unless there is a deadline.

        With a deadline the round waits that long for all, then only until half of the workers have answered. What
        comes later is thrown away, and a host that still owes an answer is not asked.

        Raises:
            ExecutionError: a host failed.
        """
        end = None if self._deadline is None else time.monotonic() + self._deadline
        while len(self._workers(self._free())) < self._quorum:
            self._pool.receive(None)
        hosts, question = self._free(), next(_IDS)
        for host in hosts:
            self._pool.ask(host, question, self._session, [messages[i] for i in self._hosted[host]], spec)
        asked = self._workers(hosts)
        replies = self._gather(question, len(asked), end)
        self.bytes += traffic([messages[i] for i in asked], replies)
        return sorted(replies, key=lambda reply: reply.index)

    def close(self) -> None:
        """Let the workers go."""
        for host in self._hosted:
            self._pool.drop(host, self._session)
        self._hosted = {}

    def _gather(self, question: int, wanted: int, end: float | None) -> list[Any]:
        replies: list[Any] = []
        while len(replies) < wanted:
            patient = end is None or (len(replies) < self._quorum and time.monotonic() >= end)
            arrived = self._pool.receive(None if patient or end is None else max(0.0, end - time.monotonic()))
            if arrived is None and len(replies) >= self._quorum:
                break
            if arrived is None or arrived[0] != question:
                continue
            if isinstance(arrived[1], str):
                raise ExecutionError(arrived[1])
            replies += arrived[1]
        return replies

    def _free(self) -> list[int]:
        return [host for host in self._hosted if host not in self._pool.busy]

    def _workers(self, hosts: Sequence[int]) -> list[int]:
        """The workers on these hosts."""
        return [index for host in hosts for index in self._hosted[host]]
