"""Options of a run on an IBM machine: typed, frozen, checked here. The client's own options are made from them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from qalgs_backends.checks import argument, flag, one_of, positive_int, real
from qalgs_backends.ibm.mitigation import ZNE, Mitigation

Mode = Literal["batch", "session", "job"]
_GROUPS = ("pauli", "balanced_pauli", "local_c1", "local_pauli")
_STRATEGIES = ("active", "active-accum", "active-circuit", "all")
_SEQUENCES = ("XX", "XpXm", "XY4")
MAX_TAGS = 7
"""The service takes eight tags; one is the job's own."""
MAX_TAG_LENGTH = 86
MAX_EXECUTIONS = 10_000_000
"""The service's limit for one job."""


@dataclass(frozen=True)
class Twirling:
    """Random Pauli frames: coherent errors become stochastic ones, and readout errors alike for 0 and 1."""

    gates: bool = True
    """Twirl the two-qubit gates."""
    measure: bool = True
    """Twirl the measurements."""
    num_randomizations: int | None = None
    """Random frames for each point; None lets the client choose."""
    shots_per_randomization: int | None = None
    """Shots of each frame; None lets the client choose."""
    group: Literal["pauli", "balanced_pauli", "local_c1", "local_pauli"] = "pauli"
    strategy: Literal["active", "active-accum", "active-circuit", "all"] = "active-accum"
    """Which idle qubits are twirled along with a layer of gates."""

    def __post_init__(self) -> None:
        flag(self.gates, "gates")
        flag(self.measure, "measure")
        if not (self.gates or self.measure):
            raise ValueError(argument("twirling", "twirl gates or measurements, or be None", "it twirls neither"))
        for name in ("num_randomizations", "shots_per_randomization"):
            if getattr(self, name) is not None:
                positive_int(getattr(self, name), name)
        one_of(self.group, "group", _GROUPS)
        one_of(self.strategy, "strategy", _STRATEGIES)

    def client(self) -> dict[str, Any]:
        """The client's options of the same meaning."""
        return {
            "enable_gates": self.gates,
            "enable_measure": self.measure,
            "group": self.group,
            "strategy": self.strategy,
            "num_randomizations": self.num_randomizations or "auto",
            "shots_per_randomization": self.shots_per_randomization or "auto",
        }

    def split(self, shots: int) -> tuple[int, int]:
        """Random frames and shots of each, for ``shots`` shots; their product is at least that, as both are whole."""
        frames, each = self.num_randomizations, self.shots_per_randomization
        if frames is None:
            each = max(64, math.ceil(shots / 32)) if each is None else each
            return math.ceil(shots / each), each
        return frames, math.ceil(shots / frames) if each is None else each


