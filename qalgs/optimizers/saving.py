"""States on disk: one npz file of arrays and a line of JSON, never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from qalgs.checks import argument
from qalgs.optimizers.base import State

_HEADER = "header"
_ARRAY = "array_"
_FORMAT = 1


def to_record(state: State) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """What ``state`` is made of: plain facts that JSON can hold, and arrays."""
    plain = state.as_plain()
    arrays = {name: value for name, value in plain.items() if isinstance(value, np.ndarray)}
    rest = {name: _to_json(value) for name, value in plain.items() if not isinstance(value, np.ndarray)}
    return {"format": _FORMAT, "kind": type(state).__name__, "fields": rest}, arrays


def from_record(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]) -> State:
    """The inverse of ``to_record``.

    Raises:
        ValueError: this version knows no such state.
    """
    kind = State.kinds.get(facts["kind"])
    if kind is None or facts["format"] != _FORMAT:
        found = f"it holds a {facts['kind']} in format {facts['format']}"
        raise ValueError(argument("path", "hold a state that this version knows", found))
    return kind.from_plain({**arrays, **{name: _from_json(value) for name, value in facts["fields"].items()}})


def save_state(state: State, path: str | Path) -> None:
    """Write ``state`` to exactly ``path``, in npz format."""
    facts, arrays = to_record(state)
    named = {f"{_ARRAY}{name}": value for name, value in arrays.items()}
    with Path(path).open("wb") as file:
        np.savez(file, allow_pickle=False, **{_HEADER: np.array(json.dumps(facts))}, **named)


def load_state(path: str | Path) -> State:
    """The state that ``save_state`` wrote to ``path``; it asks what the saved one would have asked.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no state, or one of a newer kind.
    """
    try:
        with np.load(Path(path), allow_pickle=False) as stored:
            header = json.loads(str(stored[_HEADER]))
            arrays = {name.removeprefix(_ARRAY): stored[name] for name in stored.files if name != _HEADER}
    except (BadZipFile, KeyError, ValueError, EOFError, AttributeError) as error:
        raise ValueError(argument("path", "be a file written by `save_state`", f"{path} is not ({error})")) from None
    return from_record(header, arrays)


def _to_json(value: Any) -> Any:
    if isinstance(value, np.random.SeedSequence):
        entropy = value.entropy
        words = None if entropy is None else np.atleast_1d(np.asarray(entropy, object)).tolist()
        return {
            "entropy": None if words is None else [int(word) for word in words],
            "scalar": np.ndim(np.asarray(entropy, object)) == 0,
            "spawn_key": [int(word) for word in value.spawn_key],
        }
    return value.item() if isinstance(value, np.generic) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict) and "spawn_key" in value:
        words = value["entropy"]
        entropy = words[0] if value["scalar"] and words is not None else words
        return np.random.SeedSequence(entropy, spawn_key=tuple(value["spawn_key"]))
    return value
