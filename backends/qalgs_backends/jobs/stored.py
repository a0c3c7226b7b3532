"""A job in a store, as the rest of the house sees jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qalgs_backends.base import Cost, Counts, Values
from qalgs_backends.jobs.answers import unpack
from qalgs_backends.jobs.polling import patiently
from qalgs_backends.jobs.record import JobRecord
from qalgs_backends.jobs.remote import Remote, RemoteResult, RemoteState

if TYPE_CHECKING:
    from qalgs_backends.jobs.store import JobStore

Decode = Callable[[RemoteResult, Cost], Values | Counts]
"""Makes the answer of a service's result and the job's cost."""
Watch = Callable[[RemoteState, str, float], None]
"""Called with a job's state, the service's words about it and the seconds waited, whenever the first two change."""


@dataclass(frozen=True, eq=False)
class StoredJob:
    """A job in a store."""

    store: JobStore = field(repr=False)
    remote: Remote = field(repr=False)
    key: str
    decode: Decode = field(default=unpack, repr=False)

    @property
    def id(self) -> str:
        """The service's name for the job; its tag until the service has answered."""
        record = self.record
        return record.job_id or record.tag

    @property
    def record(self) -> JobRecord:
        """What the store knows about it now."""
        return self.store.record(self.key)

    @property
    def usage(self) -> float | None:
        """Quantum seconds; None until the job has ended and the service has said."""
        return self.record.usage

    @property
    def cost(self) -> Cost:
        """What it has used: shots and circuits as its program said, quantum seconds as the service said."""
        return self.record.cost

    def status(self) -> RemoteState:
        """Where the job stands; no request when it has ended."""
        return patiently(lambda: self.store.refresh(self.remote, self.key), self.store.policy)

    def result(self, timeout: float | None = None, callback: Watch | None = None) -> Values | Counts:
        """The answer; waits for it, at most ``timeout`` seconds.

        Raises:
            JobError: the job failed or was cancelled.
            TimeoutError: it is not done in time.
        """
        answer = self.store.wait(self.remote, self.key, timeout, callback)
        return self.decode(answer, self.cost)

    def cancel(self) -> None:
        """Ask for the job to be stopped."""
        self.store.cancel(self.remote, self.key)
