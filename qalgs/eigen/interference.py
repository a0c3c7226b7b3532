r"""Circuits that compare two states of one ansatz, without a controlled gate of the ansatz.

Axes: K points, S slots, F free slots, n qubits.

The interference state (|0>|psi_left> + |1>|psi_right>) / sqrt 2, the ancilla being qubit n, shares the two-qubit gates
of the frame and needs every slot to apply A where the ancilla is 0 and B where it is 1. For A and B of determinant 1
there are unitaries V, W and an angle d with

    A = V rz(d) W,   B = V rz(-d) W,   so   A B^dagger = V rz(2 d) V^dagger,

which is one rzz gate between two gates on the slot's qubit, however many gates the slot holds (demultiplexing: Shende,
Bullock and Markov, arXiv quant-ph/0406176). The determinants become a phase of the ancilla. Where the qubit is still in
|0>, only the states A|0> and B|0> matter, and one cx does:

    A|0> = V ry(x)|0>,   B|0> = exp(i f) V X ry(x)|0>,   sin x = |<0|A^dagger B|0>|.

Then

    <X (x) P> = Re <psi_left|P|psi_right>,   <Y (x) P> = Im <psi_left|P|psi_right>.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import ParameterVector, QuantumCircuit

from qalgs.eigen.frame import Frame
from qalgs_backends.lowering import Op

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]

_SAME = 1e-12


def ansatz_circuit(frame: Frame) -> QuantumCircuit:
    """One player's state, up to its phase; the columns of its 3 F parameters are those of ``ansatz_angles``."""
    circuit = QuantumCircuit(frame.num_qubits)
    angle = ParameterVector("angle", 3 * len(frame.free))
    place = {s: 3 * f for f, s in enumerate(frame.free)}

    def fill(s: int) -> None:
        theta, phi, lam = angle[place[s] : place[s] + 3]
        circuit.u(theta, phi, lam, frame.qubits[s])

    return _assembled(circuit, frame, fill)


def ansatz_angles(frame: Frame, unitaries: Complex) -> Real:
    """(K, 3 F) angles that put (K, S, 2, 2) matrices into the slots."""
    return _u_angles(unitaries[:, frame.free]).reshape(len(unitaries), -1)


def interference_circuit(frame: Frame) -> QuantumCircuit:
    """The interference state on n + 1 qubits; its parameters are those of ``interference_angles``."""
    n, fresh, later = frame.num_qubits, frame.fresh, _later(frame)
    circuit = QuantumCircuit(n + 1)
    angle = ParameterVector("angle", 4 * len(fresh) + 7 * len(later) + 1)
    place = {s: 4 * f for f, s in enumerate(fresh)} | {s: 4 * len(fresh) + 7 * f for f, s in enumerate(later)}
    circuit.h(n)
    circuit.rz(angle[len(angle) - 1], n)

    def fill(s: int) -> None:
        first, qubit = place[s], frame.qubits[s]
        if s in fresh:
            circuit.ry(angle[first], qubit)
            circuit.cx(n, qubit)
        else:
            theta, phi, lam = angle[first : first + 3]
            circuit.u(theta, phi, lam, qubit)
            circuit.rzz(angle[first + 3], n, qubit)
            first += 3
        theta, phi, lam = angle[first + 1 : first + 4]
        circuit.u(theta, phi, lam, qubit)

    return _assembled(circuit, frame, fill)


def interference_angles(frame: Frame, left: tuple[Complex, Real], right: tuple[Complex, Real]) -> Real:
    """(K, 4 F0 + 7 (F - F0) + 1) angles for the pairs of ``left`` and ``right``, as ``Branch.unitaries`` gives them.

    Those of the F0 fresh slots, those of the other free ones, and the phase between the branches.
    """
    K, fresh, later = len(left[0]), frame.fresh, _later(frame)
    prepared, phases = _prepared(left[0][:, fresh][..., 0], right[0][:, fresh][..., 0])
    chosen = _chosen(left[0][:, later], right[0][:, later])
    phase = right[1] - left[1] + phases.sum(axis=1)
    return np.hstack([prepared.reshape(K, -1), chosen.reshape(K, -1), phase[:, None]])


