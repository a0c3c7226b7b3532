"""Qiskit Aer as a backend: one prepared circuit, many parameter points, one job.

Axes: K points, p parameters, o observables.

Three properties of Aer shape this file. Angles of controlled rotations (cp, crx, cry, crz, cu) are not bound by
``parameter_binds``, and the result is wrong without a word; they are decomposed first. Binding at run time, the
quick way for many points, does not know control flow and can end the process. A failed run does not raise:
``success`` is checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from qiskit import transpile
from qiskit.circuit import ParameterExpression, QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.base import Capabilities, Parameter
from qalgs_backends.checks import one_of, positive_int
from qalgs_backends.errors import CapabilityError, ExecutionError
from qalgs_backends.rng import simulator_seed
from qalgs_backends.simulators.local import LocalBackend, Outcomes
from qalgs_backends.simulators.memory import available_bytes, require, widest_state
from qalgs_backends.simulators.shift import Shifts, shift_gradient

if TYPE_CHECKING:
    from qiskit_aer import AerSimulator

Method = Literal["statevector", "density_matrix", "matrix_product_state", "stabilizer"]
_METHODS = ("statevector", "density_matrix", "matrix_product_state", "stabilizer")
_BOUND = frozenset({"rx", "ry", "rz", "p", "u", "r", "rxx", "ryy", "rzz", "rzx"})
_FIXED = ["id", "h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "sxdg", "cx", "cy", "cz", "swap", "ecr"]
_BASIS = frozenset([*_FIXED, *_BOUND, "measure", "reset", "delay"])
_ALWAYS = frozenset({"measure", "barrier"})
# Wide states of these methods are not kept as amplitudes; Aer's own limits apply.
_AMPLITUDES = ("statevector", "density_matrix")


@dataclass(frozen=True, eq=False)
class AerProgram:
    """A circuit that Aer runs as it is."""

    circuit: QuantumCircuit
    parameters: tuple[Parameter, ...]
    """Columns of the points."""
    labels: tuple[str, ...]
    """Names under which the expectation values are saved."""
    jumps: bool
    """Whether it has control flow, which Aer can only run with every point bound beforehand."""

    @cached_property
    def columns(self) -> tuple[tuple[Parameter, int], ...]:
        """The parameters that are left in the circuit, with their columns."""
        left = set(self.circuit.parameters)
        return tuple((parameter, j) for j, parameter in enumerate(self.parameters) if parameter in left)

    @cached_property
    def shifts(self) -> Shifts:
        """The shifted evaluations behind its gradient."""
        return Shifts(self.circuit, self.parameters)

    @cached_property
    def shifted(self) -> AerProgram:
        """The circuit whose points are the shifted angles."""
        return replace(self, circuit=self.shifts.circuit, parameters=self.shifts.parameters)


class AerBackend(LocalBackend):
    """Noiseless simulation by Qiskit Aer."""

    def __init__(
        self,
        method: Method = "statevector",
        *,
        precision: Literal["double", "single"] = "double",
        device: Literal["CPU", "GPU"] = "CPU",
        max_memory_mb: int | None = None,
        max_parallel_threads: int = 0,
    ) -> None:
        """Make the simulator.

        Args:
            method: how the state is kept. Circuits for "stabilizer" are Clifford.
            precision: of the amplitudes.
            device: "GPU" needs a build of Aer for CUDA; nothing falls back to the CPU.
            max_memory_mb: memory that states may take; None is what the machine has available.
            max_parallel_threads: threads; 0 is as many as there are cores.

        Raises:
            TypeError: an option is of the wrong kind.
            ValueError: an option is out of range.
            CapabilityError: a GPU is asked for where Aer has none.
        """
        one_of(method, "method", _METHODS)
        one_of(precision, "precision", ("double", "single"))
        one_of(device, "device", ("CPU", "GPU"))
        positive_int(max_parallel_threads, "max_parallel_threads", minimum=0)
        memory = {} if max_memory_mb is None else {"max_memory_mb": positive_int(max_memory_mb, "max_memory_mb")}
        self.name = _name(method, device)
        self._method: Method = method
        self._amplitude = 8 if precision == "single" else 16
        self._memory = None if max_memory_mb is None else max_memory_mb << 20
        self._simulator = make_simulator(
            method=method,
            precision=precision,
            device=device,
            max_parallel_threads=max_parallel_threads,
            **memory,
        )
        target: Any = self._simulator.target
        width: int = target.num_qubits
        if method in _AMPLITUDES:
            density = method == "density_matrix"
            width = widest_state(self._available(), 1, density=density, amplitude=self._amplitude)
        self.capabilities = Capabilities(width, exact=True, noise=False, gradient="shift", device=device)

    def _available(self) -> int:
        return available_bytes() if self._memory is None else self._memory

    def _admit(self, circuit: QuantumCircuit) -> None:
        n = circuit.num_qubits
        if self._method in _AMPLITUDES:
            exponent = 2 * n if self._method == "density_matrix" else n
            require(self._amplitude << exponent, self._available(), f"A {self._method} of {n} qubits")
        elif n > self.capabilities.num_qubits:
            widest = self.capabilities.num_qubits
            raise CapabilityError(f"{self.name} takes at most {widest} qubits, but the circuit has {n}.")

    def _compile(
        self,
        circuit: QuantumCircuit,
        parameters: tuple[Parameter, ...],
        observables: tuple[SparsePauliOp, ...],
        qubits: tuple[int, ...] | None,
    ) -> tuple[AerProgram, None]:
        flat = _to_safe_gates(circuit, self._simulator.configuration().basis_gates)
        return aer_program(flat, parameters, observables), None

    def _exact(self, compiled: AerProgram, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return run_expectation(self._simulator, compiled, points)

    def _gradient(self, compiled: AerProgram, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return shift_gradient(partial(run_expectation, self._simulator, compiled.shifted), compiled.shifts, points)

    def _counts(
        self, compiled: AerProgram, points: NDArray[np.float64], shots: int, seed: np.random.SeedSequence
    ) -> Outcomes:
        return run_counts(self._simulator, compiled, points, shots, seed)


def make_simulator(*, device: str, **options: Any) -> AerSimulator:
    """An AerSimulator whose device exists.

    Raises:
        CapabilityError: it does not; the installed distributions and the remedy are named.
    """
    from qiskit_aer import AerSimulator

    if device not in (AerSimulator().available_devices() or ()):
        from qalgs_backends.install import gpu_advice

        raise CapabilityError(gpu_advice())
    return AerSimulator(device=device, **options)


def aer_program(
    circuit: QuantumCircuit, parameters: Sequence[Parameter], observables: Sequence[SparsePauliOp]
) -> AerProgram:
    """``circuit`` with one save instruction for each observable.

    Raises:
        CapabilityError: it holds a gate whose angle Aer would not bind.
    """
    unbound = sorted({item.operation.name for item in circuit.data if not _binds(item.operation)})
    if unbound:
        raise CapabilityError(f"Aer does not bind the angles of {', '.join(unbound)}; use other gates.")
    ready = circuit.copy()
    # Neither counts nor expectation values know the global phase, and a parameter in it would have to be
    # bound.
    ready.global_phase = 0.0
    labels = tuple(f"observable{k}" for k in range(len(observables)))
    if observables:
        from qiskit_aer.library import SaveExpectationValue

        for label, observable in zip(labels, observables, strict=True):
            ready.append(SaveExpectationValue(observable, label=label), range(ready.num_qubits))
    jumps = any(getattr(item.operation, "blocks", ()) for item in ready.data)
    return AerProgram(ready, tuple(parameters), labels, jumps)


def run_expectation(simulator: AerSimulator, program: AerProgram, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, o) exact expectation values at the (K, p) points, in one job."""
    results = run(simulator, program, points if program.columns else points[:1], shots=1)
    values = np.array([[getattr(result.data, label).real for label in program.labels] for result in results])
    return values if len(values) == len(points) else values.repeat(len(points), axis=0)


