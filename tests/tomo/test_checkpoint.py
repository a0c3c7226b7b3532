import json
import logging
from dataclasses import replace

import numpy as np
import pytest

from qalgs.callbacks import StopWhen
from qalgs.run import Status, drive
from qalgs.tomo.data import CountsData
from qalgs.tomo.methods.checkpoint import digest, identity, load_state, save_state
from qalgs.tomo.methods.local_sfgd import LocalSFGD, LocalState
from tests.tomo.engine_job import SEED, counts, labels
from tests.tomo.oracle import random_factor

METHOD = LocalSFGD(rounds=25, batch=3, step_size=0.1, tol=0.01)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "run.ckpt"


def stopped(path, data, rank=2, after=9, method=METHOD):
    """A run with a checkpoint, ended after a few rounds."""
    steps = replace(method, checkpoint=path).iterate(data, rank, seed=SEED)
    return drive(steps, StopWhen(lambda step: step.index == after))


@pytest.mark.parametrize("data", [counts(), labels()])
@pytest.mark.parametrize("schedule", ["plateau", "diminishing"])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(path, data, schedule):
    method = replace(METHOD, schedule=schedule)
    whole = drive(method.iterate(data, 2, seed=SEED))
    stopped(path, data, method=method)
    rest = drive(replace(method, checkpoint=path, resume=True).iterate(data, 2, seed=SEED))
    np.testing.assert_array_equal(rest.last.state.factor, whole.last.state.factor)
    assert (rest.status, rest.last.state.losses) == (whole.status, whole.last.state.losses)
    assert rest.history["step"][0] == 9
    for name, column in whole.history.items():
        np.testing.assert_array_equal(rest.history[name], column[8:])


def test_a_finished_run_is_taken_up_again_and_can_be_given_more_rounds(path):
    method = replace(METHOD, schedule="constant", checkpoint=path)
    first = drive(replace(method, rounds=10).iterate(counts(), 1, seed=SEED))
    again = drive(replace(method, rounds=10, resume=True).iterate(counts(), 1, seed=SEED))
    assert again.history["step"].tolist() == [10]
    np.testing.assert_array_equal(again.last.state.factor, first.last.state.factor)
    more = drive(replace(method, rounds=14, resume=True).iterate(counts(), 1, seed=SEED))
    whole = drive(replace(method, rounds=14, checkpoint=None).iterate(counts(), 1, seed=SEED))
    np.testing.assert_array_equal(more.last.state.factor, whole.last.state.factor)
    assert more.status is Status.CONVERGED


def test_a_run_from_a_given_factor_is_saved_too(path):
    start = random_factor(np.random.default_rng(0), 4, 2)
    method = replace(METHOD, schedule="constant")
    whole = drive(method.iterate(counts(), 2, seed=SEED, start=start))
    saved = replace(method, checkpoint=path)
    drive(saved.iterate(counts(), 2, seed=SEED, start=start), StopWhen(lambda step: step.index == 4))
    rest = drive(replace(saved, resume=True).iterate(counts(), 2, seed=SEED, start=start))
    np.testing.assert_array_equal(rest.last.state.factor, whole.last.state.factor)
    assert replace(saved, resume=True).unsaved() == method


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": labels()}, "`data` must be the data of the run"),
        ({"data": replace(counts(), counts=counts().counts + 1)}, "`data` must be the data of the run"),
        ({"seed": np.random.SeedSequence(12)}, "`rng` must be the seed of the run"),
        ({"seed": np.random.SeedSequence(11, spawn_key=(1,))}, "`rng` must be the seed of the run"),
        ({"start": random_factor(np.random.default_rng(0), 4, 2)}, "`start` must be the start of the run"),
        ({"rank": 1}, "`rank` must be 2 as in the run in .*, but it is 1"),
        ({"machines": 5}, "`machines` must be 4 as in the run in .*, but it is 5"),
        ({"local_steps": 11}, "`local_steps` must be 10"),
        ({"batch": 4}, "`batch` must be 3"),
        ({"step_size": 0.2}, "`step_size` must be 0.1"),
        ({"schedule": "constant"}, "`schedule` must be 'plateau'"),
        ({"floor": 0.1}, "`floor` must be 0.0"),
        ({"tol": 0.1}, "`tol` must be 0.01"),
        ({"align": "procrustes"}, "`align` must be 'none'"),
    ],
)
def test_another_run_is_refused(path, change, message):
    stopped(path, counts(), after=2)
    call = {"data": counts(), "rank": 2, "seed": SEED, "start": None}
    settings = {name: value for name, value in change.items() if name not in call}
    call |= {name: value for name, value in change.items() if name in call}
    method = replace(METHOD, checkpoint=path, resume=True, **settings)
    with pytest.raises(ValueError, match=message):
        drive(method.iterate(call["data"], call["rank"], seed=call["seed"], start=call["start"]))


def test_no_file_a_foreign_file_and_a_file_in_the_way_are_refused(path):
    resume = replace(METHOD, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match="`checkpoint` must be a file to resume from, but there is none at"):
        drive(resume.iterate(counts(), 2, seed=SEED))
    stopped(path, counts(), after=2)
    with pytest.raises(ValueError, match=r"`checkpoint` must name a new file unless `resume` is set, but .* is there"):
        stopped(path, counts())
    for content in (b"", b"PK\x03\x04 not really", path.read_bytes()[:-200]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="`checkpoint` must be one that qalgs wrote"):
            drive(resume.iterate(counts(), 2, seed=SEED))


def test_the_file_is_whole_after_every_round_and_nothing_else_is_left(path):
    steps = replace(METHOD, checkpoint=path).iterate(counts(), 2, seed=SEED)
    for step in steps:
        own = identity(counts(), 2, SEED, None, _course(METHOD))
        np.testing.assert_array_equal(load_state(path, own).factor, step.state.factor)
        assert [p.name for p in path.parent.iterdir()] == [path.name]


def _course(method):
    free = ("rounds", "engine", "deadline", "checkpoint", "resume")
    return {name: value for name, value in vars(method).items() if name not in free}


def test_a_state_survives_the_disk(tmp_path):
    state = LocalState(random_factor(np.random.default_rng(0), 3, 2), 7, 2, (0.5, 0.25), 1, 0.125, 4096, 3)
    own = identity(counts(), 2, np.random.SeedSequence([1, 2**100]), state, {"machines": 4})
    save_state(state, tmp_path / "a", json.loads(json.dumps(own)))
    back = load_state(tmp_path / "a", own)
    np.testing.assert_array_equal(back.factor, state.factor)
    assert vars(back) | {"factor": None} == vars(state) | {"factor": None}


def test_other_versions_are_mentioned(path, monkeypatch, caplog):
    stopped(path, counts(), after=2)
    monkeypatch.setattr("qalgs.tomo.methods.checkpoint._versions", lambda: {"numpy": "1.0"})
    with caplog.at_level(logging.WARNING):
        drive(replace(METHOD, checkpoint=path, resume=True).iterate(counts(), 2, seed=SEED))
    assert "numpy" in caplog.text
    assert "the last bits may differ" in caplog.text


def test_the_digest_is_that_of_the_content():
    data = counts()
    same = CountsData(data.settings.copy(), data.counts.copy(), source="elsewhere")
    assert digest(same) == digest(data)
    assert len(digest(data)) == 64
    order = np.arange(len(data))[::-1]
    moved = replace(data, counts=data.counts + np.eye(*data.counts.shape, dtype=int))
    exact = replace(labels(), shots=None)
    different = [data, data.take(order), moved, labels(), exact]
    assert len({digest(d) for d in different}) == 5
