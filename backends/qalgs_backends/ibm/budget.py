"""What a run on a quantum processor takes, and the guard that keeps it within a budget."""

from __future__ import annotations

import threading

from qalgs_backends.checks import argument, real
from qalgs_backends.errors import BudgetError

_JOB_OVERHEAD = 2.0
"""Seconds a job takes besides its executions; the rule of thumb of IBM's documentation, not measured here."""
LONGEST = 10_800.0
"""Quantum seconds that the service grants one job."""


def quantum_seconds(executions: int, seconds_each: float) -> float:
    """Estimated time on the processor of one job.

    Args:
        executions: circuit executions.
        seconds_each: circuit, readout and the pause before the next one.
    """
    return _JOB_OVERHEAD + executions * seconds_each


class Budget:
    """Quantum seconds that may still be spent; jobs count with their limit until their use is known."""

    def __init__(self, seconds: float | None) -> None:
        """Allow ``seconds`` in all; None allows what the account does.

        Raises:
            ValueError: it is not positive.
        """
        self.seconds = None if seconds is None else real(seconds, "budget_seconds", above=0.0)
        self._held: dict[str, float] = {}
        self._lock = threading.Lock()

    @property
    def remaining(self) -> float | None:
        """Seconds left; None without a budget."""
        with self._lock:
            return self._remaining()

    def reserve(self, key: str, estimate: float, max_seconds: float | None) -> float:
        """Set seconds aside for a job and return its limit.

        Args:
            key: the job's.
            estimate: seconds it is expected to take.
            max_seconds: limit asked for; None takes three times the estimate and ten seconds more, within the budget.

        Raises:
            BudgetError: the job would not fit into its limit or into what is left.
        """
        with self._lock:
            left = self._remaining(without=key)
            limit = min(3 * estimate + 10, LONGEST) if max_seconds is None else max_seconds
            if max_seconds is None and left is not None:
                limit = min(limit, left)
            if limit > LONGEST:
                must = f"be at most {LONGEST:g}, the service's limit"
                raise ValueError(argument("max_seconds", must, f"it is {limit:g}"))
            if left is not None and max(limit, estimate) > left:
                raise BudgetError(
                    f"The run may take {max(limit, estimate):.1f} quantum seconds (estimate {estimate:.1f}), "
                    f"but {max(left, 0.0):.1f} of the budget's {self.seconds:g} are left. Nothing was submitted."
                )
            if estimate > limit:
                raise BudgetError(
                    f"The run takes about {estimate:.1f} quantum seconds, more than its limit of {limit:.1f}. "
                    "Nothing was submitted."
                )
            self._held[key] = max(limit, 1.0)
            return self._held[key]

    def settle(self, key: str, used: float) -> None:
        """Replace what was set aside for a job by what it used; 0 frees it. Jobs never reserved here do not count."""
        with self._lock:
            if key in self._held:
                self._held[key] = used

    def _remaining(self, without: str | None = None) -> float | None:
        if self.seconds is None:
            return None
        return self.seconds - sum(held for key, held in self._held.items() if key != without)
