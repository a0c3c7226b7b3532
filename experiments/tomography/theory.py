"""The two theorems of Local SFGD (arXiv 2203.11579) in numbers: linear contraction, noise floors, diminishing steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.bench.table import Row
from experiments.tomography.common import LINES, factors, finish, measured_labels, squared_distance
from qalgs.checks import child, generator
from qalgs.problems import haar_state
from qalgs.tomo.data import PauliData
from qalgs.tomo.methods.inversion import random_start
from qalgs.tomo.methods.local_sfgd import LocalSFGD, LocalState
from qalgs.tomo.methods.objectives import LeastSquares
from qalgs.tomo.operators.allpauli import Factor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
Theorem 1, E D^2 <= (1 - eta alpha)^(T+1) D_0^2 + eta ((h - 1)^2 G^2 / alpha + sigma^2 / (M alpha)). Exact data: all
machines share one minimiser, sigma = G = 0 there, and D^2 contracts linearly without a floor, at nearly one rate per
local step for h = 1 and 10. Shot noise: the floor around the pooled optimum is proportional to 1 / M and to eta for
h = 1; at h = 40 it is a fifth to a half higher, far below the (h - 1)^2 of the bound. Theorem 2: with
eta_t ~ 1 / (t + 2) D^2 falls as 1 / T, slope -1, for h = 1 and 10."""

_DATA, _START, _RUN, _STATE = 0, 1, 2, 3
"""Keys of the random streams."""
_OPTIMUM_STEPS = 3000


@dataclass(frozen=True)
class Config:
    """Haar state of 6 qubits.

    With GHZ states the contraction depends on the labels that were drawn: their few nonzero Paulis are easily missed,
    which leaves a direction nearly flat.
    """

    num_qubits: int = 6
    exact_labels: int = 205
    """Labels per machine, with exact values, on four machines."""
    exact_batch: int = 50
    exact_step_sizes: tuple[float, ...] = (0.02, 0.1)
    exact_distance: float = 30.0
    """The contraction is followed for distance / eta local steps."""
    local_steps: tuple[int, ...] = (1, 10)
    noisy_labels: int = 400
    """Labels per machine, with ``shots`` shots each."""
    shots: int = 200
    noisy_batch: int = 20
    noisy_machines: tuple[int, ...] = (2, 4, 8)
    noisy_settings: tuple[tuple[int, float], ...] = ((1, 0.1), (1, 0.05), (10, 0.1), (40, 0.1), (40, 0.05))
    """(h, eta) of the floors."""
    noisy_steps: int = 1200
    """Local steps of each run; the floor is the mean over the second half."""
    diminishing_step_size: float = 5 / 3
    """eta of 2 eta / (t + 2)."""
    diminishing_offset: int = 40
    """t at the start: the first step sizes of the schedule are unstable, so it begins later."""
    horizons: tuple[int, ...] = (250, 500, 1000, 2000, 4000)
    diminishing_repeats: int = 4
    seed: int = 5


PRESETS = {
    "smoke": Config(
        exact_step_sizes=(0.1,),
        noisy_machines=(2, 8),
        noisy_settings=((1, 0.1), (40, 0.1)),
        horizons=(250, 1000),
        diminishing_repeats=1,
    ),
    "paper": Config(),
}


def total(config: Config) -> int:
    """One row per run."""
    exact = len(config.exact_step_sizes) * len(config.local_steps)
    return exact + len(config.noisy_machines) * len(config.noisy_settings) + len(config.local_steps)


def compute(config: Config) -> Iterator[Row]:
    """A row per run, with ``distance``: D**2 to the truth or to the pooled optimum, after every round."""
    seed = np.random.SeedSequence(config.seed)
    psi = haar_state(config.num_qubits, child(seed, _STATE))[:, None]
    away = psi + 0.15 * random_start(len(psi), 1, generator(seed, _START))
    yield from _contraction(config, seed, psi, away)
    yield from _floors(config, seed, psi)
    yield from _diminishing(config, seed, psi, away)


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Contraction, floors and the decay with diminishing steps."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(13, 4), layout="constrained")
    exact, floors, decay = canvas.subplots(1, 3)
    for row, colour in zip(_part(rows, "contraction"), LINES, strict=False):
        steps = np.arange(len(row["distance"])) * row["local_steps"]
        style = "-" if row["local_steps"] == 1 else "--"
        exact.plot(
            steps, row["distance"], style, color=colour, label=f"h = {row['local_steps']}, η = {row['step_size']}"
        )
    exact.set(title="exact data", xlabel="local steps", ylabel="squared distance to the state")
    for (h, eta), colour in zip(config.noisy_settings, LINES, strict=False):
        mine = [r for r in _part(rows, "floor") if (r["local_steps"], r["step_size"]) == (h, eta)]
        floors.plot(
            [r["machines"] for r in mine], [r["floor"] for r in mine], "o-", color=colour, label=f"h = {h}, η = {eta}"
        )
    floors.set(title="shot noise: floor ∝ η / M", xlabel="machines M", ylabel="squared distance to the pooled optimum")
    for row, colour in zip(_part(rows, "diminishing"), LINES, strict=False):
        decay.plot(
            row["steps_at"],
            row["distance"],
            "o-",
            color=colour,
            label=f"h = {row['local_steps']}, slope {row['slope']:.2f}",
        )
    decay.set(title="diminishing steps: 1 / T", xlabel="local steps T", ylabel="squared distance to the pooled optimum")
    for ax, xscale in ((exact, "linear"), (floors, "log"), (decay, "log")):
        finish(ax, xscale=xscale)
    floors.set_xticks(config.noisy_machines, [str(M) for M in config.noisy_machines])
    decay.set_xticks(config.horizons, [str(T) for T in config.horizons])
    for ax in (floors, decay):
        ax.xaxis.minorticks_off()
    return canvas


