"""Several circuits as one on disjoint qubits, measured together and read apart.

Axes: P programs, n_p qubits and G_p bases of program p, m_p points of its question.

Row r of a joint run holds, for every program, one of its m_p G_p (point, basis) pairs, the basis running fastest; a
program that has fewer than the longest repeats its first. The qubits of program p are consecutive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import Backend, Program, with_basis_change
from qalgs.checks import RngLike
from qalgs.evaluation import Cost, Evaluation
from qalgs_backends.grouping import Grouping, group


@dataclass(frozen=True, eq=False)
class MergedPrograms:
    """P circuits on one device."""

    backend: Backend
    program: Program
    groupings: tuple[Grouping, ...]
    widths: tuple[int, ...]
    """n_p."""
    parameters: tuple[int, ...]
    """Parameters of each circuit."""
    columns: tuple[int, ...]
    """Which column of (parameters of all, rz angles, ry angles) each parameter of the program is."""

    @classmethod
    def prepare(
        cls,
        backend: Backend,
        circuits: Sequence[QuantumCircuit],
        operators: Sequence[SparsePauliOp],
        placements: Sequence[Sequence[int]],
    ) -> MergedPrograms:
        """Compose, add the change of basis, and transpile once.

        Raises:
            CapabilityError: the backend cannot run a circuit of that width.
        """
        widths = tuple(circuit.num_qubits for circuit in circuits)
        whole, first, named = QuantumCircuit(sum(widths)), 0, []
        for p, circuit in enumerate(circuits):
            own = ParameterVector(f"program{p}", circuit.num_parameters)
            renamed = circuit.assign_parameters(dict(zip(circuit.parameters, own, strict=True)))
            assert renamed is not None
            whole.compose(renamed, range(first, first + circuit.num_qubits), inplace=True)
            named += list(own)
            first += circuit.num_qubits
        extended, angles = with_basis_change(whole)
        program = backend.prepare(extended, qubits=[q for place in placements for q in place])
        order = {parameter: j for j, parameter in enumerate([*named, *angles])}
        return cls(
            backend,
            program,
            tuple(group([operator]) for operator in operators),
            widths,
            tuple(circuit.num_parameters for circuit in circuits),
            tuple(order[parameter] for parameter in program.parameters),
        )

    def rows(self, points: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """(R, all parameters and angles) of a round, given each program's (m_p, p) points."""
        pairs = [grouping.points(own) for grouping, own in zip(self.groupings, points, strict=True)]
        longest = max(map(len, pairs))
        padded = [np.concatenate([own, np.repeat(own[:1], longest - len(own), axis=0)]) for own in pairs]
        params = [own[:, :k] for own, k in zip(padded, self.parameters, strict=True)]
        rz = [own[:, k : k + n] for own, k, n in zip(padded, self.parameters, self.widths, strict=True)]
        ry = [own[:, k + n :] for own, k, n in zip(padded, self.parameters, self.widths, strict=True)]
        return np.hstack([*params, *rz, *ry])[:, self.columns]

    def evaluate(
        self, points: Sequence[NDArray[np.float64]], shots: int, rng: RngLike
    ) -> tuple[list[Evaluation], Cost]:
        """Each program's energies at its points, and the cost of the joint run."""
        counts = self.backend.sample(self.program, self.rows(points), shots=shots, rng=rng)
        answers, first = [], 0
        for grouping, own, n in zip(self.groupings, points, self.widths, strict=True):
            wanted = len(own) * grouping.num_bases
            mine = [marginal(outcome, first, n) for outcome in counts.outcomes[:wanted]]
            values, errors = grouping.estimate(mine, shots)
            cost = Cost(shots * wanted, wanted, 0)
            answers.append(Evaluation(values[:, 0], value_err=errors[:, 0], cost=cost))
            first += n
        return answers, counts.cost


def marginal(counts: dict[int, int], first: int, width: int) -> dict[int, int]:
    """Counts of ``width`` qubits from ``first`` on."""
    out: dict[int, int] = {}
    for outcome, times in counts.items():
        own = (outcome >> first) & ((1 << width) - 1)
        out[own] = out.get(own, 0) + times
    return out
