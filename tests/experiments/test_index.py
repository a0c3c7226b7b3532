"""The list, the run of all, and the table of results."""

import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from experiments import __main__ as command
from experiments import runner

FOLDER = Path(command.__file__).parent


@pytest.mark.parametrize("name", runner.names())
def test_every_experiment_stands_beside_its_paper(name):
    assert f"`{name}`" in (FOLDER / "README.md").read_text(encoding="utf-8")
    assert runner.paper(name).startswith("arXiv ")


def test_durations_are_those_of_experiments():
    known = tomllib.loads((FOLDER / "minutes.toml").read_text(encoding="utf-8"))
    assert set(known) <= set(runner.names())
    for name, minutes in known.items():
        assert set(minutes) <= set(runner.load(name).PRESETS)
        assert all(value > 0 for value in minutes.values())


def test_the_list_says_what_is_to_be_expected(capsys):
    assert command.main(["list"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for name in runner.names():
        assert " ".join(runner.load(name).EXPECTED.split())[:40] in printed
    assert "(arXiv 2203.11579; " in printed


@pytest.fixture
def three(monkeypatch):
    """One experiment that works, one that fails, one without the preset."""
    names = ["room/works", "room/fails", "room/other"]
    monkeypatch.setattr(runner, "names", lambda: names)
    presets = {names[0]: {"smoke": 1}, names[1]: {"smoke": 2}, names[2]: {"paper": 3}}
    monkeypatch.setattr(runner, "load", lambda name: SimpleNamespace(PRESETS=presets[name]))
    asked = []

    def run(name, config, out):
        asked.append((name, config, out))
        if name == names[1]:
            raise ArithmeticError("no luck")
        return runner.Outcome(Path("there"), [{}], True)

    monkeypatch.setattr(runner, "run", run)
    return asked


def test_one_failure_does_not_stop_the_others(three, tmp_path, capsys):
    assert command.main(["run", "all", "--preset", "smoke", "--out", str(tmp_path)]) == 1
    assert three == [("room/works", 1, tmp_path / "room/works"), ("room/fails", 2, tmp_path / "room/fails")]
    assert "failed: ArithmeticError: no luck" in capsys.readouterr().out


def test_an_interruption_stops_all(three, monkeypatch, capsys):
    def interrupted(name, config, out):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", interrupted)
    assert command.main(["run", "all", "--preset", "smoke"]) == 130
    assert "interrupted during room/works" in capsys.readouterr().err


def test_settings_of_one_experiment_are_refused_for_all(capsys):
    assert command.main(["run", "all", "--preset", "smoke", "--seed", "3"]) == 2
    assert "--seed 3" in capsys.readouterr().err


def test_a_preset_that_nobody_has_is_refused(capsys):
    assert command.main(["run", "all", "--preset", "huge"]) == 2
    assert "no preset 'huge'" in capsys.readouterr().err
