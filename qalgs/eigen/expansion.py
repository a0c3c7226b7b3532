"""Quantum subspace expansion: all levels from operators applied to one state.

Axes: k levels, K operators, p parameters, n qubits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import Any, ClassVar

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Pauli, SparsePauliOp

from qalgs.checks import argument, child, positive_int
from qalgs.eigen.deflation import Complex, Real
from qalgs.eigen.game import EigenPlay
from qalgs.eigen.methods import EigenGame
from qalgs.eigen.outcome import Outcome, Setup
from qalgs.eigen.ritz import Matrices
from qalgs.evaluation import Cost

_PAIR = 2
"""Key of the shots."""


@dataclass(frozen=True, kw_only=True)
class SubspaceExpansion:
    """Quantum subspace expansion (arXiv 1603.05681): the levels in the span of operators times a ground state.

    The ground state is found by VQE; H_ij = <psi|P_i H P_j|psi> and S_ij = <psi|P_i P_j|psi> are then expectation
    values in this one state. It needs no further optimisation, and finds the levels that the span holds.
    """

    ground: EigenGame = field(default_factory=EigenGame)
    """The game of the one player."""
    operators: Sequence[str] | None = None
    """Pauli labels P_i; None for all up to ``weight``."""
    weight: int = 1
    """Most letters other than I."""
    ritz: bool = True
    """Always: there are no other levels."""
    each: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive_int(self.weight, "weight", minimum=0)
        if self.operators is not None:
            object.__setattr__(self, "operators", tuple(self.operators))
        object.__setattr__(self, "ground", replace(self.ground, guards=0))

    @property
    def cross(self) -> Any:
        """That of the game."""
        return self.ground.cross

    @property
    def accuracy(self) -> float:
        """That of the game."""
        return self.ground.accuracy

    def players(self, k: int, dim: int) -> int:
        """One, whatever is wanted."""
        del k, dim
        return 1

    def arrange(self, ansatz: tuple[QuantumCircuit, ...], k: int) -> tuple[QuantumCircuit, ...]:
        """The ansatz.

        Raises:
            ValueError: there are fewer operators than levels wanted, or one does not fit the circuit.
        """
        labels = self.labels(ansatz[0].num_qubits)
        if len(labels) < k:
            raise ValueError(argument("operators", f"be at least {k} for as many levels", f"there are {len(labels)}"))
        return ansatz

    def labels(self, n: int) -> tuple[str, ...]:
        """The operators on n qubits.

        Raises:
            ValueError: one is no Pauli label of n letters.
        """
        if self.operators is not None:
            for label in self.operators:
                if len(label) != n or set(label) - set("IXYZ"):
                    raise ValueError(argument("operators", f"be Pauli labels of {n} letters", f"one is {label!r}"))
            return tuple(self.operators)
        found = ["I" * n]
        for weight in range(1, min(self.weight, n) + 1):
            for places in combinations(range(n), weight):
                for letters in product("XYZ", repeat=weight):
                    label = ["I"] * n
                    for place, letter in zip(places, letters, strict=True):
                        label[n - 1 - place] = letter
                    found.append("".join(label))
        return tuple(found)

    def begin(self, setup: Setup) -> ExpansionRun:
        """The run at its start."""
        return ExpansionRun(self, setup, self.ground.begin(setup))


class ExpansionRun:
    """A game of one player, and an expansion of what it finds."""

    def __init__(self, method: SubspaceExpansion, setup: Setup, game: EigenPlay) -> None:
        """Around a game."""
        self._labels, self._game = method.labels(setup.problem.num_qubits), game
        self.rounds, self.plain, self.restore = game.rounds, game.plain, game.restore

    @property
    def trace(self) -> list[tuple[int, Mapping[str, float]]]:
        """That of the game."""
        return self._game.trace

    def outcome(self, setup: Setup) -> Outcome:
        """The expansion."""
        found = self._game.outcome(setup)
        if not found.players:
            return found
        x, labels, n = found.players[0].parameters, self._labels, setup.problem.num_qubits
        H, H_var, cost = self._matrix(setup, x, setup.problem.hamiltonian, 0)
        S, S_var, more = self._matrix(setup, x, SparsePauliOp("I" * n), 1)
        M = Matrices(H, S, H_var, S_var, np.zeros(H.shape))
        return Outcome(
            M,
            tuple((0, label if label.strip("I") else "") for label in labels),
            found.players,
            None,
            found.cost + cost + more,
            found.counted,
            lambda operator: self._matrix(setup, x, operator, 2)[0],
        )

    def _matrix(self, setup: Setup, x: Real, operator: SparsePauliOp, key: int) -> tuple[Complex, Real, Cost]:
        """(K, K) <psi|P_i A P_j|psi> with variances, all from one program."""
        K, paulis = len(self._labels), [SparsePauliOp(Pauli(label)) for label in self._labels]
        pairs = [(i, j) for j in range(K) for i in range(j + 1)]
        observables: list[SparsePauliOp] = []
        for i, j in pairs:
            whole = (paulis[i] @ operator @ paulis[j]).simplify()
            for part in (whole + whole.adjoint(), -1j * (whole - whole.adjoint())):
                observables.append((0.5 * part).simplify())
        program = setup.backend.prepare(setup.circuits[0], observables)
        shots = setup.shots
        if shots is not None and not isinstance(shots, int):
            shots = shots.matrix_shots
        values = setup.backend.expect(program, x[None], shots=shots, rng=child(setup.seed, _PAIR, key))
        parts = values.values[0].reshape(-1, 2)
        spread = np.square(values.values_err[0]).reshape(-1, 2).sum(axis=1)
        matrix, variance = np.empty((K, K), complex), np.empty((K, K))
        for (i, j), (re, im), var in zip(pairs, parts, spread, strict=True):
            matrix[i, j], matrix[j, i] = re + 1j * im, re - 1j * im
            variance[i, j] = variance[j, i] = var
        return matrix, variance, values.cost
