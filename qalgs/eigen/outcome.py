"""What a method is given, and what it has found: states, their matrices, and how to measure more of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import Backend
from qalgs.checks import child
from qalgs.eigen.checkpoint import Resumable
from qalgs.eigen.deflation import Complex, Real
from qalgs.eigen.estimator import Estimator
from qalgs.eigen.exact import ExactEstimator
from qalgs.eigen.problem import EigenProblem
from qalgs.eigen.result import PlayerResult
from qalgs.eigen.ritz import Matrices
from qalgs.eigen.sampled import SampledEstimator
from qalgs.evaluation import Cost

_OPERATOR = 9
"""Key of the shots of other operators than H."""


@dataclass(frozen=True, eq=False)
class Setup:
    """A task, checked: what every method begins with."""

    problem: EigenProblem
    k: int
    circuits: tuple[QuantumCircuit, ...]
    """One per player."""
    estimator: Estimator
    backend: Backend
    shots: Any
    """None for exact values; an integer or a ``ShotPolicy``."""
    seed: np.random.SeedSequence
    initial: tuple[Real | None, ...] = ()
    near: bool = False
    """Whether the circuits prepare a state near a level of their own at small angles."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """K states with their matrices. Energies are those of the problem's operator: sign * H."""

    matrices: Matrices
    basis: tuple[tuple[int, str], ...]
    players: tuple[PlayerResult, ...]
    shift: float | None
    cost: Cost
    counted: dict[str, int]
    measure: Callable[[SparsePauliOp], Complex]


class MethodRun(Resumable, Protocol):
    """A method at work."""

    trace: list[tuple[int, Mapping[str, float]]]

    def outcome(self, setup: Setup) -> Outcome:
        """What has been found so far."""
        ...


class Method(Protocol):
    """A way to find levels."""

    each: ClassVar[bool]
    """Whether each player may have a circuit of its own."""

    @property
    def ritz(self) -> bool:
        """Whether the levels are Ritz values."""
        ...

    @property
    def cross(self) -> Any:
        """How players are compared."""
        ...

    @property
    def accuracy(self) -> float:
        """Error of an energy that is wanted."""
        ...

    def players(self, k: int, dim: int) -> int:
        """How many circuits it needs, where there are ``dim`` levels."""
        ...

    def arrange(self, ansatz: tuple[QuantumCircuit, ...], k: int) -> tuple[QuantumCircuit, ...]:
        """The circuit of each player, from one ansatz per player."""
        ...

    def begin(self, setup: Setup) -> MethodRun:
        """The run at its start."""
        ...


def estimator_for(
    circuits: Sequence[QuantumCircuit],
    operator: SparsePauliOp,
    backend: Backend,
    shots: Any,
    cross: Any,
    seed: np.random.SeedSequence,
) -> Estimator:
    """Exact without shots, sampled with them."""
    if shots is None:
        return ExactEstimator(circuits, operator, backend)
    rescale = cross == "rescaled"
    how = "interference" if rescale else cross
    return SampledEstimator(circuits, operator, backend, shots=shots, cross=how, rescale=rescale, rng=seed)


def between(
    circuits: Sequence[QuantumCircuit],
    points: Sequence[Real],
    backend: Backend,
    shots: Any,
    cross: Any,
    seed: np.random.SeedSequence,
) -> Callable[[SparsePauliOp], Complex]:
    """From an operator to its (K, K) matrix between the players' states; NaN where it cannot be measured."""

    def measure(operator: SparsePauliOp) -> Complex:
        words = np.frombuffer(hashlib.sha256(repr(operator.to_list()).encode()).digest(), np.uint32)
        own = child(seed, _OPERATOR, *words.tolist())
        estimator = estimator_for(circuits, operator, backend, shots, cross, own)
        found = np.full((len(points), len(points)), np.nan, complex)
        for j, right in enumerate(points):
            for i, left in enumerate(points[: j + 1]):
                crossed, _ = estimator.pair((i, left), (j, right), key=(i, j))
                found[i, j], found[j, i] = crossed.h[0], np.conj(crossed.h[0])
        return found

    return measure
