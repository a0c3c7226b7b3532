"""Time on a quantum processor, by a stated model.

    device seconds = sum over circuits of shots (rep_delay + duration of the circuit with readout) + jobs * overhead

Programs that run side by side share their circuits' time. The repetition delay of current devices is 250 microseconds,
against 3 to 9 for a small circuit with readout, so that K programs at once take hardly longer than one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qalgs.checks import real
from qalgs.evaluation import Cost

REP_DELAY = 250e-6
"""Default delay between shots, seconds."""


@dataclass(frozen=True)
class DeviceTime:
    """The model's constants.

    Raises:
        ValueError: one is negative.
    """

    rep_delay: float = REP_DELAY
    """Seconds between shots."""
    circuit: float = 6e-6
    """Seconds of a circuit with readout."""
    overhead: float = 0.0
    """Seconds per job."""

    def __post_init__(self) -> None:
        for name in ("rep_delay", "circuit", "overhead"):
            real(getattr(self, name), name, low=0)

    def seconds(self, cost: Cost) -> float:
        """Device seconds of a run."""
        return cost.shots * (self.rep_delay + self.circuit) + cost.jobs * self.overhead


def shared_price(seconds: float, qubits: list[int], price_per_second: float = 1.0) -> np.ndarray:
    """(P,) what each of P programs pays for a joint run of ``seconds``: its share of the qubits.

    Raises:
        ValueError: ``price_per_second`` is negative.
    """
    rate = real(price_per_second, "price_per_second", low=0)
    share = np.asarray(qubits, float)
    return rate * seconds * share / share.sum()
