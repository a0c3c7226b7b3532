"""From what a method has found to what ``eigensolve`` returns.

Axes: k levels, K states.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit

from qalgs.eigen.deflation import Complex, Real
from qalgs.eigen.errors import EigenWarning
from qalgs.eigen.outcome import Method, MethodRun, Outcome, Setup
from qalgs.eigen.problem import EigenProblem
from qalgs.eigen.result import EigenResult, judged
from qalgs.eigen.ritz import Matrices, rayleigh_ritz, ritz_errors
from qalgs.eigen.shift import mean_level
from qalgs.evaluation import Cost
from qalgs.run import Run, Status, as_history


def package(
    problem: EigenProblem,
    k: int,
    method: Method,
    setup: Setup,
    run: Run,
    play: MethodRun,
    outcome: Outcome,
    record: dict[str, str],
    bootstrap: int,
    seed: np.random.SeedSequence,
) -> EigenResult:
    """The levels: the best in the span of all players where that is known, else the players' own."""
    M, sign, said = outcome.matrices, problem.sign, []
    raw, raw_err, order = _own_levels(M, k)
    values, errors, vectors, all_values = raw, raw_err, _one_hot(order, len(M.H), k), None
    if method.ritz and M.complete:
        ritz = rayleigh_ritz(M.H, M.S, threshold=M.threshold)
        all_values, found = sign * ritz.values, min(k, ritz.rank)
        values, vectors = np.full(k, np.nan), np.zeros((len(M.H), k), complex)
        values[:found], vectors[:, :found] = ritz.values[:found], ritz.vectors[:, :found]
        errors = ritz_errors(M, k, seed, bootstrap)
        if found < k:
            said.append(f"The players are not independent: {found} of {k} levels were found.")
    elif method.ritz:
        said.append("Levels are the players' own: cross terms, which tell the levels of their span, were not measured.")
    for text in said:
        warnings.warn(text, EigenWarning, stacklevel=4)
    if setup.shots is not None and setup.backend.capabilities.noise:
        said.append(f"Errors are those of shots: the noise of {setup.backend.name} is a bias that they do not hold.")
    players = judged(outcome.players, 10 * method.accuracy, sign)
    status, message = run.status, run.message
    if status is Status.CONVERGED and not np.isfinite(values).all():
        status, message = Status.FAILED, Status.FAILED.value
    return EigenResult(
        eigenvalues=sign * values,
        eigenvalues_err=errors,
        energies=sign * raw,
        energies_err=raw_err,
        ritz_values=all_values,
        vectors=vectors,
        matrices=Matrices(sign * M.H, M.S, M.H_var, M.S_var, sign * M.HS_cov),
        players=players,
        basis=outcome.basis,
        circuits=setup.circuits,
        aux={},
        shift=None if outcome.shift is None else sign * outcome.shift,
        status=status,
        message=message,
        history=as_history(play.trace),
        cost=outcome.cost,
        counted=outcome.counted,
        provenance=record,
        warnings=tuple(said),
        measure=outcome.measure,
        wall_seconds=run.wall_seconds,
    )


def _own_levels(M: Matrices, k: int) -> tuple[Real, Real, list[int]]:
    """(k,) lowest energies of the states themselves with errors, and which states these are."""
    energies = np.diag(M.H).real
    order = [int(i) for i in np.argsort(energies, kind="stable")[:k]]
    values, errors = np.full(k, np.nan), np.full(k, np.nan)
    values[: len(order)] = energies[order]
    errors[: len(order)] = np.sqrt(np.diag(M.H_var)[order])
    return values, errors, order


def _one_hot(order: Sequence[int], size: int, k: int) -> Complex:
    vectors = np.zeros((size, k), complex)
    vectors[list(order), range(len(order))] = 1
    return vectors


def constant(
    problem: EigenProblem,
    k: int,
    circuits: tuple[QuantumCircuit, ...],
    operators: Mapping[str, Any],
    record: dict[str, str],
) -> EigenResult:
    """H is a number: every state is a level, and nothing has to be run."""
    level = problem.sign * mean_level(problem.hamiltonian)
    values, zero = np.full(k, level), np.zeros(k)
    empty = np.zeros((0, 0))
    text = "H is a multiple of the identity: every state has this energy."
    return EigenResult(
        eigenvalues=values,
        eigenvalues_err=zero,
        energies=values,
        energies_err=zero,
        ritz_values=values,
        vectors=np.zeros((0, k), complex),
        matrices=Matrices(empty.astype(complex), empty.astype(complex), empty, empty, empty),
        players=(),
        basis=(),
        circuits=circuits,
        aux={name: np.full(k, np.nan) for name in operators},
        shift=None,
        status=Status.CONVERGED,
        message=text,
        history=as_history(()),
        cost=Cost(),
        counted={},
        provenance=record,
        warnings=(text,),
        wall_seconds=0.0,
    )
