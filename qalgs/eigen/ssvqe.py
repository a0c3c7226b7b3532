"""SSVQE: one circuit for all levels, each behind a basis state of its own.

Axes: k levels, p parameters, n qubits.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from qalgs.checks import argument, child, one_of, positive_int, real
from qalgs.eigen.deflation import Parents, Real, SumDeflation
from qalgs.eigen.estimator import Question
from qalgs.eigen.outcome import Outcome, Setup, between
from qalgs.eigen.result import PlayerResult
from qalgs.eigen.ritz import Matrices
from qalgs.evaluation import Cost, Evaluation
from qalgs.optimizers import LBFGSB, SPSA, Optimizer, State
from qalgs.optimizers.saving import from_record, to_record
from qalgs.run import Status, Step

_OPTIMIZER, _START, _PAIR = 0, 1, 2
_NOBODY = Parents((), (), np.zeros((0, 0), complex), np.zeros((0, 0), complex))


@dataclass(frozen=True, kw_only=True)
class SSVQE:
    """Subspace-search VQE (arXiv 1810.09434): one circuit turns k orthogonal basis states into the k levels.

    It minimises sum_r w_r <r|U^dagger H U|r> over the parameters of U, with w_1 > w_2 > ... > 0. The circuit has to do
    for all levels at once what ``EigenGame`` does with one set of angles for each.
    """

    weights: Sequence[float] | None = None
    """(k,) descending and positive; None for k, k - 1, ..., 1."""
    optimizer: Optimizer[Any] | Literal["auto"] = "auto"
    """"auto": L-BFGS-B where values are exact, else SPSA."""
    restarts: int = 0
    """Runs after the first; the one with the lowest weighted sum counts."""
    gtol: float = 1e-5
    max_steps: int = 2000
    """Most questions in a run."""
    accuracy: float = 1e-4
    """Energies that differ by less count as equal, when the order of levels is judged."""
    ritz: bool = True
    """Whether the levels are those of H in the span of all k states."""
    cross: Literal["auto", "interference", "rescaled", "overlap"] = "auto"
    """With shots, how the matrix of H between the states is measured; see ``EigenGame``."""
    each: ClassVar[bool] = False
    """One circuit serves all levels."""

    def __post_init__(self) -> None:
        if self.weights is not None:
            values = [real(float(w), "weights", above=0) for w in self.weights]
            if any(a <= b for a, b in pairwise(values)):
                raise ValueError(argument("weights", "descend", f"they are {values}"))
            object.__setattr__(self, "weights", tuple(values))
        positive_int(self.restarts, "restarts", minimum=0)
        positive_int(self.max_steps, "max_steps")
        for name in ("gtol", "accuracy"):
            real(getattr(self, name), name, above=0)
        one_of(self.cross, "cross", ("auto", "interference", "rescaled", "overlap"))

    def players(self, k: int, dim: int) -> int:
        """One for each level."""
        del dim
        return k

    def arrange(self, ansatz: tuple[QuantumCircuit, ...], k: int) -> tuple[QuantumCircuit, ...]:
        """The ansatz behind each of the first k basis states.

        Raises:
            ValueError: there are not k weights, or several circuits were given.
        """
        if self.weights is not None and len(self.weights) != k:
            raise ValueError(argument("weights", f"be {k} of them", f"there are {len(self.weights)}"))
        if any(circuit is not ansatz[0] for circuit in ansatz):
            raise ValueError(argument("ansatz", "be one circuit for SSVQE", "it is several"))
        n, found = ansatz[0].num_qubits, []
        for r in range(k):
            start = QuantumCircuit(n)
            for q in range(n):
                if r >> q & 1:
                    start.x(q)
            found.append(start.compose(ansatz[0]))
        return tuple(found)

    def begin(self, setup: Setup) -> SearchRun:
        """The run at its start."""
        return SearchRun(self, setup)


class SearchRun:
    """SSVQE at work; mutable."""

    def __init__(self, method: SSVQE, setup: Setup) -> None:
        """At the start of the first run."""
        self._method, self._setup = method, setup
        self._weights = np.array(method.weights or range(setup.k, 0, -1), float)
        chosen = method.optimizer
        if chosen == "auto":
            chosen = LBFGSB(gtol=method.gtol, ftol=1e-15, memory=20) if setup.estimator.exact else SPSA()
        self._optimizer: Optimizer[Any] = chosen
        self.trace: list[tuple[int, Mapping[str, float]]] = []
        self.cost, self.counted = Cost(), dict[str, int]()
        self.attempt, self.steps, self.asked = 0, 0, 0
        self.best: tuple[float, Real, str] | None = None
        self.state: State = self._start()

    def rounds(self) -> Generator[Step, None, Status]:
        """From where it stands to the end."""
        while self.attempt <= self._method.restarts:
            query = self._optimizer.ask(self.state)
            if len(query.points) == 0 or self.steps >= self._method.max_steps:
                self._end()
                continue
            energies, answer = self._evaluate(query.points, gradient=query.gradient)
            self.state = self._optimizer.tell(self.state, answer)
            self.steps, self.asked = self.steps + 1, self.asked + 1
            i = int(np.argmin(answer.value))
            metrics = {"value": float(answer.value[i])} | {f"energy_{r}": float(e[i]) for r, e in enumerate(energies)}
            self.trace.append((self.asked, metrics))
            yield Step(self.asked, self.state.x.copy(), metrics)
        return Status.CONVERGED if self.best is not None and self.best[2] == "converged" else Status.FAILED

    def outcome(self, setup: Setup) -> Outcome:
        """Energies and matrices of the k states."""
        status = "stopped" if self.best is None else self.best[2]
        x = np.array(self.state.x) if self.best is None else self.best[1]
        k, M, estimator = setup.k, Matrices.unknown(setup.k), setup.estimator
        for j in range(k):
            for i in range(j + 1):
                crossed, cost = estimator.pair((i, x), (j, x), key=(_PAIR, i, j))
                self.cost = self.cost + cost
                M.H[i, j], M.H[j, i] = crossed.h[0], np.conj(crossed.h[0])
                M.H_var[i, j] = M.H_var[j, i] = crossed.h_var[0]
        # One unitary turns orthogonal states into orthogonal states, whatever the shots say.
        M.S[:] = np.eye(k)
        players = tuple(
            PlayerResult(
                r,
                x,
                setup.problem.sign * float(M.H[r, r].real),
                float(np.sqrt(M.H_var[r, r])),
                np.nan,
                estimator.variance(r, x),
                0.0,
                np.nan,
                self.asked,
                self.attempt + (self.best is None),
                status,
            )
            for r in range(k)
        )
        measure = between(setup.circuits, [x] * k, setup.backend, setup.shots, self._method.cross, setup.seed)
        return Outcome(M, tuple((r, "") for r in range(k)), players, None, self.cost, self.counted, measure)

    def plain(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Everything the run is made of, for a file."""
        state, arrays = to_record(self.state)
        names = ("attempt", "steps", "asked", "counted", "trace")
        facts = {name: getattr(self, name) for name in names} | {"state": state}
        facts["cost"] = {f.name: getattr(self.cost, f.name) for f in fields(self.cost)}
        facts["best"] = None if self.best is None else [self.best[0], self.best[2]]
        named = {f"state_{name}": array for name, array in arrays.items()}
        return facts, named | ({} if self.best is None else {"best": self.best[1]})

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """The inverse of ``plain``."""
        for name in ("attempt", "steps", "asked", "counted"):
            setattr(self, name, facts[name])
        self.trace = [(index, metrics) for index, metrics in facts["trace"]]
        self.cost = Cost(**facts["cost"])
        self.best = None if facts["best"] is None else (facts["best"][0], arrays["best"], facts["best"][1])
        own = {name.removeprefix("state_"): a for name, a in arrays.items() if name.startswith("state_")}
        self.state = from_record(facts["state"], own)

    def _start(self) -> State:
        size, seed = self._setup.circuits[0].num_parameters, child(self._setup.seed, self.attempt)
        given = self._setup.initial[0] if self._setup.initial and self.attempt == 0 else None
        drawn = np.random.Generator(np.random.Philox(child(seed, _START))).uniform(-np.pi, np.pi, size)
        return self._optimizer.init(drawn if given is None else given, rng=child(seed, _OPTIMIZER))

    def _end(self) -> None:
        """Keep the run if it is the best, and start the next."""
        _, answer = self._evaluate(self.state.x[None], gradient=False)
        if self.best is None or answer.value[0] < self.best[0]:
            status = ("converged" if self.state.success else "stalled") if self.state.done else "max_steps"
            self.best = float(answer.value[0]), np.array(self.state.x), status
        self.attempt, self.steps = self.attempt + 1, 0
        if self.attempt <= self._method.restarts:
            self.state = self._start()

    def _evaluate(self, points: Real, *, gradient: bool) -> tuple[list[Real], Evaluation]:
        """Energies of the k states, and their weighted sum."""
        questions = [
            Question(r, points, _NOBODY, SumDeflation(), 0.0, gradient, (self.attempt, self.asked, r))
            for r in range(self._setup.k)
        ]
        answers = self._setup.estimator.evaluate(questions)
        for answer in answers:
            self.cost = self.cost + answer.cost
            for name, number in answer.counted.items():
                self.counted[name] = self.counted.get(name, 0) + number
        w = self._weights
        slopes = [answer.gradient for answer in answers if answer.gradient is not None]
        return [answer.energy for answer in answers], Evaluation(
            np.tensordot(w, [answer.loss for answer in answers], 1),
            np.tensordot(w, slopes, 1) if slopes else None,
            np.sqrt(np.tensordot(w**2, [answer.loss_err**2 for answer in answers], 1)),
        )
