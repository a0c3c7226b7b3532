"""The job store: nothing is submitted twice, and nothing finished is lost.

Before a job is sent, its key is written to disk; then it is sent with a tag made from the key; then the service's id is
kept. Whatever dies in between, the next run of the same program asks the service for the tag before it sends anything.
Results are kept when they are first seen, so a finished program runs again without a single request.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qalgs_backends.base import Cost
from qalgs_backends.checks import argument, real
from qalgs_backends.errors import JobError, TransientError
from qalgs_backends.jobs import polling
from qalgs_backends.jobs.answers import unpack
from qalgs_backends.jobs.polling import JobPolicy, delays, patiently, retry_after
from qalgs_backends.jobs.record import ENDED, JobRecord, JobState, default_path
from qalgs_backends.jobs.remote import Remote, RemoteResult, RemoteState
from qalgs_backends.jobs.stored import Decode, StoredJob, Watch
from qalgs_backends.jobs.submission import Submission
from qalgs_backends.jobs.table import JobTable
from qalgs_backends.redaction import refuse_secrets

_log = logging.getLogger(__name__)


class JobStore:
    """Jobs of remote services, kept in one file that many programs may share.

    Args:
        path: the file; by default QALGS_JOBS or the platform's folder for data of programs.
        policy: how often to ask and to send.

    Raises:
        BackendError: the file cannot be used or is damaged.
    """

    def __init__(self, path: str | Path | None = None, *, policy: JobPolicy | None = None) -> None:
        self.path = default_path() if path is None else Path(path).expanduser()
        self.policy = policy or JobPolicy()
        self._table = JobTable(self.path)

    def submit(
        self,
        remote: Remote,
        key: str,
        payload_factory: Callable[[], Any],
        spec: Mapping[str, Any],
        max_seconds: float,
        *,
        decode: Decode = unpack,
    ) -> StoredJob:
        """The job of ``key``: sent when it never was, and otherwise the one that was, whatever became of it.

        Args:
            remote: the service.
            key: from ``job_key``; 64 hexadecimal digits.
            payload_factory: makes what is sent; called only when something is.
            spec: JSON values that describe the job in lists; ``executions`` (or else ``shots``) and ``circuits``, both
                over all points, count as its cost.
            max_seconds: quantum seconds after which the service is to stop it.
            decode: makes values or counts of the service's result and the job's cost.

        Raises:
            ValueError: ``key`` is no key, or belongs to another machine; ``spec`` names an account.
            TransientError: the service did not answer, and did not show the job either. The next call looks again
                before it sends.
            AuthError: the service refused the account.
            BackendError: the service refused the job, or the store cannot be used.
        """
        max_seconds = real(max_seconds, "max_seconds", above=0.0)
        _check_key(key)
        _check_spec(spec)
        known = self._table.record(key)
        if known is not None:
            self._same_machine(known, remote)
        if known is None or known.state == "intent":
            self._submission(remote).send(key, payload_factory, spec, max_seconds)
        return self.job(remote, key, decode=decode)

    def resume(
        self,
        remote: Remote,
        key: str,
        payload_factory: Callable[[], Any],
        spec: Mapping[str, Any],
        max_seconds: float,
        *,
        decode: Decode = unpack,
    ) -> StoredJob:
        """As ``submit``, but a job that failed or was cancelled is sent again."""
        record = self._table.record(key)
        if record is not None:
            self._same_machine(record, remote)
            self._table.reopen(key)
        return self.submit(remote, key, payload_factory, spec, max_seconds, decode=decode)

    def job(self, remote: Remote, key: str, *, decode: Decode = unpack) -> StoredJob:
        """A job that is in the store.

        Raises:
            ValueError: it is not, or belongs to another machine.
        """
        self._same_machine(self.record(key), remote)
        return StoredJob(self, remote, key, decode)

    def record(self, key: str) -> JobRecord:
        """What is known about a job; the beginning of its key is enough where it is the only one.

        Raises:
            ValueError: no job, or more than one, has such a key.
        """
        exact = self._table.record(key)
        if exact is not None:
            return exact
        found = [record for record in self._table.records() if key and record.key.startswith(key)]
        if len(found) != 1:
            but = f"{len(found) or 'none'} of the store's begin with {key!r}"
            raise ValueError(argument("key", "be that of one job", but))
        return found[0]

    def list(self, *, state: JobState | None = None, machine: str | None = None) -> tuple[JobRecord, ...]:
        """Jobs, oldest first; those in ``state`` and of ``machine`` where these are given."""
        return tuple(
            record
            for record in self._table.records()
            if state in (None, record.state) and machine in (None, record.machine)
        )

    def refresh(self, remote: Remote, key: str) -> RemoteState:
        """Where a job stands; a result or an end that is seen is kept. No request when it has ended.

        Raises:
            TransientError: the service did not answer.
        """
        return self._look(remote, self.record(key))[0]

    def locate(self, remote: Remote, key: str) -> RemoteState:
        """Where a job stands, after asking the service for one whose sending was interrupted.

        Raises:
            JobError: the service never saw it.
        """
        record = self.record(key)
        self._same_machine(record, remote)
        self._sent(remote, record)
        return patiently(lambda: self.refresh(remote, record.key), self.policy)

    def wait(
        self, remote: Remote, key: str, timeout: float | None = None, callback: Watch | None = None
    ) -> RemoteResult:
        """The result of a job, when it is done.

        The service is asked less and less often, at most every ``policy.longest_poll_seconds``; a service that does
        not answer is asked on.

        Args:
            remote: the service.
            key: of a job in the store.
            timeout: seconds; None to wait for ever.
            callback: called when the state changes.

        Raises:
            JobError: it failed, was cancelled, or the service never saw it.
            TimeoutError: it is not done in time; waiting again goes on.
            KeyboardInterrupt: as usual, and the message says how to go on.
        """
        record = self.record(key)
        self._same_machine(record, remote)
        if not record.ended:
            record = self._sent(remote, record)
            try:
                self._poll(remote, record, timeout, callback)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(
                    f"{record} goes on without this program; run it again, or `qalgs jobs wait {record.key[:12]}`."
                ) from None
        return self._result(record.key)

    def cancel(self, remote: Remote, key: str) -> RemoteState:
        """Ask for a job to be stopped; returns where it stands then. One that was never sent is not sent any more."""
        record = self.record(key)
        self._same_machine(record, remote)
        try:
            record = self._sent(remote, record)
        except JobError:
            return "cancelled"
        if not record.ended:
            patiently(lambda: remote.cancel(str(record.job_id)), self.policy)
        return patiently(lambda: self.refresh(remote, record.key), self.policy)

    def forget(self, key: str) -> None:
        """Drop a job that has ended, and its result; the next run of its program pays for it again.

        Raises:
            ValueError: it has not ended, or is not in the store.
        """
        self._table.delete(self.record(key).key)

    def usage(self, *, machine: str | None = None) -> Cost:
        """What all jobs have used, as far as the services have said."""
        return sum((record.cost for record in self.list(machine=machine)), Cost())

    def _submission(self, remote: Remote) -> Submission:
        return Submission(self._table, remote, self.policy)

    def _sent(self, remote: Remote, record: JobRecord) -> JobRecord:
        """The row with the service's id; for an intent, the service is asked."""
        if record.job_id is None and not record.ended:
            self._submission(remote).locate(record)
        return self.record(record.key)

    def _poll(self, remote: Remote, record: JobRecord, timeout: float | None, callback: Watch | None) -> None:
        began, seen = polling.now(), None
        for delay in delays(self.policy.first_poll_seconds, self.policy.longest_poll_seconds):
            try:
                state, text = self._look(remote, self.record(record.key))
            except TransientError as error:
                _log.info("%s does not answer (%s); asking on", record.machine, type(error).__name__)
                delay = min(self.policy.longest_poll_seconds, max(delay, retry_after(error)))
            else:
                if callback is not None and (state, text) != seen:
                    callback(state, text, polling.now() - began)
                seen = (state, text)
                if state in ENDED:
                    return
            left = delay if timeout is None else timeout - (polling.now() - began)
            if left <= 0:
                raise TimeoutError(f"{record} was not done after {timeout:g} s; it goes on, and can be waited for.")
            polling.sleep(min(delay, left))

    def _look(self, remote: Remote, record: JobRecord) -> tuple[RemoteState, str]:
        """State and words of a job; asks the service unless it has ended, and keeps what it says."""
        if record.state == "done" or record.state == "failed" or record.state == "cancelled":
            return record.state, record.error or ""
        if record.job_id is None:
            return "queued", "not sent yet"
        state, text = remote.state(record.job_id)
        if state == "done":
            result = remote.result(record.job_id)
            usage = result.facts.get("quantum_seconds")
            self._table.finish(record.key, record.job_id, result, None if usage is None else float(usage))
        elif state == "failed" or state == "cancelled":
            self._table.end(record.key, record.job_id, state, text)
        return state, text

    def _result(self, key: str) -> RemoteResult:
        record = self.record(key)
        if record.state != "done":
            why = f": {record.error}" if record.error else ""
            raise JobError(
                f"{record} {'was cancelled' if record.state == 'cancelled' else 'failed'}{why}. It is sent "
                "again only when asked for: `resume`, or `repeat` in its key."
            )
        return self._table.result(key)

    def _same_machine(self, record: JobRecord, remote: Remote) -> None:
        if record.machine != remote.name:
            must = f"be {record.machine}'s, where job {record.key[:12]} belongs"
            raise ValueError(argument("remote", must, f"it is {remote.name}'s"))


def _check_key(key: Any) -> None:
    if not isinstance(key, str) or len(key) != 64 or set(key) - set("0123456789abcdef"):
        raise ValueError(argument("key", "be 64 hexadecimal digits, as `job_key` gives", f"it is {key!r}"))


def _check_spec(spec: Mapping[str, Any]) -> None:
    refuse_secrets(spec, "spec")
    try:
        json.dumps(dict(spec), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(argument("spec", "hold JSON values", str(error))) from None
