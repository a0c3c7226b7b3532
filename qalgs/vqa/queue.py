"""How long programs keep a device busy, alone and together, and how a queue of them is cut into batches.

A job takes its shots times the delay before each shot and the time of the circuit, and an overhead. The delay, a
quarter of a millisecond, is far longer than a circuit: programs side by side take about the time of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qalgs.backends import Calibration, CapabilityError
from qalgs.checks import argument, positive_int, real
from qalgs.vqa.packing import Demand, Packing, pack


@dataclass(frozen=True)
class Load:
    """What a program asks of a device."""

    circuits: int
    """Circuits: parameter points times measurement bases."""
    shots: int
    """Shots of each."""
    seconds: float
    """Duration of one, readout included; ``EspModel.durations`` gives it."""
    jobs: int = 1
    """Submissions they are sent in."""

    def __post_init__(self) -> None:
        for name in ("circuits", "shots", "jobs"):
            positive_int(getattr(self, name), name)
        real(self.seconds, "seconds", low=0.0)

    def device_seconds(self, *, rep_delay: float = 250e-6, overhead: float = 0.0) -> float:
        """Seconds that the device is taken.

        Args:
            rep_delay: seconds before each shot.
            overhead: seconds for each job.

        Raises:
            ValueError: an argument is negative.
        """
        delay, each = real(rep_delay, "rep_delay", low=0.0), real(overhead, "overhead", low=0.0)
        return self.circuits * self.shots * (delay + self.seconds) + self.jobs * each


def merged(loads: Sequence[Load]) -> Load:
    """The load of programs that run side by side in one circuit: of everything the largest.

    Raises:
        ValueError: there are none.
    """
    if not loads:
        raise ValueError(argument("loads", "hold at least one load", "it is empty"))
    return Load(
        max(load.circuits for load in loads),
        max(load.shots for load in loads),
        max(load.seconds for load in loads),
        max(load.jobs for load in loads),
    )


def throughput_gain(loads: Sequence[Load], *, rep_delay: float = 250e-6, overhead: float = 0.0) -> float:
    """How many times as many programs a second finish side by side as one after the other.

    >>> round(throughput_gain([Load(5, 1024, 4e-6)] * 3 + [Load(5, 1024, 6e-6)]), 3)
    3.977

    Raises:
        ValueError: there are no loads, or an argument is negative.
    """
    alone = sum(load.device_seconds(rep_delay=rep_delay, overhead=overhead) for load in loads)
    return alone / merged(loads).device_seconds(rep_delay=rep_delay, overhead=overhead)


def batches(
    demands: Sequence[Demand], calibration: Calibration, *, buffer: int = 1, seconds: float = 20.0
) -> tuple[Packing, ...]:
    """A queue in its order, cut into batches that each hold as many as fit side by side.

    Args:
        demands: one for each program, or for programs that belong together, first come first.
        calibration: of the device, for its couplers.
        buffer: idle qubits, at least, between two regions.
        seconds: limit on the search for each packing.

    Raises:
        ValueError: an argument does not fit, or a demand has no number of copies.
        CapabilityError: a demand does not fit even alone.
    """
    for d, demand in enumerate(demands):
        if demand.copies is None:
            raise ValueError(argument(f"demands[{d}]", "have a number of copies", "it is None"))
    out: list[Packing] = []
    first = 0
    while first < len(demands):
        best = pack(demands[first : first + 1], calibration, buffer=buffer, seconds=seconds)
        fit, unfit = 1, len(demands) - first + 1
        while unfit - fit > 1:
            middle = (fit + unfit) // 2
            try:
                best = pack(demands[first : first + middle], calibration, buffer=buffer, seconds=seconds)
                fit = middle
            except CapabilityError:
                unfit = middle
        out.append(best)
        first += fit
    return tuple(out)
