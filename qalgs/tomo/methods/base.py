"""What every reconstruction method is: frozen settings with one generator of steps.

Axes: d = 2**n, r rank; factors are (d, r) with trace ||U||_F**2.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from qalgs.run import Status, Step
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.methods.inversion import linear_inversion, project_to_states
from qalgs.tomo.operators.allpauli import Factor

Data = CountsData | PauliData


class FactorState(Protocol):
    """The state a method's steps carry."""

    @property
    def factor(self) -> Factor:
        """(d, r), the best the method would report now."""
        ...


class Method(Protocol):
    """A way to reconstruct a state."""

    def iterate(
        self, data: Data, rank: int, *, seed: np.random.SeedSequence, start: Factor | None = None
    ) -> Generator[Step, None, Status]:
        """Steps whose state has a ``factor``; ``start`` is a factor to begin from, where the method can use one."""
        ...


@dataclass(frozen=True, eq=False)
class Point:
    """A state that is nothing but a factor."""

    factor: Factor


@dataclass(frozen=True)
class LinearInversion:
    """The unbiased linear estimator, projected onto the states of the wanted rank.

    rho = sum_P y_P P / d over the measured Paulis, then its leading eigenvectors with their eigenvalues projected onto
    the simplex (arXiv 1106.5458). It needs no iteration; unmeasured Paulis count as 0, a bias towards white noise.
    """

    def iterate(
        self, data: Data, rank: int, *, seed: np.random.SeedSequence, start: Factor | None = None
    ) -> Generator[Step, None, Status]:
        """One step; ``seed`` and ``start`` are not used."""
        del seed, start
        paulis = data.paulis() if isinstance(data, CountsData) else data
        factor = project_to_states(linear_inversion(paulis), rank)
        missing = rank - factor.shape[1]
        yield Step(1, Point(np.pad(factor, ((0, 0), (0, missing)))), {}, total=1)
        return Status.CONVERGED
