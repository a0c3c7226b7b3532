"""``qalgs linear-solve``: files in, a folder out, one sentence where it refuses."""

import json
import tomllib

import numpy as np
import pytest
from scipy.io import mmwrite

from qalgs.cli import main
from qalgs.linear import LinearResult

FILES = {"config.toml", "environment.json", "figure.png", "result.json", "result.npz"}


def test_it_writes_everything_and_starts_again_from_its_settings(tmp_path, capsys):
    out = tmp_path / "run"
    flags = ["random:4:6", "--wrap", "--eps", "0.5", "--rng", "3"]
    assert main(["linear-solve", *flags, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "wrapped" in printed
    assert "written to" in printed
    assert {path.name for path in out.iterdir()} == FILES
    config = tomllib.loads((out / "config.toml").read_text())
    assert (config["system"], config["wrap"], config["eps"]) == ("random:4:6", True, 0.5)
    assert json.loads((out / "environment.json").read_text())["source"] == "aer"
    result = LinearResult.load(out / "result")
    assert result.error <= 0.5
    again = tmp_path / "again"
    assert main(["linear-solve", "--config", str(out / "config.toml"), "--out", str(again)]) == 0
    np.testing.assert_array_equal(LinearResult.load(again / "result").state, result.state)


@pytest.mark.parametrize("suffix", [".npy", ".mtx"])
def test_matrices_and_vectors_from_files(suffix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    A, b = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 2.0]]), np.array([1.0, -1.0, 2.0])
    np.save("A.npy", A)
    mmwrite("A.mtx", A)
    np.save("b.npy", b)
    x = np.linalg.solve(A, b)
    np.save("x0.npy", x * 1.01)
    shared = ["linear-solve", f"A{suffix}", "--rhs", "b.npy", "--eps", "0.01"]
    assert main([*shared, "--engine", "numpy", "--out", "direct"]) == 0
    assert main([*shared, "--method", "residual", "--x0", "x0.npy", "--engine", "numpy", "--out", "residual"]) == 0
    for name in ("direct", "residual"):
        state = LinearResult.load(f"{name}/result").state
        assert np.linalg.norm(state - x / np.linalg.norm(x)) < 0.01


def test_variational_with_shots_on_a_noisy_device(tmp_path):
    flags = ["random:2:3", "--method", "vqls", "--shots", "500", "--backend", "noisy:fake_manila", "--eps", "0.3"]
    assert main(["linear-solve", *flags, "--out", str(tmp_path)]) == 0
    result = LinearResult.load(tmp_path / "result")
    assert result.state is None
    assert result.probabilities_err.all()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["random:8:50", "--eps", "0.01"], "8 unknowns on 3 qubits, kappa 50; qsvt takes 265 queries a run"),
        (["random:8:50", "--eps", "0.01", "--wrap"], "not wrapped: the cheapest wrapper"),
        (["poisson:3", "--method", "vqls", "--shots", "100"], "vqls on aer, 100 shots; nothing was run"),
    ],
)
def test_a_dry_run_runs_nothing(flags, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["linear-solve", *flags, "--dry-run"]) == 0
    assert said in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["posson:3"], "`system` must be poisson:<points>"),
        (["random:x:3"], "`system` must be poisson:<points>"),
        (["random:8:0.5"], "`kappa` must be at least 1, but it is 0.5"),
        (["poisson:4", "--eta", "3"], "`eta` must be given with `wrap`"),
        (["poisson:4", "--wrap", "--method", "vqls"], "or adiabatic with `wrap`, but it is vqls"),
        (["poisson:4", "--rhs", "b.npy"], "`rhs` must be given for a matrix from a file only"),
        (["none.npy"], "none.npy"),
        (["poisson:4", "--x0", "start.txt", "--method", "start"], "`x0` must be a FILE.npy"),
    ],
)
def test_bad_requests_end_with_one_sentence_and_exit_code_2(flags, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["linear-solve", *flags]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
