"""Values and counts as named arrays and facts, for services whose answers are kept, and back.

Axes: K points, o observables, T distinct outcomes over all points, B bytes of an outcome.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qalgs_backends.base import Cost, Counts, Values
from qalgs_backends.errors import BackendError
from qalgs_backends.jobs.remote import RemoteResult

Arrays = dict[str, NDArray[np.generic]]


def pack(answer: Values | Counts, *, quantum_seconds: float | None = None) -> RemoteResult:
    """An answer in plain values.

    Args:
        answer: values become arrays ``values`` and ``values_err`` (K, o); counts become ``point`` and
            ``count`` (T,) and ``outcome`` (T, B), the bytes of each outcome, lowest first.
        quantum_seconds: time used on the processor, kept as the fact of that name; None when not known.
    """
    facts = {} if quantum_seconds is None else {"quantum_seconds": float(quantum_seconds)}
    if isinstance(answer, Values):
        arrays: Arrays = {"values": answer.values, "values_err": answer.values_err}
        return RemoteResult(arrays, {"shots": answer.shots, **facts})
    width = max(1, -(-answer.num_bits // 8))
    rows = [(k, outcome, n) for k, table in enumerate(answer.outcomes) for outcome, n in table.items()]
    raw = b"".join(outcome.to_bytes(width, "little") for _, outcome, _ in rows)
    counts: Arrays = {
        "point": np.array([k for k, _, _ in rows], np.int64),
        "outcome": np.frombuffer(raw, np.uint8).reshape(len(rows), width),
        "count": np.array([n for _, _, n in rows], np.int64),
    }
    sizes = {"num_points": len(answer), "num_bits": answer.num_bits, "shots": answer.shots}
    return RemoteResult(counts, {**sizes, **facts})


def unpack(result: RemoteResult, cost: Cost) -> Values | Counts:
    """The answer that ``pack`` took apart.

    Args:
        result: with the arrays that ``pack`` names.
        cost: to say in the answer.

    Raises:
        BackendError: the arrays are others.
    """
    arrays, facts = result.arrays, result.facts
    if {"values", "values_err"} <= arrays.keys():
        values, errors = arrays["values"].astype(np.float64), arrays["values_err"].astype(np.float64)
        return Values(values, errors, facts.get("shots"), cost)
    if not {"point", "outcome", "count"} <= arrays.keys():
        raise BackendError(f"A result with the arrays {sorted(arrays)} is neither values nor counts; give `decode`.")
    outcomes: list[dict[int, int]] = [{} for _ in range(facts["num_points"])]
    for point, raw, count in zip(arrays["point"], arrays["outcome"], arrays["count"], strict=True):
        outcomes[int(point)][int.from_bytes(raw.tobytes(), "little")] = int(count)
    return Counts(tuple(outcomes), facts["num_bits"], facts["shots"], cost)
