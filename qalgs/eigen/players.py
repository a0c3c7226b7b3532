"""One player: its optimizer's state, what has been measured on the way, and the best end it has come to.

Axes: p parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from qalgs.checks import child, generator
from qalgs.eigen.deflation import Real
from qalgs.eigen.estimator import Answer
from qalgs.evaluation import Cost, Evaluation, Query
from qalgs.optimizers import Optimizer, State
from qalgs.optimizers.saving import from_record, to_record

_WINDOW = 20
"""Energies with errors are compared in windows of so many steps."""
_START, _KICK, _OPTIMIZER = 0, 1, 2
"""Keys of the random streams of an attempt."""
_KICK_SIZE = 0.3
_COPY = 0.999
"""Squared overlap from which a start is a copy of a parent: a stationary point, which gradients cannot leave."""


class Game(NamedTuple):
    """What a player plays against; where it changes, the objective has changed."""

    shift: float
    parents: tuple[int, ...]
    """Version of each parent."""


@dataclass(frozen=True, eq=False)
class Mark:
    """What was measured at one point of a game."""

    x: Real
    """(p,)."""
    energy: float
    energy_err: float
    loss: float
    """Energy and penalty."""
    overlap: float
    """Largest squared overlap with a parent, free of the bias that squaring noise brings."""
    overlap_err: float
    gradient_norm: float
    """NaN where no gradient was measured."""
    game: Game
    variance: float | None = None
    """<H^2> - <H>^2; None where it is not known."""

    @classmethod
    def of(cls, answer: Answer, points: Real, i: int, game: Game) -> Mark:
        """Point i of an answer."""
        cross = answer.cross[i]
        squared, spread = np.abs(cross.s) ** 2 - cross.s_var, 2 * np.abs(cross.s) * np.sqrt(cross.s_var) + cross.s_var
        worst = int(np.argmax(squared)) if len(squared) else None
        norm = np.nan if answer.gradient is None else float(np.linalg.norm(answer.gradient[i]))
        return cls(
            np.array(points[i]),
            float(answer.energy[i]),
            float(answer.energy_err[i]),
            float(answer.loss[i]),
            0.0 if worst is None else max(0.0, float(squared[worst])),
            0.0 if worst is None else float(spread[worst]),
            norm,
            game,
        )


class Player:
    """Mutable, private to the game."""

    def __init__(self, index: int, seed: np.random.SeedSequence) -> None:
        """A player that has not started."""
        self.index, self._seed = index, seed
        self.state: State | None = None
        self.game: Game | None = None
        self.attempt, self.steps, self.asked, self.total = 0, 0, 0, 0
        self.raised = 0
        """How often it was sent back because the shift was raised."""
        self.stopped = ""
        """Why this attempt has ended; empty while it moves."""
        self.latest: Mark | None = None
        self.lowest: Mark | None = None
        self.best: Mark | None = None
        """Best end of all attempts."""
        self.best_stopped = ""
        """Why the attempt that it is from ended."""
        self.final: Mark | None = None
        self.status = "waiting"
        self.energies: list[tuple[float, float]] = []
        """Energy and its error at each step of this attempt."""
        self.cost = Cost()
        self.counted: dict[str, int] = {}

    @property
    def finished(self) -> bool:
        """Whether its level is settled."""
        return self.final is not None

    @property
    def moving(self) -> bool:
        """Whether it has a question to ask."""
        return self.state is not None and not self.stopped and not self.finished

    def rng(self, *key: int) -> np.random.Generator:
        """Random numbers of this attempt."""
        return generator(self._seed, self.attempt, self.raised, *key)

    def begin(self, x0: Real, optimizer: Optimizer[Any], game: Game) -> None:
        """Start an attempt at ``x0``."""
        self.state = optimizer.init(x0, rng=child(self._seed, self.attempt, self.raised, _OPTIMIZER))
        self.game, self.steps, self.stopped, self.energies = game, 0, "", []
        self.latest = self.lowest = None
        self.status = "moving"

    def follow(self, optimizer: Optimizer[Any], game: Game) -> None:
        """Take up the game as it is now; what was known of another one is dropped."""
        if self.state is None or game == self.game:
            return
        self.game, self.lowest = game, None
        if self.stopped != "max_steps":
            self.stopped = ""
        if optimizer.on_change == "carry":
            self.state = replace(self.state, done=False, success=False, message="", value=np.nan, value_err=0.0)
        else:
            seed = child(self._seed, self.attempt, self.raised, _OPTIMIZER, self.steps)
            self.state = optimizer.init(self.state.x, rng=seed)

    def query(self, optimizer: Optimizer[Any]) -> Query | None:
        """The next question; None where the optimizer has none left."""
        assert self.state is not None
        query = optimizer.ask(self.state)
        if len(query.points):
            return query
        state = self.state if self.state.done else optimizer.tell(self.state, Evaluation(np.empty(0)))
        self.state, self.stopped = state, "converged" if state.success else "stalled"
        return None

    def accept(
        self, optimizer: Optimizer[Any], query: Query, answer: Answer, *, gtol: float, max_steps: int, exact: bool
    ) -> None:
        """Take an answer, and see whether the attempt has ended."""
        assert self.state is not None
        assert self.game is not None
        lowest = int(np.argmin(answer.loss))
        self.latest = Mark.of(answer, query.points, lowest, self.game)
        if self.lowest is None or self.latest.loss < self.lowest.loss:
            self.lowest = self.latest
        self.count(answer)
        self.energies.append((float(answer.energy.mean()), float(np.linalg.norm(answer.energy_err) / len(answer.loss))))
        self.steps, self.asked, self.total = self.steps + 1, self.asked + 1, self.total + 1
        if self.steps == 1 and self.latest.overlap - 3 * self.latest.overlap_err > _COPY:
            kick = _KICK_SIZE * self.rng(_KICK).choice([-1.0, 1.0], size=self.state.x.size)
            self.state = optimizer.init(
                self.state.x + kick, rng=child(self._seed, self.attempt, self.raised, _OPTIMIZER, 0)
            )
            return
        told = Evaluation(answer.loss, answer.gradient, answer.loss_err, answer.gradient_err, answer.cost)
        state: State = optimizer.tell(self.state, told)
        self.state = state
        if state.done:
            self.stopped = "converged" if state.success else "stalled"
        elif exact and self.latest.gradient_norm <= gtol:
            self.state, self.stopped = replace(state, x=self.latest.x.copy()), "converged"
        elif not exact and self._level():
            self.stopped = "converged"
        elif self.steps >= max_steps:
            self.stopped = "max_steps"

    def known(self) -> Mark | None:
        """What was measured where the attempt ended; None where nothing was."""
        x = None if self.state is None else self.state.x
        marks = [mark for mark in (self.latest, self.lowest) if mark is not None and mark.game == self.game]
        return next((mark for mark in marks if x is not None and np.array_equal(mark.x, x)), None)

    def count(self, answer: Answer) -> None:
        """Add up what was spent."""
        self.cost = self.cost + answer.cost
        for name, number in answer.counted.items():
            self.counted[name] = self.counted.get(name, 0) + number

    def plain(self) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
        """Everything the player is made of, for a file."""
        names = ("attempt", "steps", "asked", "total", "raised", "stopped", "best_stopped", "status", "counted")
        facts: dict[str, Any] = {name: getattr(self, name) for name in names}
        facts["energies"] = self.energies
        facts["cost"] = {f.name: getattr(self.cost, f.name) for f in fields(self.cost)}
        facts["game"] = self.game
        arrays: dict[str, np.ndarray[Any, Any]] = {}
        for name in ("latest", "lowest", "best", "final"):
            mark = getattr(self, name)
            if mark is not None:
                facts[name] = {f.name: getattr(mark, f.name) for f in fields(mark) if f.name != "x"}
                arrays[name] = mark.x
        if self.state is not None:
            facts["state"], own = to_record(self.state)
            arrays |= {f"state_{name}": array for name, array in own.items()}
        return facts, arrays

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Become the player that ``plain`` described."""
        for name in ("attempt", "steps", "asked", "total", "raised", "stopped", "best_stopped", "status", "counted"):
            setattr(self, name, facts[name])
        self.energies = [(energy, err) for energy, err in facts["energies"]]
        self.cost = Cost(**facts["cost"])
        self.game = _game(facts["game"])
        for name in ("latest", "lowest", "best", "final"):
            if name in facts:
                mark = Mark(x=arrays[name], **{**facts[name], "game": _game(facts[name]["game"])})  # pyright: ignore[reportArgumentType]
                setattr(self, name, mark)
        if "state" in facts:
            own = {n.removeprefix("state_"): a for n, a in arrays.items() if n.startswith("state_")}
            self.state = from_record(facts["state"], own)

    def _level(self) -> bool:
        """Whether sampled energies have stopped changing, as far as two windows can tell."""
        if self.steps < 2 * _WINDOW:
            return False
        values, errors = np.array(self.energies[-2 * _WINDOW :]).T
        before, after = values[:_WINDOW].mean(), values[_WINDOW:].mean()
        return bool(abs(after - before) < 2 * np.linalg.norm(errors) / _WINDOW)


def start_point(player: Player, size: int, how: str) -> Real:
    """Where an attempt starts: "uniform" in (-pi, pi), or "small" angles around 0."""
    draw = player.rng(_START)
    return draw.uniform(-np.pi, np.pi, size) if how == "uniform" else draw.normal(0, 0.1, size)


def _game(plain: Any) -> Game | None:
    return None if plain is None else Game(plain[0], tuple(plain[1]))
