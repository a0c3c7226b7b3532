r"""Linear systems by a variational circuit (Bravo-Prieto and others, arXiv 1909.05820).

Axes: n qubits, d = 2**n, p angles, K points.

The ansatz state |x> minimises C = <x|H|x> / <x|A^2|x>, where H is

    global  A (1 - |b><b|) A
    local   A U (1 - (1/n) sum_j |0><0|_j) U^dagger A  with U |0> = |b>,  global/n <= local <= global.

Both, and A^2, are measured as sums of Paulis in the ansatz state, all in the same bases: there is no controlled ansatz,
no Hadamard test and no ancilla, but up to 3**n bases, and the Paulis come from the matrices, by arithmetic. So
this is for small systems and for machines with noise.

Certificate: with r = (1 - |b><b|) A |x> the angle to the solution keeps sin(theta) <= kappa |r|, where |r|^2 is the
global numerator; the norm is |<b|A|x>| / <x|A^2|x>. For a mixed state the mean over its parts gives the same with
sin(theta)^2 = 1 - fidelity.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Operator, SparsePauliOp

from qalgs.backends import Backend, CapabilityError
from qalgs.checks import argument, child, generator, one_of, positive_int, real
from qalgs.circuits import hardware_efficient
from qalgs.evaluation import Cost, Evaluation, Query
from qalgs.linear.methods import Solved, solved
from qalgs.linear.preparation import householder
from qalgs.linear.running import Execution, Executor, exact_outcome, measured_outcome
from qalgs.linear.solver import Construction
from qalgs.linear.system import LinearSystem
from qalgs.optimizers import BFGS, SPSA, Optimizer
from qalgs.optimizers import iterate as steps_of
from qalgs.run import Status, Step

_WIDEST = 6
_CHECKED_EVERY = 10
"""Steps between two measurements of the certificate, which takes as many circuits as a value."""
_START, _OPTIMIZER, _SHOTS, _CERTIFICATE, _SAMPLE = range(5)
"""Keys of the random streams."""


@dataclass(frozen=True)
class VQLS:
    """Ansatz, cost and optimizer; the run ends when the certificate is within ``eps``.

    Raises:
        ValueError: a setting is out of its range.
    """

    cost: Literal["local", "global"] = "local"
    """"local" has gradients that stay large in wider circuits."""
    layers: int | Literal["auto"] = "auto"
    """Layers of entanglers of the hardware-efficient ansatz; "auto" makes twice as many angles as states have."""
    ansatz: QuantumCircuit | None = None
    """Another circuit than that."""
    optimizer: Optimizer[Any] | None = None
    """When None, BFGS without shots, and with shots SPSA in steps of about 0.2 at first: costs are flat, about
    (angle off / kappa)^2."""
    max_steps: int = 300
    """Of the optimizer, from each start."""
    starts: int = 3
    """Random starts tried, one after the other, where an optimizer without shots ends in a local minimum."""

    def __post_init__(self) -> None:
        one_of(self.cost, "cost", ("local", "global"))
        if self.layers != "auto":
            positive_int(self.layers, "layers", minimum=0)
        positive_int(self.max_steps, "max_steps")
        positive_int(self.starts, "starts")

    def iterate(
        self,
        system: LinearSystem,
        *,
        eps: float,
        x0: NDArray[Any] | None,
        execute: Executor,
        seed: np.random.SeedSequence,
    ) -> Generator[Step, None, Status]:
        """One step a step of the optimizer.

        Raises:
            ValueError: ``x0`` is given, or the ansatz does not fit.
            CapabilityError: the system is too wide, or exact values are wanted from a backend that has none.
        """
        eps = real(eps, "eps", above=0)
        if x0 is not None:
            raise ValueError(argument("x0", "be None for VQLS, which starts from random angles", "it is given"))
        exact = execute.shots is None
        trial = _Trial(system, self._circuit(system), self.cost, execute.backend, execute.shots, seed)
        optimizer = self.optimizer or (BFGS(gtol=1e-9) if exact else SPSA(step_size=5.0, perturbation=0.2))
        starts, index = self.starts if exact else 1, 0
        reached: Solved | None = None
        for start in range(starts):
            angles = generator(seed, _START, start).uniform(-np.pi, np.pi, trial.circuit.num_parameters)
            run = steps_of(trial, angles, optimizer, max_steps=self.max_steps, rng=child(seed, _OPTIMIZER, start))
            metrics: dict[str, float] = {}
            while True:
                step = next(run, None)
                if step is None or exact or index % _CHECKED_EVERY == 0:
                    found = trial.solved(angles, index)
                    keep = exact and reached is not None and reached.error_bound <= found.error_bound
                    reached = reached if keep else found
                assert reached is not None
                metrics["bound"] = reached.error_bound
                yield Step(index, replace(reached, cost=trial.spent), metrics, starts * self.max_steps)
                if reached.error_bound <= eps:
                    return Status.CONVERGED
                if step is None:
                    break
                angles, index, metrics = step.state.x, index + 1, {"cost": step.metrics["value"]}
        return Status.FAILED

    def _circuit(self, system: LinearSystem) -> QuantumCircuit:
        n, d = system.num_qubits, len(system.rhs)
        if n > _WIDEST:
            raise CapabilityError(f"VQLS takes systems of at most {1 << _WIDEST} unknowns here, but there are {d}.")
        if self.ansatz is not None:
            if self.ansatz.num_qubits != n or self.ansatz.num_parameters == 0:
                must = f"have {n} qubits and at least one parameter"
                but = f"it has {self.ansatz.num_qubits} and {self.ansatz.num_parameters}"
                raise ValueError(argument("ansatz", must, but))
            return self.ansatz
        is_real = np.isrealobj(system.matrix) and np.isrealobj(system.rhs)
        rotations = ("ry",) if is_real else ("ry", "rz")
        wanted = 2 * (d - 1) * len(rotations)
        layers = max(1, -(-wanted // (n * len(rotations))) - 1) if self.layers == "auto" else int(self.layers)
        return hardware_efficient(n, reps=layers if n > 1 else 0, rotations=rotations)


@dataclass(eq=False)
class _Trial:
    """The cost as an objective, and the solution at given angles."""

    system: LinearSystem
    circuit: QuantumCircuit
    cost: str
    backend: Backend
    shots: int | None
    seed: np.random.SeedSequence
    spent: Cost = field(default_factory=Cost)

    def __post_init__(self) -> None:
        if self.shots is None and not (hasattr(self.backend, "state") and self.backend.capabilities.gradient):
            must = "shots=... is needed there, or backend='statevector'"
            raise CapabilityError(f"{self.backend.name} does not give amplitudes and gradients: {must}.")
        self.observed = self.backend.prepare(self.circuit, _observables(self.system, self.cost))
        self.sampled = self.backend.prepare(self.circuit)

    @property
    def has_gradient(self) -> bool:
        """Whether questions may ask for gradients."""
        return self.shots is None

    def evaluate(self, query: Query) -> Evaluation:
        """Costs at the (m, p) points, exact with gradients or sampled with errors."""
        began = time.perf_counter()
        if self.shots is None:
            values, slopes = getattr(self.backend, "value_and_gradient")(self.observed, query.points)  # noqa: B009
            cost = values[:, 0] / values[:, 2]
            gradient = (slopes[:, 0] - cost[:, None] * slopes[:, 2]) / values[:, 2, None]
            spent = Cost(circuits=len(query.points), jobs=1, wall_seconds=time.perf_counter() - began)
            answer = Evaluation(cost, gradient, cost=spent)
        else:
            found = self.backend.expect(
                self.observed, query.points, shots=self.shots, rng=child(self.seed, _SHOTS, query.step or 0)
            )
            (above, below), errors = found.values[:, [0, 2]].T, found.values_err
            # numerator and denominator come from the same shots: their errors are added, not squared
            err = (errors[:, 0] + np.abs(above / below) * errors[:, 2]) / below
            answer = Evaluation(above / below, value_err=err, cost=found.cost)
        self.spent += answer.cost
        return answer

    def solved(self, angles: NDArray[np.float64], index: int) -> Solved:
        """The solution at these angles with its certificate."""
        bound = self.circuit.assign_parameters(angles)
        return self._exact(bound, angles) if self.shots is None else self._measured(bound, angles, index)

    def _exact(self, bound: QuantumCircuit, angles: NDArray[np.float64]) -> Solved:
        state = getattr(self.backend, "state")(self.sampled, angles)[0]  # noqa: B009
        image = self.system.matrix @ state
        factor = np.vdot(image, self.system.rhs) / np.vdot(image, image).real
        left = image - self.system.rhs * np.vdot(self.system.rhs, image)
        made = Construction(bound, tuple(range(bound.num_qubits)), {}, complex(factor))
        sine = self.system.kappa * float(np.linalg.norm(left))
        return self._packed(Execution(exact_outcome(made, state), Cost(), made), sine)

    def _measured(self, bound: QuantumCircuit, angles: NDArray[np.float64], index: int) -> Solved:
        assert self.shots is not None
        found = self.backend.expect(self.observed, angles, shots=self.shots, rng=child(self.seed, _CERTIFICATE, index))
        counts = self.backend.sample(self.sampled, angles, shots=self.shots, rng=child(self.seed, _SAMPLE, index))
        self.spent += found.cost + counts.cost
        (_, left, square), (_, left_err, square_err) = found.values[0], found.values_err[0]
        inside = max(0.0, square - left)
        factor = np.sqrt(inside) / square
        made = Construction(bound, tuple(range(bound.num_qubits)), {}, complex(factor))
        packed = self._packed(
            Execution(measured_outcome(made, counts.outcomes[0], self.shots), Cost(), made),
            self.system.kappa * float(np.sqrt(max(0.0, left) + 2 * left_err)),
        )
        slope = factor / (2 * inside) if inside > 0 else np.inf
        return replace(packed, norm_err=float(slope * (left_err + square_err) + factor / square * square_err))

    def _packed(self, execution: Execution, sine: float) -> Solved:
        bound = 2 * np.sin(np.arcsin(sine) / 2) if sine < 1 else np.inf
        return solved(execution, error_bound=float(bound), kappa_hat=self.system.kappa, notes=(_NOTE,))


_NOTE = "A enters through measured Paulis, so that no oracle is queried; the cost is in circuits and shots"


def _observables(system: LinearSystem, cost: str) -> tuple[SparsePauliOp, ...]:
    """What C's numerator is, the global numerator, and A^2."""
    A, b = system.matrix, system.rhs
    n, d = system.num_qubits, len(b)
    outside = A @ (np.eye(d) - np.outer(b, b.conj())) @ A
    numerator = outside
    if cost == "local":
        ones = np.bitwise_count(np.arange(d)) / n  # 1 - the share of qubits that are 0
        turned = A @ householder(b)
        numerator = (turned * ones) @ turned.conj().T
    # by default it would drop coefficients below 1e-5
    hermitian = (Operator((H + H.conj().T) / 2) for H in (numerator, outside, A @ A))
    return tuple(SparsePauliOp.from_operator(H, atol=1e-15, rtol=0) for H in hermitian)
