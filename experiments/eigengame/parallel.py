"""Players that play at once: rounds and work in all, with news after every round, less often, and lagged starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from experiments.bench.table import Row
from experiments.eigengame.levels import ROUNDING, errors, raw_levels, starts
from experiments.eigengame.matrices import finish, shades
from qalgs.checks import child, generator
from qalgs.circuits import hardware_efficient, random_layers
from qalgs.eigen import EigenGame, EigenResult, eigensolve
from qalgs.optimizers import Adam, GradientDescent
from qalgs.plot.common import LINES
from qalgs.problems import h2_two_qubits, molecule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qalgs.optimizers import Optimizer

EXPECTED = """\
A round is one question of every player that moves: what k machines do at the same time. Together the players need
half of the rounds of one after the other, for one and a half times the questions in all, at the same accuracy. News
that is up to 5 rounds old costs nothing; 20 rounds, a quarter more. In the lagged schedule, where a player waits
until the gradient of the one before is small, the rounds are 56 and 68 % of those one by one, and no question is
asked in vain. A run of H2 in eight stops on the plateau 20 mHa above the ground state, in every schedule."""

_START, _RUN = 0, 1
"""Keys of the random streams, with the repeat."""
_SEQUENTIAL = "one by one"


class _Problem(NamedTuple):
    """Levels to find, all players' start range, and how they move."""

    H: SparsePauliOp
    ansatz: QuantumCircuit
    high: float
    optimizer: Optimizer
    c: float
    gtol: float


@dataclass(frozen=True)
class Config:
    """Both problems of the design, from several starts."""

    problems: tuple[str, ...] = ("H2", "LiH (2,2)")
    players: int = 4
    periods: tuple[int, ...] = (1, 5, 20)
    repeats: int = 8
    within: float = 5e-3
    """Hartree."""
    seed: int = 4


PRESETS = {"smoke": Config(("H2",), periods=(1,), repeats=1), "paper": Config()}


def total(config: Config) -> int:
    """One row per problem and schedule."""
    return len(config.problems) * len(_schedules(config))


def compute(config: Config) -> Iterator[Row]:
    """A row per problem and schedule: medians, and the ``error`` of every level over the rounds of the first run."""
    seed = np.random.SeedSequence(config.seed)
    for name in config.problems:
        problem = _PROBLEMS[name]()
        exact = np.linalg.eigvalsh(problem.H.to_matrix())[: config.players]
        alone = float("nan")
        for label, schedule, period in _schedules(config):
            results = [_played(config, problem, schedule, period, seed, i) for i in range(config.repeats)]
            rounds = float(np.median([len(result.history["step"]) for result in results]))
            alone = rounds if label == _SEQUENTIAL else alone
            misses = [float(errors(raw_levels(result), exact).max()) for result in results]
            yield {
                "problem": name,
                "schedule": label,
                "rounds": rounds,
                "ratio": rounds / alone,
                "questions": float(np.median([sum(p.steps for p in result.players) for result in results])),
                "right": sum(miss < config.within for miss in misses),
                "error_median": float(np.median(misses)),
                "error": _curves(results[0], exact),
            }


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Errors over the rounds, one by one and together, and rounds and questions of every schedule."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(13, 4), layout="constrained")
    left, middle, right = canvas.subplots(1, 3)
    mine = [row for row in rows if row["problem"] == rows[0]["problem"]]
    for ax, row in zip((left, middle), mine, strict=False):
        for r, (error, shade) in enumerate(zip(row["error"], shades(config.players), strict=True)):
            ax.plot(np.maximum(error, ROUNDING), color=shade, label=f"level {r + 1}")
        ax.set(xlabel=f"round, {row['problem']}, {row['schedule']}", ylabel="error (hartree)", yscale="log")
    places = np.arange(len(rows))
    right.barh(places - 0.2, [row["rounds"] for row in rows], 0.4, color=LINES[0], label="rounds")
    right.barh(places + 0.2, [row["questions"] for row in rows], 0.4, color=LINES[3], label="questions of all players")
    right.set_yticks(places, [f"{row['problem']}, {row['schedule']}" for row in rows], fontsize=7)
    right.invert_yaxis()
    finish(left, middle, right)
    return canvas


def _schedules(config: Config) -> list[tuple[str, Literal["sequential", "parallel", "lagged"], int]]:
    together = [(f"together, news every {period}", "parallel", period) for period in config.periods]
    return [(_SEQUENTIAL, "sequential", 1), *together, ("lagged", "lagged", 1)]  # pyright: ignore[reportReturnType]


def _played(
    config: Config,
    problem: _Problem,
    schedule: Literal["sequential", "parallel", "lagged"],
    period: int,
    seed: np.random.SeedSequence,
    repeat: int,
) -> EigenResult:
    method = EigenGame(
        c=problem.c,
        schedule=schedule,
        period=period,
        optimizer=problem.optimizer,
        gtol=problem.gtol,
        guards=0,
        restarts=0,
    )
    low = starts(config.players, problem.ansatz.num_parameters, generator(seed, _START, repeat), problem.high)
    own = child(seed, _RUN, repeat)
    return eigensolve(problem.H, config.players, method=method, ansatz=problem.ansatz, initial=low, rng=own)


def _curves(result: EigenResult, exact: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, rounds) distance of each player from its level; NaN in rounds that it sits out."""
    return np.abs([result.history[f"energy_{r}"] - level for r, level in enumerate(exact)])


def _h2() -> _Problem:
    H = h2_two_qubits()
    values = np.linalg.eigvalsh(H.to_matrix())
    # The paper's step with a shift by 1, as in figure 5.
    return _Problem(H, random_layers(2).reverse_bits(), 1.0, GradientDescent(0.5 / float(-values[0])), 1.0, 1e-2)


def _lih() -> _Problem:
    H = molecule("LiH", active_electrons=2, active_orbitals=2).hamiltonian
    return _Problem(H, hardware_efficient(4, reps=4), 2 * np.pi, Adam(0.05), -6.8, 1e-3)


_PROBLEMS: dict[str, Callable[[], _Problem]] = {"H2": _h2, "LiH (2,2)": _lih}
