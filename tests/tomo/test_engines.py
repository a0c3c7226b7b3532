import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from qalgs.backends import CapabilityError, ExecutionError
from qalgs.engines import InProcessEngine, RayEngine, launch
from qalgs.problems import haar_state
from qalgs.tomo.methods.local_sfgd import LocalSFGD
from qalgs.tomo.methods.machines import Machine, Reply, RoundSpec, aligned, pooled, weights_of
from qalgs.tomo.methods.starting import objective_of
from tests.engines.scripted import Scripted
from tests.tomo.engine_job import SEED, counts, fit, labels
from tests.tomo.oracle import random_factor

ROOT = Path(__file__).parents[2]
mpi = pytest.mark.skipif(find_spec("mpi4py") is None, reason='mpi4py is not installed: pip install "qalgs[mpi]"')
ray = pytest.mark.skipif(find_spec("ray") is None, reason='Ray is not installed: pip install "qalgs[ray]"')
SETTINGS = {"machines": 4, "rounds": 20, "schedule": "constant", "batch": 3, "step_size": 0.05}


def on_ranks(ranks, out, **job):
    """The exit status of ``engine_job`` on MPI ranks."""
    command = [launch.mpiexec(), "-n", str(ranks), sys.executable, "-m", "tests.tomo.engine_job", out, json.dumps(job)]
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)


@mpi
@pytest.mark.parametrize("ranks", [1, 2])
def test_mpi_gives_the_numbers_of_one_process(ranks, tmp_path):
    fits = {"counts": 2, "labels": 1}
    done = on_ranks(ranks, tmp_path / "out.npz", fits=fits, settings=SETTINGS | {"engine": "mpi"})
    assert (done.returncode, done.stderr) == (0, b"")
    got = np.load(tmp_path / "out.npz")
    for name, data in (("counts", counts()), ("labels", labels())):
        run = fit(data, fits[name], **SETTINGS)
        np.testing.assert_array_equal(got[name], run.last.state.factor)
        for column in ("step", "loss", "bytes", "step_size"):
            np.testing.assert_array_equal(got[f"{name}_{column}"], run.history[column])


@mpi
def test_a_killed_rank_ends_the_job_and_any_engine_resumes_it(tmp_path):
    kept = SETTINGS | {"checkpoint": str(tmp_path / "run.ckpt")}
    job = {"fits": {"counts": 2}, "settings": kept | {"engine": "mpi"}}
    assert on_ranks(2, tmp_path / "no.npz", **job, sabotage={"die_at": 7}).returncode != 0
    assert not (tmp_path / "no.npz").exists()
    saved = (tmp_path / "run.ckpt").read_bytes()

    whole = fit(counts(), 2, **SETTINGS)
    here = fit(counts(), 2, **kept, resume=True)
    assert 5 <= here.history["step"][0] <= 7
    np.testing.assert_array_equal(here.last.state.factor, whole.last.state.factor)

    (tmp_path / "run.ckpt").write_bytes(saved)
    job["settings"] |= {"resume": True}
    assert on_ranks(2, tmp_path / "yes.npz", **job).returncode == 0
    np.testing.assert_array_equal(np.load(tmp_path / "yes.npz")["counts"], whole.last.state.factor)


@mpi
def test_a_deadline_leaves_the_slow_rank_behind(tmp_path):
    settings = SETTINGS | {"engine": "mpi", "deadline": 0.1}
    done = on_ranks(2, tmp_path / "out.npz", fits={"counts": 1}, settings=settings, sabotage={"nap": 0.3})
    assert done.returncode == 0
    got = np.load(tmp_path / "out.npz")
    assert got["counts_seconds"] < 20 * 0.3  # 20 rounds of two machines that nap in turn would take 12 s
    assert got["counts_late"][-1] > 0
    assert abs(np.vdot(haar_state(4, 1), got["counts"] / np.linalg.norm(got["counts"]))) ** 2 > 0.9


@mpi
def test_an_error_on_a_rank_reaches_the_driver(tmp_path):
    done = on_ranks(2, tmp_path / "out.npz", fits={"counts": 1}, settings={"engine": "mpi"}, sabotage={"nap": -1})
    assert done.returncode == 1
    assert b"ExecutionError: A worker failed: ValueError: sleep length" in done.stderr


@pytest.fixture(scope="module")
def cluster():
    engine = RayEngine()
    yield engine
    engine.close()


@ray
def test_ray_gives_the_numbers_of_one_process(cluster):
    for data, rank in ((counts(), 2), (labels(), 1)):
        run, here = fit(data, rank, **SETTINGS, engine=cluster), fit(data, rank, **SETTINGS)
        np.testing.assert_array_equal(run.last.state.factor, here.last.state.factor)
        np.testing.assert_array_equal(run.history["loss"], here.history["loss"])


@ray
def test_ray_survives_a_killed_actor_with_the_same_numbers(cluster):
    steps = LocalSFGD(**SETTINGS, engine=cluster).iterate(counts(), 2, seed=SEED)
    for step in steps:
        if step.index == 7:
            os.kill(cluster.pids()[-1], signal.SIGKILL)
    assert step.index == 20
    np.testing.assert_array_equal(step.state.factor, fit(counts(), 2, **SETTINGS).last.state.factor)


