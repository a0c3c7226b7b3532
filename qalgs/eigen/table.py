"""What lies on the table of a game: the players, what has been measured between them, the shift, and what it all cost.

Axes: K players, guards included; player r reads players j < r only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from qalgs.checks import child
from qalgs.eigen.deflation import Deflation, Parents, Real, SchurDeflation, VQDDeflation
from qalgs.eigen.errors import ShiftTooSmallError
from qalgs.eigen.estimator import Estimator, Question
from qalgs.eigen.outcome import Outcome, Setup, between
from qalgs.eigen.players import Game, Mark, Player
from qalgs.eigen.result import PlayerResult
from qalgs.eigen.ritz import Matrices
from qalgs.eigen.shift import ShiftRule
from qalgs.evaluation import Cost
from qalgs.optimizers import Optimizer

ASK, PAIR, CERTIFY = 0, 1, 2
"""Keys of the shots."""


class Rules(Protocol):
    """The settings that a game needs; see ``EigenGame``."""

    @property
    def schedule(self) -> str:
        """How players take turns."""
        ...

    @property
    def period(self) -> int:
        """Rounds between two broadcasts."""
        ...

    @property
    def restarts(self) -> int:
        """Attempts after the first."""
        ...

    @property
    def gtol(self) -> float:
        """Largest gradient norm of a player at rest."""
        ...

    @property
    def accuracy(self) -> float:
        """Error of an energy that is wanted."""
        ...

    @property
    def overlap(self) -> float:
        """Largest squared overlap with a parent."""
        ...

    @property
    def max_steps(self) -> int:
        """Most steps of one attempt."""
        ...

    @property
    def start(self) -> str:
        """Where attempts begin."""
        ...

    @property
    def cross(self) -> str:
        """How players are compared."""
        ...


@dataclass(frozen=True, eq=False)
class Standing:
    """Where a game stands after a round."""

    params: tuple[Real | None, ...]
    """K parameter vectors, (p,) each; None of players that have not started."""
    energies: Real
    """(K,) as measured last; NaN of players that have not started."""
    statuses: tuple[str, ...]
    shift: float


class EigenTable:
    """Mutable, and of use wherever the game is interrupted."""

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

    def _optimizer(self, r: int) -> Optimizer[Any]:
        return self._optimizer_of(r, self._shifts.rate(r, self.ground, self.shift))

    def _game(self, r: int) -> Game:
        return Game(self.shift, tuple(self.versions[:r]))

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
                key = (PAIR, i, j, self.versions[i], self.versions[j])
                cross, cost = self._estimator.pair((i, params[i]), (j, params[j]), key=key)
                self.other_cost = self.other_cost + cost
                H[i, j], S[i, j] = cross.h[0], cross.s[0]
                H[j, i], S[j, i] = cross.h[0].conj(), cross.s[0].conj()

    def _finish(self, player: Player, mark: Mark) -> None:
        """Settle a level, and measure what it has with all before it."""
        r, M = player.index, self.matrices
        player.final, player.state = mark, None if player.state is None else player.state.at_rest()
        self.versions[r] += 1
        for j in range(r + 1):
            other = self.players[j].final
            assert other is not None
            cross, cost = self._estimator.pair((j, other.x), (r, mark.x), key=(PAIR, j, r))
            player.cost = player.cost + cost
            M.H[j, r], M.S[j, r] = cross.h[0], cross.s[0]
            M.H[r, j], M.S[r, j] = np.conj(cross.h[0]), np.conj(cross.s[0])
            for table, value in ((M.H_var, cross.h_var), (M.S_var, cross.s_var), (M.HS_cov, cross.hs_cov)):
                table[j, r] = table[r, j] = value[0]
        M.H[r, r], M.S[r, r] = M.H[r, r].real, 1.0
        # A denominator of the players to come, which noise must not turn around.
        unsure = self.shift - M.H[r, r].real <= 3 * np.sqrt(M.H_var[r, r])
        if unsure and self._reads_shift and r + 1 < len(self.players) and self._shifts.fixed is not None:
            raise ShiftTooSmallError(r, self.shift, self._shifts.safe(self.ground))

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
