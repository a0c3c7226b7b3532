"""Rounds of programs that share a device: every program asks a question, merged circuits answer all of them.

Axes: P programs, m points of a question, p parameters.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import Backend, Calibration, Program, get
from qalgs.checks import child
from qalgs.circuits import ExpectationObjective
from qalgs.evaluation import Cost, Evaluation
from qalgs.optimizers import COBYLA, Optimizer
from qalgs.problems import MaxCut, Molecule
from qalgs.run import Status, Step
from qalgs.vqa.merged import MergedPrograms
from qalgs.vqa.packing import Spacing
from qalgs.vqa.placements import Pool
from qalgs.vqa.problem import as_operator
from qalgs.vqa.running import Asked, VariationalRun
from qalgs.vqa.schedules import Schedule
from qalgs.vqa.walk import WalkPlan


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


class Device(Protocol):
    """What answers a round."""

    def answer(
        self, cycle: int, points: Sequence[NDArray[np.float64] | None], seed: np.random.SeedSequence
    ) -> tuple[list[Evaluation | None], Cost]:
        """Energies of the programs that ask, and the cost of the merged circuits."""
        ...


class RegionByRegion:
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


class Whole:
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


class Rounds:
    """All programs, question by question; a cycle begins when all have ended the one before."""

    def __init__(self, programs: Sequence[VariationalRun], device: Device, seed: np.random.SeedSequence) -> None:
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
