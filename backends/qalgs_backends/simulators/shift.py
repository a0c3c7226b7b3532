"""Exact derivatives from shifted evaluations, for backends that cannot differentiate.

Axes: K points, p parameters, a free angles, o observables, R frequencies of an angle, T = sum over angles of 2 R.

Every angle of the circuit that depends on a parameter becomes a parameter of its own, and the chain rule leads back.
As a function of one angle with frequencies 1..R, an expectation value obeys

    f'(x) = sum_{k=1}^{2R} (-1)^{k-1} / (4 R sin^2(x_k / 2)) f(x + x_k),   x_k = (2 k - 1) pi / (2 R)

(Wierichs, Izaac, Wang and Lin, arXiv 2107.12390, section 3); R = 1 is the two-term rule. It is exact with noise too, as
long as the noise does not depend on the angle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import ParameterExpression, ParameterVector, QuantumCircuit

from qalgs_backends.base import Parameter
from qalgs_backends.errors import CapabilityError
from qalgs_backends.lowering import affine_angles

_FREQUENCIES: dict[str, tuple[int, ...]] = {
    "rx": (1,),
    "ry": (1,),
    "rz": (1,),
    "p": (1,),
    "u": (1, 1, 1),
    "r": (1, 2),
    "rxx": (1,),
    "ryy": (1,),
    "rzz": (1,),
    "rzx": (1,),
}
"""R of each angle of a gate; the axis of r = rz(phi) rx(theta) rz(-phi) enters twice."""


class Shifts:
    """The shifted evaluations behind the gradient of one circuit."""

    def __init__(self, circuit: QuantumCircuit, parameters: Sequence[Parameter]) -> None:
        """Free the angles of ``circuit``, whose points have their columns in the order of ``parameters``.

        Raises:
            CapabilityError: an angle stands in a gate without a rule, inside control flow, or is not affine in the
                parameters.
        """
        self.circuit, expressions, frequencies = _freed(circuit)
        self.angles = affine_angles(expressions, tuple(parameters))
        self.angles.pull_back(np.zeros((len(expressions), 1)))  # refuses curved angles before anything runs
        self.parameters = tuple(self.circuit.parameters)
        rules = [_rule(R) for R in frequencies]
        self._angle = np.repeat(np.arange(len(rules)), [len(shifts) for shifts, _ in rules])
        self._shift = np.concatenate([shifts for shifts, _ in rules]) if rules else np.zeros(0)
        self._weight = np.concatenate([weights for _, weights in rules]) if rules else np.zeros(0)

    @property
    def num_terms(self) -> int:
        """T, evaluations per point."""
        return len(self._shift)

    def points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(K * T, a) shifted angles of the (K, p) points, the term running fastest."""
        rows = np.repeat(self.angles(points).T, self.num_terms, axis=0)
        terms = np.arange(len(rows)) % self.num_terms
        rows[np.arange(len(rows)), self._angle[terms]] += self._shift[terms]
        return rows

    def combine(self, values: NDArray[np.float64], num_points: int) -> NDArray[np.float64]:
        """(K, o, p) derivatives from the (K * T, o) values at ``points``."""
        observables = values.shape[1]
        terms = values.reshape(num_points, self.num_terms, observables) * self._weight[:, None]
        by_angle = np.zeros((len(self.angles.offset), num_points * observables))
        np.add.at(by_angle, self._angle, terms.transpose(1, 0, 2).reshape(self.num_terms, -1))
        return self.angles.pull_back(by_angle).reshape(num_points, observables, -1)


def shift_gradient(
    evaluate: Callable[[NDArray[np.float64]], NDArray[np.float64]], shifts: Shifts, points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(K, o, p) derivatives at the (K, p) points; ``evaluate`` gives (N, o) values at (N, a) angles."""
    if shifts.num_terms == 0:
        observables = evaluate(np.zeros((1, 0))).shape[1]
        return np.zeros((len(points), observables, points.shape[1]))
    return shifts.combine(evaluate(shifts.points(points)), len(points))


def _freed(circuit: QuantumCircuit) -> tuple[QuantumCircuit, list[Any], list[int]]:
    """The circuit with a parameter for every free angle, what stood there, and the angles' numbers of frequencies."""
    free = sum(_is_free(value) for item in circuit.data for value in item.operation.params)
    fresh = ParameterVector("angle", free)
    out = circuit.copy_empty_like()
    expressions: list[Any] = []
    frequencies: list[int] = []
    for item in circuit.data:
        operation = item.operation
        if any(_is_free(value) for value in operation.params):
            operation = operation.to_mutable()
            for i, value in enumerate(operation.params):
                if _is_free(value):
                    frequencies.append(_frequency(operation.name, i))
                    operation.params[i] = fresh[len(expressions)]
                    expressions.append(value)
        out.append(operation, item.qubits, item.clbits)
    return out, expressions, frequencies


def _frequency(name: str, position: int) -> int:
    if name not in _FREQUENCIES:
        known = ", ".join(_FREQUENCIES)
        raise CapabilityError(f"Gradients by shifts need angles in the gates {known}, but one stands in {name}.")
    return _FREQUENCIES[name][position]


def _is_free(value: Any) -> bool:
    return isinstance(value, ParameterExpression) and bool(value.parameters)


def _rule(R: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 2 R shifts and their weights."""
    k = np.arange(1, 2 * R + 1)
    shifts = (2 * k - 1) * np.pi / (2 * R)
    return shifts, (-1.0) ** (k - 1) / (4 * R * np.sin(shifts / 2) ** 2)
