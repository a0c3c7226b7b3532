"""What a variational run returns.

Axes: E evaluations, p parameters, C cycles, n qubits.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from qalgs.evaluation import Cost
from qalgs.results import Estimate, load_record, save_record
from qalgs.run import History, Status
from qalgs.vqa.walk import new_qubits


@dataclass(frozen=True, eq=False)
class VQEResult:
    """The lowest energy found, and how the run got there."""

    energy: float
    """<H> at ``parameters`` on the last placement, measured anew at the end: not the lowest noisy value that was
    seen. After Ctrl-C on a machine with a queue, which sends nothing more, the last value that was measured."""
    energy_err: float
    """Standard error; 0 where exact."""
    parameters: NDArray[np.float64]
    """(p,) the best point."""
    status: Status
    message: str
    history: History
    """Columns over the E evaluations: step (evaluations so far), energy, energy_err, esp, cycle, device_seconds (so
    far)."""
    placements: NDArray[np.int64]
    """(C, n) physical qubits of each cycle; (0, n) where the backend chose."""
    esp: NDArray[np.float64]
    """(C,) their estimated success probabilities."""
    targets: NDArray[np.float64]
    """(C,) what the schedule aimed at."""
    reference: float | None
    """Exact lowest energy, in the electrons' sector for a molecule; None where it was not computed."""
    evaluations: int
    """E, re-evaluations included."""
    device_seconds: float
    """Time on a quantum processor by the model in ``qalgs.vqa.costs``."""
    cost: Cost
    warnings: tuple[str, ...]
    provenance: dict[str, str]
    circuit: QuantumCircuit | None = field(default=None, repr=False)
    """The ansatz as given; not saved."""

    @property
    def success(self) -> bool:
        """Whether the run ended by a rule of its own or its caller's."""
        return self.status.success

    @property
    def error(self) -> Estimate | None:
        """Energy above the reference, with its standard error."""
        return None if self.reference is None else Estimate(self.energy - self.reference, self.energy_err)

    @property
    def moves(self) -> NDArray[np.int64]:
        """(C - 1,) physical qubits that changed between cycles."""
        pairs = zip(self.placements[:-1], self.placements[1:], strict=True)
        return np.array([new_qubits(a, b) for a, b in pairs], np.int64)

    def evaluations_to(self, energy: float, *, window: int = 10) -> int | None:
        """Evaluations until the mean of the last ``window`` energies is at most ``energy``; None if it never was."""
        values = self.history["energy"]
        if len(values) < window:
            return None
        means = np.convolve(values, np.ones(window) / window, "valid")
        hit = np.flatnonzero(means <= energy)
        return int(hit[0]) + window if len(hit) else None

    def save(self, path: str | Path) -> None:
        """Write ``path.npz`` (arrays) and ``path.json`` (facts)."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"history_{name}": values for name, values in self.history.items()}
        facts: dict[str, Any] = {name: getattr(self, name) for name in _FACTS}
        facts |= {"status": self.status.name, "cost": asdict(self.cost), "warnings": list(self.warnings)}
        save_record(path, arrays, facts | self._more() | {"summary": str(self).splitlines()})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What ``save`` wrote."""
        arrays, facts = load_record(path)
        facts.pop("summary")
        facts |= {
            "status": Status[facts["status"]],
            "cost": Cost(**facts["cost"]),
            "warnings": tuple(facts["warnings"]),
            "history": {name.removeprefix("history_"): v for name, v in arrays.items() if name.startswith("history_")},
        }
        return cls(**{name: arrays[name] for name in _ARRAYS}, **facts)

    def _more(self) -> dict[str, Any]:
        return {}

    def __str__(self) -> str:
        lines = [
            f"energy       {Estimate(self.energy, self.energy_err)}: {self.message}",
            f"evaluations  {self.evaluations}, {len(self.parameters)} parameters",
        ]
        if self.error is not None:
            lines.append(f"above exact  {self.error}")
        if len(self.placements):
            ends = f"{self.esp[0]:.3f} -> {self.esp[-1]:.3f}"
            most = f", at most {self.moves.max()} qubits at a time" if len(self.moves) else ""
            lines.append(f"placements   {len(self.placements)} cycles, ESP {ends}{most}")
        if self.device_seconds:
            lines.append(f"device time  {self.device_seconds:.3g} s")
        return "\n".join(lines + [f"warning      {warning}" for warning in self.warnings])


@dataclass(frozen=True, eq=False)
class QAOAResult(VQEResult):
    """The best assignment found, and the energy's run."""

    bits: tuple[int, ...] = ()
    """Best outcome sampled at the end, qubit 0 first."""
    best_cost: float = np.nan
    """Cost of ``bits``."""
    ratio: float | None = None
    """Approximation ratio of the energy, (worst - energy) / (worst - best) over all assignments: 1 is optimal. None
    beyond 20 qubits."""

    def _more(self) -> dict[str, Any]:
        return {"bits": list(self.bits), "best_cost": self.best_cost, "ratio": self.ratio}

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f", approximation ratio {self.ratio:.4f}"
        return f"{super().__str__()}\nbest bits    {''.join(map(str, self.bits))}, cost {self.best_cost:.6g}{ratio}"


_ARRAYS = ("parameters", "placements", "esp", "targets")
_FACTS = ("energy", "energy_err", "message", "reference", "evaluations", "device_seconds", "provenance")
