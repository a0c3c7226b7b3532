"""Checks that every backend makes before anything runs. Misuse ends here, with the argument named."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal
from uuid import uuid4

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import AnnotatedOperation, Gate, Operation, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import RemoveResetInZeroState

from qalgs_backends.base import Observables, Parameter, Program
from qalgs_backends.checks import argument, one_of

_NO_EFFECT = frozenset({"barrier", "delay", "id"})


class Identified:
    """Base of backends: what tells one object's programs from another's, which may be configured differently."""

    name: str

    @cached_property
    def identity(self) -> str:
        """Unique to this object and its copies."""
        return uuid4().hex


def check_given(
    circuit: Any, observables: Any
) -> tuple[QuantumCircuit, tuple[SparsePauliOp, ...], tuple[Parameter, ...]]:
    """What ``prepare`` is given, checked: the circuit to compile, its observables, and the columns of ``params``.

    A circuit that is to be sampled and has no classical bits comes back with a measurement of every qubit, in order.

    Raises:
        TypeError: one is of the wrong kind.
        ValueError: one is unfit, or they do not fit one another.
    """
    ready = check_circuit(circuit, observed=observables is not None)
    terms = check_observables(observables, ready.num_qubits)
    if not terms and ready.num_clbits == 0:
        ready = ready.copy()
        ready.measure_all()
    return ready, terms, tuple(circuit.parameters)


def check_run(
    program: Any, backend: Identified, params: ArrayLike | None, kind: Literal["expect", "sample"]
) -> NDArray[np.float64]:
    """``params`` of a run as a (K, p) array; the program is this backend's, and made for this kind of run.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: the program is another backend's or for another kind of run, or ``params`` do not fit it.
    """
    one_of(kind, "kind", ("expect", "sample"))
    if bool(check_program(program, backend).observables) != (kind == "expect"):
        must, but = "with", "it has none; it can only be sampled"
        if kind == "sample":
            must, but = "without", "it has some; it can only be expected"
        raise ValueError(argument("program", f"be prepared {must} observables", but))
    return check_params(program, params)


def check_circuit(circuit: Any, *, observed: bool) -> QuantumCircuit:
    """``circuit`` with ``initialize`` written as gates; ``observed`` says that expectation values are wanted.

    Raises:
        TypeError: it is not a QuantumCircuit.
        ValueError: it has no qubits; it is observed but not unitary; it has classical bits but no
            measurement.
    """
    if not isinstance(circuit, QuantumCircuit):
        raise TypeError(argument("circuit", "be a QuantumCircuit", f"it is a {type(circuit).__name__}"))
    if circuit.num_qubits == 0:
        raise ValueError(argument("circuit", "have at least one qubit", "it has none"))
    circuit = _without_initialize(circuit)
    names = circuit.count_ops()
    if observed:
        bad = sorted({name for name in names if name not in _NO_EFFECT and not _is_unitary(circuit, name)})
        if bad:
            but = f"it contains {', '.join(bad)}"
            raise ValueError(argument("circuit", "be unitary when observables are given", but))
    elif circuit.num_clbits and "measure" not in names and not _has_blocks(circuit):
        must = "measure into its classical bits, or have none to measure every qubit"
        raise ValueError(argument("circuit", must, f"it has {circuit.num_clbits} classical bits and no measurement"))
    return circuit


def check_observables(observables: Any, num_qubits: int) -> tuple[SparsePauliOp, ...]:
    """``observables`` as a tuple; empty for None.

    Raises:
        TypeError: one is not a SparsePauliOp.
        ValueError: one has another width, a coefficient that is not real or not finite, or there are none.
    """
    if observables is None:
        return ()
    given: Observables = (observables,) if isinstance(observables, SparsePauliOp) else observables
    if not isinstance(given, Sequence):
        must = "be a SparsePauliOp or a sequence of them"
        raise TypeError(argument("observables", must, f"it is a {type(given).__name__}"))
    if not given:
        raise ValueError(argument("observables", "hold at least one operator, or be None", "it is empty"))
    return tuple(_check_observable(op, f"observables[{k}]", num_qubits) for k, op in enumerate(given))


def check_qubits(qubits: Any, num_qubits: int, device_qubits: int) -> tuple[int, ...] | None:
    """``qubits`` as distinct physical qubits, one per qubit of the circuit; None stays None.

    Raises:
        TypeError: one is not an integer.
        ValueError: their number is wrong, one repeats, or one is not on the device.
    """
    if qubits is None:
        return None
    chosen = tuple(qubits)
    if not all(isinstance(q, (int, np.integer)) and not isinstance(q, bool) for q in chosen):
        raise TypeError(argument("qubits", "hold integers", f"it is {chosen}"))
    if len(chosen) != num_qubits:
        must = f"name one physical qubit for each of the circuit's {num_qubits}"
        raise ValueError(argument("qubits", must, f"it is {chosen}"))
    if len(set(chosen)) != len(chosen) or not all(0 <= q < device_qubits for q in chosen):
        must = f"be distinct and within 0 to {device_qubits - 1}"
        raise ValueError(argument("qubits", must, f"it is {chosen}"))
    return tuple(int(q) for q in chosen)


def check_program(program: Any, backend: Identified) -> Program:
    """``program`` itself.

    Raises:
        TypeError: it is not a Program.
        ValueError: another backend prepared it.
    """
    if not isinstance(program, Program):
        must = f"be a Program made by {backend.name}'s prepare"
        raise TypeError(argument("program", must, f"it is a {type(program).__name__}"))
    must = f"come from {backend.name}'s prepare"
    if program.backend != backend.name:
        raise ValueError(argument("program", must, f"{program.backend} prepared it"))
    if program.owner != backend.identity:
        but = "another backend of that name, which may be configured differently, prepared it"
        raise ValueError(argument("program", must, but))
    return program


def check_params(program: Program, params: ArrayLike | None) -> NDArray[np.float64]:
    """``params`` as a (K, p) array: one point may be flat, and None is one point without parameters.

    Raises:
        TypeError: it is not numeric.
        ValueError: it has the wrong shape, no point, or an entry that is not finite, which is named.
    """
    p = program.num_parameters
    points = _reals(() if params is None else params)
    if points.ndim == 1:
        points = points[None, :]
    if points.ndim != 2 or points.shape[1] != p:
        must = f"have shape ({p},) or (K, {p}) for the circuit's {p} parameters"
        but = "it is missing" if params is None else f"its shape is {np.shape(params)}"
        raise ValueError(argument("params", must, but))
    if len(points) == 0:
        raise ValueError(argument("params", "hold at least one point", "it holds none"))
    if not np.isfinite(points).all():
        k, j = (int(i) for i in np.argwhere(~np.isfinite(points))[0])
        but = f"parameter {program.parameters[j].name} of point {k} is {points[k, j]}"
        raise ValueError(argument("params", "be finite", but))
    return points


def _reals(params: ArrayLike) -> NDArray[np.float64]:
    try:
        points = np.asarray(params)
        casting = "same_kind" if points.size else "unsafe"
        return points if points.dtype == np.float64 else points.astype(np.float64, casting=casting)
    except (TypeError, ValueError) as error:
        raise TypeError(argument("params", "be an array of real numbers", str(error))) from None


def _check_observable(op: Any, name: str, num_qubits: int) -> SparsePauliOp:
    if not isinstance(op, SparsePauliOp):
        raise TypeError(argument(name, "be a SparsePauliOp", f"it is a {type(op).__name__}"))
    if op.num_qubits != num_qubits:
        raise ValueError(argument(name, f"act on {num_qubits} qubits, as the circuit", f"it acts on {op.num_qubits}"))
    try:
        coeffs = np.asarray(op.coeffs, dtype=complex) * (-1j) ** np.asarray(op.paulis.phase)
    except TypeError:
        raise TypeError(argument(name, "have numbers as coefficients", "they are not bound")) from None
    if not np.isfinite(coeffs).all():
        raise ValueError(argument(name, "have finite coefficients", f"one is {coeffs[~np.isfinite(coeffs)][0]}"))
    if np.abs(coeffs.imag).max() > 1e-12 * max(1.0, float(np.abs(coeffs).max())):
        worst = coeffs[np.abs(coeffs.imag).argmax()]
        raise ValueError(argument(name, "be Hermitian, with real coefficients", f"one coefficient is {worst}"))
    return SparsePauliOp(op.paulis, np.asarray(op.coeffs, dtype=complex)).simplify(atol=0.0, rtol=0.0)


def _without_initialize(circuit: QuantumCircuit) -> QuantumCircuit:
    """``initialize`` resets its qubits; on fresh ones that does nothing, and what is left is unitary."""
    if "initialize" not in circuit.count_ops():
        return circuit
    return PassManager([RemoveResetInZeroState()]).run(circuit.decompose("initialize"))


def _is_unitary(circuit: QuantumCircuit, name: str) -> bool:
    operations = (item.operation for item in circuit.data if item.operation.name == name)
    return all(getattr(op, "_directive", False) or _reversible(op) for op in operations)


def _reversible(operation: Any) -> bool:
    """Whether an operation is a gate all the way down; instructions made of gates are looked into."""
    if isinstance(operation, (Gate, AnnotatedOperation)):
        return True
    definition = getattr(operation, "definition", None)
    if definition is not None and operation.name not in ("measure", "reset"):
        return all(_reversible(item.operation) for item in definition.data)
    return isinstance(operation, Operation) and operation.name in (
        "clifford",
        "pauli",
        "permutation",
        "barrier",
    )


def _has_blocks(circuit: QuantumCircuit) -> bool:
    return any(getattr(item.operation, "blocks", ()) or item.operation.num_clbits for item in circuit.data)
