"""``python -m experiments list``, ``run <room>/<name> [--preset smoke] [--out DIR]`` and ``bench [name ...]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import tyro

from experiments import runner
from experiments.bench.table import Row, as_table

BENCHMARKS = ("backends", "gpu", "noise", "pennylane", "optimizers", "tomography")
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
    return _run(options.name, options.preset, options.out, settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m experiments", description="Figures, tables and benchmarks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every experiment, with its presets")
    run = commands.add_parser("run", help="one experiment; its settings are further flags", add_help=False)
    run.add_argument("name")
    run.add_argument("--preset", default="paper")
    run.add_argument("--out", type=Path, default=None)
    bench = commands.add_parser("bench", help="benchmarks, each paired with its peer in the same run")
    bench.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar=f"{{{','.join(BENCHMARKS)}}}")
    return parser


def _list() -> int:
    for name in runner.names():
        experiment = runner.load(name)
        print(f"{name}\n    {(experiment.__doc__ or '').splitlines()[0]}\n    {runner.preset_names(experiment)}")
    return 0


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
