"""What a QNode costs on our device, against PennyLane's own simulators.

The circuit has three layers of ry and cx on a line, and the observable 20 random two-body Paulis. Everything a user
waits for is timed: PennyLane's own share of a call is the same on all devices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
from pennylane import numpy as pnp

from experiments.bench.table import Row, medians, ratio_row
from qalgs.backends import get
from qalgs_backends.pennylane.convert import as_pennylane

LAYERS = 3


def problem(n: int) -> tuple[Any, Any]:
    """A quantum function and its (3, n) trainable angles."""
    rng = np.random.default_rng(n)
    letters = {"X": qml.X, "Y": qml.Y, "Z": qml.Z}
    words = []
    for _ in range(20):
        (left, right), (a, b) = rng.choice(n, 2, replace=False), rng.choice(list(letters), 2)
        words.append(letters[a](int(left)) @ letters[b](int(right)))
    observable = qml.Hamiltonian(rng.normal(size=20).tolist(), words)

    def function(angles: Any) -> Any:
        for layer in range(LAYERS):
            for q in range(n):
                qml.RY(angles[layer, q], q)
            for q in range(n - 1):
                qml.CNOT([q, q + 1])
        return qml.expval(observable)

    return function, pnp.array(rng.uniform(-2, 2, (LAYERS, n)), requires_grad=True)


def nodes(n: int) -> tuple[dict[str, Any], Any]:
    """The same QNode on every device."""
    function, angles = problem(n)
    aer = as_pennylane(get("aer", max_parallel_threads=1), n)
    lightning, default = (qml.device(name, wires=n) for name in ("lightning.qubit", "default.qubit"))
    return {
        "aer": qml.QNode(function, aer),
        "aer, parameter-shift": qml.QNode(function, aer, diff_method="parameter-shift"),
        "statevector": qml.QNode(function, as_pennylane("statevector", n)),
        "lightning.qubit": qml.QNode(function, lightning, diff_method="adjoint"),
        "default.qubit": qml.QNode(function, default),
    }, angles


def compare(n: int, repeats: int) -> list[Row]:
    """Value and gradient of ours against each of PennyLane's devices."""
    found, angles = nodes(n)
    rows: list[Row] = []
    for what, calls in (("value", found), ("gradient", {name: qml.grad(node) for name, node in found.items()})):
        times = medians([lambda call=call: call(angles) for call in calls.values()], repeats)
        took = dict(zip(calls, times, strict=True))
        answers = {name: np.asarray(call(angles)) for name, call in calls.items()}
        for ours in list(calls)[:3]:
            for theirs in list(calls)[3:]:
                off = float(np.abs(answers[ours] - answers[theirs]).max())
                rows.append(ratio_row(f"QNode {what}: {ours} / {theirs}", n, took[ours], took[theirs], off))
    return rows


def run() -> list[Row]:
    """All rows."""
    return [row for n in (4, 8) for row in compare(n, 31)]
