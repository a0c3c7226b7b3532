"""What ``linear_solve`` returns.

Axes: N unknowns.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from qalgs.evaluation import Cost
from qalgs.linear.solver import QueryCount
from qalgs.results import load_record, save_record
from qalgs.run import History, Status


@dataclass(frozen=True, eq=False)
class LinearResult:
    """A prepared solution with what it cost."""

    state: NDArray[Any] | None
    """(N,) solution divided by its norm; None from shots, which leave the signs open."""
    norm: float | None
    """Norm of the solution, from the success probability; None where the method does not find it."""
    norm_err: float
    """Standard error of ``norm``; 0 where exact."""
    probabilities: NDArray[np.float64]
    """(N,) |x_i|^2 / |x|^2."""
    probabilities_err: NDArray[np.float64]
    """(N,) standard errors; 0 where exact."""
    success_probability: float
    """That one run succeeds."""
    success_probability_err: float
    queries: QueryCount
    """Oracle uses, counted from what was run."""
    error_bound: float
    """Largest distance of ``state`` from the true one that the method admits; infinite where it promises none."""
    error: float | None
    """Distance of ``state`` from the true one; None unless asked for with ``verify=True``, and where there is no
    ``state``."""
    kappa: float
    """Condition number of A."""
    kappa_hat: float
    """Condition number of the matrix that was inverted."""
    eta: float | None
    """Proximal parameter; None where nothing was wrapped."""
    status: Status
    message: str
    notes: tuple[str, ...]
    """What was decided on the way, and why."""
    history: History
    cost: Cost
    provenance: dict[str, str]
    circuit: QuantumCircuit | None = field(default=None, repr=False)
    """The last circuit that was run; not saved."""
    method_state: Any = field(default=None, repr=False)
    """What the method itself reached, such as angles; not saved."""

    @property
    def success(self) -> bool:
        """Whether the run ended by its own rule and keeps what it promises as far as that was checked."""
        return self.status.success and (self.error is None or self.error <= self.error_bound)

    @property
    def wrapped(self) -> bool:
        """Whether a proximal step was taken."""
        return self.eta is not None

    @property
    def x(self) -> NDArray[Any] | None:
        """(N,) the solution; None where its signs or its norm are not known."""
        return None if self.state is None or self.norm is None else self.norm * self.state

    def save(self, path: str | Path) -> None:
        """Write ``path.npz`` (arrays) and ``path.json`` (facts)."""
        arrays = {"probabilities": self.probabilities, "probabilities_err": self.probabilities_err}
        arrays |= {f"history_{name}": values for name, values in self.history.items()}
        if self.state is not None:
            arrays["state"] = self.state
        facts = {name: getattr(self, name) for name in _FACTS}
        facts |= {"status": self.status.name, "queries": asdict(self.queries), "cost": asdict(self.cost)}
        save_record(path, arrays, facts | {"notes": list(self.notes), "summary": str(self).splitlines()})

    @classmethod
    def load(cls, path: str | Path) -> LinearResult:
        """What ``save`` wrote."""
        arrays, facts = load_record(path)
        facts.pop("summary")
        return cls(
            state=arrays.get("state"),
            probabilities=arrays["probabilities"],
            probabilities_err=arrays["probabilities_err"],
            history={name.removeprefix("history_"): v for name, v in arrays.items() if name.startswith("history_")},
            **facts
            | {
                "status": Status[facts["status"]],
                "queries": QueryCount(**facts["queries"]),
                "cost": Cost(**facts["cost"]),
                "notes": tuple(facts["notes"]),
            },
        )

    def __str__(self) -> str:
        success = f"{self.success_probability:.4g}"
        if self.success_probability_err:
            success += f" ± {self.success_probability_err:.2g}"
        lines = [
            f"{len(self.probabilities)} unknowns, kappa {self.kappa:.4g}: {self.message}",
            f"queries      {self.queries}",
            f"success      {success} a run",
            f"error bound  {self.error_bound:.3g}" + ("" if self.error is None else f", found {self.error:.3g}"),
        ]
        if self.norm is not None:
            lines.append(f"norm         {self.norm:.6g}" + (f" ± {self.norm_err:.2g}" if self.norm_err else ""))
        if self.eta is not None:
            lines.append(f"wrapped      eta {self.eta:.4g}, kappa {self.kappa:.4g} -> {self.kappa_hat:.4g}")
        return "\n".join(lines + [f"note         {note}" for note in self.notes])


_FACTS = (
    "norm",
    "norm_err",
    "success_probability",
    "success_probability_err",
    "error_bound",
    "error",
    "kappa",
    "kappa_hat",
    "eta",
    "message",
    "provenance",
)
