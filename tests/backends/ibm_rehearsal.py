"""Fixtures of the IBM tests: a rehearsal server, an environment without accounts, and a guard on connections."""

import contextlib
import os
import socket

import pytest

from qalgs_backends.jobs.store import JobPolicy, JobStore
from qalgs_backends.testing import RehearsalServer

CANARY = "canary-3f9a77-key-that-must-never-be-seen"
QUICK = JobPolicy(posts_per_minute=10_000, grace_seconds=0.1, first_poll_seconds=0.02, longest_poll_seconds=0.1)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    """Every connection that does not stay on this computer is refused, and fails the test whoever swallows it."""
    strays = []

    def guarded(original):
        def connect(self, address, *args):
            if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost", "::1"):
                strays.append(address)
                raise ConnectionRefusedError(f"not loopback: {address}")
            return original(self, address, *args)

        return connect

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
    yield strays
    assert strays == []


@pytest.fixture(scope="module")
def running():
    with RehearsalServer("fake_manila") as server:
        yield server


@pytest.fixture
def no_account(monkeypatch, tmp_path):
    """A home without accounts, and none in the environment."""
    for name in [name for name in os.environ if name.startswith("QISKIT_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("QALGS_JOBS", str(tmp_path / "default.sqlite"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def server(running, no_account, monkeypatch):
    """The running server with its faults and jobs put away, and the environment that leads to it."""
    running.reset()
    for name, value in running.environment().items():
        monkeypatch.setenv(name, value)
    yield running
    running.release()


@pytest.fixture
def store(tmp_path):
    return JobStore(tmp_path / "jobs.sqlite", policy=QUICK)


@pytest.fixture
def backend(server, store):
    from qalgs_backends.ibm.backend import IBMBackend

    made = IBMBackend(server.name, store=store)
    server.reset()
    yield made
    with contextlib.suppress(Exception):
        made.close()