def run_counts(
    simulator: AerSimulator,
    program: AerProgram,
    points: NDArray[np.float64],
    shots: int,
    seed: np.random.SeedSequence,
    **options: Any,
) -> Outcomes:
    """Outcomes of the (K, p) points, in one job."""
    results = run(simulator, program, points, shots=shots, seed_simulator=simulator_seed(seed), **options)
    return tuple({int(key, 16): int(times) for key, times in result.data.counts.items()} for result in results)


def run(simulator: AerSimulator, program: AerProgram, points: NDArray[np.float64], **options: Any) -> list[Any]:
    """One result for each point.

    Raises:
        ExecutionError: the simulator refused or failed.
    """
    if program.columns:
        columns = points.T.tolist()  # Aer reads lists faster than arrays
        options["parameter_binds"] = [{parameter: columns[j] for parameter, j in program.columns}]
        if len(points) > 1 and not program.jumps:
            options["runtime_parameter_bind_enable"] = True
        circuits: Any = program.circuit
    else:
        circuits = [program.circuit] * len(points)
    try:
        answer = simulator.run(circuits, **options).result()
    except QiskitError as error:
        raise ExecutionError(f"Aer refused the run: {error.message}") from error
    if not answer.success:
        raise ExecutionError(f"Aer failed: {answer.status}")
    return answer.results


def _to_safe_gates(circuit: QuantumCircuit, basis: Sequence[str]) -> QuantumCircuit:
    """``circuit`` in gates that this simulator knows and whose angles it binds.

    Raises:
        CapabilityError: it cannot be written so.
    """
    known = frozenset(basis) | _ALWAYS
    if all(_is_safe(item.operation, known) for item in circuit.data):
        return circuit
    try:
        return transpile(circuit, basis_gates=sorted(_BASIS & known), optimization_level=0)
    except QiskitError as error:
        raise CapabilityError(f"The circuit cannot be written in this simulator's gates: {error.message}") from None


def _is_safe(operation: Any, known: frozenset[str]) -> bool:
    return operation.name in known and not getattr(operation, "blocks", ()) and _binds(operation)


def _binds(operation: Any) -> bool:
    """Whether Aer sets the operation's angles, if it has any that are free, to the values it is given."""
    free = any(isinstance(value, ParameterExpression) and value.parameters for value in operation.params)
    return operation.name in _BOUND or not free


def _name(method: Method, device: str) -> str:
    if device == "GPU":
        return "aer:gpu" if method == "statevector" else f"aer:gpu:{method}"
    return {"statevector": "aer", "matrix_product_state": "aer:mps"}.get(method, f"aer:{method}")
