"""How many cycles, and how many evaluations in each: for Nest, and for the best placement with the same restarts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import qalgs as qa
from experiments.bench.table import Row
from experiments.nest.common import COLOURS, Arm, Setting, Task, paired
from qalgs.checks import child

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
Published for Nest alone: two cycles are worse (0.16 Ha), four to eight alike (0.09 to 0.11), ten worse (0.12), as 43
evaluations hardly fill a simplex of 33; more evaluations a cycle help a little. The missing arm, the best placement
with as many restarts, goes the same way here: what is being measured is the number of restarts. `difference` is Nest's
score minus that arm's, negative where Nest is better."""


@dataclass(frozen=True)
class Config:
    """H2 on an Eagle."""

    molecule: str = "H2"
    device: str = "fake_brisbane"
    cycles: tuple[int, ...] = (2, 4, 6, 8, 10)
    """Of a budget of six times ``per_cycle``."""
    evaluations: tuple[int, ...] = (56, 64, 80, 88)
    """Of six cycles."""
    per_cycle: int = 72
    seeds: int = 24
    shots: int = 1024
    seed: int = 4


PRESETS = {
    "smoke": Config(cycles=(2,), evaluations=(8,), per_cycle=8, seeds=1, shots=128),
    "paper": Config(),
}


def total(config: Config) -> int:
    """Two rows for each choice."""
    return 2 * (len(config.cycles) + len(config.evaluations))


def compute(config: Config) -> Iterator[Row]:
    """Two rows per choice: Nest, and the best placement with restarts."""
    seed, task = np.random.SeedSequence(config.seed), Task.of(config.molecule, config.device)
    choices = [("cycles", C, 6 * config.per_cycle) for C in config.cycles]
    choices += [("evaluations", 6, 6 * number) for number in config.evaluations]
    for part, cycles, budget in choices:
        nest = None
        for name, policy in (("nest", qa.Nest(cycles=cycles)), ("bestmap, restarts", qa.BestMap(cycles))):
            arm = Arm.of(task, Setting(policy, config.shots, budget), child(seed, 0), config.seeds)
            row: Row = {"part": part, "cycles": cycles, "budget": budget, "policy": name, **arm.facts(task)}
            if nest is not None:
                row |= paired(nest.gap, arm.gap, config.seed)
            yield row | {"gap": arm.gap}
            nest = nest or arm


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Median scores with quartiles."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(10, 3.8), layout="constrained")
    panels = canvas.subplots(1, 2, sharey=True)
    for ax, part, key in zip(panels, ("cycles", "evaluations"), ("cycles", "budget"), strict=True):
        for policy, colour in zip(("nest", "bestmap, restarts"), COLOURS, strict=False):
            mine = [row for row in rows if row["part"] == part and row["policy"] == policy]
            if not mine:
                continue
            low, middle, high = np.quantile([row["gap"] for row in mine], [0.25, 0.5, 0.75], axis=1)
            x = [row[key] for row in mine]
            ax.errorbar(x, middle, [middle - low, high - middle], fmt="o-", color=colour, capsize=3, label=policy)
        ax.grid(alpha=0.25, linewidth=0.5)
    panels[0].set(xlabel=f"cycles of {6 * config.per_cycle} evaluations", ylabel="gap (Ha)", ylim=(0, None))
    panels[1].set(xlabel="evaluations in six cycles")
    panels[0].legend(frameon=False, fontsize=8)
    return canvas
