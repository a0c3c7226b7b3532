"""Two ways to compare a player with a parent on a machine, and what the numbers do to the player's loss.

Axes: R rows of a job, m points of a question, p parameters, t gate angles that move, q parents.

Derivatives are by gate angle. As every angle turns a Pauli matrix (see ``frame``),

    dc/dx = c(x + pi) / 2                        for a cross term c = <psi_j|A|psi>,
    dF/dx = (F(x + pi/2) - F(x - pi/2)) / 2      for a fidelity F = |<psi_j|psi>|^2.

The derivative of the penalty is 2 Re conj(pull) dc, with a pull that is linear in c: its two factors come from
different shots, so it is free of bias. A change of the global phase moves no loss and is left out.

The cross terms z of one parent are kept as four real numbers, Re h, Re s, Im h, Im s.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import Backend, ExecutionError
from qalgs.eigen.deflation import Cross, OverlapDeflation
from qalgs.eigen.estimator import Question
from qalgs.eigen.frame import Branch, Frame
from qalgs.eigen.interference import ansatz_angles, ansatz_circuit, interference_angles, interference_circuit, mirror
from qalgs.eigen.measurement import Measurement, Moments, cross_readings, overlap_readings
from qalgs.eigen.shots import ShotPolicy

Real = NDArray[np.float64]

_QUARTER = np.pi / 2


@dataclass(frozen=True, eq=False)
class Pulled:
    """What the parents add to the loss at m points, and to its derivatives."""

    crosses: tuple[Cross, ...]
    value: Real
    """(m,)."""
    value_var: Real
    """(m,)."""
    slope: Real
    """(m, t) derivatives by the gate angles."""
    slope_var: Real
    """(m, t), from the shots of the shifted circuits."""
    common_var: Real
    """(m, p) of the gradient, from the shots at the points themselves, which all its entries share."""


class Comparison(ABC):
    """A circuit for two states of the frame."""

    shifts: ClassVar[tuple[float, ...]]
    """At which a derivative by a gate angle is read."""

    def __init__(self, frame: Frame, players: Sequence[Branch], backend: Backend, policy: ShotPolicy) -> None:
        """Keep what the players' circuits are made of, and where to run them."""
        self._frame, self._players = frame, players
        self._backend, self._policy = backend, policy

    @cached_property
    def measurement(self) -> Measurement:
        """The circuit on its backend, compiled when it is first asked for."""
        return self._compiled()

    @abstractmethod
    def _compiled(self) -> Measurement: ...

    @abstractmethod
    def rows(self, left: tuple[int, Real], player: int, right: Real) -> Real:
        """Rows of a job that compares the left player at (1, a) gate angles with a player at (R, a)."""

    @abstractmethod
    def cross(self, moments: Moments) -> Cross:
        """The cross terms of one left state with R right ones."""

    @abstractmethod
    def pulled(self, question: Question, parts: Sequence[Moments], chain: Real) -> Pulled:
        """The parents' share of the loss from the answers for each; ``chain`` are the (t, p) derivatives of the angles.

        The rows of a part hold, for every point, the point itself and then each angle at each of the shifts.
        """


class Interference(Comparison):
    """<psi_j|H|psi> and <psi_j|psi> from an ancilla that chooses between both states."""

    shifts = (np.pi,)

    def __init__(
        self,
        frame: Frame,
        players: Sequence[Branch],
        backend: Backend,
        policy: ShotPolicy,
        *,
        hamiltonian: SparsePauliOp,
        real: bool,
        rescale: bool,
    ) -> None:
        """With ``real`` imaginary parts are 0; with ``rescale`` each job measures <psi_j|psi_j> and divides by it."""
        super().__init__(frame, players, backend, policy)
        self._readings, self._rescale = cross_readings(hamiltonian, real=real), rescale

    def _compiled(self) -> Measurement:
        return Measurement(self._backend, interference_circuit(self._frame), self._readings, self._policy)

    def rows(self, left: tuple[int, Real], player: int, right: Real) -> Real:
        """As in the base class; the last row compares the left state with itself, where rescaling is wanted."""
        parent, there = self._players[left[0]], left[1]
        matrices, phases = parent.unitaries(there)
        repeated = np.repeat(matrices, len(right), axis=0), np.repeat(phases, len(right))
        rows = interference_angles(self._frame, repeated, self._players[player].unitaries(right))
        if not self._rescale:
            return rows
        return np.vstack([rows, interference_angles(self._frame, (matrices, phases), (matrices, phases))])

    def cross(self, moments: Moments) -> Cross:
        """As in the base class."""
        return _cross(*self._terms(moments))

    def pulled(self, question: Question, parts: Sequence[Moments], chain: Real) -> Pulled:
        """As in the base class."""
        m, (t, p), q = len(question.points), chain.shape, len(parts)
        z, C = np.empty((m, 1 + t, q, 4)), np.empty((m, 1 + t, q, 4, 4))
        for j, part in enumerate(parts):
            mean, covariance = self._terms(part)
            z[:, :, j], C[:, :, j] = mean.reshape(m, 1 + t, 4), covariance.reshape(m, 1 + t, 4, 4)
        crosses = tuple(_cross(z[k, 0], C[k, 0]) for k in range(m))
        value, pull = (np.array(x) for x in zip(*(_penalty(question, cross) for cross in crosses), strict=True))
        common = np.zeros((m, p))
        if q and t:
            by_parameter = 0.5 * np.einsum("tp,ktja->kpja", chain, z[:, 1:])
            felt = np.einsum("jaib,kpja->kpib", _linear(question, q), by_parameter)
            common = np.einsum("kpia,kiab,kpib->kp", felt, C[:, 0], felt)
        return Pulled(
            crosses,
            value,
            np.einsum("kja,kjab,kjb->k", pull, C[:, 0], pull),
            0.5 * np.einsum("kja,kija->ki", pull, z[:, 1:]),
            0.25 * np.einsum("kja,kijab,kjb->ki", pull, C[:, 1:], pull),
            common,
        )

    def _terms(self, moments: Moments) -> tuple[Real, Real]:
        """(R, 4) and (R, 4, 4); divided by the calibration in the last row, where there is one."""
        mean, covariance = moments.mean, moments.covariance
        if not self._rescale:
            return mean, covariance
        kept, kept_err = mean[-1, 1], np.sqrt(covariance[-1, 1, 1])
        if not kept > 5 * kept_err:
            measured = f"<psi|psi> was measured as {kept:.3g} ± {kept_err:.1g}"
            raise ExecutionError(f"Noise leaves no amplitude to rescale by: {measured}.")
        return mean[:-1] / kept, covariance[:-1] / kept**2


