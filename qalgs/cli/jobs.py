"""``qalgs jobs``: what was sent to quantum computers, and what has become of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import tyro

from qalgs.backends import BackendError
from qalgs.checks import argument
from qalgs_backends.errors import JobError
from qalgs_backends.jobs.record import JobRecord
from qalgs_backends.jobs.remote import Remote
from qalgs_backends.jobs.remotes import connect
from qalgs_backends.jobs.store import JobStore


def jobs(
    action: Annotated[Literal["list", "wait", "resume", "cancel"], tyro.conf.Positional] = "list",
    keys: Annotated[tuple[str, ...], tyro.conf.Positional] = (),
    store: Path | None = None,
    timeout: float | None = None,
) -> None:
    """List, wait for, resume or cancel jobs on quantum computers.

    Args:
        action: list shows jobs without asking anyone; wait waits for results and keeps them; resume looks for jobs
            whose sending was interrupted and keeps the results that are there; cancel asks for jobs to be stopped.
        keys: beginnings of keys as list shows them; none for all jobs that have not ended. cancel needs at least one.
        store: file of the jobs; QALGS_JOBS or the user's data folder when not given.
        timeout: seconds that wait waits for each job; no limit when not given.
    """
    kept = JobStore(store)
    if action == "list":
        _list([kept.record(key) for key in keys] if keys else list(kept.list()), kept)
        return
    if action == "cancel" and not keys:
        raise ValueError(argument("keys", "name the jobs to cancel", "there are none"))
    chosen = [kept.record(key) for key in keys] if keys else [job for job in kept.list() if not job.ended]
    if not chosen:
        print("all jobs have ended")
        return
    steps = {"wait": lambda r, j: _wait(kept, r, j, timeout), "resume": lambda r, j: _resume(kept, r, j)}
    steps["cancel"] = lambda r, j: kept.cancel(r, j.key)
    _each(chosen, steps[action])


def _each(chosen: list[JobRecord], step: Callable[[Remote, JobRecord], str]) -> None:
    """Take the step for every job, whatever becomes of the others; complain at the end."""
    remotes: dict[str, Remote] = {}
    bad = 0
    for job in chosen:
        try:
            if job.machine not in remotes:
                remotes[job.machine] = connect(job.machine)
            said = step(remotes[job.machine], job)
        except (BackendError, TimeoutError) as error:
            bad, said = bad + 1, str(error)
        print(f"{job.key[:12]}  {said}", flush=True)
    if bad:
        raise JobError(f"{bad} of {len(chosen)} jobs have no result")


def _wait(kept: JobStore, remote: Remote, job: JobRecord, timeout: float | None) -> str:
    def watch(state: str, text: str, seconds: float) -> None:
        sys.stderr.write(f"{job.key[:12]}  {state} after {seconds:.0f} s {text}".rstrip() + "\n")

    try:
        result = kept.wait(remote, job.key, timeout, watch)
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"{interrupt}\n")
        raise
    shapes = ", ".join(f"{name} {array.shape}" for name, array in result.arrays.items())
    return f"done: {shapes}"


def _resume(kept: JobStore, remote: Remote, job: JobRecord) -> str:
    state = kept.locate(remote, job.key)
    ended = "; its program sends it again with resume" if state in ("failed", "cancelled") else ""
    return f"{state}{ended}"


def _list(records: list[JobRecord], kept: JobStore) -> None:
    print(f"{'key':14}{'state':11}{'machine':16}{'sent (UTC)':18}{'POSTs':>5}{'QPU s':>8}  job")
    for job in records:
        sent = "-" if job.posted_at is None else f"{datetime.fromtimestamp(job.posted_at, UTC):%Y-%m-%d %H:%M}"
        used = "-" if job.usage is None else f"{job.usage:.1f}"
        line = f"{job.key[:12]:14}{job.state:11}{job.machine:16}{sent:18}{job.attempts:>5}{used:>8}"
        error = f"  {job.error.splitlines()[0][:80]}" if job.error else ""
        print(f"{line}  {job.job_id or '-'}{error}")
    total = kept.usage()
    print(f"{len(records)} jobs in {kept.path}; all jobs used {total.quantum_seconds:.1f} quantum seconds")
