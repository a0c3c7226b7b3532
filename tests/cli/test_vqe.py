import json
import tomllib

import numpy as np
import pytest

import qalgs as qa
from qalgs.cli import main
from qalgs.cli.colocate import read_jobs
from qalgs.cli.vqe import Options, read_problem
from qalgs.vqa.problem import as_operator

QUICK = ["--backend", "noisy:fake_manila", "--shots", "50", "--evaluations", "16", "--cycles", "2"]
FILES = {"config.toml", "environment.json", "figure.png", "result.json", "result.npz"}


def test_vqe_writes_everything_and_the_same_seed_writes_the_same(tmp_path, capsys):
    out = tmp_path / "a"
    assert main(["vqe", "ising:2", *QUICK, "--rng", "3", "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == FILES
    assert "placements   2 cycles" in capsys.readouterr().out
    first = qa.VQEResult.load(out / "result")
    config = tomllib.loads((out / "config.toml").read_text())
    assert (config["problem"], config["shots"], config["nest"]["cycles"]) == ("ising:2", 50, 2)
    assert json.loads((tmp_path / "a" / "environment.json").read_text())["qalgs"] == qa.__version__
    assert main(["vqe", "--config", str(tmp_path / "a" / "config.toml"), "--out", str(tmp_path / "c")]) == 0
    again = qa.VQEResult.load(tmp_path / "c" / "result")
    np.testing.assert_array_equal(first.history["energy"], again.history["energy"])


@pytest.mark.parametrize("schedule", ["bestmap", "low", "jump", "qoncord"])
def test_every_schedule_has_a_name(schedule):
    policy = Options(schedule=schedule, nest=qa.Nest(cycles=2)).policy()
    assert policy.cycles == 2
    assert policy.__class__.__name__.lower().endswith(schedule)


def test_without_a_schedule_any_backend_will_do(tmp_path, capsys):
    arguments = ["--schedule", "none", "--backend", "statevector", "--shots", "None", "--evaluations", "400"]
    assert main(["vqe", "ising:2", *arguments, "--out", str(tmp_path)]) == 0
    result = qa.VQEResult.load(tmp_path / "result")
    assert result.energy == pytest.approx(result.reference, abs=1e-4)
    assert result.energy_err == 0


def test_cuts_are_found_by_qaoa(tmp_path, capsys):
    assert main(["vqe", "maxcut:cycle:4", *QUICK, "--optimizer", "spsa", "--out", str(tmp_path)]) == 0
    assert "best bits" in capsys.readouterr().out


def test_dry_runs_run_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    jobs = tmp_path / "jobs.toml"
    jobs.write_text('[[job]]\nproblem = "ising:2"\ncycles = 1\ncopies = 2\n')
    assert main(["vqe", "maxcut:path:3", *QUICK, "--dry-run"]) == 0
    assert main(["colocate", "jobs.toml", *QUICK[:6], "--dry-run"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    # One basis an energy; at most 16 in the cycles, four measured anew after each, and the last.
    assert "25 circuits" in first or "24 circuits" in first
    assert first.endswith("nothing was run")
    assert second.startswith("2 programs, 1 maps (ESP")
    assert list(tmp_path.iterdir()) == [jobs]


def test_problems_have_names_and_files(tmp_path):
    assert as_operator(read_problem("xxz:3")) == qa.problems.xxz(3)
    assert read_problem("maxcut:star:4").edges == ((0, 1), (0, 2), (0, 3))
    assert read_problem("H2", 0.742).num_qubits == 4
    file = tmp_path / "terms.txt"
    file.write_text("# two qubits\nZZ 1.0\nIX -0.5  # a field\nXI -0.5\n\n")
    expected = np.kron([[1, 0], [0, -1]], [[1, 0], [0, -1]]) - 0.5 * (
        np.kron(np.eye(2), [[0, 1], [1, 0]]) + np.kron([[0, 1], [1, 0]], np.eye(2))
    )
    np.testing.assert_allclose(read_problem(str(file)).to_matrix(), expected)


def test_colocate_writes_every_program(tmp_path, capsys):
    jobs = tmp_path / "queue.toml"
    jobs.write_text(
        '[[job]]\nproblem = "ising:2"\nshape = "flat"\ncycles = 1\n'
        '[[job]]\nproblem = "maxcut:path:2"\nname = "cut"\ncycles = 2\ndelay = 1\ndepth = 1\n'
    )
    read = read_jobs(jobs)
    assert [(job.name, job.delay, job.schedule.cycles) for job in read] == [("ising:2", 0, 1), ("cut", 1, 2)]
    assert read[1].ansatz.num_parameters == 2
    out = tmp_path / "run"
    assert main(["colocate", str(jobs), *QUICK[:4], "--evaluations", "8", "--out", str(out)]) == 0
    assert "2 programs in" in capsys.readouterr().out
    each = {f"result-{p}.{kind}" for p in (0, 1) for kind in ("json", "npz")}
    assert {path.name for path in out.iterdir()} == FILES | each | {"jobs.toml"}
    assert json.loads((out / "result.json").read_text())["names"] == ["ising:2", "cut"]
    assert qa.VQEResult.load(out / "result-1").evaluations > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["vqe", "isng:4"], "did you mean ising:<n>?"),
        (["vqe", "ising:four"], "`problem` must end with a number of qubits"),
        (["vqe", "ising:2", "--bond-length", "1"], "`bond_length` must be given for a molecule only"),
        (["vqe", "ising:2", "--schedule", "bestmap", "--low", "0.3"], "`schedule` must be nest for its flags"),
        (["vqe", "ising:2", "--backend", "aer"], "no calibration"),
        (["vqe", "ising:2", "--cycles", "0"], "`cycles` must be at least 1"),
        (["vqe", "ising:2", "--shots", "0"], "`shots` must be at least 1"),
        (["vqe", "ising:2", "--evaluations", "0"], "`evaluations` must be at least 1"),
        (["vqe", "bad.txt"], "line 2 of bad.txt is 'XQ 1'"),
        (["colocate", "nothing.toml"], "nothing.toml"),
        (["colocate", "empty.toml"], "hold tables [[job]] and nothing else"),
        (["colocate", "typo.toml"], "hold a problem, and otherwise only bond_length"),
    ],
)
def test_bad_requests_end_with_one_sentence_and_exit_code_2(words, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.txt").write_text("ZZ 1\nXQ 1\n")
    (tmp_path / "empty.toml").write_text("shots = 3\n")
    (tmp_path / "typo.toml").write_text('[[job]]\nproblem = "h2"\nshap = "flat"\n')
    before = set(tmp_path.iterdir())
    assert main(words) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert set(tmp_path.iterdir()) == before
