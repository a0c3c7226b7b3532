"""The command line of jobs, and the machines it reaches."""

import signal

import pytest

from qalgs_backends.errors import CapabilityError, JobError
from qalgs_backends.jobs.remotes import FACTORIES, connect
from qalgs_backends.jobs.store import JobStore

from .fake_service import FolderService
from .job_store import *  # noqa: F403
from .job_store import KEY, OTHER, QUICK, child, finished, submit


def test_machines_are_found_by_name(service, monkeypatch):
    monkeypatch.setitem(FACTORIES, "test_", lambda machine: FolderService(service.folder, machine))
    assert connect("test_a").name == "test_a"
    with pytest.raises(CapabilityError, match="No service is known for the machine 'abacus'"):
        connect("abacus")


@pytest.fixture
def command(service, store, monkeypatch):
    tyro = pytest.importorskip("tyro")
    from qalgs.cli.jobs import jobs

    monkeypatch.setitem(FACTORIES, "ibm_", lambda machine: service)
    monkeypatch.setattr("qalgs.cli.jobs.JobStore", lambda path: JobStore(path, policy=QUICK))
    return lambda *args: tyro.cli(jobs, args=[*args, "--store", str(store.path)])


def test_the_command_lists_waits_and_cancels(command, service, store, capsys):
    command("list")
    assert "0 jobs" in capsys.readouterr().out
    submit(store, service)
    submit(store, service, OTHER)
    first, second = (store.record(key).job_id for key in (KEY, OTHER))
    service.change(second, state="queued")
    seen = len(service.requests())
    command("list")
    printed = capsys.readouterr().out
    assert len(service.requests()) == seen
    assert first in printed
    assert "2 jobs" in printed
    command("wait", KEY[:8])
    assert "done: values (2, 1)" in capsys.readouterr().out
    command("cancel", OTHER[:8])
    assert "cancelled" in capsys.readouterr().out
    command("wait")
    assert "all jobs have ended" in capsys.readouterr().out
    with pytest.raises(JobError, match="1 of 1 jobs"):
        command("wait", OTHER)
    assert "was cancelled" in capsys.readouterr().out
    with pytest.raises(ValueError, match="name the jobs to cancel"):
        command("cancel")


def test_the_command_resumes_what_was_interrupted(command, service, store, capsys):
    finished(child(service, store, "die_after_post"), -signal.SIGKILL)
    command("resume")
    assert "done" in capsys.readouterr().out
    assert store.record(KEY).state == "done"
    assert service.posts() == 1
