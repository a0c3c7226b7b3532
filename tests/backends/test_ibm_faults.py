"""What the service may do to a run, one scenario each: the run survives, or its end is named, and is paid for once."""

import subprocess
import sys
import time
from dataclasses import replace

import pytest
from qiskit.circuit import QuantumCircuit

from qalgs_backends import ExecutionError
from qalgs_backends.errors import AuthError, BackendError, JobError, TransientError
from qalgs_backends.ibm.backend import IBMBackend
from qalgs_backends.ibm.options import IBMOptions
from qalgs_backends.ibm.service import ThrottledError
from qalgs_backends.jobs.polling import JobPolicy
from qalgs_backends.jobs.store import JobStore
from tests.backends.ibm_rehearsal import *  # noqa: F403
from tests.backends.ibm_rehearsal import CANARY, QUICK

JOB = r"/jobs/\w+"


def program(backend):
    built = QuantumCircuit(2)
    built.h(0)
    built.cx(0, 1)
    return backend.prepare(built)


def start(backend, rng=1, shots=20):
    return backend.submit(program(backend), kind="sample", shots=shots, rng=rng)


def finish(backend, rng=1):
    counts = start(backend, rng).result(timeout=20)
    assert sum(counts.outcomes[0].values()) == 20
    return counts


SURVIVED = {
    "submission unavailable twice": ("POST", "/jobs", {"status": 502, "times": 2}),
    "submission busy": ("POST", "/jobs", {"status": 429}),
    "submission busy, with a time to wait": ("POST", "/jobs", {"status": 429, "headers": (("Retry-After", "0.05"),)}),
    "answer to the submission lost": ("POST", "/jobs", {"drop": "after"}),
    "submission lost": ("POST", "/jobs", {"drop": "before"}),
    "slow submission": ("POST", "/jobs", {"delay": 0.3}),
    "batch cannot be opened": ("POST", "/sessions", {"status": 429}),
    "answer to opening the batch lost": ("POST", "/sessions", {"drop": "after"}),
    "usage unknown before": ("GET", "/instances/usage", {"status": 429}),
    "state unknown before": ("GET", "/backends/ibm_rehearsal/status", {"status": 429}),
    "job busy": ("GET", JOB, {"status": 429, "times": 2}),
    "job unavailable": ("GET", JOB, {"status": 503, "times": 2}),
    "job connection lost": ("GET", JOB, {"drop": "before", "times": 2}),
    "result busy": ("GET", f"{JOB}/results", {"status": 429}),
    "result unavailable": ("GET", f"{JOB}/results", {"status": 502}),
    "result lost on the way": ("GET", f"{JOB}/results", {"drop": "after"}),
    "metrics not there": ("GET", f"{JOB}/metrics", {"status": 404}),
}


@pytest.mark.parametrize("name", list(SURVIVED))
def test_survived(backend, server, name):
    method, path, fault = SURVIVED[name]
    server.fail(method, path, **fault)
    finish(backend)
    assert len(server.jobs) == 1
    assert all(left.times == 0 for left in server.traffic.faults)


