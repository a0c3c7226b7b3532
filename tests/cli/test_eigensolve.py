import json
import tomllib

import numpy as np
import pytest
from scipy.io import mmwrite
from scipy.sparse import csr_matrix

import qalgs as qa
from qalgs.cli import main
from qalgs.cli.eigensolve import Options, make_method, read_hamiltonian
from qalgs.eigen import EigenResult

H2 = qa.problems.h2_two_qubits().to_matrix().real
LEVELS = np.linalg.eigvalsh(H2)


def test_everything_is_written(tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["eigensolve", "ising:3", "--k", "2", "--rng", "3", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "level 1" in printed
    assert "worst error" in printed
    assert {p.name for p in out.iterdir()} == {
        "config.toml",
        "environment.json",
        "figure.png",
        "result.json",
        "result.npz",
    }
    config = tomllib.loads((out / "config.toml").read_text())
    assert (config["problem"], config["k"], config["rng"]) == ("ising:3", 2, 3)
    assert json.loads((out / "environment.json").read_text())["qalgs"] == qa.__version__
    exact = np.linalg.eigvalsh(qa.problems.transverse_field_ising(3).to_matrix())[:2]
    np.testing.assert_allclose(EigenResult.load(out / "result").eigenvalues, exact, atol=1e-6)


@pytest.mark.parametrize("suffix", ["npy", "mtx"])
def test_matrices_from_files(suffix, tmp_path):
    file = tmp_path / f"h2.{suffix}"
    if suffix == "npy":
        np.save(file, H2)
    else:
        mmwrite(file, csr_matrix(H2))
    out = tmp_path / "run"
    assert main(["eigensolve", str(file), "--k", "2", "--method", "hotelling", "--out", str(out)]) == 0
    np.testing.assert_allclose(EigenResult.load(out / "result").eigenvalues, LEVELS[:2], atol=1e-6)


@pytest.mark.parametrize("method", ["vqd", "expansion", "exact"])
def test_other_methods(method, tmp_path):
    file, out = tmp_path / "h2.npy", tmp_path / "run"
    np.save(file, H2)
    assert main(["eigensolve", str(file), "--k", "2", "--method", method, "--out", str(out)]) == 0
    np.testing.assert_allclose(EigenResult.load(out / "result").eigenvalues, LEVELS[:2], atol=1e-5)


def test_one_circuit_for_all_levels_stays_above_them(tmp_path):
    assert main(["eigensolve", "ising:2", "--k", "2", "--method", "ssvqe", "--out", str(tmp_path)]) == 0
    exact = np.linalg.eigvalsh(qa.problems.transverse_field_ising(2).to_matrix())[:2]
    assert (EigenResult.load(tmp_path / "result").eigenvalues > exact - 1e-9).all()


def test_flags_reach_the_method():
    options = Options(method="eigengame", c=1.5, guards=0, cross="rescaled", schedule="lagged", max_steps=7)
    method = make_method(options)
    assert (method.c, method.guards, method.cross, method.schedule, method.max_steps) == (
        1.5,
        0,
        "rescaled",
        "lagged",
        7,
    )
    assert make_method(Options(method="vqd", beta=3.0)).beta == 3.0


def test_large_molecules_are_tapered():
    assert read_hamiltonian(Options(problem="lih")).num_qubits == 8
    assert read_hamiltonian(Options(problem="lih", active=(2, 2))).num_qubits == 4
    assert read_hamiltonian(Options(problem="lih", active=(2, 2), tapered="yes")).num_qubits == 2


def test_a_dry_run_runs_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["eigensolve", "h2", "--k", "2", "--shots", "100", "--backend", "aer", "--dry-run"]) == 0
    assert "5 bases for an energy, 500 shots, on aer" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_goes_on_to_the_same_levels(tmp_path, capsys, monkeypatch):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    words = ["eigensolve", "ising:3", "--k", "2", "--rng", "1", "--checkpoint-every", "1"]
    assert main([*words, "--out", str(whole)]) == 0

    class Interrupting:
        def __init__(self, label):
            pass

        def __call__(self, step):
            if step.index == 9:
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("qalgs.cli.eigensolve.Progress", Interrupting)
        assert main([*words, "--out", str(cut)]) == 0
    assert f"qalgs eigensolve --resume {cut}" in capsys.readouterr().out
    assert (cut / "checkpoint").is_file()
    assert main(["eigensolve", "--resume", str(cut)]) == 0
    assert not (cut / "checkpoint").exists()
    first, second = (EigenResult.load(folder / "result") for folder in (whole, cut))
    np.testing.assert_array_equal(first.eigenvalues, second.eigenvalues)
    np.testing.assert_array_equal(first.history["energy_0"], second.history["energy_0"])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["h5"], "`problem` must be a file or one of"),
        (["ising:4", "--method", "vqd", "--c", "3"], "`method` must be eigengame for `c`"),
        (["ising:4", "--method", "exact", "--shots", "10"], "`shots` must be left out with exact"),
        (["ising:4", "--active", "2", "2"], "`active` must be given for a molecule only"),
        (["ising:4", "--tapered", "yes"], "`tapered` must be yes for a molecule only"),
        (["ising:2", "--k", "5"], "`k` must be at most the 4 levels there are"),
        (["h2", "--backend", "aer"], "give exact states where no shots are asked for"),
    ],
)
def test_bad_requests_end_with_one_sentence_and_exit_code_2(flags, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["eigensolve", *flags]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
