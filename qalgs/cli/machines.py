"""Commands on several MPI ranks: ``--engine mpi`` without mpiexec starts the same command again under it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from qalgs.backends import ExecutionError
from qalgs.engines.launch import launch

_AGAIN = "import sys; from qalgs.cli import main; sys.exit(main(sys.argv[1:]))"
_SAID = (2, 130)
"""Exit codes after which the command itself has already said what happened."""


def on_ranks(options: Any, command: str, ranks: int) -> None:
    """Run the command that ``options`` came from on ``ranks`` ranks; rank 0 prints and writes, the others serve.

    Raises:
        CapabilityError: there is no mpiexec.
        ExecutionError: the job died; the message says how to go on.
        SystemExit: the command refused or was interrupted, and has said so.
    """
    status = launch([sys.executable, "-c", _AGAIN, command, *as_flags(options)], ranks)
    if status in _SAID:
        raise SystemExit(status)
    if status != 0:
        raise ExecutionError(f"A machine was lost and the job ended (status {status}). {_way_back(options, command)}")


def resume_line(options: Any, command: str) -> str:
    """The command that goes on with the run of ``options``."""
    flags = [flag for flag in as_flags(options) if flag != "--resume"]
    return shlex.join(["qalgs", command, *flags, "--resume"])


def as_flags(options: Any) -> list[str]:
    """The flags that give ``options``, those of nested settings among them; defaults are left out."""
    return [word for f in _changed(options) for word in f]


def as_config(options: Any) -> dict[str, Any]:
    """``options`` as plain values, paths as text."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return str(value) if isinstance(value, Path) else value

    return plain(asdict(options))


def _changed(options: Any) -> Iterator[list[str]]:
    default = type(options)()
    for f in fields(options):
        value = getattr(options, f.name)
        flag = "--" + f.name.replace("_", "-")
        if is_dataclass(value):
            yield from _changed(value)
        elif value != getattr(default, f.name):
            yield (
                [flag] if value is True else [flag.replace("--", "--no-", 1)] if value is False else [flag, str(value)]
            )


def _way_back(options: Any, command: str) -> str:
    checkpoint = options.local_sfgd.checkpoint
    if checkpoint is None:
        return "With `--checkpoint FILE` it could be resumed."
    if not Path(checkpoint).is_file():
        return f"No round had been finished in {checkpoint}: start it again."
    return f"The last finished round is in {checkpoint}. Go on with: {resume_line(options, command)}"
