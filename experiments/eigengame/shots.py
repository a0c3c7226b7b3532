"""Two-qubit H2 with 10,000 shots per circuit: the players' energies, their Ritz values, and how few cross shots do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from experiments.bench.table import Row
from experiments.eigengame.levels import MILLI, duplicates_allowed, raw_levels, starts, worst
from experiments.eigengame.matrices import finish
from qalgs.checks import child, generator
from qalgs.circuits import random_layers
from qalgs.eigen import EigenGame, EigenResult, ShotPolicy, eigensolve
from qalgs.optimizers import GradientDescent
from qalgs.plot.common import LINES
from qalgs.problems import h2_two_qubits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
With c = auto the players' own energies are within 5 mHa of all levels in every run of five, with c = 0 in three: its
last player is slow. The Ritz values are within 5 mHa in all runs, 1 mHa in the middle and within their errors. Cross
terms need a tenth of the energies' shots; with a fiftieth the players suffer (2 runs of 5) and the Ritz values do
not. Four players span all states of two qubits, so their Ritz values are a tomography of H. Three do not: theirs are
0.5 mHa off, twice their errors, as they lie above the levels by what is not in the span."""

_START, _RUN = 0, 1
"""Keys of the random streams, with the repeat."""


@dataclass(frozen=True)
class Config:
    """Gradient descent, at most 120 steps a player, from starts in [0, 1)."""

    cases: tuple[tuple[str, int, int], ...] = (
        ("auto", 4, 10_000),
        ("auto", 4, 1_000),
        ("auto", 4, 200),
        ("0", 4, 1_000),
        ("auto", 3, 1_000),
    )
    """c, players, and shots per basis of a cross term."""
    shots: int = 10_000
    """Per basis of an energy; entries of the Ritz matrices get ten times as many."""
    steps: int = 120
    within: float = 5.0
    """Millihartree."""
    repeats: int = 10
    seed: int = 5


PRESETS = {"smoke": Config((("auto", 2, 1_000),), steps=10, repeats=1), "paper": Config()}


def total(config: Config) -> int:
    """One row per case."""
    return len(config.cases)


def compute(config: Config) -> Iterator[Row]:
    """A row per case, with the worst level's error of every run, by ``players`` and by ``ritz``, in millihartree."""
    exact = np.linalg.eigvalsh(h2_two_qubits().to_matrix())
    for c, players, cross in config.cases:
        results = [_played(config, c, players, cross, repeat) for repeat in range(config.repeats)]
        own = np.array([worst(raw_levels(result), exact[:players]) for result in results])
        ritz = np.array([worst(result.eigenvalues, exact[:players]) for result in results])
        bars = np.concatenate(
            [(r.eigenvalues - exact[:players]) / np.maximum(r.eigenvalues_err, 1e-12) for r in results]
        )
        yield {
            "c": c,
            "players": players,
            "cross_shots": cross,
            "raw_mha": float(np.median(own)),
            "raw_within": int(np.sum(own < config.within)),
            "ritz_mha": float(np.median(ritz)),
            "ritz_worst": float(ritz.max()),
            "ritz_within": int(np.sum(ritz < config.within)),
            "in_errors": float(np.sqrt(np.mean(bars**2))),
            "steps": float(np.median([sum(p.steps for p in result.players) for result in results])),
            "circuits": float(np.median([result.cost.circuits for result in results])),
            "million_shots": float(np.median([result.cost.shots for result in results])) / 1e6,
            "own": own,
            "ritz": ritz,
            "found": results[0].eigenvalues,
            "found_err": results[0].eigenvalues_err,
        }


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """The runs' worst errors, and the levels of one run of each case."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(11, 4), layout="constrained")
    left, right = canvas.subplots(1, 2)
    names = [f"c = {row['c']}, k = {row['players']}\n{row['cross_shots']} cross" for row in rows]
    for place, row in enumerate(rows):
        first = place == 0
        spread = np.linspace(-0.12, 0.12, len(row["own"]))
        left.plot(place - 0.2 + spread, row["own"], "x", color=LINES[1], label="players" if first else None)
        left.plot(place + 0.2 + spread, row["ritz"], "o", color=LINES[0], label="Ritz values" if first else None)
        exact = np.linalg.eigvalsh(h2_two_qubits().to_matrix())[: row["players"]]
        misses, bars = MILLI * (row["found"] - exact), MILLI * row["found_err"]
        right.errorbar(
            place + np.linspace(-0.2, 0.2, len(exact)), misses, bars, fmt="o", color=LINES[0], capsize=2, markersize=4
        )
    left.axhline(config.within, color="grey", linewidth=0.8, linestyle="--", label=f"{config.within:g} mHa")
    right.axhline(0, color="grey", linewidth=0.8)
    left.set(yscale="log", ylabel="worst level's error of a run (mHa)")
    right.set(ylabel="Ritz values of one run less the levels (mHa)")
    for ax in (left, right):
        ax.set_xticks(range(len(rows)), names, fontsize=7)
    finish(left, right)
    return canvas


def _played(config: Config, c: str, players: int, cross: int, repeat: int) -> EigenResult:
    H, ansatz, seed = h2_two_qubits(), random_layers(2).reverse_bits(), np.random.SeedSequence(config.seed)
    shift: float | Literal["auto"] = "auto" if c == "auto" else float(c)
    paper = GradientDescent(0.5 / float(np.abs(np.linalg.eigvalsh(H.to_matrix())).max()))
    method = EigenGame(
        c=shift,
        optimizer="descent" if shift == "auto" else paper,
        guards=0,
        restarts=0,
        max_steps=config.steps,
    )
    x0 = starts(players, ansatz.num_parameters, generator(seed, _START, repeat))
    policy = ShotPolicy(config.shots, cross)
    with duplicates_allowed():
        return eigensolve(
            H, players, method=method, ansatz=ansatz, initial=x0, shots=policy, rng=child(seed, _RUN, repeat)
        )
