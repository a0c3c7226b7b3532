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
from qalgs_backends.simulators.memory import AMPLITUDE_BYTES, available_bytes, require, require_state, widest_state
from qalgs_backends.simulators.moments import State

# In a gradient: the state and its image, both again on the way back, their successors, and a conjugate.
_COPIES = 7
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
        check_program(program, self)
        points = check_params(program, params)
        tape = program.executable.compiled.tape
        if len(points) > 1:  # ``prepare`` has made sure of one
            require(2 * len(points) * tape.dim * AMPLITUDE_BYTES, available_bytes(), f"{len(points)} states")
        return np.concatenate([tape.states(chunk) for chunk in _chunks(points, tape)], dtype=complex)

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
        check_program(program, self)
        points = check_params(program, params)
        tape: Tape = program.executable.compiled.tape
        vectors = np.atleast_2d(finite_array(costate, "costate", dtype=complex))
        if vectors.shape != (len(points), tape.dim):
            must = f"have shape ({len(points)}, {tape.dim})"
            raise ValueError(argument("costate", must, f"its shape is {vectors.shape}"))
        parts = []
        for chunk, lam in zip(_chunks(points, tape), _chunks(vectors, tape), strict=True):
            bound = tape.at(chunk)
            parts.append(bound.vjp(bound.states(), lam[None])[0])
        return np.concatenate(parts)

    def _admit(self, circuit: QuantumCircuit) -> None:
        require_state(circuit.num_qubits, _COPIES)

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
        values = []
        for chunk in _chunks(points, compiled.tape):
            psi = compiled.tape.states(chunk)
            values.append(np.concatenate([_values(psi, images) for images in _images(compiled, psi)], axis=1))
        return np.concatenate(values)

    def _gradient(self, compiled: _Compiled, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._value_and_gradient(compiled, points)[1]

    def _value_and_gradient(
        self, compiled: _Compiled, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        values, slopes = [], []
        for chunk in _chunks(points, compiled.tape):
            bound = compiled.tape.at(chunk)
            psi = bound.states()
            parts = [(_values(psi, images), bound.vjp(psi, images)) for images in _images(compiled, psi)]
            values.append(np.concatenate([value for value, _ in parts], axis=1))
            slopes.append(np.concatenate([slope for _, slope in parts]).swapaxes(0, 1))
        return np.concatenate(values), np.concatenate(slopes)

    def _counts(
        self, compiled: _Compiled, points: NDArray[np.float64], shots: int, seed: np.random.SeedSequence
    ) -> Outcomes:
        outcomes: list[dict[int, int]] = []
        for chunk in _chunks(points, compiled.tape):
            for psi in compiled.tape.states(chunk):
                rng = generator(seed, len(outcomes))
                outcomes.append(draw(psi, compiled.measured, shots, rng))
        return tuple(outcomes)


def _images(compiled: _Compiled, psi: State) -> Iterator[State]:
    """(o, K, d) images of (K, d) states under the observables, a few at a time where they are large."""
    size = max(1, _CHUNK_BYTES // psi.nbytes)
    for first in range(0, len(compiled.observables), size):
        yield np.stack([observable.apply(psi) for observable in compiled.observables[first : first + size]])


def _values(psi: State, images: State) -> NDArray[np.float64]:
    """(K, o) expectation values."""
    return np.vecdot(psi, images).real.T


def _chunks(points: NDArray, tape: Tape) -> Iterator[NDArray]:
    """Consecutive rows of ``points``, as many as are worked on at once."""
    size = max(1, _CHUNK_BYTES // (AMPLITUDE_BYTES * tape.point_size))
    for first in range(0, len(points), size):
        yield points[first : first + size]


def draw(psi: State, measured: tuple[tuple[int, int], ...], shots: int, rng: np.random.Generator) -> dict[int, int]:
    """Outcomes of ``shots`` measurements; classical bits that are not measured into stay 0."""
    probabilities = np.abs(psi) ** 2
    if len(psi) <= shots:  # one draw per state, which is quicker than one per shot
        table = rng.multinomial(shots, probabilities / probabilities.sum())
        states = np.flatnonzero(table)
        times = table[states]
    else:
        cumulative = np.cumsum(probabilities)
        drawn = np.searchsorted(cumulative, rng.random(shots) * cumulative[-1], side="right")
        states, times = np.unique(drawn, return_counts=True)
    counts: dict[int, int] = {}
    for state, count in zip(states.tolist(), times.tolist(), strict=True):
        outcome = sum(((state >> qubit) & 1) << clbit for qubit, clbit in measured)
        counts[outcome] = counts.get(outcome, 0) + count
    return counts
