"""The commands, and how words become the call of one of them."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import tyro

from qalgs.cli import (
    about,
    cite,
    colocate,
    demo,
    devices,
    eigensolve,
    helptext,
    jobs,
    linear_solve,
    rehearse,
    tomography,
    vqe,
)
from qalgs.cli.config import with_files

Command = Callable[..., Any]
_ABOUT = "Quantum algorithms that run for real."


def completion(shell: Annotated[Literal["bash", "zsh", "tcsh"], tyro.conf.Positional]) -> None:
    """Print a completion script; in bash: source <(qalgs completion bash)."""
    _read(COMMANDS, ["--tyro-print-completion", shell])


COMMANDS: dict[str, Command] = {
    "demo": demo.demo,
    "tomography": tomography.tomography,
    "eigensolve": eigensolve.eigensolve,
    "linear-solve": linear_solve.linear_solve,
    "vqe": vqe.vqe,
    "colocate": colocate.colocate,
    "backends": devices.backends,
    "calibration": devices.calibration,
    "layouts": devices.layouts,
    "jobs": jobs.jobs,
    "rehearse": rehearse.rehearse,
    "about": about.about,
    "help": helptext.reference,
    "cite": cite.cite,
    "completion": completion,
}


def parsed(words: Sequence[str]) -> Command:
    """The call that ``words`` ask for, nothing run yet.

    Raises:
        ValueError: they ask for nothing that there is; in one line.
        SystemExit: they asked for help, and have got it.
    """
    commands, words = dict(COMMANDS), list(words)
    if words and words[0] in commands:
        commands[words[0]], rest = with_files(commands[words[0]], words[1:])
        words = [words[0], *rest]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return _read({name: _later(command) for name, command in commands.items()}, words)
    except SystemExit as end:
        if end.code:
            raise ValueError(_one_line(said.getvalue())) from None
        raise


def _read(commands: dict[str, Command], words: Sequence[str]) -> Any:
    return tyro.extras.subcommand_cli_from_dict(commands, prog="qalgs", description=_ABOUT, args=list(words))


def _later(command: Command) -> Command:
    """The command put off: bad words are told from what the command itself refuses."""

    @functools.wraps(command)
    def put_off(*args: Any, **kwargs: Any) -> Command:
        return functools.partial(command, *args, **kwargs)

    return put_off


def _one_line(boxed: str) -> str:
    """What the parser has written in a box, without the box: its parts, divided by rules, as sentences."""
    parts, rows = [[]], boxed.splitlines()[1:-1]
    for row in (row.strip("│ ") for row in rows):
        if row.strip("─"):
            parts[-1].append(row)
        else:
            parts.append([])
    return ". ".join(" ".join(part).rstrip(".") for part in parts if part)
