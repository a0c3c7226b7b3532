"""Run an experiment and write its folder.

An experiment is a module ``experiments/<room>/<name>.py`` with

    Config              frozen flat dataclass of numbers, strings and tuples of them, ``seed`` among them
    PRESETS             {"smoke": a Config that takes seconds, "paper": the published sizes}
    EXPECTED            what the paper shows, what is to be expected here, and where the two differ
    total(config)       how many rows there will be
    compute(config)     yields the rows, one for each finished piece of work; it touches nothing else
    figure(config, rows)  a matplotlib Figure of one row or more

The package of a room names its ``PAPER``; minutes.toml says how long the presets take.

A row is a dict of scalars and arrays. Scalars make the printed table and results.csv, arrays go to results.npz as
``<row>_<name>``. What was finished before Ctrl-C is written all the same.
"""

from __future__ import annotations

import csv
import json
import pkgutil
import textwrap
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from tqdm.auto import tqdm

import experiments
from experiments.bench.table import Row, as_table
from qalgs.cli.output import run_folder
from qalgs.results import provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MINUTES = Path(__file__).with_name("minutes.toml")
_LIBRARIES = ("bench",)
"""Packages of this folder that hold no experiments."""


class Experiment(Protocol):
    """What a module must have to be an experiment."""

    __doc__: str | None
    PRESETS: Mapping[str, Any]
    EXPECTED: str

    def total(self, config: Any, /) -> int:
        """The number of rows that ``compute`` yields."""
        ...

    def compute(self, config: Any, /) -> Iterator[Row]:
        """The rows, one after the other."""
        ...

    def figure(self, config: Any, rows: Sequence[Row], /) -> Figure:
        """The picture of ``rows``."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What a run leaves behind."""

    folder: Path
    rows: list[Row]
    complete: bool
    """False after Ctrl-C: later rows are missing."""


def names() -> list[str]:
    """Every experiment as ``room/name``, in alphabetical order."""
    rooms = [room.name for room in pkgutil.iter_modules(experiments.__path__) if room.ispkg]
    found = []
    for room in rooms:
        if room not in _LIBRARIES:
            package = import_module(f"experiments.{room}")
            found += [f"{room}/{info.name}" for info in pkgutil.iter_modules(package.__path__)]
    return sorted(name for name in found if hasattr(_module(name), "PRESETS"))


def load(name: str) -> Experiment:
    """The experiment ``room/name``.

    Raises:
        ValueError: there is no such experiment.
    """
    if name not in names():
        raise ValueError(f"There is no experiment {name!r}: choose one of {', '.join(names())}.")
    return cast(Experiment, _module(name))


def run(name: str, config: Any, out: Path | None = None) -> Outcome:
    """Compute the rows with a progress bar on a terminal, and write them with their figure.

    Args:
        name: ``room/name``.
        config: the experiment's configuration, one of its ``PRESETS`` or a variation of it.
        out: the folder to write; runs/experiments/<room>-<name>-<UTC time> when None.

    Raises:
        KeyboardInterrupt: interrupted before the first row was finished; nothing is written.
    """
    experiment, rows, complete, began = load(name), [], True, time.perf_counter()
    try:
        rows.extend(tqdm(experiment.compute(config), total=experiment.total(config), desc=name, disable=None))
    except KeyboardInterrupt:
        if not rows:
            raise
        complete = False
    folder = run_folder(out, f"experiments/{name.replace('/', '-')}")
    _write(folder, name, config, Outcome(folder, rows, complete), time.perf_counter() - began)
    experiment.figure(config, rows).savefig(folder / "figure.png", dpi=150, bbox_inches="tight")
    return Outcome(folder, rows, complete)


def report(name: str, outcome: Outcome) -> str:
    """The table, what was expected, and where the files are."""
    lines = [as_table([scalars(row) for row in outcome.rows]), ""]
    if not outcome.complete:
        lines += ["interrupted: these are the rows finished until then", ""]
    return "\n".join([*lines, textwrap.fill(load(name).EXPECTED, 110), "", f"written to {outcome.folder}/"])


def scalars(row: Row) -> Row:
    """The row without its arrays."""
    return {key: value for key, value in row.items() if not isinstance(value, np.ndarray)}


def _write(folder: Path, name: str, config: Any, outcome: Outcome, seconds: float) -> None:
    table = [scalars(row) for row in outcome.rows]
    columns = list(dict.fromkeys(key for row in table for key in row))
    with (folder / "results.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(table)
    facts = {"experiment": name, "complete": outcome.complete, "wall_seconds": seconds, "rows": table}
    _write_json(folder / "results.json", facts)
    arrays = {
        f"{i:03d}_{key}": value
        for i, row in enumerate(outcome.rows)
        for key, value in row.items()
        if key in _arrays(row)
    }
    np.savez_compressed(folder / "results.npz", allow_pickle=False, **arrays)
    settings = [f"{key} = {json.dumps(value)}" for key, value in asdict(config).items() if value is not None]
    (folder / "config.toml").write_text("\n".join(settings) + "\n", encoding="utf-8")
    _write_json(folder / "environment.json", provenance(config, np.random.SeedSequence(config.seed), name))


def _write_json(path: Path, facts: Any) -> None:
    path.write_text(json.dumps(facts, indent=2, default=_plain) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    """A NumPy scalar as the Python number that JSON knows."""
    return value.item()


def _arrays(row: Row) -> set[str]:
    return {key for key, value in row.items() if isinstance(value, np.ndarray)}


def _module(name: str) -> Any:
    return import_module(f"experiments.{name.replace('/', '.')}")


def paper(name: str) -> str:
    """Where the figure or claim comes from: the papers of the room."""
    return import_module(f"experiments.{name.split('/')[0]}").PAPER


def duration(name: str) -> str:
    """How long the presets take, as measured on one thread of a laptop's size."""
    known = tomllib.loads(_MINUTES.read_text(encoding="utf-8")).get(name, {})
    return ", ".join(f"{preset} {minutes:g} min" for preset, minutes in known.items()) or "minutes not measured"


def preset_names(experiment: Experiment) -> str:
    """The presets with their settings that differ from the published ones, in words."""
    paper = experiment.PRESETS["paper"]
    lines = []
    for name, config in experiment.PRESETS.items():
        changed = [f.name for f in fields(config) if getattr(config, f.name) != getattr(paper, f.name)]
        lines.append(name if not changed else f"{name} ({', '.join(f'{k}={getattr(config, k)}' for k in changed)})")
    return "; ".join(lines)
