import importlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from qalgs.backends import CapabilityError, ExecutionError
from qalgs.engines import InProcessEngine, MPIEngine, RayEngine, check_engine, get_engine, launch
from qalgs.engines.base import shares
from tests.engines.scripted import Scripted
from tests.engines.toy import adders, rounds

ROOT = Path(__file__).parents[2]
mpi = pytest.mark.skipif(find_spec("mpi4py") is None, reason='mpi4py is not installed: pip install "qalgs[mpi]"')
ray = pytest.mark.skipif(find_spec("ray") is None, reason='Ray is not installed: pip install "qalgs[ray]"')


def on_ranks(ranks, *arguments):
    command = [launch.mpiexec(), "-n", str(ranks), sys.executable, "-m", "tests.engines.toy", *arguments]
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)


def test_answers_come_in_order_and_what_would_travel_is_counted():
    moved, answers = rounds(InProcessEngine())
    # Worker i has i + 1 numbers i; round t adds i + t to each of them.
    first = np.concatenate([np.full(i + 1, 2.0 * i) for i in range(5)])
    np.testing.assert_array_equal(answers[0], first)
    assert moved == 3 * 2 * first.nbytes


@mpi
def test_mpi_gives_the_answers_of_one_process(tmp_path):
    done = on_ranks(3, "mpi", tmp_path / "out.npz")
    assert (done.returncode, done.stderr) == (0, b"")
    got, (moved, answers) = np.load(tmp_path / "out.npz"), rounds(InProcessEngine())
    np.testing.assert_array_equal(got["answers"], answers)
    assert got["bytes"] == moved


@mpi
def test_a_late_rank_is_left_behind_and_a_failing_one_ends_the_run(tmp_path):
    done = on_ranks(2, "mpi", tmp_path / "out.npz", "late and failing")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npz")["there"], 2)
    assert done.returncode == 1
    assert b"ExecutionError: A worker failed: ArithmeticError: out of luck" in done.stderr


@ray
def test_ray_gives_the_answers_of_one_process():
    engine = RayEngine()
    (moved, answers), (own, reference) = rounds(engine), rounds(InProcessEngine())
    engine.close()
    np.testing.assert_array_equal(answers, reference)
    assert moved == own


@pytest.fixture
def scripted(monkeypatch):
    return lambda delays: Scripted(delays, monkeypatch)


def test_a_pool_gives_the_answers_of_one_process(scripted):
    moved, answers = rounds(scripted([3, 1, 2]))
    own, reference = rounds(InProcessEngine())
    np.testing.assert_array_equal(answers, reference)
    assert moved == own


def test_without_a_deadline_everyone_is_waited_for(scripted):
    pool = scripted([1, 50, 2])
    replies = pool.place(adders(5)).round([np.zeros(1)] * 5, 0)
    assert [reply.index for reply in replies] == [0, 1, 2, 3, 4]
    assert pool.now == 50


def test_late_replies_are_thrown_away_and_their_host_is_not_asked_until_it_has_answered(scripted):
    pool, message = scripted([1, 1, 25]), np.zeros(4)
    session = pool.place(adders(3), deadline=10)
    for index in range(28):
        replies = session.round([message] * 3, index)
        assert [reply.index for reply in replies] == [0, 1]
    # The first round waits until its deadline; host 2 answers at 25, is asked once more, and costs a deadline again.
    assert pool.now == pytest.approx(2 * 10 + 26)
    assert session.bytes == (28 * (2 + 2) + 2) * message.nbytes


def test_a_round_waits_past_the_deadline_for_half_of_the_workers(scripted):
    pool = scripted([30, 40, 50])
    replies = pool.place(adders(3), deadline=10).round([np.zeros(1)] * 3, 0)
    assert [reply.index for reply in replies] == [0, 1]
    assert pool.now == 40


def test_two_sessions_share_the_hosts(scripted):
    pool = scripted([1, 2])
    first, second = pool.place(adders(2)), pool.place(adders(3))
    assert len(first.round([np.zeros(1)] * 2, 0)) == 2
    first.close()
    assert len(second.round([np.zeros(1)] * 3, 0)) == 3


def test_a_host_that_fails_ends_the_round_with_its_message(scripted):
    pool = scripted([1, 1])
    pool.next_answer = lambda timeout: (pool.due.pop()[1], "A worker failed: out of luck.")
    with pytest.raises(ExecutionError, match="out of luck"):
        pool.place(adders(2)).round([np.zeros(1)] * 2, 0)


def test_workers_are_dealt_out_evenly():
    assert shares(7, 3) == {0: [0, 3, 6], 1: [1, 4], 2: [2, 5]}
    assert shares(2, 5) == {0: [0], 1: [1]}


def test_what_is_not_installed_is_named_with_the_command_that_installs_it(monkeypatch):
    def missing(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(CapabilityError, match=r'pip install "qalgs\[mpi\]"'):
        MPIEngine()
    with pytest.raises(CapabilityError, match=r'pip install "qalgs\[ray\]"'):
        RayEngine()


def test_no_launcher_and_ranks_of_another_mpi_are_named(monkeypatch):
    monkeypatch.setattr(launch, "_WHEELS", ())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CapabilityError, match="needs mpiexec"):
        launch.mpiexec()
    monkeypatch.setenv("QALGS_MPI_RANKS", "4")
    with pytest.raises(CapabilityError, match="mpiexec started 4 ranks, but mpi4py sees 1"):
        launch.check_size(1)


def test_engines_by_name_are_shared_and_objects_are_taken_as_they_are():
    assert get_engine("inprocess") is get_engine("inprocess")
    engine = InProcessEngine()
    assert get_engine(engine) is engine


@pytest.mark.parametrize(
    ("engine", "deadline", "message"),
    [
        ("dask", None, "'dask'"),
        ("inprocess", 1.0, "`deadline` must be None in one process"),
        ("mpi", 0.0, "`deadline` must be greater than 0"),
    ],
)
def test_bad_settings_are_refused(engine, deadline, message):
    with pytest.raises(ValueError, match=message):
        check_engine(engine, deadline)
    with pytest.raises(ValueError, match="never late"):
        InProcessEngine().place([], deadline=1.0)
