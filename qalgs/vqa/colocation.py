r"""Several variational programs on one device at once.

Axes: P programs, C cycles, G_p measurement bases of program p.

Each program has its own optimizer and walk; the walks keep apart in every cycle. In each round every program that is
not done asks one question, and one merged circuit on disjoint qubits answers all of them: basis g of the round measures
each program in its own basis g, so a round takes max_p G_p circuits where programs one after the other would take their
sum. Every program reads its own qubits of the counts.

On a simulator without crosstalk the programs' noise is independent, so their regions are simulated one by one with the
same distribution as the merged circuit; on hardware the merged circuit is what runs. ``crosstalk`` multiplies the
errors of couplers that lie within one coupler of another program's by 1 + crosstalk; it is a knob to see what such
errors would do, calibrated by nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Protocol

import numpy as np
import rustworkx as rx
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import Backend, BackendLike, Calibration, Program, as_backend, get
from qalgs.callbacks import Progress
from qalgs.checks import RngLike, argument, as_seed_sequence, child, positive_int, real
from qalgs.circuits import ExpectationObjective, hardware_efficient
from qalgs.evaluation import Cost, Evaluation, Objective
from qalgs.optimizers import COBYLA, Optimizer
from qalgs.problems import MaxCut, Molecule
from qalgs.results import provenance
from qalgs.run import Callback, Status, Step, drive
from qalgs.vqa.costs import DeviceTime, shared_price
from qalgs.vqa.merged import MergedPrograms
from qalgs.vqa.packing import Spacing
from qalgs.vqa.placements import Pool, placement_pool
from qalgs.vqa.policies import Nest, Stage, stages
from qalgs.vqa.problem import as_operator, calibration_of, check_circuit, exact_reference, start_point
from qalgs.vqa.result import VQEResult
from qalgs.vqa.running import Asked, Trail, VariationalRun
from qalgs.vqa.schedules import Schedule
from qalgs.vqa.together import plan_together
from qalgs.vqa.walk import WalkPlan
from qalgs_backends.devices.placements import coupling_graph

_OPTIMIZER, _START = range(2)


@dataclass(frozen=True, eq=False)
class VariationalJob:
    """One program that wants to run."""

    H: SparsePauliOp | Molecule | MaxCut
    """What is minimised."""
    ansatz: QuantumCircuit | None = None
    """None as in ``vqe``."""
    optimizer: Optimizer[Any] = field(default_factory=COBYLA)
    schedule: Schedule = field(default_factory=Schedule)
    """Its levels; every job of a run has the same number of cycles."""
    initial: ArrayLike | None = None
    """(p,) first point; None draws one."""
    name: str = ""


@dataclass(frozen=True, eq=False)
class ColocationResult:
    """What every program reached, and what the device did."""

    programs: tuple[VQEResult, ...]
    """One result each."""
    names: tuple[str, ...]
    device_seconds: float
    """Time of the merged circuits by the model."""
    alone_seconds: float
    """Time of the same circuits one program after the other."""
    prices: NDArray[np.float64]
    """(P,) each program's share of ``device_seconds`` by its qubits."""
    rounds: int
    circuits: int
    """Merged circuits run."""
    distance: int
    """Fewest idle qubits between two regions in any cycle."""
    calibration: Calibration = field(repr=False)
    """Of the device."""

    @property
    def gain(self) -> float:
        """Programs per device second, against one after the other."""
        return self.alone_seconds / self.device_seconds

    def throughput(self, targets: Sequence[float] | None = None) -> float:
        """Programs per device second; with ``targets`` only those count whose energy is at most theirs."""
        reached = [targets is None or r.energy <= targets[p] for p, r in enumerate(self.programs)]
        return sum(reached) / self.device_seconds

    def __str__(self) -> str:
        lines = [
            f"{len(self.programs)} programs in {self.device_seconds:.3g} device seconds, {self.alone_seconds:.3g} one "
            f"after the other ({self.gain:.2f} times)",
            f"{self.rounds} rounds, {self.circuits} merged circuits, at least {self.distance} idle qubits between",
        ]
        for name, result, price in zip(self.names, self.programs, self.prices, strict=True):
            energy = f"{result.energy:.4f} ± {result.energy_err:.4f}"
            lines.append(f"{name:<12} {energy}, ESP {result.esp[0]:.3f} -> {result.esp[-1]:.3f}, {price:.3g} s")
        return "\n".join(lines)


