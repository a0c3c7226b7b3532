"""Is there a use of placements that beats the best one with restarts? Candidates at the same number of shots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import qalgs as qa
from experiments.bench.table import Row
from experiments.nest.common import Arm, Setting, Task, paired, strip
from qalgs.checks import child
from qalgs.optimizers import SPSA

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
Walks of several lengths and shapes, shots that grow with the ESP, an optimizer that keeps its state over changes of
placement, and these together, against COBYLA on the best placement with six restarts. `difference` is a candidate's
score minus the first's, negative where the candidate is better; it is significant where p is below 0.05 over the
number of candidates. None is: walks end within 0.01 Ha of the best placement, on either side, a jump from poor to
best and shots that grow along a walk are somewhat worse, and SPSA with these gains, untuned, is far behind with 216
steps for 32 parameters, walking or not (`walk_minus_best` compares with the same optimizer and shots on the best
placement)."""

_GROWING = (0.25, 0.5, 1.0, 1.25, 1.5, 1.5)
"""Shots of each cycle over their mean, rising with Nest's ESP."""


@dataclass(frozen=True)
class Config:
    """H2 on an Eagle."""

    molecule: str = "H2"
    device: str = "fake_brisbane"
    seeds: int = 24
    shots: int = 1024
    max_evaluations: int = 432
    candidates: int | None = None
    """Only so many, for a short run."""
    seed: int = 7


PRESETS = {
    "smoke": Config(seeds=2, shots=128, max_evaluations=40, candidates=3),
    "paper": Config(),
}


def settings(config: Config) -> dict[str, tuple[Setting, str]]:
    """Each candidate, and the one on the best placement that differs from it in the placements only."""
    budget, shots = config.max_evaluations, config.shots
    growing = tuple(max(1, round(share * shots)) for share in _GROWING)
    carried = SPSA(step_size=0.6, perturbation=0.2, stability=budget / 20)
    best, best_spsa, best_growing = "bestmap, restarts", "bestmap, spsa", "bestmap, growing shots"
    every = {
        best: (Setting(qa.BestMap(6), shots, budget), ""),
        "nest": (Setting(qa.Nest(), shots, budget), best),
        "nest, from the median": (Setting(qa.Nest(low=0.5), shots, budget), best),
        "nest, two qubits a move": (Setting(qa.Nest(moves=2), shots, budget), best),
        "linear": (Setting(qa.Nest("linear"), shots, budget), best),
        "step": (Setting(qa.Nest("step", moves=4), shots, budget), best),
        best_growing: (Setting(qa.BestMap(6), growing, budget), ""),
        "nest, growing shots": (Setting(qa.Nest(), growing, budget), best_growing),
        best_spsa: (Setting(qa.BestMap(6), shots, budget, carried), ""),
        "nest, spsa": (Setting(qa.Nest(), shots, budget, carried), best_spsa),
        "nest, spsa, growing shots": (Setting(qa.Nest(), growing, budget, carried), best_spsa),
    }
    return dict(list(every.items())[: config.candidates])


def total(config: Config) -> int:
    """A row for each candidate, the first among them."""
    return len(settings(config))


def compute(config: Config) -> Iterator[Row]:
    """A row per candidate."""
    seed, task = np.random.SeedSequence(config.seed), Task.of(config.molecule, config.device)
    every, arms = settings(config), {}
    for name, (setting, same) in every.items():
        arm = arms[name] = Arm.of(task, setting, child(seed, 0), config.seeds)
        spent = float(np.mean([result.device_seconds for result in arm.results]))
        row: Row = {"candidate": name, **arm.facts(task), "device_seconds": spent}
        if len(arms) > 1:
            row |= paired(arm.gap, arms[next(iter(arms))].gap, config.seed)
            row["significant"] = row.get("p", 1.0) < 0.05 / (len(every) - 1) and row["difference"] < 0
        if same in arms:
            row |= {f"walk_minus_best{key}": value for key, value in _short(paired(arm.gap, arms[same].gap)).items()}
        yield row | {"gap": arm.gap}


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """The scores of all candidates."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(11, 4.5), layout="constrained")
    ax = canvas.subplots()
    strip(ax, [row["gap"] for row in rows], [row["candidate"] for row in rows])
    ax.axhline(float(np.median(rows[0]["gap"])), color="grey", linestyle="--", linewidth=0.8)
    title = f"{config.molecule} on {config.device}: exact noisy score"
    ax.set(ylabel="gap (Ha)", ylim=(0, None), title=title)
    return canvas


def _short(facts: dict[str, float]) -> dict[str, float]:
    return {"" if key == "difference" else f"_{key}": facts[key] for key in ("difference", "p") if key in facts}
