"""The game of k players, each after a level of its own: rounds, broadcasts, certificates, and what is kept of them.

Axes: K players, guards included; player r reads players j < r only.

One mechanism serves every schedule. A player is let in when its schedule says so, and asks one question a round. It
plays against the ends of the parents that are finished and against the latest broadcast of the others; where these
change, its objective has changed. It may end only after all its parents.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np

from qalgs.checks import child
from qalgs.eigen.deflation import Deflation, Parents, Real, SchurDeflation, VQDDeflation
from qalgs.eigen.errors import ShiftTooSmallError
from qalgs.eigen.estimator import Estimator, Question
from qalgs.eigen.outcome import Outcome, Setup, between
from qalgs.eigen.players import Game, Mark, Player, start_point
from qalgs.eigen.result import PlayerResult
from qalgs.eigen.ritz import Matrices
from qalgs.eigen.shift import ShiftRule, is_thin
from qalgs.evaluation import Cost, Query
from qalgs.optimizers import Optimizer
from qalgs.run import Status, Step

_COLLAPSED_OVERLAP, _COLLAPSED_UTILITY = 0.5, 0.05
_LAG = 10
"""In the lagged schedule, a player is let in when its parent's gradient is within so many times the tolerance."""
_GAP = 0.05
"""A typical gap in units of lambda_1, by which variances are judged: an energy's error is at most variance / gap."""
_ASK, _PAIR, _CERTIFY = 0, 1, 2
"""Keys of the shots."""


