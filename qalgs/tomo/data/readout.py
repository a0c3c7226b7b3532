"""Readout errors of single qubits: what they are, how they are measured, and their checks.

Axes: n qubits, d = 2**n. A confusion matrix has Lambda[i, j] = P(read i | the qubit is j), so its columns sum to 1 and
p -> (Lambda_{n-1} x ... x Lambda_0) p turns true into read probabilities. (Aer's ReadoutError is the transpose.)
Errors that depend on other qubits are not described.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit

from qalgs.backends import Backend, BackendLike, get
from qalgs.checks import RngLike, argument, as_seed_sequence, child, finite_array, positive_int

CALIBRATION_SHOTS = 8192
_ZEROS, _ONES = 0, 1
"""Keys of the random streams, and the state that is prepared."""


@dataclass(frozen=True, eq=False)
class ReadoutCalibration:
    """Confusion matrices with their errors."""

    matrices: NDArray[np.float64]
    """(n, 2, 2): [q, i, j] = P(read i | qubit q is j)."""
    matrices_err: NDArray[np.float64]
    """(n, 2, 2) standard errors, that of a frequency (k + 1/2) / (N + 1)."""
    shots: int
    """Shots of each of the two circuits."""
    qubits: tuple[int, ...] | None = None
    """Physical qubits; None where there is no device."""

    def __str__(self) -> str:
        lines = [f"readout errors from 2 x {self.shots:,} shots"]
        places = range(len(self.matrices)) if self.qubits is None else self.qubits
        for place, value, err in zip(places, self.matrices, self.matrices_err, strict=True):
            up, down = f"{value[1, 0]:.4f} ± {err[1, 0]:.4f}", f"{value[0, 1]:.4f} ± {err[0, 1]:.4f}"
            lines.append(f"qubit {place}: P(1|0) {up}, P(0|1) {down}")
        return "\n".join(lines)


ReadoutLike = ArrayLike | ReadoutCalibration | None


def calibrate_readout(
    backend: BackendLike,
    num_qubits: int | None = None,
    *,
    qubits: Sequence[int] | None = None,
    shots: int = CALIBRATION_SHOTS,
    rng: RngLike = None,
) -> ReadoutCalibration:
    """Measure the confusion matrix of each qubit with two circuits: all qubits in 0, all qubits in 1.

    P(read 1 | 0) of a qubit is the frequency of 1 in the first circuit, P(read 0 | 1) that of 0 in the second; errors
    of the gate that prepares 1 count as errors of reading 1.

    Args:
        backend: a name, a backend, or a Qiskit ``BackendV2``.
        num_qubits: n; needed where ``qubits`` is not given.
        qubits: n physical qubits; those that the data were, or will be, measured on.
        shots: shots of each circuit.
        rng: seeds the shots.

    Raises:
        ValueError: neither or both of ``num_qubits`` and ``qubits`` are given, one is out of range, or the errors of a
            qubit add to 1 or more.

    Example:
        >>> import qalgs as qa
        >>> from qalgs.tomo.data.readout import calibrate_readout
        >>> calibration = calibrate_readout("statevector", 2, shots=100, rng=1)
        >>> calibration.matrices[0].tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    machine, shots, seed = get(backend), positive_int(shots, "shots"), as_seed_sequence(rng)
    if (num_qubits is None) == (qubits is None):
        raise ValueError("Exactly one of `num_qubits` and `qubits` must be given.")
    width = positive_int(num_qubits if qubits is None else len(qubits), "num_qubits")
    ones = np.array([_ones(machine, width, qubits, prepared, shots, seed) for prepared in (_ZEROS, _ONES)])
    matrices = np.stack([1 - ones / shots, ones / shots], axis=1).transpose(2, 1, 0)
    smooth = (ones.T[:, None, :] + 0.5) / (shots + 1)
    errors = np.broadcast_to(np.sqrt(smooth * (1 - smooth) / shots), matrices.shape)
    placed = None if qubits is None else tuple(int(q) for q in qubits)
    return ReadoutCalibration(as_readout(matrices, width), errors, shots, placed)


def as_readout(readout: ReadoutLike, num_qubits: int, name: str = "readout") -> NDArray[np.float64]:
    """``readout`` as checked confusion matrices (n, 2, 2).

    Raises:
        TypeError: it is not an array of numbers.
        ValueError: it has the wrong shape, a matrix is not one of probabilities with columns that sum to 1, or the
            errors of a qubit add to 1 or more, so that nothing can be read; the qubit is named.
    """
    given = readout.matrices if isinstance(readout, ReadoutCalibration) else readout
    matrices = finite_array(() if given is None else given, name)
    if matrices.shape != (num_qubits, 2, 2):
        must = f"have one 2 x 2 matrix per qubit, shape {(num_qubits, 2, 2)}"
        raise ValueError(argument(name, must, f"its shape is {matrices.shape}"))
    for q, matrix in enumerate(matrices):
        if (matrix < 0).any() or (matrix > 1).any() or (abs(matrix.sum(axis=0) - 1) > 1e-6).any():
            hint = ": it is transposed" if np.allclose(matrix.sum(axis=1), 1) else ""
            must = "hold probabilities [read, true] whose columns sum to 1"
            raise ValueError(argument(name, must, f"that of qubit {q} is {matrix.tolist()}{hint}"))
        if matrix[1, 0] + matrix[0, 1] >= 1:
            must = "have P(1|0) + P(0|1) below 1"
            raise ValueError(argument(name, must, f"for qubit {q} it is {matrix[1, 0] + matrix[0, 1]:.4g}"))
    return matrices


def is_calibrate(readout: ReadoutLike | Literal["calibrate"]) -> bool:
    """Whether ``readout`` asks for a calibration.

    Raises:
        ValueError: it is another string.
    """
    if isinstance(readout, str) and readout != "calibrate":
        raise ValueError(argument("readout", 'be None, "calibrate" or confusion matrices', f"it is {readout!r}"))
    return isinstance(readout, str)


def _ones(
    backend: Backend,
    num_qubits: int,
    qubits: Sequence[int] | None,
    prepared: int,
    shots: int,
    seed: np.random.SeedSequence,
) -> NDArray[np.int64]:
    """(n,): how often each qubit is read as 1."""
    circuit = QuantumCircuit(num_qubits)
    if prepared:
        circuit.x(range(num_qubits))
    program = backend.prepare(circuit, qubits=qubits)
    outcomes = backend.sample(program, shots=shots, rng=child(seed, prepared)).outcomes[0]
    bits = np.array([[key >> q & 1 for q in range(num_qubits)] for key in outcomes])
    return np.array(list(outcomes.values()), np.int64) @ bits