REFUSED = {
    "submission refused": (400, ExecutionError, "The service refused the request.*rehearsed fault"),
    "no such machine": (404, ExecutionError, "The service refused the request"),
    "too many tags": (409, ExecutionError, "The service refused the request"),
    "not to be run": (422, ExecutionError, "The service refused the request"),
    "key refused": (401, AuthError, "IBM account 'environment' was refused"),
    "not allowed": (403, AuthError, "IBM account 'environment' was refused"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused(server, tmp_path, name):
    """The service said no, so there is no job to look for, now or on the next call; the grace time is the usual."""
    status, kind, message = REFUSED[name]
    store = JobStore(tmp_path / "jobs.sqlite", policy=replace(QUICK, grace_seconds=JobPolicy().grace_seconds))
    backend = IBMBackend(server.name, store=store, budget_seconds=50)
    server.fail("POST", "/jobs", status=status)
    with pytest.raises(kind, match=message):
        start(backend)
    assert server.jobs == {}
    assert store.list() == ()
    assert backend.remaining_seconds == 50
    finish(backend)
    assert len(server.jobs) == 1
    assert server.count("GET", "/jobs") == 0


@pytest.mark.parametrize("status", [400, 403])
def test_a_refusal_of_the_second_try_is_not_the_last_word(server, store, status):
    """The client had repeated a submission that was answered by 502: the first may have made a job."""
    backend = IBMBackend(server.name, store=store, budget_seconds=50)
    server.fail("POST", "/jobs", status=502)
    server.fail("POST", "/jobs", status=status)
    with pytest.raises(BackendError):
        start(backend)
    assert [record.state for record in store.list()] == ["intent"]
    assert backend.remaining_seconds < 50
    searches = server.count("GET", "/jobs")
    finish(backend)
    assert server.count("GET", "/jobs") > searches
    assert len(server.jobs) == 1


def test_lost_answer_and_late_list(backend, server):
    server.fail("POST", "/jobs", drop="after")
    server.hide_tags(2)
    finish(backend)
    assert len(server.jobs) == 1
    assert server.count("POST", "/jobs") == 1


def test_lost_answer_and_no_list(server, tmp_path):
    """The outcome is open; the next call looks for the job before it sends another."""
    policy = type(QUICK)(posts_per_minute=1000, grace_seconds=0.05, first_poll_seconds=0.02, tries=1)
    backend = IBMBackend(server.name, store=JobStore(tmp_path / "jobs.sqlite", policy=policy), budget_seconds=50)
    server.fail("POST", "/jobs", drop="after")
    server.fail("GET", "/jobs", status=429, times=3)
    with pytest.raises(TransientError):
        start(backend)
    assert backend.remaining_seconds < 50
    server.traffic.faults.clear()
    finish(backend)
    assert len(server.jobs) == 1
    assert backend.remaining_seconds == 49


def test_too_many_requests_says_how_long_to_wait(backend, server):
    from qalgs_backends.ibm.remote import Payload

    ready = program(backend).executable
    payload = Payload(ready.circuit, ready.points([[]]), 10, IBMOptions())  # type: ignore[arg-type]
    server.fail("POST", "/jobs", status=429, headers=(("Retry-After", "7"),))
    with pytest.raises(ThrottledError) as caught:
        backend._desk.remote.post(payload, tag="qa-x", max_seconds=10)
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [("Failed", 8000, "internal error"), ("Cancelled", 1305, "ran longer than"), ("Cancelled", 0, "was cancelled")],
)
def test_jobs_that_end_without_a_result(backend, server, status, code, message):
    server.end_next_job(status, "internal error" if code == 8000 else "stopped", code)
    job = start(backend)
    with pytest.raises(JobError, match=message):
        job.result(timeout=20)
    assert job.status() in ("failed", "cancelled")
    with pytest.raises(JobError, match="sent again only when asked for"):
        start(backend).result(timeout=20)
    assert len(server.jobs) == 1


def test_resending_is_asked_for(server, store):
    server.end_next_job("Failed", "internal error")
    with pytest.raises(JobError):
        start(IBMBackend(server.name, store=store)).result(timeout=20)
    finish(IBMBackend(server.name, store=store, options=IBMOptions(resend=True)))
    assert len(server.jobs) == 2


def test_cancelling(backend, server):
    server.hold()
    job = start(backend)
    job.cancel()
    assert job.status() == "cancelled"
    with pytest.raises(JobError, match="was cancelled"):
        job.result(timeout=5)
    server.release()
    done = start(backend, rng=2)
    done.result(timeout=20)
    done.cancel()
    assert done.status() == "done"
    backend._desk.remote.cancel(done.id)


def test_a_job_the_service_forgot(backend, server):
    server.hold()
    job = start(backend)
    server.jobs.clear()
    with pytest.raises(BackendError, match="not found"):
        job.result(timeout=2)


def test_a_batch_that_was_closed_is_replaced(backend, server):
    finish(backend, rng=1)
    for session in server.sessions.values():
        session["accepting_jobs"] = False
    finish(backend, rng=2)
    assert len(server.sessions) == 2
    assert len(server.jobs) == 2
    backend.close()
    finish(backend, rng=3)
    assert len(server.sessions) == 3


def test_waiting_has_an_end(backend, server):
    server.hold()
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="it goes on, and can be waited for"):
        start(backend).result(timeout=0.3)
    assert time.monotonic() - began < 2
    server.release()
    finish(backend)
    assert len(server.jobs) == 1


@pytest.mark.slow
def test_an_outage_while_submitting(backend, server):
    server.fail("POST", "/jobs", status=500, times=6)
    finish(backend)
    assert len(server.jobs) == 1


