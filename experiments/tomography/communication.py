"""What local steps save: rounds of communication to a fixed error against h, for Pauli labels and for settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.bench.table import Row
from experiments.tomography.common import (
    LINES,
    factors,
    finish,
    first_below,
    infidelity,
    measured_labels,
    measured_settings,
    plateau,
    squared_error,
)
from qalgs.checks import child, generator
from qalgs.problems import StateVector, ghz_state, haar_state
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.methods.inversion import random_start, spectral_start
from qalgs.tomo.methods.local_sfgd import LocalSFGD

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
Labels of a GHZ state, random start, rounds to a squared error of 0.02: h local steps save a factor close to h while
the machines drift little between averages: 8.5 to 10 at h = 10 for eta = 0.02 over starts and data sets, less for
larger eta, and the plateau rises with eta h. At eta = 0.3 and h >= 25 a run may stay far from the state: it does so
with this seed, and with one in five. Settings of a Haar state, spectral start, rounds to a fidelity of 0.998: about 12
for h = 1, 3 for h = 5, 1 for h = 20."""

_DATA, _START, _RUN = 0, 1, 2
"""Keys of the random streams."""


@dataclass(frozen=True)
class Config:
    """Four machines, a fifth of the labels of 6 qubits, and settings of 8."""

    machines: int = 4
    num_qubits: int = 6
    labels_per_machine: int = 205
    shots: int = 2048
    batch: int = 50
    step_sizes: tuple[float, ...] = (0.02, 0.1, 0.3)
    """eta in the units of ``LocalSFGD``."""
    local_steps: tuple[int, ...] = (1, 2, 5, 10, 25, 50, 100)
    distance: float = 80.0
    """Every run takes distance / eta local steps, and 12 rounds at least."""
    level: float = 0.02
    """The squared error ||U U^dagger - rho*||_F**2 to reach."""
    settings_qubits: int = 8
    num_settings: int = 196
    settings_batch: int = 10
    settings_step_size: float = 0.1
    settings_local_steps: tuple[int, ...] = (1, 5, 20)
    settings_rounds: int = 40
    settings_infidelity: float = 0.002
    seed: int = 5


PRESETS = {
    "smoke": Config(
        step_sizes=(0.1,), local_steps=(1, 10), distance=10, settings_local_steps=(1, 20), settings_rounds=15
    ),
    "paper": Config(),
}


def total(config: Config) -> int:
    """One row per run."""
    return len(config.step_sizes) * len(config.local_steps) + len(config.settings_local_steps)


def compute(config: Config) -> Iterator[Row]:
    """A row per run, with its ``error`` over the rounds: squared error for labels, infidelity for settings."""
    seed, psi = np.random.SeedSequence(config.seed), ghz_state(config.num_qubits)
    number = config.machines * config.labels_per_machine
    labels = measured_labels(psi, number, config.shots, generator(seed, _DATA, 0))
    start = random_start(len(psi), 1, generator(seed, _START))
    for eta in config.step_sizes:
        for h in config.local_steps:
            rounds = max(12, round(config.distance / eta / h))
            method = _method(config, h, rounds, config.batch, eta)
            found = factors(method, labels, start, child(seed, _RUN, 0))
            error = np.array([squared_error(U, psi) for U in found])
            yield _row("labels", method, error, first_below(error, config.level))
    yield from _settings_rows(config, seed, haar_state(config.settings_qubits, config.seed))


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Rounds saved against h, and the error over the rounds."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(13, 4), layout="constrained")
    saved, labels, settings = canvas.subplots(1, 3)
    for eta, colour in zip(config.step_sizes, LINES, strict=False):
        mine = [row for row in rows if row["data"] == "labels" and row["step_size"] == eta and row["rounds"]]
        saved.plot(
            [r["local_steps"] for r in mine], [r["rounds"] for r in mine], "o-", color=colour, label=f"η = {eta}"
        )
    saved.plot(
        config.local_steps, [_ideal(config, rows) / h for h in config.local_steps], ":", color="grey", label="1/h"
    )
    saved.set(xlabel="local steps h", ylabel=f"rounds to an error of {config.level}")
    first = [row for row in rows if row["data"] == "labels" and row["step_size"] == config.step_sizes[0]]
    for ax, shown in ((labels, first), (settings, [row for row in rows if row["data"] == "settings"])):
        for row, colour in zip(shown, [*LINES, "#555555"], strict=False):
            ax.plot(np.arange(len(row["error"])) + 1, row["error"], color=colour, label=f"h = {row['local_steps']}")
        ax.set(xlabel="round + 1")
    labels.set(ylabel=r"$\Vert U U^\dagger - \rho^\star \Vert_F^2$", title=f"labels, η = {config.step_sizes[0]}")
    settings.set(ylabel="infidelity", title=f"settings, η = {config.settings_step_size}")
    for ax, level in ((saved, None), (labels, config.level), (settings, config.settings_infidelity)):
        finish(ax, xscale="log", level=level)
    return canvas


def _settings_rows(config: Config, seed: np.random.SeedSequence, psi: StateVector) -> Iterator[Row]:
    counts = measured_settings(psi, config.num_settings, config.shots, generator(seed, _DATA, 1))
    start = _start(counts.paulis(), seed)
    for h in config.settings_local_steps:
        method = _method(config, h, config.settings_rounds, config.settings_batch, config.settings_step_size)
        found = factors(method, counts, start, child(seed, _RUN, 1))
        error = np.array([infidelity(U, psi) for U in found])
        yield _row("settings", method, error, first_below(error, config.settings_infidelity))


def _method(config: Config, local_steps: int, rounds: int, batch: int, step_size: float) -> LocalSFGD:
    return LocalSFGD(
        machines=config.machines,
        local_steps=local_steps,
        rounds=rounds,
        batch=batch,
        step_size=step_size,
        schedule="constant",
    )


def _start(data: PauliData | CountsData, seed: np.random.SeedSequence) -> np.ndarray:
    paulis = data.paulis() if isinstance(data, CountsData) else data
    return spectral_start(paulis, 1, generator(seed, _START))


def _row(data: str, method: LocalSFGD, error: np.ndarray, rounds: int | None) -> Row:
    return {
        "data": data,
        "step_size": method.step_size,
        "local_steps": method.local_steps,
        "rounds": rounds,
        "steps": None if rounds is None else rounds * method.local_steps,
        "start": error[0],
        "plateau": plateau(error),
        "error": error,
    }


def _ideal(config: Config, rows: Sequence[Row]) -> float:
    """What the smallest step size needs with h = 1."""
    needed = [row["rounds"] for row in rows if row["data"] == "labels" and row["step_size"] == config.step_sizes[0]]
    return float(needed[0] or np.nan)