@dataclass(frozen=True)
class IBMOptions:
    """How circuits are made ready, run and limited on an IBM machine."""

    optimization_level: int | None = 3
    """Of the transpiler; None says that circuits come in the machine's own gates on its physical qubits."""
    seed_transpiler: int = 11
    fractional_gates: bool = False
    """Use rzz and rx with free angles where the machine has them; rzz takes angles from 0 to pi/2."""
    twirling: Twirling | None = None
    dynamical_decoupling: Literal["XX", "XpXm", "XY4"] | None = None
    """Pulses on idle qubits."""
    mitigation: Mitigation | None = None
    """What is done about the noise in expectation values; None leaves them as they are measured."""
    rep_delay: float | None = None
    """Seconds between executions; None is the machine's default."""
    mode: Mode = "batch"
    """A batch is charged for what its jobs use; a session for all the time it is open, so it needs a budget."""
    mode_seconds: int | None = None
    """Seconds after which the service closes the batch or session; None is its default, or a session's budget."""
    max_age_days: float | None = 2.0
    """Refuse to submit when the calibration that circuits were placed by is older; None never refuses."""
    max_executions: int = MAX_EXECUTIONS
    """Circuit executions of one job; a run of more is split into several jobs."""
    max_points: int | None = None
    """Parameter points of one job, likewise; None sets no limit."""
    tags: tuple[str, ...] = ()
    """Further tags of the jobs, at most seven."""
    resend: bool = False
    """Send runs again that failed or were cancelled before; otherwise asking for one again says so."""

    def __post_init__(self) -> None:
        if self.optimization_level is not None:
            positive_int(self.optimization_level, "optimization_level", minimum=0, maximum=3)
        positive_int(self.seed_transpiler, "seed_transpiler", minimum=0)
        flag(self.fractional_gates, "fractional_gates")
        if self.twirling is not None and not isinstance(self.twirling, Twirling):
            must = "be a Twirling or None"
            raise TypeError(argument("twirling", must, f"it is a {type(self.twirling).__name__}"))
        if self.mitigation is not None and not isinstance(self.mitigation, Mitigation):
            must = "be a Mitigation or None"
            raise TypeError(argument("mitigation", must, f"it is a {type(self.mitigation).__name__}"))
        if self.mitigation is not None and self.mitigation.readout and self.twirling and not self.twirling.measure:
            must = "twirl measurements when readout errors are mitigated"
            raise ValueError(argument("twirling", must, "measure is False"))
        one_of(self.dynamical_decoupling, "dynamical_decoupling", (None, *_SEQUENCES))
        if self.rep_delay is not None:
            real(self.rep_delay, "rep_delay", low=0.0)
        one_of(self.mode, "mode", ("batch", "session", "job"))
        if self.mode_seconds is not None:
            positive_int(self.mode_seconds, "mode_seconds")
        if self.max_age_days is not None:
            real(self.max_age_days, "max_age_days", above=0.0)
        positive_int(self.max_executions, "max_executions", maximum=MAX_EXECUTIONS)
        if self.max_points is not None:
            positive_int(self.max_points, "max_points")
        _check_tags(self.tags)
        flag(self.resend, "resend")

    @classmethod
    def resilience(cls, level: Literal[0, 1, 2]) -> IBMOptions:
        """What the client calls resilience level 0 (none), 1 (readout) or 2 (readout, twirled gates, extrapolation).

        Raises:
            ValueError: there is no such level.
        """
        one_of(level, "level", (0, 1, 2))
        if level == 0:
            return cls()
        return cls(twirling=Twirling(gates=level == 2), mitigation=Mitigation(zne=ZNE() if level == 2 else None))

    @property
    def frames(self) -> Twirling | None:
        """The twirling that is done: mitigation needs that of measurements, or at least the spread of frames."""
        if self.twirling is None and self.mitigation is not None:
            return Twirling(gates=False)
        return self.twirling

    def effective_shots(self, shots: int) -> int:
        """Shots of each point that are really run: twirling rounds up to whole frames."""
        return shots if self.frames is None else math.prod(self.frames.split(shots))

    @property
    def num_repetitions(self) -> int:
        """How often each measurement is run, with more and more noise where that is extrapolated."""
        return 1 if self.mitigation is None else len(self.mitigation.noise_factors)

    @property
    def stretch(self) -> float:
        """How much longer circuits get on average, at most, by amplified noise."""
        factors = (1.0,) if self.mitigation is None else self.mitigation.noise_factors
        return sum(factors) / len(factors)

    def calibration_shots(self, shots: int) -> int:
        """Shots that each job spends on learning the readout errors."""
        if self.mitigation is None or not self.mitigation.readout or self.frames is None:
            return 0
        frames, each = self.frames.split(shots)
        return (self.mitigation.readout_randomizations or frames) * each

    def facts(self) -> dict[str, Any]:
        """What of the options changes the counts, as JSON values; part of a job's key."""
        kept = ("twirling", "dynamical_decoupling", "rep_delay", "fractional_gates")
        facts = {name: value for name, value in asdict(self).items() if name in kept}
        # Left out where there is none: keys of runs without it are those of earlier versions.
        return facts if self.mitigation is None else facts | {"mitigation": asdict(self.mitigation)}


def client_options(options: IBMOptions, shots: int, *, tag: str, max_seconds: float, mitigated: bool) -> Any:
    """The client's options of a Sampler job, or of an Estimator job if it is to be ``mitigated``."""
    from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions
    from qiskit_ibm_runtime.options_models.sampler import SamplerOptions

    asked: dict[str, Any] = {"default_shots": shots, "environment": {"job_tags": [tag, *options.tags]}}
    asked["max_execution_time"] = math.ceil(max_seconds)
    asked["execution"] = {"rep_delay": options.rep_delay}
    if options.dynamical_decoupling is not None:
        asked["dynamical_decoupling"] = {"enable": True, "sequence_type": options.dynamical_decoupling}
    if options.frames is not None:
        asked["twirling"] = options.frames.client()
    if not mitigated or options.mitigation is None:
        return SamplerOptions(**asked)
    asked |= {"resilience_level": 0, "resilience": options.mitigation.client()}
    return EstimatorOptions(**asked)


def _check_tags(tags: Any) -> None:
    if not isinstance(tags, tuple) or not all(isinstance(tag, str) for tag in tags):
        raise TypeError(argument("tags", "be a tuple of strings", f"it is {tags!r}"))
    if len(tags) > MAX_TAGS:
        raise ValueError(argument("tags", f"hold at most {MAX_TAGS}, next to the job's own", f"it holds {len(tags)}"))
    for tag in tags:
        if not 0 < len(tag) <= MAX_TAG_LENGTH:
            must = f"hold tags of 1 to {MAX_TAG_LENGTH} characters"
            raise ValueError(argument("tags", must, f"one has {len(tag)}"))
