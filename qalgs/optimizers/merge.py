"""Many questions in few jobs: join those whose objectives allow it, run once, split the answers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalgs.evaluation import Cost, Evaluation, MergeableObjective, Objective, Query


def evaluate_many(objectives: Sequence[Objective], queries: Sequence[Query]) -> list[Evaluation]:
    """The answers of ``objectives[i]`` to ``queries[i]``, in as few jobs as their keys allow.

    The cost of a shared job is split by points and the parts add up to the whole, so one job shared by three
    players is counted once.
    """
    answers: list[Evaluation | None] = [None] * len(queries)
    groups: dict[Hashable, list[tuple[int, MergeableObjective, Query]]] = {}
    for i, (objective, query) in enumerate(zip(objectives, queries, strict=True)):
        if len(query.points) == 0:
            answers[i] = Evaluation(np.empty(0))
        elif isinstance(objective, MergeableObjective):
            raw = objective.construct(query)
            key = (objective.job_key, raw.gradient, raw.points.shape[1:])
            groups.setdefault(key, []).append((i, objective, raw))
        else:
            answers[i] = objective.evaluate(query)
    for members in groups.values():
        for (i, objective, _), raw in zip(members, _run_together(members), strict=True):
            answers[i] = objective.combine(queries[i], raw)
    return [answer for answer in answers if answer is not None]


def _run_together(members: Sequence[tuple[int, MergeableObjective, Query]]) -> list[Evaluation]:
    _, leader, first = members[0]
    if len(members) == 1:
        return [leader.run(first)]
    joined = Query(np.concatenate([raw.points for _, _, raw in members]), first.gradient, first.step)
    ends = np.cumsum([0, *(len(raw.points) for _, _, raw in members)])
    answer = leader.run(joined)
    return [_part(answer, int(a), int(b), len(joined.points)) for a, b in pairwise(ends)]


def _part(answer: Evaluation, start: int, stop: int, total: int) -> Evaluation:
    def rows(array: NDArray[Any] | None) -> NDArray[Any] | None:
        return None if array is None else array[start:stop]

    return Evaluation(
        answer.value[start:stop],
        rows(answer.gradient),
        rows(answer.value_err),
        rows(answer.gradient_err),
        _share(answer.cost, start, stop, total),
    )


def _share(cost: Cost, start: int, stop: int, total: int) -> Cost:
    """The part of ``cost`` for points start to stop; whole numbers stay whole and the parts add up."""

    def whole(count: int) -> int:
        return count * stop // total - count * start // total

    part = (stop - start) / total
    return Cost(
        whole(cost.shots),
        whole(cost.circuits),
        whole(cost.jobs),
        cost.quantum_seconds * part,
        cost.wall_seconds * part,
    )
