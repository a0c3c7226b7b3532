"""Which placement to use in each cycle: an exact plan that changes few qubits at a time.

Axes: M placements of a pool, C cycles, n qubits, E moves of the pool.

Between two placements d_set counts new physical qubits, and d_log virtual qubits whose host changes. A plan minimises

    sum_c (s(m_c) - t_c)^2 + qubit_cost sum_c d_set(m_c, m_{c+1}) + relabel_cost sum_c d_log(m_c, m_{c+1})

over all sequences with d_set <= moves between cycles, for scores s and targets t in the same units (ESP, its logarithm,
a rank). It is a shortest path through C copies of the pool, found exactly by dynamic programming. A target out of reach
leaves a residual; nothing ever jumps. Ties fall to smaller d_set, smaller d_log, higher score, and the
lexicographically smaller placement, in this order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from qalgs.checks import RngLike, argument, as_seed_sequence, finite_array, generator, positive_int, real

_MOST_MOVES = 40_000_000


@dataclass(frozen=True, eq=False)
class WalkPlan:
    """One placement for each cycle."""

    rows: NDArray[np.int64]
    """(C,) rows of the pool."""
    placements: NDArray[np.int64]
    """(C, n) physical qubits; column i hosts virtual qubit i."""
    scores: NDArray[np.float64]
    """(C,) scores of the placements."""
    targets: NDArray[np.float64]
    """(C,) what was aimed at."""
    cost: float
    """What was minimised."""

    @property
    def residuals(self) -> NDArray[np.float64]:
        """(C,) scores minus targets."""
        return self.scores - self.targets

    @property
    def rmse(self) -> float:
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(self.residuals**2)))

    @property
    def new_qubits(self) -> NDArray[np.int64]:
        """(C - 1,) d_set of every step."""
        return np.array([new_qubits(a, b) for a, b in pairwise(self.placements)], np.int64)

    @property
    def new_hosts(self) -> NDArray[np.int64]:
        """(C - 1,) d_log of every step."""
        return (self.placements[1:] != self.placements[:-1]).sum(axis=1)


def new_qubits(before: ArrayLike, after: ArrayLike) -> int:
    """d_set: how many physical qubits of ``after`` are not in ``before``."""
    return len(np.setdiff1d(after, before))


@dataclass(frozen=True, eq=False)
class WalkGraph:
    """The steps a walk may take on a pool: all pairs with d_set <= moves, staying included."""

    placements: NDArray[np.int64]
    """(M, n)."""
    starts: NDArray[np.int64]
    """(M + 1,) the moves into placement m are ``sources[starts[m] : starts[m + 1]]``."""
    sources: NDArray[np.int64]
    """(E,) rows, the ones that ties fall to first."""
    new_qubits: NDArray[np.int64]
    """(E,) d_set."""
    new_hosts: NDArray[np.int64]
    """(E,) d_log."""

    @classmethod
    def of(cls, placements: ArrayLike, scores: ArrayLike, moves: int) -> WalkGraph:
        """The graph of a pool.

        Two placements are a step apart when they share n - moves qubits, so all that contain the same n - moves qubits
        are steps of one another: a product of sparse incidence matrices finds every pair.

        Args:
            placements: (M, n) physical qubits.
            scores: (M,) scores, which order ties.
            moves: largest d_set, at least 0; n or more makes every pair a step.

        Raises:
            TypeError: an argument is of the wrong kind.
            ValueError: an argument does not fit, or there are too many steps for memory.
        """
        pool, values = _check_pool(placements, scores)
        moves = positive_int(moves, "moves", minimum=0)
        M, n = pool.shape
        share = n - min(moves, n)
        incidence = _incidence(np.sort(pool, axis=1), share)
        sizes = np.bincount(incidence.indices).astype(float)
        if (sizes**2).sum() > _MOST_MOVES:
            must = f"leave at most {_MOST_MOVES} steps between the {M} placements"
            raise ValueError(argument("moves", must, f"with {moves} there are about {(sizes**2).sum():.1e}"))
        pairs = (incidence @ incidence.T).tocoo()
        target, source = (np.asarray(axis, np.int64) for axis in pairs.coords)
        d_set = n - _overlap(np.asarray(pairs.data), n, share, pool, target, source)
        d_log = (pool[target] != pool[source]).sum(axis=1)
        alphabetic = np.empty(M, np.int64)
        alphabetic[np.lexsort(pool.T[::-1])] = np.arange(M)
        order = np.lexsort((alphabetic[source], -values[source], d_log, d_set, target))
        starts = np.searchsorted(target[order], np.arange(M + 1))
        return cls(pool, starts, source[order], d_set[order], d_log[order])

    def cheapest(self, costs: NDArray[np.float64], steps: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
        """For every placement the (M,) least cost of arriving there, and the (M,) row it comes from.

        Args:
            costs: (M,) cost of a plan that ends on each placement.
            steps: (E,) cost of each step.
        """
        arriving = costs[self.sources] + steps
        least = np.minimum.reduceat(arriving, self.starts[:-1])
        best = np.flatnonzero(arriving == np.repeat(least, np.diff(self.starts)))
        first = best[np.searchsorted(best, self.starts[:-1])]
        return least, self.sources[first]


def plan_walk(
    placements: ArrayLike,
    scores: ArrayLike,
    targets: ArrayLike,
    *,
    moves: int | None = 1,
    start: Sequence[int] | None = None,
    allowed: ArrayLike | None = None,
    qubit_cost: float = 0.0,
    relabel_cost: float = 0.0,
    graph: WalkGraph | None = None,
) -> WalkPlan:
    """The best placement for every cycle under a limit on how many qubits change at a time.

    Args:
        placements: (M, n) pool, column i hosting virtual qubit i.
        scores: (M,) score of each placement.
        targets: (C,) scores to aim at.
        moves: largest d_set between cycles; None lets every cycle choose freely.
        start: (n,) placement of the pool that the first cycle must use; None leaves the first cycle free.
        allowed: (C, M) which placements each cycle may use; None allows all.
        qubit_cost: price of a new physical qubit, in squared score.
        relabel_cost: price of a virtual qubit changing its host, in squared score.
        graph: ``WalkGraph.of(placements, scores, moves)`` when it is at hand.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument does not fit, or no sequence of allowed placements exists.

    Source: Huo, Quiroga, Kyrillidis and Patel, arXiv 2510.09578 (there a greedy walk that teleports when stuck).

    >>> plan_walk([[0, 1], [1, 2], [2, 3]], [0.7, 0.8, 0.9], [0.7, 0.9, 0.9]).placements.tolist()
    [[0, 1], [1, 2], [2, 3]]
    """
    pool, values = _check_pool(placements, scores)
    aims = finite_array(targets, "targets", ndim=1)
    if len(aims) == 0:
        raise ValueError(argument("targets", "hold at least one cycle", "it is empty"))
    prices = real(qubit_cost, "qubit_cost", low=0.0), real(relabel_cost, "relabel_cost", low=0.0)
    local = (values[None, :] - aims[:, None]) ** 2
    if allowed is not None:
        mask = np.asarray(allowed, bool)
        if mask.shape != local.shape:
            raise ValueError(argument("allowed", f"have shape {local.shape}", f"its shape is {mask.shape}"))
        local[~mask] = np.inf
    if start is not None:
        here = np.arange(len(pool)) == row_of(pool, start)
        local[0, ~here] = np.inf
    if moves is None and not any(prices):
        rows = _each_alone(local, values)
    else:
        limit = pool.shape[1] if moves is None else moves
        rows = _shortest(local, graph or WalkGraph.of(pool, values, limit), values, prices)
    return _plan(pool, values, aims, rows, prices)


def random_plan(
    placements: ArrayLike, scores: ArrayLike, targets: ArrayLike, *, among: int = 10, rng: RngLike = None
) -> WalkPlan:
    """The random jump: in every cycle a random one of the ``among`` placements whose scores are nearest the target.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument does not fit.
    """
    pool, values = _check_pool(placements, scores)
    aims = finite_array(targets, "targets", ndim=1)
    near = positive_int(among, "among", maximum=len(pool))
    draw = generator(as_seed_sequence(rng))
    ranked = np.argsort(abs(values[None, :] - aims[:, None]), axis=1, kind="stable")
    return _plan(pool, values, aims, ranked[np.arange(len(aims)), draw.integers(near, size=len(aims))], (0.0, 0.0))


def row_of(placements: NDArray[np.int64], placement: Sequence[int]) -> int:
    """The row of ``placement`` in a pool.

    Raises:
        ValueError: it is not there.
    """
    found = np.flatnonzero((placements == np.asarray(placement)).all(axis=1))
    if len(found) == 0:
        raise ValueError(argument("start", "be a placement of the pool", f"{tuple(placement)} is not in it"))
    return int(found[0])


def _shortest(
    local: NDArray[np.float64], graph: WalkGraph, values: NDArray[np.float64], prices: tuple[float, float]
) -> NDArray[np.int64]:
    steps = prices[0] * graph.new_qubits + prices[1] * graph.new_hosts
    costs, back = local[0], []
    for cycle in local[1:]:
        arriving, source = graph.cheapest(costs, steps)
        costs = arriving + cycle
        back.append(source)
    rows = [_argmin(costs, values)]
    for source in reversed(back):
        rows.append(int(source[rows[-1]]))
    return np.array(rows[::-1])


def _each_alone(local: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.array([_argmin(cycle, values) for cycle in local])


def _argmin(costs: NDArray[np.float64], values: NDArray[np.float64]) -> int:
    """The cheapest row, ties falling to the higher score and then to the earlier row."""
    least = costs.min()
    if not np.isfinite(least):
        raise ValueError(argument("allowed", "leave a sequence of placements within `moves`", "it leaves none"))
    ties = np.flatnonzero(costs == least)
    return int(ties[np.argmax(values[ties])])


def _plan(
    pool: NDArray[np.int64],
    values: NDArray[np.float64],
    aims: NDArray[np.float64],
    rows: NDArray[np.int64],
    prices: tuple[float, float],
) -> WalkPlan:
    plan = WalkPlan(rows, pool[rows], values[rows], aims, 0.0)
    cost = (plan.residuals**2).sum() + prices[0] * plan.new_qubits.sum() + prices[1] * plan.new_hosts.sum()
    return WalkPlan(rows, plan.placements, plan.scores, aims, float(cost))


def _incidence(sets: NDArray[np.int64], share: int) -> csr_array:
    """(M, B) which of the B occurring subsets of ``share`` qubits lie in which of the (M, n) sorted sets."""
    M, n = sets.shape
    subsets = np.concatenate([sets[:, list(chosen)] for chosen in combinations(range(n), share)])
    _, column = np.unique(subsets, axis=0, return_inverse=True) if share else (None, np.zeros(len(subsets), np.int64))
    row = np.tile(np.arange(M), len(subsets) // M)
    return csr_array((np.ones(len(row), np.int32), (row, column.reshape(-1))))


def _overlap(
    shared: NDArray[np.int32], n: int, share: int, pool: NDArray, target: NDArray, source: NDArray
) -> NDArray[np.int64]:
    """Qubits that pairs have in common, from the number of subsets of ``share`` qubits they have in common."""
    if share == 0:
        return (pool[target][:, :, None] == pool[source][:, None, :]).sum(axis=(1, 2))
    table = np.array([comb(common, share) for common in range(share, n + 1)])
    return share + np.searchsorted(table, shared)


def _check_pool(placements: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    pool = np.asarray(placements)
    if pool.ndim != 2 or not len(pool) or not np.issubdtype(pool.dtype, np.integer):
        raise ValueError(argument("placements", "be an (M, n) array of qubits", f"its shape is {pool.shape}"))
    values = finite_array(scores, "scores", ndim=1)
    if len(values) != len(pool):
        raise ValueError(argument("scores", f"have one entry for each of {len(pool)} placements", f"has {len(values)}"))
    return pool.astype(np.int64), values
