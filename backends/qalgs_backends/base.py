"""The backend protocol and the plain values that travel through it.

Axes: K parameter points, p parameters, n qubits, o observables.

Conventions, stated once: qubit 0 is the least significant bit of an integer outcome and the rightmost letter
of a Pauli label, as in Qiskit. The columns of ``params`` follow ``circuit.parameters`` of the circuit given
to ``prepare``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.devices.fidelity import FidelityMap
from qalgs_backends.rng import RngLike

if TYPE_CHECKING:
    # Qiskit makes this class in Rust, without a stub, and a type checker cannot use it.
    Parameter = Any
else:
    from qiskit.circuit import Parameter

Observables = SparsePauliOp | Sequence[SparsePauliOp]


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do."""

    num_qubits: int
    """Widest circuit it accepts."""
    exact: bool
    """Whether ``shots=None`` gives exact values."""
    noise: bool
    """Whether results contain a device's noise."""
    gradient: Literal["shift", "adjoint"] | None
    """How gradients are computed; None when there are none."""
    remote: bool = False
    """Whether a run leaves this machine (and may cost money)."""
    device: str = "CPU"
    """CPU, GPU or the name of a device."""


@dataclass(frozen=True)
class Cost:
    """What a run used, or would use. Costs add up with ``+``."""

    shots: int = 0
    circuits: int = 0
    jobs: int = 0
    quantum_seconds: float = 0.0
    """Time on a quantum processor; 0 on simulators."""
    wall_seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.shots + other.shots,
            self.circuits + other.circuits,
            self.jobs + other.jobs,
            self.quantum_seconds + other.quantum_seconds,
            self.wall_seconds + other.wall_seconds,
        )


@dataclass(frozen=True, eq=False)
class Program:
    """A circuit made ready once by ``Backend.prepare``, to be run at many parameter points."""

    backend: str
    """Name of the backend that prepared it; no other backend runs it, of this name or another."""
    circuit: QuantumCircuit
    """The circuit as given."""
    observables: tuple[SparsePauliOp, ...]
    """Observables on the circuit's own qubits; empty for a program that is only sampled."""
    parameters: tuple[Parameter, ...]
    """Column order of ``params``."""
    layout: tuple[int, ...] | None = None
    """``layout[i]`` is the physical qubit where virtual qubit i starts; None where there is no device."""
    measured_on: tuple[int, ...] | None = None
    """``measured_on[i]`` is the physical qubit where virtual qubit i ends and is read: another than ``layout[i]`` where
    routing has moved it. None where there is no device."""
    executable: Any = field(default=None, repr=False)
    """What the backend runs; private to it."""
    owner: str = field(default="", repr=False)
    """Identity of the backend object that prepared it: two of one name may be configured differently."""

    @property
    def num_qubits(self) -> int:
        """Width of the circuit as given."""
        return self.circuit.num_qubits

    @property
    def num_parameters(self) -> int:
        """Columns of ``params``."""
        return len(self.parameters)


@dataclass(frozen=True, eq=False)
class Values:
    """Expectation values with their standard errors."""

    values: NDArray[np.float64]
    """(K, o) expectation values."""
    values_err: NDArray[np.float64]
    """(K, o) standard errors; 0 where the value is exact."""
    shots: int | None
    """Shots per measurement basis; None when exact."""
    cost: Cost


@dataclass(frozen=True, eq=False)
class Counts:
    """Measured outcomes of K parameter points."""

    outcomes: tuple[dict[int, int], ...]
    """For each point, outcome (qubit or classical bit 0 least significant) to number of shots."""
    num_bits: int
    shots: int
    cost: Cost

    def __len__(self) -> int:
        return len(self.outcomes)

    def bitstrings(self, point: int = 0) -> dict[str, int]:
        """Counts of one point with bit strings as keys, bit 0 rightmost."""
        return {format(k, f"0{self.num_bits}b"): v for k, v in sorted(self.outcomes[point].items())}

    def dense(self) -> NDArray[np.int64]:
        """(K, 2**num_bits) table of counts.

        Raises:
            MemoryError: the table would have more than 2**31 entries.
        """
        size = 1 << self.num_bits
        if len(self) * size > 1 << 31:
            raise MemoryError(f"A dense table of {len(self)} x 2**{self.num_bits} counts does not fit; use `outcomes`.")
        table = np.zeros((len(self), size), np.int64)
        for row, outcome in zip(table, self.outcomes, strict=True):
            row[list(outcome.keys())] = list(outcome.values())
        return table


@runtime_checkable
class Job(Protocol):
    """A submitted run."""

    @property
    def id(self) -> str:
        """What the run is found by."""
        ...

    def status(self) -> Literal["queued", "running", "done", "failed", "cancelled"]:
        """Where the run stands."""
        ...

    def result(self, timeout: float | None = None) -> Values | Counts:
        """The answer; waits for it, at most ``timeout`` seconds."""
        ...

    def cancel(self) -> None:
        """Ask for the run to be stopped."""
        ...


@runtime_checkable
class Backend(Protocol):
    """A machine that runs prepared circuits. Many points of one circuit are one job."""

    name: str
    capabilities: Capabilities

    def prepare(
        self,
        circuit: QuantumCircuit,
        observables: Observables | None = None,
        *,
        qubits: Sequence[int] | None = None,
    ) -> Program:
        """Check and transpile once. With ``observables`` the program can be expected, without it sampled."""
        ...

    def expect(
        self,
        program: Program,
        params: ArrayLike | None = None,
        *,
        shots: int | None = None,
        rng: RngLike = None,
    ) -> Values:
        """Expectation values at the (K, p) points ``params``; exact when ``shots`` is None."""
        ...

    def sample(self, program: Program, params: ArrayLike | None = None, *, shots: int, rng: RngLike = None) -> Counts:
        """Measured outcomes at the (K, p) points ``params``."""
        ...

    def gradient(self, program: Program, params: ArrayLike) -> NDArray[np.float64]:
        """(K, o, p) exact derivatives of the expectation values.

        Raises:
            CapabilityError: the backend has no gradients.
        """
        ...

    def submit(
        self,
        program: Program,
        params: ArrayLike | None = None,
        *,
        kind: Literal["expect", "sample"],
        shots: int | None = None,
        rng: RngLike = None,
        max_seconds: float | None = None,
    ) -> Job:
        """Start a run and return at once; a local job is done when it returns."""
        ...

    def fidelity_map(self, circuit: QuantumCircuit) -> FidelityMap | None:
        """Where ``circuit`` should run best; None on backends that model no device."""
        ...

    def estimate(self, program: Program, num_points: int = 1, shots: int | None = None) -> Cost:
        """What a run would cost, without running anything."""
        ...
