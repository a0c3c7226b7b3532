"""What a run on a quantum processor takes, in how many jobs, and the guard that keeps it within a budget."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping

from qalgs_backends.base import Cost
from qalgs_backends.checks import argument, real
from qalgs_backends.errors import BudgetError
from qalgs_backends.ibm.options import IBMOptions

_JOB_OVERHEAD = 2.0
"""Seconds a job takes besides its executions; the rule of thumb of IBM's documentation, not measured here."""
LONGEST = 10_800.0
"""Quantum seconds that the service grants one job."""


def job_cost(num_bases: int, num_points: int, shots: int, options: IBMOptions, seconds: tuple[float, float]) -> Cost:
    """What one job takes: circuit executions, exactly, and quantum seconds, by estimate.

    Args:
        num_bases: measurements of each point.
        num_points: points of the job.
        shots: shots of each measurement.
        options: with twirling, which rounds shots up, and mitigation, which adds circuits.
        seconds: the pause before an execution; the circuit and its readout.
    """
    learning = options.calibration_shots(shots)
    circuits = num_points * num_bases * options.num_repetitions
    executions = circuits * options.effective_shots(shots) + learning
    each = seconds[0] + seconds[1] * options.stretch
    return Cost(executions, circuits + (learning > 0), 1, _JOB_OVERHEAD + executions * each, 0.0)


def job_sizes(num_bases: int, num_points: int, shots: int, options: IBMOptions) -> list[int]:
    """Points of each job of a run, as alike as may be, so that none is over the limits of the options.

    Raises:
        ValueError: one point alone is.
    """
    each = num_bases * options.num_repetitions * options.effective_shots(shots)
    learning = options.calibration_shots(shots)
    largest = (options.max_executions - learning) // each
    if largest < 1:
        must = f"keep bases x shots of one point within {options.max_executions} executions a job"
        raise ValueError(argument("shots", must, f"it comes to {each + learning}"))
    number = -(-num_points // min(largest, options.max_points or largest))
    return [num_points // number + (k < num_points % number) for k in range(number)]


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

    def reserve(self, estimates: Mapping[str, float], max_seconds: float | None) -> dict[str, float]:
        """Set seconds aside for the jobs of one run, for all or for none, and return their limits.

        Args:
            estimates: seconds that each job, named by its key, is expected to take.
            max_seconds: limit of the run, which its jobs share as they do its estimate; None takes three times each
                estimate and ten seconds more, within the budget.

        Raises:
            ValueError: a job's limit would be over the service's.
            BudgetError: the run would not fit into its limit or into what is left.
        """
        estimate = sum(estimates.values())
        with self._lock:
            left = self._remaining(without=estimates)
            limit = sum(min(3 * each + 10, LONGEST) for each in estimates.values())
            limit = limit if max_seconds is None else max_seconds
            if max_seconds is None and left is not None:
                limit = min(limit, left)
            limits = {key: limit * each / estimate for key, each in estimates.items()}
            if max_seconds is not None and max(limits.values()) > LONGEST:
                must = f"be at most {LONGEST:g} for each of the run's {len(limits)} jobs, the service's limit"
                raise ValueError(argument("max_seconds", must, f"it is {limit:g}"))
            if left is not None and max(limit, estimate) > left:
                raise BudgetError(
                    f"The run may take {max(limit, estimate):.1f} quantum seconds (estimate {estimate:.1f}), "
                    f"but {max(left, 0.0):.1f} of the budget's {self.seconds:g} are left. Nothing was submitted."
                )
            if estimate > limit or max(estimates.values()) > LONGEST:
                raise BudgetError(
                    f"The run takes about {estimate:.1f} quantum seconds, more than its limit of {limit:.1f}. "
                    "Nothing was submitted."
                )
            limits = {key: min(max(each, 1.0), LONGEST) for key, each in limits.items()}
            self._held |= limits
            return limits

    def settle(self, key: str, used: float) -> None:
        """Replace what was set aside for a job by what it used; 0 frees it. Jobs never reserved here do not count."""
        with self._lock:
            if key in self._held:
                self._held[key] = used

    def _remaining(self, without: Collection[str] = ()) -> float | None:
        if self.seconds is None:
            return None
        return self.seconds - sum(held for key, held in self._held.items() if key not in without)
