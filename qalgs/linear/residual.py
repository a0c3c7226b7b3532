r"""Correcting a start by its residual: the honest rival of the proximal point for the same x0.

x = x0 + A^-1 r with r = b - A x0. The correction only has to be accurate to eps |x| / |A^-1 r|, so that an odd
polynomial of degree kappa ln(2 R) will do, R = |x0 - x| / (eps |x|). Start and correction are added by one ancilla:
controlled on it, x0 is prepared in one branch, and r is prepared and transformed in the other.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import DiagonalGate, UnitaryGate

from qalgs.checks import argument, real
from qalgs.linear.encoding import BlockEncoding, dense_encoding
from qalgs.linear.methods import as_step, relative_distance, solved, unqueried
from qalgs.linear.preparation import prepare_sum
from qalgs.linear.processing import block_phase, reflection_phases, transform
from qalgs.linear.qsvt import QSVT, inversion_phases
from qalgs.linear.running import Execute, Task, task
from qalgs.linear.solver import Construction, Outcome, QueryCount, relative_error
from qalgs.linear.system import LinearSystem
from qalgs.run import Status, Step


@dataclass(frozen=True)
class ResidualCorrection:
    """x0 + A^-1 (b - A x0) with the inverse by QSVT to the accuracy that is needed.

    Raises:
        ValueError: a setting is out of its range.
    """

    scale: float = 0.98
    """Largest value of the polynomial that is run, as in ``QSVT``."""
    distance: float | None = None
    """|x0 - x| in the system's units, where it is known better than from the residual."""

    def __post_init__(self) -> None:
        real(self.scale, "scale", above=0, high=1 - 1e-6)

    def iterate(
        self,
        system: LinearSystem,
        *,
        eps: float,
        x0: NDArray[Any] | None,
        execute: Execute,
        seed: np.random.SeedSequence,
    ) -> Generator[Step, None, Status]:
        """One step."""
        if x0 is None or not np.any(x0):
            raise ValueError(argument("x0", "be a start other than 0", "there is none; use the solver alone"))
        distance = None if self.distance is None else self.distance * system.scale / system.rhs_norm
        delta = relative_distance(system, x0, distance)
        allowed = relative_error(real(eps, "eps", above=0))
        if delta <= allowed:
            yield as_step(unqueried(x0, system, eps, "x0 already meets eps: no query"))
            return Status.CONVERGED
        if delta >= 1:
            alone, note = (
                task(QSVT(scale=self.scale), system, eps),
                "x0 is no better than 0, as far as is known: not used",
            )
            yield as_step(solved(execute(alone), error_bound=eps, kappa_hat=system.kappa, notes=(note,)))
            return Status.CONVERGED
        # an error of the correction below (allowed / delta) of its length is below allowed |x|
        error = min(allowed / delta, 0.999)
        wanted = Task(lambda: self.construct(system, x0, error), lambda: self.simulate(system, x0, error))
        yield as_step(solved(execute(wanted), error_bound=eps, kappa_hat=system.kappa))
        return Status.CONVERGED

    def construct(self, system: LinearSystem, x0: NDArray[Any], error: float) -> Construction:
        """The circuit for a correction of relative error ``error``: system, encoding's ancilla, sign, control."""
        encoding, phases, weights = self._parts(system, x0, error)
        n = system.num_qubits
        ancilla, sign, control = n, n + 1, n + 2
        opened = prepare_sum(*weights).circuit
        circuit = QuantumCircuit(n + 3)
        *prepared, closing = opened.data
        for item in prepared:
            circuit.append(
                item.operation,
                [control if opened.find_bit(q).index == n else opened.find_bit(q).index for q in item.qubits],
            )
        _append_controlled(circuit, encoding, phases, list(range(n)), ancilla, sign, control)
        circuit.append(closing.operation, [control])
        postselect = {ancilla: 0, sign: 0, control: 0}
        return Construction(circuit, tuple(range(n)), postselect, sum(float(np.linalg.norm(w)) for w in weights))

    def simulate(self, system: LinearSystem, x0: NDArray[Any], error: float) -> Outcome:
        """The circuit's amplitudes by linear algebra."""
        encoding, phases, (start, pull) = self._parts(system, x0, error)
        corrected, uses = transform(encoding, phases, pull)
        total = float(np.linalg.norm(start) + np.linalg.norm(pull))
        amplitudes = (start + corrected) / total
        success = float(np.vdot(amplitudes, amplitudes).real)
        return Outcome(amplitudes, total, QueryCount(cU_A=uses, U_b=1, P_x0=1, success_probability=success))

    def _parts(
        self, system: LinearSystem, x0: NDArray[Any], error: float
    ) -> tuple[BlockEncoding, NDArray[np.float64], tuple[NDArray[Any], NDArray[Any]]]:
        """Encoding, phases of h p, and the vectors x0 and r / h, whose transformed sum is the solution."""
        encoding = dense_encoding(system.matrix)
        phases, height = inversion_phases("relative", system.kappa, error, self.scale)
        return encoding, phases, (x0.astype(complex), (system.rhs - system.matrix @ x0) / height)


def _append_controlled(
    circuit: QuantumCircuit,
    encoding: BlockEncoding,
    phases: NDArray[np.float64],
    system: list[int],
    ancilla: int,
    sign: int,
    control: int,
) -> None:
    """The transformation of odd degree where ``control`` shows 1; success shows 0 on the sign in both branches."""
    size, degree = len(encoding.matrix), len(phases) - 1
    controlled = np.eye(2 * size, dtype=encoding.matrix.dtype)
    controlled[size:, size:] = encoding.matrix
    oracle = UnitaryGate(controlled, check_input=False, label="cU_A")
    signs = np.array([0, 0, 0, 0, 1, -1, -1, 1])
    circuit.h(sign)
    for j, phase in reversed(list(enumerate(reflection_phases(phases)))):
        circuit.append(DiagonalGate(np.exp(1j * phase * signs).tolist()), [ancilla, sign, control])
        if j:
            circuit.append(oracle, [*system, ancilla, control])
    circuit.h(sign)
    circuit.p(-float(np.angle(block_phase(degree))), control)
