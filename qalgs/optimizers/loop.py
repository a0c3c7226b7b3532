"""The loops: one optimizer to its end, the same step by step, and many side by side in shared jobs."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from numpy.typing import ArrayLike

from qalgs.checks import RngLike, argument, as_seed_sequence, child, positive_int
from qalgs.evaluation import Objective
from qalgs.optimizers.base import Optimizer, State
from qalgs.optimizers.functions import ObjectiveSchedule
from qalgs.optimizers.merge import evaluate_many
from qalgs.optimizers.player import Player
from qalgs.optimizers.result import OptimizeResult
from qalgs.run import Callback, Status, Step, drive


def minimize(
    objective: Objective | ObjectiveSchedule,
    x0: ArrayLike | State,
    optimizer: Optimizer[Any],
    *,
    max_steps: int = 1000,
    rng: RngLike = None,
    callback: Callback | Sequence[Callback] | None = None,
) -> OptimizeResult:
    """The minimiser of ``objective`` that ``optimizer`` finds from ``x0``.

    Where the optimizer does not know the value at the point it returns, that is evaluated once more at the
    end. Ctrl-C returns what was reached.

    Args:
        objective: what is minimised; an ``ObjectiveSchedule`` when it changes on the way.
        x0: the start, of any shape, or the state of an earlier run, which is then continued.
        optimizer: the method and its settings.
        max_steps: most questions answered in this run, at least 1.
        rng: decides the optimizer's random choices; not used when a state is continued.
        callback: called after each step with ``Step``, whose state is the optimizer's; StopIteration ends the
            run.

    Returns:
        The last point of first-order methods and SPSA, SciPy's own result for its methods; see
        ``OptimizeResult``.

    Raises:
        TypeError: ``objective`` is no objective, or ``x0`` is complex and the method real.
        ValueError: ``x0`` is not finite, the optimizer needs gradients that the objective lacks, or an answer
            is not finite.

    Example:
        >>> import numpy as np
        >>> from qalgs.optimizers import COBYLA, FunctionObjective, minimize
        >>> bowl = FunctionObjective(lambda x: float(np.sum((x - 1) ** 2)))
        >>> bool(np.allclose(minimize(bowl, np.zeros(2), COBYLA()).x, 1, atol=1e-3))
        True
    """
    max_steps = positive_int(max_steps, "max_steps")
    return _run([Player(objective, x0, optimizer, rng)], max_steps, callback, alone=True)[0]


def iterate(
    objective: Objective | ObjectiveSchedule,
    x0: ArrayLike | State,
    optimizer: Optimizer[Any],
    *,
    max_steps: int = 1000,
    rng: RngLike = None,
) -> Generator[Step, None, Status]:
    """``minimize`` as a generator of steps, for ``qalgs.run.drive`` or a loop of one's own.

    Arguments are checked at once. Each ``Step`` carries the optimizer's state and the metrics ``value`` (mean
    over the points of the question), ``evaluations``, and where known ``value_err``, ``gradient_norm`` and
    ``shots``.
    """
    max_steps = positive_int(max_steps, "max_steps")
    return _rounds([Player(objective, x0, optimizer, rng)], max_steps, alone=True)


def minimize_many(
    objectives: Sequence[Objective | ObjectiveSchedule],
    x0s: Sequence[ArrayLike | State],
    optimizer: Optimizer[Any] | Sequence[Optimizer[Any]],
    *,
    max_steps: int = 1000,
    rng: RngLike = None,
    callback: Callback | Sequence[Callback] | None = None,
) -> list[OptimizeResult]:
    """Minimise k objectives side by side; the questions of a step that can share a job are one job.

    Run i is that of ``minimize(objectives[i], x0s[i], ..., rng=child(rng, i))``, number for number when the
    objectives are exact.

    Args:
        objectives: k of them.
        x0s: k starts or states.
        optimizer: one for all, or k of them.
        max_steps: most questions answered by each, at least 1.
        rng: decides the random choices of all.
        callback: called after each step; its state is the tuple of k states, its metrics are ``value_0``,
            ``value_1`` and so on of the players that moved.

    Returns:
        k results.

    Raises:
        ValueError: the numbers of objectives, starts and optimizers differ; and whatever ``minimize`` raises.
    """
    max_steps = positive_int(max_steps, "max_steps")
    optimizers = list(optimizer) if isinstance(optimizer, Sequence) else [optimizer] * len(objectives)
    for name, given in (("x0s", x0s), ("optimizer", optimizers)):
        if len(given) != len(objectives):
            raise ValueError(
                argument(name, f"have one entry for each of {len(objectives)} objectives", f"it has {len(given)}")
            )
    seed = as_seed_sequence(rng)
    starts = zip(objectives, x0s, optimizers, strict=True)
    players = [Player(f, x0, method, child(seed, i)) for i, (f, x0, method) in enumerate(starts)]
    return _run(players, max_steps, callback, alone=False)


def _run(
    players: Sequence[Player], max_steps: int, callback: Callback | Sequence[Callback] | None, *, alone: bool
) -> list[OptimizeResult]:
    run = drive(_rounds(players, max_steps, alone=alone), callback)
    status, message = run.status, run.message
    if status is not Status.INTERRUPTED:
        try:
            queries = [player.last_question() for player in players]
            answers = evaluate_many([player.objective for player in players], queries)
            for player, query, answer in zip(players, queries, answers, strict=True):
                player.accept_last(query, answer)
        except KeyboardInterrupt:
            status, message = Status.INTERRUPTED, Status.INTERRUPTED.value
    return [player.result(status, message, run.wall_seconds) for player in players]


def _rounds(players: Sequence[Player], max_steps: int, *, alone: bool) -> Generator[Step, None, Status]:
    """One question to each player per round, until all are done."""
    for count in range(1, max_steps + 1):
        questions = [(player, query) for player in players if len((query := player.question()).points)]
        if not questions:
            break
        answers = evaluate_many([player.objective for player, _ in questions], [query for _, query in questions])
        for (player, query), answer in zip(questions, answers, strict=True):
            player.accept(query, answer)
        if alone:
            first = players[0]
            yield Step(first.index, first.state, first.trace[-1][1], first.first + max_steps)
        else:
            moved = [player for player, _ in questions]
            metrics = {f"value_{i}": p.trace[-1][1]["value"] for i, p in enumerate(players) if p in moved}
            yield Step(count, tuple(player.state for player in players), metrics, max_steps)
    if not all(player.state.done for player in players):
        return Status.MAX_STEPS
    return Status.CONVERGED if all(player.state.success for player in players) else Status.FAILED
