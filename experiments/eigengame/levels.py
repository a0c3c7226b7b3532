"""What the experiments with circuits share: accuracies, errors of a run's levels, what it spent, starts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments.bench.table import Row
from qalgs.eigen import EigenResult, EigenWarning

CHEMICAL = 1.6e-3
"""Chemical accuracy in hartree."""
MILLI = 1e3
"""Millihartree in a hartree."""
ROUNDING = 1e-12
"""Errors in hartree below it are drawn at it."""


def raw_levels(result: EigenResult) -> NDArray[np.float64]:
    """(K,) energies of all players, guards included, ascending."""
    return np.sort([player.energy for player in result.players])


def errors(found: ArrayLike, exact: ArrayLike) -> NDArray[np.float64]:
    """(k,) distances of the lowest levels found from the exact ones; infinite where one is missing."""
    levels = np.sort(np.asarray(found, float))
    known = np.asarray(exact, float)
    gaps = np.full(len(known), np.inf)
    shown = min(len(levels), len(known))
    gaps[:shown] = np.abs(levels[:shown] - known[:shown])
    return np.where(np.isnan(gaps), np.inf, gaps)


def worst(found: ArrayLike, exact: ArrayLike) -> float:
    """The largest of the errors, in millihartree."""
    return MILLI * float(errors(found, exact).max())


def spent(result: EigenResult) -> Row:
    """Iterations, and what the field counts: energies with gradient, and player-parent pairs."""
    counted = result.counted
    return {
        "iterations": sum(player.steps for player in result.players),
        "energies": counted.get("energies", 0),
        "cross": counted.get("cross", 0),
        "seconds": result.wall_seconds,
    }


def starts(players: int, parameters: int, rng: np.random.Generator, high: float = 1.0) -> NDArray[np.float64]:
    """(players, parameters) uniform in [0, high), the paper's way."""
    return rng.uniform(0, high, (players, parameters))


def medians(rows: list[Row]) -> Row:
    """The median of each numeric column."""
    return {key: float(np.median([row[key] for row in rows])) for key in rows[0]}


@contextmanager
def duplicates_allowed() -> Iterator[None]:
    """Where a baseline is expected to find a level twice, the table says so and the warning is not needed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EigenWarning)
        yield
