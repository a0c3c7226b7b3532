"""A classical method under the verb ``eigensolve``: the same questions, the same result.

Axes: d = 2^n, q players of k that have begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import Initialize
from qiskit.quantum_info import SparsePauliOp
from scipy.sparse import issparse

from qalgs.checks import argument, one_of, positive_int
from qalgs.eigen.classical.base import ClassicalMethod, Vectors
from qalgs.eigen.classical.matrix import as_matrix
from qalgs.eigen.deflation import Complex
from qalgs.eigen.problem import Hamiltonian, SectorLike, as_problem, check_levels
from qalgs.eigen.result import EigenResult, PlayerResult, judged
from qalgs.eigen.ritz import Matrices, rayleigh_ritz
from qalgs.evaluation import Cost
from qalgs.results import provenance
from qalgs.run import Callback, Run, Status, drive

_SKIPPED = 1e-6
"""A later level lower by more than this share of the largest is a sign that a player has skipped one."""


@dataclass(frozen=True, eq=False)
class MatrixProblem:
    """A matrix whose lowest levels are wanted."""

    matrix: Any
    """(2^n, 2^n) sign * H, and the penalties of the sector; see ``as_matrix``."""
    sign: int
    """1 for the lowest levels of H, -1 for the highest."""
    name: str

    @property
    def num_qubits(self) -> int:
        """N."""
        return self.matrix.shape[0].bit_length() - 1


def as_matrix_problem(H: Hamiltonian, k: int, *, which: str, sector: SectorLike) -> MatrixProblem:
    """Read a Hamiltonian; a matrix is taken as it is.

    Raises:
        TypeError: ``H`` is of no kind that can be read, or k no integer.
        ValueError: an argument is out of range.
    """
    one_of(which, "which", ("SA", "LA"))
    if sector in ("auto", None) and (issparse(H) or isinstance(H, np.ndarray | list | tuple)):
        matrix, sign = as_matrix(H), 1 if which == "SA" else -1
        found = MatrixProblem(sign * matrix, sign, f"a matrix of dimension {matrix.shape[0]}")
        if matrix.shape[0] != 1 << found.num_qubits or found.num_qubits == 0:
            raise ValueError(argument("H", "have a power of 2 of rows", f"it has {matrix.shape[0]}"))
        positive_int(k, "k", maximum=matrix.shape[0])
        return found
    problem = as_problem(H, which=which, sector=sector)
    check_levels(k, problem)
    return MatrixProblem(as_matrix(problem.hamiltonian), problem.sign, problem.name)


def solve(
    problem: MatrixProblem,
    k: int,
    method: ClassicalMethod,
    *,
    start: Any = None,
    seed: np.random.SeedSequence,
    callback: Callback | Sequence[Callback] | None = None,
) -> EigenResult:
    """The levels as ``eigensolve`` reports them; the circuits set the qubits to the players' vectors.

    Args:
        problem: what is asked.
        k: levels.
        method: whose c, where it is a number, is that of H itself.
        start: (2^n, k) vectors to begin from, or an earlier result.
        seed: draws them where there are none.
        callback: called after each step.

    Raises:
        ValueError: an argument does not fit; nothing has run.
        KeyboardInterrupt: interrupted before anything was found.
    """
    c = getattr(method, "c", "auto")
    facing: ClassicalMethod = method if c == "auto" else replace(cast(Any, method), c=problem.sign * c)
    if isinstance(start, EigenResult):
        start = np.stack([start.state(r) for r in range(start.k)], axis=1)
        start = start if np.iscomplexobj(problem.matrix) else start.real
    run = drive(facing.iterate(problem.matrix, k, seed=seed, start=start), callback)
    if run.last is None:
        raise KeyboardInterrupt
    record = provenance(method, seed, f"{problem.name} as a matrix")
    return _packaged(problem, k, run, None if c == "auto" else float(c), record)


def _packaged(problem: MatrixProblem, k: int, run: Run, shift: float | None, record: dict[str, str]) -> EigenResult:
    assert run.last is not None
    sign = problem.sign
    state: Vectors = run.last.state
    V = np.asarray(state.vectors, complex)
    images = problem.matrix @ V
    M, S = V.conj().T @ images, V.conj().T @ V
    ritz = rayleigh_ritz(M, S)
    found, order, q = min(k, ritz.rank), np.argsort(state.energies, kind="stable"), V.shape[1]
    values, energies, vectors = np.full(k, np.nan), np.full(k, np.nan), np.zeros((q, k), complex)
    values[:found], vectors[:, :found] = ritz.values[:found], ritz.vectors[:, :found]
    energies[:q] = state.energies[order]
    status, message, zero = run.status, run.message, np.zeros((q, q))
    if status is Status.CONVERGED and found < k:
        status, message = Status.FAILED, Status.FAILED.value
    return EigenResult(
        eigenvalues=sign * values,
        eigenvalues_err=np.zeros(k),
        energies=sign * energies,
        energies_err=np.zeros(k),
        ritz_values=sign * ritz.values,
        vectors=vectors,
        matrices=Matrices(sign * M, S, zero, zero, zero),
        players=_players(V, images, S, sign, run),
        basis=tuple((i, "") for i in range(q)),
        circuits=tuple(_setting(v) for v in V.T),
        aux={},
        shift=shift,
        status=status,
        message=message,
        history=run.history,
        cost=Cost(),
        counted={"steps": run.last.index},
        provenance=record,
        measure=lambda operator: _between(V, operator),
        wall_seconds=run.wall_seconds,
    )


def _players(V: Complex, images: Complex, S: Complex, sign: int, run: Run) -> tuple[PlayerResult, ...]:
    energies = np.real(np.einsum("dq,dq->q", V.conj(), images))
    variances = np.maximum(np.linalg.norm(images, axis=0) ** 2 - energies**2, 0)
    overlaps = np.abs(np.triu(S, 1)) ** 2
    turns = run.history.get("player")
    steps = [len(run.history["step"]) if turns is None else int((turns == i).sum()) for i in range(len(energies))]
    status = {Status.CONVERGED: "converged", Status.MAX_STEPS: "max_steps"}.get(run.status, "stopped")
    players = tuple(
        PlayerResult(
            index=i,
            parameters=np.zeros(0),
            energy=sign * float(energies[i]),
            energy_err=0.0,
            utility=float("nan"),
            variance=float(variances[i]),
            overlap=float(overlaps[:, i].max()),
            gradient_norm=2 * float(np.sqrt(variances[i])),
            steps=steps[i],
            attempts=1,
            status=status,
        )
        for i in range(len(energies))
    )
    return judged(players, _SKIPPED * float(np.abs(energies).max()), sign)


def _setting(vector: Complex) -> QuantumCircuit:
    """A circuit that sets the qubits to a state."""
    n = len(vector).bit_length() - 1
    circuit = QuantumCircuit(n)
    circuit.append(Initialize(cast(Any, vector / np.linalg.norm(vector))), range(n))
    return circuit


def _between(V: Complex, operator: SparsePauliOp) -> Complex:
    """(q, q) <v_i|A|v_j>."""
    return V.conj().T @ (operator.to_matrix(sparse=True) @ V)
