"""``python -m experiments bench [name ...]``: run benchmarks and print their rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from experiments.bench.table import Row, as_table

BENCHMARKS = ("backends", "optimizers", "tomography")
_USAGE = f"usage: python -m experiments bench [{'|'.join(BENCHMARKS)} ...]\n"


def main(args: Sequence[str]) -> int:
    """Run what is named; 2 for a bad request."""
    if not args or args[0] != "bench" or set(args[1:]) - set(BENCHMARKS):
        sys.stderr.write(_USAGE)
        return 2
    for name in args[1:] or BENCHMARKS:
        rows: list[Row] = import_module(f"experiments.bench.{name}").run()
        print(f"\n{name}\n{as_table(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
