"""Factored gradient descent with all the data in every step: FGD, its scaled form, and MiFGD with momentum.

Axes: d = 2**n, r rank; the factor U, the extrapolated factor Z and the direction G are (d, r), rho = U U^dagger.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from qalgs.checks import generator, one_of, positive_int, real
from qalgs.run import Status, Step
from qalgs.tomo.methods.base import Data
from qalgs.tomo.methods.objectives import Likelihood, Objective
from qalgs.tomo.methods.starting import Start, check_settings, first_factor, objective_of
from qalgs.tomo.operators.allpauli import Factor

_log = logging.getLogger(__name__)

_PATIENCE = 12
"""Steps without a new lowest loss after which the step size is too large."""
_LARGEST_HALVINGS = 4
_FLAT_STEPS = 5
_RIDGE = 1e-2
"""Added to U^dagger U, of trace about 1, before it is inverted."""


@dataclass(frozen=True, eq=False)
class DescentState:
    """Where a descent stands."""

    factor: Factor
    """(d, r) U."""
    lookahead: Factor
    """(d, r) Z, where loss and direction are taken; U itself without momentum."""
    loss: float
    """The loss at Z."""
    direction: Factor
    """(d, r) G(Z), half the gradient."""


@dataclass(frozen=True)
class FGD:
    """Factored gradient descent, U <- U - eta G(U), on counts (likelihood) or Pauli values (least squares).

    Kyrillidis et al., npj Quantum Inf. 4, 36 (2018), arXiv 1711.02524; ``projected`` is its ProjFGD (arXiv 1606.01316)
    and ``scaled`` takes U <- U - eta G (U^dagger U + 0.01)^-1 (ScaledGD, Tong, Ma and Chi, arXiv 2005.08898; with the
    ridge of Xu et al., arXiv 2302.01186, against columns that vanish), which is faster for states with small
    eigenvalues. On counts, eta = 1 is the R rho R iteration and eta below 1 its diluted form (Rehacek et al.,
    quant-ph/0611244).

    A step size that makes the loss explode or stand still above its lowest is halved and the run goes on from its
    lowest loss; after four halvings it ends as FAILED with the best factor.

    Raises:
        TypeError: a setting has the wrong type.
        ValueError: a setting is out of its range.
    """

    step_size: float = 0.5
    """eta in (0, 2], in units in which the curvature of the loss is of order 1: stable below 1."""
    max_steps: int = 1000
    """The largest number of steps."""
    tol: float = 1e-5
    """Ends the run when a step moves U by less than this share of its norm, or when the loss fell by less than
    0.01 times this share of itself over five steps."""
    scaled: bool = False
    """Whether the direction is scaled by the inverse of U^dagger U; makes a difference from rank 2 on."""
    projected: bool = True
    """Whether a factor of trace above 1 is scaled back to trace 1 after each step. Least squares with ``scaled`` goes
    without: it moves in another metric, in which that is no projection."""
    start: Start = "spectral"
    """Where U begins: the leading eigenvectors of the linear inversion, or a random factor."""
    floor: float = 0.0
    """White noise mixed into the likelihood's model, in [0, 1)."""

    def __post_init__(self) -> None:
        real(self.step_size, "step_size", above=0, high=2)
        positive_int(self.max_steps, "max_steps")
        one_of(self.scaled, "scaled", (False, True))
        one_of(self.projected, "projected", (False, True))
        check_settings(self)

    def iterate(
        self, data: Data, rank: int, *, seed: np.random.SeedSequence, start: Factor | None = None
    ) -> Generator[Step, None, Status]:
        """One step per gradient; the state is a ``DescentState``, the metrics are loss (at Z) and step_size.

        Args:
            data: counts or Pauli values.
            rank: columns of the factor.
            seed: draws the random parts of the start.
            start: (d, r) factor to begin from, instead of the one the setting of that name asks for.

        Raises:
            ValueError: ``start`` has the wrong shape.
        """
        first = first_factor(data, rank, self.start, start, generator(seed))
        return (yield from self._descend(objective_of(data, self.floor), first, momentum=0.0))

    def _descend(self, objective: Objective, first: Factor, momentum: float) -> Generator[Step, None, Status]:
        state = best = _at_rest(objective, first)
        step_size, halvings, waited, losses = self.step_size, 0, 0, [state.loss]
        for index in range(1, self.max_steps + 1):
            # Momentum that led uphill is dropped for a step (adaptive restart, O'Donoghue and Candes, arXiv 1204.3982).
            uphill = len(losses) > 1 and losses[-1] > losses[-2]
            before, state = state, self._moved(objective, state, step_size, 0.0 if uphill else momentum)
            losses.append(state.loss)
            best, waited = (state, 0) if state.loss < best.loss else (best, waited + 1)
            settled = self._settled(before.factor, state.factor, losses)
            unstable = not settled and (not np.isfinite(state.loss) or waited >= _PATIENCE)
            yield Step(index, best if unstable else state, self._metrics(state, step_size), total=self.max_steps)
            if settled:
                return Status.CONVERGED
            if unstable:
                if halvings == _LARGEST_HALVINGS:
                    _log.warning("The descent is unstable at step size %g.", step_size)
                    return Status.FAILED
                step_size, halvings, waited = step_size / 2, halvings + 1, 0
                state = DescentState(best.lookahead, best.lookahead, best.loss, best.direction)
                losses = [state.loss]
        return Status.MAX_STEPS

    def _moved(self, objective: Objective, state: DescentState, step_size: float, momentum: float) -> DescentState:
        """U+ = Z - eta G(Z), projected; Z+ = U+ + mu (U+ - U)."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what diverges is undone by the caller
            U = state.lookahead - step_size * self._scaled(state.direction, state.lookahead)
            norm = float(np.linalg.norm(U))
            if norm > 1 and self._projects(objective):
                U = U / norm
            Z = U + momentum * (U - state.factor) if momentum else U
            return DescentState(U, Z, *objective.loss_and_direction(Z))

    def _projects(self, objective: Objective) -> bool:
        return self.projected and (not self.scaled or isinstance(objective, Likelihood))

    def _scaled(self, G: Factor, U: Factor) -> Factor:
        if not self.scaled:
            return G
        gram = U.conj().T @ U
        return (G @ np.linalg.inv(gram + _RIDGE * np.eye(len(gram)))).astype(np.complex128)

    def _settled(self, before: Factor, after: Factor, losses: Sequence[float]) -> bool:
        if not np.isfinite(losses[-1]):
            return False
        if np.linalg.norm(after - before) < self.tol * np.linalg.norm(before):
            return True
        if len(losses) <= _FLAT_STEPS:
            return False
        fall = losses[-1 - _FLAT_STEPS] - losses[-1]
        return 0 <= fall < 1e-2 * self.tol * abs(losses[-1])

    def _metrics(self, state: DescentState, step_size: float) -> dict[str, float]:
        return {"loss": state.loss, "step_size": step_size}


@dataclass(frozen=True)
class MiFGD(FGD):
    """Momentum-inspired factored gradient descent, on counts (likelihood) or Pauli values (least squares).

    U+ = Z - eta G(Z), projected to trace at most 1; Z+ = U+ + mu (U+ - U). Kim et al., Photonics 10, 116 (2023),
    arXiv 2104.07006, algorithm 1. Where the loss rose, the next step goes without momentum.

    A momentum of 1/4 saves about a quarter of the steps of ``FGD``.

    Raises:
        TypeError: a setting has the wrong type.
        ValueError: a setting is out of its range.
    """

    momentum: float = 0.25
    """mu in [0, 1); the larger it is, the smaller the step size has to be: 0.3 for 1/2, 0.2 for 3/4."""

    def __post_init__(self) -> None:
        super().__post_init__()
        real(self.momentum, "momentum", low=0, high=0.999)

    def iterate(
        self, data: Data, rank: int, *, seed: np.random.SeedSequence, start: Factor | None = None
    ) -> Generator[Step, None, Status]:
        """As ``FGD.iterate``."""
        first = first_factor(data, rank, self.start, start, generator(seed))
        return (yield from self._descend(objective_of(data, self.floor), first, momentum=self.momentum))


def _at_rest(objective: Objective, U: Factor) -> DescentState:
    return DescentState(U, U, *objective.loss_and_direction(U))