CHILD = """
import os, sys
from qiskit.circuit import QuantumCircuit
from qalgs_backends.ibm.backend import IBMBackend
from qalgs_backends.ibm.remote import IBMRemote
from qalgs_backends.jobs.store import JobPolicy, JobStore
post = IBMRemote.post
def dying(self, payload, **arguments):
    if sys.argv[2] == "before":
        os._exit(9)
    post(self, payload, **arguments)
    os._exit(9)
if sys.argv[2] != "never":
    IBMRemote.post = dying
store = JobStore(sys.argv[1], policy=JobPolicy(grace_seconds=0.2, first_poll_seconds=0.05))
backend = IBMBackend("ibm_rehearsal", store=store)
circuit = QuantumCircuit(1)
circuit.x(0)
print(backend.sample(backend.prepare(circuit), shots=10, rng=3).bitstrings())
"""


@pytest.mark.slow
def test_programs_that_die_while_submitting(server, tmp_path):
    """Killed before the request, then after it, then run twice: the job is sent once."""
    sent = []
    for moment in ("before", "after", "never", "never"):
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(tmp_path / "jobs.sqlite"), moment],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == (0 if moment == "never" else 9), done.stderr
        assert moment != "never" or done.stdout.strip() == "{'1': 10}"
        sent.append(server.count("POST", "/jobs"))
    assert sent == [0, 1, 1, 1]


def test_no_machines_while_connecting(server, store):
    for path in ("/backends/ibm_rehearsal/configuration", "/backends/ibm_rehearsal/properties"):
        server.fail("GET", path, status=429)
        with pytest.raises((BackendError, ValueError)):
            IBMBackend(server.name, store=store)
    for fault, kind in (
        ({"status": 400}, AuthError),
        ({"status": 503, "times": 9}, TransientError),
        ({"drop": "before", "times": 9}, TransientError),
    ):
        server.traffic.faults.clear()
        server.fail("POST", "/search/v3/resources/search", **fault)
        with pytest.raises(kind):
            IBMBackend(server.name, store=store)


def sign_in_again(backend):
    """Let the token of an existing connection be out of date."""
    for client in backend._connection.service._api_clients.values():
        client._session.auth.tm.expire_time = 0


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"status": 500}, "answered with status 500"),
        ({"status": 400}, r"refused the API key \(status 400\)"),
        ({"drop": "before"}, "did not answer"),
    ],
)
def test_the_token_service_fails(backend, server, fault, message):
    """The key goes nowhere else, and neither this call nor the next one waits."""
    sign_in_again(backend)
    server.fail("POST", "/iam/identity/token", **fault)
    began = time.monotonic()
    with pytest.raises(AuthError, match=f"IBM account 'environment': the token service {message}"):
        start(backend)
    finish(backend)
    assert time.monotonic() - began < 5
    assert len(server.jobs) == 1
    assert {r.scheme for r in server.requests} <= {"Bearer", ""}


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 400}, {"drop": "before"}])
def test_the_token_service_fails_at_first(server, store, fault):
    server.fail("POST", "/iam/identity/token", times=10, **fault)
    began = time.monotonic()
    with pytest.raises(AuthError, match="IBM account 'environment': the token service"):
        IBMBackend(server.name, store=store)
    assert time.monotonic() - began < 5
    assert {r.path for r in server.requests} == {"/iam/identity/token"}


@pytest.mark.slow
def test_the_token_service_hangs(server, store):
    server.fail("POST", "/iam/identity/token", delay=8.0)
    began = time.monotonic()
    with pytest.raises(AuthError, match=r"did not answer \(ReadTimeout\)"):
        IBMBackend(server.name, store=store)
    assert time.monotonic() - began < 5


def test_a_wrong_key_and_a_wrong_instance(server, store, monkeypatch):
    monkeypatch.setenv("QISKIT_IBM_TOKEN", CANARY)
    with pytest.raises(AuthError, match=r"refused the API key \(status 400\)") as caught:
        IBMBackend(server.name, store=store)
    assert CANARY not in str(caught.value)
    monkeypatch.setenv("QISKIT_IBM_TOKEN", server.environment()["QISKIT_IBM_TOKEN"])
    for instance in ("crn:v1:bluemix:public:quantum-computing:us-east:a/x:other::", "another"):
        with pytest.raises(AuthError, match="IBM account 'environment' was refused"):
            IBMBackend(server.name, instance=instance, store=store)
