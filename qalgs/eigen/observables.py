"""Further operators: their values in the levels, and levels that agree in energy told apart by them.

Axes: k levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from qiskit.quantum_info import SparsePauliOp

from qalgs.checks import argument
from qalgs.eigen.deflation import Complex
from qalgs.eigen.problem import Hamiltonian, as_operator
from qalgs.eigen.result import EigenResult
from qalgs.eigen.ritz import clusters
from qalgs.problems import Molecule

CONSERVED = {"N": "number", "Sz": "spin_z", "S2": "spin_squared"}
"""What a molecule conserves, by the names that stand for it."""
_SAME = 1e-3
"""Values of a symmetry that differ by less are the same."""

Aux = Mapping[str, Any] | Sequence[str] | None


def as_observables(H: Hamiltonian, num_qubits: int, aux: Aux, resolve: Sequence[str]) -> dict[str, SparsePauliOp]:
    """Operators by name, those of ``resolve`` among them.

    Raises:
        TypeError: an operator is of no kind that can be read.
        ValueError: one does not fit, or a name stands for none.
    """
    given = dict(aux) if isinstance(aux, Mapping) else dict.fromkeys(aux or ())
    if isinstance(resolve, str):
        raise TypeError(argument("resolve", "be a sequence of names", f"it is {resolve!r}"))
    found = {}
    for name in (*given, *(name for name in resolve if name not in given)):
        value = given.get(name)
        if value is None:
            if name not in CONSERVED or not isinstance(H, Molecule):
                which = "resolve" if name not in given else "aux"
                must = f"name operators of `aux`, or of a molecule's {', '.join(CONSERVED)}"
                raise ValueError(argument(which, must, f"it names {name!r}"))
            value = getattr(H, CONSERVED[name])
        operator, _ = as_operator(value)
        if operator.num_qubits != num_qubits:
            must = f"act on {num_qubits} qubits as H"
            raise ValueError(argument(f"aux[{name!r}]", must, f"it acts on {operator.num_qubits}"))
        found[str(name)] = operator
    return found


def observed(result: EigenResult, operators: Mapping[str, SparsePauliOp], resolve: Sequence[str]) -> EigenResult:
    """The result with the operators' values, and with states that have one each of those in ``resolve``.

    Levels that are degenerate as far as is known keep their energies; any basis of theirs is as good as another.
    """
    if not operators:
        return result
    matrices = {name: result.transition(operator) for name, operator in operators.items()}
    turn = np.eye(result.k, dtype=complex)
    start = 0
    for size in result.multiplicities:
        here = slice(start, start + size)
        parts = [matrices[name][here, here] for name in resolve]
        if size > 1 and parts and np.isfinite(parts).all():
            turn[here, here] = _common_basis(parts)
        start += size
    # What is not known is in no cluster, and is not turned.
    values = {name: _turned(matrix, turn) for name, matrix in matrices.items()}
    return replace(result, vectors=result.vectors @ turn, aux=values)


def _turned(matrix: Complex, turn: Complex) -> Any:
    """(k,) diagonal in the new basis; NaN where it depends on what is not known."""
    known = np.isfinite(matrix)
    values = np.einsum("ir,ij,jr->r", turn.conj(), np.where(known, matrix, 0), turn).real
    touched = (np.abs(turn) > 0).astype(float)
    values[np.einsum("ir,ij,jr->r", touched, (~known).astype(float), touched) > 0] = np.nan
    return values


def _common_basis(parts: Sequence[Complex]) -> Complex:
    """A basis in which the first operator is diagonal, and each other one among the equal values of those before."""
    first, rest = parts[0], parts[1:]
    values, basis = np.linalg.eigh((first + first.conj().T) / 2)
    start = 0
    for size in clusters(values, np.zeros(len(values)), tolerance=_SAME) if rest else ():
        own = basis[:, start : start + size]
        basis[:, start : start + size] = own @ _common_basis([own.conj().T @ part @ own for part in rest])
        start += size
    return basis
