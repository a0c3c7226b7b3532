"""State vectors to reconstruct. All are (2**n,) complex, normalised, qubit 0 least significant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import PauliList, SparsePauliOp

from qalgs.checks import RngLike, as_seed_sequence, generator, positive_int

StateVector = NDArray[np.complex128]

_WIDEST = 26


def ghz_state(num_qubits: int, phase: float = 0.0) -> StateVector:
    """(|0...0> + e^{i phase} |1...1>) / sqrt(2).

    Raises:
        ValueError: ``num_qubits`` is below 1 or above 26, where a vector takes 1 GiB.

    Example:
        >>> ghz_state(2).real.round(4).tolist()
        [0.7071, 0.0, 0.0, 0.7071]
    """
    state = np.zeros(1 << _num_qubits(num_qubits), np.complex128)
    state[0], state[-1] = 1 / np.sqrt(2), np.exp(1j * phase) / np.sqrt(2)
    return state


def ghz_projector(num_qubits: int) -> SparsePauliOp:
    """|GHZ><GHZ| as the mean of the state's 2**n stabilisers; its expectation value is the fidelity with ``ghz_state``.

    The stabilisers are Z on an even number of qubits, times X on all or on none (Guehne and Toth, arXiv 0811.2803).

    Raises:
        ValueError: ``num_qubits`` is below 1 or above 26, where a vector takes 1 GiB.

    Example:
        >>> ghz_projector(1).to_list()
        [('I', (0.5+0j)), ('X', (0.5+0j))]
    """
    n = _num_qubits(num_qubits)
    masks = np.arange(1 << n)
    z = (masks[np.bitwise_count(masks) % 2 == 0, None] >> np.arange(n) & 1).astype(bool)
    zs = SparsePauliOp(PauliList.from_symplectic(z, np.zeros_like(z)))
    return (zs + zs @ SparsePauliOp("X" * n)) / (1 << n)


def w_state(num_qubits: int) -> StateVector:
    """The equal superposition of the n states with a single 1.

    Raises:
        ValueError: ``num_qubits`` is below 1 or above 26, where a vector takes 1 GiB.

    Example:
        >>> w_state(2).real.round(4).tolist()
        [0.0, 0.7071, 0.7071, 0.0]
    """
    n = _num_qubits(num_qubits)
    state = np.zeros(1 << n, np.complex128)
    state[1 << np.arange(n)] = 1 / np.sqrt(n)
    return state


def haar_state(num_qubits: int, rng: RngLike = None) -> StateVector:
    """A state drawn from the unitarily invariant measure.

    Raises:
        ValueError: ``num_qubits`` is below 1 or above 26, where a vector takes 1 GiB.

    Example:
        >>> psi = haar_state(3, rng=1)
        >>> psi.shape, round(float(np.linalg.norm(psi)), 12)
        ((8,), 1.0)
    """
    dim = 1 << _num_qubits(num_qubits)
    draw = generator(as_seed_sequence(rng))
    state = draw.normal(size=dim) + 1j * draw.normal(size=dim)
    return state / np.linalg.norm(state)


def _num_qubits(num_qubits: int) -> int:
    return positive_int(num_qubits, "num_qubits", maximum=_WIDEST)
