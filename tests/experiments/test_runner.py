import csv
import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from experiments import __main__ as command
from experiments import runner
from experiments.tomography import communication

QUICK = replace(
    communication.PRESETS["smoke"], local_steps=(1, 10), distance=0.5, settings_local_steps=(20,), settings_rounds=2
)


@pytest.mark.parametrize("name", runner.names())
def test_the_smoke_preset_of_every_experiment_runs(name, tmp_path):
    experiment = runner.load(name)
    config = experiment.PRESETS["smoke"]
    outcome = runner.run(name, config, tmp_path)
    assert outcome.complete
    assert len(outcome.rows) == experiment.total(config)
    files = {"config.toml", "environment.json", "figure.png", "results.csv", "results.json", "results.npz"}
    assert {path.name for path in tmp_path.iterdir()} == files
    assert name in runner.report(name, outcome) or experiment.EXPECTED.split()[0] in runner.report(name, outcome)
    assert experiment.figure(config, outcome.rows[:1]).axes


def test_files_hold_what_was_computed(tmp_path):
    outcome = runner.run("tomography/communication", QUICK, tmp_path)
    with (tmp_path / "results.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(row["plateau"]) for row in table] == [row["plateau"] for row in outcome.rows]
    facts = json.loads((tmp_path / "results.json").read_text())
    assert facts["complete"]
    assert [row["rounds"] for row in facts["rows"]] == [row["rounds"] for row in outcome.rows]
    with np.load(tmp_path / "results.npz") as arrays:
        np.testing.assert_array_equal(arrays["001_error"], outcome.rows[1]["error"])
    written = tomllib.loads((tmp_path / "config.toml").read_text())
    assert written["local_steps"] == [1, 10]
    assert written["seed"] == QUICK.seed
    assert "numpy" in json.loads((tmp_path / "environment.json").read_text())


def test_the_same_seed_gives_the_same_rows():
    first, second = ([row["error"] for row in communication.compute(QUICK)] for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_rows_finished_before_an_interruption_are_kept(tmp_path, monkeypatch):
    whole = communication.compute

    def interrupted(config):
        yield next(whole(config))
        raise KeyboardInterrupt

    monkeypatch.setattr(communication, "compute", interrupted)
    outcome = runner.run("tomography/communication", QUICK, tmp_path)
    assert (len(outcome.rows), outcome.complete) == (1, False)
    assert "interrupted" in runner.report("tomography/communication", outcome)
    assert not json.loads((tmp_path / "results.json").read_text())["complete"]
    assert (tmp_path / "figure.png").exists()


def test_an_interruption_before_the_first_row_writes_nothing(tmp_path, monkeypatch, capsys):
    def interrupted(config):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(communication, "compute", interrupted)
    out = tmp_path / "folder"
    assert command.main(["run", "tomography/communication", "--preset", "smoke", "--out", str(out)]) == 130
    assert "nothing is written" in capsys.readouterr().err
    assert not out.exists()


def test_the_command_lists_and_runs_with_changed_settings(tmp_path, capsys):
    assert command.main(["list"]) == 0
    listed = capsys.readouterr().out
    assert "tomography/figure1" in listed
    assert "smoke (" in listed
    args = ["run", "tomography/communication", "--preset", "smoke", "--out", str(tmp_path)]
    assert command.main([*args, "--distance", "0.5", "--settings-rounds", "1"]) == 0
    assert str(tmp_path) in capsys.readouterr().out
    assert tomllib.loads((tmp_path / "config.toml").read_text())["distance"] == 0.5


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["run", "tomography/nothing"], "There is no experiment 'tomography/nothing'"),
        (["run", "tomography/figure1", "--preset", "huge"], "There is no preset 'huge': choose one of smoke, paper"),
        (["list", "--all"], "unrecognised: --all"),
    ],
)
def test_bad_requests_are_refused(args, message, capsys):
    assert command.main(args) == 2
    assert message in capsys.readouterr().err
