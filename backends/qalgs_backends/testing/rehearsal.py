"""The rehearsal server: IBM's own client library talks to it as it would to the service.

It answers the requests that qiskit-ibm-runtime 0.51 makes (API version 2026-04-15) to list machines, read
calibrations, open batches and sessions, submit executor jobs, and fetch, find, tag and cancel them; jobs run on Aer. It
is made from the client's side of the contract: what the service checks, charges and says in its errors may differ.
It listens on 127.0.0.1 only.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal

from qiskit.providers import BackendV2

from qalgs_backends.registry import fake_device
from qalgs_backends.testing import execution
from qalgs_backends.testing.faults import Fault, Request, Traffic
from qalgs_backends.testing.routes import Handler

_KEY = "rehearsal-key"
_INSTANCE = "crn:v1:bluemix:public:quantum-computing:us-east:a/rehearsal:instance-1::"


def utc_now() -> str:
    """The time as the service writes it."""
    return datetime.fromtimestamp(time.time(), UTC).isoformat().replace("+00:00", "Z")


@dataclass
class ServerJob:
    """A job as the server keeps it."""

    body: dict[str, Any]
    """The submission."""
    program: Any
    id: str = field(default_factory=lambda: "d" + uuid.uuid4().hex[:19])
    status: str = "Queued"
    reason: str | None = None
    reason_code: int | None = None
    answer: str | None = None
    tags: list[str] = field(default_factory=list)
    created: str = field(default_factory=utc_now)
    running: str | None = None
    finished: str | None = None

    @property
    def executions(self) -> int:
        """Circuit executions it asks for."""
        return execution.executions(self.program)

    @property
    def max_seconds(self) -> int | None:
        """The limit it was submitted with."""
        return self.body.get("cost")


class RehearsalServer:
    """A loopback stand-in of the IBM Quantum service; a context manager.

    Example::

        with RehearsalServer("fake_manila") as server:
            os.environ.update(server.environment())
            backend = IBMBackend(server.name)
    """

    def __init__(
        self,
        device: BackendV2 | str,
        *,
        name: str = "ibm_rehearsal",
        noise: bool = False,
        seed: int = 7,
        port: int = 0,
        api_key: str = _KEY,
    ) -> None:
        """Prepare the machine; ``start`` or ``with`` starts listening.

        Args:
            device: a fake device of qiskit-ibm-runtime, or its name. Small ones answer faster.
            name: the machine's name on the server.
            noise: whether jobs see the device's noise; large devices then take seconds per job.
            seed: of the simulated shots; every job draws its own.
            port: on 127.0.0.1; 0 for a free one.
            api_key: the one key it takes.

        Raises:
            ValueError: ``device`` is not a fake device.
            CapabilityError: qiskit-ibm-runtime is not installed.
        """
        device = fake_device(device) if isinstance(device, str) else device
        self.name, self.api_key, self.instance = name, api_key, _INSTANCE
        self.num_qubits = int(device.num_qubits or 0)
        self.configuration, self.properties = execution.describe(device)
        self.jobs: dict[str, ServerJob] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.hidden_searches = 0
        self.queue_length = 3
        self.traffic = Traffic()
        self._device, self._noise, self._seed = device, noise, seed
        self._endings: list[tuple[str, str, int]] = []
        self._held = threading.Event()
        self._held.set()
        self._simulator: Any = None
        self._simulating = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        vars(self._http)["rehearsal"] = self

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def requests(self) -> tuple[Request, ...]:
        """Everything asked so far."""
        return tuple(self.traffic.requests)

    def environment(self) -> dict[str, str]:
        """Environment variables that lead the client library here; the key in them opens nothing else."""
        return {
            "IAM_URL": f"{self.url}/iam",
            "GLOBAL_SEARCH_URL": f"{self.url}/search",
            "GLOBAL_CATALOG_URL": f"{self.url}/catalog",
            "QISKIT_IBM_CHANNEL": "ibm_quantum_platform",
            "QISKIT_IBM_TOKEN": self.api_key,
            "QISKIT_IBM_INSTANCE": self.instance,
            # The client uses an address that contains this word as it is, and would rewrite any other.
            "QISKIT_IBM_URL": f"{self.url}/experimental/api/v1",
            "USAGE_DATA_OPT_OUT": "True",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def start(self) -> RehearsalServer:
        """Listen in the background."""
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop listening; held jobs are let go."""
        self._held.set()
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> RehearsalServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def count(self, method: str | None = None, path: str = ".*") -> int:
        """Requests so far with this method (None: any) and a path that matches the expression wholly."""
        return self.traffic.count(method, path)

    def fail(self, method: str, path: str, **fault: Any) -> None:
        """Make the next requests to an endpoint go wrong; the keywords are those of ``Fault``."""
        self.traffic.faults.append(Fault(method, path, **fault))

    def hide_tags(self, searches: int) -> None:
        """Let the next searches for a tag find nothing, as a service does that is consistent only in the end."""
        self.hidden_searches = searches

    def end_next_job(self, status: Literal["Failed", "Cancelled"], reason: str, code: int = 8000) -> None:
        """Let the next job end without a result; code 1305 says that it ran too long."""
        self._endings.append((status, reason, code))

    def reset(self) -> None:
        """Forget all jobs, sessions, requests and faults, and let held jobs go."""
        self.release()
        with self.traffic.lock:
            for kept in (self.jobs, self.sessions, self.traffic.requests, self.traffic.faults, self._endings):
                kept.clear()
        self.hidden_searches = 0

    def hold(self) -> None:
        """Keep new jobs queued until ``release``."""
        self._held.clear()

    def release(self) -> None:
        """Let queued jobs run."""
        self._held.set()

    def accept(self, body: dict[str, Any]) -> ServerJob:
        """Take in a submission and run it in the background."""
        job = ServerJob(body, execution.decode(body["params"]), tags=list(body.get("tags") or ()))
        with self.traffic.lock:
            self.jobs[job.id] = job
            number = len(self.jobs)
        ending = self._endings.pop(0) if self._endings else None
        threading.Thread(target=self._run, args=(job, number, ending), daemon=True).start()
        return job

    def _run(self, job: ServerJob, number: int, ending: tuple[str, str, int] | None) -> None:
        self._held.wait()
        if job.status == "Cancelled":
            return
        job.status, job.running = "Running", utc_now()
        try:
            if ending is None:
                with self._simulating:
                    job.answer = execution.execute(job.program, self._aer(), self._seed + number)
                job.status = "Completed"
            else:
                job.answer = f"Traceback (most recent call last):\n{ending[1]}"
                job.reason, job.reason_code, job.status = ending[1], ending[2], ending[0]
        except Exception as error:
            job.answer = f"Traceback (most recent call last):\n{error!r}"
            job.reason, job.reason_code, job.status = repr(error), 1000, "Failed"
        job.finished = utc_now()

    def _aer(self) -> Any:
        if self._simulator is None:
            self._simulator = execution.simulator(self._device, noise=self._noise)
        return self._simulator
