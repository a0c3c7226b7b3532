"""What playing at the same time saves: rounds of parallel deflation against rounds of the players one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.bench.table import Row
from experiments.eigengame.matrices import finish, random_matrix, shades
from qalgs.checks import child, generator
from qalgs.eigen.classical import EigenGameMu, Hotelling, ParallelDeflation
from qalgs.plot.common import LINES
from qalgs.run import Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
A round is T steps of power iteration of every worker and one broadcast. One by one, k players take k times the rounds
of one; together a child follows its parents while they are still on their way, and the run takes little longer than
its slowest player: for 8 players with lambda_i = 1/i a quarter of the rounds at T = 1 and half of them at T = 20, where
a player alone is done in three rounds and the news of it takes one for each of its children. Fewer workers than
players, each refining its block in turn, need fewer rounds still, but a round of theirs takes longer. EigenGame-mu,
with rounds of one gradient step, needs 8 to 60 times as many as T = 1."""

_ROUNDING = 1e-16
_MATRIX, _START = 0, 1
"""Keys of the random streams, with the repeat."""


@dataclass(frozen=True)
class Config:
    """Eight levels of matrices of dimension 256."""

    n: int = 256
    players: int = 8
    spectra: tuple[str, ...] = ("1/i", "1/i^2")
    local_steps: tuple[int, ...] = (1, 2, 5, 10, 20)
    workers: tuple[int, ...] = (8, 4, 2, 1)
    """Numbers of workers at ``shown`` local steps; all other runs have one per player."""
    shown: int = 5
    """Local steps of the curves and of the runs with fewer workers."""
    tolerance: float = 1e-6
    repeats: int = 5
    """Matrices; rounds are means over them."""
    seed: int = 2


PRESETS = {"smoke": Config(n=64, spectra=("1/i",), local_steps=(1, 5), workers=(8, 2), repeats=2), "paper": Config()}


def total(config: Config) -> int:
    """One row per spectrum and setting, and one for EigenGame-mu."""
    return len(config.spectra) * (len(_cases(config)) + 1)


def compute(config: Config) -> Iterator[Row]:
    """A row per run, with the ``error`` of every level over its rounds for the first matrix."""
    for spectrum in config.spectra:
        mu = [_played(config, EigenGameMu(c=0.0, tolerance=config.tolerance), spectrum, i) for i in _repeats(config)]
        yield _row(spectrum, "EigenGame-mu", 1, config.players, mu, None)
        alone = [_played(config, Hotelling(c=0.0, tolerance=config.tolerance), spectrum, i) for i in _repeats(config)]
        for h, workers in _cases(config):
            method = ParallelDeflation(workers, h, c=0.0, tolerance=config.tolerance)
            runs = [_played(config, method, spectrum, i) for i in _repeats(config)]
            in_turn = [_rounds_in_turn(steps, h) for steps, _ in alone]
            yield _row(spectrum, "parallel", h, workers, runs, in_turn)


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Rounds against local steps, and the levels' errors over the rounds of one run."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(10, 4), layout="constrained")
    left, right = canvas.subplots(1, 2)
    full = [row for row in rows if row["method"] == "parallel" and row["workers"] == config.players]
    for spectrum, colour in zip(config.spectra, LINES, strict=False):
        mine = [row for row in full if row["spectrum"] == spectrum]
        for key, style, name in (("in_turn", "o:", "one by one"), ("rounds", "o-", "together")):
            xs, ys = [row["local_steps"] for row in mine], [row[key] for row in mine]
            left.plot(xs, ys, style, color=colour, label=f"{spectrum}, {name}")
    left.set(xlabel="local steps T", ylabel="rounds", xscale="log", yscale="log")
    shown = [row for row in full if row["spectrum"] == config.spectra[0] and row["local_steps"] == config.shown]
    for row in shown:
        for i, (error, shade) in enumerate(zip(row["error"].T, shades(config.players), strict=True)):
            right.plot(np.arange(1, len(error) + 1), np.maximum(error, _ROUNDING), color=shade, label=f"level {i + 1}")
    right.set(xlabel=f"rounds, T = {config.shown}", ylabel=f"error of the level, {config.spectra[0]}", yscale="log")
    left.set_xticks(config.local_steps, [str(h) for h in config.local_steps])
    left.set_xticks([], minor=True)
    finish(left, right)
    return canvas


def _cases(config: Config) -> list[tuple[int, int]]:
    """Local steps and workers of each run."""
    own = [(h, config.players) for h in config.local_steps]
    return own + [(config.shown, workers) for workers in config.workers if workers < config.players]


def _repeats(config: Config) -> range:
    return range(config.repeats)


def _played(config: Config, method: Any, spectrum: str, repeat: int) -> tuple[list[Step], NDArray[np.float64]]:
    """The steps of a run, and the matrix's leading levels."""
    seed = np.random.SeedSequence(config.seed)
    M, levels = random_matrix(spectrum, config.n, generator(seed, _MATRIX, repeat))
    steps = list(method.iterate(-M, config.players, seed=child(seed, _START, repeat)))
    return steps, levels[: config.players]


def _rounds_in_turn(steps: Sequence[Step], local_steps: int) -> int:
    """Rounds of ``local_steps`` each, when a player has to be done before the next one starts."""
    spent = np.bincount([int(step.metrics["player"]) for step in steps])
    return int(np.ceil(spent / local_steps).sum())


def _row(
    spectrum: str,
    method: str,
    local_steps: int,
    workers: int,
    runs: Sequence[tuple[list[Step], NDArray[np.float64]]],
    in_turn: Sequence[int] | None,
) -> Row:
    rounds = float(np.mean([steps[-1].index for steps, _ in runs]))
    steps, levels = runs[0]
    error = np.abs([-step.state.energies - levels for step in steps])
    row = {"spectrum": spectrum, "method": method, "local_steps": local_steps, "workers": workers, "rounds": rounds}
    turn = {} if in_turn is None else {"in_turn": float(np.mean(in_turn)), "ratio": rounds / float(np.mean(in_turn))}
    sent = {} if in_turn is None else {"megabytes": steps[-1].metrics["bytes"] / 1e6}
    return row | turn | sent | {"last_error": float(error[-1].max()), "error": error}
