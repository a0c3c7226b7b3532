"""What the backends on this machine share: check, compile, run, package, and expectation values from shots.

Axes: K points, p parameters, n qubits, o observables, G measurement bases.

A backend adds four things: how it compiles a circuit, exact values, counts, and derivatives where it has
them.
"""

from __future__ import annotations

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.base import Capabilities, Cost, Counts, Observables, Parameter, Program, Values
from qalgs_backends.checks import argument, one_of, positive_int, real, shots_or_none
from qalgs_backends.devices.fidelity import FidelityMap
from qalgs_backends.devices.places import Places
from qalgs_backends.grouping import Grouping, group, with_basis_change
from qalgs_backends.program import Identified, check_given, check_program, check_run
from qalgs_backends.rng import RngLike, as_seed_sequence

Outcomes = tuple[dict[int, int], ...]
"""For each point, outcome to number of shots."""


@dataclass(frozen=True)
class LocalJob:
    """A run on this machine: done when it is made."""

    answer: Values | Counts = field(repr=False)
    id: str = field(default_factory=lambda: f"local-{uuid.uuid4().hex[:12]}")

    def status(self) -> Literal["queued", "running", "done", "failed", "cancelled"]:
        """Always done."""
        return "done"

    def result(self, timeout: float | None = None) -> Values | Counts:
        """The answer, at once."""
        return self.answer

    def cancel(self) -> None:
        """Nothing is left to stop."""


@dataclass(frozen=True, eq=False)
class Executable:
    """The compiled forms of one circuit; the one for shots is made when it is first asked for."""

    compiled: Any
    compile_measured: Callable[[], Any]
    observables: tuple[SparsePauliOp, ...]

    @cached_property
    def grouping(self) -> Grouping:
        """The bases its observables are measured in."""
        return group(self.observables)

    @cached_property
    def measured(self) -> Any:
        """The circuit followed by a change of basis with 2n more parameters."""
        return self.compile_measured()


