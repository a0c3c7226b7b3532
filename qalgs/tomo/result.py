"""What tomography returns, and what can be asked of it.

Axes: d = 2**n, r rank, B bootstrap replicas. All numbers come from the factor U (d, r), rho = U U^dagger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import argument, finite_array
from qalgs.results import Estimate, basic_bootstrap, load_record, save_record
from qalgs.run import History, Status
from qalgs.tomo.methods import Data
from qalgs.tomo.operators import AllPauli
from qalgs.tomo.operators.allpauli import Factor
from qalgs.tomo.operators.masks import expectations
from qalgs.tomo.paulis import masks_from_labels, num_qubits_of

_LARGEST_DENSE = 12
_MISFIT = 1.5


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
    """Columns over the steps: step, loss, LocalSFGD's step_size and bytes, and infidelity where a target was given."""
    misfit: float | None
    """How much worse the data fits than data drawn from the fit itself: 1 is a good fit, well above 1 means that the
    model (its rank, above all) cannot explain the data. None for exact data."""
    replicas: NDArray[Any] = field(repr=False)
    """(B, d, r) factors refitted to resampled data."""
    solve_seconds: float
    """Wall time of the fit, without the bootstrap."""
    provenance: dict[str, str]
    """Method, seed, source of the data, versions, time."""
    state: Any = field(default=None, repr=False)
    """The method's last state, to continue from; not saved."""
    data: Data | None = field(default=None, repr=False)
    """What was fitted; not saved."""

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

    def fidelity(self, state: ArrayLike) -> Estimate:
        """<psi| rho |psi> with the pure state ``state`` (d,), and its bootstrap error.

        The bootstrap knows the scatter of the data, not whether the rank is right: read ``misfit`` beside it.

        Raises:
            ValueError: ``state`` has the wrong length or norm.
        """
        psi = pure_state(state, len(self.factor), "state")
        return self._estimate(lambda U: float(np.linalg.norm(psi.conj() @ U) ** 2), low=0, high=1)

    def purity(self) -> Estimate:
        """Tr(rho**2) and its bootstrap error."""
        return self._estimate(lambda U: float(np.linalg.norm(U.conj().T @ U) ** 2), low=0, high=1)

    def expectation(self, label: str) -> Estimate:
        """Tr(P rho) of a Pauli label, qubit 0 rightmost, and its bootstrap error.

        Raises:
            ValueError: the label is malformed or of the wrong width.
        """
        x, z, n = masks_from_labels([label])
        if n != self.num_qubits:
            raise ValueError(argument("label", f"have {self.num_qubits} letters", f"it is {label!r}"))
        return self._estimate(lambda U: float(expectations(x, z, U)[0]), low=-1, high=1)

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
            verdict = "the model explains the data" if self.misfit < _MISFIT else _TOO_SIMPLE
            lines.append(f"misfit       {self.misfit:.2f} ({verdict})")
        return "\n".join(lines)

    def _estimate(self, functional: Callable[[Factor], float], *, low: float, high: float) -> Estimate:
        replicas = np.array([functional(U) for U in self.replicas])
        return basic_bootstrap(functional(self.factor), replicas, low=low, high=high)


_TOO_SIMPLE = "1 is good: the model is too simple for the data and flatters the fidelity; raise `rank`"


def linear_fidelity(data: Data, state: ArrayLike) -> tuple[Estimate, float]:
    """The model-free fidelity sum_P Tr(P psi) y_P / d over the measured Paulis, and their share of psi.

    With a share of 1 it is unbiased, whatever the rank of the true state; what is missing counts as 0. The error is
    that of independent labels.

    Args:
        data: counts or Pauli values.
        state: (d,) the pure state psi.

    Returns:
        The estimate, and sum_{P measured} Tr(P psi)**2 / d, which is 1 when nothing that matters is missing.

    Raises:
        ValueError: ``state`` has the wrong length or norm.
    """
    from qalgs.tomo.data import CountsData

    paulis = data.paulis() if isinstance(data, CountsData) else data
    dim = 1 << paulis.num_qubits
    psi = pure_state(state, dim, "state")
    operator = AllPauli(paulis.num_qubits)
    grid = operator.grid(operator.forward(psi[:, None]) * operator.signs())
    weights = grid[paulis.z, paulis.z ^ paulis.x]
    value = float(weights @ paulis.values) / dim
    share = float(weights @ weights) / dim
    if paulis.shots is None:
        return Estimate(value, 0.0), share
    variance = (1 - np.clip(paulis.values, -1, 1) ** 2) / paulis.shots
    return Estimate(value, float(np.sqrt(weights**2 @ variance)) / dim), share


def pure_state(state: ArrayLike, dim: int, name: str) -> NDArray[Any]:
    """``state`` as a normalised (dim,) vector.

    Raises:
        ValueError: it has the wrong length or its norm is not 1 within 1e-6.
    """
    psi = finite_array(getattr(state, "data", state), name, ndim=1, dtype=complex)
    if len(psi) != dim:
        raise ValueError(argument(name, f"have {dim} amplitudes", f"it has {len(psi)}"))
    norm = float(np.linalg.norm(psi))
    if abs(norm - 1) > 1e-6:
        raise ValueError(argument(name, "have norm 1", f"its norm is {norm:.6g}"))
    return psi / norm


def stack(factors: Sequence[Factor], like: Factor) -> NDArray[Any]:
    """(B, d, r) of the replicas' factors; (0, d, r) when there are none."""
    return np.stack(factors) if factors else np.zeros((0, *like.shape), np.complex128)
