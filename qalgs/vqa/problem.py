"""What the verbs of this room ask of their arguments, and what is known about them beforehand."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from scipy.sparse.linalg import eigsh

from qalgs.backends import Backend, Calibration, CapabilityError
from qalgs.checks import argument, finite_array, generator
from qalgs.problems import Molecule

_LARGEST_EXACT = 14
_OTHER_SECTOR = 1e-3


def as_operator(given: Any) -> SparsePauliOp:
    """The operator of a problem.

    Raises:
        TypeError: there is none.
    """
    H = given if isinstance(given, SparsePauliOp) else getattr(given, "hamiltonian", None)
    if not isinstance(H, SparsePauliOp):
        must = "be a SparsePauliOp or a problem with a `hamiltonian`"
        raise TypeError(argument("H", must, f"it is a {type(given).__name__}"))
    return H


def check_circuit(circuit: QuantumCircuit, hamiltonian: SparsePauliOp) -> None:
    """Refuse what is no ansatz for the operator.

    Raises:
        TypeError: it is no circuit.
        ValueError: it has another number of qubits, or nothing to vary.
    """
    if not isinstance(circuit, QuantumCircuit):
        raise TypeError(argument("ansatz", "be a QuantumCircuit", f"it is a {type(circuit).__name__}"))
    if circuit.num_qubits != hamiltonian.num_qubits:
        must = f"have the {hamiltonian.num_qubits} qubits of H"
        raise ValueError(argument("ansatz", must, f"it has {circuit.num_qubits}"))
    if circuit.num_parameters == 0:
        raise ValueError(argument("ansatz", "have at least one free parameter", "it has none"))


def start_point(initial: ArrayLike | None, p: int, seed: np.random.SeedSequence) -> NDArray[np.float64]:
    """(p,) ``initial``, or a point drawn uniformly over [-pi, pi).

    Raises:
        ValueError: ``initial`` has another shape or is not finite.
    """
    if initial is None:
        return generator(seed).uniform(-np.pi, np.pi, p)
    x = finite_array(initial, "initial", ndim=1)
    if len(x) != p:
        raise ValueError(argument("initial", f"have shape ({p},)", f"its shape is {x.shape}"))
    return x.copy()


def calibration_of(backend: Backend) -> Calibration:
    """What a backend knows about its device.

    Raises:
        CapabilityError: it models none.
    """
    calibration = getattr(backend, "calibration", None)
    if not isinstance(calibration, Calibration):
        raise CapabilityError(f"{backend.name} has no calibration, which a schedule needs: take noisy:... or ibm:... .")
    return calibration


def exact_reference(problem: Any, hamiltonian: SparsePauliOp) -> tuple[float | None, tuple[str, ...]]:
    """The exact lowest energy, in the electrons' sector for a molecule, and what is odd about it."""
    n = int(hamiltonian.num_qubits or 0)
    if n > _LARGEST_EXACT:
        return None, ()
    matrix: Any = hamiltonian.to_matrix(sparse=True)
    if n < 3:
        lowest = float(np.linalg.eigvalsh(matrix.toarray())[0])
    else:
        start = np.random.default_rng(0).normal(size=1 << n)  # a fixed start makes the digits reproducible
        lowest = float(eigsh(matrix, k=1, which="SA", v0=start, return_eigenvectors=False)[0])
    if not isinstance(problem, Molecule):
        return lowest, ()
    own = float(problem.exact_levels(1)[0])
    if lowest > own - _OTHER_SECTOR:
        return own, ()
    note = (
        f"the operator's lowest state, {lowest:.4f}, has another number of electrons or spin than the molecule's, "
        f"{own:.4f}; use a conserving ansatz or molecule.penalised()"
    )
    warnings.warn(note, stacklevel=3)
    return own, (note,)
