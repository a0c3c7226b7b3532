"""H2 pulled apart: all levels of two electrons with Sz = 0 along the bond, each point started from the one before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.bench.table import Row
from experiments.eigengame.levels import CHEMICAL, MILLI, ROUNDING, errors, spent, worst
from experiments.eigengame.matrices import finish
from qalgs.checks import child
from qalgs.eigen import EigenGame, EigenResult, eigensolve
from qalgs.eigen.problem import as_problem, layers
from qalgs.plot.common import LINES
from qalgs.problems import molecule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
The ground state and the triplet meet at -0.9332 hartree, twice that of a hydrogen atom in this basis, and S^2 tells
them apart all the way. All four levels stay below chemical accuracy at every bond length. A point that starts where
the last one ended needs a fifth or less of the evaluations of one that starts at random, and cannot lose a level
that the last one had."""


@dataclass(frozen=True)
class Config:
    """Bond lengths in angstrom."""

    shortest: float = 0.4
    longest: float = 3.0
    points: int = 27
    levels: int = 4
    seed: int = 8


PRESETS = {"smoke": Config(shortest=0.7, longest=0.9, points=3), "paper": Config()}


def total(config: Config) -> int:
    """One row per bond length."""
    return config.points


def compute(config: Config) -> Iterator[Row]:
    """A row per bond length, with its levels, and what it took from the last point and from random starts."""
    seed, last = np.random.SeedSequence(config.seed), None
    for i, length in enumerate(np.linspace(config.shortest, config.longest, config.points)):
        species = molecule("H2", bond_length=float(length))
        exact, aux = species.exact_levels(config.levels), {"S2": species.spin_squared}

        def solved(initial: EigenResult | None, own: np.random.SeedSequence, aux=aux, species=species) -> EigenResult:
            # Layers of rotations know nothing of the molecule, as a start from its determinants would.
            ansatz, method = layers(as_problem(species)), EigenGame()
            return eigensolve(species, config.levels, method=method, ansatz=ansatz, aux=aux, initial=initial, rng=own)

        cold = solved(None, child(seed, i))
        warm = cold if last is None else solved(last, child(seed, i))
        last = warm
        yield {
            "bond_length": float(length),
            "warm_mha": worst(warm.eigenvalues, exact),
            "cold_mha": worst(cold.eigenvalues, exact),
            "warm_energies": spent(warm)["energies"],
            "cold_energies": spent(cold)["energies"],
            "warm_cross": spent(warm)["cross"],
            "cold_cross": spent(cold)["cross"],
            "found": warm.eigenvalues,
            "spin": warm.aux["S2"],
            "exact": exact,
        }


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Levels over the bond length, their errors, and evaluations with and without the last point."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(13, 4), layout="constrained")
    curve, miss, work = canvas.subplots(1, 3)
    x = [row["bond_length"] for row in rows]
    exact, found, spin = (np.array([row[key] for row in rows]) for key in ("exact", "found", "spin"))
    for r in range(config.levels):
        curve.plot(x, exact[:, r], color="grey", linewidth=0.8, label="exact" if r == 0 else None)
    for name, chosen, colour in (("singlets", spin < 1, LINES[0]), ("triplet", spin >= 1, LINES[1])):
        places = np.broadcast_to(np.array(x)[:, None], found.shape)[chosen]
        curve.plot(places, found[chosen], "o", markersize=3, color=colour, label=name)
    gaps = np.array([errors(row["found"], row["exact"]) for row in rows])
    for r, colour in zip(range(config.levels), LINES, strict=False):
        miss.plot(x, MILLI * np.maximum(gaps[:, r], ROUNDING), "o-", markersize=3, color=colour, label=f"level {r + 1}")
    miss.axhline(MILLI * CHEMICAL, color="grey", linewidth=0.8, linestyle="--", label="chemical accuracy")
    for key, name, colour in (
        ("cold_energies", "random starts", LINES[1]),
        ("warm_energies", "from the last point", LINES[2]),
    ):
        work.plot(x, [row[key] for row in rows], "o-", markersize=3, color=colour, label=name)
    curve.set(xlabel="bond length (Å)", ylabel="energy (hartree)")
    miss.set(xlabel="bond length (Å)", ylabel="error (mHa)", yscale="log")
    work.set(xlabel="bond length (Å)", ylabel="energies with gradient", yscale="log")
    finish(curve, miss, work)
    return canvas
