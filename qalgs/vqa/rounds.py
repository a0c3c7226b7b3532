"""Rounds of programs that share a device: every program asks a question, merged circuits answer all of them.

Axes: P programs, m points of a question, p parameters.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import Backend, Calibration, Program, get
from qalgs.checks import child
from qalgs.circuits import ExpectationObjective
from qalgs.evaluation import Cost, Evaluation, Query
from qalgs.optimizers import COBYLA, Optimizer
from qalgs.problems import MaxCut, Molecule
from qalgs.run import Status, Step
from qalgs.vqa.forecast import repeated
from qalgs.vqa.merged import MergedPrograms
from qalgs.vqa.packing import Spacing
from qalgs.vqa.placements import Pool
from qalgs.vqa.policies import Stage
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
    """Its levels."""
    delay: int = 0
    """Cycle of the joint run in which it begins: staggered, programs that explore leave the best regions to others."""
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

    def estimate(self, cycle: int, points: Mapping[int, int]) -> Cost:
        """What a round costs in which these programs ask for so many energies."""
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
        for cycle, places in sorted(regions(jobs, plans).items()):
            for p, place in places.items():
                backend = machine
                if crosstalk:
                    others = [other for q, other in places.items() if q != p]
                    backend = get(disturbed(calibration, place, others, crosstalk))
                key = (id(pools[p]), place.tobytes(), id(backend))
                if key not in cache:
                    operator = pools[p].observable(as_operator(jobs[p].H))
                    cache[key] = backend, backend.prepare(pools[p].circuit, operator, qubits=place.tolist())
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

    def estimate(self, cycle: int, points: Mapping[int, int]) -> Cost:
        """That of the merged circuits which the regions stand for."""
        made = {p: self._made[cycle, p] for p in points}
        costs = [one.backend.estimate(one.program, points[p], self._shots) for p, one in made.items()]
        longest = max(cost.circuits for cost in costs)
        return Cost(longest * self._shots, longest, 1)


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
        operators = [pool.observable(as_operator(job.H)) for job, pool in zip(jobs, pools, strict=True)]
        self._merged: dict[int, tuple[list[int], MergedPrograms]] = {}
        known: dict[str, MergedPrograms] = {}
        for cycle, there in regions(jobs, plans).items():
            places = {p: place.tolist() for p, place in there.items()}
            if str(places) not in known:
                circuits = [pools[p].circuit for p in places]
                own = [operators[p] for p in places]
                known[str(places)] = MergedPrograms.prepare(machine, circuits, own, list(places.values()))
            self._merged[cycle] = list(places), known[str(places)]

    def answer(
        self, cycle: int, points: Sequence[NDArray[np.float64] | None], seed: np.random.SeedSequence
    ) -> tuple[list[Evaluation | None], Cost]:
        """One joint run; a program that asks nothing runs at 0 and is not read."""
        there, merged = self._merged[cycle]
        asked = [points[p] for p in there]
        filled = [np.zeros((1, k)) if own is None else own for own, k in zip(asked, merged.parameters, strict=True)]
        answers, cost = merged.evaluate(filled, self._shots, seed)
        out: list[Evaluation | None] = [None] * len(points)
        for p, own, answer in zip(there, asked, answers, strict=True):
            out[p] = None if own is None else answer
        return out, cost

    def estimate(self, cycle: int, points: Mapping[int, int]) -> Cost:
        """The machine's own, for the merged circuits."""
        there, merged = self._merged[cycle]
        rows = max(points.get(p, 1) * own.num_bases for p, own in zip(there, merged.groupings, strict=True))
        return merged.backend.estimate(merged.program, rows, self._shots)