class LocalBackend(Identified, ABC):
    """A simulator in this process."""

    capabilities: Capabilities

    @abstractmethod
    def _compile(
        self,
        circuit: QuantumCircuit,
        parameters: tuple[Parameter, ...],
        observables: tuple[SparsePauliOp, ...],
        qubits: tuple[int, ...] | None,
    ) -> tuple[Any, Places | None]:
        """Compile a checked circuit whose columns are ``parameters``; returns it with its places on a device."""

    @abstractmethod
    def _exact(self, compiled: Any, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(K, o) exact expectation values."""

    @abstractmethod
    def _counts(self, compiled: Any, points: NDArray[np.float64], shots: int, seed: np.random.SeedSequence) -> Outcomes:
        """Outcomes of the (K, p) points."""

    @abstractmethod
    def _gradient(self, compiled: Any, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(K, o, p) derivatives."""

    def prepare(
        self,
        circuit: QuantumCircuit,
        observables: Observables | None = None,
        *,
        qubits: Sequence[int] | None = None,
    ) -> Program:
        """Check and compile once.

        Args:
            circuit: without classical bits every qubit is measured, in order; otherwise its own measurements
                count. With observables it has to be unitary.
            observables: Hermitian operators on the circuit's qubits; None for a program that is sampled.
            qubits: physical qubit of each virtual qubit, on backends that model a device.

        Raises:
            TypeError: an argument is of the wrong kind.
            ValueError: an argument does not fit the circuit.
            CapabilityError: the circuit is outside what this backend, or this machine's memory, can do.
        """
        ready, terms, parameters = check_given(circuit, observables)
        chosen = self._qubits(qubits, ready.num_qubits)
        self._admit(ready)
        compiled, places = self._compile(ready, parameters, terms, chosen)
        layout, last = (None, None) if places is None else (places.first, places.last)

        def compile_measured() -> Any:
            extended, angles = with_basis_change(ready)
            return self._compile(extended, (*parameters, *angles), (), layout)[0]

        executable = Executable(compiled, compile_measured, terms)
        return Program(self.name, circuit, terms, parameters, layout, last, executable, self.identity)

    def expect(
        self,
        program: Program,
        params: ArrayLike | None = None,
        *,
        shots: int | None = None,
        rng: RngLike = None,
    ) -> Values:
        """Expectation values at the (K, p) points ``params``.

        Args:
            program: from this backend's ``prepare``, with observables.
            params: (K, p) or (p,), columns in the order of ``program.parameters``; None when p is 0.
            shots: shots for each point and measurement basis; None for exact values.
            rng: seed of the shots; not used for exact values.

        Raises:
            ValueError: the program has no observables, or an argument does not fit it.
            CapabilityError: exact values of this program are out of reach.
            ExecutionError: the simulator failed.
        """
        began = time.perf_counter()
        points = check_run(program, self, params, "expect")
        shots = shots_or_none(shots)
        if shots is None:
            values = self._exact(program.executable.compiled, points)
            errors = np.zeros(values.shape)
        else:
            grouping = program.executable.grouping
            seed = as_seed_sequence(rng)
            outcomes = self._counts(program.executable.measured, grouping.points(points), shots, seed)
            values, errors = grouping.estimate(outcomes, shots)
        return Values(values, errors, shots, self._cost(program, len(points), shots, began))

    def sample(self, program: Program, params: ArrayLike | None = None, *, shots: int, rng: RngLike = None) -> Counts:
        """Measured outcomes at the (K, p) points ``params``.

        Args:
            program: from this backend's ``prepare``, without observables.
            params: (K, p) or (p,), columns in the order of ``program.parameters``; None when p is 0.
            shots: shots for each point.
            rng: seed of the shots.

        Raises:
            ValueError: the program has observables, or an argument does not fit it.
            ExecutionError: the simulator failed.
        """
        began = time.perf_counter()
        points = check_run(program, self, params, "sample")
        shots = positive_int(shots, "shots")
        outcomes = self._counts(program.executable.compiled, points, shots, as_seed_sequence(rng))
        num_bits = program.circuit.num_clbits or program.num_qubits
        return Counts(outcomes, num_bits, shots, self._cost(program, len(points), shots, began))

    def gradient(self, program: Program, params: ArrayLike) -> NDArray[np.float64]:
        """(K, o, p) exact derivatives of the expectation values.

        Raises:
            CapabilityError: the backend, or this program, has no gradients.
        """
        points = check_run(program, self, params, "expect")
        return self._gradient(program.executable.compiled, points)

    def value_and_gradient(
        self, program: Program, params: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(K, o) exact expectation values and their (K, o, p) derivatives, in one pass where there is such a thing.

        Raises:
            CapabilityError: the backend, or this program, has no gradients.
        """
        points = check_run(program, self, params, "expect")
        return self._value_and_gradient(program.executable.compiled, points)

    def _value_and_gradient(
        self, compiled: Any, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._exact(compiled, points), self._gradient(compiled, points)

    def submit(
        self,
        program: Program,
        params: ArrayLike | None = None,
        *,
        kind: Literal["expect", "sample"],
        shots: int | None = None,
        rng: RngLike = None,
        max_seconds: float | None = None,
    ) -> LocalJob:
        """Run now and return a job that is done; ``max_seconds`` limits queues, of which there are none."""
        one_of(kind, "kind", ("expect", "sample"))
        if max_seconds is not None:
            real(max_seconds, "max_seconds", above=0.0)
        if kind == "expect":
            return LocalJob(self.expect(program, params, shots=shots, rng=rng))
        return LocalJob(self.sample(program, params, shots=positive_int(shots, "shots"), rng=rng))

    def estimate(self, program: Program, num_points: int = 1, shots: int | None = None) -> Cost:
        """Circuits and shots that a run of ``num_points`` points uses, without running it."""
        check_program(program, self)
        positive_int(num_points, "num_points")
        return self._cost(program, num_points, shots_or_none(shots))

    def fidelity_map(self, circuit: QuantumCircuit) -> FidelityMap | None:
        """None: this backend models no device."""
        return None

    def _qubits(self, qubits: Sequence[int] | None, num_qubits: int) -> tuple[int, ...] | None:
        """Physical qubits; a backend without a device has none to choose."""
        if qubits is not None:
            raise ValueError(argument("qubits", f"be None on {self.name}, which models no device", f"it is {qubits}"))
        return None

    @abstractmethod
    def _admit(self, circuit: QuantumCircuit) -> None:
        """Refuse a circuit that is too large; raises CapabilityError."""

    def _cost(self, program: Program, num_points: int, shots: int | None, began: float | None = None) -> Cost:
        bases = program.executable.grouping.num_bases if shots is not None and program.observables else 1
        circuits = num_points * bases
        seconds = 0.0 if began is None else time.perf_counter() - began
        return Cost((shots or 0) * circuits, circuits, 1, 0.0, seconds)
