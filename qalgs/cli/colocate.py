"""``qalgs colocate``: several variational programs side by side on one device."""

from __future__ import annotations

import shutil
import tomllib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import tyro

from qalgs import circuits, plot
from qalgs.backends import as_backend
from qalgs.checks import argument, positive_int
from qalgs.cli.config import Shared
from qalgs.cli.machines import as_config
from qalgs.cli.output import run_folder, write_config, write_run
from qalgs.cli.vqe import read_problem
from qalgs.problems import MaxCut
from qalgs.vqa import Schedule, VariationalJob
from qalgs.vqa import colocate as run_colocate
from qalgs.vqa.colocation import planned_together

_JOBS = "jobs.toml"
_OF_THE_JOB = ("problem", "bond_length", "depth", "name", "delay", "copies")
_OF_THE_SCHEDULE = tuple(f.name for f in fields(Schedule))


@dataclass(frozen=True, kw_only=True)
class Options(Shared):
    """Run several variational programs side by side."""

    jobs: Annotated[Path, tyro.conf.Positional] = Path(_JOBS)
    """File with a table [[job]] for each program: problem as in `qalgs vqe`, and if wished name, copies, delay,
    bond_length, depth, and shape, cycles, low, high, plateau of its schedule."""
    backend: str = "noisy:fake_fez"
    """Where to run: noisy:fake_fez or another device, ibm:<machine>."""
    shots: int = 1024
    """Shots per merged circuit."""
    evaluations: int = 432
    """Most energies evaluated, of each program."""
    buffer: int = 1
    """Idle qubits, at least, between two programs."""
    moves: int = 1
    """Most qubits that a program changes between cycles."""
    crosstalk: float = 0.0
    """Couplers next to another program have 1 + this times their error; simulators only."""


def colocate(options: Annotated[Options, tyro.conf.arg(name="")]) -> None:
    """Run several variational programs side by side on one device."""
    jobs = read_jobs(options.jobs)
    machine = as_backend(options.backend)
    shared: dict[str, Any] = {
        "backend": machine,
        "shots": options.shots,
        "buffer": options.buffer,
        "moves": options.moves,
        "max_evaluations": options.evaluations,
    }
    if options.dry_run:
        print(f"{len(jobs)} programs, {planned_together(jobs, **shared)}; nothing was run")
        return
    folder = run_folder(options.out, "colocate")
    config = as_config(options) | {"out": str(folder)}
    write_config(folder, config)
    if options.jobs.resolve() != (folder / _JOBS).resolve():
        shutil.copyfile(options.jobs, folder / _JOBS)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the operator's lowest state", UserWarning)  # it stands in the results
        result = run_colocate(jobs, crosstalk=options.crosstalk, rng=options.rng, **shared)
    print(result)
    write_run(folder, config, result, plot.strip(result))
    print(f"written to   {folder}/  (figure.png, result, result-<program>, {_JOBS}, config.toml, environment.json)")


def read_jobs(file: Path) -> list[VariationalJob]:
    """The programs in a file, copies one after the other.

    Raises:
        ValueError: it is no TOML, holds no [[job]], or one that does not fit.
        OSError: it cannot be read.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(argument("jobs", "be a TOML file", f"{file} is not: {error}")) from None
    entries = table.get("job")
    if set(table) - {"job"} or not isinstance(entries, list) or not entries:
        raise ValueError(argument("jobs", "hold tables [[job]] and nothing else", f"{file} has {sorted(table)}"))
    return [job for number, entry in enumerate(entries) for job in _copies(number, entry)]


def _copies(number: int, entry: Mapping[str, Any]) -> list[VariationalJob]:
    unknown = sorted(set(entry) - {*_OF_THE_JOB, *_OF_THE_SCHEDULE})
    if unknown or "problem" not in entry:
        must = f"hold a problem, and otherwise only {', '.join((*_OF_THE_JOB[1:], *_OF_THE_SCHEDULE))}"
        raise ValueError(argument(f"job[{number}]", must, f"it holds {', '.join(entry) or 'nothing'}"))
    problem = read_problem(str(entry["problem"]), entry.get("bond_length"))
    ansatz = None
    if isinstance(problem, MaxCut):
        ansatz = circuits.qaoa(problem.hamiltonian, depth=entry.get("depth", 1))
    schedule = Schedule(**{name: entry[name] for name in _OF_THE_SCHEDULE if name in entry})
    count = positive_int(entry.get("copies", 1), "copies")
    name = str(entry.get("name", entry["problem"]))
    names = [name] if count == 1 else [f"{name} {k}" for k in range(count)]
    return [VariationalJob(problem, ansatz, schedule=schedule, delay=entry.get("delay", 0), name=own) for own in names]
