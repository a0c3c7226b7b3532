"""Which part of a device's fidelity range a run should use in each cycle.

Axes: C cycles, M placements of a pool.

A schedule gives each cycle a level between ``low`` and ``high``. Levels are quantiles of the pool's ESP, so the same
schedule means the same on every device; absolute ESPs, as in the published code, select nothing on a device whose
whole pool lies above them. With tau = c / (C - 1) for cycle c, D = high - low and phi = ``plateau``:

    flat           high                                    (BestMap: the best placement throughout)
    low            low                                     (the cheap placement throughout)
    step           low while tau < phi, then high          (Qoncord's two stages, when the walk is free to jump)
    linear         low + D tau
    relu           low + D max(0, (tau - phi) / (1 - phi))
    inverted_relu  low + D min(1, tau / (1 - phi))         (Nest)
    v              high - D (1 - |2 tau - 1|)

A single cycle stands at tau = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import argument, finite_array, one_of, positive_int, real

Shape = Literal["flat", "low", "step", "linear", "relu", "inverted_relu", "v"]
SHAPES: tuple[Shape, ...] = get_args(Shape)


@dataclass(frozen=True)
class Schedule:
    """A level for every cycle.

    >>> Schedule("inverted_relu", cycles=6).levels().round(2).tolist()
    [0.1, 0.46, 0.82, 1.0, 1.0, 1.0]
    >>> Schedule("inverted_relu", cycles=6, low=0.7, high=0.95, units="esp", grid="published").levels().tolist()
    [0.7, 0.825, 0.95, 0.95, 0.95, 0.95]
    """

    shape: Shape = "inverted_relu"
    """How the level moves; see the top of this module."""
    cycles: int = 6
    """C, at least 1."""
    low: float = 0.10
    """Lowest level, in [0, 1]."""
    high: float = 1.0
    """Highest level, in [low, 1]."""
    plateau: float = 0.5
    """phi, in (0, 1): the share of cycles that a plateau lasts."""
    units: Literal["quantile", "esp"] = "quantile"
    """What levels are: quantiles of the pool's ESP, or ESPs."""
    grid: Literal["continuous", "published"] = "continuous"
    """When a ramp ends: "continuous" at the value of the formula, "published" at its last cycle: the ramps of relu and
    inverted_relu then take floor(C / 2) cycles, both of their ends included."""

    def __post_init__(self) -> None:
        one_of(self.shape, "shape", SHAPES)
        one_of(self.units, "units", ("quantile", "esp"))
        one_of(self.grid, "grid", ("continuous", "published"))
        positive_int(self.cycles, "cycles")
        real(self.low, "low", low=0.0, high=1.0)
        real(self.high, "high", low=self.low, high=1.0)
        if not 0 < real(self.plateau, "plateau") < 1:
            raise ValueError(argument("plateau", "be between 0 and 1", f"it is {self.plateau:g}"))

    def levels(self) -> NDArray[np.float64]:
        """(C,) levels, each in [low, high]."""
        rise = np.clip(self._rise(), 0.0, 1.0)
        return np.clip(self.low + (self.high - self.low) * rise, self.low, self.high)

    def targets(self, esp: ArrayLike) -> NDArray[np.float64]:
        """(C,) ESPs to aim at on a pool whose placements have the (M,) ESPs ``esp``.

        Raises:
            TypeError: ``esp`` is not an array of numbers.
            ValueError: it is empty or not finite.
        """
        pool = finite_array(esp, "esp", ndim=1)
        if len(pool) == 0:
            raise ValueError(argument("esp", "hold at least one placement", "it is empty"))
        return np.quantile(pool, self.levels()) if self.units == "quantile" else self.levels()

    def _rise(self) -> NDArray[np.float64]:
        """(C,) heights above ``low`` in units of high - low."""
        C, phi = self.cycles, self.plateau
        tau = np.linspace(0.0, 1.0, C) if C > 1 else np.ones(1)
        if self.shape == "flat":
            return np.ones(C)
        if self.shape == "low":
            return np.zeros(C)
        if self.shape == "step":
            return (tau >= phi).astype(float)
        if self.shape == "linear":
            return tau
        if self.shape == "v":
            return abs(2 * tau - 1)
        if self.grid == "published" and C > 1:
            ramp = np.linspace(0.0, 1.0, C // 2) if C // 2 > 1 else np.full(C // 2, float(self.shape == "relu"))
            flat = C - len(ramp)
            if self.shape == "relu":
                return np.concatenate([np.zeros(flat), ramp])
            return np.concatenate([ramp, np.ones(flat)])
        return (tau - phi) / (1 - phi) if self.shape == "relu" else tau / (1 - phi)
