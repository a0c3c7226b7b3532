"""Nest on a machine with a queue: a rehearsal server of five qubits on a line, whose answers are noiseless."""

import numpy as np
import pytest

import qalgs as qa
from qalgs.cli import main
from qalgs.optimizers import SPSA
from qalgs.vqa.colocation import planned_together
from qalgs.vqa.verb import planned
from qalgs_backends.ibm.backend import IBMBackend
from tests.backends.ibm_rehearsal import *  # noqa: F403

H = qa.problems.transverse_field_ising(2, h=0.7)
ANSATZ = qa.circuits.hardware_efficient(2, reps=1)
RUN = {"schedule": qa.Nest(cycles=3), "optimizer": SPSA(stability=2), "shots": 200, "max_evaluations": 12, "rng": 5}
JOBS = [qa.VariationalJob(H, ANSATZ, optimizer=SPSA(), schedule=qa.Schedule("linear", cycles=2)) for _ in range(2)]
TOGETHER = {"shots": 200, "max_evaluations": 6, "rng": 5}


def sent(server):
    return server.count("POST", "/jobs")


def again(server, store):
    """The machine as another process finds it."""
    return IBMBackend(server.name, store=store)


def test_a_run_is_one_batch_of_one_job_a_question(server, backend):
    forecast = planned(H, ANSATZ, backend=backend, **RUN)
    assert server.count("POST") == 0
    result = qa.vqe(H, ANSATZ, backend=backend, **RUN)
    assert 0 < sent(server) == result.cost.jobs <= forecast.cost.jobs
    assert server.count("POST", "/sessions") == 1
    assert result.cost.shots <= forecast.cost.shots
    assert forecast.maps == len({tuple(place) for place in result.placements.tolist()})
    assert result.cost.quantum_seconds > 0
    exact = qa.backends.get("statevector")
    truth = exact.expect(exact.prepare(ANSATZ, H), result.parameters).values[0, 0]
    assert abs(result.energy - truth) < 5 * result.energy_err


def test_all_planned_maps_are_transpiled_before_the_first_job(server, backend, monkeypatch):
    prepared, transpile = [], IBMBackend.prepare

    def counted(self, *args, **kwargs):
        prepared.append(sent(server))
        return transpile(self, *args, **kwargs)

    monkeypatch.setattr(IBMBackend, "prepare", counted)
    result = qa.vqe(H, ANSATZ, backend=backend, **RUN)
    assert prepared == [0] * len({tuple(place) for place in result.placements.tolist()})


def test_a_repeated_run_sends_nothing(server, backend, store):
    first = qa.vqe(H, ANSATZ, backend=backend, **RUN)
    before = sent(server)
    second = qa.vqe(H, ANSATZ, backend=again(server, store), **RUN)
    assert sent(server) == before
    np.testing.assert_array_equal(first.history["energy"], second.history["energy"])
    assert first.energy == second.energy


def test_a_run_that_died_goes_on_from_its_jobs(server, backend, store):
    class DiedError(Exception):
        pass

    def die(step):
        if step.index >= 6:
            raise DiedError

    with pytest.raises(DiedError):
        qa.vqe(H, ANSATZ, backend=backend, callback=die, **RUN)
    before = sent(server)
    assert before > 0
    result = qa.vqe(H, ANSATZ, backend=again(server, store), **RUN)
    assert sent(server) == result.cost.jobs
    assert before < result.cost.jobs


def test_ctrl_c_sends_nothing_more(server, backend):
    def interrupt(step):
        if step.index >= 3:
            seen.append(sent(server))
            raise KeyboardInterrupt

    seen = []
    result = qa.vqe(H, ANSATZ, backend=backend, callback=interrupt, **RUN)
    assert result.status is qa.Status.INTERRUPTED
    assert [sent(server)] == seen
    assert result.energy == result.history["energy"][-1]
    both = qa.colocate(JOBS, backend=backend, callback=interrupt, **TOGETHER)
    assert sent(server) == seen[1]
    assert [own.energy for own in both.programs] == [own.history["energy"][-1] for own in both.programs]


def test_another_seed_is_another_run(server, backend):
    qa.vqe(H, ANSATZ, backend=backend, **RUN)
    before = sent(server)
    qa.vqe(H, ANSATZ, backend=backend, **RUN | {"rng": 6})
    assert sent(server) == 2 * before


def test_programs_side_by_side_are_merged_and_read_apart(server, backend, store):
    forecast = planned_together(JOBS, backend=backend, shots=200, max_evaluations=6)
    assert server.count("POST") == 0
    result = qa.colocate(JOBS, backend=backend, **TOGETHER)
    assert result.distance >= 1
    assert sent(server) == result.rounds <= forecast.cost.jobs
    assert result.circuits <= forecast.cost.circuits
    exact = qa.backends.get("statevector")
    program = exact.prepare(ANSATZ, H)
    for own in result.programs:
        assert abs(own.energy - exact.expect(program, own.parameters).values[0, 0]) < 5 * own.energy_err
    before = sent(server)
    repeated = qa.colocate(JOBS, backend=again(server, store), **TOGETHER)
    assert sent(server) == before
    for a, b in zip(result.programs, repeated.programs, strict=True):
        np.testing.assert_array_equal(a.history["energy"], b.history["energy"])


def test_a_dry_run_in_the_shell_names_the_cost_and_sends_nothing(server, capsys, tmp_path):
    machine = ["--backend", f"ibm:{server.name}", "--dry-run"]
    assert main(["vqe", "ising:2", *machine, "--shots", "100", "--evaluations", "20", "--cycles", "2"]) == 0
    printed = capsys.readouterr().out
    assert "maps (ESP" in printed
    assert "circuits in" in printed
    assert f"shots on ibm:{server.name}, about " in printed
    assert printed.endswith("device seconds; nothing was run\n")
    jobs = tmp_path / "jobs.toml"
    jobs.write_text('[[job]]\nproblem = "ising:2"\ncopies = 2\ncycles = 2\n')
    assert main(["colocate", str(jobs), *machine, "--shots", "100", "--evaluations", "20"]) == 0
    assert capsys.readouterr().out.startswith("2 programs, ")
    assert server.count("POST", "/jobs|/sessions") == 0
