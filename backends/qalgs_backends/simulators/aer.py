"""Qiskit Aer as a backend, noiseless. How circuits are run is in ``aer_run``, what can be chosen in ``aer_options``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.base import Capabilities, Parameter, Program
from qalgs_backends.errors import CapabilityError
from qalgs_backends.install import gpu_bytes
from qalgs_backends.program import check_params, check_program
from qalgs_backends.simulators.aer_circuit import BOUND, AerProgram, aer_program, binds
from qalgs_backends.simulators.aer_options import AMPLITUDES, AerOptions
from qalgs_backends.simulators.aer_run import run_counts, run_expectation, run_states
from qalgs_backends.simulators.local import LocalBackend, Outcomes
from qalgs_backends.simulators.memory import AMPLITUDE_BYTES, available_bytes, require, widest_state
from qalgs_backends.simulators.shift import shift_gradient
from qalgs_backends.translation import in_gates

_FIXED = ["id", "h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "sxdg", "cx", "cy", "cz", "swap", "ecr"]
_BASIS = frozenset([*_FIXED, *BOUND, "measure", "reset", "delay"])
_ALWAYS = frozenset({"measure", "barrier"})


class AerBackend(LocalBackend):
    """Noiseless simulation by Qiskit Aer."""

    def __init__(self, options: AerOptions | None = None) -> None:
        """Make the simulator.

        Raises:
            CapabilityError: a GPU is asked for where Aer has none.
        """
        self.options = options or AerOptions()
        self.name = self.options.name
        self._simulator = self.options.simulator()
        target: Any = self._simulator.target
        width: int = target.num_qubits
        if self.options.method in AMPLITUDES:
            density = self.options.method == "density_matrix"
            width = widest_state(self._available(), 1, density=density, amplitude=self.options.amplitude)
        whole = self.options.blocking_qubits is None
        gradient = "shift" if whole else None
        self.capabilities = Capabilities(width, exact=whole, noise=False, gradient=gradient, device=self.options.device)

    def state(self, program: Program, params: ArrayLike | None = None) -> NDArray[np.complex128]:
        """(K, d) states before any measurement, global phase included; qubit 0 is the least significant bit.

        Raises:
            ValueError: an argument does not fit the program.
            CapabilityError: the method keeps no amplitudes of pure states, or the K states do not fit in memory.
        """
        check_program(program, self)
        if self.options.method not in ("statevector", "matrix_product_state"):
            raise CapabilityError(f"{self.name} has no state vectors; aer and aer:mps do.")
        self._require_whole()
        points = check_params(program, params)
        require(2 * len(points) * AMPLITUDE_BYTES << program.num_qubits, self._available(), f"{len(points)} states")
        return run_states(self._simulator, program.executable.compiled, points)

    def _available(self) -> int:
        if self.options.max_memory_mb is not None:
            return self.options.max_memory_mb << 20
        # A state in pieces may lie partly in the machine's own memory.
        on_gpu = self.options.device == "GPU" and self.options.blocking_qubits is None
        return (gpu_bytes() if on_gpu else 0) or available_bytes()

    def _admit(self, circuit: QuantumCircuit) -> None:
        n, method = circuit.num_qubits, self.options.method
        if method in AMPLITUDES:
            exponent = 2 * n if method == "density_matrix" else n
            require(self.options.amplitude << exponent, self._available(), f"A {method} of {n} qubits")
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
        self._require_whole()
        return run_expectation(self._simulator, compiled, points)

    def _gradient(self, compiled: AerProgram, points: NDArray[np.float64]) -> NDArray[np.float64]:
        self._require_whole()
        return shift_gradient(partial(run_expectation, self._simulator, compiled.shifted), compiled.shifts, points)

    def _require_whole(self) -> None:
        if self.options.blocking_qubits is not None:
            raise CapabilityError("Aer's exact values of a state in pieces cannot be trusted. Give `shots`.")

    def _counts(
        self, compiled: AerProgram, points: NDArray[np.float64], shots: int, seed: np.random.SeedSequence
    ) -> Outcomes:
        return run_counts(self._simulator, compiled, points, shots, seed)


def _to_safe_gates(circuit: QuantumCircuit, basis: Sequence[str]) -> QuantumCircuit:
    """``circuit`` in gates that this simulator knows and whose angles it binds.

    Raises:
        CapabilityError: it cannot be written so.
    """
    known = frozenset(basis) | _ALWAYS
    if all(_is_safe(item.operation, known) for item in circuit.data):
        return circuit
    try:
        return in_gates(circuit, _BASIS & known)
    except QiskitError as error:
        raise CapabilityError(f"The circuit cannot be written in this simulator's gates: {error.message}") from None


def _is_safe(operation: Any, known: frozenset[str]) -> bool:
    return operation.name in known and not getattr(operation, "blocks", ()) and binds(operation)
