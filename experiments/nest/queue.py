"""A queue of mixed variational programs on one device: side by side against one after the other on the best region."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import qalgs as qa
from experiments.bench.table import Row
from experiments.nest.common import COLOURS, paired, strip
from qalgs.backends import Backend, get
from qalgs.checks import child
from qalgs.cli.vqe import read_problem
from qalgs.problems import MaxCut
from qalgs.vqa.packing import Demand
from qalgs.vqa.placements import Pool, placement_pool
from qalgs.vqa.problem import as_operator, calibration_of, exact_reference
from qalgs.vqa.queue import batches

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
First come, first served gives every program the best region and the device to itself. Side by side, as many as fit run
at once, as one circuit: all 24, and twelve times the programs per device second, as the one with the most bases takes
twice its share. Nobody waits. What could be lost is the difference in ESP between the best region and the ones that
the packing leaves: on a Heron it is lost in the noise, with a static packing and with Nest's walks alike. `lost` is
the median over programs of their score minus that of first come, first served, as a share of the ground energy,
positive where worse."""


@dataclass(frozen=True)
class Config:
    """24 programs of two to five qubits on a Heron."""

    device: str = "fake_fez"
    problems: tuple[str, ...] = (
        "h2",
        "ising:3",
        "maxcut:path:5",
        "ising:4",
        "h2",
        "maxcut:cycle:4",
        "xxz:3",
        "ising:2",
    )
    """The queue is this, over and over."""
    programs: int = 24
    cycles: int = 6
    buffer: int = 1
    shots: int = 1024
    max_evaluations: int = 216
    seed: int = 11


PRESETS = {
    "smoke": Config(problems=("ising:2", "maxcut:path:3"), programs=4, cycles=2, shots=128, max_evaluations=24),
    "paper": Config(),
}


@dataclass(frozen=True, eq=False)
class Program:
    """One program of the queue."""

    job: qa.VariationalJob
    backend: Backend

    @cached_property
    def pool(self) -> Pool:
        """Where it fits."""
        assert self.job.ansatz is not None
        return placement_pool(calibration_of(self.backend), self.job.ansatz)

    @cached_property
    def ground(self) -> float:
        """Exact lowest energy."""
        return float(exact_reference(self.job.H, as_operator(self.job.H))[0] or np.nan)

    def score(self, result: qa.VQEResult) -> float:
        """Exact noisy energy on its best placement above the lowest, as a share of that."""
        where = self.pool.placements[0].tolist()
        operator = self.pool.observable(as_operator(self.job.H))
        program = self.backend.prepare(self.pool.circuit, operator, qubits=where)
        energy = float(self.backend.expect(program, result.parameters).values[0, 0])
        return (energy - self.ground) / abs(self.ground)


def total(config: Config) -> int:
    """A row for each way."""
    return 3


def compute(config: Config) -> Iterator[Row]:
    """A row per way of serving the queue, with the ``score``, ``wait`` and ``seconds`` of every program."""
    seed, backend = np.random.SeedSequence(config.seed), get(f"noisy:{config.device}")
    first = alone(config, queue(config, backend, "flat"), seed)
    yield _row("first come, first served", *first, None)
    for name, shape in (("side by side, still", "flat"), ("side by side, nest", "inverted_relu")):
        yield _row(name, *together(config, queue(config, backend, shape), seed), first[0])


def queue(config: Config, backend: Backend, shape: str) -> list[Program]:
    """The programs in their order; equal ones share their circuit."""
    known: dict[str, tuple[object, object]] = {}
    out = []
    schedule = qa.Schedule(shape, config.cycles)  # pyright: ignore[reportArgumentType]
    for k in range(config.programs):
        name = config.problems[k % len(config.problems)]
        if name not in known:
            problem = read_problem(name)
            H = as_operator(problem)
            if isinstance(problem, MaxCut):
                known[name] = problem, qa.circuits.qaoa(H, depth=1)
            else:
                n = int(H.num_qubits or 0)
                known[name] = problem, qa.circuits.hardware_efficient(n, reps=3, rotations=("ry", "rz"))
        problem, ansatz = known[name]
        job = qa.VariationalJob(problem, ansatz, schedule=schedule, name=f"{k} {name}")  # pyright: ignore[reportArgumentType]
        out.append(Program(job, backend))
    return out


Served = tuple[NDArray[np.float64], NDArray[np.float64], float, int]
"""(programs,) scores and waiting times, the seconds of all, and the number of batches."""


def alone(config: Config, programs: Sequence[Program], seed: np.random.SeedSequence) -> Served:
    """One after the other on the best placement, with the restarts of the others."""
    scores, ends = [], [0.0]
    for k, program in enumerate(programs):
        result = qa.vqe(
            program.job.H,
            program.job.ansatz,
            schedule=qa.BestMap(config.cycles),
            backend=program.backend,
            shots=config.shots,
            max_evaluations=config.max_evaluations,
            rng=child(seed, k),
        )
        scores.append(program.score(result))
        ends.append(ends[-1] + result.device_seconds)
    return np.array(scores), np.array(ends[:-1]), ends[-1], len(programs)


def together(config: Config, programs: Sequence[Program], seed: np.random.SeedSequence) -> Served:
    """Batches in the queue's order, each with as many as fit."""
    demands = [Demand(program.pool.placements, np.log(program.pool.esp), 1) for program in programs]
    cut = batches(demands, programs[0].pool.calibration, buffer=config.buffer)
    scores, waits, clock, first = [], [], 0.0, 0
    for b, packing in enumerate(cut):
        batch = programs[first : first + packing.num_programs]
        result = qa.colocate(
            [program.job for program in batch],
            backend=batch[0].backend,
            shots=config.shots,
            buffer=config.buffer,
            max_evaluations=config.max_evaluations,
            rng=child(seed, b),
        )
        scores += [program.score(own) for program, own in zip(batch, result.programs, strict=True)]
        waits += [clock] * len(batch)
        clock, first = clock + result.device_seconds, first + len(batch)
    return np.array(scores), np.array(waits), clock, len(cut)


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Scores and waiting times of every program."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(11, 4), layout="constrained")
    left, right = canvas.subplots(1, 2)
    strip(left, [row["score"] for row in rows], [row["way"] for row in rows])
    left.set(ylabel="gap / ground energy", title=f"{config.programs} programs on {config.device}", ylim=(0, None))
    for row, colour in zip(rows, COLOURS, strict=False):
        done = np.sort(row["wait"])
        right.step(np.append(done, row["seconds"]), np.append(np.arange(len(done)) + 1, len(done)), where="post")
        right.lines[-1].set(color=colour, label=row["way"])
    right.set(xlabel="device seconds", ylabel="programs begun", xlim=(0, None), ylim=(0, None))
    right.legend(frameon=False, fontsize=8)
    right.grid(alpha=0.25, linewidth=0.5)
    return canvas


def _row(
    way: str, score: NDArray[np.float64], wait: NDArray[np.float64], seconds: float, parts: int, first: NDArray | None
) -> Row:
    row: Row = {
        "way": way,
        "batches": parts,
        "seconds": seconds,
        "programs_per_hour": 3600 * len(score) / seconds,
        "mean_wait": float(wait.mean()),
        "score_median": float(np.median(score)),
        "score_mean": float(score.mean()),
    }
    if first is not None:
        row |= {("lost" if key == "difference" else key): value for key, value in paired(score, first).items()}
    return row | {"score": score, "wait": wait}
