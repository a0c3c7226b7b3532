"""What ``eigensolve`` returns, and what can be asked of it.

Axes: k levels reported, K states that players have ended in (or that were made of one player's), n qubits.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import qpy
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Pauli, SparsePauliOp, Statevector

from qalgs.checks import argument, positive_int
from qalgs.eigen.deflation import Complex, Real
from qalgs.eigen.problem import as_operator
from qalgs.eigen.ritz import Matrices, clusters
from qalgs.evaluation import Cost
from qalgs.results import load_record, save_record
from qalgs.run import History, Status

_WIDEST_STATE = 20
Measure = Callable[[SparsePauliOp], Complex]


@dataclass(frozen=True, eq=False)
class PlayerResult:
    """Where one player ended."""

    index: int
    parameters: Real
    """(p,)."""
    energy: float
    """<H> in its state."""
    energy_err: float
    utility: float
    """u of its game, penalty included; never an energy. NaN where there is no game."""
    variance: float | None
    """<H^2> - <H>^2; None where it was not measured."""
    overlap: float
    """Largest squared overlap with a player before it."""
    gradient_norm: float
    """NaN where no gradient was measured at the end."""
    steps: int
    """Questions asked in all attempts."""
    attempts: int
    status: str
    """"converged", "max_steps", "stalled", "duplicate", "inaccurate" (the variance is too large), "stopped", or
    "skipped_level" (a later player found a lower level)."""


@dataclass(frozen=True, eq=False)
class EigenResult:
    """The levels of a Hamiltonian, and the circuits that prepare them."""

    eigenvalues: Real
    """(k,) from the lowest for which="SA", from the highest for "LA". Ritz values of all players where these are known:
    upper bounds (for "LA" lower ones) when exact, but not under shots. NaN where players are not independent."""
    eigenvalues_err: Real
    """(k,) standard errors; 0 where exact, NaN where not known."""
    energies: Real
    """(k,) energies of the best k players themselves, in the same order; NaN where there are fewer."""
    energies_err: Real
    """(k,)."""
    ritz_values: Real | None
    """(r,) all levels in the span of all players; None where that was not measured."""
    vectors: Complex
    """(K, k): level r is sum_j vectors[j, r] phi_j, with the K states of ``basis``."""
    matrices: Matrices = field(repr=False)
    """<phi_i|H|phi_j> and <phi_i|phi_j> with their variances."""
    players: tuple[PlayerResult, ...] = field(repr=False)
    basis: tuple[tuple[int, str], ...] = field(repr=False)
    """K states: a player, and a Pauli label that is applied to its state ("" for none)."""
    circuits: tuple[QuantumCircuit, ...] = field(repr=False)
    """One per player, not bound."""
    aux: dict[str, Real]
    """(k,) expectation values of the auxiliary operators."""
    shift: float | None
    """C at the end, of the operator as given; None where the method has none."""
    status: Status
    message: str
    history: History = field(repr=False)
    """Columns over the rounds: player (the first that moved), value (its loss), energy_r, loss_r, gradient_norm_r."""
    cost: Cost
    counted: dict[str, int]
    """In the field's currencies: energies, cross terms, gradients, circuits."""
    provenance: dict[str, str] = field(repr=False)
    warnings: tuple[str, ...] = ()
    measure: Measure | None = field(default=None, repr=False)
    """Matrix of an operator between the K states, by the estimator of the run; not saved."""
    wall_seconds: float = float("nan")
    sectors: tuple[str, ...] = ()
    """Where each of the K states lives, if levels of several sectors were put together: "Sz=0 +-" with the signs of
    what was tapered off. The qubits of each sector have a meaning of their own."""

    @property
    def success(self) -> bool:
        """Whether every level was found as well as was asked for."""
        return self.status.success and bool(np.isfinite(self.eigenvalues).all())

    @property
    def k(self) -> int:
        """Levels reported."""
        return len(self.eigenvalues)

    @property
    def rank(self) -> int:
        """Independent states found."""
        return len(self.ritz_values) if self.ritz_values is not None else int(np.isfinite(self.energies).sum())

    @property
    def multiplicities(self) -> tuple[int, ...]:
        """Sizes of the clusters of equal levels, in order; the last may go on beyond level k."""
        known = np.isfinite(self.eigenvalues)
        return clusters(self.eigenvalues[known], self.eigenvalues_err[known])

    @property
    def gaps(self) -> Real:
        """(k - 1,) distances of neighbouring levels, positive."""
        return np.abs(np.diff(self.eigenvalues))

    @property
    def bound_circuits(self) -> tuple[QuantumCircuit, ...]:
        """K circuits, for the states of ``basis``; level r is their combination with ``vectors[:, r]``."""
        return tuple(self._bound(player, label) for player, label in self.basis)

    def bound_circuit(self, level: int) -> QuantumCircuit:
        """The circuit, among those of ``basis``, whose state has most of a level.

        Raises:
            ValueError: there is no such level.
        """
        return self._bound(*self.basis[int(np.argmax(np.abs(self._column(level))))])

    def state(self, level: int) -> NDArray[np.complex128]:
        """(2^n,) state of a level, by exact simulation; qubit 0 is the least significant bit.

        Raises:
            ValueError: there is no such level, or more than 20 qubits.
        """
        vector = self._states() @ self._column(level)
        return vector / np.linalg.norm(vector)

    def transition(self, op: Any) -> Complex:
        """(k, k) matrix of an operator between the levels: expectation values, and transition moments beside them.

        On the run's own backend, with its shots; by exact simulation for a result from a file. NaN where a level was
        not found, or cross terms are not measured.

        Args:
            op: anything that ``eigensolve`` reads as a Hamiltonian.

        Raises:
            TypeError: ``op`` is of no kind that can be read.
            ValueError: it does not fit, or levels of several sectors were put together.
        """
        if self.sectors:
            raise ValueError(argument("op", "act on the levels of one sector", "they are of several; use `aux`"))
        operator, _ = as_operator(op)
        if operator.num_qubits != self.circuits[0].num_qubits:
            must = f"act on {self.circuits[0].num_qubits} qubits"
            raise ValueError(argument("op", must, f"it acts on {operator.num_qubits}"))
        if self.measure is not None:
            matrix = self.measure(operator)
        else:
            states = self._states()
            matrix = states.conj().T @ (operator.to_matrix(sparse=True) @ states)
        known, size = np.isfinite(matrix), np.abs(self.vectors)
        found = self.vectors.conj().T @ np.where(known, matrix, 0) @ self.vectors
        lost = np.flatnonzero(size.sum(axis=0) == 0)
        found[size.T @ ~known @ size > 0] = np.nan
        found[lost], found[:, lost] = np.nan, np.nan
        return found

    def save(self, path: str | Path) -> None:
        """Write ``path.npz`` (arrays, and the circuits as QPY) and ``path.json`` (facts)."""
        columns = {f"history_{name}": values for name, values in self.history.items()}
        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in _ARRAYS}
        if self.ritz_values is not None:
            arrays["ritz_values"] = self.ritz_values
        arrays |= {f"matrices_{name}": value for name, value in vars(self.matrices).items()}
        arrays |= {f"aux_{name}": value for name, value in self.aux.items()}
        arrays |= {f"parameters_{player.index}": player.parameters for player in self.players}
        buffer = io.BytesIO()
        qpy.dump(list(self.circuits), buffer)
        arrays["circuits"] = np.frombuffer(buffer.getvalue(), np.uint8)
        plain = [{k: v for k, v in vars(player).items() if k != "parameters"} for player in self.players]
        facts = {
            "status": self.status.name,
            "message": self.message,
            "players": plain,
            "basis": self.basis,
            "shift": self.shift,
            "cost": asdict(self.cost),
            "counted": self.counted,
            "warnings": self.warnings,
            "sectors": self.sectors,
            "wall_seconds": self.wall_seconds,
            "provenance": self.provenance,
            "summary": str(self).splitlines(),
        }
        save_record(path, arrays | columns, facts)

    @classmethod
    def load(cls, path: str | Path) -> EigenResult:
        """What ``save`` wrote; ``transition`` is then exact simulation."""
        arrays, facts = load_record(path)
        players = tuple(
            PlayerResult(parameters=arrays[f"parameters_{plain['index']}"], **plain) for plain in facts["players"]
        )
        return cls(
            eigenvalues=arrays["eigenvalues"],
            eigenvalues_err=arrays["eigenvalues_err"],
            energies=arrays["energies"],
            energies_err=arrays["energies_err"],
            vectors=arrays["vectors"],
            ritz_values=arrays.get("ritz_values"),
            matrices=Matrices(**_prefixed(arrays, "matrices_")),
            players=players,
            basis=tuple((int(player), str(label)) for player, label in facts["basis"]),
            circuits=tuple(qpy.load(io.BytesIO(arrays["circuits"].tobytes()))),
            aux=_prefixed(arrays, "aux_"),
            shift=facts["shift"],
            status=Status[facts["status"]],
            message=facts["message"],
            history=_prefixed(arrays, "history_"),
            cost=Cost(**facts["cost"]),
            counted=facts["counted"],
            provenance=facts["provenance"],
            warnings=tuple(facts["warnings"]),
            sectors=tuple(facts.get("sectors", ())),
            wall_seconds=facts["wall_seconds"],
        )

    def __str__(self) -> str:
        shift = "" if self.shift is None else f", shift c = {self.shift:.6g}"
        lines = [f"{self.k} levels from {len(self.basis)} states: {self.message}{shift}"]
        for r, (value, err) in enumerate(zip(self.eigenvalues, self.eigenvalues_err, strict=True)):
            error = f" ± {err:.1g}" if err else ""
            extra = "".join(f"  {name} {values[r]:.4g}" for name, values in self.aux.items())
            lines.append(f"level {r:<4}{value: .9g}{error}{extra}")
        lines.append(f"multiplicities {' '.join(map(str, self.multiplicities))}")
        lines.append("players      " + " ".join(player.status for player in self.players))
        counted = ", ".join(f"{number} {name}" for name, number in self.counted.items() if number)
        lines.append(f"cost         {counted}" + (f", {self.cost.shots} shots" if self.cost.shots else ""))
        return "\n".join(lines + [f"warning      {text}" for text in self.warnings])

    def _column(self, level: int) -> Complex:
        return self.vectors[:, positive_int(level, "level", minimum=0, maximum=self.k - 1)]

    def _states(self) -> Complex:
        """(2^n, K) states of the basis."""
        n = self.circuits[0].num_qubits
        if n > _WIDEST_STATE:
            raise ValueError(
                argument("level", f"be of at most {_WIDEST_STATE} qubits to be written out", f"it has {n}")
            )
        return np.array([Statevector(circuit).data for circuit in self.bound_circuits], complex).T

    def _bound(self, player: int, label: str) -> QuantumCircuit:
        circuit = self.circuits[player].assign_parameters(self.players[player].parameters, inplace=False)
        assert circuit is not None
        if label:
            circuit.append(Pauli(label), range(circuit.num_qubits))
        return circuit


_ARRAYS = ("eigenvalues", "eigenvalues_err", "energies", "energies_err", "vectors")


def judged(players: tuple[PlayerResult, ...], tolerance: float, sign: int) -> tuple[PlayerResult, ...]:
    """The players, with those marked that a later one has undercut: they have skipped a level."""
    found = []
    for i, player in enumerate(players):
        later = [sign * other.energy for other in players[i + 1 :] if other.status != "duplicate"]
        margin = max(tolerance, 3 * player.energy_err)
        skipped = player.status == "converged" and bool(later) and min(later) < sign * player.energy - margin
        found.append(replace(player, status="skipped_level") if skipped else player)
    return tuple(found)


def _prefixed(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
