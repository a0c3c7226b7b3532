"""The folder a command writes: config.toml, result.npz, result.json, environment.json and a figure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from qalgs.cli.config import CONFIG

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Result(Protocol):
    """What any method returns."""

    @property
    def provenance(self) -> Mapping[str, str]:
        """Method, seed, versions and time."""
        ...

    def save(self, path: str | Path, /) -> None:
        """Write ``path.npz`` and ``path.json``."""
        ...


def run_folder(out: Path | None, command: str) -> Path:
    """``out``, or a new folder runs/<command>-<UTC time>: nothing that is finished is overwritten unless asked for."""
    folder = folder_path(out, command)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def folder_path(out: Path | None, command: str) -> Path:
    """The folder that ``run_folder`` would make."""
    return out or Path("runs") / f"{command}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the settings, before the run: an interrupted one can then be resumed."""
    (folder / CONFIG).write_text(_toml(config), encoding="utf-8")


def write_run(folder: Path, config: Mapping[str, Any], result: Result, figure: Figure) -> None:
    """Write everything about one run."""
    write_config(folder, config)
    (folder / "environment.json").write_text(json.dumps(result.provenance, indent=2) + "\n", encoding="utf-8")
    result.save(folder / "result")
    figure.savefig(folder / "figure.png", dpi=150, bbox_inches="tight")


def _toml(config: Mapping[str, Any]) -> str:
    """Flat scalars, one a line, then one table for each nested mapping; None is left out, as TOML has none."""
    scalars = [f"{key} = {json.dumps(v)}" for key, v in config.items() if v is not None and not isinstance(v, Mapping)]
    tables = [f"\n[{key}]\n{_toml(v)}" for key, v in config.items() if isinstance(v, Mapping)]
    return "\n".join([*scalars, *tables]).rstrip() + "\n"
