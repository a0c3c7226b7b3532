"""Runs of Local SFGD on disk: the state after a round, and what it takes to go on exactly as if nothing had happened.

One npz file: the factor and the losses as arrays, everything else as JSON in its header; nothing is pickled. It is
written aside and then renamed, so a killed run leaves a whole file.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Generator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from qalgs.callbacks import Checkpoint
from qalgs.checks import argument
from qalgs.results import provenance
from qalgs.run import Callback, Status, Step
from qalgs.tomo.methods.base import Data
from qalgs.tomo.operators.allpauli import Factor

_log = logging.getLogger(__name__)

_FORMAT = 1
_HEADER = "header"
_NO_DATA = ("source", "complete")
_VERSIONS = ("qalgs", "numpy", "scipy", "python")


@dataclass(frozen=True, eq=False)
class LocalState:
    """Where a run stands after a round: all that is needed to go on."""

    factor: Factor
    """(d, r) average of the machines."""
    round: int = 0
    """Communication rounds completed."""
    halvings: int = 0
    """How often the plateau schedule has halved the step; in force from the next round on."""
    losses: tuple[float, ...] = ()
    """The pooled loss at the factor that each round began with; it arrives with the replies of that round."""
    judged: int = 0
    """How many of them came before the last halving."""
    step_size: float = float("nan")
    """The last local step that was taken."""
    bytes: int = 0
    """Bytes of the factors that travelled in the rounds so far."""
    late: int = 0
    """Replies that came after the deadline and were left out; above 0 the run cannot be reproduced."""


def digest(data: Data) -> str:
    """SHA-256 of everything in ``data`` that a fit depends on: settings and counts, or labels, values and shots."""
    sha = hashlib.sha256()
    _feed(sha, data)
    return sha.hexdigest()


def identity(
    data: Data,
    rank: int,
    seed: np.random.SeedSequence,
    start: Factor | LocalState | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """What two runs must share for one to continue the other."""
    sha = hashlib.sha256()
    _feed(sha, start)
    words = [int(word) for word in np.atleast_1d(np.asarray(seed.entropy, object))]
    key = [int(word) for word in seed.spawn_key]
    own = {"data": digest(data), "rng": [words, key], "start": sha.hexdigest()}
    return own | {"options": {"rank": rank, **options}}


def save_state(state: LocalState, path: str | Path, wanted: Mapping[str, Any]) -> None:
    """Write ``state`` of the run with the identity ``wanted`` to exactly ``path``."""
    plain = {f.name: getattr(state, f.name) for f in fields(state) if f.name not in ("factor", "losses")}
    header = json.dumps({"format": _FORMAT, "state": plain, "identity": wanted, "versions": _versions()})
    arrays = {"factor": state.factor, "losses": np.array(state.losses, float)}
    with Path(path).open("wb") as file:
        np.savez(file, allow_pickle=False, **{_HEADER: np.array(header)}, **arrays)


def load_state(path: str | Path, wanted: Mapping[str, Any]) -> LocalState:
    """The state in ``path``, which continues the run with the identity ``wanted``.

    Other versions of numpy or qalgs are logged: the last bits may differ.

    Raises:
        ValueError: there is no such file, it is no checkpoint, or it is one of other data, another seed or other
            options; what differs is named.
    """
    header, arrays = _read(Path(path))
    _compare(header["identity"], wanted, str(path))
    changed = [name for name, value in header["versions"].items() if _versions().get(name) != value]
    if changed:
        _log.warning("%s was written with other versions of %s: the last bits may differ.", path, ", ".join(changed))
    return LocalState(arrays["factor"], losses=tuple(arrays["losses"].tolist()), **header["state"])


def open_run(path: str | Path, own: Mapping[str, Any], *, resume: bool) -> tuple[LocalState | None, Callback]:
    """The state to go on from, None for a new run, and the callback that writes every state to ``path``.

    Raises:
        ValueError: a new run finds the file of another one, or ``load_state`` refuses to resume.
    """
    check_file(path, resume=resume)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return load_state(path, own) if resume else None, Checkpoint(path, partial(save_state, wanted=own))


def check_file(path: str | Path, *, resume: bool) -> None:
    """See that a run can be resumed from ``path``, or that a new one would not overwrite another run's file.

    Raises:
        ValueError: it cannot, or it would.
    """
    if resume and not Path(path).is_file():
        raise ValueError(argument("checkpoint", "be a file to resume from", f"there is none at {path}"))
    if not resume and Path(path).exists():
        raise ValueError(argument("checkpoint", "name a new file unless `resume` is set", f"{path} is there already"))


def written(steps: Generator[Step, None, Status], write: Callback | None) -> Generator[Step, None, Status]:
    """The same steps, each on disk before anyone sees it."""
    if write is None:
        return (yield from steps)
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        write(step)
        yield step


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:  # np.load leaves a bad file open
            header = json.loads(str(stored[_HEADER]))
            return header, {name: stored[name] for name in stored.files if name != _HEADER}
    except (OSError, BadZipFile, KeyError, ValueError, EOFError, AttributeError) as error:
        raise ValueError(argument("checkpoint", "be one that qalgs wrote", f"{path} is not ({error})")) from None


def _compare(stored: Mapping[str, Any], wanted: Mapping[str, Any], path: str) -> None:
    for name, meaning in (("data", "the data"), ("rng", "the seed"), ("start", "the start")):
        if stored[name] != wanted[name]:
            raise ValueError(
                argument(name, f"be {meaning} of the run in {path}", "it is not: no run would be continued")
            )
    for name in {**stored["options"], **wanted["options"]}:
        before, now = stored["options"].get(name), wanted["options"].get(name)
        if before != now:
            raise ValueError(argument(name, f"be {before!r} as in the run in {path}", f"it is {now!r}"))


@cache
def _versions() -> dict[str, str]:
    record = provenance(None, np.random.SeedSequence(0), "")
    return {name: record[name] for name in _VERSIONS}


def _feed(sha: Any, value: Any) -> None:
    """Hash plain values by type, shape and content, so that no two different data sets look alike."""
    if is_dataclass(value) and not isinstance(value, type):
        sha.update(f"{type(value).__name__}{{".encode())
        for f in fields(value):
            if f.name not in _NO_DATA:
                sha.update(f"{f.name}=".encode())
                _feed(sha, getattr(value, f.name))
    elif isinstance(value, np.ndarray):
        sha.update(f"{value.dtype.str}{value.shape}".encode())
        sha.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, list | tuple):
        sha.update(f"[{len(value)}".encode())
        for item in value:
            _feed(sha, item)
    else:
        sha.update(f"{type(value).__name__}:{value!r};".encode())
