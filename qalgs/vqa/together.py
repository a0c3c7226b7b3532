"""Walks of several programs on one device that stay apart in every cycle.

Axes: P programs, M placements of a pool, C cycles.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qalgs.backends import Calibration
from qalgs.checks import argument
from qalgs.vqa.packing import Demand, Spacing, pack
from qalgs.vqa.walk import WalkGraph, WalkPlan, plan_walk

_SWEEPS = 8


def plan_together(
    pools: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
    targets: Sequence[NDArray[np.float64]],
    calibration: Calibration,
    *,
    buffer: int = 1,
    moves: int = 1,
    start: Sequence[Sequence[int]] | None = None,
) -> tuple[WalkPlan, ...]:
    """Walks of P programs that keep apart in every cycle.

    The first plan packs cycle after cycle, each program within ``moves`` of where it was: staying is always possible,
    so it never fails later than in its first cycle. Then each program in turn is given the best walk around the others
    until none improves; the sum of the costs falls with every change.

    Args:
        pools: for each program, (M, n) placements and (M,) scores.
        targets: for each program, (C,) scores to aim at.
        calibration: of the device, for its couplers.
        buffer: idle qubits, at least, between two regions.
        moves: largest number of qubits that a program changes between cycles.
        start: for each program, the placement of its first cycle, in its pool; None leaves the first cycle free.

    Raises:
        ValueError: an argument does not fit.
        CapabilityError: the programs do not fit together.
    """
    if not pools or len({len(aims) for aims in targets}) != 1 or len(pools) != len(targets):
        raise ValueError(argument("targets", "have the same number of cycles for every pool", "it has not"))
    spacing, cycles = Spacing(calibration, buffer), len(targets[0])
    graphs: dict[int, WalkGraph] = {}
    for places, scores in pools:
        if id(places) not in graphs:
            graphs[id(places)] = WalkGraph.of(places, scores, moves)
    plans = _myopic(pools, targets, calibration, buffer, moves, start)
    for _ in range(_SWEEPS):
        improved = False
        for p, (places, scores) in enumerate(pools):
            others = np.hstack(
                [plan.placements for q, plan in enumerate(plans) if q != p] or [np.zeros((cycles, 0), int)]
            )
            blocked = np.array([spacing.blocked(places, taken) for taken in others])
            better = plan_walk(
                places,
                scores,
                targets[p],
                moves=moves,
                start=None if start is None else start[p],
                allowed=~blocked,
                graph=graphs[id(places)],
            )
            if better.cost < plans[p].cost - 1e-15:
                plans[p], improved = better, True
        if not improved:
            break
    return tuple(plans)


def _myopic(
    pools: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
    targets: Sequence[NDArray[np.float64]],
    calibration: Calibration,
    buffer: int,
    moves: int,
    start: Sequence[Sequence[int]] | None,
) -> list[WalkPlan]:
    """Cycle after cycle, all programs at once."""
    here = None if start is None else [np.asarray(place) for place in start]
    rows: list[list[int]] = [[] for _ in pools]
    for c in range(len(targets[0])):
        demands, kept = [], []
        for p, (places, scores) in enumerate(pools):
            reach = np.arange(len(places))
            if here is not None:
                most = 0 if c == 0 else moves
                new = ~(places[:, :, None] == here[p]).any(axis=2)
                reach = np.flatnonzero(new.sum(axis=1) <= most)
                if c == 0:
                    reach = reach[(places[reach] == here[p]).all(axis=1)]
            if not len(reach):
                raise ValueError(argument("start", "hold placements of the pools", f"that of program {p} is not"))
            kept.append(reach)
            demands.append(Demand(places[reach], -((scores[reach] - targets[p][c]) ** 2)))
        packing = pack(demands, calibration, buffer=buffer)
        for p, chosen in enumerate(packing.rows):
            rows[p].append(int(kept[p][chosen[0]]))
        here = [places[rows[p][-1]] for p, (places, _) in enumerate(pools)]
    return [_as_plan(*pools[p], targets[p], np.array(rows[p])) for p in range(len(pools))]


def _as_plan(
    places: NDArray[np.int64], scores: NDArray[np.float64], aims: NDArray[np.float64], rows: NDArray[np.int64]
) -> WalkPlan:
    return WalkPlan(rows, places[rows], scores[rows], aims, float(((scores[rows] - aims) ** 2).sum()))
