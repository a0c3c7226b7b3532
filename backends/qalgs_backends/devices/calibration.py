"""What is known about a device on a day: error rates, times and readout, as dated and hashed plain data.

A calibration comes from any Qiskit backend (a fake device, a real one), from a file, or is written by hand; noise
models and fidelity maps are made from it, and it can be kept beside a result. Times are in seconds, errors are average
gate infidelities, dates are UTC.

An IBM target does not flag dead parts; they show by their numbers. The rule here: a coupler is usable when its error is
known and below 0.5 and both its qubits are; a qubit when T1, T2 and the readout errors are known, the readout error is
below 0.4 and no gate's error reaches 0.5.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from qiskit.circuit.controlflow import get_control_flow_name_mapping
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.providers import BackendV2, QubitProperties
from qiskit.transpiler import InstructionProperties, Target

from qalgs_backends.checks import argument
from qalgs_backends.errors import CapabilityError

SCHEMA = "qalgs.calibration/1"
DEAD_GATE = 0.5
DEAD_READOUT = 0.4
_UNDATED = "undated"
_NO_ERROR = frozenset({"delay", "reset"})


@dataclass(frozen=True)
class Qubit:
    """One qubit; None where a number is not known."""

    t1: float | None
    """Relaxation time in seconds."""
    t2: float | None
    """Dephasing time in seconds."""
    prob_meas1_prep0: float | None
    """P(read 1 | prepared 0)."""
    prob_meas0_prep1: float | None
    """P(read 0 | prepared 1)."""
    readout_seconds: float | None = None
    """Duration of a measurement."""

    @property
    def readout_error(self) -> float | None:
        """Mean of the two readout errors."""
        if self.prob_meas1_prep0 is None or self.prob_meas0_prep1 is None:
            return None
        return 0.5 * (self.prob_meas1_prep0 + self.prob_meas0_prep1)


@dataclass(frozen=True)
class Gate:
    """One gate on its qubits, in the direction the device offers."""

    name: str
    qubits: tuple[int, ...]
    error: float | None
    """Average infidelity; None where it is not known."""
    seconds: float | None
    """Duration."""


@dataclass(frozen=True)
class Calibration:
    """The calibration of one device on one day."""

    device: str
    calibrated_at: str | None
    """ISO date in UTC of the newest value; None when the source does not say."""
    dt: float | None
    """Time step of the control electronics in seconds."""
    qubits: tuple[Qubit, ...]
    gates: tuple[Gate, ...]
    control_flow: tuple[str, ...] = ()
    """Names of control flow that the device runs."""

    @classmethod
    def from_backend(cls, backend: BackendV2) -> Calibration:
        """The calibration a Qiskit backend reports.

        Raises:
            CapabilityError: its target has no qubits or no measurement.
        """
        target: Any = backend.target
        size = target.num_qubits or 0
        if size == 0 or "measure" not in target.operation_names:
            raise CapabilityError(f"Backend {backend.name} describes no device: its target has no qubits to measure.")
        reader = getattr(backend, "properties", None)
        reported = reader() if callable(reader) else None
        return cls(
            device=str(backend.name),
            calibrated_at=_utc(getattr(reported, "last_update_date", None)),
            dt=target.dt,
            qubits=tuple(_qubit(target, reported, q) for q in range(size)),
            gates=tuple(_gates(target)),
            control_flow=tuple(sorted(set(target.operation_names) & set(get_control_flow_name_mapping()))),
        )

    @property
    def num_qubits(self) -> int:
        """Qubits of the device."""
        return len(self.qubits)

    @cached_property
    def dead_qubits(self) -> frozenset[int]:
        """Qubits that no circuit should use."""
        bad = {gate.qubits[0] for gate in self.gates if len(gate.qubits) == 1 and (gate.error or 0.0) >= DEAD_GATE}
        return frozenset(q for q, qubit in enumerate(self.qubits) if q in bad or not _alive(qubit))

    @cached_property
    def usable_gates(self) -> tuple[Gate, ...]:
        """The gates without those of dead qubits and couplers."""
        return tuple(gate for gate in self.gates if self._usable(gate))

    @cached_property
    def couplers(self) -> dict[tuple[int, int], float]:
        """Usable pairs (a, b), a < b, with the lower of the errors of their gates."""
        found: dict[tuple[int, int], float] = {}
        for gate in self.usable_gates:
            if len(gate.qubits) == 2 and gate.error is not None:
                pair = (min(gate.qubits), max(gate.qubits))
                found[pair] = min(gate.error, found.get(pair, math.inf))
        return found

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content; equal calibrations have equal digests wherever they come from."""
        return hashlib.sha256(_canonical(self._plain()).encode()).hexdigest()

    def times(self, qubit: int) -> tuple[float, float]:
        """T1 and T2 of a qubit in seconds: infinite where not known, and T2 at most 2 T1, as physics has it."""
        known = self.qubits[qubit]
        t1, t2 = (math.inf if time is None else time for time in (known.t1, known.t2))
        return t1, min(t2, 2 * t1)

    def target(self, gates: Iterable[Gate], qubits: Collection[int]) -> Target:
        """A transpiler target with ``gates``, all of which lie on ``qubits``, renumbered from 0 in their order."""
        place = {q: i for i, q in enumerate(qubits)}
        properties = [QubitProperties(t1=self.qubits[q].t1, t2=self.qubits[q].t2) for q in place]
        target = Target(num_qubits=len(place), dt=self.dt, qubit_properties=properties)
        tables: dict[str, dict[tuple[int, ...], InstructionProperties]] = {}
        for gate in gates:
            where = tuple(place[q] for q in gate.qubits)
            tables.setdefault(gate.name, {})[where] = InstructionProperties(duration=gate.seconds, error=gate.error)
        standard = get_standard_gate_name_mapping()
        for name, table in tables.items():
            target.add_instruction(standard[name], table, name=name)
        readout = {(i,): _measurement(self.qubits[q]) for q, i in place.items()}
        target.add_instruction(standard["measure"], readout, name="measure")
        flow = get_control_flow_name_mapping()
        for name in self.control_flow:
            target.add_instruction(flow[name], name=name)
        return target

    def save(self, folder: str | Path) -> Path:
        """Write ``folder/<device>/<date>-<digest>.json.gz`` and return it; an existing file is never written again."""
        date = (self.calibrated_at or _UNDATED).replace(":", "").replace("+0000", "Z")
        path = Path(folder) / self.device / f"{date}-{self.digest[:12]}.json.gz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            facts = self._plain() | {"sha256": self.digest, "taken_at": datetime.now(UTC).isoformat()}
            partial = path.with_name(path.name + ".partial")
            partial.write_bytes(gzip.compress(_canonical(facts).encode(), mtime=0))
            partial.replace(path)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """The calibration in a ``.json`` or ``.json.gz`` file.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds something else, or its content does not match its digest.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(argument("path", "name a calibration file", f"there is no file {path}"))
        try:
            facts = _read(Path(path))
            if facts["schema"] != SCHEMA:
                raise ValueError(f"its schema is {facts['schema']!r}")
            loaded = cls._from_plain(facts)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise ValueError(argument("path", f"hold a {SCHEMA}", f"{path} does not ({error})")) from None
        if facts.get("sha256", loaded.digest) != loaded.digest:
            raise ValueError(argument("path", "hold what its digest says", f"{path} has been changed"))
        return loaded

    @classmethod
    def latest(cls, folder: str | Path, device: str) -> Calibration | None:
        """The newest calibration of ``device`` that ``save`` left in ``folder``; None when there is none.

        Of several with one date, or without any, it is the one that was saved last.
        """
        dates = {path: path.name.rpartition("-")[0] for path in (Path(folder) / device).glob("*.json.gz")}
        dated = set(dates.values()) - {_UNDATED} or set(dates.values())
        files = [path for path, date in dates.items() if date == max(dated)]
        return cls.load(max(files, key=lambda path: _read(path)["taken_at"])) if files else None

    def age_days(self, now: datetime | None = None) -> float | None:
        """Days since the calibration; None when it is undated."""
        if self.calibrated_at is None:
            return None
        return ((now or datetime.now(UTC)) - datetime.fromisoformat(self.calibrated_at)).total_seconds() / 86400

    def _usable(self, gate: Gate) -> bool:
        if any(q in self.dead_qubits for q in gate.qubits):
            return False
        return len(gate.qubits) == 1 or (gate.error is not None and gate.error < DEAD_GATE)

    def _plain(self) -> dict[str, Any]:
        """Everything but the day it was taken, as JSON values; gates are grouped by name to keep files small."""
        table: dict[str, list[list[Any]]] = {}
        for gate in self.gates:
            table.setdefault(gate.name, []).append([list(gate.qubits), gate.error, gate.seconds])
        return {
            "schema": SCHEMA,
            "device": self.device,
            "calibrated_at": self.calibrated_at,
            "dt": self.dt,
            "qubits": [asdict(qubit) for qubit in self.qubits],
            "gates": table,
            "control_flow": list(self.control_flow),
        }

    @classmethod
    def _from_plain(cls, facts: dict[str, Any]) -> Calibration:
        gates = tuple(
            Gate(name, tuple(qubits), error, seconds)
            for name, rows in facts["gates"].items()
            for qubits, error, seconds in rows
        )
        qubits = tuple(Qubit(**row) for row in facts["qubits"])
        dated = facts["calibrated_at"]
        return cls(facts["device"], dated, facts["dt"], qubits, gates, tuple(facts["control_flow"]))


def _read(path: Path) -> dict[str, Any]:
    raw = path.read_bytes()
    return json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)


def _qubit(target: Target, reported: Any, q: int) -> Qubit:
    """One qubit: asymmetric readout from the properties where it is there, otherwise the target's one number twice."""
    times = target.qubit_properties[q] if target.qubit_properties is not None else None
    measure = target["measure"].get((q,))
    error = None if measure is None else _finite(measure.error)
    p10, p01 = (getattr(measure, name, error) for name in ("prob_meas1_prep0", "prob_meas0_prep1"))
    if reported is not None:
        values = reported.qubit_property(q)
        if "prob_meas1_prep0" in values and "prob_meas0_prep1" in values:
            p10, p01 = values["prob_meas1_prep0"][0], values["prob_meas0_prep1"][0]
    seconds = None if measure is None else _finite(measure.duration)
    t1, t2 = (None if times is None else _finite(getattr(times, name)) for name in ("t1", "t2"))
    return Qubit(t1, t2, _finite(p10), _finite(p01), seconds)


def _gates(target: Target) -> Iterator[Gate]:
    """The gates of Qiskit's standard set, sorted; others could not be rebuilt from a file."""
    for name in sorted(set(target.operation_names) & set(get_standard_gate_name_mapping()) - {"measure"}):
        for qubits in sorted(qargs for qargs in target[name] if qargs is not None):
            entry = target[name][qubits]
            error, seconds = (None, None) if entry is None else (_finite(entry.error), _finite(entry.duration))
            yield Gate(name, tuple(qubits), None if name in _NO_ERROR else error, seconds)


def _measurement(qubit: Qubit) -> InstructionProperties:
    return InstructionProperties(duration=qubit.readout_seconds, error=qubit.readout_error)


def _alive(qubit: Qubit) -> bool:
    error = qubit.readout_error
    worst = max(qubit.prob_meas1_prep0 or 0.0, qubit.prob_meas0_prep1 or 0.0)
    return qubit.t1 is not None and qubit.t2 is not None and error is not None and worst < DEAD_READOUT


def _finite(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")


def _canonical(facts: dict[str, Any]) -> str:
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)
