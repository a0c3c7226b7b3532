"""Linear systems: phase factors and whole solutions against PennyLane and pyqsp, in the same run.

PennyLane's phases belong to polynomials whose analytic signal stays below 1, which is a smaller scale than ours: that
costs success probability. Its transformation is used once with its own block-encoding, which divides A by a norm of
A A^dagger without a word, and once with the same encoding as ours. Real parts take 2 d uses there, d here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from typing import Any

import numpy as np
import pennylane as _untyped_qml
from numpy.typing import NDArray

import qalgs as qa
from experiments.bench.table import Row, medians
from qalgs.linear import BlockEncoding, LinearSystem, dense_encoding, inverse_polynomial, phase_factors
from qalgs.linear.phases import response
from qalgs.linear.polynomials import evaluate, largest_value
from qalgs.linear.solver import relative_error, state_distance

qml: Any = _untyped_qml
_POINTS = np.cos(np.pi * (np.arange(64) + 0.5) / 128)
_SCALE = 0.9
_KAPPA, _EPS = 4.0, 1e-2

Vector = NDArray[Any]


def run() -> list[Row]:
    """Angles, then end to end."""
    return angles() + end_to_end()


def angles() -> list[Row]:
    """Time and largest error of the response, for inverse polynomials scaled to 0.9."""
    rows = []
    for kappa, error, repeats in ((5, 1e-2, 5), (10, 1e-2, 5), (10, 1e-8, 3), (20, 1e-8, 1), (100, 1e-8, 3)):
        c = inverse_polynomial(kappa, error, "absolute")
        c = c * _SCALE / largest_value(c)
        degree = len(c) - 1
        finders: dict[str, Callable[[], Vector]] = {"ours": lambda c=c: phase_factors(c)}
        if find_spec("pyqsp") and degree < 500:
            finders["pyqsp sym_qsp"] = lambda c=c: _pyqsp(c)
        if degree < 40:
            finders["PennyLane root-finding"] = lambda c=c: qml.poly_to_angles(_monomials(c, analytic_scale(c)), "QSP")
        seconds = medians(list(finders.values()), repeats)
        for (name, find), taken in zip(finders.items(), seconds, strict=True):
            row = {"what": f"phases, {name}", "kappa": kappa, "error": error, "degree": degree, "ms": 1e3 * taken}
            if name.startswith("PennyLane"):
                off = _pennylane_response_error(find(), c * analytic_scale(c))
            else:
                off = np.abs(response(find(), _POINTS).imag - evaluate(c, _POINTS)).max()
            rows.append(row | {"off": float(off)})
    return rows


def end_to_end() -> list[Row]:
    """The same 8 x 8 system on PennyLane's simulator and on Aer."""
    A, b = problem()
    x = np.linalg.solve(A, b)
    backend = qa.backends.get("aer")
    own = qa.linear_solve(A, b, eps=_EPS, backend=backend)
    encoding = dense_encoding(LinearSystem.of(A, b).matrix)
    theirs = {
        "PennyLane qsvt, its own encoding": lambda: pennylane_solution(A, b, None),
        "PennyLane qsvt, our encoding": lambda: pennylane_solution(A, b, encoding),
    }
    calls = [lambda: qa.linear_solve(A, b, eps=_EPS, backend=backend), *theirs.values()]
    seconds = medians(calls, 5)
    found = [(own.state, own.success_probability, own.queries.per_run), *(call() for call in theirs.values())]
    return [
        {
            "what": what,
            "kappa": _KAPPA,
            "error": _EPS,
            "ms": 1e3 * taken,
            "off": state_distance(np.asarray(state), x),
            "queries": uses,
            "success": success,
        }
        for what, taken, (state, success, uses) in zip(["ours, QSVT on Aer", *theirs], seconds, found, strict=True)
    ]


def problem() -> tuple[Vector, Vector]:
    """Eight unknowns at kappa 4."""
    return qa.problems.random_spd_system(8, _KAPPA, rng=0)


def pennylane_solution(A: Vector, b: Vector, encoding: BlockEncoding | None) -> tuple[Vector, float, int]:
    """State, success probability and uses of the encoding with PennyLane's phases; its own encoding when None."""
    c = inverse_polynomial(_KAPPA, relative_error(_EPS), "relative")
    phases = qml.poly_to_angles(_monomials(c, analytic_scale(c)), "QSVT")
    system = list(range(2, 2 + (len(b) - 1).bit_length()))
    oracle: Any = qml.BlockEncode(A, wires=[1, *system]) if encoding is None else None
    if encoding is not None:
        oracle = qml.QubitUnitary(encoding.matrix, wires=[1, *system])

    def transformation(signed: Vector) -> Any:
        projectors = [qml.PCPhase(phi, dim=len(b), wires=[1, *system]) for phi in signed]
        return qml.QSVT(oracle, projectors)

    @qml.qnode(qml.device("default.qubit", wires=2 + len(system)))
    def circuit() -> Any:
        qml.StatePrep(b / np.linalg.norm(b), wires=system)
        qml.Hadamard(0)
        qml.ctrl(transformation(phases), control=0, control_values=0)
        qml.ctrl(transformation(-phases), control=0)
        qml.Hadamard(0)
        return qml.state()

    state = np.asarray(circuit())[: len(b)]  # the sign and the encoding's wire show 0
    return state / np.linalg.norm(state), float(np.vdot(state, state).real), 2 * (len(phases) - 1)


def analytic_scale(c: Vector) -> float:
    """The factor that brings max |sum_k c_k z^k| over the unit circle to 0.98."""
    return 0.98 / float(np.abs(np.fft.fft(c, 64 * len(c))).max())


def _monomials(c: Vector, factor: float) -> Vector:
    return np.polynomial.chebyshev.cheb2poly(c * factor)


def _pyqsp(c: Vector) -> Vector:
    with redirect_stdout(StringIO()):  # it prints each step
        reduced = import_module("pyqsp.sym_qsp_opt").newton_solver(c[1::2], 1, crit=1e-12)[0]
    return np.concatenate([np.flip(reduced), reduced])


def _pennylane_response_error(phases: Vector, c: Vector) -> float:
    """PennyLane's phases put the polynomial in the real part."""
    return float(np.abs(response(phases, _POINTS).real - evaluate(c, _POINTS)).max())
