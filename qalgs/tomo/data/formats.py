"""Counts and Pauli values as files and as Qiskit's results, turned into plain Python and back.

What the formats are is said by ``CountsData.from_file`` and ``PauliData.from_file``.
"""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import argument
from qalgs.tomo.errors import DataWarning
from qalgs.tomo.operators.paulis import Settings, settings_from_text

_LOST_SHOTS = 0.01
"""Share of the declared shots that may be missing."""

Outcomes = Mapping[str, float]
"""Bit string to number of shots."""


class Repeated(dict[str, Any]):
    """A JSON object whose repeated keys, which ``json`` would drop, have their counts added up."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        super().__init__()
        for key, value in pairs:
            self[key] = _added(self[key], value) if key in self else value


def read_counts(path: Path) -> dict[str, Any]:
    """The arguments of ``CountsData.from_dict`` in a file."""
    return _by_suffix(path, _counts_json, _counts_csv)(path)


def write_counts(path: Path, counts: Mapping[str, Outcomes], facts: Mapping[str, Any]) -> None:
    """Write what ``read_counts`` reads."""

    def as_json(path: Path) -> None:
        document = {"format": "qalgs-counts", **facts, "counts": counts}
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    def as_csv(path: Path) -> None:
        rows = ((setting, bits, n) for setting, outcomes in counts.items() for bits, n in outcomes.items())
        _write_csv(path, ("setting", "outcome", "count"), rows)

    _by_suffix(path, as_json, as_csv)(path)


def read_paulis(path: Path) -> dict[str, Any]:
    """The arguments of ``PauliData.from_labels`` in a file."""
    return _by_suffix(path, _paulis_json, _paulis_csv)(path)


def write_paulis(path: Path, labels: Sequence[str], columns: Mapping[str, NDArray[np.float64] | None]) -> None:
    """Write what ``read_paulis`` reads."""
    known = {name: column.tolist() for name, column in columns.items() if column is not None}

    def as_json(path: Path) -> None:
        document = {"format": "qalgs-paulis", "labels": list(labels), **known}
        path.write_text(json.dumps(document) + "\n", encoding="utf-8")

    def as_csv(path: Path) -> None:
        names = ["value" if name == "values" else name for name in known]
        _write_csv(path, ("label", *names), zip(labels, *known.values(), strict=True))

    _by_suffix(path, as_json, as_csv)(path)


def outcome_table(texts: Sequence[str], outcomes: Sequence[Outcomes]) -> tuple[Settings, NDArray[np.float64]]:
    """The settings (S, n) and the table (S, d) of their outcomes.

    Raises:
        TypeError: the outcomes of a setting are not a mapping.
        ValueError: a setting or a bit string is malformed; it is named.
    """
    settings = settings_from_text(texts)
    n = settings.shape[1]
    table = np.zeros((len(settings), 1 << n))
    for row, setting, found in zip(table, texts, outcomes, strict=True):
        if not isinstance(found, Mapping):
            must = "map each setting to a mapping of bit strings to shots"
            raise TypeError(argument("counts", must, f"that of {setting} is a {type(found).__name__}"))
        for bits, number in found.items():
            plain = bits.replace(" ", "")
            if len(plain) != n or set(plain) - {"0", "1"}:
                must = f"have bit strings of {n} bits"
                raise ValueError(argument("counts", must, f"setting {setting} has {bits!r}"))
            row[int(plain, 2)] += number
    return settings, table


def check_declared(texts: Sequence[str], table: NDArray[np.float64], shots: int | Mapping[str, int] | None) -> None:
    """Compare the sums of counts with the shots there should be; a small difference is warned of.

    Raises:
        ValueError: more than 1 % of the shots of a setting are missing or too many; it is named.
    """
    if shots is None:
        return
    for setting, found in zip(texts, table.sum(axis=1), strict=True):
        declared = shots.get(setting, found) if isinstance(shots, Mapping) else shots
        if abs(found - declared) > _LOST_SHOTS * declared:
            must = "add up to the declared shots within 1 %"
            raise ValueError(argument("counts", must, f"setting {setting} has {found:g} of {declared}"))
        if found != declared:
            text = f"Setting {setting} has {found:g} shots where {declared} were declared; the counts are used."
            warnings.warn(text, DataWarning, stacklevel=5)


def check_format(facts: Mapping[str, Any], expected: str, path: Path) -> None:
    """Refuse a file of another kind.

    Raises:
        ValueError: its ``format`` is not ``expected``.
    """
    if facts.get("format", expected) != expected:
        raise ValueError(argument("path", f"be a file of {expected}", f"{path} is one of {facts['format']}"))


def qiskit_counts(result: Any) -> list[dict[str, int]]:
    """The counts of every circuit or parameter point of a Qiskit result, in order.

    ``result`` is a Result, a PrimitiveResult, a PubResult, a BitArray, a dict of counts, or a sequence of these.

    Raises:
        TypeError: it is none of them.
    """
    if isinstance(result, Mapping):
        return [dict(result)]
    if hasattr(result, "get_bitstrings"):  # a BitArray: one row of counts per parameter point
        shape = result.shape
        return [result.get_counts(where) for where in np.ndindex(*shape)] if shape else [result.get_counts()]
    if hasattr(result, "join_data"):  # a SamplerPubResult
        return qiskit_counts(result.join_data())
    if hasattr(result, "get_counts"):  # a Result
        found = result.get_counts()
        return [dict(one) for one in (found if isinstance(found, list) else [found])]
    if isinstance(result, str) or not hasattr(result, "__iter__"):
        must = "be counts, a BitArray, a Qiskit result, or a sequence of these"
        raise TypeError(argument("result", must, f"it is a {type(result).__name__}"))
    return [counts for part in result for counts in qiskit_counts(part)]


def _added(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: old.get(key, 0) + new.get(key, 0) for key in {**old, **new}}
    return old + new if isinstance(old, int | float) and isinstance(new, int | float) else new


def _counts_json(path: Path) -> dict[str, Any]:
    document = _json(path, "counts")
    if "counts" not in document:
        return {"counts": document}
    check_format(document, "qalgs-counts", path)
    known = ("counts", "shots", "readout", "source", "complete")
    _refuse_others(document, known, path)
    return {name: document[name] for name in known if name in document}


def _counts_csv(path: Path) -> dict[str, Any]:
    counts: dict[str, dict[str, float]] = {}
    for line, row in _csv(path, ("setting", "outcome", "count")):
        outcomes = counts.setdefault(row["setting"], {})
        outcomes[row["outcome"]] = outcomes.get(row["outcome"], 0) + _number(row["count"], line, path)
    return {"counts": counts}


def _paulis_json(path: Path) -> dict[str, Any]:
    document = _json(path, "labels")
    check_format(document, "qalgs-paulis", path)
    known = ("labels", "values", "shots", "values_err")
    _refuse_others(document, known, path)
    for name in known[:2]:
        if name not in document:
            raise ValueError(argument("path", f"have an entry `{name}`", f"{path} has none"))
    return {name: document[name] for name in known if name in document}


def _paulis_csv(path: Path) -> dict[str, Any]:
    rows = list(_csv(path, ("label", "value")))
    columns: dict[str, Any] = {"labels": [row["label"] for _, row in rows]}
    for name, column in (("values", "value"), ("shots", "shots"), ("values_err", "values_err")):
        if rows and column in rows[0][1]:
            columns[name] = [_number(row[column], line, path) for line, row in rows]
    return columns if rows else {"labels": [], "values": []}


def _json(path: Path, what: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=Repeated)
    except json.JSONDecodeError as error:
        raise ValueError(argument("path", "be a JSON file", f"{path}, line {error.lineno}: {error.msg}")) from None
    if not isinstance(document, dict):
        raise ValueError(argument("path", f"hold a JSON object with {what}", f"{path} holds something else"))
    return document


def _refuse_others(document: Mapping[str, Any], known: Sequence[str], path: Path) -> None:
    others = [name for name in document if name not in (*known, "format")]
    if others:
        raise ValueError(argument("path", f"have the entries {', '.join(known)}", f"{path} has {others[0]!r}"))


def _csv(path: Path, needed: Sequence[str]) -> Iterable[tuple[int, dict[str, str]]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        missing = [name for name in needed if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(argument("path", f"have the columns {','.join(needed)}", f"{path} lacks {missing[0]!r}"))
        for row in reader:
            if None in row.values():
                must = "have as many fields as columns in each row"
                raise ValueError(argument("path", must, f"{path}, line {reader.line_num} has fewer"))
            yield reader.line_num, row


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _number(text: str, line: int, path: Path) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(argument("path", "hold numbers", f"{path}, line {line} has {text!r}")) from None


def _by_suffix(path: Path, as_json: Callable[..., Any], as_csv: Callable[..., Any]) -> Callable[..., Any]:
    if path.suffix not in (".json", ".csv"):
        raise ValueError(argument("path", "end in .json or .csv", f"it is {path}"))
    return as_json if path.suffix == ".json" else as_csv