def mirror(frame: Frame, left: Complex, right: Complex) -> Complex:
    """(K, S', 2, 2) matrices for the slots of ``frame.mirrored()``, from two (K, S, 2, 2) tables."""
    B = frame.ends
    back = _dagger(left)
    return np.concatenate([right[:, :B], back[:, B:] @ right[:, B:], back[:, :B][:, ::-1]], axis=1)


def _later(frame: Frame) -> list[int]:
    fresh = set(frame.fresh)
    return [s for s in frame.free if s not in fresh]


def _prepared(a: Complex, b: Complex) -> tuple[Real, Real]:
    """(..., 4) angles of ry(x), cx and V that take |0> to a or to b, and the phase that b lacks; a, b are (..., 2)."""
    overlap = np.einsum("...i,...i->...", a.conj(), b)
    phase = np.angle(overlap)
    # ry(x)|0> = (cos, sin) of x/2 goes to a, and X ry(x)|0>, whose part orthogonal to it is positive, to b.
    across = np.stack([-a[..., 1].conj(), a[..., 0].conj()], axis=-1)
    part = np.einsum("...i,...i->...", across.conj(), b * np.exp(-1j * phase)[..., None])
    across = across * np.exp(1j * np.angle(part))[..., None]
    beta = np.arctan2(abs(overlap), abs(part))
    cos, sin = np.cos(0.5 * beta)[..., None], np.sin(0.5 * beta)[..., None]
    V = np.stack([cos * a - sin * across, sin * a + cos * across], axis=-1)
    return np.concatenate([beta[..., None], _u_angles(_special(V))], axis=-1), phase


def _chosen(A: Complex, B: Complex) -> Real:
    """(..., 7) angles of W, rzz(d) and V that apply A or B."""
    turn = A @ _dagger(B)
    V = _special(np.linalg.eigh(0.5j * (turn - _dagger(turn)))[1])
    # The eigenvalues come in ascending order, so the first is that of exp(+i d).
    delta = -np.angle(np.einsum("...ba,...bc,...ca->...a", V.conj(), turn, V)[..., 0])
    half = np.exp(-0.5j * delta)
    W = np.stack([half, half.conj()], axis=-1)[..., :, None] * (_dagger(V) @ B)
    return np.concatenate([_u_angles(W), delta[..., None], _u_angles(V)], axis=-1)


def _assembled(circuit: QuantumCircuit, frame: Frame, fill: Callable[[int], None]) -> QuantumCircuit:
    """``circuit`` with the steps of the frame; ``fill`` appends what belongs into a free slot."""
    for step in frame.steps:
        if isinstance(step, Op):
            getattr(circuit, step.name)(*step.qubits)
        elif step not in frame.fixed:
            fill(step)
        elif abs(frame.fixed[step] - np.eye(2)).max() > _SAME:
            theta, phi, lam = _u_angles(frame.fixed[step]).tolist()
            circuit.u(theta, phi, lam, frame.qubits[step])
    return circuit


def _u_angles(matrices: Complex) -> Real:
    """(..., 3) theta, phi, lambda of (..., 2, 2) matrices of determinant 1, which u repeats up to a phase."""
    diagonal, corner = matrices[..., 0, 0], matrices[..., 1, 0]
    total, difference = -2 * np.angle(diagonal), 2 * np.angle(corner)
    theta = 2 * np.arctan2(abs(corner), abs(diagonal))
    return np.stack([theta, 0.5 * (total + difference), 0.5 * (total - difference)], axis=-1)


def _special(matrices: Complex) -> Complex:
    """Multiples of determinant 1."""
    return matrices / np.sqrt(np.linalg.det(matrices))[..., None, None]


def _dagger(matrices: Complex) -> Complex:
    return matrices.conj().swapaxes(-1, -2)
