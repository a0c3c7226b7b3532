"""Settings that the commands share, and settings from files: ``--config FILE`` and ``--resume DIR``."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Self, get_args, get_origin, get_type_hints

import tyro

from qalgs.checks import argument

CONFIG = "config.toml"
"""What a run calls the file of its settings."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Flags that every command with a method has."""

    backend: str = "aer"
    """Where to run: statevector, aer, noisy:fake_fez, ibm:<machine>, ..."""
    shots: int | None = None
    """Shots per circuit; None for exact values."""
    rng: int = 0
    """Same seed, same answer."""
    out: Path | None = None
    """Folder for the results; runs/<command>-<time> by default."""
    config: Path | None = None
    """File of settings, such as the config.toml of a run; flags have the last word. `--resume DIR` goes on with an
    interrupted run in its folder, with its settings."""
    dry_run: bool = False
    """Only say what would be run."""

    def resumed(self, folder: Path) -> Self:
        """The settings that go on with the run in ``folder``.

        Raises:
            ValueError: the command keeps nothing to go on from.
        """
        raise ValueError(argument("resume", "be used with a method that keeps a checkpoint", f"it is {folder}"))


def with_files(command: Callable[..., Any], words: Sequence[str]) -> tuple[Callable[..., Any], list[str]]:
    """The command with the settings of the files that ``words`` name as its defaults, and the words that are left.

    Raises:
        ValueError: a file holds what is no setting of the command.
        OSError: it cannot be read.
    """
    kind = _options(command)
    if kind is None:
        return command, list(words)
    words, file = _taken(words, "--config")
    words, folder = _taken(words, "--resume")
    if file is None and folder is None:
        return command, words
    if file is not None and folder is not None:
        raise ValueError(argument("config", "be left out with `resume`", f"it is {file}"))
    if folder is None:
        assert file is not None
        return _defaulted(command, settings(kind, file)), words
    if not (folder / CONFIG).is_file():
        raise ValueError(argument("resume", f"be the folder of a run, with its {CONFIG}", f"it is {folder}"))
    return _defaulted(command, settings(kind, folder / CONFIG).resumed(folder)), words


def settings(kind: type[Shared], file: Path) -> Shared:
    """The options in ``file``, but for its folder: what is finished there is not overwritten.

    Raises:
        ValueError: the file is no TOML, or an entry is no setting or has no possible value.
        OSError: it cannot be read.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(argument("config", "be a TOML file", f"{file} is not: {error}")) from None
    return _filled(kind, {name: value for name, value in table.items() if name != "out"}, file)


def _options(command: Callable[..., Any]) -> type[Shared] | None:
    """The class of the command's options, where it has them all in one."""
    kinds = [_bare(hint) for name, hint in get_type_hints(command).items() if name != "return"]
    if len(kinds) == 1 and isinstance(kinds[0], type) and issubclass(kinds[0], Shared):
        return kinds[0]
    return None


def _taken(words: Sequence[str], flag: str) -> tuple[list[str], Path | None]:
    """``words`` without the flag and its path; a flag without a path is left to the command."""
    words = [part for word in words for part in (word.split("=", 1) if word.startswith(f"{flag}=") else [word])]
    if flag not in words:
        return words, None
    at = words.index(flag)
    if at + 1 == len(words) or words[at + 1].startswith("-"):
        return words, None
    return words[:at] + words[at + 2 :], Path(words[at + 1])


def _defaulted(command: Callable[..., Any], options: Shared) -> Callable[..., Any]:
    def again(options: Any) -> Any:
        return command(options)

    again.__annotations__ = {"options": Annotated[type(options), tyro.conf.arg(name="")]}
    again.__defaults__, again.__doc__ = (options,), command.__doc__
    return again


def _filled(kind: Any, table: Mapping[str, Any], file: Path) -> Any:
    hints = get_type_hints(kind, include_extras=True)
    known = [f.name for f in fields(kind)]
    for name in table:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f"; did you mean {near[0]!r}" if near else ""
            raise ValueError(argument(name, "be a setting of the command", f"it is only in {file}{meant}"))
    return kind(**{name: _value(hints[name], name, value, file) for name, value in table.items()})


def _value(hint: Any, name: str, value: Any, file: Path) -> Any:
    """One entry of a table as its field wants it, read as the same words on the command line would be."""
    kind: Any = _bare(hint)
    if isinstance(value, Mapping) and is_dataclass(kind):
        return _filled(kind, value, file)
    if kind is bool and isinstance(value, bool):
        return value
    if not isinstance(value, bool | Mapping):
        words = [str(item) for item in value] if isinstance(value, list) else [str(value)]
        try:
            return tyro.cli(kind, args=words, console_outputs=False)
        except SystemExit:
            pass
    wanted = getattr(kind, "__name__", str(kind)).replace("typing.", "")
    raise ValueError(argument(name, f"be of type {wanted}", f"it is {value!r} in {file}"))


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint
