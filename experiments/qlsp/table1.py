"""Table 1 of the proximal-point QLSP (arXiv 2406.13879): the wrapper around every solver, scalings next to counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.bench.table import Row
from experiments.qlsp.common import columns, finish, geometric_system, solve, start_at
from qalgs.checks import generator
from qalgs.linear import HHL, QSVT, Adiabatic, ChebyshevLCU, ProximalPoint, ResidualCorrection, StartOnly
from qalgs.linear.solver import Solver
from qalgs.plot.common import LINES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
The wrapper replaces kappa by kappa_hat and eps by eps/c in a solver's scaling; here it is counted, with the published
eta. At q = 1 (a start that is within eps already) the counts fall to a tenth, as kappa_hat log(c/eps) does; HHL's fall
to a half, because its clock grows as 1/sqrt(eps). At q = 1/2 QSVT's and the walk's fall by a tenth, LCU's stay, and HHL
takes twice as many. Controls from the same start: at q = 1 the start itself needs no query; at q = 1/2 correcting its
residual takes about half of what the wrapped QSVT takes. Solvers other than QSVT use the encoding of I + eta A, or its
exponential, as an oracle of its own."""

SOLVERS: dict[str, tuple[Solver, str]] = {
    "QSVT": (QSVT(), "κ log(1/ε)"),
    "LCU": (ChebyshevLCU(), "κ log(1/ε), in powers of two"),
    "HHL": (HHL(), "κ/√ε, sine window"),
    "adiabatic": (Adiabatic(), "κ log(1/ε), success near 1"),
}


@dataclass(frozen=True)
class Config:
    """The published setting, and a start twice as far off."""

    dim: int = 8
    kappas: tuple[float, ...] = (50.0, 200.0)
    eps: float = 0.1
    closeness: tuple[float, ...] = (1.0, 0.5)
    """q = psi eps / |x0 - x|."""
    c: tuple[float, ...] = (19.0, 4.0)
    """For each q."""
    seed: int = 0


PRESETS = {"smoke": Config(kappas=(20.0,)), "paper": Config()}


def total(config: Config) -> int:
    """One row per condition number, start and solver."""
    return len(config.kappas) * len(config.closeness) * len(SOLVERS)


def compute(config: Config) -> Iterator[Row]:
    """Alone, wrapped, and the controls at the same start."""
    eps = config.eps
    for kappa in config.kappas:
        A, b = geometric_system(config.dim, kappa, generator(np.random.SeedSequence(config.seed), int(kappa)))
        x = np.linalg.solve(A, b)
        psi = float(np.linalg.norm(x))
        for q, c in zip(config.closeness, config.c, strict=True):
            distance = psi * eps / q
            x0 = start_at(A, x, distance)
            start = solve(A, b, StartOnly(), eps, x0)
            residual = solve(A, b, ResidualCorrection(distance=distance), eps, x0)
            for name, (solver, scaling) in SOLVERS.items():
                alone = solve(A, b, solver, eps)
                wrapped = solve(A, b, ProximalPoint(solver, eta="paper", c=c, distance=distance, psi=psi), eps, x0)
                formula = wrapped.kappa_hat * np.log(c / eps) / (kappa * np.log(1 / eps))
                yield {
                    "kappa": kappa,
                    "q": q,
                    "solver": name,
                    "scaling": scaling,
                    "kappa_hat": wrapped.kappa_hat,
                    "ratio_formula": float(formula),
                    "ratio": wrapped.queries.per_run / alone.queries.per_run,
                    "ratio_until_success": wrapped.queries.expected / alone.queries.expected,
                    **columns("alone", alone),
                    **columns("wrapped", wrapped),
                    "start_error": start.error,
                    "residual_queries": residual.queries.per_run,
                    "residual_error": residual.error,
                }


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """A panel per condition number and start: uses per run, with the controls as lines."""
    from matplotlib.figure import Figure

    cases = [(kappa, q) for kappa in config.kappas for q in config.closeness]
    canvas = Figure(figsize=(4 * len(cases) + 1, 4), layout="constrained")
    panels = canvas.subplots(1, len(cases), sharey=True, squeeze=False)[0]
    for ax, (kappa, q) in zip(panels, cases, strict=True):
        here = [row for row in rows if (row["kappa"], row["q"]) == (kappa, q)]
        for k, (key, label) in enumerate((("alone_queries", "alone"), ("wrapped_queries", "wrapped"))):
            if here:
                ax.bar(
                    np.arange(len(here)) + 0.4 * k - 0.2, [row[key] for row in here], 0.36, color=LINES[k], label=label
                )
        if here:
            first = here[0]
            ax.axhline(first["residual_queries"], color=LINES[2], linestyle="--", label="residual correction (control)")
            within = "within ε" if first["start_error"] <= config.eps else "not within ε"
            ax.plot([], [], " ", label=f"x₀ alone: off {first['start_error']:.3f}, {within}")
        ax.set_xticks(range(len(here)), [row["solver"] for row in here], fontsize=8)
        ax.set_title(f"κ = {kappa:g}, ε = {config.eps:g}, q = {q:g}", fontsize=9)
    for ax in panels:
        finish(ax, headroom=0.5 if ax is panels[-1] else 0)  # they share the axis
    panels[0].set_ylabel("uses of the matrix oracle a run")
    return canvas
