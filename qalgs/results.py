"""What results are made of: numbers with their errors, and a record of where they come from."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs_backends.base import Cost as Cost

_DIGITS = 6


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and, where there is one, an interval."""

    value: float
    err: float | None = None
    """Standard error; None when nothing is known about it."""
    low: float | None = None
    """Lower end of the 95 % interval."""
    high: float | None = None
    """Upper end of the 95 % interval."""

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        if self.err is None:
            return f"{self.value:.4f} (no error estimate)"
        if self.err == 0:
            return f"{self.value:.6g} (exact)"
        digits = min(max(2, 1 - int(np.floor(np.log10(self.err)))), _DIGITS)
        return f"{self.value:.{digits}f} ± {self.err:.{digits}f}"


def basic_bootstrap(value: float, replicas: NDArray[np.float64], *, low: float, high: float) -> Estimate:
    """The estimate with its error and the basic 95 % interval from its bootstrap replicas.

    The error is the root mean square distance of the replicas from the value, so it contains the bias as well as the
    scatter. The basic interval mirrors the quantiles of the replicas at the value (Davison and Hinkley, Bootstrap
    Methods and their Application, section 2.4); it is clipped to the range [low, high] of the quantity.
    Fewer than two replicas give no error.
    """
    if len(replicas) < 2:
        return Estimate(value)
    lower, upper = np.quantile(replicas, [0.025, 0.975])
    ends = np.clip([2 * value - upper, 2 * value - lower], low, high)
    return Estimate(value, float(np.sqrt(np.mean((replicas - value) ** 2))), float(ends[0]), float(ends[1]))


def provenance(method: Any, seed: np.random.SeedSequence, source: str) -> dict[str, str]:
    """Where a result comes from: method, seed, data or backend, versions and time (UTC)."""
    record = {
        "method": repr(method),
        "seed": f"SeedSequence(entropy={seed.entropy}, spawn_key={tuple(seed.spawn_key)})",
        "source": source,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
    }
    for package in ("qalgs", "numpy", "scipy", "qiskit", "qiskit-aer"):
        try:
            record[package] = version(package)
        except PackageNotFoundError:
            record[package] = "not installed"
    return record


def save_record(path: str | Path, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
    """Write ``path.npz`` with the arrays and ``path.json`` with the facts; nothing is pickled."""
    base = _base(path)
    base.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(base.with_name(base.name + ".npz"), allow_pickle=False, **arrays)
    text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=True)
    base.with_name(base.name + ".json").write_text(text + "\n", encoding="utf-8")


def load_record(path: str | Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and facts that ``save_record`` wrote."""
    base = _base(path)
    with np.load(base.with_name(base.name + ".npz"), allow_pickle=False) as archive:
        arrays = dict(archive)
    return arrays, json.loads(base.with_name(base.name + ".json").read_text(encoding="utf-8"))


def _base(path: str | Path) -> Path:
    path = Path(path)
    return path.with_suffix("") if path.suffix in (".npz", ".json") else path