def colocate(
    jobs: Sequence[VariationalJob],
    *,
    backend: BackendLike,
    shots: int = 1024,
    buffer: int = 1,
    moves: int = 1,
    max_evaluations: int = 432,
    restarts: bool = True,
    merged: bool | None = None,
    crosstalk: float = 0.0,
    device_time: DeviceTime | None = None,
    rng: RngLike = None,
    callback: Callback | Sequence[Callback] | None = None,
) -> ColocationResult:
    """Run several variational programs side by side on one device.

    Args:
        jobs: P programs with schedules of the same number of cycles.
        backend: with a calibration: noisy:... or ibm:... .
        shots: per merged circuit.
        buffer: idle qubits, at least, between two regions.
        moves: most qubits that a program changes between cycles.
        max_evaluations: of each program.
        restarts: whether optimizers begin anew in every cycle, as in ``vqe``.
        merged: whether one circuit holds all programs; None for yes on hardware, and for no on simulators, where
            regions one by one give the same distribution much sooner.
        crosstalk: see the top of this module; >= 0.
        device_time: model of the processor's time.
        rng: seeds starts, optimizers and shots.
        callback: called after each round.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument does not fit; nothing has run.
        CapabilityError: the programs do not fit together, or the backend has no calibration.
        KeyboardInterrupt: interrupted before the first round.

    Example:
        >>> import qalgs as qa
        >>> job = qa.VariationalJob(qa.problems.transverse_field_ising(2), schedule=qa.Schedule("linear", cycles=2))
        >>> both = qa.colocate([job, job], backend="noisy:fake_fez", shots=100, max_evaluations=10, rng=1)
        >>> both.distance >= 1, round(both.gain)
        (True, 2)
    """
    if not jobs:
        raise ValueError(argument("jobs", "hold at least one job", "it is empty"))
    cycles = {job.schedule.cycles for job in jobs}
    if len(cycles) > 1:
        raise ValueError(argument("jobs", "have schedules of the same number of cycles", f"they have {sorted(cycles)}"))
    shots = positive_int(shots, "shots")
    max_evaluations = positive_int(max_evaluations, "max_evaluations")
    machine = as_backend(backend)
    calibration = calibration_of(machine)
    seed = as_seed_sequence(rng)
    clock = device_time or DeviceTime()
    pools = _pools(calibration, jobs)
    plans = plan_together(
        [(pool.placements, pool.esp) for pool in pools],
        [job.schedule.targets(pool.esp) for job, pool in zip(jobs, pools, strict=True)],
        calibration,
        buffer=buffer,
        moves=moves,
    )
    whole = machine.capabilities.remote if merged is None else merged
    chi = real(crosstalk, "crosstalk", low=0)
    if chi and (whole or not machine.capabilities.noise):
        raise ValueError(argument("crosstalk", "be 0 where regions are not simulated one by one", f"it is {chi:g}"))
    if whole:
        device: _Device = _Whole(machine, jobs, pools, plans, shots)
    else:
        device = _RegionByRegion(machine, calibration, jobs, pools, plans, shots, chi)
    programs = [
        _program(job, pool, plan, max_evaluations, restarts, clock, child(seed, p))
        for p, (job, pool, plan) in enumerate(zip(jobs, pools, plans, strict=True))
    ]
    rounds = _Rounds(programs, device, child(seed, len(jobs)))
    watchers = [callback] if callable(callback) else list(callback or ())
    ran = drive(rounds.iterate(), [*watchers, Progress("colocated", show=("running",))])
    if ran.last is None:
        raise KeyboardInterrupt
    energies = rounds.last()
    results = [
        _result(p, job, program, plan, energies[p], ran.status, ran.message, machine.name, seed)
        for p, (job, program, plan) in enumerate(zip(jobs, programs, plans, strict=True))
    ]
    seconds = clock.seconds(rounds.cost)
    return ColocationResult(
        programs=tuple(results),
        names=tuple(job.name or f"program {p}" for p, job in enumerate(jobs)),
        device_seconds=seconds,
        alone_seconds=sum(program.trail.clock.seconds(program.trail.cost) for program in programs),
        prices=shared_price(seconds, [pool.circuit.num_qubits for pool in pools]),
        rounds=rounds.count,
        circuits=rounds.cost.circuits,
        distance=_distance(calibration, plans),
        calibration=calibration,
    )


class _Device(Protocol):
    """What answers a round."""

    def answer(
        self, cycle: int, points: Sequence[NDArray[np.float64] | None], seed: np.random.SeedSequence
    ) -> tuple[list[Evaluation | None], Cost]:
        """Energies of the programs that ask, and the cost of the merged circuits."""
        ...


