"""Two-qubit H2 under the noise of devices: what is left of cross terms and overlaps, and of the levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from experiments.bench.table import Row
from experiments.eigengame.levels import MILLI, duplicates_allowed
from experiments.eigengame.matrices import finish
from qalgs.backends import get
from qalgs.checks import child
from qalgs.circuits import hardware_efficient
from qalgs.eigen import EigenGame, ShotPolicy, eigensolve
from qalgs.eigen.exact import ExactEstimator
from qalgs.eigen.sampled import SampledEstimator
from qalgs.optimizers import Adam
from qalgs.plot.common import LINES
from qalgs.problems import h2_two_qubits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
An interference measures amplitudes, which noise makes smaller and leaves at zero where they are zero; a compute-
uncompute circuit measures a probability, which noise lifts off zero: to 0.035 on the model of Manila and 0.014 on
that of Fez, a Heron, where the states are orthogonal. The interference of a state with itself keeps 84 % and 94 % of
its amplitude, and dividing by it brings |<j|r>|^2 of 0.044 back from 0.030 and 0.038 to 0.041 and 0.042. The energies
are lifted by noise in the players' own circuits, by 17 to 35 mHa on the one and 8 to 17 on the other, ten times their
error bars, which know of shots only; no comparison of players mends that, and Ritz values carry it on. Where the
players stand is better than what is read: without noise, those of the interference would be within 2 mHa on both
models."""

_ENDS, _PAIR, _GAME = 0, 1, 2
"""Keys of the random streams."""
Comparison = Literal["interference", "rescaled", "overlap"]
_COMPARISONS: tuple[Comparison, ...] = ("interference", "rescaled", "overlap")
Point = NDArray[np.float64]


@dataclass(frozen=True)
class Config:
    """The models of a 5-qubit Falcon and of a Heron."""

    backends: tuple[str, ...] = ("noisy:fake_manila", "noisy:fake_fez")
    offset: float = 0.3
    """By which each angle of the child that is not yet done is off."""
    pair_shots: int = 100_000
    levels: int = 2
    shots: int = 4000
    steps: int = 40
    seed: int = 7


PRESETS = {
    "smoke": Config(backends=("noisy:fake_manila",), pair_shots=10_000, steps=3, shots=1000),
    "paper": Config(),
}


def total(config: Config) -> int:
    """Three comparisons of three pairs and three games on each backend."""
    return len(config.backends) * len(_COMPARISONS) * (3 + 1)


def compute(config: Config) -> Iterator[Row]:
    """Rows of pairs, whose states are known, then rows of games."""
    seed, ansatz = np.random.SeedSequence(config.seed), hardware_efficient(2, reps=2)
    pairs = _pairs(config, ansatz, child(seed, _ENDS))
    for backend in config.backends:
        for comparison in _COMPARISONS:
            yield from _measured(config, ansatz, backend, comparison, pairs, child(seed, _PAIR))
    for backend in config.backends:
        for comparison in _COMPARISONS:
            yield _played(config, ansatz, backend, comparison, child(seed, _GAME))


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Squared overlaps and cross terms against the exact ones, and the levels of the games."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(13, 4), layout="constrained")
    squared, cross, levels = canvas.subplots(1, 3)
    for b, backend in enumerate(config.backends):
        for row in (row for row in rows if row["backend"] == backend):
            k = _COMPARISONS.index(row["comparison"])
            label = f"{backend.removeprefix('noisy:')}, {row['comparison']}"
            style = {"marker": "os^"[k], "color": LINES[2 * b + (k == 2)], "linestyle": "none", "markersize": 5}
            if row["part"] == "pair":
                first = row["pair"] == "same"
                squared.plot(row["F_exact"], max(row["F"], 1e-6), label=label if first else None, **style)
                cross.plot(row["h_exact"], row["h"], **style)
            else:
                place = b * 4 + k + 0.1 * np.arange(config.levels)
                misses, bars = MILLI * (row["found"] - row["exact"]), MILLI * row["found_err"]
                levels.errorbar(place, misses, bars, capsize=2, **style)
    for ax, low, high in ((squared, 1e-6, 1.0), (cross, -2.0, 0.3)):
        ax.plot([low, high], [low, high], color="grey", linewidth=0.8)
    squared.set(xlabel="|<j|r>|², exact", ylabel="measured", yscale="symlog", xscale="symlog")
    squared.set_xscale("symlog", linthresh=1e-3)
    squared.set_yscale("symlog", linthresh=1e-3)
    cross.set(xlabel="<j|H|r>, exact (hartree)", ylabel="measured")
    levels.axhline(0, color="grey", linewidth=0.8)
    levels.set_xticks([4 * b + 1 for b in range(len(config.backends))], config.backends, fontsize=8)
    levels.set(ylabel="levels less the exact ones (mHa)")
    finish(squared, cross, levels)
    return canvas


