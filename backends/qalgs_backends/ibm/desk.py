"""Where the runs of an IBM machine become stored jobs, within a budget, and their results become values.

Axes: K points, p parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs_backends.base import Cost, Counts, Values
from qalgs_backends.errors import BackendError
from qalgs_backends.ibm.budget import Budget, job_cost
from qalgs_backends.ibm.compile import Executable
from qalgs_backends.ibm.options import IBMOptions
from qalgs_backends.ibm.remote import IBMRemote, Payload
from qalgs_backends.jobs.answers import unpack
from qalgs_backends.jobs.batch import Chunk, JobBatch
from qalgs_backends.jobs.remote import RemoteResult
from qalgs_backends.jobs.store import JobStore
from qalgs_backends.jobs.stored import StoredJob


@dataclass(frozen=True, eq=False)
class Desk:
    """What submits the jobs of one machine."""

    store: JobStore
    remote: IBMRemote
    budget: Budget
    options: IBMOptions
    pause: float
    """Seconds between executions."""

    def cost(self, executable: Executable, num_points: int, shots: int) -> Cost:
        """What one job takes."""
        return job_cost(executable.num_bases, num_points, shots, self.options, (self.pause, executable.seconds))

    def post(
        self,
        parts: dict[str, NDArray[np.float64]],
        executable: Executable,
        shots: int,
        max_seconds: float | None,
        facts: Mapping[str, Any],
    ) -> StoredJob | JobBatch:
        """Submit a job for the points of each key, or none of them when the budget does not cover all.

        Args:
            parts: (K, p) points by the key of their job.
            executable: of all of them.
            shots: of each point and basis.
            max_seconds: quantum seconds, shared; None derives them from the estimate.
            facts: to be kept with each job.

        Raises:
            BudgetError: the jobs would cost more than they may.
            BackendError: one could not be submitted.
        """
        costs = {key: self.cost(executable, len(points), shots) for key, points in parts.items()}
        limits = self.budget.reserve({key: cost.quantum_seconds for key, cost in costs.items()}, max_seconds)
        sent: set[str] = set()

        def chunk(key: str, points: NDArray[np.float64]) -> Chunk:
            def payload() -> Payload:
                sent.add(key)
                executed = executable.points(points)[:, list(executable.columns)]
                return Payload(executable.circuit, executed, shots, self.options, executable.observables)

            def decode(result: RemoteResult, used: Cost) -> Values | Counts:
                if result.facts.get("quantum_seconds") is not None:
                    self.budget.settle(key, used.quantum_seconds)
                return _decode(executable, result, used, self.options.effective_shots(shots))

            cost = costs[key]
            spec = {"shots": cost.shots, "circuits": cost.circuits, "estimated_seconds": cost.quantum_seconds}
            return Chunk(key, payload, spec | dict(facts), limits[key], len(points), decode)

        batch = JobBatch(self.store, self.remote, [chunk(key, points) for key, points in parts.items()])
        try:
            batch.submit(resend=self.options.resend)
        except BackendError:
            sent &= {record.key for record in self.store.list() if record.posted_at is not None}
            raise
        finally:
            for key in costs.keys() - sent:
                self.budget.settle(key, 0.0)
        return batch if len(parts) > 1 else batch.jobs()[0]


def _decode(executable: Executable, result: RemoteResult, cost: Cost, shots: int) -> Values | Counts:
    answer = unpack(result, cost)
    if isinstance(answer, Values):
        values = answer.values * executable.varying + executable.constants
        return Values(values, answer.values_err * executable.varying, shots, cost)
    if executable.grouping is None:
        return answer
    values, errors = executable.grouping.estimate(answer.outcomes, answer.shots)
    return Values(values, errors, answer.shots, cost)
