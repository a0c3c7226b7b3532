"""Time and infidelity against the number of qubits, from Pauli labels and from settings, for Haar states."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.bench.table import Row
from experiments.tomography.common import LINES, finish, infidelity, measured_settings
from qalgs.checks import child, generator
from qalgs.problems import haar_state
from qalgs.run import drive
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.methods import Method
from qalgs.tomo.methods.descent import MiFGD
from qalgs.tomo.methods.lbfgs import LBFGS
from qalgs.tomo.methods.local_sfgd import LocalSFGD

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
A fifth of the labels with 2048 shots each: infidelity d^2 / (m shots) = 0.0024 whatever the number of qubits, except
at 4 qubits, where 44 labels hardly determine the 30 parameters of a pure state. Random
settings with the likelihood: infidelity about d / N for N shots in all, so a few hundred settings serve 12 qubits.
Times are for one thread when OMP_NUM_THREADS=1 is set, without the simulation of the data; Local SFGD runs all its
machines one after the other here."""

_DATA, _RUN = 0, 1
"""Keys of the random streams."""


@dataclass(frozen=True)
class Config:
    """4 to 12 qubits."""

    num_qubits: tuple[int, ...] = (4, 6, 8, 10, 12)
    num_settings: tuple[int, ...] = (41, 100, 196, 299, 500)
    """Random settings for each number of qubits."""
    fraction: float = 0.2
    shots: int = 2048
    largest_local_labels: int = 10
    """Local SFGD on labels applies d labels a step, d^2 numbers each: above this number of qubits it is left out."""
    seed: int = 0


PRESETS = {"smoke": Config(num_qubits=(4, 6), num_settings=(41, 100)), "paper": Config()}


def total(config: Config) -> int:
    """One row per fit."""
    return sum(len(_methods(config, n, kind)) for n in config.num_qubits for kind in ("labels", "settings"))


def compute(config: Config) -> Iterator[Row]:
    """A row per fit."""
    seed = np.random.SeedSequence(config.seed)
    for n, number in zip(config.num_qubits, config.num_settings, strict=True):
        psi = haar_state(n, child(seed, n))
        labels = PauliData.simulate(psi, config.fraction, config.shots, generator(seed, _DATA, n, 0))
        counts = measured_settings(psi, number, config.shots, generator(seed, _DATA, n, 1))
        law = {"labels": 4**n / (len(labels) * config.shots), "settings": 2**n / (number * config.shots)}
        sources: dict[str, PauliData | CountsData] = {"labels": labels, "settings": counts}
        for kind, data in sources.items():
            for name, method in _methods(config, n, kind).items():
                began = time.perf_counter()
                run = drive(method.iterate(data, 1, seed=child(seed, _RUN)))
                seconds = time.perf_counter() - began
                if run.last is None:
                    raise KeyboardInterrupt
                left = infidelity(run.last.state.factor, psi)
                yield {
                    "n": n,
                    "data": kind,
                    "measurements": len(data),
                    "method": name,
                    "steps": run.last.index,
                    "seconds": seconds,
                    "infidelity": left,
                    "law": law[kind],
                    "ratio": left / law[kind],
                }


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Seconds, and infidelity with its law."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(11, 4), layout="constrained")
    seconds, accuracy = canvas.subplots(1, 2)
    curves = list(dict.fromkeys((row["method"], row["data"]) for row in rows))
    for k, (method, kind) in enumerate(curves):
        mine = [row for row in rows if (row["method"], row["data"]) == (method, kind)]
        n, style = [row["n"] for row in mine], "o-" if kind == "labels" else "s--"
        for ax, key in ((seconds, "seconds"), (accuracy, "infidelity")):
            ax.plot(n, [r[key] for r in mine], style, color=LINES[k], markersize=4, label=f"{method}, {kind}")
    for kind, marker in (("labels", ":"), ("settings", "-.")):
        law = {row["n"]: row["law"] for row in rows if row["data"] == kind}
        accuracy.plot(list(law), list(law.values()), marker, color="grey", label=f"law, {kind}")
    for ax, name in ((seconds, "seconds"), (accuracy, "infidelity")):
        ax.set(xlabel="qubits", ylabel=name, xticks=config.num_qubits)
        finish(ax)
    return canvas


def _methods(config: Config, n: int, kind: str) -> dict[str, Method]:
    local: dict[str, Method] = {"Local SFGD": LocalSFGD()}
    if kind == "settings":
        return {**local, "L-BFGS": LBFGS()}
    return {**(local if n <= config.largest_local_labels else {}), "MiFGD": MiFGD()}
