"""IBM's service as the job store sees it: post, find, state, result, cancel.

Axes: K points, p parameters.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.base import Cost, Counts, Values
from qalgs_backends.errors import ExecutionError, TransientError
from qalgs_backends.ibm.options import IBMOptions, client_options
from qalgs_backends.ibm.service import Connection, Machine
from qalgs_backends.jobs.answers import pack
from qalgs_backends.jobs.remote import RemoteResult, RemoteState

_STATES: dict[str, RemoteState] = {
    "INITIALIZING": "queued",
    "QUEUED": "queued",
    "RUNNING": "running",
    "DONE": "done",
    "CANCELLED": "cancelled",
    "ERROR": "failed",
}
REGISTER = "out"
"""The classical register every submitted circuit measures into."""


@dataclass(frozen=True, eq=False)
class Payload:
    """One job: a circuit in the machine's gates at K points, to be counted, or to be observed with mitigation."""

    circuit: QuantumCircuit
    points: NDArray[np.float64]
    """(K, p), columns in the order of ``circuit.parameters``."""
    shots: int
    options: IBMOptions
    observables: tuple[SparsePauliOp, ...] = ()
    """On the machine's qubits; none to count outcomes."""

    def run(self, mode: Any, tag: str, max_seconds: float) -> Any:
        """Send it through the client's Sampler or Estimator; returns the client's job."""
        from qiskit_ibm_runtime.executor_estimator import Estimator
        from qiskit_ibm_runtime.executor_sampler import Sampler

        mitigated = bool(self.observables)
        options = client_options(self.options, self.shots, tag=tag, max_seconds=max_seconds, mitigated=mitigated)
        primitive = (Estimator if mitigated else Sampler)(mode=mode, options=options)
        return primitive.run(self._pubs())

    def _pubs(self) -> list[tuple[Any, ...]]:
        """What the client takes; a circuit without parameters is listed once for each point."""
        if self.circuit.num_parameters == 0:
            alone = (self.circuit, list(self.observables)) if self.observables else (self.circuit,)
            return [alone] * len(self.points)
        if self.observables:
            return [(self.circuit, [[op] for op in self.observables], self.points)]
        return [(self.circuit, self.points)]


class IBMRemote:
    """Runs jobs through the client's executor-based primitives, in one batch or session that is opened when needed."""

    def __init__(self, connection: Connection, machine: Machine, options: IBMOptions) -> None:
        """Keep the connection; nothing is requested."""
        self.name = machine.name
        self._connection, self._machine, self._options = connection, machine, options
        self._mode: Any = None
        self._lock = threading.Lock()

    def post(self, payload: Payload, *, tag: str, max_seconds: float) -> str:
        """Submit a job with that tag and return its id; see ``Remote.post``.

        Raises:
            AuthError: the account is refused.
            TransientError: no usable answer; the job may exist all the same.
            ExecutionError: the service refused the job.
        """
        with self._lock, self._connection.translated():
            job = self._run(payload, tag, max_seconds)
        return str(job.job_id())

    def find(self, tag: str, *, created_after: datetime) -> str | None:
        """The oldest job with that tag."""
        with self._connection.translated():
            found = self._connection.service.jobs(job_tags=[tag], created_after=created_after, limit=10)
        return str(found[-1].job_id()) if found else None

    def state(self, job_id: str) -> tuple[RemoteState, str]:
        """Where a job stands, and why it failed if it did."""
        with self._connection.translated():
            job = self._connection.service.job(job_id)
            status = str(job.status())
            words = (job.error_message() or "") if status == "ERROR" else ""
        return _STATES.get(status, "queued"), self._connection.redactor.clean(words)

    def result(self, job_id: str) -> RemoteResult:
        """Counts, or mitigated values, of a job that is done, as ``answers.pack`` writes them.

        Raises:
            JobError: it has no result.
        """
        with self._connection.translated():
            job = self._connection.service.job(job_id)
            answer = job.result(timeout=60.0)
            used = _quantum_seconds(job)
        if answer is None:
            raise TransientError(f"Job {job_id} is done, but its result is not there yet.")
        parts = [pub.data for pub in answer]
        if hasattr(parts[0], "evs"):
            return pack(_values(parts, int(answer.metadata["shots"])), quantum_seconds=used)
        return pack(_counts([getattr(part, REGISTER) for part in parts]), quantum_seconds=used)

    def cancel(self, job_id: str) -> None:
        """Ask for a job to be stopped; nothing happens to one that has ended."""
        from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError

        with self._connection.translated():
            try:
                self._connection.service.job(job_id).cancel()
            except RuntimeInvalidStateError:
                return

    def close(self) -> None:
        """Take no more jobs into the batch or session; those submitted run to their end."""
        with self._lock:
            mode, self._mode = self._mode, None
            if mode is not None:
                with self._connection.translated():
                    mode.close()

    def _run(self, payload: Payload, tag: str, max_seconds: float) -> Any:
        from qiskit_ibm_runtime.exceptions import IBMRuntimeError

        for last in (False, True):
            mode = self._open()
            try:
                return payload.run(mode, tag, max_seconds)
            except IBMRuntimeError as error:
                # The service closes batches after a while. A refusal for that reason made no job.
                if last or self._mode is None or "session is closed" not in str(error).lower():
                    raise
                self._mode = None
        raise ExecutionError("The service closed two batches in a row.")

    def _open(self) -> Any:
        """The batch or session, opened if there is none; the machine itself in job mode."""
        if self._options.mode == "job":
            return self._machine.backend
        if self._mode is None:
            from qiskit_ibm_runtime import Batch, Session

            kind = Session if self._options.mode == "session" else Batch
            self._mode = kind(self._machine.backend, max_time=self._options.mode_seconds)
        return self._mode


def _quantum_seconds(job: Any) -> float | None:
    """What the job was charged; a result is not lost because this is not known."""
    try:
        usage = job.metrics().get("usage") or {}
    except QiskitError:
        return None
    used = usage.get("qpu_charge_time_seconds")
    return None if used is None or usage.get("status") == "pending" else float(used)


def _values(parts: list[Any], shots: int) -> Values:
    """What the client's Estimator says, point by point: one part with the points last, or one part for each point."""
    values, errors = (
        np.column_stack([np.asarray(getattr(part, name), dtype=float) for part in parts]).T for name in ("evs", "stds")
    )
    return Values(values, errors, shots, Cost())


def _counts(arrays: list[Any]) -> Counts:
    """What the client's bit arrays hold, point by point; their bytes come highest first."""
    rows = [point for bits in arrays for point in bits.array.reshape(-1, *bits.array.shape[-2:])]
    tables = []
    for row in rows:
        seen, times = np.unique(row, axis=0, return_counts=True)
        keys = (int.from_bytes(outcome.tobytes(), "big") for outcome in seen)
        tables.append(dict(zip(keys, times.tolist(), strict=True)))
    return Counts(tuple(tables), int(arrays[0].num_bits), int(arrays[0].num_shots), Cost())
