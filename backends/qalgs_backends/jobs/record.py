"""What is known about a job, where such knowledge is kept, and how a result is written."""

from __future__ import annotations

import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from qalgs_backends.base import Cost
from qalgs_backends.jobs.remote import RemoteResult
from qalgs_backends.redaction import redact

JobState = Literal["intent", "submitted", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class JobRecord:
    """What the store knows about a job, without its result."""

    key: str
    tag: str
    """What the service's list of jobs finds it by."""
    state: JobState
    job_id: str | None
    """The service's name for it; None until the service has answered."""
    machine: str
    created: float
    """Seconds since 1970, UTC, as are the other times."""
    updated: float
    attempts: int
    """POSTs so far, lost ones included."""
    spec: dict[str, Any]
    """What the program said about it: shots, circuits and the like."""
    usage: float | None
    """Quantum seconds; None until the service has said."""
    error: str | None
    """The last complaint, of the service or about it."""
    intended: float
    """When this attempt was written down; later than ``created`` where a failed job is sent again."""
    posted_at: float | None
    """When it was last sent; None when it was not."""

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in ENDED

    @property
    def cost(self) -> Cost:
        """What it has used: shots and circuits as its program said, quantum seconds as the service said."""
        shots = self.spec.get("executions", self.spec.get("shots"))
        wall = self.updated - self.intended if self.ended else 0.0
        jobs = int(self.posted_at is not None)
        return Cost(int(shots or 0), int(self.spec.get("circuits") or 0), jobs, self.usage or 0.0, wall)

    def __str__(self) -> str:
        name = f"{self.job_id} (key {self.key[:12]})" if self.job_id else self.key[:12]
        return f"Job {name} on {self.machine}"


def tag_of(key: str, generation: int = 0) -> str:
    """The tag of a job; one that is sent again after it failed has another tag than the failed one."""
    return f"qa-{key[:24]}" + (f"-{generation}" if generation else "")


def default_path() -> Path:
    """QALGS_JOBS, or jobs.sqlite in the platform's folder for data of programs."""
    if chosen := os.environ.get("QALGS_JOBS"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    else:
        folder = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return folder / "qalgs" / "jobs.sqlite"


def dump_result(result: RemoteResult) -> tuple[bytes, str]:
    """A result as npz and JSON; whatever looks like a token or an account is taken out of the facts.

    Raises:
        TypeError: an array holds Python objects.
    """
    if bad := [name for name, array in result.arrays.items() if np.asarray(array).dtype.hasobject]:
        raise TypeError(f"Arrays of Python objects are not kept, but {', '.join(bad)} is one.")
    buffer = io.BytesIO()
    # Names go with the facts: as keywords of savez, some would be its own.
    arrays: dict[str, Any] = {f"a{k}": array for k, array in enumerate(result.arrays.values())}
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue(), json.dumps([list(result.arrays), redact(result.facts)], default=_plain)


def load_result(npz: bytes, facts: str) -> RemoteResult:
    """What ``dump_result`` wrote; raises whatever reading damaged bytes raises."""
    names, known = json.loads(facts)
    with np.load(io.BytesIO(npz), allow_pickle=False) as kept:
        return RemoteResult({name: kept[f"a{k}"] for k, name in enumerate(names)}, known)


def _plain(value: Any) -> Any:
    """Facts are plain values; what a service adds to them by surprise is no reason to lose a result."""
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else str(value)
