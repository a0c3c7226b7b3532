"""A variational run made ready: checked, placed, transpiled for every placement, and packaged at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import Backend, Calibration, Program
from qalgs.callbacks import Progress
from qalgs.checks import RngLike, argument, as_seed_sequence, child, positive_int, shots_or_none
from qalgs.circuits import ExpectationObjective
from qalgs.evaluation import Cost, Objective, Query
from qalgs.optimizers import Optimizer
from qalgs.results import provenance
from qalgs.run import Callback, Status, drive
from qalgs.vqa.costs import DeviceTime
from qalgs.vqa.forecast import Forecast, repeated
from qalgs.vqa.placements import Pool, placement_pool
from qalgs.vqa.policies import Policy, Stage, stages
from qalgs.vqa.problem import calibration_of, check_circuit, start_point
from qalgs.vqa.running import Progressed, Trail, VariationalRun
from qalgs.vqa.stopping import Plateau

_START, _PLAN, _SHOTS, _OPTIMIZER, _LAST = range(5)
"""Keys of the random streams."""


@dataclass
class Prepared:
    """A checked run with its plan, before anything is evaluated."""

    circuit: QuantumCircuit
    backend: Backend
    pool: Pool | None
    run: VariationalRun
    objectives: Objectives
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
        if ran.status is Status.INTERRUPTED and self.backend.capabilities.remote:
            # Whoever interrupts a run on a machine with a queue does not want to wait for one more job.
            energy, err = self.run.trail.rows[-1][:2]
        else:
            energy, err = self.objectives.last(reached.stage, x, self.run.trail)
        placed = [stage for stage in self.run.stages if stage.placement is not None]
        ended = ran.status in (Status.STOPPED, Status.INTERRUPTED)
        n = self.circuit.num_qubits
        return {
            "energy": energy,
            "energy_err": err,
            "parameters": x,
            "status": ran.status,
            "message": ran.message if ended else self.run.message,
            "history": self.run.trail.columns(),
            "placements": np.array([stage.placement for stage in placed], np.int64).reshape(-1, n),
            "esp": np.array([stage.esp for stage in placed]),
            "targets": np.array([stage.target for stage in placed]),
            "reference": reference,
            "evaluations": len(self.run.trail.rows),
            "device_seconds": self.run.trail.clock.seconds(self.run.trail.cost),
            "cost": self.run.trail.cost,
            "warnings": notes,
            "provenance": self.record,
            "circuit": self.circuit,
        }

    def forecast(self) -> Forecast:
        """The most that the run uses; nothing is run."""
        asked = [(stage, size, often) for stage, size, often in self.run.questions() if often]
        cost = reduce(add, (repeated(self.objectives.estimate(stage, size), often) for stage, size, often in asked))
        planned = self.run.stages
        return Forecast(
            self.backend.name,
            len({stage.placement for stage in planned} - {None}),
            (planned[0].esp, planned[-1].esp),
            sum(size * often for _, size, often in asked),
            cost,
            cost.quantum_seconds or self.run.trail.clock.seconds(cost),
        )

    def sample(self, x: NDArray[np.float64], shots: int) -> dict[int, int]:
        """Outcomes at a point on the last placement; qubit i of the circuit is bit i."""
        circuit = self.circuit if self.pool is None else self.pool.circuit
        program = self.backend.prepare(circuit, qubits=self.run.stages[-1].placement)
        counts = self.backend.sample(program, x, shots=shots, rng=child(self.seed, _LAST, 1)).outcomes[0]
        if self.pool is None:
            return counts
        moved: dict[int, int] = {}
        for outcome, times in counts.items():
            bits = sum(((outcome >> q) & 1) << i for i, q in enumerate(self.pool.final))
            moved[bits] = moved.get(bits, 0) + times
        return moved


class Objectives:
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

    def estimate(self, stage: Stage, points: int) -> Cost:
        """What one question of so many points costs on a stage."""
        shots = self._shots[min(stage.cycle, len(self._shots) - 1)]
        return self._backend.estimate(self._program(stage.placement), points, shots)

    def last(self, stage: Stage, x: NDArray[np.float64], trail: Trail) -> tuple[float, float]:
        """The energy at the end, from shots that chose nothing."""
        answer = self(stage).evaluate(Query(x[None]))
        trail.add(answer, stage)
        return float(answer.value[0]), 0.0 if answer.value_err is None else float(answer.value_err[0])

    def _program(self, placement: tuple[int, ...] | None) -> Program:
        if placement not in self._programs:
            self._programs[placement] = self._backend.prepare(self._circuit, self._hamiltonian, qubits=placement)
        return self._programs[placement]


def prepare_run(
    hamiltonian: SparsePauliOp,
    circuit: QuantumCircuit,
    *,
    optimizer: Optimizer[Any],
    schedule: Policy | None,
    backend: Backend,
    shots: int | Sequence[int] | None,
    max_evaluations: int,
    restarts: bool | None = None,
    initial: ArrayLike | None = None,
    stop: Plateau | None = None,
    device_time: DeviceTime | None,
    rng: RngLike,
) -> Prepared:
    """Check everything, choose placements, and transpile for each of them; arguments as in ``vqe``.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument does not fit.
        CapabilityError: the backend cannot do what is asked.
    """
    max_evaluations = positive_int(max_evaluations, "max_evaluations")
    seed = as_seed_sequence(rng)
    per_cycle = _shots(shots)
    check_circuit(circuit, hamiltonian)
    x = start_point(initial, circuit.num_parameters, child(seed, _START))
    pool = None
    planned = [Stage(0, None, 1.0, False)]
    circuit_run, operator = circuit, hamiltonian
    if schedule is not None:
        pool = placement_pool(calibration_of(backend), circuit)
        planned = stages(schedule, schedule.plan(pool, rng=child(seed, _PLAN)), optimizer)
        circuit_run, operator = pool.circuit, pool.observable(hamiltonian)
    if len(per_cycle) not in (1, len(planned)):
        must = f"be one number or one for each of {len(planned)} cycles"
        raise ValueError(argument("shots", must, f"there are {len(per_cycle)}"))
    objectives = Objectives(backend, circuit_run, operator, per_cycle, child(seed, _SHOTS))
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
        known = pool.calibration
        run.replan = _replanner(backend, circuit_run, schedule, optimizer, known, objectives, child(seed, _PLAN))
    record = provenance((optimizer, schedule), seed, backend.name)
    return Prepared(circuit, backend, pool, run, objectives, seed, record)


def _replanner(
    backend: Backend,
    circuit: QuantumCircuit,
    policy: Policy,
    optimizer: Optimizer[Any],
    known: Calibration,
    objectives: Objectives,
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
        if pool.routed:  # the gates that run no longer fit anywhere without others: stay with what was planned
            return None
        plan = policy.plan(pool, start=stage.placement, first=cycle, rng=child(seed, cycle))
        fresh = stages(policy, plan, optimizer, first=cycle)
        objectives.prepare(fresh)
        return fresh

    return replan


def _shots(shots: int | Sequence[int] | None) -> tuple[int | None, ...]:
    if shots is None or not isinstance(shots, Sequence):
        return (shots_or_none(shots),)
    return tuple(positive_int(number, "shots") for number in shots)
