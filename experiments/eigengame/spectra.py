"""Levels of molecules: how near the players and the Ritz values of their span come, and what that takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.bench.table import Row
from experiments.eigengame.levels import CHEMICAL, MILLI, ROUNDING, errors, raw_levels, spent, worst
from experiments.eigengame.matrices import finish
from qalgs.checks import child
from qalgs.eigen import EigenGame, EigenResult, eigensolve
from qalgs.eigen.problem import as_problem, layers
from qalgs.plot import levels
from qalgs.plot.common import LINES
from qalgs.problems import Molecule, molecule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
With layers of RY and CX up to 6 qubits, all levels asked for come out far below chemical accuracy, those of H2 (all 16,
every charge), LiH, BeH2, H2O, H3+ and HeH+ among them; the Ritz values of the players' span are better than the players
by orders of magnitude where these stop early. Full LiH, tapered to 8 qubits, has too many states for such layers;
players that start in the determinants of lowest energy and apply coupled cluster to them reach 0.1 mHa in about 300
evaluations. The sector is kept by penalties on electrons and Sz: without it HeH+ would answer with another charge,
-3.016 instead of -2.852 hartree."""


@dataclass(frozen=True)
class _Case:
    """A molecule and its players."""

    name: str
    k: int
    options: dict[str, Any] = field(default_factory=dict)
    coupled_cluster: bool = False
    all_charges: bool = False


CASES = {
    "H2": _Case("H2", 16, all_charges=True),
    "HeH+": _Case("HeH+", 4),
    "H3+ tapered": _Case("H3+", 4, {"tapered": True}),
    "LiH (2,2)": _Case("LiH", 4, {"active_electrons": 2, "active_orbitals": 2}),
    "LiH (2,3)": _Case("LiH", 4, {"active_electrons": 2, "active_orbitals": 3}),
    "BeH2 (4,4) tapered": _Case("BeH2", 4, {"active_electrons": 4, "active_orbitals": 4, "tapered": True}),
    "H2O (4,4) tapered": _Case("H2O", 6, {"active_electrons": 4, "active_orbitals": 4, "tapered": True}),
    "LiH tapered": _Case("LiH", 4, {"tapered": True}, coupled_cluster=True),
}


@dataclass(frozen=True)
class Config:
    """Each molecule from several seeds."""

    cases: tuple[str, ...] = tuple(CASES)
    repeats: int = 3
    seed: int = 1


PRESETS = {"smoke": Config(("HeH+", "LiH (2,2)"), repeats=1), "paper": Config()}


def total(config: Config) -> int:
    """One row per molecule."""
    return len(config.cases)


def compute(config: Config) -> Iterator[Row]:
    """A row per molecule: medians over the seeds, worst errors over all of them, and the levels of the first."""
    seed = np.random.SeedSequence(config.seed)
    for name in config.cases:
        case = CASES[name]
        species = _molecule(name)
        exact = _exact(case, species)
        results = [_solved(case, species, child(seed, repeat)) for repeat in range(config.repeats)]
        costs = [spent(result) for result in results]
        yield {
            "molecule": name,
            "qubits": species.num_qubits,
            "terms": len(species.hamiltonian),
            "levels": case.k,
            "parameters": results[0].circuits[0].num_parameters,
            "players_mha": max(worst(raw_levels(result), exact) for result in results),
            "ritz_mha": max(worst(result.eigenvalues, exact) for result in results),
            **{key: float(np.median([cost[key] for cost in costs])) for key in ("energies", "cross", "seconds")},
            "exact": exact,
            "found": results[0].eigenvalues,
            "error_players": errors(raw_levels(results[0]), exact),
            "error_ritz": errors(results[0].eigenvalues, exact),
        }


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Levels of LiH and H2O where they are among the molecules, and all errors."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(13, 4), layout="constrained")
    shown = [row for row in rows if row["molecule"].startswith(("LiH (2,2)", "H2O"))][:2] or list(rows[:1])
    panels = canvas.subplots(1, len(shown) + 1, width_ratios=[1] * len(shown) + [2.2])
    for ax, row in zip(panels, shown, strict=False):
        levels(_Found(row["found"], np.zeros(len(row["found"]))), exact=row["exact"], label=row["molecule"], ax=ax)
        ax.set_ylabel("energy (hartree)")
    ax = panels[-1]
    for place, row in enumerate(rows):
        spread = place + np.linspace(-0.25, 0.25, len(row["exact"]))
        for key, colour, marker in (("error_players", LINES[1], "x"), ("error_ritz", LINES[0], "o")):
            heights = MILLI * np.maximum(row[key], ROUNDING)
            ax.plot(spread, heights, marker, color=colour, markersize=4, label=_NAMES[key] if place == 0 else None)
    ax.axhline(MILLI * CHEMICAL, color="grey", linewidth=0.8, linestyle="--", label="chemical accuracy")
    ax.set_xticks(range(len(rows)), [row["molecule"].replace(" ", "\n", 1) for row in rows], fontsize=7)
    ax.set(yscale="log", ylabel="error of each level (mHa)")
    finish(ax)
    return canvas


_NAMES = {"error_players": "players", "error_ritz": "Ritz values"}


@dataclass(frozen=True)
class _Found:
    """Levels as the diagram takes them."""

    eigenvalues: NDArray[np.float64]
    eigenvalues_err: NDArray[np.float64]


@cache
def _molecule(name: str) -> Molecule:
    return molecule(CASES[name].name, **CASES[name].options)


def _exact(case: _Case, species: Molecule) -> NDArray[np.float64]:
    if case.all_charges:
        return np.linalg.eigvalsh(species.hamiltonian.to_matrix())[: case.k]
    return species.exact_levels(case.k)


def _solved(case: _Case, species: Molecule, seed: np.random.SeedSequence) -> EigenResult:
    method, ansatz = EigenGame(), layers(as_problem(species))
    if case.coupled_cluster:
        method, ansatz = EigenGame(gtol=1e-3, accuracy=1e-3), None
    sector = None if case.all_charges else "auto"
    return eigensolve(species, case.k, method=method, ansatz=ansatz, sector=sector, rng=seed)
