"""Fixtures of the job tests: a service in a folder, a store, a clock, and a program in another process."""

import subprocess
import sys
from pathlib import Path

import pytest

from qalgs_backends.jobs import polling
from qalgs_backends.jobs.polling import JobPolicy
from qalgs_backends.jobs.store import JobStore

from .fake_service import FolderService

KEY, OTHER = "ab" * 32, "cd" * 32
QUICK = JobPolicy(posts_per_minute=1000, grace_seconds=0.05, first_poll_seconds=0.01, longest_poll_seconds=0.05)
CANARY = "Zx9-canaryToken_0123456789abcdefghijklmnopQRSTUV"


def key_of(number):
    return f"{number:024x}{0:040x}"


@pytest.fixture
def service(tmp_path):
    folder = tmp_path / "service"
    folder.mkdir()
    return FolderService(folder)


@pytest.fixture
def store(tmp_path):
    return JobStore(tmp_path / "jobs.sqlite", policy=QUICK)


@pytest.fixture
def clock(monkeypatch):
    """A clock that only sleeping moves; holds the times slept."""
    slept = []
    monkeypatch.setattr(polling, "now", lambda: 1e9 + sum(slept))
    monkeypatch.setattr(polling, "sleep", slept.append)
    return slept


def submit(store, service, key=KEY, payload=(1.0, 2.0), **kwargs):
    return store.submit(service, key, lambda: list(payload), {"shots": 200, "circuits": 2}, 60.0, **kwargs)


def resume(store, service, key=KEY, payload=(1.0, 2.0)):
    return store.resume(service, key, lambda: list(payload), {"shots": 200, "circuits": 2}, 60.0)


CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from fake_service import FolderService, die
from qalgs_backends.jobs.store import JobStore
from qalgs_backends.jobs.polling import JobPolicy
folder, path, fault = sys.argv[2:5]
service = FolderService(folder)
policy = JobPolicy(posts_per_minute=1000, grace_seconds=0.05, first_poll_seconds=0.01, longest_poll_seconds=0.05)
store = JobStore(path, policy=policy)
if fault == "slow":
    service.post_seconds = 0.3
elif fault != "none" and fault != "id stored":
    setattr(service, fault, True)
def payload():
    if fault == "payload":
        die()
    return [1.0, 2.0]
job = store.submit(service, "ab" * 32, payload, {"shots": 200, "circuits": 2}, 60.0)
if fault == "id stored":
    die()
print(job.id, job.result().values.tolist(), flush=True)
"""


def child(service, store, fault):
    """Another process that runs the program which submits KEY."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-W", "error", "-c", CHILD, here, str(service.folder), str(store.path), fault]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process, returncode=0):
    out, err = process.communicate(timeout=60)
    assert process.returncode == returncode, err
    return out.strip()
