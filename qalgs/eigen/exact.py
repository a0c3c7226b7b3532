"""Answers without errors: states of all questions of a round at once, and one adjoint pass for their gradients.

Axes: m points of a question, q parents, K points of one circuit, d = 2**n amplitudes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs.backends import Backend
from qalgs.checks import argument
from qalgs.eigen.deflation import Complex, Cross, Real
from qalgs.eigen.estimator import Answer, Question
from qalgs.evaluation import Cost
from qalgs_backends.pauli_sum import PauliSum

Place = tuple[int, bytes]
"""A circuit and a point of it."""


class _Seen(NamedTuple):
    """(m, d) states at the points of a question, and their images under H."""

    states: Complex
    images: Complex


class ExactEstimator:
    """Answers questions with the exact states of a backend."""

    exact = True
    measures = "cross"

    def __init__(self, circuits: Sequence[QuantumCircuit], hamiltonian: SparsePauliOp, backend: Backend) -> None:
        """Compile the circuits; one that several players share is compiled once.

        Args:
            circuits: one per player, on n qubits.
            hamiltonian: Hermitian, on n qubits.
            backend: with ``state`` and ``vjp``, such as "statevector".

        Raises:
            ValueError: the backend gives no states, or a circuit is none that it can run.
        """
        if not (hasattr(backend, "state") and hasattr(backend, "vjp")):
            must = "give exact states where no shots are asked for; only `statevector` does"
            raise ValueError(argument("backend", must, f"it is {backend.name}"))
        self._backend: Any = backend
        self._hamiltonian = PauliSum(hamiltonian)
        programs = {id(circuit): backend.prepare(circuit, hamiltonian) for circuit in circuits}
        order = list(programs)
        self._programs = [programs[key] for key in order]
        self._program_of = [order.index(id(circuit)) for circuit in circuits]
        self._known: dict[Place, tuple[Complex, Complex]] = {}

    def evaluate(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers; states of parents are kept for as long as someone asks for them."""
        began = time.perf_counter()
        parents = [pair for q in questions for pair in zip(q.parents.players, q.parents.params, strict=True)]
        self._learn(parents)
        wanted = {self._place(*pair) for pair in parents}
        self._known = {place: known for place, known in self._known.items() if place in wanted}
        seen = self._look(questions)
        answers, costates = [], []
        for question, (states, images) in zip(questions, seen, strict=True):
            answer, costate = self._answer(question, states, images)
            answers.append(answer)
            costates.append(costate)
            for point, state, image in zip(question.points, states, images, strict=True):
                self._known[self._place(question.player, point)] = state, image
        gradients = self._gradients(questions, costates)
        share = (time.perf_counter() - began) / max(1, len(questions))
        return [
            _complete(question, answer, gradient, share)
            for question, answer, gradient in zip(questions, answers, gradients, strict=True)
        ]

    def variance(self, player: int, point: Real) -> float:
        """<H^2> - <H>^2."""
        state, image = self._pair_of(player, point)
        return float(np.linalg.norm(image - np.vdot(state, image).real * state) ** 2)

    def pair(self, left: tuple[int, Real], right: tuple[int, Real], *, key: tuple[int, ...] = ()) -> tuple[Cross, Cost]:
        """<left|H|right> and <left|right>."""
        del key
        (a, _), (b, image) = self._pair_of(*left), self._pair_of(*right)
        h, s = np.array([np.vdot(a, image)], complex), np.array([np.vdot(a, b)], complex)
        return Cross.exact(h, s), Cost()

    def _place(self, player: int, point: Real) -> Place:
        return self._program_of[player], np.ascontiguousarray(point).tobytes()

    def _pair_of(self, player: int, point: Real) -> tuple[Complex, Complex]:
        self._learn([(player, point)])
        return self._known[self._place(player, point)]

    def _learn(self, wanted: Iterable[tuple[int, Real]]) -> None:
        """Know the states at these points, and their images."""
        missing: dict[Place, Real] = {}
        for player, point in wanted:
            place = self._place(player, point)
            if place not in self._known:
                missing[place] = np.asarray(point, float)
        for program in {place[0] for place in missing}:
            places = [place for place in missing if place[0] == program]
            states, images = self._states(program, np.array([missing[place] for place in places]))
            self._known |= dict(zip(places, zip(states, images, strict=True), strict=True))

    def _states(self, program: int, points: Real) -> _Seen:
        states = self._backend.state(self._programs[program], points)
        return _Seen(states, self._hamiltonian.apply(states))

    def _look(self, questions: Sequence[Question]) -> list[_Seen]:
        """States of all questions, in one call per circuit."""
        found: list[_Seen | None] = [None] * len(questions)
        for program, members in self._by_program(questions).items():
            joined = self._states(program, np.concatenate([questions[i].points for i in members]))
            ends = np.cumsum([len(questions[i].points) for i in members])[:-1]
            parts = zip(np.split(joined.states, ends), np.split(joined.images, ends), strict=True)
            for i, part in zip(members, parts, strict=True):
                found[i] = _Seen(*part)
        return [seen for seen in found if seen is not None]

    def _by_program(self, questions: Sequence[Question]) -> dict[int, list[int]]:
        groups: dict[int, list[int]] = {}
        for i, question in enumerate(questions):
            groups.setdefault(self._program_of[question.player], []).append(i)
        return groups

    def _answer(self, question: Question, states: Complex, images: Complex) -> tuple[Answer, Complex]:
        """The answer without its gradient, and the (m, d) co-states that lead to it."""
        m, parents = len(states), question.parents
        energy = np.einsum("md,md->m", states.conj(), images).real
        zero, loss, costate = np.zeros(m), energy.copy(), images
        crosses = [Cross.exact(np.zeros(0, complex), np.zeros(0, complex))] * m
        if len(parents):
            known = [self._known[self._place(p, x)] for p, x in zip(parents.players, parents.params, strict=True)]
            own, image = np.array([k[0] for k in known]), np.array([k[1] for k in known])
            h, s = states @ image.conj().T, states @ own.conj().T
            crosses = [Cross.exact(a, b) for a, b in zip(h, s, strict=True)]
            penalties = [question.deflation.penalty(cross, parents, question.shift) for cross in crosses]
            loss += [penalty.value for penalty in penalties]
            pulls = np.array([p.on_state for p in penalties]), np.array([p.on_image for p in penalties])
            costate = images + pulls[0] @ own + pulls[1] @ image
        counted = {"energies": m, "cross": m * len(parents), "gradients": m if question.gradient else 0, "circuits": 0}
        answer = Answer(loss, zero, energy, zero, tuple(crosses), None, None, Cost(circuits=m), counted)
        return answer, costate

    def _gradients(self, questions: Sequence[Question], costates: Sequence[Complex]) -> list[Real | None]:
        found: list[Real | None] = [None] * len(questions)
        for program, members in self._by_program(questions).items():
            asked = [i for i in members if questions[i].gradient]
            if not asked:
                continue
            points = np.concatenate([questions[i].points for i in asked])
            joined = self._backend.vjp(self._programs[program], points, np.concatenate([costates[i] for i in asked]))
            ends = np.cumsum([len(questions[i].points) for i in asked])[:-1]
            for i, part in zip(asked, np.split(joined, ends), strict=True):
                found[i] = part
        return found


def _complete(question: Question, answer: Answer, gradient: NDArray[np.float64] | None, seconds: float) -> Answer:
    m = len(question.points)
    cost = Cost(circuits=m * (2 if question.gradient else 1), jobs=1, wall_seconds=seconds)
    return Answer(
        answer.loss,
        answer.loss_err,
        answer.energy,
        answer.energy_err,
        answer.cross,
        gradient,
        None,
        cost,
        answer.counted,
    )
