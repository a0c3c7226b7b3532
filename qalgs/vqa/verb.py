"""The verbs ``vqe`` and ``qaoa``: check, place, run, package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import BackendLike, as_backend
from qalgs.checks import (
    RngLike,
    as_seed_sequence,
    generator,
    positive_int,
)
from qalgs.circuits import hardware_efficient
from qalgs.circuits import qaoa as qaoa_circuit
from qalgs.optimizers import COBYLA, Optimizer
from qalgs.problems import MaxCut, Molecule
from qalgs.run import Callback
from qalgs.vqa.costs import DeviceTime
from qalgs.vqa.forecast import Forecast
from qalgs.vqa.policies import Policy
from qalgs.vqa.preparing import prepare_run
from qalgs.vqa.problem import as_operator, exact_reference
from qalgs.vqa.result import QAOAResult, VQEResult
from qalgs.vqa.stopping import Plateau


def vqe(
    H: SparsePauliOp | Molecule | MaxCut,
    ansatz: QuantumCircuit | None = None,
    *,
    optimizer: Optimizer[Any] | None = None,
    schedule: Policy | None = None,
    backend: BackendLike = "statevector",
    shots: int | Sequence[int] | None = None,
    max_evaluations: int = 1000,
    restarts: bool | None = None,
    initial: ArrayLike | None = None,
    stop: Plateau | None = None,
    device_time: DeviceTime | None = None,
    rng: RngLike = None,
    callback: Callback | Sequence[Callback] | None = None,
) -> VQEResult:
    """The lowest energy of an ansatz (Peruzzo and others, Nat. Commun. 5, 4213 (2014), arXiv 1304.3061).

    Args:
        H: Hermitian operator, or a problem that has one.
        ansatz: circuit with free parameters; None for RY-RZ layers with linear entanglement, three repetitions.
        optimizer: ``COBYLA()`` when None.
        schedule: how the run uses the device: ``Nest()``, ``BestMap()``, ``ConstantLow()``, ``RandomJump()``,
            ``Qoncord()``; needs a backend with a calibration. None leaves one placement to the backend.
        backend: where energies are evaluated.
        shots: per measurement basis, one number or one for each cycle; None for exact values.
        max_evaluations: most energies evaluated, shared evenly by the cycles.
        restarts: whether the optimizer begins anew from the best point in every cycle, with a smaller first step;
            None for yes where what it remembers would be stale after a change of placement (SciPy's methods). The same
            for every schedule.
        initial: (p,) first point; None draws one, uniform over [-pi, pi).
        stop: rule that ends the run early, asked only where no better placement is to come; None for no such rule.
        device_time: model of the processor's time.
        rng: seeds start, optimizer and shots.
        callback: called after each question of the optimizer.

    Returns:
        The result; after Ctrl-C or StopIteration what was reached until then.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument does not fit; nothing has run.
        CapabilityError: the backend cannot do what is asked.
        KeyboardInterrupt: interrupted before the first evaluation.

    Warns:
        UserWarning: a molecule's operator has lower states with another number of electrons.

    Example:
        >>> import qalgs as qa
        >>> H = qa.problems.transverse_field_ising(2)
        >>> result = qa.vqe(H, optimizer=qa.optimizers.LBFGSB(), rng=1)
        >>> abs(result.energy - result.reference) < 1e-6
        True
    """
    hamiltonian, circuit = _given(H, ansatz)
    run = prepare_run(
        hamiltonian,
        circuit,
        optimizer=_cobyla(circuit, max_evaluations, 1.0) if optimizer is None else optimizer,
        schedule=schedule,
        backend=as_backend(backend),
        shots=shots,
        max_evaluations=max_evaluations,
        restarts=restarts,
        initial=initial,
        stop=stop,
        device_time=device_time,
        rng=rng,
    )
    reference, notes = exact_reference(H, hamiltonian)
    return VQEResult(**run.finish(callback, "VQE", reference, notes))


def planned(
    H: SparsePauliOp | Molecule | MaxCut,
    ansatz: QuantumCircuit | None = None,
    *,
    optimizer: Optimizer[Any] | None = None,
    schedule: Policy | None = None,
    backend: BackendLike = "statevector",
    shots: int | Sequence[int] | None = None,
    max_evaluations: int = 1000,
    device_time: DeviceTime | None = None,
    rng: RngLike = None,
) -> Forecast:
    """The most that ``vqe`` with the same arguments uses; every placement is transpiled and nothing is run.

    For ``qaoa`` the ansatz is ``circuits.qaoa(...)``.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument does not fit.
        CapabilityError: the backend cannot do what is asked.

    Example:
        >>> import qalgs as qa
        >>> ring = qa.problems.transverse_field_ising(2)
        >>> print(planned(ring, backend="aer", shots=100, max_evaluations=50))
        at most 55 energies: 110 circuits in 52 jobs, 11,000 shots on aer, about 3 device seconds
    """
    hamiltonian, circuit = _given(H, ansatz)
    run = prepare_run(
        hamiltonian,
        circuit,
        optimizer=_cobyla(circuit, max_evaluations, 1.0) if optimizer is None else optimizer,
        schedule=schedule,
        backend=as_backend(backend),
        shots=shots,
        max_evaluations=max_evaluations,
        device_time=device_time,
        rng=rng,
    )
    return run.forecast()


def qaoa(
    cost: SparsePauliOp | MaxCut,
    *,
    depth: int = 1,
    optimizer: Optimizer[Any] | None = None,
    schedule: Policy | None = None,
    backend: BackendLike = "statevector",
    shots: int | Sequence[int] | None = None,
    max_evaluations: int = 300,
    restarts: bool | None = None,
    initial: ArrayLike | None = None,
    stop: Plateau | None = None,
    device_time: DeviceTime | None = None,
    final_shots: int = 1024,
    rng: RngLike = None,
    callback: Callback | Sequence[Callback] | None = None,
) -> QAOAResult:
    """The best assignment that alternating circuits find (Farhi, Goldstone and Gutmann, arXiv 1411.4028).

    Args:
        cost: sum of products of Z that is minimised, or ``problems.maxcut(graph)``.
        depth: layers.
        final_shots: assignments sampled at the end.
        optimizer: and all the others as in ``vqe``.
        schedule: as in ``vqe``.
        backend: as in ``vqe``.
        shots: as in ``vqe``.
        max_evaluations: as in ``vqe``.
        restarts: as in ``vqe``.
        initial: (2 depth,) beta, then gamma; None draws them, uniform over [0, pi/2).
        stop: as in ``vqe``.
        device_time: as in ``vqe``.
        rng: as in ``vqe``.
        callback: as in ``vqe``.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: the cost is not diagonal, or an argument does not fit; nothing has run.
        CapabilityError: the backend cannot do what is asked.

    Example:
        >>> import qalgs as qa
        >>> ring = qa.problems.maxcut(qa.problems.cycle_graph(4))
        >>> result = qa.qaoa(ring, depth=2, rng=1)
        >>> result.best_cost
        -4.0
    """
    hamiltonian = as_operator(cost)
    circuit = qaoa_circuit(hamiltonian, depth=depth)
    seed = as_seed_sequence(rng)
    final_shots = positive_int(final_shots, "final_shots")
    if initial is None:
        initial = generator(seed).uniform(0, np.pi / 2, 2 * depth)
    run = prepare_run(
        hamiltonian,
        circuit,
        optimizer=_cobyla(circuit, max_evaluations, 0.3) if optimizer is None else optimizer,
        schedule=schedule,
        backend=as_backend(backend),
        shots=shots,
        max_evaluations=max_evaluations,
        restarts=restarts,
        initial=initial,
        stop=stop,
        device_time=device_time,
        rng=seed,
    )
    values = _diagonal(hamiltonian)
    lowest = None if values is None else float(values.min())
    facts = run.finish(callback, "QAOA", lowest, ())
    counts = run.sample(facts["parameters"], final_shots)
    bits, best = _best(hamiltonian, counts)
    span = None if values is None else float(np.ptp(values))
    ratio = None if values is None or not span else (float(values.max()) - facts["energy"]) / span
    return QAOAResult(**facts, bits=bits, best_cost=best, ratio=ratio)


def _given(H: Any, ansatz: QuantumCircuit | None) -> tuple[SparsePauliOp, QuantumCircuit]:
    """The operator, and the ansatz or what is taken for None."""
    hamiltonian = as_operator(H)
    n = int(hamiltonian.num_qubits or 0)
    return hamiltonian, hardware_efficient(n, reps=3, rotations=("ry", "rz")) if ansatz is None else ansatz


def _cobyla(circuit: QuantumCircuit, max_evaluations: int, rhobeg: float) -> COBYLA:
    """COBYLA that leaves the end of the run to the run; it wants two evaluations more than there are parameters."""
    return COBYLA(rhobeg=rhobeg, max_evaluations=max(max_evaluations, circuit.num_parameters + 2))


def _diagonal(cost: SparsePauliOp) -> NDArray[np.float64] | None:
    n = int(cost.num_qubits or 0)
    if n > 20:
        return None
    values = np.zeros(1 << n)
    index = np.arange(1 << n, dtype=np.uint64)
    for z, c in zip(cost.paulis.z, np.real(np.asarray(cost.coeffs)), strict=True):
        mask = np.uint64(sum(1 << i for i in np.flatnonzero(z)))
        values += c * (1.0 - 2.0 * (np.bitwise_count(index & mask) & 1))
    return values


def _best(cost: SparsePauliOp, counts: dict[int, int]) -> tuple[tuple[int, ...], float]:
    n = int(cost.num_qubits or 0)
    outcomes = np.array([[(outcome >> i) & 1 for i in range(n)] for outcome in counts])
    signs = 1.0 - 2.0 * (outcomes @ cost.paulis.z.T.astype(int) % 2)
    values = signs @ np.real(np.asarray(cost.coeffs))
    best = int(np.argmin(values))
    return tuple(int(b) for b in outcomes[best]), float(values[best])