class _RegionByRegion:
    """Regions simulated one after the other, counted as the merged circuits they stand for."""

    def __init__(
        self,
        machine: Backend,
        calibration: Calibration,
        jobs: Sequence[VariationalJob],
        pools: Sequence[Pool],
        plans: Sequence[WalkPlan],
        shots: int,
        crosstalk: float,
    ) -> None:
        self._shots = shots
        self._made: dict[tuple[int, int], ExpectationObjective] = {}
        cache: dict[tuple[int, bytes, int], tuple[Backend, Program]] = {}
        for cycle in range(len(plans[0].placements)):
            places = [plan.placements[cycle] for plan in plans]
            for p, (job, pool) in enumerate(zip(jobs, pools, strict=True)):
                backend = machine
                if crosstalk:
                    backend = get(disturbed(calibration, places, p, crosstalk))
                key = (id(pool), places[p].tobytes(), id(backend))
                if key not in cache:
                    operator = pool.observable(as_operator(job.H))
                    cache[key] = backend, backend.prepare(pool.circuit, operator, qubits=places[p].tolist())
                self._made[cycle, p] = ExpectationObjective(*cache[key], shots=shots)

    def answer(
        self, cycle: int, points: Sequence[NDArray[np.float64] | None], seed: np.random.SeedSequence
    ) -> tuple[list[Evaluation | None], Cost]:
        """One objective after the other."""
        answers: list[Evaluation | None] = []
        for p, own in enumerate(points):
            if own is None:
                answers.append(None)
                continue
            objective = self._made[cycle, p]
            values = objective.backend.expect(objective.program, own, shots=self._shots, rng=child(seed, p))
            cost = replace(values.cost, jobs=0)
            answers.append(Evaluation(values.values[:, 0], value_err=values.values_err[:, 0], cost=cost))
        longest = max(answer.cost.circuits for answer in answers if answer is not None)
        return answers, Cost(longest * self._shots, longest, 1)


class _Whole:
    """The merged circuit itself."""

    def __init__(
        self,
        machine: Backend,
        jobs: Sequence[VariationalJob],
        pools: Sequence[Pool],
        plans: Sequence[WalkPlan],
        shots: int,
    ) -> None:
        self._shots = shots
        circuits = [pool.circuit for pool in pools]
        operators = [pool.observable(as_operator(job.H)) for job, pool in zip(jobs, pools, strict=True)]
        self._merged = []
        known: dict[bytes, MergedPrograms] = {}
        for cycle in range(len(plans[0].placements)):
            places = [plan.placements[cycle].tolist() for plan in plans]
            key = repr(places).encode()
            if key not in known:
                known[key] = MergedPrograms.prepare(machine, circuits, operators, places)
            self._merged.append(known[key])

    def answer(
        self, cycle: int, points: Sequence[NDArray[np.float64] | None], seed: np.random.SeedSequence
    ) -> tuple[list[Evaluation | None], Cost]:
        """One joint run; a program that asks nothing runs at 0 and is not read."""
        merged = self._merged[cycle]
        filled = [np.zeros((1, k)) if own is None else own for own, k in zip(points, merged.parameters, strict=True)]
        answers, cost = merged.evaluate(filled, self._shots, seed)
        return [None if own is None else answer for own, answer in zip(points, answers, strict=True)], cost


class _Rounds:
    """All programs, question by question; a cycle begins when all have ended the one before."""

    def __init__(self, programs: Sequence[VariationalRun], device: _Device, seed: np.random.SeedSequence) -> None:
        self._programs, self._device, self._seed = programs, device, seed
        self._games = [program.play() for program in programs]
        self._asked: list[Asked | None] = [next(game) for game in self._games]
        self.count, self.cost = 0, Cost()

    def iterate(self) -> Generator[Step, None, Status]:
        """One step a round."""
        while any(asked is not None for asked in self._asked):
            cycle = min(asked.stage.cycle for asked in self._asked if asked is not None)
            asking = [asked if asked is not None and asked.stage.cycle == cycle else None for asked in self._asked]
            answers = self._answer(cycle, [None if asked is None else asked.query.points for asked in asking])
            for p, answer in enumerate(answers):
                if answer is None:
                    continue
                try:
                    self._asked[p] = self._games[p].send(answer)
                except StopIteration:
                    self._asked[p] = None
            running = sum(asked is not None for asked in self._asked)
            yield Step(self.count, tuple(program.x.copy() for program in self._programs), {"running": float(running)})
        return Status.CONVERGED

    def last(self) -> list[tuple[float, float]]:
        """Every program's energy on its last placement, from shots that chose nothing."""
        stages = [program.stages[-1] for program in self._programs]
        answers = self._answer(stages[0].cycle, [program.x[None] for program in self._programs])
        out = []
        for program, stage, answer in zip(self._programs, stages, answers, strict=True):
            assert answer is not None
            assert answer.value_err is not None
            program.trail.add(answer, stage)
            out.append((float(answer.value[0]), float(answer.value_err[0])))
        return out

    def _answer(self, cycle: int, points: Sequence[NDArray[np.float64] | None]) -> list[Evaluation | None]:
        answers, cost = self._device.answer(cycle, points, child(self._seed, self.count))
        self.count += 1
        self.cost = self.cost + cost
        return answers


