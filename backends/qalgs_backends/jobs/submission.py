"""Sending a job once, whatever happens: to the network, to this program, or to another that sends the same.

The right to send a job is a lease in the table. Who holds it asks the service for the job's tag before it sends
anything that may have been sent before, and again whenever the answer to a POST is lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from qalgs_backends.errors import AuthError, BackendError, JobError, TransientError
from qalgs_backends.jobs import polling
from qalgs_backends.jobs.leases import new_owner
from qalgs_backends.jobs.polling import JobPolicy, delays, patiently, retry_after
from qalgs_backends.jobs.remote import Remote
from qalgs_backends.jobs.table import JobRecord, JobTable

_log = logging.getLogger(__name__)
# Tags are unique, so looking further back than a wrong clock may be off costs nothing.
_CLOCK_ERROR = timedelta(days=1)


@dataclass(frozen=True, eq=False)
class Submission:
    """The way of jobs to one service."""

    table: JobTable
    remote: Remote
    policy: JobPolicy

    def send(self, key: str, payload_factory: Callable[[], Any], spec: Mapping[str, Any], max_seconds: float) -> None:
        """Send the job of ``key`` unless the service has it; returns when its row has an id or has ended."""
        with self._claimed(key, spec) as (record, owner):
            if owner is not None and not (record.posted_at is not None and self._adopt(record)):
                self._post(record, payload_factory(), max_seconds, owner)

    def locate(self, record: JobRecord) -> None:
        """Ask the service for a job that was written down but has no id.

        Raises:
            JobError: it does not have it, and now never will.
        """
        with self._claimed(record.key, record.spec) as (current, owner):
            if owner is None or (current.posted_at is not None and self._adopt(current)):
                return
            if current.posted_at is not None:
                self.table.end(record.key, None, "failed", f"{record.machine} never saw it")
        raise JobError(f"Job {record.key[:12]} never reached {record.machine}; run its program again to send it.")

    @contextmanager
    def _claimed(self, key: str, spec: Mapping[str, Any]) -> Iterator[tuple[JobRecord, str | None]]:
        """The row, and a name under which it is ours to send; None when it has an id or has ended."""
        owner = new_owner()
        record, mine = self._claim(key, spec, owner)
        try:
            yield record, owner if mine else None
        finally:
            if mine:
                self.table.release(key, owner)

    def _claim(self, key: str, spec: Mapping[str, Any], owner: str) -> tuple[JobRecord, bool]:
        for delay in delays(0.05, 2.0):
            record, mine = self.table.claim(key, self.remote.name, spec, owner, self.policy.lease_seconds)
            if mine or record.state != "intent":
                return record, mine
            polling.sleep(delay)
        raise AssertionError("delays never end")

    def _post(self, record: JobRecord, payload: Any, max_seconds: float, owner: str) -> None:
        """Send a job until the service has it for certain, or has refused it."""
        for attempt in range(1, self.policy.tries + 1):
            self._await_turn(record.key, owner)
            try:
                job_id = self.remote.post(payload, tag=record.tag, max_seconds=max_seconds)
            except Exception as error:
                if isinstance(error, BackendError) and error.refused:
                    # There is no job of this try; there may be one of an earlier try.
                    if attempt == 1 and record.posted_at is None:
                        self.table.never_sent(record.key)
                    raise
                self._note(record.key, error)
                if isinstance(error, AuthError):
                    raise
                if self._adopt(record):
                    return
                if attempt == self.policy.tries or not isinstance(error, TransientError):
                    raise
            else:
                self._keep_id(record, job_id)
                return

    def _await_turn(self, key: str, owner: str) -> None:
        policy = self.policy
        while wait := self.table.take_turn(key, owner, policy.posts_per_minute, policy.lease_seconds):
            _log.info("job %s waits %.0f s for its turn to be sent", key[:12], wait)
            # Short sleeps keep the lease young.
            polling.sleep(min(wait, policy.lease_seconds / 4) + 1e-3)

    def _note(self, key: str, error: Exception) -> None:
        self.table.complain(key, f"{type(error).__name__}: {error}")
        if seconds := retry_after(error):
            self.table.hold(seconds)

    def _adopt(self, record: JobRecord) -> bool:
        """Whether the service has the job; it is asked until a job it has must have become visible."""
        since = datetime.fromtimestamp(record.intended, UTC) - _CLOCK_ERROR
        for share in (0.0, 0.2, 0.8):
            polling.sleep(share * self.policy.grace_seconds)
            job_id = patiently(lambda: self.remote.find(record.tag, created_after=since), self.policy)
            if job_id is not None:
                _log.warning("job %s had reached %s already, as %s", record.key[:12], record.machine, job_id)
                self._keep_id(record, job_id)
                return True
        return False

    def _keep_id(self, record: JobRecord, job_id: str) -> None:
        kept = self.table.submitted(record.key, job_id)
        if kept != job_id:
            _log.warning("job %s was sent twice, as %s and %s; the second is cancelled", record.key[:12], kept, job_id)
            patiently(lambda: self.remote.cancel(job_id), self.policy)
