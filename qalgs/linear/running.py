"""Running a construction: by arithmetic, exactly on a simulator, or with shots on any backend.

Axes: d amplitudes of the system.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from qalgs.backends import Backend, CapabilityError
from qalgs.checks import child
from qalgs.evaluation import Cost
from qalgs.linear.solver import Construction, Outcome, QueryCount, Solver
from qalgs.linear.system import LinearSystem

Engine = Literal["circuit", "numpy"]
_MOST_CX = 1e5


@dataclass(frozen=True, eq=False)
class Task:
    """One construction, to be built and run or to be simulated."""

    construct: Callable[[], Construction]
    simulate: Callable[[], Outcome]


@dataclass(frozen=True, eq=False)
class Measured:
    """What shots gave: probabilities, without signs."""

    probabilities: NDArray[np.float64]
    """(d,) of the system's outcomes among the successes."""
    probabilities_err: NDArray[np.float64]
    """(d,) standard errors."""
    success_err: float
    """Standard error of the success probability."""
    shots: int
    factor: complex | None
    """As in ``Outcome``."""
    queries: QueryCount
    """With the measured success probability."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Execution:
    """One construction run."""

    answer: Outcome | Measured
    cost: Cost
    construction: Construction | None
    """None where nothing but arithmetic was done."""
    noisy: bool = False
    """Whether a machine ran it whose noise no bound of a solver knows."""


Execute = Callable[[Task], Execution]
"""Runs a task; methods that need several runs call it several times."""


def task(solver: Solver, system: LinearSystem, eps: float, **oracles: Any) -> Task:
    """The task of one solver; ``oracles`` are the encoding and the preparation of those that take them."""
    return Task(
        lambda: solver.construct(system, eps=eps, **oracles), lambda: solver.simulate(system, eps=eps, **oracles)
    )


@dataclass
class Executor:
    """Where tasks are run."""

    engine: Engine
    backend: Backend
    shots: int | None
    seed: np.random.SeedSequence
    runs: int = 0

    def __call__(self, wanted: Task) -> Execution:
        """Run one task.

        Raises:
            CapabilityError: exact amplitudes are wanted from a backend that has none, or the circuit is too long for
                one that knows elementary gates only.
        """
        began = time.perf_counter()
        self.runs += 1
        if self.engine == "numpy" and self.shots is None:
            return Execution(wanted.simulate(), Cost(wall_seconds=time.perf_counter() - began), None)
        made = wanted.construct()
        _check_length(made.circuit, self.backend.name)
        program = self.backend.prepare(made.circuit)
        if self.shots is None:
            state = getattr(self.backend, "state", None)
            if state is None:
                must = "shots=... is needed there, or backend='aer'"
                raise CapabilityError(f"{self.backend.name} does not give amplitudes: {must}.")
            cost = Cost(circuits=1, jobs=1)
            answer: Outcome | Measured = exact_outcome(made, state(program)[0])
        else:
            counts = self.backend.sample(program, shots=self.shots, rng=child(self.seed, self.runs))
            cost, answer = counts.cost, measured_outcome(made, counts.outcomes[0], self.shots)
        noisy = self.backend.capabilities.noise or self.backend.capabilities.remote
        return Execution(answer, replace(cost, wall_seconds=time.perf_counter() - began), made, noisy)


def _check_length(circuit: QuantumCircuit, name: str) -> None:
    """Refuse to write matrix gates in more elementary gates than a machine could use, or this one compile.

    A gate of w qubits takes about 23/48 4^w CX (Shende, Bullock and Markov, quant-ph/0406176), a diagonal one 2^w.
    """
    if name.partition(":")[0] == "aer":  # it runs matrices as they are
        return
    number = 0.0
    for item in circuit.data:
        width = len(item.qubits)
        if width > 1:
            number += 23 / 48 * 4**width if item.operation.name == "unitary" else 2.0**width
    if number > _MOST_CX:
        raise CapabilityError(
            f"The circuit takes about {number:.1g} CX on {name}, and {_MOST_CX:.0g} are the most; backend='aer' runs "
            "its matrix gates as they are, and engine='numpy' builds no circuit."
        )


def exact_outcome(made: Construction, state: NDArray[np.complex128]) -> Outcome:
    """The amplitudes of the system where the ancillas show success."""
    index, keep = _positions(made, np.arange(len(state)))
    amplitudes = np.zeros(1 << len(made.system), complex)
    amplitudes[index[keep]] = state[keep]
    success = float(np.vdot(amplitudes, amplitudes).real)
    return Outcome(amplitudes, made.factor, made.queries.succeeding(success), made.notes)


def measured_outcome(made: Construction, counts: dict[int, int], shots: int) -> Measured:
    """Frequencies of the system's outcomes among the shots that show success.

    Raises:
        ValueError: no shot shows success.
    """
    outcomes, times = np.array(list(counts), object), np.array(list(counts.values()))
    index, keep = _positions(made, outcomes)
    accepted = int(times[keep].sum())
    if accepted == 0:
        raise ValueError(f"None of {shots} shots succeeded; take more, or a solver with a higher success probability.")
    found = np.bincount(index[keep].astype(int), weights=times[keep], minlength=1 << len(made.system)) / accepted
    success = accepted / shots
    return Measured(
        found,
        np.sqrt(found * (1 - found) / accepted),
        float(np.sqrt(success * (1 - success) / shots)),
        shots,
        made.factor,
        made.queries.succeeding(success),
        made.notes,
    )


def _positions(made: Construction, outcomes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The system's index of every outcome, and whether its ancillas show success."""
    keep = np.ones(len(outcomes), bool)
    for qubit, bit in made.postselect.items():
        keep &= ((outcomes >> qubit) & 1) == bit
    index = sum(((outcomes >> qubit) & 1) << place for place, qubit in enumerate(made.system))
    return np.asarray(index), keep