def disturbed(calibration: Calibration, places: Sequence[NDArray[np.int64]], p: int, crosstalk: float) -> Calibration:
    """What program ``p`` sees: couplers next to another program's have 1 + crosstalk times the error."""
    own = set(places[p].tolist())
    others = {int(q) for r, place in enumerate(places) if r != p for q in place}
    close = Spacing(calibration, 1).near
    gates = []
    for gate in calibration.gates:
        inside = len(gate.qubits) == 2 and set(gate.qubits) <= own
        if inside and gate.error is not None and any(close[a, b] for a in gate.qubits for b in others):
            gate = replace(gate, error=min(1.0, gate.error * (1 + crosstalk)))
        gates.append(gate)
    return replace(calibration, gates=tuple(gates))


def _pools(calibration: Calibration, jobs: Sequence[VariationalJob]) -> list[Pool]:
    """One pool for each job, the same object for the same circuit."""
    known: dict[int, Pool] = {}
    pools = []
    default: dict[int, QuantumCircuit] = {}
    for job in jobs:
        H = as_operator(job.H)
        n = int(H.num_qubits or 0)
        circuit = job.ansatz
        if circuit is None:
            circuit = default.setdefault(n, hardware_efficient(n, reps=3, rotations=("ry", "rz")))
        check_circuit(circuit, H)
        if id(circuit) not in known:
            known[id(circuit)] = placement_pool(calibration, circuit)
        pools.append(known[id(circuit)])
    return pools


def _program(
    job: VariationalJob,
    pool: Pool,
    plan: WalkPlan,
    max_evaluations: int,
    restarts: bool,
    clock: DeviceTime,
    seed: np.random.SeedSequence,
) -> VariationalRun:
    planned = stages(Nest(), plan, job.optimizer)
    start = start_point(job.initial, pool.circuit.num_parameters, child(seed, _START))

    def unused(stage: Stage) -> Objective:
        raise AssertionError(stage)

    return VariationalRun(
        planned,
        unused,
        job.optimizer,
        start,
        max_evaluations,
        restarts,
        True,
        None,
        child(seed, _OPTIMIZER),
        Trail(clock),
    )


def _result(
    p: int,
    job: VariationalJob,
    program: VariationalRun,
    plan: WalkPlan,
    energy: tuple[float, float],
    status: Status,
    message: str,
    source: str,
    seed: np.random.SeedSequence,
) -> VQEResult:
    reference, notes = exact_reference(job.H, as_operator(job.H))
    ended = status in (Status.STOPPED, Status.INTERRUPTED)
    return VQEResult(
        energy=energy[0],
        energy_err=energy[1],
        parameters=program.x,
        status=status,
        message=message if ended else program.message,
        history=program.trail.columns(),
        placements=plan.placements,
        esp=plan.scores,
        targets=plan.targets,
        reference=reference,
        evaluations=len(program.trail.rows),
        device_seconds=program.trail.clock.seconds(program.trail.cost),
        cost=program.trail.cost,
        warnings=notes,
        provenance=provenance(job.optimizer, child(seed, p), source),
    )


def _distance(calibration: Calibration, plans: Sequence[WalkPlan]) -> int:
    """Fewest idle qubits between two regions in any cycle; the number of qubits where there is one program."""
    graph = coupling_graph(calibration, max_error=None)
    apart = np.asarray(rx.distance_matrix(graph, null_value=np.inf))
    least = float(calibration.num_qubits)
    for places in zip(*(plan.placements for plan in plans), strict=True):
        for a, b in combinations(places, 2):
            least = min(least, float(apart[np.ix_(a, b)].min()) - 1)
    return int(least)
