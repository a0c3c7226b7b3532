"""Shapes of the schedule: the same walk, budget and restarts, with the level of the ESP moving in seven ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import qalgs as qa
from experiments.bench.table import Row
from experiments.nest.common import COLOURS, Arm, Setting, Task, paired, strip
from qalgs.checks import child
from qalgs.vqa.schedules import SHAPES, Shape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
Published, one run of each shape: inverted ReLU best, V and ReLU worst by far. There the shapes that look bad relabel
the logical qubits on their way, which moves the energy by 0.3 Ha; with correct layouts the differences are a tenth of
that. Shapes that end on a poor placement or reach the best one late are somewhat worse. `difference` is the first
shape's score minus this one's, negative where the first is better."""


@dataclass(frozen=True)
class Config:
    """H2 on an Eagle."""

    molecule: str = "H2"
    device: str = "fake_brisbane"
    shapes: tuple[Shape, ...] = ("inverted_relu", *(shape for shape in SHAPES if shape != "inverted_relu"))
    """The first is the one that others are compared with."""
    cycles: int = 6
    seeds: int = 24
    shots: int = 1024
    max_evaluations: int = 432
    seed: int = 3


PRESETS = {
    "smoke": Config(shapes=("inverted_relu", "v"), cycles=3, seeds=2, shots=128, max_evaluations=42),
    "paper": Config(),
}


def total(config: Config) -> int:
    """A row for each shape."""
    return len(config.shapes)


def compute(config: Config) -> Iterator[Row]:
    """A row per shape, with the ``esp`` of its cycles."""
    seed, task, first = np.random.SeedSequence(config.seed), Task.of(config.molecule, config.device), None
    for shape in config.shapes:
        setting = Setting(qa.Nest(shape, config.cycles), config.shots, config.max_evaluations)
        arm = Arm.of(task, setting, child(seed, 0), config.seeds)
        row: Row = {"shape": shape, **arm.facts(task)}
        if first is not None:
            row |= paired(first.gap, arm.gap, config.seed)
        yield row | {"gap": arm.gap, "esp": arm.results[0].esp, "targets": arm.results[0].targets}
        first = first or arm


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """The walks' ESPs with what they aim at, and the scores."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(11, 4), layout="constrained")
    left, right = canvas.subplots(1, 2)
    for k, row in enumerate(rows):
        colour = COLOURS[k % len(COLOURS)]
        left.plot(row["targets"], ":", color=colour, linewidth=1)
        left.plot(row["esp"], "o-", color=colour, markersize=3, label=row["shape"])
    left.set(xlabel="cycle", ylabel="ESP (dotted: aimed at)")
    left.legend(frameon=False, fontsize=8)
    strip(right, [row["gap"] for row in rows], [row["shape"] for row in rows])
    right.set(ylabel="gap (Ha)", title=f"{config.molecule} on {config.device}: exact noisy score", ylim=(0, None))
    return canvas
