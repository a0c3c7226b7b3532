"""The game of k players, each after a level of its own: rounds, broadcasts, certificates, and what is kept of them.

Axes: K players, guards included; player r reads players j < r only.

One mechanism serves every schedule. A player is let in when its schedule says so, and asks one question a round. It
plays against the ends of the parents that are finished and against the latest broadcast of the others; where these
change, its objective has changed. It may end only after all its parents.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from qalgs.eigen.deflation import Parents
from qalgs.eigen.errors import ShiftTooSmallError
from qalgs.eigen.estimator import Question
from qalgs.eigen.players import Mark, Player, start_point
from qalgs.eigen.shift import is_thin
from qalgs.eigen.table import ASK, CERTIFY, EigenTable
from qalgs.evaluation import Query
from qalgs.optimizers import Optimizer
from qalgs.run import Status, Step

_COLLAPSED_OVERLAP, _COLLAPSED_UTILITY = 0.5, 0.05
_LAG = 10
"""In the lagged schedule, a player is let in when its parent's gradient is within so many times the tolerance."""
_GAP = 0.05
"""A typical gap in units of lambda_1, by which variances are judged: an energy's error is at most variance / gap."""


class EigenPlay(EigenTable):
    """A game in progress."""

    def rounds(self) -> Generator[Step, None, Status]:
        """Play to the end."""
        while not all(player.finished for player in self.players):
            self._let_in()
            moved = self._move()
            self.rounds_played += 1
            self._broadcast()
            self._settle()
            metrics = self._metrics(moved)
            self.trace.append((self.rounds_played, metrics))
            yield Step(self.rounds_played, self.standing(), metrics)
        good = all(player.status == "converged" for player in self.players)
        return Status.CONVERGED if good else Status.FAILED

    def _let_in(self) -> None:
        for player in self.players:
            r = player.index
            if player.state is None and not player.finished and self._may_start(r):
                given = self._initial[r] if player.attempt == 0 and player.raised == 0 else None
                x0 = start_point(player, self._sizes[r], self._rules.start) if given is None else np.array(given, float)
                player.begin(x0, self._optimizer(r), self._game(r))
        if self._rules.schedule == "parallel" and self.rounds_played == 0:
            self._introduce()

    def _may_start(self, r: int) -> bool:
        if r == 0 or self._rules.schedule == "parallel":
            return True
        before = self.players[r - 1]
        if before.finished:
            return True
        if self._rules.schedule != "lagged" or before.latest is None or self.public[r - 1] is None:
            return False
        return bool(before.latest.gradient_norm < _LAG * self._rules.gtol)

    def _introduce(self) -> None:
        """Everyone's energy at the start, so that there are parents in the first round."""
        none = Parents((), (), np.zeros((0, 0), complex), np.zeros((0, 0), complex))
        questions = [
            Question(p.index, p.state.x[None].copy(), none, self._deflation, self.shift, key=(CERTIFY, p.index))
            for p in self.players
            if p.state is not None
        ]
        for question, answer in zip(questions, self._estimator.evaluate(questions), strict=True):
            self.players[question.player].count(answer)
            self.public[question.player] = question.points[0], float(answer.energy[0])
            self.versions[question.player] += 1

    def _move(self) -> list[Player]:
        """One question of everyone who moves, in one call."""
        asked: list[tuple[Player, Optimizer[Any], Query, Question]] = []
        for player in self.players:
            if player.state is None or player.finished:
                continue
            optimizer = self._optimizer(player.index)
            player.follow(optimizer, self._game(player.index))
            query = player.query(optimizer) if player.moving else None
            if query is not None:
                key = (ASK, player.index, player.total)
                asked.append(
                    (player, optimizer, query, self._question(player.index, query.points, key, query.gradient))
                )
        answers = self._estimator.evaluate([question for *_, question in asked]) if asked else []
        for (player, optimizer, query, _), answer in zip(asked, answers, strict=True):
            rules = self._rules
            player.accept(
                optimizer, query, answer, gtol=rules.gtol, max_steps=rules.max_steps, exact=self._estimator.exact
            )
        return [player for player, *_ in asked]

    def _broadcast(self) -> None:
        """Where everyone stood when last measured, for all to see from the next round on."""
        if self._rules.schedule == "sequential" or self.rounds_played % self._rules.period:
            return
        for player in self.players:
            mark, shown = player.latest, self.public[player.index]
            if mark is None or player.finished or (shown is not None and np.array_equal(shown[0], mark.x)):
                continue
            self.public[player.index] = mark.x, mark.energy
            self.versions[player.index] += 1

    def _settle(self) -> None:
        """See to those who have stopped and whose parents are finished, in order."""
        for player in self.players:
            if player.finished:
                continue
            if player.state is None or not player.stopped or player.game != self._game(player.index):
                return
            self._certify(player)
            if not player.finished:
                return

    def _certify(self, player: Player) -> None:
        """Keep the end of an attempt, or try again."""
        r, rules = player.index, self._rules
        mark = self._measured(player)
        if r == 0:
            self._found_ground(mark)
        if self._raise_shift(player, mark):
            return
        # Two attempts that end alike say that the circuit can do no better, or that this is where it has to end.
        again = player.best is not None and abs(mark.loss - player.best.loss) < rules.accuracy
        if player.best is None or mark.loss < player.best.loss:
            player.best, player.best_stopped = mark, player.stopped
        flaw = self._flaw(player.best)
        settled = again and flaw != "duplicate"
        if (flaw or player.best_stopped != "converged") and player.attempt < rules.restarts and not settled:
            player.attempt += 1
            player.state = None
            return
        if self._collapsed(player.best) and self._shifts.fixed is not None:
            raise ShiftTooSmallError(r, self.shift, self._shifts.safe(self.ground))
        player.status = flaw or player.best_stopped
        self._finish(player, player.best)

    def _measured(self, player: Player) -> Mark:
        """What is known at the end of an attempt, measured where it is not."""
        mark = player.known()
        if mark is None:
            assert player.state is not None
            assert player.game is not None
            key = (CERTIFY, player.index, player.total)
            question = self._question(player.index, player.state.x[None].copy(), key, False)
            (answer,) = self._estimator.evaluate([question])
            player.count(answer)
            mark = Mark.of(answer, question.points, 0, player.game)
        return replace(mark, variance=self._estimator.variance(player.index, mark.x))

    def _found_ground(self, mark: Mark) -> None:
        """E_1 is known: from now on the shift follows from it."""
        before = self.shift
        if self.ground is None or mark.energy < self.ground:
            self.ground = mark.energy
        if self._reads_shift and self.shift <= mark.energy:
            raise ShiftTooSmallError(0, self.shift, self._shifts.safe(mark.energy))
        if self.shift != before:
            self.players[0].game = self._game(0)

    def _collapsed(self, mark: Mark) -> bool:
        """Whether a player has found nothing better than a parent."""
        if not self._reads_shift or self.ground is None:
            return False
        poor = self.shift - mark.loss < _COLLAPSED_UTILITY * (self.shift - self.ground)
        return mark.overlap > _COLLAPSED_OVERLAP and poor

    def _raise_shift(self, player: Player, mark: Mark) -> bool:
        """Whether the shift was too small for this player, and has now been raised."""
        rule = self._shifts
        if rule.fixed is not None or self.raised or self.ground is None or player.index == 0:
            return False
        collapsed = self._collapsed(mark)
        thin = is_thin(self.shift, self.ground, mark.energy + 3 * mark.energy_err)
        if rule.safe(self.ground) <= self.shift or not (collapsed or thin):
            return False
        self.raised = True
        player.best, player.raised = None, player.raised + 1
        if collapsed:
            player.state = None
        else:
            player.begin(mark.x, self._optimizer(player.index), self._game(player.index))
        return True

    def _flaw(self, mark: Mark) -> str:
        """What speaks against an end; empty where nothing does."""
        if mark.overlap - 3 * mark.overlap_err > self._rules.overlap:
            return "duplicate"
        if mark.variance is None or self.ground is None:
            return ""
        return "inaccurate" if mark.variance > self._rules.accuracy * _GAP * (self.shift - self.ground) else ""

    def _metrics(self, moved: Sequence[Player]) -> dict[str, float]:
        found: dict[str, float] = {}
        for player in moved:
            mark = player.latest
            if mark is None:
                continue
            r = player.index
            found |= {f"energy_{r}": mark.energy, f"loss_{r}": mark.loss, f"gradient_norm_{r}": mark.gradient_norm}
            found.setdefault("value", mark.loss)
            found.setdefault("player", float(r))
        return found
