"""What IBM's client can do about the noise in expectation values, as typed settings.

Its Estimator does it: it adds circuits to the job, and works the values out of all of them when the job is done.
Methods that need a noise model learned beforehand (PEC, PEA) are not offered.

The errors of mitigated values are the client's, too. They leave out the error of what was learned about the readout;
those of extrapolated values come from a fit to a few points, and can be far off or infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from qalgs_backends.checks import argument, flag, one_of, positive_int, real

Amplifier = Literal["gate_folding", "gate_folding_front", "gate_folding_back"]
_AMPLIFIERS = ("gate_folding", "gate_folding_front", "gate_folding_back")
# One more than the model has parameters: otherwise the fit has no error.
_FACTORS_NEEDED = {"fallback": 2, "linear": 3, "exponential": 3, "double_exponential": 5}
_FACTORS_NEEDED |= {f"polynomial_degree_{k}": k + 2 for k in range(1, 8)}


@dataclass(frozen=True)
class ZNE:
    """Zero-noise extrapolation: run with more noise than there is, and extrapolate to none.

    Noise is amplified by two-qubit gates that are followed by their inverse and themselves again.
    """

    noise_factors: tuple[float, ...] = (1.0, 3.0, 5.0)
    """Each at least 1, increasing; every measurement is run once for each."""
    amplifier: Amplifier = "gate_folding"
    """Which gates are folded where a factor does not fold all alike: random ones, the first or the last."""
    extrapolator: tuple[str, ...] = ("exponential", "linear")
    """Models in order of preference: linear, exponential, double_exponential, polynomial_degree_1 to _7, fallback."""

    def __post_init__(self) -> None:
        factors = self.noise_factors
        if not isinstance(factors, tuple) or len(factors) < 2:
            raise ValueError(argument("noise_factors", "be a tuple of at least two factors", f"it is {factors!r}"))
        for k, factor in enumerate(factors):
            real(factor, f"noise_factors[{k}]", low=1.0)
        if list(factors) != sorted(set(factors)):
            raise ValueError(argument("noise_factors", "increase", f"it is {factors}"))
        one_of(self.amplifier, "amplifier", _AMPLIFIERS)
        if not isinstance(self.extrapolator, tuple) or not self.extrapolator:
            raise TypeError(argument("extrapolator", "be a tuple of names", f"it is {self.extrapolator!r}"))
        for name in self.extrapolator:
            one_of(name, "extrapolator", tuple(_FACTORS_NEEDED))
            if len(factors) < _FACTORS_NEEDED[name]:
                must = f"hold at least {_FACTORS_NEEDED[name]} factors for {name}"
                raise ValueError(argument("noise_factors", must, f"it holds {len(factors)}"))


@dataclass(frozen=True)
class Mitigation:
    """How the noise in expectation values is made up for; counts are never mitigated."""

    readout: bool = True
    """Divide by what twirled readout leaves of each Pauli (TREX), learned from further circuits in the same job."""
    readout_randomizations: int | None = None
    """Random frames of these circuits; None takes as many as for each point."""
    zne: ZNE | None = None

    def __post_init__(self) -> None:
        flag(self.readout, "readout")
        if self.zne is not None and not isinstance(self.zne, ZNE):
            raise TypeError(argument("zne", "be a ZNE or None", f"it is a {type(self.zne).__name__}"))
        if not self.readout and self.zne is None:
            raise ValueError(argument("mitigation", "mitigate something, or be None", "it has neither readout nor zne"))
        if self.readout_randomizations is not None:
            positive_int(self.readout_randomizations, "readout_randomizations")
            if not self.readout:
                must = "be None without readout mitigation"
                raise ValueError(argument("readout_randomizations", must, f"it is {self.readout_randomizations}"))

    @property
    def noise_factors(self) -> tuple[float, ...]:
        """Every measurement is run once for each."""
        return (1.0,) if self.zne is None else self.zne.noise_factors

    def client(self) -> dict[str, Any]:
        """The client's options of the same meaning."""
        asked: dict[str, Any] = {"measure_mitigation": self.readout, "zne_mitigation": self.zne is not None}
        if self.readout:
            asked["measure_noise_learning"] = {"num_randomizations": self.readout_randomizations or "auto"}
        if self.zne is not None:
            zne = self.zne
            asked["zne"] = {
                "amplifier": zne.amplifier,
                "noise_factors": zne.noise_factors,
                "extrapolator": zne.extrapolator,
            }
        return asked
