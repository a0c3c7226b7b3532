"""What the job store needs of a service that runs jobs for money: the few calls, and what each promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

RemoteState = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, eq=False)
class RemoteResult:
    """The answer of a finished job, in plain values that a database can keep."""

    arrays: dict[str, NDArray[np.generic]]
    """Named arrays; kept as npz without pickles."""
    facts: dict[str, Any]
    """JSON values: metadata, quantum seconds used, warnings."""


class Remote(Protocol):
    """A service that runs jobs. Methods raise ``TransientError`` where trying again may help."""

    name: str
    """Of the machine, such as ibm_fez; part of every job's key."""

    def post(self, payload: Any, *, tag: str, max_seconds: float) -> str:
        """Submit one job that carries ``tag`` and return its id.

        When it raises, the job may exist all the same: the store then looks for the tag. It does not where the error
        is a BackendError that says it was ``refused``.
        """
        ...

    def find(self, tag: str, *, created_after: datetime) -> str | None:
        """The id of the job that carries ``tag``; None when there is none (yet)."""
        ...

    def state(self, job_id: str) -> tuple[RemoteState, str]:
        """Where a job stands, and the service's own words about it."""
        ...

    def result(self, job_id: str) -> RemoteResult:
        """The answer of a job that is done."""
        ...

    def cancel(self, job_id: str) -> None:
        """Ask for a job to be stopped; fine when it has ended."""
        ...
