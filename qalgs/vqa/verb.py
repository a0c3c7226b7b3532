"""The verbs ``vqe`` and ``qaoa``: check, place, run, package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import Backend, BackendLike, Calibration, Program, as_backend
from qalgs.callbacks import Progress
from qalgs.checks import (
    RngLike,
    argument,
    as_seed_sequence,
    child,
    generator,
    positive_int,
    shots_or_none,
)
from qalgs.circuits import ExpectationObjective, hardware_efficient
from qalgs.circuits import qaoa as qaoa_circuit
from qalgs.evaluation import Objective, Query
from qalgs.optimizers import COBYLA, Optimizer
from qalgs.problems import MaxCut, Molecule
from qalgs.results import provenance
from qalgs.run import Callback, Status, drive
from qalgs.vqa.costs import DeviceTime
from qalgs.vqa.placements import Pool, placement_pool
from qalgs.vqa.policies import Policy, Stage, stages
from qalgs.vqa.problem import as_operator, calibration_of, check_circuit, exact_reference, start_point
from qalgs.vqa.result import QAOAResult, VQEResult
from qalgs.vqa.running import Progressed, Trail, VariationalRun
from qalgs.vqa.stopping import Plateau
from qalgs.vqa.walk import WalkPlan

_START, _PLAN, _SHOTS, _OPTIMIZER, _LAST = range(5)
"""Keys of the random streams."""


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
    hamiltonian = as_operator(H)
    n = int(hamiltonian.num_qubits or 0)
    circuit = hardware_efficient(n, reps=3, rotations=("ry", "rz")) if ansatz is None else ansatz
    run = _prepare(
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
        initial = generator(seed, _START).uniform(0, np.pi / 2, 2 * depth)
    run = _prepare(
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


@dataclass
class Prepared:
    """A checked run with its plan, before anything is evaluated."""

    circuit: QuantumCircuit
    backend: Backend
    pool: Pool | None
    plan: WalkPlan | None
    run: VariationalRun
    objectives: _Objectives
    seed: np.random.SeedSequence
    record: dict[str, str]

    def finish(
        self, callback: Callback | Sequence[Callback] | None, name: str, reference: float | None, notes: tuple[str, ...]
    ) -> dict[str, Any]:
        """Run to the end; the fields of a ``VQEResult``."""
        watchers = [callback] if callable(callback) else list(callback or ())
        ran = drive(self.run.iterate(), [*watchers, Progress(name, show=("energy", "esp"))])
        if ran.last is None:
            raise KeyboardInterrupt
        reached: Progressed = ran.last.state
        x = self.run.x
        energy, err = self.objectives.last(reached.stage, x, self.run.trail)
        plan = self.plan
        ended = ran.status in (Status.STOPPED, Status.INTERRUPTED)
        n = self.circuit.num_qubits
        return {
            "energy": energy,
            "energy_err": err,
            "parameters": x,
            "status": ran.status,
            "message": ran.message if ended else self.run.message,
            "history": self.run.trail.columns(),
            "placements": np.zeros((0, n), np.int64) if plan is None else plan.placements,
            "esp": np.zeros(0) if plan is None else plan.scores,
            "targets": np.zeros(0) if plan is None else plan.targets,
            "reference": reference,
            "evaluations": len(self.run.trail.rows),
            "device_seconds": self.run.trail.clock.seconds(self.run.trail.cost),
            "cost": self.run.trail.cost,
            "warnings": notes,
            "provenance": self.record,
            "circuit": self.circuit,
        }

    def sample(self, x: NDArray[np.float64], shots: int) -> dict[int, int]:
        """Outcomes at a point on the last placement; qubit i of the circuit is bit i."""
        circuit = self.circuit if self.pool is None else self.pool.circuit
        where = None if self.plan is None else tuple(int(q) for q in self.plan.placements[-1])
        program = self.backend.prepare(circuit, qubits=where)
        counts = self.backend.sample(program, x, shots=shots, rng=child(self.seed, _LAST, 1)).outcomes[0]
        if self.pool is None:
            return counts
        moved: dict[int, int] = {}
        for outcome, times in counts.items():
            bits = sum(((outcome >> q) & 1) << i for i, q in enumerate(self.pool.final))
            moved[bits] = moved.get(bits, 0) + times
        return moved


class _Objectives:
    """The energy on each placement, prepared once."""

    def __init__(
        self,
        backend: Backend,
        circuit: QuantumCircuit,
        hamiltonian: SparsePauliOp,
        shots: tuple[int | None, ...],
        seed: np.random.SeedSequence,
    ) -> None:
        self._backend, self._circuit, self._hamiltonian = backend, circuit, hamiltonian
        self._shots, self._seed = shots, seed
        self._programs: dict[tuple[int, ...] | None, Program] = {}
        self._made: dict[tuple[tuple[int, ...] | None, int | None], ExpectationObjective] = {}

    def prepare(self, planned: Sequence[Stage]) -> None:
        """Transpile every placement beforehand."""
        for stage in planned:
            self._program(stage.placement)

    def __call__(self, stage: Stage) -> Objective:
        """The objective of a stage."""
        shots = self._shots[min(stage.cycle, len(self._shots) - 1)]
        key = (stage.placement, shots)
        if key not in self._made:
            program = self._program(stage.placement)
            seed = child(self._seed, len(self._made))
            self._made[key] = ExpectationObjective(self._backend, program, shots=shots, rng=seed)
        return self._made[key]

    def last(self, stage: Stage, x: NDArray[np.float64], trail: Trail) -> tuple[float, float]:
        """The energy at the end, from shots that chose nothing."""
        answer = self(stage).evaluate(Query(x[None]))
        trail.add(answer, stage)
        return float(answer.value[0]), 0.0 if answer.value_err is None else float(answer.value_err[0])

    def _program(self, placement: tuple[int, ...] | None) -> Program:
        if placement not in self._programs:
            self._programs[placement] = self._backend.prepare(self._circuit, self._hamiltonian, qubits=placement)
        return self._programs[placement]


def _prepare(
    hamiltonian: SparsePauliOp,
    circuit: QuantumCircuit,
    *,
    optimizer: Optimizer[Any],
    schedule: Policy | None,
    backend: Backend,
    shots: int | Sequence[int] | None,
    max_evaluations: int,
    restarts: bool | None,
    initial: ArrayLike | None,
    stop: Plateau | None,
    device_time: DeviceTime | None,
    rng: RngLike,
) -> Prepared:
    max_evaluations = positive_int(max_evaluations, "max_evaluations")
    seed = as_seed_sequence(rng)
    per_cycle = _shots(shots)
    check_circuit(circuit, hamiltonian)
    x = start_point(initial, circuit.num_parameters, child(seed, _START))
    pool, plan = None, None
    planned = [Stage(0, None, 1.0, False)]
    circuit_run, operator = circuit, hamiltonian
    if schedule is not None:
        pool = placement_pool(calibration_of(backend), circuit)
        plan = schedule.plan(pool, rng=child(seed, _PLAN))
        planned = stages(schedule, plan, optimizer)
        circuit_run, operator = pool.circuit, pool.observable(hamiltonian)
    if len(per_cycle) not in (1, len(planned)):
        must = f"be one number or one for each of {len(planned)} cycles"
        raise ValueError(argument("shots", must, f"there are {len(per_cycle)}"))
    objectives = _Objectives(backend, circuit_run, operator, per_cycle, child(seed, _SHOTS))
    objectives.prepare(planned)
    first = objectives(planned[0])
    if optimizer.uses_gradient and not getattr(first, "has_gradient", True):
        must = f"do without gradients on {backend.name}" + (" with shots" if per_cycle[0] else "")
        raise ValueError(
            argument("optimizer", must, f"{type(optimizer).__name__} asks for them; take COBYLA() or SPSA()")
        )
    run = VariationalRun(
        planned,
        objectives,
        optimizer,
        x,
        max_evaluations,
        restarts=optimizer.on_change == "restart" if restarts is None else restarts,
        sampled=per_cycle[0] is not None,
        stop=stop,
        seed=child(seed, _OPTIMIZER),
        trail=Trail(device_time or DeviceTime()),
    )
    if pool is not None and schedule is not None:
        run.replan = _replanner(backend, circuit, schedule, optimizer, pool.calibration, objectives, child(seed, _PLAN))
    record = provenance((optimizer, schedule), seed, backend.name)
    return Prepared(circuit, backend, pool, plan, run, objectives, seed, record)


def _replanner(
    backend: Backend,
    circuit: QuantumCircuit,
    policy: Policy,
    optimizer: Optimizer[Any],
    known: Calibration,
    objectives: _Objectives,
    seed: np.random.SeedSequence,
) -> Any:
    """Plans the rest of a run anew, from where it stands, whenever the backend's calibration has changed."""
    latest = known

    def replan(cycle: int, stage: Stage) -> list[Stage] | None:
        nonlocal latest
        now = calibration_of(backend)
        if now is latest or now.digest == latest.digest:
            return None
        latest = now
        pool = placement_pool(now, circuit)
        plan = policy.plan(pool, start=stage.placement, first=cycle, rng=child(seed, cycle))
        fresh = stages(policy, plan, optimizer, first=cycle)
        objectives.prepare(fresh)
        return fresh

    return replan


def _cobyla(circuit: QuantumCircuit, max_evaluations: int, rhobeg: float) -> COBYLA:
    """COBYLA that leaves the end of the run to the run; it wants two evaluations more than there are parameters."""
    return COBYLA(rhobeg=rhobeg, max_evaluations=max(max_evaluations, circuit.num_parameters + 2))


def _shots(shots: int | Sequence[int] | None) -> tuple[int | None, ...]:
    if shots is None or not isinstance(shots, Sequence):
        return (shots_or_none(shots),)
    return tuple(positive_int(number, "shots") for number in shots)


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
