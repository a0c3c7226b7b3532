"""Figure 6 of arXiv 2503.13644: iterations of the EigenGame with zeroth-order gradients, against the matrix size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from experiments.bench.table import Row
from experiments.eigengame.matrices import finish, random_matrix, shades
from qalgs.checks import child, generator
from qalgs.eigen.classical import ClassicalEigenGame
from qalgs.plot.common import LINES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
The figure shows iterations that grow mildly with the number of eigenvalues, for 8 leading pairs, but does not say how
the eigenvalues lie. With lambda_i = 1/i its mild growth appears, with fewer iterations than the figure's at every size;
with eigenvalues crowded at 1 (power(3)) they grow sixfold from n = 8 to 256. Finite differences with sigma = 1e-4 cost
nothing: their iterations are those of the exact gradient to 0.2 % for 1/i and to about 2 % for the other spectra."""

FIGURE = {8: 1150, 16: 1450, 32: 1590, 64: 1720, 128: 1980, 256: 2070, 512: 2440, 1024: 2750}
"""Total iterations read off the paper's figure."""

_ORDERS: tuple[Literal["exact", "zeroth"], ...] = ("exact", "zeroth")
_MATRIX, _START = 0, 1
"""Keys of the random streams, with the size and the repeat."""


@dataclass(frozen=True)
class Config:
    """Eight players to a gradient norm of 1e-3, at eta = 1 / (2 |M|)."""

    players: int = 8
    sizes: tuple[int, ...] = tuple(FIGURE)
    spectrum: str = "1/i"
    other_spectra: tuple[str, ...] = ("1/i^2", "pareto(1)", "power(3)")
    largest_other: int = 256
    """The largest matrix of the other spectra."""
    sigma: float = 1e-4
    tolerance: float = 1e-3
    repeats: int = 5
    """Matrices, each with its own starts; iterations are means over them."""
    seed: int = 6


PRESETS = {"smoke": Config(sizes=(8, 32, 128), other_spectra=(), repeats=2), "paper": Config()}


def total(config: Config) -> int:
    """One row per spectrum, size and order."""
    return len(_ORDERS) * len(_cases(config))


def compute(config: Config) -> Iterator[Row]:
    """A row per spectrum, size and order, with the iterations of every ``player``."""
    seed = np.random.SeedSequence(config.seed)
    for spectrum, n in _cases(config):
        for order in _ORDERS:
            method = ClassicalEigenGame(c=0.0, order=order, sigma=config.sigma, tolerance=config.tolerance)
            runs = [_run(config, method, spectrum, n, seed, repeat) for repeat in range(config.repeats)]
            yield _row(spectrum, n, order, np.array([spent for spent, _ in runs]), [error for _, error in runs])


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Total iterations against the size, and what every player adds to them."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(10, 4), layout="constrained")
    left, right = canvas.subplots(1, 2)
    for spectrum, colour in zip([config.spectrum, *config.other_spectra], LINES, strict=False):
        for order, style in zip(_ORDERS, ("o-", "x:"), strict=True):
            mine = [row for row in rows if row["spectrum"] == spectrum and row["order"] == order]
            label = f"λ = {spectrum}" if order == "exact" else None
            left.plot([r["n"] for r in mine], [r["iterations"] for r in mine], style, color=colour, label=label)
    left.plot([], [], "x:", color="black", label="in zeroth order")
    left.plot(list(FIGURE), list(FIGURE.values()), "s--", color="grey", markersize=4, label="read off the paper")
    left.set(xlabel="eigenvalues n", ylabel="total iterations of 8 players", xscale="log", yscale="log")
    left.set_xscale("log", base=2)
    mine = [row for row in rows if row["spectrum"] == config.spectrum and row["order"] == "zeroth"]
    right.stackplot(
        [row["n"] for row in mine],
        np.transpose([row["player"] for row in mine]),
        labels=[f"player {i + 1}" for i in range(config.players)],
        colors=shades(config.players),
    )
    right.set(xlabel="eigenvalues n", ylabel=f"iterations, {config.spectrum}, zeroth")
    right.set_xscale("log", base=2)
    finish(left, loc="upper left")
    finish(right, loc="center left", bbox_to_anchor=(1, 0.5), reverse=True)
    return canvas


def _cases(config: Config) -> list[tuple[str, int]]:
    own = [(config.spectrum, n) for n in config.sizes]
    return own + [(name, n) for name in config.other_spectra for n in config.sizes if n <= config.largest_other]


def _run(
    config: Config, method: ClassicalEigenGame, spectrum: str, n: int, seed: np.random.SeedSequence, repeat: int
) -> tuple[NDArray[np.int64], float]:
    """Iterations of each player, and the largest error of a level."""
    M, levels = random_matrix(spectrum, n, generator(seed, _MATRIX, n, repeat))
    players = min(config.players, n)
    steps = list(method.iterate(-M, players, seed=child(seed, _START, n, repeat)))
    spent = np.bincount([int(step.metrics["player"]) for step in steps], minlength=players)
    return spent, float(np.abs(np.sort(-steps[-1].state.energies)[::-1] - levels[:players]).max())


def _row(spectrum: str, n: int, order: str, spent: NDArray[np.int64], errors: Sequence[float]) -> Row:
    totals = spent.sum(axis=1)
    return {
        "spectrum": spectrum,
        "n": n,
        "order": order,
        "iterations": float(totals.mean()),
        "most": int(totals.max()),
        "figure": FIGURE.get(n) if spectrum == "1/i" else None,
        "error": float(np.median(errors)),
        "player": spent.mean(axis=0),
    }
