import json
import tomllib

import pytest

import qalgs as qa
from qalgs.cli import main


def test_tomography_writes_everything(tmp_path, capsys):
    out = tmp_path / "run"
    args = [
        "tomography",
        "--state",
        "w",
        "--qubits",
        "3",
        "--shots",
        "500",
        "--bootstrap",
        "3",
        "--out",
        str(out),
    ]
    assert main([*args, "--machines", "2", "--local-steps", "5"]) == 0
    printed = capsys.readouterr().out
    assert "fidelity" in printed
    assert "communication rounds" in printed
    names = {"config.toml", "environment.json", "figure.png", "result.json", "result.npz", "data.json", "data.npz"}
    assert {p.name for p in out.iterdir()} == names
    config = tomllib.loads((out / "config.toml").read_text())
    assert (config["state"], config["local_sfgd"]["machines"]) == ("w", 2)
    assert json.loads((out / "environment.json").read_text())["qalgs"] == qa.__version__
    assert float(qa.TomographyResult.load(out / "result").fidelity(qa.problems.w_state(3))) > 0.95
    assert (out / "figure.png").stat().st_size > 10_000


def test_a_dry_run_runs_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["tomography", "--qubits", "3", "--settings", "5", "--shots", "10", "--dry-run"]) == 0
    assert "5 settings, 50 shots, 5 circuits on aer; nothing was run" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_runs_without_out_never_overwrite_one_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    args = [
        "tomography",
        "--qubits",
        "2",
        "--shots",
        "50",
        "--bootstrap",
        "0",
        "--method",
        "linear-inversion",
    ]
    assert main(args) == main(args) == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--backend", "aerr"], "did you mean 'aer'"),
        (["--shots", "0"], "`shots` must be at least 1, but it is 0"),
        (["--fraction", "2"], "`fraction` must be at most 1, but it is 2"),
        (["--fraction", "0.2", "--settings", "3"], "Exactly one of"),
        (["--qubits", "60"], "be at most 16, but it is 60"),
        (["--rank", "99"], "`rank` must be at most 16"),
        (["--machines", "0"], "`machines` must be at least 1"),
        (["--method", "fgd", "--machines", "2"], "be local-sfgd for the flags"),
    ],
)
def test_bad_requests_end_with_one_sentence_and_exit_code_2(flags, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["tomography", *flags]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
