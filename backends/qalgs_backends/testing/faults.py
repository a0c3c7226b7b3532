"""Faults a rehearsal server can be told to make, and its record of what was asked of it."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Fault:
    """Something that goes wrong for the next requests to one endpoint."""

    method: str
    path: str
    """Regular expression for the whole path below the API's root, such as ``/jobs`` or ``/jobs/.*``."""
    times: int = 1
    """Requests that are still to be hit."""
    status: int | None = None
    """HTTP status of the error that is answered; None answers as usual."""
    code: int = 9999
    """The service's own number for the error."""
    drop: Literal["before", "after"] | None = None
    """Close the connection without an answer, before or after the request has had its effect."""
    delay: float = 0.0
    """Seconds to wait before anything else."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of the error, such as ``Retry-After``."""

    def hits(self, method: str, path: str) -> bool:
        """Whether it applies to a request."""
        return self.times > 0 and self.method == method and re.fullmatch(self.path, path) is not None


@dataclass(frozen=True)
class Request:
    """One request the server received."""

    method: str
    path: str
    """Below the API's root, without the query."""
    size: int
    """Bytes of the body."""
    scheme: str
    """First word of the ``Authorization`` header; the rest of it is not kept."""


@dataclass
class Traffic:
    """The requests so far and the faults to come; used by several threads."""

    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def receive(self, request: Request) -> Fault | None:
        """Record a request; the fault that hits it, if one does."""
        with self.lock:
            self.requests.append(request)
            for fault in self.faults:
                if fault.hits(request.method, request.path):
                    fault.times -= 1
                    return fault
        return None

    def count(self, method: str | None = None, path: str = ".*") -> int:
        """Requests so far with this method (None: any) and a path that matches wholly."""
        with self.lock:
            seen = list(self.requests)
        return sum(method in (None, r.method) and re.fullmatch(path, r.path) is not None for r in seen)
