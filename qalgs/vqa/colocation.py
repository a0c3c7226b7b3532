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

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
import rustworkx as rx
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from qalgs.backends import Backend, BackendLike, Calibration, as_backend
from qalgs.callbacks import Progress
from qalgs.checks import RngLike, argument, as_seed_sequence, child, positive_int, real
from qalgs.circuits import hardware_efficient
from qalgs.evaluation import Objective
from qalgs.results import provenance, save_record
from qalgs.run import Callback, Status, drive
from qalgs.vqa.costs import DeviceTime, shared_price
from qalgs.vqa.forecast import Forecast
from qalgs.vqa.placements import Pool, placement_pool
from qalgs.vqa.policies import Nest, Stage, stages
from qalgs.vqa.problem import as_operator, calibration_of, check_circuit, exact_reference, start_point
from qalgs.vqa.result import VQEResult
from qalgs.vqa.rounds import Device, RegionByRegion, Rounds, VariationalJob, Whole, regions
from qalgs.vqa.running import Trail, VariationalRun
from qalgs.vqa.together import plan_together
from qalgs.vqa.walk import WalkPlan
from qalgs_backends.devices.placements import coupling_graph

_OPTIMIZER, _START = range(2)


@dataclass(frozen=True, eq=False)
class ColocationResult:
    """What every program reached, and what the device did."""

    programs: tuple[VQEResult, ...]
    """One result each."""
    names: tuple[str, ...]
    delays: tuple[int, ...]
    """Cycle of the run in which each program began."""
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

    @property
    def provenance(self) -> dict[str, str]:
        """Of the run; every program's own stands in its result."""
        return self.programs[0].provenance

    def save(self, path: str | Path) -> None:
        """Write ``path.npz`` and ``path.json`` for the run, and ``path-<program>`` of both kinds for each program."""
        facts = {name: getattr(self, name) for name in ("device_seconds", "alone_seconds", "rounds", "circuits")}
        facts |= {
            "names": list(self.names),
            "delays": list(self.delays),
            "distance": self.distance,
            "calibration": self.calibration.digest,
        }
        save_record(path, {"prices": self.prices}, facts | {"summary": str(self).splitlines()})
        for p, program in enumerate(self.programs):
            program.save(f"{path}-{p}")

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
        jobs: P programs; their delays stagger them.
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
    ready = _Together.of(
        jobs,
        backend=backend,
        shots=shots,
        buffer=buffer,
        moves=moves,
        max_evaluations=max_evaluations,
        restarts=restarts,
        merged=merged,
        crosstalk=crosstalk,
        device_time=device_time,
        rng=rng,
    )
    watchers = [callback] if callable(callback) else list(callback or ())
    rounds = ready.rounds
    ran = drive(rounds.iterate(), [*watchers, Progress("colocated", show=("running",))])
    if ran.last is None:
        raise KeyboardInterrupt
    # Whoever interrupts a run on a machine with a queue does not want to wait for more jobs.
    energies = rounds.finish(anew=ran.status is not Status.INTERRUPTED or not ready.machine.capabilities.remote)
    results = [
        _result(p, job, program, plan, energies[p], ran.status, ran.message, ready.machine.name, ready.seed)
        for p, (job, program, plan) in enumerate(zip(jobs, ready.programs, ready.plans, strict=True))
    ]
    seconds = ready.clock.seconds(rounds.cost)
    return ColocationResult(
        programs=tuple(results),
        names=tuple(job.name or f"program {p}" for p, job in enumerate(jobs)),
        delays=tuple(job.delay for job in jobs),
        device_seconds=seconds,
        alone_seconds=sum(program.trail.clock.seconds(program.trail.cost) for program in ready.programs),
        prices=shared_price(seconds, [plan.placements.shape[1] for plan in ready.plans]),
        rounds=rounds.count,
        circuits=rounds.cost.circuits,
        distance=_distance(ready.calibration, jobs, ready.plans),
        calibration=ready.calibration,
    )


def planned_together(
    jobs: Sequence[VariationalJob],
    *,
    backend: BackendLike,
    shots: int = 1024,
    buffer: int = 1,
    moves: int = 1,
    max_evaluations: int = 432,
    merged: bool | None = None,
    device_time: DeviceTime | None = None,
) -> Forecast:
    """The most that ``colocate`` with the same arguments uses; every map is transpiled and nothing is run.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument does not fit.
        CapabilityError: the programs do not fit together, or the backend has no calibration.
    """
    ready = _Together.of(
        jobs,
        backend=backend,
        shots=shots,
        buffer=buffer,
        moves=moves,
        max_evaluations=max_evaluations,
        restarts=True,
        merged=merged,
        crosstalk=0.0,
        device_time=device_time,
        rng=0,
    )
    energies, cost = ready.rounds.forecast()
    there = regions(jobs, ready.plans).values()
    maps = {tuple((p, *place.tolist()) for p, place in places.items()) for places in there}
    first, last = (float(np.mean([plan.scores[c] for plan in ready.plans])) for c in (0, -1))
    seconds = cost.quantum_seconds or ready.clock.seconds(cost)
    return Forecast(ready.machine.name, len(maps), (first, last), energies, cost, seconds)


@dataclass(frozen=True, eq=False)
class _Together:
    """Programs that are checked, placed and transpiled."""

    machine: Backend
    calibration: Calibration
    plans: Sequence[WalkPlan]
    programs: Sequence[VariationalRun]
    rounds: Rounds
    clock: DeviceTime
    seed: np.random.SeedSequence

    @classmethod
    def of(
        cls,
        jobs: Sequence[VariationalJob],
        *,
        backend: BackendLike,
        shots: int,
        buffer: int,
        moves: int,
        max_evaluations: int,
        restarts: bool,
        merged: bool | None,
        crosstalk: float,
        device_time: DeviceTime | None,
        rng: RngLike,
    ) -> _Together:
        """Arguments as in ``colocate``."""
        if not jobs:
            raise ValueError(argument("jobs", "hold at least one job", "it is empty"))
        delays = [positive_int(job.delay, "delay", minimum=0) for job in jobs]
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
            delays=delays,
        )
        whole = machine.capabilities.remote if merged is None else merged
        chi = real(crosstalk, "crosstalk", low=0)
        if chi and (whole or not machine.capabilities.noise):
            raise ValueError(argument("crosstalk", "be 0 where regions are not simulated one by one", f"it is {chi:g}"))
        if whole:
            device: Device = Whole(machine, jobs, pools, plans, shots)
        else:
            device = RegionByRegion(machine, calibration, jobs, pools, plans, shots, chi)
        programs = [
            _program(job, pool, plan, max_evaluations, restarts, clock, child(seed, p))
            for p, (job, pool, plan) in enumerate(zip(jobs, pools, plans, strict=True))
        ]
        rounds = Rounds(programs, delays, device, child(seed, len(jobs)))
        return cls(machine, calibration, plans, programs, rounds, clock, seed)


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


def _distance(calibration: Calibration, jobs: Sequence[VariationalJob], plans: Sequence[WalkPlan]) -> int:
    """Fewest idle qubits between two regions in any cycle; the number of qubits where there is one program."""
    graph = coupling_graph(calibration, max_error=None)
    apart = np.asarray(rx.distance_matrix(graph, null_value=np.inf))
    least = float(calibration.num_qubits)
    for places in regions(jobs, plans).values():
        for a, b in combinations(places.values(), 2):
            least = min(least, float(apart[np.ix_(a, b)].min()) - 1)
    return int(least)
