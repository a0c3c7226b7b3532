"""What a run would use, said before anything runs."""

from __future__ import annotations

from dataclasses import dataclass

from qalgs.evaluation import Cost


@dataclass(frozen=True)
class Forecast:
    """The most that a run uses; one that settles or converges early uses less."""

    backend: str
    maps: int
    """Different placements, each transpiled once beforehand; 0 where the backend chooses."""
    esp: tuple[float, float]
    """Of the first and the last; 1 where no device is modelled."""
    energies: int
    """Energies evaluated, those that are measured anew included; of all programs together."""
    cost: Cost
    device_seconds: float
    """Time on a processor: the machine's own estimate, or the model's where none is asked."""

    def __str__(self) -> str:
        maps = "" if not self.maps else f"{self.maps} maps (ESP {self.esp[0]:.3f} -> {self.esp[1]:.3f}), "
        seconds = "" if not self.device_seconds else f", about {self.device_seconds:,.0f} device seconds"
        cost = self.cost
        runs = f"{cost.circuits:,} circuits in {cost.jobs:,} jobs, {cost.shots:,} shots"
        return f"{maps}at most {self.energies:,} energies: {runs} on {self.backend}{seconds}"


def repeated(cost: Cost, number: int) -> Cost:
    """The cost of doing it ``number`` times."""
    return Cost(cost.shots * number, cost.circuits * number, cost.jobs * number, cost.quantum_seconds * number)
