"""What a quantum linear-system solver gives and what running it gives back; oracle uses are counted here.

Axes: n system qubits, d = 2**n. x is the solution of the scaled system (``LinearSystem``).

Counting: every use of an oracle is a gate whose label is one of ``ORACLES``, or ``label^k`` for the k-th power, which
counts k. A use of the inverse counts as a use. Numbers are read from the circuit that is run, never from a formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import Gate, Instruction, QuantumCircuit

from qalgs.linear.system import LinearSystem

ORACLES = ("U_A", "cU_A", "exp_iAt", "U_b", "P_x0")
_CONTAINERS = (Instruction, Gate)


@dataclass(frozen=True)
class QueryCount:
    """Oracle uses of one run, and how often a run succeeds."""

    U_A: int = 0
    """Block-encoding of A, or its inverse."""
    cU_A: int = 0  # noqa: N815 - the oracle's name
    """Block-encoding of A with one more control."""
    exp_iAt: int = 0  # noqa: N815 - the oracle's name
    """Controlled exp(i A t) for the shortest t; another oracle, not to be compared with U_A without saying so."""
    U_b: int = 0
    """Preparation of the right-hand side, its inverse, and these with a control."""
    P_x0: int = 0
    """Preparation of a start x0, likewise."""
    success_probability: float = 1.0
    """Of one run."""

    @property
    def per_run(self) -> int:
        """Uses of the matrix in one run."""
        return self.U_A + self.cU_A + self.exp_iAt

    @property
    def expected(self) -> float:
        """Uses of the matrix until the first success, on average."""
        return self.per_run / self.success_probability if self.success_probability > 0 else np.inf

    def succeeding(self, probability: float) -> QueryCount:
        """The same uses with this probability of success."""
        return replace(self, success_probability=float(probability))

    def times(self, number: int) -> QueryCount:
        """The uses of ``number`` runs in one; the success is kept."""
        return replace(self, **{name: number * getattr(self, name) for name in ORACLES})

    def __add__(self, other: QueryCount) -> QueryCount:
        uses = {name: getattr(self, name) + getattr(other, name) for name in ORACLES}
        return QueryCount(**uses, success_probability=self.success_probability * other.success_probability)

    def __str__(self) -> str:
        uses = ", ".join(f"{name} {number}" for name in ORACLES if (number := getattr(self, name)))
        return f"{uses or 'none'} per run, success {self.success_probability:.3g}, {self.expected:.4g} expected"


@dataclass(frozen=True, eq=False)
class Construction:
    """What a solver wants run."""

    circuit: QuantumCircuit
    """No measurements; the global phase is such that ``factor`` has the right sign."""
    system: tuple[int, ...]
    """Qubits that hold x, least significant first."""
    postselect: Mapping[int, int]
    """Qubit to the bit that a success shows."""
    factor: complex | None
    """x is ``factor`` times the amplitudes on ``system`` after the projection on ``postselect``; None where only the
    direction is prepared."""
    notes: tuple[str, ...] = ()

    @property
    def queries(self) -> QueryCount:
        """Uses of the oracles in the circuit."""
        return count_queries(self.circuit)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What running or simulating a solver gave."""

    amplitudes: NDArray[np.complex128]
    """(d,) on the system, projected and not normalised."""
    factor: complex | None
    """x is ``factor`` times ``amplitudes``; None where only the direction is prepared."""
    queries: QueryCount
    notes: tuple[str, ...] = field(default=())

    @property
    def success_probability(self) -> float:
        """Of one run."""
        return float(np.vdot(self.amplitudes, self.amplitudes).real)

    @property
    def solution(self) -> NDArray[np.complex128]:
        """(d,) x of the scaled system; of norm 1 where only its direction is prepared."""
        if self.factor is None:
            return self.amplitudes / np.linalg.norm(self.amplitudes)
        return self.factor * self.amplitudes


class Solver(Protocol):
    """A way to prepare a state proportional to x: frozen settings."""

    def construct(self, system: LinearSystem, *, eps: float) -> Construction:
        """The circuit, accurate to ``eps`` in the state."""
        ...

    def simulate(self, system: LinearSystem, *, eps: float) -> Outcome:
        """The circuit's amplitudes by linear algebra, its uses of oracles counted on the way."""
        ...

    def estimate_queries(self, kappa: float, eps: float) -> QueryCount:
        """Uses of oracles of one run by formula, without building anything; success is a lower bound."""
        ...


def count_queries(circuit: QuantumCircuit) -> QueryCount:
    """Uses of the oracles in ``circuit``, those inside containers included."""
    uses = dict.fromkeys(ORACLES, 0)
    for item in circuit.data:
        operation = item.operation
        name, _, power = (operation.label or "").partition("^")
        if name in uses:
            uses[name] += int(power or 1)
        elif type(operation) in _CONTAINERS and operation.definition is not None:
            inside = count_queries(operation.definition)
            for oracle in ORACLES:
                uses[oracle] += getattr(inside, oracle)
    return QueryCount(**uses)


def relative_error(eps: float) -> float:
    """Largest relative error of 1/x on the spectrum that keeps the normalised state within ``eps``.

    Vectors y = x + e with |e| <= sin(theta) |x| make an angle of at most theta with x, and unit vectors at that angle
    are 2 sin(theta/2) apart.
    """
    return float(np.sin(2 * np.arcsin(min(eps, np.sqrt(2)) / 2)))


def state_distance(u: NDArray, v: NDArray) -> float:
    """Distance of two normalised vectors, minimised over their phase: 2 sin(theta/2)."""
    overlap = abs(np.vdot(u, v)) / (np.linalg.norm(u) * np.linalg.norm(v))
    if overlap < 0.9:
        return float(np.sqrt(max(0.0, 2 - 2 * overlap)))
    a, b = u / np.linalg.norm(u), v / np.linalg.norm(v)
    return float(np.linalg.norm(a * np.exp(-1j * np.angle(np.vdot(b, a))) - b))
