"""What momentum buys: steps of FGD and MiFGD (arXiv 2104.07006), at rank 1 from a random start and at rank 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.bench.table import Row
from experiments.tomography.common import LINES, finish, first_below, infidelity
from qalgs.checks import child, generator
from qalgs.problems import ghz_state, haar_state
from qalgs.tomo.data import PauliData
from qalgs.tomo.methods import Method
from qalgs.tomo.methods.descent import FGD, MiFGD
from qalgs.tomo.methods.lbfgs import LBFGS
from qalgs.tomo.operators.allpauli import Factor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
GHZ state of 8 qubits, a fifth of the Paulis with 2048 shots, random start, steps to fidelity 0.99: 12 to 19 without
momentum depending on the start, a fifth fewer with 1/4 at the same step size, and as many as without at 1/2 and 3/4
with the smaller step sizes that these need. Eigenvalues 0.9 and 0.1, spectral start, steps to twice the shot-noise
error: the small eigenvalue slows FGD down to about 90 steps, momentum saves some of them, and scaling by
(U^dagger U)^-1 and L-BFGS need about 10."""

_DATA, _RUN = 0, 1
"""Keys of the random streams."""


@dataclass(frozen=True)
class Config:
    """A fifth of the Paulis with 2048 shots each."""

    num_qubits: int = 8
    fraction: float = 0.2
    shots: int = 2048
    momenta: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75)
    step_sizes: tuple[float, ...] = (0.5, 0.5, 0.3, 0.2)
    """eta for each momentum."""
    repeats: int = 5
    infidelity: float = 0.01
    small_eigenvalue: float = 0.1
    max_steps: int = 300
    seed: int = 0


PRESETS = {"smoke": Config(num_qubits=6, repeats=1, max_steps=100), "paper": Config()}


def total(config: Config) -> int:
    """One row per run."""
    return len(config.momenta) * config.repeats + len(_rank_two_methods(config))


def compute(config: Config) -> Iterator[Row]:
    """A row per run, with its ``error`` over the steps: infidelity at rank 1, squared error at rank 2."""
    seed, psi = np.random.SeedSequence(config.seed), ghz_state(config.num_qubits)
    for repeat in range(config.repeats):
        data = PauliData.simulate(psi, config.fraction, config.shots, generator(seed, _DATA, repeat))
        for mu, eta in zip(config.momenta, config.step_sizes, strict=True):
            method = MiFGD(momentum=mu, step_size=eta, start="random", max_steps=config.max_steps)
            found = _factors(method, data, 1, child(seed, _RUN, repeat))
            error = np.array([infidelity(U, psi) for U in found])
            yield _row("GHZ, rank 1, random start", f"MiFGD, mu = {mu:g}, eta = {eta:g}", error, config.infidelity)
    yield from _rank_two(config, seed)


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """The error over the steps, for both problems."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(11, 4), layout="constrained")
    for ax, start in zip(canvas.subplots(1, 2), ("GHZ", "eigenvalues"), strict=True):
        mine = [row for row in rows if row["problem"].startswith(start)]
        methods = list(dict.fromkeys(row["method"] for row in mine))
        for row in reversed(mine):
            k = methods.index(row["method"])
            leading = row is next(r for r in mine if r["method"] == row["method"])
            steps = np.arange(1, len(row["error"]) + 1)
            ax.plot(
                steps, row["error"], color=LINES[k], alpha=1 if leading else 0.25, label=row["method"] * leading or None
            )
        ax.set(title=mine[0]["problem"] if mine else "", xlabel="step")
        finish(ax, xscale="linear" if start == "GHZ" else "log", level=mine[0]["level"] if mine else None)
    pure, mixed = canvas.axes
    pure.set(ylabel="infidelity", xlim=(0, 60))
    mixed.set(ylabel=r"$\Vert U U^\dagger - \rho \Vert_F^2$")
    return canvas


def _rank_two(config: Config, seed: np.random.SeedSequence) -> Iterator[Row]:
    """Two random orthogonal eigenvectors."""
    dim, small = 1 << config.num_qubits, config.small_eigenvalue
    both = np.stack([haar_state(config.num_qubits, child(seed, 2, k)) for k in range(2)], axis=1)
    truth = np.linalg.qr(both)[0] * np.sqrt([1 - small, small])
    data = PauliData.simulate(truth, config.fraction, config.shots, generator(seed, _DATA, config.repeats))
    level = 2 * (2 * dim * 2 - 4) * dim / (len(data) * config.shots)
    for name, method in _rank_two_methods(config).items():
        error = np.array([_mixed_error(U, truth) for U in _factors(method, data, 2, child(seed, _RUN))])
        yield _row(f"eigenvalues {1 - small:g} and {small:g}, rank 2", name, error, level)


def _rank_two_methods(config: Config) -> dict[str, Method]:
    steps = config.max_steps
    return {
        "FGD": FGD(max_steps=steps, tol=1e-6),
        "MiFGD, mu = 0.5": MiFGD(momentum=0.5, step_size=0.3, max_steps=steps, tol=1e-6),
        "scaled FGD": FGD(scaled=True, max_steps=steps, tol=1e-6),
        "L-BFGS": LBFGS(max_steps=steps),
    }


def _factors(method: Method, data: PauliData, rank: int, seed: np.random.SeedSequence) -> Iterator[Factor]:
    return (step.state.factor for step in method.iterate(data, rank, seed=seed))


def _mixed_error(U: Factor, V: Factor) -> float:
    """||U U^dagger - V V^dagger||_F**2."""
    parts = [np.linalg.norm(A.conj().T @ B) ** 2 for A, B in ((U, U), (V, V), (U, V))]
    return float(parts[0] + parts[1] - 2 * parts[2])


def _row(problem: str, method: str, error: np.ndarray, level: float) -> Row:
    reached = first_below(error, level)
    steps = None if reached is None else reached + 1
    return {"problem": problem, "method": method, "level": level, "steps": steps, "last": error[-1], "error": error}