@ray
def test_a_cluster_without_a_free_core_is_refused_instead_of_waited_for(cluster, monkeypatch):
    cluster.hosts(64)  # takes all of them
    monkeypatch.setattr("qalgs.engines.ray._START", 1.0)
    with pytest.raises(CapabilityError, match="Every core of the Ray cluster was taken for 1 s"):
        fit(counts(), 1, **SETTINGS, engine=RayEngine())


@pytest.mark.slow
@ray
def test_ray_starts_again_after_it_was_closed(cluster):
    cluster.close()
    test_ray_gives_the_numbers_of_one_process(cluster)


@pytest.fixture
def scripted(monkeypatch):
    return lambda delays: Scripted(delays, monkeypatch)


def machines(data, number):
    shards = data.split(number, np.random.default_rng(0))
    return [Machine(i, shard, np.random.SeedSequence(i)) for i, shard in enumerate(shards)]


def test_a_run_with_late_machines_says_so_and_still_fits(scripted):
    run = fit(counts(), 1, machines=3, rounds=30, engine=scripted([1, 1, 25]), deadline=5.0)
    assert run.history["late"][-1] == run.last.state.late > 0
    assert abs(np.vdot(haar_state(4, 1), run.last.state.factor / np.linalg.norm(run.last.state.factor))) ** 2 > 0.9


def test_a_host_that_fails_ends_the_run_with_its_message(scripted):
    pool = scripted([1, 1])
    pool.next_answer = lambda timeout: (pool.due.pop()[1], "A worker failed: out of luck.")
    with pytest.raises(ExecutionError, match="out of luck"):
        fit(counts(), 1, machines=2, engine=pool)


@pytest.mark.parametrize("data", [counts(), labels()])
def test_the_shards_add_up_to_the_pooled_loss_and_direction(data):
    # f = sum_i w_i f_i, with w_i the share of the shots (likelihood) or of the labels (least squares); one full step
    # from a common U then averages to a step along the pooled direction.
    U, eta = random_factor(np.random.default_rng(1), 4, 2), 0.1
    placed = [Machine(m.index, m.data, m.seed, batch=len(data)) for m in machines(data, 4)]
    replies = InProcessEngine().place(placed).round([U] * 4, RoundSpec(0, np.array([eta])))
    loss, average = pooled(replies, weights_of([machine.data for machine in placed]))
    objective = objective_of(data, 0.0)
    assert loss == pytest.approx(objective.loss(U), abs=1e-12)
    np.testing.assert_allclose(average, U - eta * objective.direction(U), atol=1e-12)


def test_the_average_of_those_that_answered_has_weights_that_sum_to_one():
    U = np.ones((2, 1), complex)
    replies = [Reply(0, U, 1.0), Reply(2, 4 * U, 3.0)]
    loss, average = pooled(replies, np.array([0.5, 0.3, 0.2]))
    assert loss == pytest.approx((0.5 * 1 + 0.2 * 3) / 0.7)
    np.testing.assert_allclose(average, U * (0.5 + 0.2 * 4) / 0.7)


def test_alignment_turns_a_factor_onto_another_without_changing_its_state():
    rng = np.random.default_rng(0)
    U, V = random_factor(rng, 4, 3), random_factor(rng, 4, 3)
    turned = aligned(U, V)
    np.testing.assert_allclose(turned @ turned.conj().T, U @ U.conj().T, atol=1e-14)
    overlap = turned.conj().T @ V
    np.testing.assert_allclose(overlap, overlap.conj().T, atol=1e-14)
    assert np.linalg.norm(turned - V) < np.linalg.norm(U - V)
    unitary = np.linalg.qr(rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)))[0]
    np.testing.assert_allclose(aligned(V @ unitary, V), V, atol=1e-14)
    assert aligned(V, V) is V  # nothing to turn


def test_aligned_machines_reach_the_same_state():
    # Directions do not rotate a factor to first order, so what alignment changes is small.
    plain, turned = (
        fit(counts(), 2, machines=4, local_steps=40, rounds=15, align=how).last.state.factor
        for how in ("none", "procrustes")
    )
    rho, other = ((U @ U.conj().T) / np.linalg.norm(U) ** 2 for U in (plain, turned))
    assert np.linalg.norm(rho - other) < 0.05


def test_paper_units_are_d_times_larger():
    normalised = fit(labels(), 1, machines=2, rounds=5, step_size=0.25)
    paper = fit(labels(), 1, machines=2, rounds=5, step_size=4.0, step_units="paper")
    np.testing.assert_array_equal(normalised.last.state.factor, paper.last.state.factor)
    with pytest.raises(ValueError, match="`step_units` must be 'normalised' for counts"):
        fit(counts(), 1, step_units="paper")
    with pytest.raises(ValueError, match="`step_size` must be at most 2, but it is 4"):
        fit(labels(), 1, step_size=64.0, step_units="paper")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"engine": "dask"}, "'dask'"),
        ({"deadline": 1.0}, "`deadline` must be None in one process"),
        ({"deadline": 0.0, "engine": "mpi"}, "`deadline` must be greater than 0"),
        ({"align": "yes"}, "'yes'"),
        ({"step_units": "si"}, "'si'"),
        ({"resume": True}, "`checkpoint` must be given with `resume`"),
    ],
)
def test_bad_settings_of_machines_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        LocalSFGD(**kwargs)


def test_an_engine_object_stands_in_the_method():
    assert repr(LocalSFGD(engine=InProcessEngine())).count("engine=InProcessEngine()") == 1
