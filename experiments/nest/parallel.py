"""One to five programs side by side: what each still reaches, and programs per device second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import qalgs as qa
from experiments.bench.table import Row
from experiments.nest.common import COLOURS, Task, strip
from qalgs.checks import child
from qalgs.vqa.schedules import Shape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
Published: two to five programs, with a quality that falls from 0.09 to 0.14 Ha, of regions that in the end touch. Here
regions keep an idle qubit between them in every cycle and run as one circuit: K programs take K times less device time
than one after the other, and lose no more than the ESP of the next best regions costs, 0.01 to 0.02 Ha. No crosstalk
is modelled unless it is asked for; what is asked for is no measurement of a device."""


@dataclass(frozen=True)
class Config:
    """H2 on an Eagle."""

    molecule: str = "H2"
    device: str = "fake_brisbane"
    programs: tuple[int, ...] = (1, 2, 3, 4, 5)
    runs: int = 10
    shape: Shape = "inverted_relu"
    cycles: int = 6
    buffer: int = 1
    crosstalk: float = 0.0
    shots: int = 1024
    max_evaluations: int = 432
    target: float = 0.3
    """A program has reached its target when its energy is at most so far above the ground energy, in hartree."""
    seed: int = 5


PRESETS = {
    "smoke": Config(programs=(1, 2), runs=1, cycles=2, shots=128, max_evaluations=40, target=1.0),
    "paper": Config(),
}


def total(config: Config) -> int:
    """A row for each number of programs."""
    return len(config.programs)


def compute(config: Config) -> Iterator[Row]:
    """A row per number of programs, over all runs and programs."""
    seed, task = np.random.SeedSequence(config.seed), Task.of(config.molecule, config.device)
    job = qa.VariationalJob(task.hamiltonian, task.ansatz, schedule=qa.Schedule(config.shape, config.cycles))
    for K in config.programs:
        results = [
            qa.colocate(
                [job] * K,
                backend=task.backend,
                shots=config.shots,
                buffer=config.buffer,
                max_evaluations=config.max_evaluations,
                crosstalk=config.crosstalk,
                rng=child(seed, K, r),
            )
            for r in range(config.runs)
        ]
        programs = [program for result in results for program in result.programs]
        gap = np.array([program.energy for program in programs]) - task.ground
        wanted = [task.ground + config.target] * K
        yield {
            "programs": K,
            "gap_median": float(np.median(gap)),
            "gap_mean": float(gap.mean()),
            "gap_err": float(gap.std(ddof=1) / np.sqrt(len(gap))) if len(gap) > 1 else None,
            "score_median": float(np.median(task.noisy_gap(np.array([program.parameters for program in programs])))),
            "last_esp": float(np.mean([program.esp[-1] for program in programs])),
            "idle_between": min(result.distance for result in results),
            "device_seconds": float(np.mean([result.device_seconds for result in results])),
            "gain": float(np.mean([result.gain for result in results])),
            "reached": float(np.mean(gap <= config.target)),
            "reached_per_hour": 3600 * float(np.mean([result.throughput(wanted) for result in results])),
            "gap": gap,
        }


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Gaps of all programs on their own last placements, and the throughput."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = canvas.subplots(1, 2)
    strip(left, [row["gap"] for row in rows], [str(row["programs"]) for row in rows])
    left.set(xlabel="programs", ylabel="measured gap (Ha)")
    K = [row["programs"] for row in rows]
    right.plot(K, [row["gain"] for row in rows], "o-", color=COLOURS[0], label="programs per device second")
    base = rows[0]["reached_per_hour"]
    if base:
        right.plot(
            K, [r["reached_per_hour"] / base for r in rows], "s-", color=COLOURS[1], label="that reach the target"
        )
    right.plot(K, K, ":", color="grey", label="K")
    right.set(xlabel="programs", ylabel="gain over one")
    right.legend(frameon=False, fontsize=8)
    right.grid(alpha=0.25, linewidth=0.5)
    return canvas
