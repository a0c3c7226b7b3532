"""Figure 5 of arXiv 2503.13644: all levels of two-qubit H2, against the iterations of all players, and VQD's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.bench.table import Row
from experiments.eigengame.levels import duplicates_allowed, errors, raw_levels, starts
from experiments.eigengame.matrices import finish
from qalgs.checks import child, generator
from qalgs.circuits import random_layers
from qalgs.eigen import VQD, EigenGame, EigenResult, eigensolve
from qalgs.optimizers import GradientDescent
from qalgs.plot.common import LINES
from qalgs.problems import h2_two_qubits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXPECTED = """\
The figure ends its four levels near iteration 120, 200, 280 and 400 to 480; here, with M = -H as in the paper, after
86, 142, 191 and 318 (medians), and in 16 runs of 20 within 5 mHa. The shift is what that setting lacks: the last
lambda is 0.22, so its player is slow. With M = I - H and the same step 243 are enough, and 261 with c = auto, both
right in 19 of 20; the run that is not has stopped on the plateau 20 mHa above the ground state, and the Ritz values
are right in all. The figure's VQD curve ends its second level at 1.355 = 1.857 - 0.5, which is the objective of a
second copy of the ground state under beta = 0.5, and no eigenvalue. Any beta below 1.63, the largest gap, fails like
that: beta of 0.1, 0.5 and 1 never find four levels, 2 does in 7 runs; 3, 4 and 5 need 235, 218 and 368 iterations for
18, 19 and 20 runs. So VQD at a good weight is as fast as the game; what the game saves is the search for the weight."""

_START, _RUN = 0, 1
"""Keys of the random streams, with the repeat."""
_GOOD = 0.9


@dataclass(frozen=True)
class Config:
    """Gradient descent at 1 / (2 |M|) to a gradient norm of 1e-2, starts in [0, 1)."""

    players: int = 4
    shifts: tuple[float, ...] = (0.0, 1.0)
    """c of the games with the paper's step; one more game has c = auto and its own."""
    betas: tuple[float, ...] = (0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
    gtol: float = 1e-2
    within: float = 5e-3
    """Hartree; a run is right when every player's own energy is so near its level."""
    repeats: int = 20
    max_steps: int = 5000
    seed: int = 0


PRESETS = {"smoke": Config(betas=(0.5, 3.0), repeats=1), "paper": Config()}


def total(config: Config) -> int:
    """One row per method."""
    return len(_methods(config))


def compute(config: Config) -> Iterator[Row]:
    """A row per method: medians of the iterations until each player has stopped, and the energies of one run."""
    H, ansatz = h2_two_qubits(), random_layers(2).reverse_bits()
    exact, seed = np.linalg.eigvalsh(H.to_matrix()), np.random.SeedSequence(config.seed)
    for name, method in _methods(config):
        results = []
        for repeat in range(config.repeats):
            x0 = starts(config.players, ansatz.num_parameters, generator(seed, _START, repeat))
            own = child(seed, _RUN, repeat)
            with duplicates_allowed():
                results.append(eigensolve(H, config.players, method=method, ansatz=ansatz, initial=x0, rng=own))
        yield _row(config, name, results, exact)


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Energies over all iterations, those of the published VQD beside them, and what each method needs."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(13, 4), layout="constrained")
    panels = canvas.subplots(1, 3)
    named = {row["method"]: row for row in rows}
    auto = "EigenGame, c = auto"
    shown = ((f"EigenGame, c = {config.shifts[0]:g}", auto), ("VQD, beta = 0.5", "VQD, beta = 3"))
    for ax, names in zip(panels, shown, strict=False):
        for style, name in zip(("-", "--"), names, strict=True):
            if name in named:
                _draw(ax, named[name], style)
        for i, level in enumerate(np.linalg.eigvalsh(h2_two_qubits().to_matrix())):
            ax.axhline(level, color="grey", linewidth=0.7, linestyle=":", label="exact" if i == 0 else None)
        ax.set(xlabel="iterations of all players", ylabel="energy (hartree)")
    places = np.arange(len(rows))
    right = [row["right"] / config.repeats for row in rows]
    panels[2].barh(places, [row["total"] for row in rows], color=[_colour(share) for share in right])
    for place, row in zip(places, rows, strict=True):
        panels[2].text(row["total"], place, f" {row['right']}/{config.repeats}", va="center", fontsize=7)
    panels[2].set_yticks(places, [row["method"] for row in rows], fontsize=7)
    panels[2].invert_yaxis()
    panels[2].margins(x=0.15)
    panels[2].set(xlabel="iterations in all, median; runs with all levels right")
    finish(*panels)
    return canvas


def _methods(config: Config) -> list[tuple[str, EigenGame | VQD]]:
    exact = np.linalg.eigvalsh(h2_two_qubits().to_matrix())
    step = GradientDescent(0.5 / float(np.abs(exact).max()))
    common = {"gtol": config.gtol, "guards": 0, "restarts": 0, "max_steps": config.max_steps}
    games: list[tuple[str, EigenGame | VQD]] = [
        (f"EigenGame, c = {c:g}", EigenGame(c=c, optimizer=step, **common)) for c in config.shifts
    ]
    games.append(("EigenGame, c = auto", EigenGame(optimizer="descent", **common)))
    return games + [(f"VQD, beta = {beta:g}", VQD(beta=beta, optimizer=step, **common)) for beta in config.betas]


def _row(config: Config, name: str, results: Sequence[EigenResult], exact: NDArray[np.float64]) -> Row:
    iterations = np.median([np.cumsum([player.steps for player in r.players]) for r in results], axis=0)
    raw = [errors(raw_levels(r), exact).max() for r in results]
    ritz = [errors(r.eigenvalues, exact).max() for r in results]
    first = results[0].history
    return {
        "method": name,
        **{f"level_{i + 1}": float(value) for i, value in enumerate(iterations)},
        "total": float(iterations[-1]),
        "right": sum(error < config.within for error in raw),
        "right_ritz": sum(error < config.within for error in ritz),
        "error_median": float(np.median(raw)),
        "energy": np.array([first[f"energy_{r}"] for r in range(config.players)]),
    }


def _colour(share: float) -> str:
    """Of a method that is right in this share of its runs."""
    return LINES[2] if share >= _GOOD else LINES[3] if share > 0 else LINES[1]


def _draw(ax: Axes, row: Row, style: str) -> None:
    for r, energies in enumerate(row["energy"]):
        ax.plot(energies, style, color=LINES[r], linewidth=1, label=row["method"] if r == 0 else None)
