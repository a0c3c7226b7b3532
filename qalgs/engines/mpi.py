"""Workers on MPI ranks. Rank 0 is the driver and has workers of its own; the other ranks serve until it ends.

Every rank runs the same program. A rank above 0 stays in ``serve`` from the first use of the engine until the driver's
process ends, and then exits: what follows in the program, printing and writing above all, happens on rank 0 only.
"""

from __future__ import annotations

import importlib
import time
import traceback
from typing import Any

from qalgs.backends import CapabilityError
from qalgs.engines.base import Host
from qalgs.engines.pool import Pool

_SPINS = 1000
_LONGEST_NAP = 2e-3
_TAG = 7301


class MPIEngine(Pool):
    """The driver's side, on rank 0 of MPI's world; the workers are dealt out to all ranks in turn.

    One rank alone works too, and has all workers. A rank that dies ends the whole job: that is MPI's rule, and a
    checkpoint on rank 0 is the way back.

    Raises:
        CapabilityError: mpi4py or an MPI library is missing.
        ValueError: this is not rank 0: call ``serve`` there.
    """

    def __init__(self) -> None:
        super().__init__()
        self._comm = world()
        if self._comm.rank > 0:
            raise ValueError(f"The engine is driven by rank 0, but this is rank {self._comm.rank}: call `serve` here.")
        self._own = Host()
        self._answered: list[Any] = []
        self._closed = False

    def __repr__(self) -> str:
        return "MPIEngine()"

    def hosts(self, workers: int) -> int:
        """The ranks; those beyond the number of workers stay idle."""
        del workers
        return self._comm.size

    def place_on(self, host: int, session: int, tasks: list[Any]) -> None:
        """Give ``host`` its tasks."""
        self._tell(host, "place", session, tasks)

    def ask(self, host: int, question: int, session: int, messages: list[Any], spec: Any) -> None:
        """Send a round to a rank that is free; the driver's own workers wait until the others are at work."""
        if host > 0:
            super().ask(host, question, session, messages, spec)
        else:
            self.busy[0] = question
            self._answered.append((session, messages, spec))

    def send(self, host: int, session: int, messages: list[Any], spec: Any) -> None:
        """Ask ``host`` for a round."""
        self._tell(host, "round", session, messages, spec)

    def next_answer(self, timeout: float | None) -> tuple[int, Any] | None:
        """The driver's own answer, where it owes one; otherwise the next rank's."""
        if self._answered:
            return 0, _answer(self._own, "round", self._answered.pop())
        return receive(self._comm, timeout)

    def drop(self, host: int, session: int) -> None:
        """Let ``host`` forget a session."""
        self._tell(host, "drop", session)

    def close(self) -> None:
        """Hear out the ranks that owe an answer, then let all of them go."""
        if self._closed:
            return
        self._closed = True
        self._answered, self.busy = [], {host: question for host, question in self.busy.items() if host > 0}
        while self.busy:
            arrived = receive(self._comm, None)
            if arrived is not None:
                self.busy.pop(arrived[0], None)
        for host in range(1, self._comm.size):
            self._comm.send(None, host, _TAG)

    def _tell(self, host: int, what: str, *details: Any) -> None:
        if host == 0:
            getattr(self._own, what)(*details)
        else:
            self._comm.send((what, details), host, _TAG)


def world() -> Any:
    """MPI's world communicator; MPI starts here.

    Raises:
        CapabilityError: mpi4py or an MPI library is missing.
    """
    try:
        return importlib.import_module("mpi4py.MPI").COMM_WORLD
    except (ImportError, RuntimeError) as error:
        message = f'The engine "mpi" needs mpi4py and an MPI library ({error}): pip install "qalgs[mpi]"'
        raise CapabilityError(message) from None


def serve() -> None:
    """Work for the driver until its process ends; only for ranks above 0."""
    comm, host = world(), Host()
    while True:
        arrived = receive(comm, None)
        if arrived is None or arrived[1] is None:
            return
        what, details = arrived[1]
        answer = _answer(host, what, details)
        if what == "round" or isinstance(answer, str):
            comm.send(answer, 0, _TAG)


def receive(comm: Any, timeout: float | None) -> tuple[int, Any] | None:
    """The next message and the rank it is from; None after ``timeout`` seconds.

    MPI itself waits by spinning, which takes a core from whoever is at work on it: after a millisecond this naps.
    """
    status = importlib.import_module("mpi4py.MPI").Status()
    end = None if timeout is None else time.monotonic() + timeout
    looks = 0
    while True:
        message = comm.improbe(tag=_TAG, status=status)
        if message is not None:
            return status.source, message.recv()
        if end is not None and time.monotonic() >= end:
            return None
        looks += 1
        if looks > _SPINS:
            time.sleep(min(_LONGEST_NAP, 1e-7 * looks))


def _answer(host: Host, what: str, details: Any) -> Any:
    """What ``host`` answers; the text of an error where it fails, for the driver to raise."""
    try:
        return getattr(host, what)(*details)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"A worker failed: {type(error).__name__}: {error} ({where.name}, line {where.lineno})."
