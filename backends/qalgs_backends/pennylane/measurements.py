"""What a QNode measures, as runs of a backend: expectation values of Pauli sums, or outcomes.

Axes: K points, o observables, p angles, m measured wires, N shots.

Exact answers come from expectation values alone, so that they mean the same on every backend, and so do their
derivatives: a variance is <O^2> - <O>^2, and the probabilities of m wires are the Walsh transform of their 2^m
Z strings. With shots, expectation values and variances share one run over all bases (N shots each, a variance again
from <O^2> and <O>), while probabilities, counts and samples are read from outcomes, once for each measured basis.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pennylane.measurements import CountsMP, ExpectationMP, ProbabilityMP, SampleMP, VarianceMP
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.errors import CapabilityError
from qalgs_backends.pennylane.convert import operator_from_pennylane

# 2^m Z strings are expected for the exact probabilities of m wires.
WIDEST_PROBABILITIES = 10

_MOMENTS = (ExpectationMP, VarianceMP)
_OUTCOMES = (ProbabilityMP, CountsMP, SampleMP)

Law = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Moment:
    """A measurement that is a function of expectation values."""

    observables: tuple[SparsePauliOp, ...]
    value: Law
    """(K, o) expectation values to (K, ...) answers."""
    slope: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    """(K, o) values and their (K, o, p) derivatives to (K, ..., p) derivatives of the answers."""
    curved: bool = False
    """Whether ``slope`` looks at the values."""


@dataclass(frozen=True, eq=False)
class Part:
    """One run behind some measurements of a tape: the circuit, then ``rotations``."""

    rotations: tuple[Any, ...]
    """Gates that turn the eigenbasis of what is measured into the computational basis."""
    members: tuple[int, ...]
    """Places of its measurements in the tape."""
    moments: tuple[Moment, ...] | None
    """How each of them follows from expectation values; None when they are read from outcomes."""

    @property
    def observables(self) -> tuple[SparsePauliOp, ...] | None:
        """All observables in a row; None for a part that is sampled."""
        return None if self.moments is None else tuple(op for m in self.moments for op in m.observables)

    def split(self, table: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """The columns (axis 1) of each member."""
        widths = [len(m.observables) for m in self.moments or ()]
        return np.split(table, np.cumsum(widths)[:-1], axis=1)


def is_moment(measurement: Any) -> bool:
    """Whether a measurement follows from expectation values with and without shots."""
    return isinstance(measurement, _MOMENTS)


def check_measurement(measurement: Any, shots: bool) -> None:
    """Refuse what no backend answers.

    Raises:
        CapabilityError: the measurement is of a kind that is not supported, or needs shots, or is too wide.
    """
    name = type(measurement).__name__.removesuffix("MP").lower()
    if not isinstance(measurement, (*_MOMENTS, *_OUTCOMES)):
        raise CapabilityError(f"QNodes here return expval, var, probs, counts or sample, but one returns {name}.")
    if not shots and isinstance(measurement, (CountsMP, SampleMP)):
        raise CapabilityError(f"Counts and samples need shots, but a QNode without shots returns {measurement!r}.")
    wide = len(measurement.wires)
    if not shots and isinstance(measurement, ProbabilityMP) and wide > WIDEST_PROBABILITIES:
        raise CapabilityError(
            f"Exact probabilities are given for at most {WIDEST_PROBABILITIES} wires, but a QNode asks for {wide}."
        )


def parts(measurements: Sequence[Any], labels: tuple[Hashable, ...], shots: bool) -> tuple[Part, ...]:
    """The runs behind the measurements of a tape on the wires ``labels``."""
    direct = [i for i, m in enumerate(measurements) if is_moment(m) or not (shots or m.obs)]
    out: list[Part] = []
    if direct:
        out.append(Part((), tuple(direct), tuple(_moment(measurements[i], labels) for i in direct)))
    rest = [i for i in range(len(measurements)) if i not in direct]
    if shots:
        out += [Part(rotations, members, None) for rotations, members in _bases(measurements, rest)]
    else:
        out += [Part(_rotations(measurements[i]), (i,), (_probabilities(measurements[i], labels),)) for i in rest]
    return tuple(out)


def read_outcomes(
    measurement: Any, outcomes: dict[int, int], labels: tuple[Hashable, ...], rng: np.random.Generator
) -> Any:
    """PennyLane's own reading of a table of outcomes whose bit q is wire ``labels[q]``."""
    from pennylane.wires import Wires

    n = len(labels)
    words = [format(x, f"0{n}b")[::-1] for x in outcomes]
    wires = Wires(labels)
    if isinstance(measurement, (CountsMP, ProbabilityMP)) and measurement.mv is None:
        return measurement.process_counts(dict(zip(words, outcomes.values(), strict=True)), wires)
    bits = np.frombuffer("".join(words).encode(), np.uint8).reshape(len(words), n) - ord("0")
    rows = rng.permutation(np.repeat(np.arange(len(words)), list(outcomes.values())))
    return measurement.process_samples(bits[rows].astype(np.int64), wires)


