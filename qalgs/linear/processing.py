r"""Quantum singular value transformation of a Hermitian block-encoding, as a circuit and by linear algebra.

Axes: d amplitudes of the system, D = 2**m d of the encoding, degree n_q = number of uses of the encoding.

A Hermitian unitary acts on each eigenvalue's plane as the reflection R(x) = -i e^{i pi Z/4} W(x) e^{i pi Z/4}, so that
phases phi of the W convention become phi - pi/2, and phi - pi/4 at both ends. Applied with both signs of the phases at
once, by one qubit in |+> and no further use of the encoding, the real part of the response is left: on that qubit's |0>
it is (-1)^((degree-1)/2) f(H) for odd degrees, on |1> it is i (-1)^(degree/2) f(H) for even ones. Those factors go into
the global phase.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import DiagonalGate

from qalgs.linear.encoding import BlockEncoding


def append_transformation(
    circuit: QuantumCircuit,
    encoding: BlockEncoding,
    phases: NDArray[np.float64],
    system: list[int],
    ancillas: list[int],
) -> tuple[int, int]:
    """Append f(H / alpha) to ``circuit``; the last of ``ancillas`` is the sign qubit, which starts in |0>.

    Returns:
        The sign qubit and the bit it shows in case of success. The encoding's own ancillas have to show 0.
    """
    *own, sign = ancillas
    turned, degree = reflection_phases(phases), len(phases) - 1
    signs = np.ones(2 << len(own))
    signs[1 : 1 << len(own)] = -1
    signs[1 << len(own) :] = -signs[: 1 << len(own)]
    circuit.h(sign)
    for j in range(degree, -1, -1):
        if len(own) == 1:
            circuit.rzz(-2 * turned[j], own[0], sign)
        else:
            circuit.append(DiagonalGate(np.exp(1j * turned[j] * signs).tolist()), [*own, sign])
        if j:
            circuit.compose(encoding.circuit, [*system, *own], inplace=True, copy=False)
    circuit.h(sign)
    circuit.global_phase -= float(np.angle(block_phase(degree)))
    return sign, (degree + 1) % 2


def transform(
    encoding: BlockEncoding, phases: NDArray[np.float64], vector: NDArray[Any]
) -> tuple[NDArray[np.complex128], int]:
    """(d,) f(H / alpha) ``vector``, and how often the encoding was used: the circuit's arithmetic."""
    return transform_state(encoding.matrix, encoding.dim, phases, vector)


def transform_state(
    unitary: NDArray[Any], dim: int, phases: NDArray[np.float64], vector: NDArray[Any]
) -> tuple[NDArray[np.complex128], int]:
    """As ``transform``, for any Hermitian unitary whose projector is onto its first ``dim`` amplitudes."""
    turned, degree = np.exp(1j * reflection_phases(phases)), len(phases) - 1
    state = np.zeros((len(unitary), 2), complex)
    state[:dim] = np.asarray(vector)[:, None]
    uses = 0
    for j in range(degree, -1, -1):
        e = np.array([turned[j], turned[j].conj()])
        state[:dim] *= e
        state[dim:] *= e.conj()
        if j:
            state = unitary @ state
            uses += 1
    both = state[:dim, 0] + state[:dim, 1] if degree % 2 else state[:dim, 0] - state[:dim, 1]
    return both / (2 * block_phase(degree)), uses


def reflection_phases(phases: NDArray[np.float64]) -> NDArray[np.float64]:
    """Phases of the reflection convention from those of the W convention."""
    turned = phases - np.pi / 2
    turned[[0, -1]] += np.pi / 4
    return turned


def block_phase(degree: int) -> complex:
    """What multiplies f(H / alpha) in the block."""
    return (-1.0) ** ((degree - 1) // 2) if degree % 2 else 1j * (-1.0) ** (degree // 2)