class Rounds:
    """All programs, question by question; a cycle of the run begins when all have ended the one before."""

    def __init__(
        self,
        programs: Sequence[VariationalRun],
        delays: Sequence[int],
        device: Device,
        seed: np.random.SeedSequence,
    ) -> None:
        self._programs, self._delays, self._device, self._seed = programs, delays, device, seed
        self._games = [program.play() for program in programs]
        self._asked: list[Asked | None] = [next(game) for game in self._games]
        self._last = [Asked(program.stages[0], Query(program.x[None])) for program in programs]
        self.energies: list[tuple[float, float] | None] = [None] * len(programs)
        """Each program's energy at the end, from shots that chose nothing; None while it runs."""
        self.count, self.cost = 0, Cost()

    def iterate(self) -> Generator[Step, None, Status]:
        """One step a round."""
        while any(asked is not None for asked in self._asked):
            waiting = {p: asked for p, asked in enumerate(self._asked) if asked is not None}
            cycle = min(self._cycle(p, asked) for p, asked in waiting.items())
            now = {p: asked for p, asked in waiting.items() if self._cycle(p, asked) == cycle}
            for p, answer in self._answer(cycle, now).items():
                self._send(p, answer)
            running = float(sum(energy is None for energy in self.energies))
            yield Step(self.count, tuple(program.x.copy() for program in self._programs), {"running": running})
        return Status.CONVERGED

    def forecast(self) -> tuple[int, Cost]:
        """The most energies of all programs together, and what they cost; nothing is run."""
        asked: dict[int, dict[int, list[tuple[int, int]]]] = {}
        for p, program in enumerate(self._programs):
            for stage, size, often in program.questions():
                asked.setdefault(stage.cycle + self._delays[p], {}).setdefault(p, []).append((size, often))
        cost, energies = Cost(), 0
        for cycle, own in asked.items():
            for together in zip_longest(*own.values(), fillvalue=(0, 0)):
                points = {p: size for p, (size, _) in zip(own, together, strict=True) if size}
                cost = cost + repeated(self._device.estimate(cycle, points), max(often for _, often in together))
                energies += sum(size * often for size, often in together)
        return energies, cost

    def finish(self, *, anew: bool = True) -> list[tuple[float, float]]:
        """Every program's energy; of those that were stopped, measured anew where they were, or the last they had."""
        for p, energy in enumerate(self.energies):
            trail = self._programs[p].trail
            if energy is None and trail.rows and not anew:
                self.energies[p] = trail.rows[-1][:2]
            elif energy is None:
                asked = Asked(self._last[p].stage, Query(self._programs[p].x[None]))
                self._close(p, asked.stage, self._answer(self._cycle(p, asked), {p: asked})[p])
        return [energy for energy in self.energies if energy is not None]

    def _send(self, p: int, answer: Evaluation) -> None:
        asked, program = self._asked[p], self._programs[p]
        assert asked is not None
        self._last[p] = asked
        if asked.query.step is None:
            self._asked[p] = None
            self._close(p, asked.stage, answer)
            return
        try:
            self._asked[p] = self._games[p].send(answer)
        except StopIteration:
            self._asked[p] = Asked(asked.stage, Query(program.x[None]))

    def _close(self, p: int, stage: Stage, answer: Evaluation) -> None:
        assert answer.value_err is not None
        self._programs[p].trail.add(answer, stage)
        self.energies[p] = float(answer.value[0]), float(answer.value_err[0])

    def _cycle(self, p: int, asked: Asked) -> int:
        """Cycle of the run."""
        return asked.stage.cycle + self._delays[p]

    def _answer(self, cycle: int, asked: Mapping[int, Asked]) -> dict[int, Evaluation]:
        points = [asked[p].query.points if p in asked else None for p in range(len(self._programs))]
        answers, cost = self._device.answer(cycle, points, child(self._seed, self.count))
        self.count += 1
        self.cost = self.cost + cost
        return {p: answer for p, answer in enumerate(answers) if answer is not None}


def regions(jobs: Sequence[VariationalJob], plans: Sequence[WalkPlan]) -> dict[int, dict[int, NDArray[np.int64]]]:
    """For each cycle of the run, the placement of each program that is there."""
    out: dict[int, dict[int, NDArray[np.int64]]] = {}
    for p, (job, plan) in enumerate(zip(jobs, plans, strict=True)):
        for c, place in enumerate(plan.placements):
            out.setdefault(job.delay + c, {})[p] = place
    return out


def disturbed(
    calibration: Calibration, place: NDArray[np.int64], others: Sequence[NDArray[np.int64]], crosstalk: float
) -> Calibration:
    """What a program on ``place`` sees: couplers next to another program's have 1 + crosstalk times the error."""
    own, near = set(place.tolist()), {int(q) for other in others for q in other}
    close = Spacing(calibration, 1).near
    gates = []
    for gate in calibration.gates:
        inside = len(gate.qubits) == 2 and set(gate.qubits) <= own
        if inside and gate.error is not None and any(close[a, b] for a in gate.qubits for b in near):
            gate = replace(gate, error=min(1.0, gate.error * (1 + crosstalk)))
        gates.append(gate)
    return replace(calibration, gates=tuple(gates))
