"""What the experiments on placements share: problems, policies, an impartial score and paired statistics.

Axes: S seeds, p parameters.

Every policy of a comparison gets the same seed, hence the same first point, and the same budget. A run is scored by the
exact noisy energy of the parameters it returns, all on the best placement of the device: how it got there and what luck
its last shots had is left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from scipy.stats import CensoredData, bootstrap, ecdf, wilcoxon

import qalgs as qa
from qalgs.backends import Backend, get
from qalgs.checks import child
from qalgs.optimizers import Optimizer
from qalgs.problems import molecule
from qalgs.vqa.placements import Pool, placement_pool
from qalgs.vqa.policies import Policy
from qalgs.vqa.problem import calibration_of
from qalgs.vqa.stopping import Plateau

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POLICIES: dict[str, Policy] = {
    "nest": qa.Nest(),
    "bestmap": qa.BestMap(),
    "bestmap, restarts": qa.BestMap(6),
    "qoncord": qa.Qoncord(),
    "constant low": qa.ConstantLow(),
    "random jump": qa.RandomJump(),
}
COLOURS = ("#1f3b5c", "#d99a1c", "#2a9d5c", "#c0392b", "#7d3c98", "#2a7f9e")
BOND_LENGTHS = {"H2": 0.742, "HeH+": 0.775, "H3+": 0.874}
"""Angstrom, as published."""
_OTHER_SECTOR = 1e-3
_WINDOW = 10
"""Evaluations that are averaged where a level is looked for."""


@dataclass(frozen=True, eq=False)
class Setting:
    """How a run is made."""

    policy: Policy
    shots: int | tuple[int, ...] = 1024
    """Per measurement basis, one number or one a cycle."""
    max_evaluations: int = 432
    optimizer: Optimizer[Any] | None = None
    """COBYLA when None."""


@dataclass(frozen=True, eq=False)
class Task:
    """A molecule on a device."""

    name: str
    hamiltonian: SparsePauliOp
    """With a penalty on other numbers of electrons where those lie lower."""
    ground: float
    """Lowest energy with the molecule's own electrons, which the penalty does not move."""
    ansatz: QuantumCircuit
    backend: Backend

    @classmethod
    def of(cls, name: str, device: str) -> Task:
        """H2, HeH+ or H3+ on ``device``, with the ansatz that ``vqe`` takes by itself."""
        known = molecule(name, bond_length=BOND_LENGTHS[name])
        ground = float(known.exact_levels(1)[0])
        H = known.hamiltonian
        if np.linalg.eigvalsh(H.to_matrix())[0] < ground - _OTHER_SECTOR:
            H = known.penalised()
        ansatz = qa.circuits.hardware_efficient(known.num_qubits, reps=3, rotations=("ry", "rz"))
        with warnings.catch_warnings():  # fake_nighthawk says that its data are not meant for use
            warnings.filterwarnings("ignore", "Properties of fake", UserWarning)
            backend = get(f"noisy:{device}")
        return cls(name, H, ground, ansatz, backend)

    @cached_property
    def pool(self) -> Pool:
        """Where the ansatz fits."""
        return placement_pool(calibration_of(self.backend), self.ansatz)

    def noisy_gap(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(S,) exact noisy energies above ``ground`` at the (S, p) points, on the best placement."""
        program = self.backend.prepare(self.ansatz, self.hamiltonian, qubits=self.pool.placements[0].tolist())
        return self.backend.expect(program, points).values[:, 0] - self.ground

    def noiseless_gap(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(S,) energies without noise above ``ground``."""
        exact = get("statevector")
        return exact.expect(exact.prepare(self.ansatz, self.hamiltonian), points).values[:, 0] - self.ground

    def run(self, setting: Setting, seed: np.random.SeedSequence) -> qa.VQEResult:
        """One run."""
        return qa.vqe(
            self.hamiltonian,
            self.ansatz,
            optimizer=setting.optimizer,
            schedule=setting.policy,
            backend=self.backend,
            shots=setting.shots,
            max_evaluations=setting.max_evaluations,
            rng=seed,
        )


@dataclass(frozen=True, eq=False)
class Arm:
    """The runs of one setting on all seeds."""

    results: list[qa.VQEResult]
    gap: NDArray[np.float64]
    """(S,) exact noisy score."""
    noiseless: NDArray[np.float64]
    """(S,) gap without noise."""

    @classmethod
    def of(cls, task: Task, setting: Setting, seed: np.random.SeedSequence, seeds: int) -> Arm:
        """Run and score; seed s is the same whatever the setting."""
        results = [task.run(setting, child(seed, s)) for s in range(seeds)]
        points = np.array([result.parameters for result in results])
        return cls(results, task.noisy_gap(points), task.noiseless_gap(points))

    def facts(self, task: Task) -> dict[str, float]:
        """What every table says about an arm."""
        return {
            "evaluations": float(np.median(self.evaluations)),
            "gap_median": float(np.median(self.gap)),
            "gap_mean": float(self.gap.mean()),
            "noiseless_median": float(np.median(self.noiseless)),
            "on_prime": self.on_prime(task),
        }

    def evaluations_to(self, energy: float) -> NDArray[np.float64]:
        """(S,) evaluations until a mean of ten energies is that low; infinite where it never was."""
        found = [result.evaluations_to(energy, window=_WINDOW) for result in self.results]
        return np.array([np.inf if number is None else number for number in found])

    def settled_after(self) -> NDArray[np.float64]:
        """(S,) evaluations after which the stopping rule would have ended the run, infinite where it never would."""
        return np.array([settled_after(result) for result in self.results])

    @property
    def evaluations(self) -> NDArray[np.float64]:
        """(S,) evaluations spent."""
        return np.array([float(result.evaluations) for result in self.results])

    def on_prime(self, task: Task, quantile: float = 0.9) -> float:
        """The share of the evaluations on placements of the pool's best tenth."""
        good = float(np.quantile(task.pool.esp, quantile))
        return float(np.mean([np.mean(result.history["esp"] >= good - 1e-12) for result in self.results]))


def settled_after(result: qa.VQEResult, rule: Plateau | None = None) -> float:
    """When ``Plateau`` would have ended a run, from its history: asked only where no better placement is to come."""
    rule = rule or Plateau()
    energy, cycle = result.history["energy"], result.history["cycle"].astype(int)
    for c in range(len(result.esp)):
        if np.any(result.esp[c + 1 :] > result.esp[c] + 1e-12):
            continue
        mine = np.flatnonzero(cycle == c)
        for k in range(len(mine)):
            if rule.settled(energy[mine[: k + 1]].tolist(), len(result.parameters)):
                return float(mine[k] + 1)
    return np.inf


def paired(first: NDArray[np.float64], second: NDArray[np.float64], seed: int = 0) -> dict[str, float]:
    """The median of first - second with its 95 % bootstrap interval, Wilcoxon's p, and how often first is lower."""
    difference = first - second
    facts = {"difference": float(np.median(difference)), "wins": int((difference < 0).sum())}
    if len(difference) < 6 or not difference.any():
        return facts
    draw = np.random.default_rng(seed)
    interval = bootstrap((difference,), np.median, n_resamples=4999, method="percentile", rng=draw)
    low, high = interval.confidence_interval
    test: Any = wilcoxon(difference)
    return facts | {"low": float(low), "high": float(high), "p": float(test.pvalue)}


def survival(times: NDArray[np.float64], budgets: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Kaplan and Meier's estimate: times, and the share of runs that have not reached their level by then.

    Args:
        times: (S,) when a run reached it, infinite where it did not.
        budgets: (S,) when such a run ended.
    """
    reached = np.isfinite(times)
    observed = CensoredData(uncensored=times[reached], right=budgets[~reached])
    curve = ecdf(observed).sf
    return curve.quantiles, curve.probabilities


def median_time(times: NDArray[np.float64], budgets: NDArray[np.float64]) -> float | None:
    """Kaplan and Meier's median; None where fewer than half of the runs got there."""
    when, left = survival(times, budgets)
    below = np.flatnonzero(left <= 0.5)
    return float(when[below[0]]) if len(below) else None


def strip(ax: Axes, groups: Sequence[NDArray[np.float64]], names: Sequence[str]) -> None:
    """One column of points a group, with its median."""
    for k, values in enumerate(groups):
        colour = COLOURS[k % len(COLOURS)]
        spread = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else [0.0]
        ax.plot(k + np.asarray(spread), values, "o", color=colour, alpha=0.55, markersize=4, markeredgewidth=0)
        ax.plot([k - 0.3, k + 0.3], [np.median(values)] * 2, color=colour, linewidth=2.5)
    ax.set_xticks(range(len(names)), names, rotation=25, ha="right", fontsize=8)
    ax.grid(axis="y", alpha=0.25, linewidth=0.5)
