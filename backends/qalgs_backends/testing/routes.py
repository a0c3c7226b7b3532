"""The rehearsal server's endpoints."""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.parse
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from qalgs_backends.testing import execution
from qalgs_backends.testing.faults import Fault, Request

if TYPE_CHECKING:
    from qalgs_backends.testing.rehearsal import RehearsalServer, ServerJob

_ROOT = re.compile(r"^(/experimental)?/api/v1(?=/)")
_ENDED = ("Completed", "Failed", "Cancelled")


@dataclass(frozen=True)
class Answer:
    """What a request is answered."""

    status: int
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


def refusal(status: int, code: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An error in the service's form."""
    error = {"code": code, "message": message}
    return Answer(status, {"error": error, "errors": [error], "trace": "rehearsal"}, headers)


class Handler(BaseHTTPRequestHandler):
    """Reads a request, applies the faults, and answers from the table of routes."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # header and body in one segment: otherwise every answer waits 40 ms for an acknowledgement

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""

    def _serve(self) -> None:
        server: RehearsalServer = vars(self.server)["rehearsal"]
        url = urllib.parse.urlsplit(self.path)
        path = _ROOT.sub("", url.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        scheme = (self.headers.get("Authorization") or "").split(" ")[0]
        fault = server.traffic.receive(Request(self.command, path, len(body), scheme)) or Fault("", "")
        time.sleep(fault.delay)
        if fault.drop == "before":
            return self._hang_up()
        if fault.status is not None:
            return self._send(refusal(fault.status, fault.code, "rehearsed fault", fault.headers))
        answer = self._answer(server, path, urllib.parse.parse_qs(url.query), body)
        return self._hang_up() if fault.drop == "after" else self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def _answer(self, server: RehearsalServer, path: str, query: dict[str, list[str]], body: bytes) -> Answer:
        for method, pattern, route in _OPEN:
            if method == self.command and re.fullmatch(pattern, path):
                return route(server, body)
        bearer = (self.headers.get("Authorization") or "").startswith("Bearer ")
        if not bearer or self.headers.get("Service-CRN") != server.instance:
            return refusal(401, 1200, "Token is invalid")
        for method, pattern, route in _ROUTES:
            found = re.fullmatch(pattern, path)
            if method == self.command and found:
                return route(server, found.groups(), query, body)
        return refusal(404, 1000, f"no route {self.command} {path}")

    def _send(self, answer: Answer) -> None:
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        data = b"" if answer.body is None else text.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()


def _token(server: RehearsalServer, body: bytes) -> Answer:
    form = dict(urllib.parse.parse_qsl(body.decode()))
    if form.get("apikey") != server.api_key:
        return Answer(400, {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."})
    now = int(time.time())
    parts = ({"alg": "HS256", "typ": "JWT"}, {"iat": now, "exp": now + 3600}, "unsigned")
    token = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)
    facts = {"access_token": token, "refresh_token": "none", "token_type": "Bearer"}
    return Answer(200, facts | {"expires_in": 3600, "expiration": now + 3600})


def _search(server: RehearsalServer, body: bytes) -> Answer:
    item = {"crn": server.instance, "name": "rehearsal", "service_plan_unique_id": "plan-1", "tags": []}
    return Answer(200, {"items": [item | {"doc": {"extensions": {"allocation": 1}}}], "limit": 100})


def _catalog(server: RehearsalServer, body: bytes) -> Answer:
    return Answer(200, {"overview_ui": {"en": {"display_name": "Open"}}, "metadata": {"pricing": {"type": "free"}}})


def _machines(server: RehearsalServer, *_: Any) -> Answer:
    facts = {"qubits": server.num_qubits, "physical_qubits": server.num_qubits, "queue_length": server.queue_length}
    return Answer(200, {"devices": [{"name": server.name, "class": "QPU", "status": {"name": "online"}} | facts]})


def _machine(server: RehearsalServer, parts: tuple[str, ...], *_: Any) -> Answer:
    name, what = parts
    if name != server.name:
        return refusal(404, 1216, f"no machine {name}")
    if what == "status":
        facts = {"state": True, "status": "active", "message": "", "backend_version": "1.0.0"}
        return Answer(200, facts | {"length_queue": server.queue_length})
    return Answer(200, getattr(server, what) | {"backend_name": name})


def _usage(server: RehearsalServer, *_: Any) -> Answer:
    used = sum(execution.charged_seconds(job.program) for job in server.jobs.values() if job.status == "Completed")
    limits = {"usage_limit_seconds": 600, "usage_limit_reached": False}
    return Answer(200, {"usage_consumed_seconds": used, "plan_id": "plan-1"} | limits)


def _open_session(server: RehearsalServer, parts: Any, query: Any, body: bytes) -> Answer:
    asked = json.loads(body)
    state = {"state": "open", "accepting_jobs": True, "elapsed_time": 0, "backend_name": asked.get("backend")}
    session = {"id": f"s-{uuid.uuid4().hex[:12]}"} | state | asked
    server.sessions[session["id"]] = session
    return Answer(200, session)


def _session(server: RehearsalServer, parts: tuple[str, ...], query: Any, body: bytes) -> Answer:
    session = server.sessions.get(parts[0])
    return refusal(404, 1301, "session not found") if session is None else Answer(200, session)


def _close_session(server: RehearsalServer, parts: tuple[str, ...], query: Any, body: bytes) -> Answer:
    session = server.sessions.get(parts[0])
    if session is None:
        return refusal(404, 1301, "session not found")
    session.update(accepting_jobs=False, state="closed")
    return Answer(204)


def _submit(server: RehearsalServer, parts: Any, query: Any, body: bytes) -> Answer:
    asked = json.loads(body)
    session = server.sessions.get(asked.get("session_id"))
    if asked.get("program_id") != "executor":
        return refusal(400, 1206, f"the rehearsal runs executor jobs, not {asked.get('program_id')}")
    if asked.get("backend") != server.name:
        return refusal(404, 1216, f"no machine {asked.get('backend')}")
    if session is not None and not session["accepting_jobs"]:
        return refusal(400, 1237, "session is closed")
    if len(asked.get("tags") or ()) > 8:
        return refusal(400, 1204, "too many tags")
    job = server.accept(asked)
    return Answer(200, {"id": job.id, "backend": asked["backend"], "session_id": asked.get("session_id")})


def _jobs(server: RehearsalServer, parts: Any, query: dict[str, list[str]], body: bytes) -> Answer:
    tags = set(query.get("tags", ()))
    found = [_public(job) for job in reversed(list(server.jobs.values())) if tags <= set(job.tags)]
    with server.traffic.lock:
        if tags and server.hidden_searches > 0:
            server.hidden_searches -= 1
            found = []
    start, limit = (int(query.get(name, [default])[0]) for name, default in (("offset", "0"), ("limit", "20")))
    return Answer(200, {"jobs": found[start : start + limit], "count": len(found), "limit": limit, "offset": start})


def _job(server: RehearsalServer, parts: tuple[str, ...], query: dict[str, list[str]], body: bytes) -> Answer:
    job = server.jobs.get(parts[0])
    if job is None:
        return refusal(404, 1291, "Job not found")
    with_params = {} if query.get("exclude_params") else {"params": job.body["params"]}
    return Answer(200, _public(job) | with_params)


def _result(server: RehearsalServer, parts: tuple[str, ...], query: Any, body: bytes) -> Answer:
    job = server.jobs.get(parts[0])
    if job is None:
        return refusal(404, 1291, "Job not found")
    return Answer(204) if job.answer is None else Answer(200, job.answer)


def _cancel(server: RehearsalServer, parts: tuple[str, ...], query: Any, body: bytes) -> Answer:
    job = server.jobs.get(parts[0])
    if job is None:
        return refusal(404, 1291, "Job not found")
    if job.status in _ENDED:
        return refusal(409, 1305, "job is already in a final state")
    job.status = "Cancelled"
    return Answer(204)


def _metrics(server: RehearsalServer, parts: tuple[str, ...], query: Any, body: bytes) -> Answer:
    job = server.jobs.get(parts[0])
    if job is None:
        return refusal(404, 1291, "Job not found")
    charged = execution.charged_seconds(job.program) if job.status == "Completed" else 0.0
    times = {"created": job.created, "running": job.running, "finished": job.finished}
    status = "complete" if job.status in _ENDED else "pending"
    usage = {"status": status, "qpu_charge_time_seconds": charged, "quantum_seconds": charged}
    return Answer(200, {"timestamps": times, "usage": usage})


def _public(job: ServerJob) -> dict[str, Any]:
    state = {"status": job.status}
    if job.reason is not None:
        state |= {"reason": job.reason, "reason_code": job.reason_code}
    return {
        "id": job.id,
        "backend": job.body["backend"],
        "program": {"id": job.body["program_id"]},
        "tags": job.tags,
        "session_id": job.body.get("session_id"),
        "created": job.created,
        "cost": job.max_seconds,
        "state": state,
        "status": job.status,
        "estimated_running_time_seconds": execution.charged_seconds(job.program),
    }


_OPEN: tuple[tuple[str, str, Callable[[RehearsalServer, bytes], Answer]], ...] = (
    ("POST", "/iam/identity/token", _token),
    ("POST", "/search/v3/resources/search", _search),
    ("GET", "/catalog/plan-1", _catalog),
)
_ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", "/backends", _machines),
    ("GET", r"/backends/(\w+)/(configuration|properties|status)", _machine),
    ("GET", "/instances/usage", _usage),
    ("POST", "/sessions", _open_session),
    ("GET", r"/sessions/([\w-]+)", _session),
    ("PATCH", r"/sessions/([\w-]+)", _close_session),
    ("DELETE", r"/sessions/([\w-]+)/close", _close_session),
    ("POST", "/jobs", _submit),
    ("GET", "/jobs", _jobs),
    ("GET", r"/jobs/(\w+)", _job),
    ("GET", r"/jobs/(\w+)/results", _result),
    ("POST", r"/jobs/(\w+)/cancel", _cancel),
    ("GET", r"/jobs/(\w+)/metrics", _metrics),
)
