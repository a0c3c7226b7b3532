"""The maximum-likelihood fit of counts, and the least-squares fit of Pauli values, by L-BFGS on the factor.

Axes: d = 2**n, r rank; the factor U is (d, r). SciPy sees it as 2 d r real numbers, real and imaginary parts in turn.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import generator, positive_int, real
from qalgs.evaluation import Evaluation, Query
from qalgs.optimizers import LBFGSB, iterate
from qalgs.run import Status, Step
from qalgs.tomo.methods.base import Data, Point
from qalgs.tomo.methods.objectives import Objective
from qalgs.tomo.methods.starting import Start, check_settings, first_factor, objective_of
from qalgs.tomo.operators.allpauli import Factor

_FIRST_STEP = 0.5
"""Step size of the first step along the direction, in the units of ``FGD``."""


@dataclass(frozen=True)
class LBFGS:
    """The best fit of rank r by limited-memory BFGS: maximum likelihood of counts, least squares of Pauli values.

    min_U f(U) with the losses of ``objectives``; U U^dagger is a state whatever U is, so there are no constraints
    (Burer and Monteiro, Math. Program. 95, 329 (2003); the optimizer is that of Byrd et al., SIAM J. Sci. Comput. 16,
    1190 (1995)). From the spectral start it needs about ten iterations for a pure state and finds its way where the
    likelihood from a random start is often trapped.

    Raises:
        TypeError: a setting has the wrong type.
        ValueError: a setting is out of its range.
    """

    max_steps: int = 1000
    """The largest number of evaluations of loss and gradient."""
    tol: float = 1e-9
    """Ends the run when an iteration lowers the loss by less than this share of it."""
    gradient_tol: float = 1e-6
    """Ends the run when no entry of the gradient is larger; that of the likelihood is per shot."""
    memory: int = 10
    """Corrections kept."""
    start: Start = "spectral"
    """Where U begins: the leading eigenvectors of the linear inversion, or a random factor."""
    floor: float = 0.0
    """White noise mixed into the likelihood's model, in [0, 1)."""

    def __post_init__(self) -> None:
        positive_int(self.max_steps, "max_steps")
        real(self.gradient_tol, "gradient_tol", above=0)
        positive_int(self.memory, "memory")
        check_settings(self)

    def iterate(
        self, data: Data, rank: int, *, seed: np.random.SeedSequence, start: Factor | None = None
    ) -> Generator[Step, None, Status]:
        """One step per evaluation; the state's factor and the loss are the best so far.

        Args:
            data: counts or Pauli values.
            rank: columns of the factor.
            seed: draws the random parts of the start.
            start: (d, r) factor to begin from, instead of the one the setting of that name asks for.

        Raises:
            ValueError: ``start`` has the wrong shape.
        """
        U = first_factor(data, rank, self.start, start, generator(seed))
        question = _Scaled.at(U, objective_of(data, self.floor))
        optimizer = LBFGSB(gtol=self.gradient_tol * question.unit, ftol=self.tol, memory=self.memory)
        steps = iterate(question, question.numbers(U), optimizer, max_steps=self.max_steps)
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value
            yield Step(step.index, Point(question.factor(step.state.x)), {"loss": step.state.value}, step.total)


@dataclass(frozen=True, eq=False)
class _Scaled:
    """The loss as a function of x = U / unit.

    SciPy's first trial moves x by a distance of 1, whatever the gradient: in these units that is a step of gradient
    descent, not a leap away from the start.
    """

    objective: Objective
    unit: float
    rank: int

    @classmethod
    def at(cls, U: Factor, objective: Objective) -> _Scaled:
        distance = _FIRST_STEP * float(np.linalg.norm(objective.direction(U)))
        return cls(objective, min(1.0, max(distance, 1e-6)), U.shape[1])

    def numbers(self, U: Factor) -> NDArray[np.float64]:
        return np.ascontiguousarray(U / self.unit).view(np.float64).reshape(-1)

    def factor(self, x: NDArray[np.float64]) -> Factor:
        return self.unit * np.ascontiguousarray(x).view(np.complex128).reshape(-1, self.rank)

    def evaluate(self, query: Query) -> Evaluation:
        loss, G = self.objective.loss_and_direction(self.factor(query.points[0]))
        gradient = 2 * self.unit * np.ascontiguousarray(G).view(np.float64).reshape(1, -1)
        return Evaluation(np.array([loss]), gradient)
