"""``qalgs rehearse``: try programs for IBM's machines against a stand-in on this computer."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
import time
from pathlib import Path
from typing import Annotated

import tyro

from qalgs.checks import argument
from qalgs_backends.testing import RehearsalServer


def rehearse(
    device: Annotated[str, tyro.conf.Positional] = "fake_manila",
    noise: bool = False,
    port: int = 0,
    seconds: float | None = None,
) -> None:
    """Serve a fake IBM machine on this computer, until interrupted, and print the settings that lead to it.

    IBM's client library and `ibm:ibm_rehearsal` then work without an account; no request leaves this computer.

    Args:
        device: a fake device, such as fake_manila or fake_fez.
        noise: give jobs the device's noise; large devices then take seconds for each job.
        port: on 127.0.0.1; 0 for a free one.
        seconds: stop after so long; None to go on until interrupted.
    """
    if seconds is not None and not seconds > 0:
        raise ValueError(argument("seconds", "be positive", f"it is {seconds:g}"))
    with tempfile.TemporaryDirectory() as folder, RehearsalServer(device, noise=noise, port=port) as server:
        print(f"# {device} answers as {server.name} at {server.url}. In another terminal:")
        # Rehearsed jobs have a store of their own: they are gone with the server.
        settings = server.environment() | {"QALGS_JOBS": str(Path(folder) / "jobs.sqlite")}
        for name, value in settings.items():
            print(f"export {name}={shlex.quote(value)}")
        print(f"# then use the backend ibm:{server.name}. Interrupt to stop.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            _wait(seconds)
        jobs = len(server.jobs)
        print(f"# {len(server.requests)} requests, {jobs} {'job' if jobs == 1 else 'jobs'}")


def _wait(seconds: float | None) -> None:
    end = None if seconds is None else time.monotonic() + seconds
    while end is None or time.monotonic() < end:
        time.sleep(0.2 if end is None else max(0.0, min(0.2, end - time.monotonic())))
