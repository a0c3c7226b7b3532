"""A large run in chunks, each a job of its own: what is done stays done when another chunk fails.

Axes: K points in all, k points of a chunk, o observables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from qalgs_backends.base import Cost, Counts, Values
from qalgs_backends.checks import argument, positive_int
from qalgs_backends.errors import JobError
from qalgs_backends.jobs import polling
from qalgs_backends.jobs.answers import unpack
from qalgs_backends.jobs.remote import Remote, RemoteState
from qalgs_backends.jobs.store import JobStore
from qalgs_backends.jobs.stored import Decode, StoredJob

_ORDER: tuple[RemoteState, ...] = ("failed", "cancelled", "running", "queued")


@dataclass(frozen=True, eq=False)
class Chunk:
    """One job of a batch."""

    key: str
    payload_factory: Callable[[], Any]
    spec: Mapping[str, Any]
    max_seconds: float
    num_points: int
    """k: rows of the answer that this chunk gives."""
    decode: Decode = unpack
    """Makes them of the service's result."""

    def __post_init__(self) -> None:
        positive_int(self.num_points, "num_points")


@dataclass(frozen=True, eq=False)
class JobBatch:
    """Jobs whose answers, one below the other, are the answer of the whole."""

    store: JobStore = field(repr=False)
    remote: Remote = field(repr=False)
    chunks: Sequence[Chunk] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.chunks or len(set(self.keys)) != len(self.chunks):
            raise ValueError(argument("chunks", "be at least one, with distinct keys", f"the keys are {self.keys}"))

    @property
    def keys(self) -> tuple[str, ...]:
        """Key of each chunk."""
        return tuple(chunk.key for chunk in self.chunks)

    @property
    def id(self) -> str:
        """The chunks' ids, joined by commas."""
        return ",".join(job.id for job in self.jobs())

    def jobs(self) -> tuple[StoredJob, ...]:
        """The chunks' jobs.

        Raises:
            ValueError: one was never submitted.
        """
        return tuple(self.store.job(self.remote, chunk.key, decode=chunk.decode) for chunk in self.chunks)

    @property
    def cost(self) -> Cost:
        """What the chunks have used, as far as the service has said."""
        return reduce(add, (job.cost for job in self.jobs()), Cost())

    def submit(self, *, resend: bool = False) -> JobBatch:
        """Send the chunks that never were, and with ``resend`` those that failed or were cancelled. Returns the batch.

        Raises:
            TransientError: the service did not answer; submitting again goes on from there.
            AuthError: the service refused the account.
        """
        send = self.store.resume if resend else self.store.submit
        for chunk in self.chunks:
            send(self.remote, chunk.key, chunk.payload_factory, chunk.spec, chunk.max_seconds)
        return self

    def resume(self) -> tuple[RemoteState, ...]:
        """Keep what is done, and send again what failed, was cancelled or was never sent; returns ``statuses()``."""
        known = {record.key for record in self.store.list() if record.job_id is not None}
        for chunk in self.chunks:
            if chunk.key in known:
                self.store.job(self.remote, chunk.key).status()
        return self.submit(resend=True).statuses()

    def statuses(self) -> tuple[RemoteState, ...]:
        """Where each chunk stands; results that are there are kept."""
        return tuple(job.status() for job in self.jobs())

    def status(self) -> RemoteState:
        """Done when all chunks are; otherwise failed, cancelled, running or queued, the first that any chunk is."""
        seen = self.statuses()
        undone: list[RemoteState] = [state for state in _ORDER if state in seen]
        return undone[0] if undone else "done"

    def cancel(self) -> None:
        """Ask for every chunk to be stopped."""
        for job in self.jobs():
            job.cancel()

    def result(self, timeout: float | None = None, *, allow_partial: bool = False) -> Values | Counts:
        """The whole answer; waits for every chunk, at most ``timeout`` seconds in all.

        Args:
            timeout: seconds; None to wait for ever.
            allow_partial: give what there is when chunks have failed, were cancelled or are not done in time. Their
                rows are NaN in values, with NaN as errors, and without any outcome in counts.

        Raises:
            JobError: a chunk failed and ``allow_partial`` is False, or none is done.
            TimeoutError: a chunk is not done in time and ``allow_partial`` is False.
        """
        until = None if timeout is None else polling.now() + timeout
        parts: list[Values | Counts | None] = []
        for job in self.jobs():
            try:
                parts.append(job.result(None if until is None else max(0.0, until - polling.now())))
            except (JobError, TimeoutError):
                if not allow_partial:
                    raise
                parts.append(None)
        return _joined(parts, [chunk.num_points for chunk in self.chunks], self.cost)


def _joined(parts: list[Values | Counts | None], sizes: list[int], cost: Cost) -> Values | Counts:
    known = next((part for part in parts if part is not None), None)
    if known is None:
        raise JobError("No job of the batch has a result.")
    if isinstance(known, Counts):
        outcomes: list[dict[int, int]] = []
        for part, k in zip(parts, sizes, strict=True):
            outcomes += part.outcomes if isinstance(part, Counts) else [{} for _ in range(k)]
        return Counts(tuple(outcomes), known.num_bits, known.shots, cost)
    width = known.values.shape[1]
    missing = [np.full((k, width), np.nan) for k in sizes]
    pairs = list(zip(parts, missing, strict=True))
    values = np.concatenate([part.values if isinstance(part, Values) else nan for part, nan in pairs])
    errors = np.concatenate([part.values_err if isinstance(part, Values) else nan for part, nan in pairs])
    return Values(values, errors, known.shots, cost)
