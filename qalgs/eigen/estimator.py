"""What an estimator is asked and what it answers: the seam between the game and the machine that plays it.

Axes: m points of one question, p parameters, q parents.

A round of the game puts the questions of all players that move into one call, so that an exact engine can run them as
one batch and a queue as one job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qalgs.eigen.deflation import Cross, Deflation, Parents
from qalgs.evaluation import Cost


@dataclass(frozen=True, eq=False)
class Question:
    """The loss of one player at m points."""

    player: int
    """Which of the estimator's circuits."""
    points: NDArray[np.float64]
    """(m, p)."""
    parents: Parents
    deflation: Deflation
    shift: float
    gradient: bool = False
    """Whether the gradient of the loss is wanted beside it."""
    key: tuple[int, ...] = ()
    """Keys the shots of this question: the same key sees the same noise."""


@dataclass(frozen=True, eq=False)
class Answer:
    """Everything measured for one question; errors are 0 where exact."""

    loss: NDArray[np.float64]
    """(m,) E + P."""
    loss_err: NDArray[np.float64]
    """(m,)."""
    energy: NDArray[np.float64]
    """(m,) <psi|H|psi>."""
    energy_err: NDArray[np.float64]
    """(m,)."""
    cross: tuple[Cross, ...]
    """m of them."""
    gradient: NDArray[np.float64] | None
    """(m, p) of the loss."""
    gradient_err: NDArray[np.float64] | None
    """(m, p); None where exact."""
    cost: Cost
    counted: dict[str, int]
    """What was spent in the field's currencies: "energies", "cross" (player-parent pairs), "gradients", "circuits"."""


class Estimator(Protocol):
    """A machine with the players' circuits on it."""

    @property
    def exact(self) -> bool:
        """Whether answers are without errors."""
        ...

    @property
    def measures(self) -> str:
        """What of the parents: "cross" for <psi_j|H|psi> and <psi_j|psi>, "overlap" for |<psi_j|psi>|^2 alone."""
        ...

    def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers, in as few jobs as possible."""
        ...

    def variance(self, player: int, point: NDArray[np.float64]) -> float | None:
        """<H^2> - <H>^2 at one point; None where it would cost extra circuits."""
        ...

    def pair(
        self,
        left: tuple[int, NDArray[np.float64]],
        right: tuple[int, NDArray[np.float64]],
        *,
        key: tuple[int, ...] = (),
    ) -> tuple[Cross, Cost]:
        """<left|H|right> and <left|right> of two (player, point) states, for Ritz matrices."""
        ...
