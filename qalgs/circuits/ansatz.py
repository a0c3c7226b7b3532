"""Parametrised circuits that know nothing of the problem. Parameters are theta[0], theta[1], ... in reading order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from numbers import Integral
from typing import Literal

import numpy as np
from qiskit.circuit import ParameterVector, QuantumCircuit

from qalgs.checks import RngLike, argument, as_seed_sequence, one_of, positive_int, real

Pair = tuple[int, int]
Entanglement = Literal["linear", "reverse_linear", "ring", "full"] | Sequence[Pair]

_ROTATIONS = ("rx", "ry", "rz")
_ENTANGLEMENTS = ("linear", "reverse_linear", "ring", "full")


def hardware_efficient(
    num_qubits: int,
    *,
    reps: int = 3,
    rotations: Sequence[str] = ("ry",),
    entanglement: Entanglement = "linear",
    entangler: Literal["cx", "cz"] = "cx",
) -> QuantumCircuit:
    """Layers of rotations on every qubit, with a layer of entanglers between each two.

    It starts in |0...0>, and with RY and CX or CZ alone its states are real. With rotations ("ry", "rz") and
    "reverse_linear" it is Qiskit's ``efficient_su2``, parameter by parameter.

    Args:
        num_qubits: n.
        reps: layers of entanglers; there is one layer of rotations more.
        rotations: names of the rotations of a layer, "rx", "ry" or "rz"; each goes over all qubits in turn.
        entanglement: which pairs a layer entangles, in this order: "linear" (0, 1), (1, 2), ...;
            "reverse_linear" the same from the other end; "ring" linear after (n-1, 0); "full" all pairs; or pairs
            (control, target).
        entangler: the gate on each pair.

    Returns:
        A circuit with n * len(rotations) * (reps + 1) parameters.

    Raises:
        TypeError: a number is not an integer.
        ValueError: an argument is out of range, or a pair is not two of the qubits.

    Example:
        >>> hardware_efficient(4, reps=2, rotations=("ry", "rz")).num_parameters
        24
    """
    n = positive_int(num_qubits, "num_qubits")
    reps = positive_int(reps, "reps", minimum=0)
    names = tuple(rotations)
    if not names or isinstance(rotations, str):
        raise ValueError(argument("rotations", "be a sequence of one or more names", f"it is {rotations!r}"))
    for name in names:
        one_of(name, "rotations", _ROTATIONS)
    one_of(entangler, "entangler", ("cx", "cz"))
    pairs = _pairs(entanglement, n)
    circuit = QuantumCircuit(n, name=f"hardware_efficient_{n}")
    angles = iter(ParameterVector("theta", n * len(names) * (reps + 1)))
    for layer in range(reps + 1):
        if layer:
            for pair in pairs:
                getattr(circuit, entangler)(*pair)
        for name in names:
            for qubit in range(n):
                getattr(circuit, name)(next(angles), qubit)
    return circuit


def random_layers(
    num_qubits: int, *, layers: int = 3, rotations: int = 3, ratio: float = 0.3, rng: RngLike = 42
) -> QuantumCircuit:
    """Rotations about random axes on random qubits, with CX between random pairs, after H on every qubit.

    The structure is that of PennyLane's ``RandomLayers`` with the same integer seed, wire w on qubit w; the
    Quantum EigenGame (arXiv 2503.13644, figure 5) runs on two qubits of it.

    Args:
        num_qubits: n.
        layers: number of layers.
        rotations: rotations in a layer.
        ratio: probability that the next gate is a CX, in [0, 1).
        rng: decides the structure.

    Returns:
        A circuit with layers * rotations parameters.

    Raises:
        TypeError: a number is of the wrong type.
        ValueError: an argument is out of range.

    Example:
        >>> [gate.operation.name for gate in random_layers(2, layers=1)]
        ['h', 'h', 'ry', 'rx', 'cx', 'rz']
    """
    n = positive_int(num_qubits, "num_qubits")
    total = positive_int(layers, "layers") * positive_int(rotations, "rotations")
    ratio = real(ratio, "ratio", low=0.0, high=1.0)
    if ratio == 1.0:
        raise ValueError(argument("ratio", "be below 1, or no rotation would ever come", "it is 1"))
    # PennyLane's structures are drawn from this generator, which is not the house's.
    draw = np.random.default_rng(as_seed_sequence(rng))
    circuit = QuantumCircuit(n, name=f"random_layers_{n}")
    circuit.h(range(n))
    for angle in ParameterVector("theta", total):
        while draw.random() <= ratio:
            if n > 1:
                circuit.cx(*draw.choice(n, size=2, replace=False).tolist())
        name = _ROTATIONS[draw.choice(3)]
        getattr(circuit, name)(angle, int(draw.choice(n, size=1, replace=False)[0]))
    return circuit


def reference(bits: Sequence[int]) -> QuantumCircuit:
    """The basis state with ``bits[q]`` on qubit q.

    Raises:
        ValueError: an entry is neither 0 nor 1, or there is none.

    Example:
        >>> dict(reference((1, 0, 1)).count_ops())
        {'x': 2}
    """
    values = _bits(bits)
    circuit = QuantumCircuit(len(values), name="reference")
    for qubit, bit in enumerate(values):
        if bit:
            circuit.x(qubit)
    return circuit


def _bits(bits: Iterable[int]) -> tuple[int, ...]:
    values = tuple(bits)
    if not values or any(not isinstance(b, Integral) or b not in (0, 1) for b in values):
        raise ValueError(argument("bits", "be one or more of 0 and 1", f"it is {bits!r}"))
    return tuple(int(b) for b in values)


def _pairs(entanglement: Entanglement, n: int) -> tuple[Pair, ...]:
    chain = tuple((q, q + 1) for q in range(n - 1))
    if not isinstance(entanglement, str):
        pairs = tuple((pair[0], pair[1]) if len(pair) == 2 else pair for pair in entanglement)
        for pair in pairs:
            good = len(pair) == 2 and all(isinstance(q, Integral) and 0 <= q < n for q in pair)
            if not good or pair[0] == pair[1]:
                raise ValueError(
                    argument("entanglement", f"hold pairs of different qubits below {n}", f"one is {pair}")
                )
        return pairs
    one_of(entanglement, "entanglement", _ENTANGLEMENTS)
    if entanglement == "full":
        return tuple(combinations(range(n), 2))
    if entanglement == "reverse_linear":
        return chain[::-1]
    if entanglement == "ring" and n > 2:
        return ((n - 1, 0), *chain)
    return chain
