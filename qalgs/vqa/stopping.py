"""When a noisy run has settled: one online rule for every method.

The last 2 w energies are two windows with means mu_1, mu_2 and a pooled standard error s of their difference; the run
has settled when |mu_1 - mu_2| <= max(tolerance, 2 s) twice in a row, w = max(30, parameters). It is asked only where no
better placement is to come, so that no method is stopped while it explores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qalgs.checks import positive_int, real


@dataclass(frozen=True)
class Plateau:
    """Ends a run that has stopped improving.

    Raises:
        ValueError: a setting is out of its range.
    """

    tolerance: float = 5e-3
    """Difference of the windows' means that counts as none, in units of the energy, > 0."""
    window: int | None = None
    """w; None for max(30, number of parameters)."""

    def __post_init__(self) -> None:
        real(self.tolerance, "tolerance", above=0)
        if self.window is not None:
            positive_int(self.window, "window", minimum=2)

    def settled(self, energies: Sequence[float], num_parameters: int) -> bool:
        """Whether the energies, in order of evaluation since the stage began, have settled."""
        w = self.window or max(30, num_parameters)
        return len(energies) > 2 * w and all(self._flat(energies[: len(energies) - skip], w) for skip in (0, 1))

    def _flat(self, energies: Sequence[float], w: int) -> bool:
        last, before = np.asarray(energies[-w:]), np.asarray(energies[-2 * w : -w])
        error = np.sqrt((last.var(ddof=1) + before.var(ddof=1)) / w)
        return abs(last.mean() - before.mean()) <= max(self.tolerance, 2 * error)
