"""Nest against the best placement with and without the same restarts, Qoncord, a poor placement and random jumps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.bench.table import Row
from experiments.nest.common import COLOURS, POLICIES, Arm, Setting, Task, median_time, paired, strip, survival
from qalgs.checks import child

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
Published: Nest converges 12.7 % sooner than BestMap and 47.1 % sooner than Qoncord. The figures follow from the
published data, but only with different stopping rules for the methods; with one rule for all, Nest is 14 % later.
Here everything is equal but the placements: start, budget, shots and stopping rule. Nest is far better than BestMap
without restarts, and so are the best placement with Nest's restarts, and random jumps with them: between these
there is no difference to be seen. What restarts do is not what walking does; what walking does is need the best
tenth of the placements for a third of the run only. `difference` is the first policy's score minus this one's,
negative where the first is better; `settled_after` is when the stopping rule would end half of the runs;
`share_to_its_energy` is the share of this policy's evaluations that the first needs to its last energies."""


@dataclass(frozen=True)
class Config:
    """Three molecules, an Eagle and a Heron, 24 paired seeds."""

    molecules: tuple[str, ...] = ("H2", "HeH+", "H3+")
    devices: tuple[str, ...] = ("fake_brisbane", "fake_boston")
    policies: tuple[str, ...] = tuple(POLICIES)
    """The first is the one that others are compared with."""
    seeds: int = 24
    shots: int = 1024
    max_evaluations: int = 432
    levels: tuple[float, ...] = (0.3, 0.2)
    """Gaps in hartree that are to be reached by a mean of ten measured energies."""
    seed: int = 9


PRESETS = {
    "smoke": Config(
        molecules=("H2",),
        devices=("fake_brisbane",),
        policies=("nest", "bestmap", "bestmap, restarts"),
        seeds=2,
        shots=128,
        max_evaluations=42,
        levels=(1.0, 0.5),
    ),
    "paper": Config(),
}


def total(config: Config) -> int:
    """A row for each policy on each task."""
    return len(config.molecules) * len(config.devices) * len(config.policies)


def compute(config: Config) -> Iterator[Row]:
    """A row per policy: gaps, evaluations, and differences to the first policy, negative where that one is better."""
    seed = np.random.SeedSequence(config.seed)
    for d, device in enumerate(config.devices):
        for m, name in enumerate(config.molecules):
            task, first = Task.of(name, device), None
            for policy in config.policies:
                setting = Setting(POLICIES[policy], config.shots, config.max_evaluations)
                arm = Arm.of(task, setting, child(seed, d, m), config.seeds)
                yield _row(config, task, device, policy, arm, first)
                first = first or arm


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Gaps of every run, and the share of runs that have reached the last level."""
    from matplotlib.figure import Figure

    tasks = list(dict.fromkeys((row["device"], row["molecule"]) for row in rows))
    canvas = Figure(figsize=(11, 3.6 * len(tasks)), layout="constrained")
    grid = canvas.subplots(len(tasks), 2, squeeze=False)
    for (left, right), (device, name) in zip(grid, tasks, strict=True):
        mine = [row for row in rows if (row["device"], row["molecule"]) == (device, name)]
        strip(left, [row["gap"] for row in mine], [row["policy"] for row in mine])
        left.set(ylabel="gap (Ha)", title=f"{name} on {device}: exact noisy score", ylim=(0, None))
        level = config.levels[-1]
        for row, colour in zip(mine, COLOURS, strict=False):
            when, left_over = survival(row[f"evaluations_to_{level:g}"], row["evaluations_each"])
            share = np.concatenate([[0.0], 1 - left_over])
            right.step(np.concatenate([[0.0], when]), share, where="post", color=colour, label=row["policy"])
        right.set(xlabel="evaluations", ylabel=f"share of runs within {level:g} Ha", ylim=(-0.02, 1.02))
        right.legend(frameon=False, fontsize=8)
        right.grid(alpha=0.25, linewidth=0.5)
    return canvas


def _row(config: Config, task: Task, device: str, policy: str, arm: Arm, first: Arm | None) -> Row:
    spent = arm.evaluations
    row: Row = {
        "device": device,
        "molecule": task.name,
        "policy": policy,
        **arm.facts(task),
        "settled_after": median_time(arm.settled_after(), spent),
    }
    arrays: Row = {"gap": arm.gap, "noiseless": arm.noiseless, "evaluations_each": spent}
    for level in config.levels:
        times = arm.evaluations_to(task.ground + level)
        row |= {f"to_{level:g}": median_time(times, spent), f"reached_{level:g}": float(np.isfinite(times).mean())}
        arrays[f"evaluations_to_{level:g}"] = times
    if first is not None:
        row |= paired(first.gap, arm.gap, config.seed)
        share = _share(first, arm)
        row |= {"share_to_its_energy": float(np.median(share)), "within_three_quarters": int((share <= 0.75).sum())}
        arrays["shares"] = share
    return row | arrays


def _share(first: Arm, arm: Arm) -> np.ndarray:
    """(S,) evaluations that the first policy needs to this one's last ten energies, over those of this one."""
    last = [float(result.history["energy"][-11:-1].mean()) for result in arm.results]
    needed = [result.evaluations_to(energy) for result, energy in zip(first.results, last, strict=True)]
    return np.array([np.inf if number is None else number for number in needed]) / arm.evaluations
