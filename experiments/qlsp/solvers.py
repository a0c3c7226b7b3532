"""Counted queries of the solvers at the same condition number and accuracy, per run, until success, and amplified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from experiments.bench.table import Row
from experiments.qlsp.common import finish, geometric_system, solve
from qalgs.checks import generator
from qalgs.linear import HHL, QSVT, Adiabatic, ChebyshevLCU
from qalgs.linear.amplification import best_rounds
from qalgs.linear.solver import QueryCount, Solver
from qalgs.plot.common import LINES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
At kappa = 50, eps = 1e-2: QSVT 265 uses a run, Chebyshev LCU 511, the adiabatic walk with its filter 296. The walk
succeeds with probability above 0.9 and needs no amplification, so that it takes the fewest uses until success: 4 to 17
times fewer than QSVT, 4 times fewer still than with amplification from kappa = 50 on. LCU pays three times in
probability for the 1-norm of its coefficients. HHL counts controlled exp(iAt), another oracle; its clock keeps eps for
every matrix, at most one qubit more than the one that happens to do."""

SOLVERS: dict[str, Solver] = {
    "QSVT": QSVT(),
    "LCU": ChebyshevLCU(),
    "LCU, published polynomial": ChebyshevLCU(polynomial="cks"),
    "HHL": HHL(),
    "adiabatic": Adiabatic(),
}


@dataclass(frozen=True)
class Config:
    """Medians over random systems with eight unknowns."""

    dim: int = 8
    kappas: tuple[float, ...] = (10.0, 50.0, 50.0, 200.0)
    accuracies: tuple[float, ...] = (1e-2, 1e-2, 1e-4, 1e-3)
    repeats: int = 12
    seed: int = 0


PRESETS = {"smoke": Config(kappas=(10.0,), accuracies=(1e-2,), repeats=2), "paper": Config()}


def total(config: Config) -> int:
    """One row per case and solver."""
    return len(config.kappas) * len(SOLVERS)


def compute(config: Config) -> Iterator[Row]:
    """Medians over the systems."""
    for kappa, eps in zip(config.kappas, config.accuracies, strict=True):
        seed = np.random.SeedSequence(config.seed)
        systems = [geometric_system(config.dim, kappa, generator(seed, int(kappa), k)) for k in range(config.repeats)]
        for name, solver in SOLVERS.items():
            results = [solve(A, b, solver, eps) for A, b in systems]
            counts = [result.queries for result in results]
            yield {
                "kappa": kappa,
                "eps": eps,
                "solver": name,
                "oracle": "exp(iAt)" if counts[0].exp_iAt else "U_A",
                "per_run": counts[0].per_run,
                "success": float(np.median([count.success_probability for count in counts])),
                "until_success": float(np.median([count.expected for count in counts])),
                "amplified": float(np.median([_amplified(count).expected for count in counts])),
                "largest_error": float(max(result.error or 0.0 for result in results)),
            }


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """A panel per case: uses per run, until success, and with amplification."""
    from matplotlib.figure import Figure

    cases = list(zip(config.kappas, config.accuracies, strict=True))
    canvas = Figure(figsize=(4 * len(cases) + 2, 4), layout="constrained")
    panels = canvas.subplots(1, len(cases), sharey=True, squeeze=False)[0]
    for ax, (kappa, eps) in zip(panels, cases, strict=True):
        here = [row for row in rows if (row["kappa"], row["eps"]) == (kappa, eps)]
        for k, (key, label) in enumerate(
            (("per_run", "a run"), ("until_success", "until success"), ("amplified", "amplified, until success"))
        ):
            if here:
                ax.bar(
                    np.arange(len(here)) + 0.27 * (k - 1), [row[key] for row in here], 0.25, color=LINES[k], label=label
                )
        ax.set_xticks(range(len(here)), [row["solver"].replace(", ", ",\n") for row in here], fontsize=7)
        ax.set_title(f"κ = {kappa:g}, ε = {eps:g}", fontsize=9)
    for ax in panels:
        finish(ax, headroom=0.3 if ax is panels[-1] else 0)  # they share the axis
    panels[0].set_ylabel("uses of the matrix oracle (HHL: of exp(iAt))")
    return canvas


def _amplified(count: QueryCount) -> QueryCount:
    """The best number of rounds of amplitude amplification."""
    rounds = best_rounds(count.success_probability)
    theta = np.arcsin(np.sqrt(min(1.0, count.success_probability)))
    return replace(count.times(2 * rounds + 1), success_probability=float(np.sin((2 * rounds + 1) * theta) ** 2))
