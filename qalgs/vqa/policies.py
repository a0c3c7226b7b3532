"""How a variational run uses a device: which placement in each cycle, and with what optimizer.

Axes: C cycles, n qubits.

A policy makes stages from a pool of placements. Whether the optimizer restarts between stages is no business of a
policy: it is a switch of the run, the same for all of them. Only Qoncord's own rule is made of restarts.

Source: Huo, Quiroga, Kyrillidis and Patel, arXiv 2510.09578 (Nest, BestMap, and their baseline Qoncord: an exploration
on a poor device until a coarse tolerance, then a fine search on a good one; here both are placements of one device).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np

from qalgs.checks import RngLike, child, positive_int, real
from qalgs.optimizers import Optimizer
from qalgs.vqa.placements import Pool
from qalgs.vqa.schedules import Schedule, Shape
from qalgs.vqa.walk import WalkPlan, random_plan

_NARROWEST = 0.1


@dataclass(frozen=True, eq=False)
class Stage:
    """One stretch of a run on one placement."""

    cycle: int
    placement: tuple[int, ...] | None
    """Physical qubit of each virtual qubit; None leaves it to the backend."""
    esp: float
    """Of the placement; 1 where no device is modelled."""
    exploring: bool
    """Whether better placements are still to come: the stopping rule does not end a run here."""
    optimizer: Optimizer[Any] | None = None
    """Takes the place of the run's own."""
    to_the_end: bool = False
    """Whether the stage lasts until its optimizer is done, not for a share of the evaluations."""
    target: float = 1.0
    """ESP that was aimed at."""


class Policy(Protocol):
    """A rule for the stages."""

    @property
    def cycles(self) -> int:
        """C."""
        ...

    def plan(self, pool: Pool, *, start: Sequence[int] | None = None, first: int = 0, rng: RngLike = None) -> WalkPlan:
        """The placements of the cycles from ``first`` on, the first of them on ``start`` where it is given."""
        ...


class Staged(Protocol):
    """A policy with optimizers of its own."""

    def optimizer(self, cycle: int, own: Optimizer[Any]) -> Optimizer[Any]:
        """What this cycle runs, given the run's own."""
        ...


@dataclass(frozen=True)
class Nest:
    """A walk from poor placements to the best ones, a few qubits at a time.

    Raises:
        ValueError: a setting is out of its range.
    """

    shape: Shape = "inverted_relu"
    """How the level rises over the run; see ``Schedule``."""
    cycles: int = 6
    """C."""
    low: float = 0.10
    """Quantile of the pool's ESP to start at."""
    high: float = 1.0
    """Quantile to end at."""
    plateau: float = 0.5
    """Share of the cycles on the plateau."""
    moves: int = 1
    """Most qubits that change between cycles."""

    def __post_init__(self) -> None:
        Schedule(self.shape, self.cycles, self.low, self.high, self.plateau)
        positive_int(self.moves, "moves", minimum=0)

    @property
    def schedule(self) -> Schedule:
        """The levels."""
        return Schedule(self.shape, self.cycles, self.low, self.high, self.plateau)

    def plan(self, pool: Pool, *, start: Sequence[int] | None = None, first: int = 0, rng: RngLike = None) -> WalkPlan:
        """The exact best walk."""
        del rng
        return pool.plan(self.schedule, moves=self.moves, start=start, first=first)


@dataclass(frozen=True)
class BestMap:
    """The best placement throughout; with several cycles, the same restarts as any other policy."""

    cycles: int = 1
    """C."""

    def __post_init__(self) -> None:
        positive_int(self.cycles, "cycles")

    def plan(self, pool: Pool, *, start: Sequence[int] | None = None, first: int = 0, rng: RngLike = None) -> WalkPlan:
        """The first row of the pool; after a new calibration the new best, wherever it is."""
        del start, rng
        return pool.plan(Schedule("flat", self.cycles), moves=None, first=first)


@dataclass(frozen=True)
class ConstantLow:
    """A poor placement throughout: what good placements are worth."""

    cycles: int = 6
    """C."""
    quantile: float = 0.25
    """Of the pool's ESP, in [0, 1]."""

    def __post_init__(self) -> None:
        positive_int(self.cycles, "cycles")
        real(self.quantile, "quantile", low=0, high=1)

    def plan(self, pool: Pool, *, start: Sequence[int] | None = None, first: int = 0, rng: RngLike = None) -> WalkPlan:
        """One row, ``start`` where it is given."""
        del rng
        level = Schedule("low", self.cycles, low=self.quantile)
        return pool.plan(level, moves=0, start=start, first=first)


