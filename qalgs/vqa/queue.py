"""A queue of programs, cut into batches that run side by side."""

from __future__ import annotations

from collections.abc import Sequence

from qalgs.backends import Calibration, CapabilityError
from qalgs.checks import argument
from qalgs.vqa.packing import Demand, Packing, pack


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
