"""Several programs on one device at once: regions that neither overlap nor come close.

Axes: M placements of a pool, N qubits of the device.

Two regions conflict when a qubit of one is within ``buffer`` couplers of a qubit of the other, dead couplers counted: 0
only forbids sharing qubits, 1 leaves at least one idle qubit in between. With a 0/1 variable for every placement, the
regions that touch u or v, for any two qubits within the buffer, exclude each other, so one row for each such pair

    sum over placements touching u or v of x <= 1

says everything, and an integer program finds the optimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import rustworkx as rx
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from qalgs.backends import Calibration, CapabilityError
from qalgs.checks import argument, finite_array, one_of, positive_int, real
from qalgs_backends.devices.placements import coupling_graph


@dataclass(frozen=True, eq=False)
class Demand:
    """Programs that run the same circuit and like the same places."""

    placements: NDArray[np.int64]
    """(M, n) where they may run."""
    weights: NDArray[np.float64]
    """(M,) what is maximised, summed over the programs; log ESP for the best product of ESPs."""
    copies: int | None = 1
    """Number of programs; None for as many as fit, which comes before the weights. Equal weights only ask how many."""

    def __post_init__(self) -> None:
        if self.placements.ndim != 2 or not len(self.placements):
            raise ValueError(argument("placements", "be an (M, n) array", f"its shape is {self.placements.shape}"))
        weights = finite_array(self.weights, "weights", ndim=1)
        if len(weights) != len(self.placements):
            must = f"have one entry for each of {len(self.placements)} placements"
            raise ValueError(argument("weights", must, f"it has {len(weights)}"))
        if self.copies is not None:
            positive_int(self.copies, "copies")


@dataclass(frozen=True, eq=False)
class Packing:
    """Chosen placements."""

    rows: tuple[NDArray[np.int64], ...]
    """For each demand, the rows of its pool that its programs run on."""
    placements: tuple[NDArray[np.int64], ...]
    """For each demand, the (copies, n) placements."""
    weight: float
    """Sum of the weights."""
    optimal: bool
    """Whether it is proven that there is no better one."""

    @property
    def num_programs(self) -> int:
        """Programs placed."""
        return sum(len(rows) for rows in self.rows)


class Spacing:
    """Which qubits of a device are too close to be used by different programs."""

    def __init__(self, calibration: Calibration, buffer: int = 1) -> None:
        """Measure distances over all couplers, dead ones too.

        Args:
            calibration: of the device.
            buffer: idle qubits, at least, between two regions.

        Raises:
            TypeError: ``buffer`` is not an integer.
            ValueError: it is negative.
        """
        self.buffer = positive_int(buffer, "buffer", minimum=0)
        graph = coupling_graph(calibration, max_error=None)
        self.near = np.asarray(rx.distance_matrix(graph, null_value=np.inf) <= self.buffer)
        """(N, N) whether two qubits are within the buffer."""

    def blocked(self, placements: NDArray[np.int64], region: Sequence[int] | NDArray[np.int64]) -> NDArray[np.bool_]:
        """(M,) which placements conflict with ``region``."""
        close = np.any(self.near[np.asarray(region)], axis=0, keepdims=True)
        return close[0, placements].any(axis=1)

    def exclusions(self, placements: NDArray[np.int64]) -> csr_array:
        """(pairs, M) rows of the integer program."""
        N = len(self.near)
        pairs = np.argwhere(np.triu(self.near, 1))
        alone = np.setdiff1d(np.arange(N), pairs)
        pairs = np.concatenate([pairs, np.stack([alone, alone], axis=1)])
        uses = np.zeros((N, len(placements)), bool)
        uses[placements.T, np.arange(len(placements))] = True
        return csr_array((uses[pairs[:, 0]] | uses[pairs[:, 1]]).astype(float))


def pack(
    demands: Sequence[Demand],
    calibration: Calibration,
    *,
    buffer: int = 1,
    method: Literal["optimum", "greedy"] = "optimum",
    seconds: float = 20.0,
) -> Packing:
    """Places for all programs at once.

    Args:
        demands: what is to be placed.
        calibration: of the device, for its couplers.
        buffer: idle qubits, at least, between two regions.
        method: "optimum" solves the integer program, "greedy" takes the heaviest placement that still fits.
        seconds: time after which the best packing found so far is taken; looking for as many programs as fit and then
            for the largest weight takes it twice.

    Raises:
        ValueError: an argument does not fit.
        CapabilityError: the programs do not fit together, or none was found in time.
    """
    if not demands:
        raise ValueError(argument("demands", "hold at least one demand", "it is empty"))
    one_of(method, "method", ("optimum", "greedy"))
    limit = real(seconds, "seconds", above=0.0)
    spacing = Spacing(calibration, buffer)
    chosen = _optimum(demands, spacing, limit) if method == "optimum" else (_greedy(demands, spacing), False)
    if chosen[0] is None:
        wanted = sum(demand.copies or 0 for demand in demands)
        raise CapabilityError(f"{wanted} programs {buffer} qubits apart do not fit on {calibration.device}.")
    rows = tuple(chosen[0])
    weight = float(sum(demand.weights[r].sum() for demand, r in zip(demands, rows, strict=True)))
    places = tuple(demand.placements[r] for demand, r in zip(demands, rows, strict=True))
    return Packing(rows, places, weight, chosen[1])


def _optimum(
    demands: Sequence[Demand], spacing: Spacing, seconds: float
) -> tuple[list[NDArray[np.int64]] | None, bool]:
    """As many programs as fit where no number is given, then the largest weight at that number."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    bounds = np.cumsum([0, *(len(demand.placements) for demand in demands)])
    exclude = hstack([spacing.exclusions(demand.placements) for demand in demands], format="csr")
    belongs = np.zeros((len(demands), bounds[-1]))
    for d, (a, b) in enumerate(pairwise(bounds)):
        belongs[d, a:b] = 1.0

    def solve(gain: NDArray[np.float64], fewest: NDArray[np.float64], most: NDArray[np.float64]) -> Any:
        limits: Any = LinearConstraint(belongs, fewest, most)  # pyright: ignore[reportArgumentType]
        return milp(
            -gain,
            constraints=[LinearConstraint(exclude, -np.inf, 1.0), limits],
            integrality=np.ones(bounds[-1]),
            bounds=Bounds(0.0, 1.0),
            options={"time_limit": seconds, "mip_rel_gap": 0.0},
        )

    free = np.array([demand.copies is None for demand in demands])
    number = np.array([float(demand.copies or 0) for demand in demands])
    weights = np.concatenate([demand.weights for demand in demands])
    best, proven = None, True
    if free.any():
        best = solve(free @ belongs, number, np.where(free, np.inf, number))
        if best.x is None:
            return None, False
        number, proven = np.round(belongs @ best.x), best.status == 0
    if best is None or np.ptp(weights) > 0:
        heaviest = solve(weights, number, number)
        proven = proven and heaviest.status == 0
        best = heaviest if heaviest.x is not None else best
    if best is None or best.x is None:
        return None, False
    return [np.flatnonzero(best.x[a:b] > 0.5) for a, b in pairwise(bounds)], proven


def _greedy(demands: Sequence[Demand], spacing: Spacing) -> list[NDArray[np.int64]] | None:
    owner = np.concatenate([np.full(len(demand.weights), d) for d, demand in enumerate(demands)])
    row = np.concatenate([np.arange(len(demand.weights)) for demand in demands])
    left = [len(spacing.near) if demand.copies is None else demand.copies for demand in demands]
    used = np.zeros(len(spacing.near), bool)
    rows: list[list[int]] = [[] for _ in demands]
    for i in np.argsort(-np.concatenate([demand.weights for demand in demands]), kind="stable").tolist():
        d, r = int(owner[i]), int(row[i])
        place = demands[d].placements[r]
        if left[d] and not np.any(used[place]):
            rows[d].append(r)
            left[d] -= 1
            used |= np.any(spacing.near[place], axis=0)
    if any(left[d] for d, demand in enumerate(demands) if demand.copies is not None):
        return None
    return [np.array(sorted(r), np.int64) for r in rows]