class Rules(Protocol):
    """The settings that a game needs; see ``EigenGame``."""

    @property
    def schedule(self) -> str: ...  # noqa: D102
    @property
    def period(self) -> int: ...  # noqa: D102
    @property
    def restarts(self) -> int: ...  # noqa: D102
    @property
    def gtol(self) -> float: ...  # noqa: D102
    @property
    def accuracy(self) -> float: ...  # noqa: D102
    @property
    def overlap(self) -> float: ...  # noqa: D102
    @property
    def max_steps(self) -> int: ...  # noqa: D102
    @property
    def start(self) -> str: ...  # noqa: D102
    @property
    def cross(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Standing:
    """Where a game stands after a round."""

    params: tuple[Real | None, ...]
    """K parameter vectors, (p,) each; None of players that have not started."""
    energies: Real
    """(K,) as measured last; NaN of players that have not started."""
    statuses: tuple[str, ...]
    shift: float


class EigenPlay:
    """A game in progress; mutable, and of use wherever it is interrupted."""

    def __init__(
        self,
        estimator: Estimator,
        sizes: Sequence[int],
        rules: Rules,
        deflation: Deflation,
        shifts: ShiftRule,
        optimizer: Callable[[int, float], Optimizer[Any]],
        seed: np.random.SeedSequence,
        initial: Sequence[Real | None] = (),
    ) -> None:
        """Set the players up.

        Args:
            estimator: measures; one circuit per player.
            sizes: parameters of each player.
            rules: settings.
            deflation: what players pay.
            shifts: when c is what; without a say where the deflation does not read it.
            optimizer: of a player, given its number and the step size 1 / (2 (c - E_1)).
            seed: of everything random but the shots.
            initial: starts of the players' first attempts, where they are given.
        """
        self._estimator, self._sizes, self._rules = estimator, tuple(sizes), rules
        self._deflation, self._shifts, self._optimizer_of = deflation, shifts, optimizer
        self._reads_shift = not isinstance(deflation, VQDDeflation)
        self._initial = [*initial, *[None] * (len(sizes) - len(initial))]
        self.players = [Player(r, child(seed, r)) for r in range(len(sizes))]
        self.matrices = Matrices.unknown(len(sizes))
        self.raised = False
        self.ground: float | None = None
        self.rounds_played = 0
        self.public: list[tuple[Real, float] | None] = [None] * len(sizes)
        self.versions = [0] * len(sizes)
        self.trace: list[tuple[int, Mapping[str, float]]] = []
        self.other_cost = Cost()

    @property
    def shift(self) -> float:
        """C as it is now."""
        return self._shifts.shift(self.ground, raised=self.raised)

    @property
    def cost(self) -> Cost:
        """Everything spent."""
        return sum((player.cost for player in self.players), self.other_cost)

    @property
    def counted(self) -> dict[str, int]:
        """What was spent in the field's currencies."""
        names = dict.fromkeys(name for player in self.players for name in player.counted)
        return {name: sum(player.counted.get(name, 0) for player in self.players) for name in names}

    def standing(self) -> Standing:
        """Where the game stands, in copies."""
        ends = [player.final or player.latest for player in self.players]
        return Standing(
            tuple(None if player.state is None else np.array(player.state.x) for player in self.players),
            np.array([np.nan if end is None else end.energy for end in ends]),
            tuple(player.status for player in self.players),
            self.shift,
        )

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

    def _optimizer(self, r: int) -> Optimizer[Any]:
        """The first player's game has no shift in it, so that its curvature is bounded by the width of the spectrum."""
        bounds = self._shifts.bounds
        if r == 0 and self._shifts.fixed is None:
            return self._optimizer_of(r, 1 / (bounds.upper - bounds.lower))
        ground = bounds.lower if self.ground is None else self.ground
        return self._optimizer_of(r, 0.5 / max(self.shift - ground, 1e-12))

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
            Question(p.index, p.state.x[None].copy(), none, self._deflation, self.shift, key=(_CERTIFY, p.index))
            for p in self.players
            if p.state is not None
        ]
        for question, answer in zip(questions, self._estimator.evaluate(questions), strict=True):
            self.players[question.player].count(answer)
            self.public[question.player] = question.points[0], float(answer.energy[0])
            self.versions[question.player] += 1

    def _game(self, r: int) -> Game:
        return Game(self.shift, tuple(self.versions[:r]))

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
                key = (_ASK, player.index, player.total)
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

    def _question(self, r: int, points: Real, key: tuple[int, ...], gradient: bool) -> Question:
        return Question(r, points, self.parents(r), self._deflation, self.shift, gradient, key)

    def parents(self, r: int) -> Parents:
        """What player r plays against."""
        ends = [(j, self._end(j)) for j in range(r)]
        params = tuple(end[0] for _, end in ends)
        H, S = self.matrices.H[:r, :r].copy(), self.matrices.S[:r, :r].copy()
        if not all(self.players[j].finished for j in range(r)):
            H[np.diag_indices(r)] = [end[1] for _, end in ends]
            if isinstance(self._deflation, SchurDeflation):
                self._fill(H, S, params)
        return Parents(params, tuple(range(r)), H, S)

    def _end(self, j: int) -> tuple[Real, float]:
        final, public = self.players[j].final, self.public[j]
        if final is not None:
            return final.x, float(self.matrices.H[j, j].real)
        assert public is not None
        return public

    def _fill(self, H: Any, S: Any, params: Sequence[Real]) -> None:
        """Pairs of parents that are still on the move."""
        for j in range(len(params)):
            for i in range(j):
                if np.isfinite(H[i, j]) and self.players[j].finished:
                    continue
                key = (_PAIR, i, j, self.versions[i], self.versions[j])
                cross, cost = self._estimator.pair((i, params[i]), (j, params[j]), key=key)
                self.other_cost = self.other_cost + cost
                H[i, j], S[i, j] = cross.h[0], cross.s[0]
                H[j, i], S[j, i] = cross.h[0].conj(), cross.s[0].conj()

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
            player.best, player.status = mark, player.stopped
        flaw = self._flaw(player.best)
        settled = again and flaw != "duplicate"
        if (flaw or player.status != "converged") and player.attempt < rules.restarts and not settled:
            player.attempt += 1
            player.state = None
            return
        if self._collapsed(player.best) and self._shifts.fixed is not None:
            raise ShiftTooSmallError(r, self.shift, self._shifts.safe(self.ground))
        player.status = flaw or player.status
        self._finish(player, player.best)

    def _measured(self, player: Player) -> Mark:
        """What is known at the end of an attempt, measured where it is not."""
        mark = player.known()
        if mark is None:
            assert player.state is not None
            assert player.game is not None
            key = (_CERTIFY, player.index, player.total)
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
        if rule.safe(self.ground) <= self.shift or not (collapsed or is_thin(self.shift, self.ground, mark.energy)):
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

    def _finish(self, player: Player, mark: Mark) -> None:
        """Settle a level, and measure what it has with all before it."""
        r, M = player.index, self.matrices
        player.final, player.state = mark, None if player.state is None else player.state.at_rest()
        self.versions[r] += 1
        for j in range(r + 1):
            other = self.players[j].final
            assert other is not None
            cross, cost = self._estimator.pair((j, other.x), (r, mark.x), key=(_PAIR, j, r))
            player.cost = player.cost + cost
            M.H[j, r], M.S[j, r] = cross.h[0], cross.s[0]
            M.H[r, j], M.S[r, j] = np.conj(cross.h[0]), np.conj(cross.s[0])
            for table, value in ((M.H_var, cross.h_var), (M.S_var, cross.s_var), (M.HS_cov, cross.hs_cov)):
                table[j, r] = table[r, j] = value[0]
        M.H[r, r], M.S[r, r] = M.H[r, r].real, 1.0

    def conclude(self) -> None:
        """Take everyone who has come far enough as they stand; for a run that was cut short."""
        for player in self.players:
            if player.finished:
                continue
            mark = player.best or player.latest
            if mark is None:
                return
            player.status = "stopped"
            self._finish(player, mark)

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

    def plain(self) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
        """Everything the game is made of, for a file."""
        facts: dict[str, Any] = {
            "raised": self.raised,
            "ground": self.ground,
            "rounds_played": self.rounds_played,
            "versions": self.versions,
            "public": [None if shown is None else shown[1] for shown in self.public],
            "other_cost": {f.name: getattr(self.other_cost, f.name) for f in fields(self.other_cost)},
            "trace": self.trace,
            "players": [],
        }
        arrays = {f"matrices_{f.name}": getattr(self.matrices, f.name) for f in fields(self.matrices)}
        arrays |= {f"public_{r}": shown[0] for r, shown in enumerate(self.public) if shown is not None}
        for player in self.players:
            own, vectors = player.plain()
            facts["players"].append(own)
            arrays |= {f"player_{player.index}_{name}": vector for name, vector in vectors.items()}
        return facts, arrays

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Become the game that ``plain`` described."""
        for name in ("raised", "ground", "rounds_played"):
            setattr(self, name, facts[name])
        self.versions = list(facts["versions"])
        self.public = [None if e is None else (arrays[f"public_{r}"], e) for r, e in enumerate(facts["public"])]
        self.other_cost = Cost(**facts["other_cost"])
        self.trace = [(index, metrics) for index, metrics in facts["trace"]]
        self.matrices = Matrices(*(np.array(arrays[f"matrices_{f.name}"]) for f in fields(Matrices)))
        for player, own in zip(self.players, facts["players"], strict=True):
            prefix = f"player_{player.index}_"
            player.restore(own, {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)})

    def outcome(self, setup: Setup) -> Outcome:
        """What has been found so far."""
        self.conclude()
        done = [player for player in self.players if player.final is not None]
        points = [player.final.x for player in done if player.final is not None]
        shift = self.shift if self._reads_shift else None
        return Outcome(
            self.matrices.part(range(len(done))),
            tuple((r, "") for r in range(len(done))),
            tuple(self._result(player, setup.problem.sign) for player in done),
            shift,
            self.cost,
            self.counted,
            between(setup.circuits, points, setup.backend, setup.shots, self._rules.cross, setup.seed),
        )

    def _result(self, player: Player, sign: int) -> PlayerResult:
        r, mark = player.index, player.final
        assert mark is not None
        return PlayerResult(
            r,
            mark.x,
            sign * float(self.matrices.H[r, r].real),
            float(np.sqrt(self.matrices.H_var[r, r])),
            self.shift - mark.loss if self._reads_shift else -mark.loss,
            mark.variance,
            mark.overlap,
            mark.gradient_norm,
            player.total,
            player.attempt + player.raised + 1,
            player.status,
        )