def _moment(measurement: Any, labels: tuple[Hashable, ...]) -> Moment:
    if isinstance(measurement, ProbabilityMP):
        return _probabilities(measurement, labels)
    operator = _operator(measurement, labels)
    if isinstance(measurement, ExpectationMP):
        return Moment((operator,), lambda v: v[:, 0], lambda v, d: d[:, 0])
    return Moment(
        (operator, (operator @ operator).simplify(atol=0.0)),
        lambda v: v[:, 1] - v[:, 0] ** 2,
        lambda v, d: d[:, 1] - 2 * v[:, :1] * d[:, 0],
        curved=True,
    )


def _operator(measurement: Any, labels: tuple[Hashable, ...]) -> SparsePauliOp:
    if measurement.obs is not None:
        return operator_from_pennylane(measurement.obs, wires=labels)
    return _diagonal(np.asarray(measurement.eigvals(), float), tuple(measurement.wires), labels)


def _diagonal(eigenvalues: NDArray[np.float64], wires: tuple[Any, ...], labels: tuple[Any, ...]) -> SparsePauliOp:
    """The operator with these 2^m eigenvalues in the computational basis, the first wire most significant."""
    coefficients = _walsh(len(wires)) @ eigenvalues / len(eigenvalues)
    return SparsePauliOp([label for op in _z_strings(wires, labels) for label in op.paulis.to_labels()], coefficients)


def _probabilities(measurement: Any, labels: tuple[Any, ...]) -> Moment:
    wires = tuple(measurement.wires)
    transform = _walsh(len(wires)) / 2 ** len(wires)
    return Moment(
        _z_strings(wires, labels), lambda v: v @ transform, lambda v, d: np.einsum("kop,ox->kxp", d, transform)
    )


def _z_strings(wires: tuple[Any, ...], labels: tuple[Any, ...]) -> tuple[SparsePauliOp, ...]:
    """The 2^m products of Z on some of ``wires``, in the order of ``_walsh``."""
    qubits = [labels.index(w) for w in wires]
    chosen = ([q for q, bit in zip(qubits, bits, strict=True) if bit] for bits in product((0, 1), repeat=len(wires)))
    return tuple(SparsePauliOp.from_sparse_list([("Z" * len(s), s, 1.0)], num_qubits=len(labels)) for s in chosen)


@lru_cache
def _walsh(m: int) -> NDArray[np.float64]:
    """(2^m, 2^m) signs (-1)^{|x & s|}."""
    table: Any = np.ones((1, 1))
    for _ in range(m):
        table = np.kron(table, np.array([[1.0, 1.0], [1.0, -1.0]]))
    return table


def _rotations(measurement: Any) -> tuple[Any, ...]:
    return () if measurement.obs is None else tuple(measurement.obs.diagonalizing_gates())


def _bases(measurements: Sequence[Any], places: Sequence[int]) -> list[tuple[tuple[Any, ...], tuple[int, ...]]]:
    """Measurements that one run answers, with its rotations: those that agree on the basis of every shared wire."""
    groups: list[tuple[dict[Any, Any], list[Any], list[int]]] = []
    for i in places:
        wanted = _letters(measurements[i])
        agreeing = (group for group in groups if all(group[0].get(w, letter) == letter for w, letter in wanted.items()))
        group = next(agreeing, None)
        if group is None:
            group = ({}, [], [])
            groups.append(group)
        fixed, rotations, members = group
        rotations += [op for op in _rotations(measurements[i]) if not set(op.wires) & set(fixed)]
        fixed.update(wanted)
        members.append(i)
    return [(tuple(rotations), tuple(members)) for _, rotations, members in groups]


def _letters(measurement: Any) -> dict[Any, Any]:
    """The basis of every wire: a Pauli letter, or for other observables something that only they share."""
    op = measurement.obs
    if op is None:
        return dict.fromkeys(measurement.wires, "Z")
    if op.pauli_rep is not None and len(op.pauli_rep) == 1:
        (word,) = op.pauli_rep
        return {w: word.get(w, "Z") for w in op.wires}
    return dict.fromkeys(op.wires, id(op))
