"""Programs that die, or run several times at once: one POST all the same."""

import logging
import signal
import subprocess
import sys
import threading

import pytest

from qalgs_backends.errors import BackendError
from qalgs_backends.jobs import polling
from qalgs_backends.jobs.leases import is_alive, new_owner
from qalgs_backends.jobs.store import JobStore

from .job_store import *  # noqa: F403
from .job_store import KEY, QUICK, child, finished, submit


@pytest.mark.parametrize(
    ("fault", "posted_by_killed"), [("payload", 0), ("die_before_post", 0), ("die_after_post", 1), ("id stored", 1)]
)
def test_one_post_wherever_the_program_is_killed(fault, posted_by_killed, service, store):
    finished(child(service, store, fault), -signal.SIGKILL)
    assert service.posts() == posted_by_killed
    first = submit(store, service)
    assert first.result().values.tolist() == [[1.0], [2.0]]
    assert service.posts() == 1
    assert list(service.jobs()) == [first.id]
    before = len(service.requests())
    assert submit(store, service).result().values.tolist() == [[1.0], [2.0]]
    assert len(service.requests()) == before


def test_three_processes_at_once_post_once(service, store):
    printed = {finished(process) for process in [child(service, store, "slow") for _ in range(3)]}
    assert len(printed) == 1
    assert service.posts() == 1


def test_threads_at_once_post_once(service, tmp_path):
    service.post_seconds = 0.1
    ids = []

    def run():
        ids.append(submit(JobStore(tmp_path / "jobs.sqlite", policy=QUICK), service).id)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1
    assert service.posts() == 1


def test_a_lease_of_another_computer_is_waited_for_until_it_ends(service, store, clock):
    store._table.claim(KEY, service.name, {}, "elsewhere|1|x", QUICK.lease_seconds)
    submit(store, service)
    assert QUICK.lease_seconds <= sum(clock) < QUICK.lease_seconds + 5
    assert service.posts() == 1


def test_who_was_overtaken_does_not_send(store, clock):
    mine = new_owner()
    store._table.claim(KEY, "ibm_test", {}, "elsewhere|1|x", 600.0)
    polling.sleep(700.0)
    assert store._table.claim(KEY, "ibm_test", {}, mine, 600.0)[1]
    assert store._table.take_turn(KEY, mine, 5, 600.0) == 0.0
    with pytest.raises(BackendError, match="took over"):
        store._table.take_turn(KEY, "elsewhere|1|x", 5, 600.0)


def test_two_that_both_sent_end_with_one_job(service, store, caplog):
    """The last resort, should a POST outlast its lease: the job that came second is cancelled."""
    real_post = service.post

    def overtaken(payload, **kwargs):
        store._table.submitted(KEY, real_post(payload, **kwargs))
        return real_post(payload, **kwargs)

    service.post = overtaken
    with caplog.at_level(logging.WARNING):
        kept = submit(store, service).id
    assert "sent twice" in caplog.text
    (stopped,) = service.requests("CANCEL")
    assert stopped.split()[1] in set(service.jobs()) - {kept}


def test_owners_on_this_computer_are_known_to_be_dead():
    process = subprocess.Popen([sys.executable, "-c", ""])
    place, _, rest = new_owner().rsplit("|", 2)
    process.wait()
    assert is_alive(new_owner())
    assert not is_alive(f"{place}|{process.pid}|{rest}")
    assert is_alive(f"elsewhere|{process.pid}|{rest}")
