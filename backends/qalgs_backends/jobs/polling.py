"""Patience: how long to wait between questions to a service, and the clock that says it.

All waiting of the job store goes through ``sleep`` and ``now``, so a test can run an hour in a second.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from qalgs_backends.checks import positive_int, real
from qalgs_backends.errors import TransientError

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobPolicy:
    """How often a service is asked, and how sure to be before a job is sent a second time."""

    posts_per_minute: int = 5
    """Most jobs that all programs of one store send in any 60 seconds."""
    grace_seconds: float = 20.0
    """How long a job that the service took may stay unseen in its list."""
    lease_seconds: float = 600.0
    """How long a program on another computer may be silent before its half-sent job is taken over. Longer than
    any POST takes."""
    first_poll_seconds: float = 1.0
    longest_poll_seconds: float = 300.0
    tries: int = 4
    """How often one call is tried in all."""

    def __post_init__(self) -> None:
        positive_int(self.posts_per_minute, "posts_per_minute")
        positive_int(self.tries, "tries")
        real(self.grace_seconds, "grace_seconds", low=0.0)
        for name in ("lease_seconds", "first_poll_seconds", "longest_poll_seconds"):
            real(getattr(self, name), name, above=0.0)


def now() -> float:
    """Seconds since 1970, UTC."""
    return time.time()


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(max(0.0, seconds))


def delays(first: float, longest: float) -> Iterator[float]:
    """Waiting times in seconds: each up to 1.6 times the one before, never above ``longest``, each 10-20% off.

    The scatter keeps programs that began together from asking together.
    """
    delay = first
    while True:
        yield min(longest, delay * random.uniform(0.8, 1.1))
        delay = min(longest, delay * 1.6)


def retry_after(error: Exception) -> float:
    """Seconds the service asked to wait, 0 when it asked for none."""
    asked = getattr(error, "retry_after", None)
    return float(asked) if isinstance(asked, (int, float)) and asked > 0 else 0.0


def patiently(call: Callable[[], T], policy: JobPolicy) -> T:
    """The answer of ``call``, a question that may be asked again; ``policy.tries`` times in all.

    Raises:
        TransientError: the last try failed, too.
    """
    for attempt, delay in enumerate(delays(policy.first_poll_seconds, policy.longest_poll_seconds), start=1):
        try:
            return call()
        except TransientError as error:
            if attempt == policy.tries:
                raise
            _log.info("asking again in a while: %s", type(error).__name__)
            sleep(min(policy.longest_poll_seconds, max(delay, retry_after(error))))
    raise AssertionError("delays never end")
