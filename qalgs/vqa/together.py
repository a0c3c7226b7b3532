"""Walks of several programs on one device that stay apart in every cycle.

Axes: P programs, M placements of a pool, C cycles.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qalgs.backends import Calibration
from qalgs.checks import argument, positive_int
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
    delays: Sequence[int] | None = None,
) -> tuple[WalkPlan, ...]:
    """Walks of P programs that keep apart in every cycle.

    The first plan packs cycle after cycle, each program within ``moves`` of where it was: staying is possible as long
    as no program joins, so without delays it never fails later than in its first cycle. Then each program in turn is
    given the best walk around the others until none improves; the sum of the costs falls with every change.

    Args:
        pools: for each program, (M, n) placements and (M,) scores.
        targets: for each program, (C_p,) scores to aim at.
        calibration: of the device, for its couplers.
        buffer: idle qubits, at least, between two regions.
        moves: largest number of qubits that a program changes between cycles.
        start: for each program, the placement of its first cycle, in its pool; None leaves the first cycle free.
        delays: for each program, the cycle of the run in which it begins; None for 0.

    Raises:
        ValueError: an argument does not fit.
        CapabilityError: the programs do not fit together.
    """
    if not pools or len(pools) != len(targets):
        raise ValueError(argument("targets", f"be given for each of {len(pools)} pools", f"there are {len(targets)}"))
    first = [positive_int(delay, "delays", minimum=0) for delay in delays or [0] * len(pools)]
    if len(first) != len(pools):
        raise ValueError(argument("delays", f"be given for each of {len(pools)} pools", f"there are {len(first)}"))
    spacing = Spacing(calibration, buffer)
    graphs: dict[int, WalkGraph] = {}
    for places, scores in pools:
        if id(places) not in graphs:
            graphs[id(places)] = WalkGraph.of(places, scores, moves)
    plans = _myopic(pools, targets, calibration, buffer, moves, start, first)
    for _ in range(_SWEEPS):
        improved = False
        for p, (places, scores) in enumerate(pools):
            allowed = np.ones((len(targets[p]), len(places)), bool)
            for c, row in enumerate(allowed):
                for q in present(first, [len(plan.placements) for plan in plans], first[p] + c):
                    if q != p:
                        row &= ~spacing.blocked(places, plans[q].placements[first[p] + c - first[q]])
            better = plan_walk(
                places,
                scores,
                targets[p],
                moves=moves,
                start=None if start is None else start[p],
                allowed=allowed,
                graph=graphs[id(places)],
            )
            if better.cost < plans[p].cost - 1e-15:
                plans[p], improved = better, True
        if not improved:
            break
    return tuple(plans)


def present(first: Sequence[int], lengths: Sequence[int], cycle: int) -> list[int]:
    """The programs that are on the device in a cycle of the run."""
    return [p for p, (begin, length) in enumerate(zip(first, lengths, strict=True)) if begin <= cycle < begin + length]


def _myopic(
    pools: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
    targets: Sequence[NDArray[np.float64]],
    calibration: Calibration,
    buffer: int,
    moves: int,
    start: Sequence[Sequence[int]] | None,
    first: Sequence[int],
) -> list[WalkPlan]:
    """Cycle after cycle, all programs that are there at once."""
    here: list[NDArray[np.int64] | None] = [None if start is None else np.asarray(start[p]) for p in range(len(pools))]
    rows: list[list[int]] = [[] for _ in pools]
    lengths = [len(aims) for aims in targets]
    for cycle in range(max(begin + length for begin, length in zip(first, lengths, strict=True))):
        there = present(first, lengths, cycle)
        if not there:
            continue
        demands, kept = [], []
        for p in there:
            places, scores = pools[p]
            reach = _within(places, here[p], moves if rows[p] else 0)
            if not len(reach):
                raise ValueError(argument("start", "hold placements of the pools", f"that of program {p} is not"))
            kept.append(reach)
            demands.append(Demand(places[reach], -((scores[reach] - targets[p][len(rows[p])]) ** 2)))
        packing = pack(demands, calibration, buffer=buffer)
        for p, reach, chosen in zip(there, kept, packing.rows, strict=True):
            rows[p].append(int(reach[chosen[0]]))
            here[p] = pools[p][0][rows[p][-1]]
    return [_as_plan(*pools[p], targets[p], np.array(rows[p])) for p in range(len(pools))]


def _within(places: NDArray[np.int64], here: NDArray[np.int64] | None, moves: int) -> NDArray[np.intp]:
    """Rows that change at most ``moves`` qubits of ``here``; with 0 moves the very placement; all where it is None."""
    if here is None:
        return np.arange(len(places))
    if moves == 0:
        return np.flatnonzero((places == here).all(axis=1))
    new = ~(places[:, :, None] == here).any(axis=2)
    return np.flatnonzero(new.sum(axis=1) <= moves)


def _as_plan(
    places: NDArray[np.int64], scores: NDArray[np.float64], aims: NDArray[np.float64], rows: NDArray[np.int64]
) -> WalkPlan:
    return WalkPlan(rows, places[rows], scores[rows], aims, float(((scores[rows] - aims) ** 2).sum()))
