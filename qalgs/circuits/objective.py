"""The energy of a parametrised circuit as an objective.

Axes: m points of a question, K points of a job, p parameters, o observables of the program.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from itertools import count

import numpy as np

from qalgs.checks import RngLike, argument, as_seed_sequence, child, positive_int, shots_or_none
from qalgs.evaluation import Cost, Evaluation, Query
from qalgs_backends.base import Backend, Program

# Questions of an optimizer and questions asked by hand draw from different streams.
_BY_STEP, _BY_HAND = 0, 1


class ExpectationObjective:
    """f(theta) = <psi(theta)| O |psi(theta)> on a backend, O one of the observables of a prepared program.

    Objectives over the same program, whatever their observables, share jobs in ``minimize_many``.

    Shots are drawn as a function of the seed and of ``Query.step``: a resumed or repeated run sees the noise
    it saw before. Questions without a step, which are asked by hand, see fresh noise each time.
    """

    def __init__(
        self,
        backend: Backend,
        program: Program,
        *,
        observable: int = 0,
        shots: int | None = None,
        rng: RngLike = None,
    ) -> None:
        """Check that the backend can answer.

        Args:
            backend: the machine that prepared ``program``.
            program: a circuit with observables and at least one parameter.
            observable: index into ``program.observables``.
            shots: shots per measurement basis; None for exact values.
            rng: decides the shots.

        Raises:
            TypeError: ``observable`` or ``shots`` is not an integer.
            ValueError: the program is another backend's, it has no parameters or not the observable, or exact
                values are wanted where there are none.
        """
        if program.backend != backend.name:
            must, but = f"be prepared by {backend.name}", f"it was prepared by {program.backend}"
            raise ValueError(argument("program", must, but))
        if not program.observables:
            raise ValueError(argument("program", "be prepared with observables", "it has none"))
        if program.num_parameters == 0:
            raise ValueError(argument("program", "have at least one parameter", "it has none"))
        self.observable = positive_int(observable, "observable", minimum=0, maximum=len(program.observables) - 1)
        self.shots = shots_or_none(shots)
        if self.shots is None and not backend.capabilities.exact:
            raise ValueError(argument("shots", f"be given on {backend.name}", "it is None"))
        self.backend, self.program = backend, program
        self._seed = as_seed_sequence(rng)
        self._asked_by_hand = count()

    @property
    def has_gradient(self) -> bool:
        """Whether questions may ask for gradients: exact values, and a backend that differentiates."""
        return self.shots is None and self.backend.capabilities.gradient is not None

    @property
    def job_key(self) -> Hashable:
        """Same backend, same program, same shots: the questions fit in one job."""
        return id(self.backend), id(self.program), self.shots

    def evaluate(self, query: Query) -> Evaluation:
        """Energies at the (m, p) points, their errors, and (m, p) gradients where the query wants them.

        Raises:
            ValueError: gradients are wanted where there are none, or the points do not fit the program.
        """
        return self.combine(query, self.run(self.construct(query)))

    def construct(self, query: Query) -> Query:
        """The raw question, which is the question itself once it is known to fit."""
        p = self.program.num_parameters
        if query.points.ndim != 2 or query.points.shape[1] != p:
            raise ValueError(argument("query.points", f"have shape (m, {p})", f"its shape is {query.points.shape}"))
        if query.gradient and not self.has_gradient:
            why = "of shots" if self.shots is not None else f"on {self.backend.name}"
            raise ValueError(argument("query", "not ask for gradients", f"there are none {why}"))
        return query

    def run(self, query: Query) -> Evaluation:
        """(K, o) values with errors, and (K, o, p) derivatives, of all observables of the program."""
        if query.gradient:
            return self._run_with_gradient(query)
        values = self.backend.expect(self.program, query.points, shots=self.shots, rng=self._job_seed(query.step))
        errors = None if self.shots is None else values.values_err
        return Evaluation(values.values, value_err=errors, cost=values.cost)

    def _run_with_gradient(self, query: Query) -> Evaluation:
        """Exact values and derivatives, in one pass where the backend has one."""
        began = time.perf_counter()
        in_one_pass = getattr(self.backend, "value_and_gradient", None)
        if in_one_pass is None:
            value = self.backend.expect(self.program, query.points).values
            gradient = self.backend.gradient(self.program, query.points)
        else:
            value, gradient = in_one_pass(self.program, query.points)
        circuits = 2 * len(query.points)
        return Evaluation(value, gradient, cost=Cost(0, circuits, 2, wall_seconds=time.perf_counter() - began))

    def combine(self, query: Query, raw: Evaluation) -> Evaluation:
        """The column of this objective's observable."""
        column = (slice(None), self.observable)
        return Evaluation(
            raw.value[column],
            None if raw.gradient is None else raw.gradient[column],
            None if raw.value_err is None else raw.value_err[column],
            cost=raw.cost,
        )

    def _job_seed(self, step: int | None) -> np.random.SeedSequence:
        if step is None:
            return child(self._seed, _BY_HAND, next(self._asked_by_hand))
        return child(self._seed, _BY_STEP, step)