def _contraction(config: Config, seed: np.random.SeedSequence, psi: Factor, start: Factor) -> Iterator[Row]:
    data = measured_labels(psi[:, 0], 4 * config.exact_labels, None, generator(seed, _DATA, 0))
    for eta in config.exact_step_sizes:
        for h in config.local_steps:
            method = _method(4, h, round(config.exact_distance / eta / h), config.exact_batch, eta)
            distance = _distances(method, data, start, child(seed, _RUN, 0), psi)
            half = len(distance) // 2
            ratio = max(distance[-1], 1e-300) / distance[half]
            yield {
                "part": "contraction",
                "machines": 4,
                "local_steps": h,
                "step_size": eta,
                "last": distance[-1],
                "factor_per_step": ratio ** (1 / ((len(distance) - 1 - half) * h)),
                "distance": distance,
            }


def _floors(config: Config, seed: np.random.SeedSequence, psi: Factor) -> Iterator[Row]:
    for M in config.noisy_machines:
        data = measured_labels(psi[:, 0], M * config.noisy_labels, config.shots, generator(seed, _DATA, M))
        optimum = _optimum(data, psi)
        for h, eta in config.noisy_settings:
            method = _method(M, h, max(30, config.noisy_steps // h), config.noisy_batch, eta)
            distance = _distances(method, data, optimum, child(seed, _RUN, M), optimum)
            floor = float(distance[len(distance) // 2 :].mean())
            yield {
                "part": "floor",
                "machines": M,
                "local_steps": h,
                "step_size": eta,
                "floor": floor,
                "distance": distance,
            }


def _diminishing(config: Config, seed: np.random.SeedSequence, psi: Factor, start: Factor) -> Iterator[Row]:
    data = measured_labels(psi[:, 0], 4 * config.noisy_labels, config.shots, generator(seed, _DATA, 4))
    optimum = _optimum(data, psi)
    for h in config.local_steps:
        first, last = config.diminishing_offset // h, (config.diminishing_offset + max(config.horizons)) // h
        method = LocalSFGD(
            machines=4,
            local_steps=h,
            rounds=last,
            batch=config.noisy_batch,
            step_size=config.diminishing_step_size,
            schedule="diminishing",
        )
        begun = LocalState(start, round=first)
        runs = [
            [
                squared_distance(s.state.factor, optimum)
                for s in method.iterate(data, 1, seed=child(seed, _RUN, h, k), start=begun)
            ]
            for k in range(config.diminishing_repeats)
        ]
        mean = np.mean(runs, axis=0)
        # D^2 fluctuates from round to round: each horizon is the mean over the tenth of the run that leads up to it.
        ends = [T // h for T in config.horizons]
        distance = np.array([mean[max(0, end - max(1, end // 10)) : end].mean() for end in ends])
        slope = float(np.polyfit(np.log(config.horizons), np.log(distance), 1)[0])
        steps_at = np.array(config.horizons)
        yield {"part": "diminishing", "machines": 4, "local_steps": h, "last": distance[-1], "slope": slope} | {
            "steps_at": steps_at,
            "distance": distance,
        }


def _method(machines: int, local_steps: int, rounds: int, batch: int, step_size: float) -> LocalSFGD:
    return LocalSFGD(
        machines=machines,
        local_steps=local_steps,
        rounds=rounds,
        batch=batch,
        step_size=step_size,
        schedule="constant",
    )


def _distances(
    method: LocalSFGD, data: PauliData, start: Factor, seed: np.random.SeedSequence, to: Factor
) -> np.ndarray:
    return np.array([squared_distance(U, to) for U in factors(method, data, start, seed)])


def _optimum(data: PauliData, start: Factor) -> Factor:
    """The minimiser of the pooled loss, by plain gradient descent from the truth."""
    objective, U = LeastSquares(data), start
    for _ in range(_OPTIMUM_STEPS):
        U = U - 0.3 * objective.direction(U)
    return U


def _part(rows: Sequence[Row], part: str) -> list[Row]:
    return [row for row in rows if row["part"] == part]
