import os
import shlex
import signal
import subprocess
import sys
import time
import uuid
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tyro

from qalgs.cli import main
from qalgs.cli.machines import as_config, as_flags, resume_line
from qalgs.cli.tomography import Options
from qalgs.tomo import LocalSFGD

mpi = pytest.mark.skipif(find_spec("mpi4py") is None, reason='mpi4py is not installed: pip install "qalgs[mpi]"')
QALGS = [sys.executable, "-c", "import sys; from qalgs.cli import main; sys.exit(main(sys.argv[1:]))"]
SMALL = ["tomography", "--qubits", "3", "--shots", "200", "--bootstrap", "0", "--rounds", "15", "--machines", "3"]


def factor(folder):
    return np.load(folder / "result.npz")["factor"]


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(state="w", fraction=0.25, out=Path("some where"), dry_run=True),
        Options(local_sfgd=LocalSFGD(engine="ray", batch=3, checkpoint="a b", resume=True), ranks=2),
    ],
)
def test_flags_give_the_options_back(options):
    assert tyro.cli(Options, args=as_flags(options)) == options
    assert all(value is None or isinstance(value, str | int | float | dict) for value in as_config(options).values())


def test_the_line_to_resume_with_can_be_typed():
    options = Options(qubits=5, local_sfgd=LocalSFGD(engine="mpi", checkpoint="my run"))
    line = resume_line(options, "tomography")
    assert line == "qalgs tomography --qubits 5 --engine mpi --checkpoint 'my run' --resume"
    again = tyro.cli(Options, args=shlex.split(line)[2:])
    assert again.local_sfgd.resume
    assert resume_line(again, "tomography") == line


def test_a_file_in_the_way_is_refused_before_anything_is_measured(tmp_path, capsys):
    (tmp_path / "run").write_text("mine")
    assert main([*SMALL, "--backend", "no such", "--checkpoint", str(tmp_path / "run")]) == 2
    assert "`checkpoint` must name a new file unless `resume` is set" in capsys.readouterr().err


def test_a_resumed_command_does_not_measure_again(tmp_path, capsys, monkeypatch):
    kept = [*SMALL, "--checkpoint", str(tmp_path / "run")]
    assert main([*SMALL, "--out", str(tmp_path / "whole")]) == 0
    assert main([*kept, "--out", str(tmp_path / "part"), "--rounds", "6"]) == 0
    monkeypatch.setattr("qalgs.cli.tomography.measure_paulis", None)
    assert main([*kept, "--out", str(tmp_path / "rest"), "--resume"]) == 0
    np.testing.assert_array_equal(factor(tmp_path / "rest"), factor(tmp_path / "whole"))
    assert "communication rounds" in capsys.readouterr().out


@mpi
@pytest.mark.parametrize("launched", [False, True])
def test_the_command_on_two_ranks_says_and_writes_everything_once(launched, tmp_path):
    from qalgs.engines.launch import mpiexec

    assert main([*SMALL, "--out", str(tmp_path / "here")]) == 0
    prefix = [str(mpiexec()), "-n", "2"] if launched else []
    command = [*prefix, *QALGS, *SMALL, "--engine", "mpi", "--ranks", "2", "--out", str(tmp_path / "there")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("measured ") == done.stdout.count("written to ") == 1
    np.testing.assert_array_equal(factor(tmp_path / "there"), factor(tmp_path / "here"))


@mpi
def test_what_the_command_refuses_on_ranks_is_said_once(tmp_path):
    command = [*QALGS, *SMALL, "--engine", "mpi", "--ranks", "2", "--rank", "99", "--out", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "qalgs: Argument `rank` must be at most 8, but it is 99.\n"


def process_of(mark, rank):
    """The process with this mark in its environment that MPI calls ``rank``."""
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if {f"QALGS_TEST={mark}".encode(), f"PMI_RANK={rank}".encode()} <= set(environment):
            return int(entry.parent.name)
    raise AssertionError("no such rank")


@mpi
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
def test_a_job_that_dies_names_the_command_that_goes_on(tmp_path, capsys):
    flags = [*SMALL[:-4], "--rounds", "700", "--schedule", "constant", "--machines", "2", "--step-size", "0.1"]
    saved = [*flags, "--engine", "mpi", "--ranks", "2", "--checkpoint", str(tmp_path / "run")]
    mark = uuid.uuid4().hex
    job = subprocess.Popen(
        [*QALGS, *saved, "--out", str(tmp_path / "rest")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"QALGS_TEST": mark},
    )
    end = time.monotonic() + 30
    while not (tmp_path / "run").exists() and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(process_of(mark, 1), signal.SIGKILL)
    _, said = job.communicate(timeout=30)
    assert job.returncode == 2
    assert f"The last finished round is in {tmp_path / 'run'}. Go on with: qalgs tomography" in said
    line = shlex.split(said.strip().splitlines()[-1].partition("Go on with: ")[2])
    assert not (tmp_path / "rest" / "result.npz").exists()

    line[line.index("mpi")] = "inprocess"  # the ranks are not what this is about
    assert main(line[1:]) == 0
    assert main([*flags, "--out", str(tmp_path / "whole")]) == 0
    np.testing.assert_array_equal(factor(tmp_path / "rest"), factor(tmp_path / "whole"))
    capsys.readouterr()
