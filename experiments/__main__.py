"""``python -m experiments list``, ``run <room>/<name>|all [--preset smoke] [--out DIR]`` and ``bench [name ...]``."""

from __future__ import annotations

import argparse
import sys
import textwrap
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import tyro

from experiments import runner
from experiments.bench.table import Row, as_table

BENCHMARKS = ("backends", "gpu", "noise", "pennylane", "optimizers", "qlsp", "tomography", "eigengame", "nest")
_INTERRUPTED = 130


def main(args: Sequence[str] | None = None) -> int:
    """Do what is asked; 2 for a bad request, 130 after Ctrl-C."""
    options, settings = _parser().parse_known_args(args)
    if settings and options.command != "run":
        sys.stderr.write(f"unrecognised: {' '.join(settings)}\n")
        return 2
    if options.command == "list":
        return _list()
    if options.command == "bench":
        return _bench(options.names or BENCHMARKS)
    if options.name != "all":
        return _run(options.name, options.preset, options.out, settings)
    if settings:
        sys.stderr.write(f"settings belong to one experiment: {' '.join(settings)}\n")
        return 2
    return _run_all(options.preset, options.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m experiments", description="Figures, tables and benchmarks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every experiment: figure, paper, presets, minutes and what is to be expected")
    run = commands.add_parser("run", help="one experiment, its settings being further flags; or all", add_help=False)
    run.add_argument("name")
    run.add_argument("--preset", default="paper")
    run.add_argument("--out", type=Path, default=None)
    bench = commands.add_parser("bench", help="benchmarks, each paired with its peer in the same run")
    bench.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar=f"{{{','.join(BENCHMARKS)}}}")
    return parser


def _list() -> int:
    for name in runner.names():
        experiment = runner.load(name)
        print(f"{name}  ({runner.paper(name)}; {runner.duration(name)})")
        for text in ((experiment.__doc__ or "").splitlines()[0], runner.preset_names(experiment), experiment.EXPECTED):
            print(textwrap.fill(" ".join(text.split()), 116, initial_indent="    ", subsequent_indent="    "))
    return 0


def _run_all(preset: str, out: Path | None) -> int:
    """Every experiment that has the preset; one that fails does not stop the others."""
    chosen = {name: runner.load(name).PRESETS.get(preset) for name in runner.names()}
    if not any(chosen.values()):
        sys.stderr.write(f"There is no preset {preset!r} in any experiment.\n")
        return 2
    status = 0
    for name, config in chosen.items():
        if config is None:
            continue
        began = time.perf_counter()
        try:
            outcome = runner.run(name, config, None if out is None else out / name)
        except KeyboardInterrupt:
            sys.stderr.write(f"interrupted during {name}\n")
            return _INTERRUPTED
        except Exception as error:
            status = 1
            print(f"{name:32} failed: {type(error).__name__}: {error}", flush=True)
            continue
        what = f"{len(outcome.rows):4} rows, {time.perf_counter() - began:6.1f} s, {outcome.folder}/"
        print(f"{name:32} {what}", flush=True)
        if not outcome.complete:
            return _INTERRUPTED
    return status


def _run(name: str, preset: str, out: Path | None, settings: Sequence[str]) -> int:
    try:
        experiment = runner.load(name)
        if preset not in experiment.PRESETS:
            raise ValueError(f"There is no preset {preset!r}: choose one of {', '.join(experiment.PRESETS)}.")
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    default = experiment.PRESETS[preset]
    config = tyro.cli(type(default), default=default, args=list(settings), prog=f"python -m experiments run {name}")
    try:
        outcome = runner.run(name, config, out)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted before the first row was finished: nothing is written\n")
        return _INTERRUPTED
    print(runner.report(name, outcome))
    return 0 if outcome.complete else _INTERRUPTED


def _bench(names: Sequence[str]) -> int:
    for name in names:
        rows: list[Row] = import_module(f"experiments.bench.{name}").run()
        print(f"\n{name}\n{as_table(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