def _pairs(config: Config, ansatz: QuantumCircuit, seed: np.random.SeedSequence) -> dict[str, tuple[Point, Point]]:
    """A ground state with itself, with a child that is done, and with one that is not yet."""
    method = EigenGame(guards=0)
    ends = [p.parameters for p in eigensolve(h2_two_qubits(), 2, method=method, ansatz=ansatz, rng=seed).players]
    signs = np.where(np.arange(len(ends[1])) % 3 == 0, -1.0, 1.0)
    return {
        "same": (ends[0], ends[0].copy()),
        "orthogonal": (ends[0], ends[1]),
        "underway": (ends[0], ends[1] + config.offset * signs),
    }


def _measured(
    config: Config,
    ansatz: QuantumCircuit,
    backend: str,
    comparison: Comparison,
    pairs: dict[str, tuple[Point, Point]],
    seed: np.random.SeedSequence,
) -> Iterator[Row]:
    H = h2_two_qubits()
    exact = ExactEstimator([ansatz] * 2, H, get("statevector"))
    estimator = SampledEstimator(
        [ansatz] * 2,
        H,
        backend,
        shots=ShotPolicy(config.pair_shots, matrix=config.pair_shots),
        cross="overlap" if comparison == "overlap" else "interference",
        rescale=comparison == "rescaled",
        rng=seed,
    )
    for name, (parent, other) in pairs.items():
        # The state with itself too is compared by the circuit for two players.
        told, _ = estimator.pair((0, parent), (1, other))
        known, _ = exact.pair((0, parent), (1, other))
        yield {
            "part": "pair",
            "backend": backend,
            "comparison": comparison,
            "pair": name,
            "h": float(told.h[0].real),
            "h_exact": float(known.h[0].real),
            "F": float(abs(told.s[0]) ** 2 - told.s_var[0]),
            "F_exact": float(abs(known.s[0]) ** 2),
        }


def _played(
    config: Config, ansatz: QuantumCircuit, backend: str, comparison: Comparison, seed: np.random.SeedSequence
) -> Row:
    """Levels of a game on the backend, against the noiseless ones."""
    H, k = h2_two_qubits(), config.levels
    exact = np.linalg.eigvalsh(H.to_matrix())[:k]
    method = EigenGame(
        cross=comparison,
        ritz=comparison != "overlap",
        optimizer=Adam(0.1),
        guards=0,
        restarts=0,
        max_steps=config.steps,
    )
    with duplicates_allowed():
        result = eigensolve(H, k, method=method, ansatz=ansatz, backend=backend, shots=config.shots, rng=seed)
    # Where the players ended, as a machine without noise would see it.
    points = [player.parameters for player in result.players]
    with duplicates_allowed():
        ends = ExactEstimator([ansatz], H, get("statevector"))
    own = np.sort([float(ends.pair((0, x), (0, x))[0].h[0].real) for x in points])
    return {
        "part": "game",
        "backend": backend,
        "comparison": comparison,
        "worst_mha": MILLI * float(np.abs(result.eigenvalues - exact).max()),
        "error_mha": MILLI * float(np.max(result.eigenvalues_err)),
        "without_noise_mha": MILLI * float(np.abs(own - exact).max()),
        "circuits": result.cost.circuits,
        "found": result.eigenvalues,
        "found_err": result.eigenvalues_err,
        "exact": exact,
    }
