r"""Linear systems by phase estimation (Harrow, Hassidim and Lloyd, PRL 103, 150502 (2009), arXiv 0811.3171).

Axes: t clock qubits, T = 2**t.

A clock in a window state controls exp(2 pi i s A tau); after the Fourier transform its value k stands for the
eigenvalue lambda_k = k / (s T), a flag turns by C / lambda_k, and everything is undone. With the clock found in its
start again the circuit applies exactly

    h(lambda) = sum_k |alpha_k(lambda)|^2 C / lambda_k,   C = 1 / (clip kappa),

where alpha is the window's transform and lambda_k below C is left out. The sine window makes the error fall as
(kappa / T)^2, the rectangular one only as 1 / T. For indefinite matrices the upper half of the clock is negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate

from qalgs.backends import CapabilityError
from qalgs.checks import argument, one_of, positive_int, real
from qalgs.linear.preparation import labelled_inverse, multiplexed_ry, prepare_vector, tree_preparation
from qalgs.linear.solver import Construction, Outcome, QueryCount
from qalgs.linear.system import LinearSystem

_LONGEST_CLOCK, _WIDEST = 16, 18
_FRACTIONS = 16


@dataclass(frozen=True)
class HHL:
    """Phase estimation with a windowed clock.

    Raises:
        ValueError: a setting is out of its range.
    """

    clock: int | Literal["auto"] = "auto"
    """t; "auto" is the smallest that keeps ``eps`` for every matrix of that kappa."""
    window: Literal["sine", "rectangular"] = "sine"
    phase_scale: float = 0.8
    """s for positive matrices, s/2 for indefinite ones, in (0, 1): room so that eigenvalues do not wrap round."""
    clip: float = 2.0
    """Eigenvalues below 1 / (clip kappa) are taken for noise; > 1."""

    def __post_init__(self) -> None:
        if self.clock != "auto":
            positive_int(self.clock, "clock", maximum=_LONGEST_CLOCK)
        one_of(self.window, "window", ("sine", "rectangular"))
        real(self.phase_scale, "phase_scale", above=0, high=0.95)
        real(self.clip, "clip", above=1)

    def construct(self, system: LinearSystem, *, eps: float) -> Construction:
        """The circuit: qubits of the system, the clock, the flag.

        Raises:
            CapabilityError: it would have more than 18 qubits.
        """
        n, t, scale = system.num_qubits, self._clock(system, eps), self._scale(system)
        if n + t + 1 > _WIDEST:
            raise CapabilityError(
                f"HHL needs {n + t + 1} qubits for eps {eps:g} at kappa {system.kappa:g}; {_WIDEST} are the most."
            )
        circuit = QuantumCircuit(n + t + 1)
        body, clock, flag = list(range(n)), list(range(n, n + t)), n + t
        circuit.compose(prepare_vector(system.rhs).circuit, body, inplace=True, copy=False)
        estimate = _estimation(system, t, scale, self._amplitudes(t))
        circuit.compose(estimate, body + clock, inplace=True, copy=False)
        sines = self._inverses(system, t) / (self.clip * system.kappa)
        circuit.compose(multiplexed_ry(2 * np.arcsin(np.clip(sines, -1, 1))), [flag, *clock], inplace=True, copy=False)
        circuit.compose(labelled_inverse(estimate), body + clock, inplace=True, copy=False)
        postselect = dict.fromkeys(clock, 0) | {flag: 1}
        return Construction(circuit, tuple(body), postselect, self.clip * system.kappa)

    def simulate(self, system: LinearSystem, *, eps: float) -> Outcome:
        """The filter h on the eigenvalues."""
        t = self._clock(system, eps)
        values, vectors = system.spectrum
        filtered = self.filter(values, system, t) * (vectors.conj().T @ system.rhs)
        amplitudes = (vectors @ filtered).astype(complex)
        queries = QueryCount(exp_iAt=2 * ((1 << t) - 1), U_b=1)
        return Outcome(
            amplitudes, self.clip * system.kappa, queries.succeeding(float(np.vdot(amplitudes, amplitudes).real))
        )

    def filter(self, values: NDArray[np.float64], system: LinearSystem, clock: int) -> NDArray[np.float64]:
        """The filter h at every eigenvalue."""
        T = 1 << clock
        turns = np.exp(2j * np.pi * self._scale(system) * np.outer(values, np.arange(T)))
        weights = np.abs(np.fft.fft(self._amplitudes(clock) * turns, axis=1)) ** 2 / T
        return weights @ self._inverses(system, clock) / (self.clip * system.kappa)

    def estimate_queries(self, kappa: float, eps: float) -> QueryCount:
        """2 (2^t - 1) uses for a positive matrix; the least success is about C^2, for |x| = |b|."""
        t = self._auto(kappa, eps, False) if self.clock == "auto" else int(self.clock)
        return QueryCount(exp_iAt=2 * ((1 << t) - 1), U_b=1, success_probability=(self.clip * kappa) ** -2)

    def _scale(self, system: LinearSystem) -> float:
        return self.phase_scale * (1.0 if system.is_positive else 0.5)

    def _clock(self, system: LinearSystem, eps: float) -> int:
        return self._auto(system.kappa, eps, not system.is_positive) if self.clock == "auto" else int(self.clock)

    def _auto(self, kappa: float, eps: float, signed: bool) -> int:
        real(eps, "eps", above=0)
        for t in range(2, _LONGEST_CLOCK + 1):
            if self._worst_error(kappa, t, signed) <= eps:
                return t
        must = f"be reachable with {_LONGEST_CLOCK} clock qubits"
        raise ValueError(argument("eps", must, f"it is {eps:g} at kappa {kappa:g}; QSVT reaches it"))

    def _worst_error(self, kappa: float, t: int, signed: bool) -> float:
        """Largest distance from the normalised solution over all matrices and right-hand sides with this kappa.

        g = lambda h(lambda) multiplies the components of the solution; vectors scaled by factors in [g_min, g_max] turn
        by at most arcsin((g_max - g_min) / (g_max + g_min)) (Kantorovich). h is a circular convolution for each of 16
        fractions of a clock step.
        """
        T, scale = 1 << t, self.phase_scale * (0.5 if signed else 1.0)
        inverses = self._table(kappa, t, signed, scale)
        spectrum = np.fft.fft(inverses)
        low, high = np.inf, -np.inf
        between = 1 / (_FRACTIONS * T * scale)  # of two values; the ends of the spectrum are enclosed
        for fraction in np.arange(_FRACTIONS) / _FRACTIONS:
            turns = np.exp(2j * np.pi * fraction * np.arange(T) / T)
            kernel = np.abs(np.fft.fft(self._amplitudes(t) * turns)) ** 2 / T
            h = np.fft.ifft(np.fft.fft(kernel[(-np.arange(T)) % T]) * spectrum).real
            phase = (np.arange(T) + fraction) / T
            values = np.where(signed & (phase >= 0.5), phase - 1, phase) / scale
            inside = (np.abs(values) > 1 / kappa - between) & (np.abs(values) < 1 + between)
            g = values[inside] * h[inside]
            low, high = min(low, g.min(initial=np.inf)), max(high, g.max(initial=-np.inf))
        if low <= 0:
            return 2.0
        return float(2 * np.sin(np.arcsin((high - low) / (high + low)) / 2))

    def _amplitudes(self, t: int) -> NDArray[np.float64]:
        T = 1 << t
        if self.window == "rectangular":
            return np.full(T, 1 / np.sqrt(T))
        return np.sqrt(2 / T) * np.sin(np.pi * (np.arange(T) + 0.5) / T)

    def _inverses(self, system: LinearSystem, t: int) -> NDArray[np.float64]:
        return self._table(system.kappa, t, not system.is_positive, self._scale(system))

    def _table(self, kappa: float, t: int, signed: bool, scale: float) -> NDArray[np.float64]:
        """(T,) 1 / lambda_k, 0 where |lambda_k| is below 1 / (clip kappa)."""
        phase = np.arange(1 << t) / (1 << t)
        values = np.where(signed & (phase >= 0.5), phase - 1, phase) / scale
        keep = np.abs(values) >= 1 / (self.clip * kappa)
        return np.where(keep, 1 / np.where(keep, values, 1.0), 0.0)


def _estimation(system: LinearSystem, t: int, scale: float, window: NDArray[np.float64]) -> QuantumCircuit:
    """Window, controlled evolutions, inverse Fourier transform, on system and clock."""
    n = system.num_qubits
    values, vectors = system.spectrum
    circuit = QuantumCircuit(n + t)
    clock = list(range(n, n + t))
    circuit.compose(tree_preparation(window), clock, inplace=True, copy=False)
    d = len(values)
    for k, qubit in enumerate(clock):
        controlled = np.eye(2 * d, dtype=complex)
        controlled[d:, d:] = (vectors * np.exp(2j * np.pi * scale * values * (1 << k))) @ vectors.conj().T
        circuit.append(UnitaryGate(controlled, check_input=False, label=f"exp_iAt^{1 << k}"), [*range(n), qubit])
    for j in range(t // 2):
        circuit.swap(clock[j], clock[t - 1 - j])
    for j in range(t):  # the inverse transform, least significant qubit first
        for k in range(j):
            circuit.cp(-np.pi / (1 << (j - k)), clock[k], clock[j])
        circuit.h(clock[j])
    return circuit