class Overlap(Comparison):
    """|<psi_j|psi>|^2 as the probability that the inverse of one circuit undoes the other."""

    shifts = (_QUARTER, -_QUARTER)

    @cached_property
    def _mirrored(self) -> Frame:
        return self._frame.mirrored()

    def _compiled(self) -> Measurement:
        return Measurement(self._backend, ansatz_circuit(self._mirrored), overlap_readings(), self._policy)

    def rows(self, left: tuple[int, Real], player: int, right: Real) -> Real:
        """As in the base class."""
        one = np.repeat(self._players[left[0]].unitaries(left[1])[0], len(right), axis=0)
        return ansatz_angles(self._mirrored, mirror(self._frame, one, self._players[player].unitaries(right)[0]))

    def cross(self, moments: Moments) -> Cross:
        """As in the base class: moduli, whose |s|^2 less the variance of s is the fidelity."""
        return _fidelity_cross(moments.mean[:, 0], moments.covariance[:, 0, 0])

    def pulled(self, question: Question, parts: Sequence[Moments], chain: Real) -> Pulled:
        """As in the base class."""
        m, (t, p) = len(question.points), chain.shape
        F, var = (
            np.array([column(part) for part in parts]).reshape(len(parts), m, 1 + 2 * t)
            for column in (lambda part: part.mean[:, 0], lambda part: part.covariance[:, 0, 0])
        )
        crosses = tuple(_fidelity_cross(F[:, k, 0], var[:, k, 0]) for k in range(m))
        weights = cast(OverlapDeflation, question.deflation).weights(question.parents, question.shift)
        slope, slope_var = two_terms(F[:, :, 1:], var[:, :, 1:])
        return Pulled(
            crosses,
            np.array([question.deflation.penalty(c, question.parents, question.shift).value for c in crosses]),
            weights**2 @ var[:, :, 0],
            np.einsum("j,jki->ki", weights, slope),
            np.einsum("j,jki->ki", weights**2, slope_var),
            np.zeros((m, p)),
        )


def two_terms(value: Real, variance: Real) -> tuple[Real, Real]:
    """Derivatives and their variances from values at + pi/2 and - pi/2, which alternate along the last axis."""
    return 0.5 * (value[..., ::2] - value[..., 1::2]), 0.25 * (variance[..., ::2] + variance[..., 1::2])


def _cross(mean: Real, covariance: Real) -> Cross:
    """Cross terms of q parents from (q, 4) means and their (q, 4, 4) covariances."""
    h, s = mean[:, 0] + 1j * mean[:, 2], mean[:, 1] + 1j * mean[:, 3]
    var = np.einsum("qaa->qa", covariance)
    both = covariance[:, 0, 1] + covariance[:, 2, 3]
    return Cross(h, s, var[:, 0] + var[:, 2], var[:, 1] + var[:, 3], both)


def _fidelity_cross(fidelity: Real, variance: Real) -> Cross:
    """A modulus s with a variance that agrees with the fidelity's error, and |s|^2 - var(s) = fidelity."""
    s_var = 0.5 * (np.sqrt(fidelity**2 + variance) - fidelity)
    unknown = np.full(len(fidelity), np.nan)
    return Cross(unknown.astype(complex), np.sqrt(fidelity + s_var).astype(complex), unknown, s_var, 0 * s_var)


def _penalty(question: Question, cross: Cross) -> tuple[float, Real]:
    """The penalty, and its (q, 4) derivatives by the cross terms."""
    penalty = question.deflation.penalty(cross, question.parents, question.shift)
    a, b = penalty.on_state, penalty.on_image
    return penalty.value, 2 * np.stack([b.real, a.real, b.imag, a.imag], axis=-1)


def _linear(question: Question, q: int) -> Real:
    """(q, 4, q, 4) derivatives of the pull by the cross terms."""
    out, none = np.empty((q, 4, q, 4)), np.zeros((q, 4, 4))
    for i, b in np.ndindex(q, 4):
        z = np.zeros((q, 4))
        z[i, b] = 1
        out[:, :, i, b] = _penalty(question, _cross(z, none))[1]
    return out
