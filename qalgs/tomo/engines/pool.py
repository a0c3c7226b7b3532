"""Rounds over several processes: who is asked, who is waited for, and when a round goes on without the late ones."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from qalgs.backends import ExecutionError
from qalgs.tomo.engines.base import Machine, Reply, RoundSpec, shares, traffic
from qalgs.tomo.operators.allpauli import Factor

_IDS = count()


class Pool(ABC):
    """Processes (hosts) that answer one question at a time; a host that is late stays busy until it has answered."""

    def __init__(self) -> None:
        self.busy: dict[int, int] = {}
        """Hosts that owe an answer, and the number of the question."""

    def place(self, machines: Sequence[Machine], *, deadline: float | None = None) -> PoolSession:
        """Hand out the shards to the hosts, in turn.

        Args:
            machines: in order of their index.
            deadline: seconds a round waits for more than half of the machines; None waits for all.
        """
        session = next(_IDS)
        hosted = shares(machines, self.hosts(len(machines)))
        for host, group in hosted.items():
            self.place_on(host, session, group)
        return PoolSession(self, session, {host: len(group) for host, group in hosted.items()}, deadline)

    def receive(self, timeout: float | None) -> tuple[int, list[Reply] | str] | None:
        """The next answer, whose host is free again: the question, and the replies or the text of an error.

        None after ``timeout`` seconds.
        """
        arrived = self.next_answer(timeout)
        if arrived is None:
            return None
        host, answer = arrived
        return self.busy.pop(host, -1), answer

    def ask(self, host: int, question: int, session: int, factor: Factor, spec: RoundSpec) -> None:
        """Send a round to a host that is free."""
        self.busy[host] = question
        self.send(host, session, factor, spec)

    @abstractmethod
    def hosts(self, machines: int) -> int:
        """How many processes there are for so many machines."""

    @abstractmethod
    def place_on(self, host: int, session: int, machines: list[Machine]) -> None:
        """Give ``host`` its machines."""

    @abstractmethod
    def send(self, host: int, session: int, factor: Factor, spec: RoundSpec) -> None:
        """Ask ``host`` for a round."""

    @abstractmethod
    def next_answer(self, timeout: float | None) -> tuple[int, Any] | None:
        """The next host that answers with its replies, or with the text of an error; None after ``timeout``."""

    @abstractmethod
    def drop(self, host: int, session: int) -> None:
        """Let ``host`` forget a session."""

    @abstractmethod
    def close(self) -> None:
        """End the processes; calling it twice does no harm."""


class PoolSession:
    """Machines on the hosts of a pool."""

    def __init__(self, pool: Pool, session: int, hosted: Mapping[int, int], deadline: float | None) -> None:
        self._pool, self._session, self._hosted, self._deadline = pool, session, dict(hosted), deadline
        machines = sum(self._hosted.values())
        self._quorum = machines if deadline is None else (machines + 1) // 2
        self.bytes = 0

    def round(self, factor: Factor, spec: RoundSpec) -> list[Reply]:
        """The replies, in order of the machine; of all machines unless there is a deadline.

        With a deadline the round waits that long for all, then only until half of the machines have answered. What
        comes later is thrown away, and a host that still owes an answer is not asked.

        Raises:
            ExecutionError: a host failed.
        """
        end = None if self._deadline is None else time.monotonic() + self._deadline
        while self._machines(self._free()) < self._quorum:
            self._pool.receive(None)
        asked, question = self._free(), next(_IDS)
        for host in asked:
            self._pool.ask(host, question, self._session, factor, spec)
        replies = self._gather(question, self._machines(asked), end)
        self.bytes += traffic(factor, replies, self._machines(asked))
        return sorted(replies, key=lambda reply: reply.machine)

    def close(self) -> None:
        """Let the machines forget their shards."""
        for host in self._hosted:
            self._pool.drop(host, self._session)
        self._hosted = {}

    def _gather(self, question: int, wanted: int, end: float | None) -> list[Reply]:
        replies: list[Reply] = []
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

    def _machines(self, hosts: Sequence[int]) -> int:
        return sum(self._hosted[host] for host in hosts)
