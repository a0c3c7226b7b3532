"""Linear systems by quantum singular value transformation with optimal polynomials.

A is block-encoded once per degree of an odd polynomial p close to 1/x on the spectrum; what is left is s/M p(A/alpha) b
with M = max |p| and the scale s < 1. Gilyen, Su, Low and Wiebe, STOC 2019, arXiv 1806.01838; the polynomials and their
sources stand in ``polynomials``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from qalgs.checks import argument, one_of, positive_int, real
from qalgs.linear.amplification import amplified, best_rounds
from qalgs.linear.encoding import BlockEncoding, dense_encoding
from qalgs.linear.phases import phase_factors
from qalgs.linear.polynomials import Kind, inverse_degree, inverse_polynomial, largest_value
from qalgs.linear.preparation import Preparation, prepare_vector
from qalgs.linear.processing import append_transformation, transform
from qalgs.linear.solver import Construction, Outcome, QueryCount, count_queries, relative_error
from qalgs.linear.system import LinearSystem


@dataclass(frozen=True)
class QSVT:
    """Odd polynomial of the block-encoded matrix.

    Raises:
        ValueError: a setting is out of its range.
    """

    polynomial: Kind = "relative"
    """"relative" needs the lowest degree for a normalised state; "absolute" and "cks" are there to compare."""
    scale: float = 0.98
    """s in (0, 1): largest |f| of the polynomial that is run. Closer to 1 succeeds more often, for costlier phases."""
    amplify: int | Literal["auto"] = 0
    """Rounds of amplitude amplification; "auto" takes the best number for the success that simulation predicts."""

    def __post_init__(self) -> None:
        one_of(self.polynomial, "polynomial", get_args(Kind))
        real(self.scale, "scale", above=0, high=1 - 1e-6)
        if self.amplify != "auto":
            positive_int(self.amplify, "amplify", minimum=0)

    def construct(
        self,
        system: LinearSystem,
        *,
        eps: float,
        encoding: BlockEncoding | None = None,
        preparation: Preparation | None = None,
    ) -> Construction:
        """The circuit.

        Args:
            system: what is solved.
            eps: largest distance of the normalised state from the solution.
            encoding: of ``system.matrix`` or a matrix with the same eigenvectors; the dense one when None.
            preparation: of the right-hand side; one use of U_b when None.

        Raises:
            ValueError: the encoding does not have the system's size.
        """
        plan = self._plan(system, eps, encoding, preparation)
        n, m = system.num_qubits, plan.encoding.num_ancillas
        extra = plan.preparation.num_ancillas
        circuit = QuantumCircuit(n + m + 1 + extra)
        qubits = list(range(circuit.num_qubits))
        circuit.compose(plan.preparation.circuit, [*qubits[:n], *qubits[n + m + 1 :]], inplace=True, copy=False)
        sign, bit = append_transformation(circuit, plan.encoding, plan.phases, qubits[:n], qubits[n : n + m + 1])
        postselect = dict.fromkeys(qubits[n:], 0) | {sign: bit}
        made = Construction(circuit, tuple(qubits[:n]), postselect, plan.factor)
        if self.amplify == 0:
            return made
        once = self._run(plan).success_probability
        rounds = best_rounds(once) if self.amplify == "auto" else int(self.amplify)
        return amplified(made, rounds, once)

    def simulate(
        self,
        system: LinearSystem,
        *,
        eps: float,
        encoding: BlockEncoding | None = None,
        preparation: Preparation | None = None,
    ) -> Outcome:
        """The circuit's amplitudes by linear algebra; arguments as in ``construct``."""
        once = self._run(self._plan(system, eps, encoding, preparation))
        if self.amplify == 0:
            return once
        p = once.success_probability
        rounds = best_rounds(p) if self.amplify == "auto" else int(self.amplify)
        theta = np.arcsin(np.sqrt(p))
        gain = np.sin((2 * rounds + 1) * theta) / np.sin(theta)
        queries = once.queries.times(2 * rounds + 1)
        return Outcome(
            once.amplitudes * gain, once.factor / gain if once.factor else None, queries.succeeding(p * gain**2)
        )

    def estimate_queries(self, kappa: float, eps: float) -> QueryCount:
        """Degree of the polynomial, and the least success there can be: (s / M)^2, for |x| = |b|."""
        error = relative_error(real(eps, "eps", above=0))
        degree = inverse_degree(kappa, error, self.polynomial)
        worst = (self.scale / largest_value(inverse_polynomial(kappa, error, self.polynomial))) ** 2
        once = QueryCount(U_A=degree, U_b=1, success_probability=worst)
        if self.amplify == 0:
            return once
        rounds = best_rounds(worst) if self.amplify == "auto" else int(self.amplify)
        theta = np.arcsin(np.sqrt(worst))
        times = 2 * rounds + 1
        return QueryCount(U_A=times * degree, U_b=times, success_probability=float(np.sin(times * theta) ** 2))

    def _plan(
        self, system: LinearSystem, eps: float, encoding: BlockEncoding | None, preparation: Preparation | None
    ) -> _Plan:
        encoding = dense_encoding(system.matrix) if encoding is None else encoding
        preparation = prepare_vector(system.rhs) if preparation is None else preparation
        if encoding.dim != len(system.rhs):
            raise ValueError(
                argument("encoding", f"encode a matrix of {len(system.rhs)} rows", f"it has {encoding.dim}")
            )
        kappa = system.kappa * encoding.alpha
        phases, height = inversion_phases(self.polynomial, kappa, relative_error(real(eps, "eps", above=0)), self.scale)
        factor = 1 / (height * encoding.alpha * preparation.amplitude)
        return _Plan(encoding, preparation, phases, factor)

    def _run(self, plan: _Plan) -> Outcome:
        start = plan.preparation.amplitude * plan.preparation.vector
        amplitudes, uses = transform(plan.encoding, plan.phases, start)
        queries = count_queries(plan.encoding.circuit).times(uses) + count_queries(plan.preparation.circuit)
        outcome = Outcome(amplitudes, plan.factor, queries)
        return Outcome(amplitudes, plan.factor, queries.succeeding(outcome.success_probability))


@dataclass(frozen=True, eq=False)
class _Plan:
    encoding: BlockEncoding
    preparation: Preparation
    phases: NDArray[np.float64]
    factor: float


@lru_cache(maxsize=32)
def inversion_phases(kind: Kind, kappa: float, error: float, scale: float) -> tuple[NDArray[np.float64], float]:
    """Phases, and h such that the transformation applied is h p."""
    coefficients = inverse_polynomial(kappa, error, kind)
    height = scale / largest_value(coefficients)
    phases = phase_factors(coefficients * height)
    phases.setflags(write=False)
    return phases, height
