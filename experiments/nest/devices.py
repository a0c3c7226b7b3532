"""One script on five devices: what there is to place on, and what Nest and the best placement with restarts reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import qalgs as qa
from experiments.bench.table import Row
from experiments.nest.common import COLOURS, Arm, Setting, Task, paired
from qalgs.checks import child
from qalgs.vqa.packing import Demand, pack

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
Quantiles of the ESP mean the same on every device, where the published constants 0.70 to 0.95 select nothing on newer
ones. Programs of four qubits that fit at 0.9 of the best ESP with an idle qubit between: 14 on Sherbrooke, 17 on
Brisbane, 27 on Boston, 17 on Nighthawk. Nest and the best placement with the same restarts are alike on all.
`difference` is Nest's score minus the other's, negative where Nest is better."""


@dataclass(frozen=True)
class Config:
    """H2 on two Eagles, two Herons and a Nighthawk."""

    devices: tuple[str, ...] = ("fake_sherbrooke", "fake_brisbane", "fake_fez", "fake_boston", "fake_nighthawk")
    molecule: str = "H2"
    seeds: int = 12
    shots: int = 1024
    max_evaluations: int = 432
    good: float = 0.9
    """Capacity is counted with placements of at least this share of the best ESP."""
    seed: int = 6


PRESETS = {
    "smoke": Config(devices=("fake_fez", "fake_sherbrooke"), seeds=1, shots=128, max_evaluations=40),
    "paper": Config(),
}


def total(config: Config) -> int:
    """A row for each device."""
    return len(config.devices)


def compute(config: Config) -> Iterator[Row]:
    """A row per device, with the ``esp`` of its pool."""
    seed = np.random.SeedSequence(config.seed)
    for device in config.devices:
        task = Task.of(config.molecule, device)
        pool = task.pool
        good = pool.placements[pool.esp >= config.good * pool.esp[0]]
        fit = pack([Demand(good, np.zeros(len(good)), None)], pool.calibration).num_programs
        nest, best = (
            Arm.of(task, Setting(policy, config.shots, config.max_evaluations), child(seed, 0), config.seeds)
            for policy in (qa.Nest(), qa.BestMap(6))
        )
        plan = qa.Nest().plan(pool)
        yield {
            "device": device,
            "places": len(pool),
            "best_esp": float(pool.esp[0]),
            "median_esp": float(np.median(pool.esp)),
            "capacity": fit,
            "walk_rmse": plan.rmse,
            "most_moved": int(plan.new_qubits.max()),
            "nest_gap": float(np.median(nest.gap)),
            "bestmap_gap": float(np.median(best.gap)),
            "on_prime": nest.on_prime(task),
            **paired(nest.gap, best.gap, config.seed),
            "esp": pool.esp,
            "nest": nest.gap,
            "bestmap": best.gap,
        }


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """The ESPs of the pools, and the scores on each device."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(11, 4), layout="constrained")
    left, right = canvas.subplots(1, 2)
    for row, colour in zip(rows, COLOURS, strict=False):
        rank = np.linspace(1, 0, len(row["esp"]))
        left.plot(rank, row["esp"], color=colour, label=f"{row['device']} ({row['places']} places)")
    left.set(xlabel="quantile", ylabel="ESP")
    left.legend(frameon=False, fontsize=8)
    for shift, key, colour in ((-0.15, "nest", COLOURS[0]), (0.15, "bestmap", COLOURS[2])):
        for k, row in enumerate(rows):
            spread = k + shift + np.linspace(-0.1, 0.1, len(row[key]))
            label = key if k == 0 else None
            right.plot(spread, row[key], "o", color=colour, alpha=0.5, markersize=4, markeredgewidth=0, label=label)
            right.plot([k + shift - 0.13, k + shift + 0.13], [np.median(row[key])] * 2, color=colour, linewidth=2.5)
    right.set_xticks(range(len(rows)), [row["device"] for row in rows], rotation=25, ha="right", fontsize=8)
    right.set(ylabel="gap (Ha)", ylim=(0, None))
    right.legend(frameon=False, fontsize=8)
    return canvas
