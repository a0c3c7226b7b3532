"""The exact backend: states, expectation values, derivatives, and shots drawn from the exact distribution.

Axes: K points, d = 2**n amplitudes, p parameters, o observables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.base import Capabilities, Parameter, Program
from qalgs_backends.checks import argument, finite_array
from qalgs_backends.lowering import lower
from qalgs_backends.pauli_sum import PauliSum
from qalgs_backends.program import check_params, check_program
from qalgs_backends.rng import generator
from qalgs_backends.simulators.engine import Tape
from qalgs_backends.simulators.local import LocalBackend, Outcomes
from qalgs_backends.simulators.memory import AMPLITUDE_BYTES, available_bytes, require, widest_state

# Two states, an operator's image and a scratch state live at the same time in a gradient.
_COPIES = 6
# States of this many bytes are worked on at once: about a second-level cache, which is faster than more or
# less.
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class _Compiled:
    tape: Tape
    observables: tuple[PauliSum, ...]
    measured: tuple[tuple[int, int], ...]


class StatevectorBackend(LocalBackend):
    """Exact simulation by the package's own engine; gradients by the adjoint method."""

    def __init__(self) -> None:
        """Find out how wide a circuit this machine's memory admits."""
        self.name = "statevector"
        widest = widest_state(available_bytes(), _COPIES)
        self.capabilities = Capabilities(widest, exact=True, noise=False, gradient="adjoint")

    def state(self, program: Program, params: ArrayLike | None = None) -> NDArray[np.complex128]:
        """(K, d) states before any measurement, global phase included; qubit 0 is the least significant bit.

        Raises:
            ValueError: an argument does not fit the program.
            CapabilityError: the K states do not fit in memory together.
        """
        check_program(program, self.name)
        points = check_params(program, params)
        tape = program.executable.compiled.tape
        require(2 * len(points) * tape.dim * AMPLITUDE_BYTES, available_bytes(), f"{len(points)} states")
        return np.concatenate([tape.states(chunk).T for chunk in _chunks(points, tape.dim)])

    def vjp(self, program: Program, params: ArrayLike | None, costate: ArrayLike) -> NDArray[np.float64]:
        r"""Derivatives of $2\,\mathrm{Re}\langle\lambda_k|\psi(\theta_k)\rangle$, co-states held fixed.

        With lambda = H psi it is the gradient of <psi|H|psi>; with any other co-state, of any function of the
        state.

        Args:
            program: from this backend's ``prepare``.
            params: (K, p) or (p,) points theta.
            costate: (K, d), or (d,) for one point, vectors lambda.

        Returns:
            (K, p) derivatives.

        Raises:
            ValueError: the co-state's shape does not fit.
            CapabilityError: an angle of the circuit is not affine in the parameters.
        """
        check_program(program, self.name)
        points = check_params(program, params)
        tape: Tape = program.executable.compiled.tape
        vectors = np.atleast_2d(finite_array(costate, "costate", dtype=complex))
        if vectors.shape != (len(points), tape.dim):
            must = f"have shape ({len(points)}, {tape.dim})"
            raise ValueError(argument("costate", must, f"its shape is {vectors.shape}"))
        pairs = zip(_chunks(points, tape.dim), _chunks(vectors, tape.dim), strict=True)
        return np.concatenate([tape.vjp(chunk, tape.states(chunk), lam.T.copy()) for chunk, lam in pairs])

    def _admit(self, circuit: QuantumCircuit) -> None:
        needed = _COPIES * AMPLITUDE_BYTES << circuit.num_qubits
        require(needed, available_bytes(), f"The exact simulation of {circuit.num_qubits} qubits")

    def _compile(
        self,
        circuit: QuantumCircuit,
        parameters: tuple[Parameter, ...],
        observables: tuple[SparsePauliOp, ...],
        qubits: tuple[int, ...] | None,
    ) -> tuple[_Compiled, None]:
        lowered = lower(circuit, parameters)
        return _Compiled(Tape(lowered), tuple(PauliSum(op) for op in observables), lowered.measured), None

    def _exact(self, compiled: _Compiled, points: NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.empty((len(points), len(compiled.observables)))
        done = 0
        for chunk in _chunks(points, compiled.tape.dim):
            psi = compiled.tape.states(chunk)
            for j, observable in enumerate(compiled.observables):
                image = observable.apply(psi)
                values[done : done + len(chunk), j] = np.einsum("dk,dk->k", psi.conj(), image).real
            done += len(chunk)
        return values

    def _gradient(self, compiled: _Compiled, points: NDArray[np.float64]) -> NDArray[np.float64]:
        tape = compiled.tape
        parts = []
        for chunk in _chunks(points, tape.dim):
            psi = tape.states(chunk)
            rows = [tape.vjp(chunk, psi, observable.apply(psi)) for observable in compiled.observables]
            parts.append(np.stack(rows, axis=1))
        return np.concatenate(parts)

    def _counts(
        self, compiled: _Compiled, points: NDArray[np.float64], shots: int, seed: np.random.SeedSequence
    ) -> Outcomes:
        outcomes: list[dict[int, int]] = []
        for chunk in _chunks(points, compiled.tape.dim):
            for psi in compiled.tape.states(chunk).T:
                rng = generator(seed, len(outcomes))
                outcomes.append(draw(psi, compiled.measured, shots, rng))
        return tuple(outcomes)


def _chunks(points: NDArray, dim: int) -> Iterator[NDArray]:
    """Consecutive rows of ``points``, as many as make a chunk of states."""
    size = max(1, _CHUNK_BYTES // (AMPLITUDE_BYTES * dim))
    for first in range(0, len(points), size):
        yield points[first : first + size]


def draw(
    psi: NDArray[np.complex128], measured: tuple[tuple[int, int], ...], shots: int, rng: np.random.Generator
) -> dict[int, int]:
    """Outcomes of ``shots`` measurements; classical bits that are not measured into stay 0."""
    cumulative = np.cumsum(psi.real**2 + psi.imag**2)
    drawn = np.searchsorted(cumulative, rng.random(shots) * cumulative[-1], side="right")
    states, times = np.unique(drawn, return_counts=True)
    counts: dict[int, int] = {}
    for state, count in zip(states.tolist(), times.tolist(), strict=True):
        outcome = sum(((state >> qubit) & 1) << clbit for qubit, clbit in measured)
        counts[outcome] = counts.get(outcome, 0) + count
    return counts