@dataclass(frozen=True)
class RandomJump:
    """A random placement near each level of Nest's schedule: what walking is worth."""

    shape: Shape = "inverted_relu"
    """As in ``Nest``."""
    cycles: int = 6
    """C."""
    low: float = 0.10
    """As in ``Nest``."""
    among: int = 10
    """How many placements nearest the level are drawn from."""

    def __post_init__(self) -> None:
        Schedule(self.shape, self.cycles, self.low)
        positive_int(self.among, "among")

    def plan(self, pool: Pool, *, start: Sequence[int] | None = None, first: int = 0, rng: RngLike = None) -> WalkPlan:
        """Random rows."""
        del start
        targets = Schedule(self.shape, self.cycles, self.low).targets(pool.esp)[first:]
        return random_plan(pool.placements, pool.esp, targets, among=min(self.among, len(pool)), rng=rng)


@dataclass(frozen=True)
class Qoncord:
    """Exploration on a poor placement until a coarse tolerance, then a fine search on the best one."""

    low: float = 0.25
    """Quantile of the first placement."""
    tolerance: float = 0.1
    """Where the exploration ends, > 0, in units of the parameters."""
    fine: float = 0.1
    """First step of the fine search, > 0."""

    def __post_init__(self) -> None:
        real(self.low, "low", low=0, high=1)
        real(self.tolerance, "tolerance", above=0)
        real(self.fine, "fine", above=0)

    @property
    def cycles(self) -> int:
        """Exploration and search."""
        return 2

    def plan(self, pool: Pool, *, start: Sequence[int] | None = None, first: int = 0, rng: RngLike = None) -> WalkPlan:
        """A poor row, then the best."""
        del rng
        level = Schedule("step", 2, low=self.low)
        return pool.plan(level, moves=None, start=start if first == 0 else None, first=first)

    def optimizer(self, cycle: int, own: Optimizer[Any]) -> Optimizer[Any]:
        """The run's own with the stage's first step and tolerance, where it has such settings."""
        if cycle == 0:
            return with_settings(own, tolerance=self.tolerance)
        return with_settings(own, rhobeg=self.fine)


def stages(policy: Policy, plan: WalkPlan, own: Optimizer[Any], *, first: int = 0) -> list[Stage]:
    """The stages of a plan that begins at cycle ``first``."""
    staged = hasattr(policy, "optimizer")
    last = first + len(plan.placements) - 1
    out = []
    for offset, (placement, score, target) in enumerate(zip(plan.placements, plan.scores, plan.targets, strict=True)):
        cycle = first + offset
        better_to_come = bool(np.any(plan.scores[offset + 1 :] > score + 1e-12))
        optimizer = policy.optimizer(cycle, own) if staged else None  # pyright: ignore[reportAttributeAccessIssue]
        where = tuple(int(q) for q in placement)
        to_the_end = staged and cycle < last
        out.append(Stage(cycle, where, float(score), better_to_come, optimizer, to_the_end, float(target)))
    return out


def narrowed(own: Optimizer[Any], cycle: int, cycles: int) -> Optimizer[Any]:
    """The optimizer of a restart: its first step falls linearly from its own to a tenth over the cycles.

    Only methods with a first step (``rhobeg``) have one to narrow; others restart as they are. The law is that of the
    published code, max(0.1, 1 - 0.9 c / (C - 1)).
    """
    share = max(_NARROWEST, 1 - 0.9 * cycle / (cycles - 1)) if cycles > 1 else 1.0
    return with_settings(own, rhobeg=share * getattr(own, "rhobeg", 1.0))


def with_settings(optimizer: Optimizer[Any], **settings: float) -> Optimizer[Any]:
    """The optimizer with those of the settings that it has."""
    names = {entry.name for entry in fields(optimizer)}  # pyright: ignore[reportArgumentType]
    known = {name: value for name, value in settings.items() if name in names}
    return replace(optimizer, **known) if known else optimizer  # pyright: ignore[reportArgumentType]


def plan_stages(
    policy: Policy, pool: Pool, own: Optimizer[Any], seed: np.random.SeedSequence
) -> tuple[WalkPlan, list[Stage]]:
    """Plan and stages of a whole run."""
    plan = policy.plan(pool, rng=child(seed, 0))
    return plan, stages(policy, plan, own)
