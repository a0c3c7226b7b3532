"""What tomography returns, and what can be asked of it.

Axes: d = 2**n, r rank, B bootstrap replicas. All numbers come from the factor U (d, r), rho = U U^dagger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import argument
from qalgs.results import Estimate, basic_bootstrap, load_record, save_record
from qalgs.run import History, Status
from qalgs.tomo.methods import Data
from qalgs.tomo.operators.allpauli import Factor
from qalgs.tomo.operators.masks import expectations
from qalgs.tomo.operators.paulis import masks_from_labels, num_qubits_of
from qalgs.tomo.quality import metrics
from qalgs.tomo.quality.linear import linear_fidelity as linear_fidelity
from qalgs.tomo.quality.rank import RankFit

_LARGEST_DENSE = 12
_BOUNDARY = 3


@dataclass(frozen=True, eq=False)
class TomographyResult:
    """A reconstructed state with its errors."""

    factor: Factor
    """(d, r) with trace 1; rho = factor @ factor.conj().T."""
    status: Status
    """How the fit ended."""
    message: str
    """The same in words."""
    history: History
    """Columns over the steps: step, loss, what the method reports, and infidelity where a target was given."""
    misfit: float | None
    """How much worse the data fits than data drawn from the fit itself: 1 is a good fit, well above 1 means that the
    model (its rank, above all) cannot explain the data. None for exact data."""
    replicas: NDArray[Any] = field(repr=False)
    """(B, d, r) factors refitted to resampled data."""
    solve_seconds: float
    """Wall time of the fit, without the bootstrap and the comparison of ranks."""
    provenance: dict[str, str]
    """Method, seed, source of the data, versions, time."""
    state: Any = field(default=None, repr=False)
    """The method's last state, to continue from; not saved."""
    data: Data | None = field(default=None, repr=False)
    """What was fitted; not saved."""
    misfit_err: float | None = None
    """Scatter of ``misfit`` where the fit is right."""
    ranks: tuple[RankFit, ...] = ()
    """Ranks that were compared on data set aside; empty where none were."""
    warnings: tuple[str, ...] = ()
    """What was warned of."""

    @property
    def success(self) -> bool:
        """Whether the fit ended by its own rule."""
        return self.status.success

    @property
    def num_qubits(self) -> int:
        """N."""
        return num_qubits_of(len(self.factor), "factor")

    @property
    def rank(self) -> int:
        """R."""
        return self.factor.shape[1]

    @property
    def rounds(self) -> int:
        """Steps of the fit: communication rounds for LocalSFGD."""
        return int(self.history["step"][-1]) if len(self.history["step"]) else 0

    @property
    def eigenvalues(self) -> NDArray[np.float64]:
        """(r,) nonzero eigenvalues of rho, largest first."""
        return np.square(np.linalg.svd(self.factor, compute_uv=False))

    @property
    def at_boundary(self) -> bool:
        """Whether the largest eigenvalue is within 3 standard errors of 1, where a bootstrap is too sure of itself."""
        leading = self._estimate(lambda U: float(np.linalg.norm(U, 2) ** 2), 0, 1)
        return leading.err is not None and leading.value > 1 - _BOUNDARY * leading.err - 1e-9

    def fidelity(self, state: ArrayLike) -> Estimate:
        """Fidelity with a pure or mixed state, and its bootstrap error.

        <psi| rho |psi> for a vector, (Tr sqrt(sqrt(rho) sigma sqrt(rho)))**2 for a density matrix. The bootstrap knows
        the scatter of the data, not whether the rank is right: read ``misfit`` and ``ranks`` beside it.

        Args:
            state: (d,) vector, (d, k) factor with k < d, or (d, d) density matrix.

        Raises:
            ValueError: ``state`` has the wrong length, norm or trace.
        """
        V = metrics.as_factor(state, len(self.factor), "state")
        return self._estimate(lambda U: metrics.fidelity(U, V), 0, 1)

    def trace_distance(self, state: ArrayLike) -> Estimate:
        """Half the trace norm of rho - sigma, and its bootstrap error; ``state`` as in ``fidelity``.

        Raises:
            ValueError: ``state`` has the wrong length, norm or trace.
        """
        V = metrics.as_factor(state, len(self.factor), "state")
        return self._estimate(lambda U: metrics.trace_distance(U, V), 0, 1)

    def purity(self) -> Estimate:
        """Tr(rho**2) and its bootstrap error."""
        return self._estimate(metrics.purity, 0, 1)

    def entropy(self) -> Estimate:
        """-Tr(rho log2 rho), in bits, and its bootstrap error."""
        return self._estimate(metrics.entropy, 0, self.num_qubits)

    def expectation(self, label: str) -> Estimate:
        """Tr(P rho) of a Pauli label, qubit 0 rightmost, and its bootstrap error.

        Raises:
            ValueError: the label is malformed or of the wrong width.
        """
        return self.expectations([label])[0]

    def expectations(self, labels: Sequence[str]) -> tuple[Estimate, ...]:
        """Tr(P rho) of several Pauli labels, qubit 0 rightmost, with their bootstrap errors.

        Raises:
            ValueError: a label is malformed or of the wrong width.
        """
        x, z, n = masks_from_labels(labels)
        if n != self.num_qubits:
            raise ValueError(argument("label", f"have {self.num_qubits} letters", f"it is {labels[0]!r}"))
        values = expectations(x, z, self.factor)
        replicas = np.array([expectations(x, z, U) for U in self.replicas]).reshape(-1, len(labels))
        return tuple(
            basic_bootstrap(float(value), column, low=-1, high=1)
            for value, column in zip(values, replicas.T, strict=True)
        )

    def partial_trace(self, qubits: Sequence[int]) -> NDArray[Any]:
        """(2**k, 2**k) reduced density matrix of k qubits; qubit i of the answer is ``qubits[i]``.

        Raises:
            ValueError: a qubit is not one of the state's, or repeated, or there are none, or more than 12.
        """
        if len(qubits) > _LARGEST_DENSE:
            raise ValueError(argument("qubits", f"name at most {_LARGEST_DENSE}", f"it names {len(qubits)}"))
        return metrics.partial_trace(self.factor, qubits)

    def concurrence(self, first: int, second: int) -> Estimate:
        """Wootters' concurrence of two of the qubits, 0 to 1, and its bootstrap error.

        Raises:
            ValueError: a qubit is not one of the state's, or both are the same.
        """
        pair = (first, second)
        return self._estimate(lambda U: metrics.concurrence(metrics.partial_trace(U, pair)), 0, 1)

    def density_matrix(self) -> NDArray[Any]:
        """(d, d) rho.

        Raises:
            ValueError: more than 12 qubits.
        """
        if self.num_qubits > _LARGEST_DENSE:
            must = f"have at most {_LARGEST_DENSE} qubits to be written out"
            raise ValueError(argument("factor", must, f"it has {self.num_qubits}"))
        return self.factor @ self.factor.conj().T

    def save(self, path: str | Path) -> None:
        """Write ``path.npz`` (arrays) and ``path.json`` (facts)."""
        columns = {f"history_{name}": values for name, values in self.history.items()}
        facts = {
            "status": self.status.name,
            "message": self.message,
            "misfit": self.misfit,
            "misfit_err": self.misfit_err,
            "ranks": [asdict(row) for row in self.ranks],
            "warnings": list(self.warnings),
            "solve_seconds": self.solve_seconds,
            "provenance": self.provenance,
            "summary": str(self).splitlines(),
        }
        save_record(path, {"factor": self.factor, "replicas": self.replicas, **columns}, facts)

    @classmethod
    def load(cls, path: str | Path) -> TomographyResult:
        """What ``save`` wrote, without the data and the method's state."""
        arrays, facts = load_record(path)
        history = {name.removeprefix("history_"): v for name, v in arrays.items() if name.startswith("history_")}
        return cls(
            factor=arrays["factor"],
            status=Status[facts["status"]],
            message=facts["message"],
            history=history,
            misfit=facts["misfit"],
            replicas=arrays["replicas"],
            solve_seconds=facts["solve_seconds"],
            provenance=facts["provenance"],
            misfit_err=facts["misfit_err"],
            ranks=tuple(RankFit(**row) for row in facts["ranks"]),
            warnings=tuple(facts["warnings"]),
        )

    def __str__(self) -> str:
        leading = ", ".join(f"{value:.4f}" for value in self.eigenvalues[:4])
        lines = [
            f"{self.num_qubits} qubits, rank {self.rank}: {self.message}",
            f"fit          {self.rounds} steps in {self.solve_seconds:.2f} s",
            f"purity       {self.purity()}",
            f"eigenvalues  {leading}{' ...' if self.rank > 4 else ''}",
        ]
        if self.misfit is not None:
            poor = too_large(self.misfit, self.misfit_err)
            lines.append(f"misfit       {self.misfit:.2f} ({_TOO_SIMPLE if poor else 'the model explains the data'})")
        lines += [f"rank {row.rank:<8}{_compared(row)}" for row in self.ranks]
        if self.at_boundary:
            lines.append("errors       may be too small: the state is at the boundary of what is possible")
        return "\n".join(lines)

    def _estimate(self, functional: Callable[[Factor], float], low: float, high: float) -> Estimate:
        replicas = np.array([functional(U) for U in self.replicas])
        return basic_bootstrap(functional(self.factor), replicas, low=low, high=high)


_TOO_SIMPLE = "1 is good: the model is too simple for the data and flatters the fidelity; raise `rank`"
_POOR, _SIGMAS = 1.1, 5


def too_large(misfit: float, err: float | None) -> bool:
    """Whether a misfit says that the model is wrong: above 1.1, and by more than 5 times its scatter above 1."""
    return misfit > max(_POOR, 1 + _SIGMAS * (err or 0.0))


def _compared(row: RankFit) -> str:
    best = (
        "predicts data set aside best" if row.excess == 0 else f"loss {row.excess:+.1e} ± {row.excess_err:.0e} above it"
    )
    return best if row.fidelity is None else f"{best}, fidelity {row.fidelity:.4f}"
