"""Keys of jobs: equal runs have equal keys, in every process and on every computer.

A key is the SHA-256 of what a run does: gates, qubits, angles, classical bits, parameter values, observables,
options, shots and machine. Names that carry no meaning do not enter it: circuit names, labels, names of
quantum registers, names of parameters (their columns count). Serialised circuits would not do: their bytes
differ between processes.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import (
    AnnotatedOperation,
    Barrier,
    ClassicalRegister,
    Clbit,
    Delay,
    Measure,
    QuantumCircuit,
    Reset,
    Store,
)
from qiskit.circuit.classical import expr
from qiskit.circuit.controlflow import ControlFlowOp
from qiskit.circuit.library import UnitaryGate

from qalgs_backends.base import Observables, Parameter
from qalgs_backends.checks import argument, finite_array, one_of, shots_or_none
from qalgs_backends.program import check_observables

_VERSION = "qalgs job 1"
_WHOLE = (Measure, Reset, Barrier, Delay, Store, UnitaryGate)
"""Operations that their name and parameters describe fully, as they do standard gates."""
_EXPRESSION_FIELDS = ("op", "operand", "left", "right", "target", "index", "value", "implicit")

Columns = dict[Parameter, int]


def job_key(
    machine: str,
    circuit: QuantumCircuit,
    params: ArrayLike | None = None,
    observables: Observables | None = None,
    *,
    kind: Literal["expect", "sample"],
    shots: int | None,
    options: Mapping[str, Any] | None = None,
    repeat: int | str = 0,
) -> str:
    """The key of a run: 64 hexadecimal digits that are equal exactly when the run is.

    Args:
        machine: name of the machine.
        circuit: what is sent, transpiled.
        params: (K, p) or (p,) values, columns in the order of ``circuit.parameters``; None when p is 0.
        observables: operators as wide as the circuit; their terms may come in any order.
        kind: expectation values or samples.
        shots: for each point; None when the service chooses.
        options: everything else that changes the answer: nested mappings and sequences of numbers and strings.
        repeat: another value makes another run of the same thing, on purpose.

    Raises:
        TypeError: the circuit holds something without a description, or an argument is of the wrong kind.
        ValueError: ``params`` or ``observables`` does not fit the circuit.

    Example:
        >>> key = job_key("ibm_fez", QuantumCircuit(1, 1), kind="sample", shots=100)
        >>> len(key), key == job_key("ibm_fez", QuantumCircuit(1, 1), kind="sample", shots=100, repeat=1)
        (64, False)
    """
    terms = [sorted(op.to_list()) for op in check_observables(observables, circuit.num_qubits)]
    parts = (
        _VERSION,
        machine,
        one_of(kind, "kind", ("expect", "sample")),
        shots_or_none(shots),
        circuit_digest(circuit),
        _points(circuit, params),
        terms,
        dict(options or {}),
        repeat,
    )
    return hashlib.sha256(encode(parts)).hexdigest()


def circuit_digest(circuit: QuantumCircuit) -> str:
    """SHA-256 of what a circuit does, the same in every process.

    Raises:
        TypeError: it holds something without a description.
    """
    columns = {parameter: k for k, parameter in enumerate(circuit.parameters)}
    return hashlib.sha256(encode(_circuit(circuit, columns))).hexdigest()


def encode(value: Any) -> bytes:
    """Plain values as bytes, different values as different bytes; a list and a tuple are the same.

    Raises:
        TypeError: it is, or holds, something else than None, numbers, strings, bytes, arrays of numbers,
            sequences, and mappings with strings as keys.
    """
    match value:
        case None:
            return b"n"
        case np.generic():
            return encode(value.item())
        case bool():
            return b"t" if value else b"f"
        case int():
            return b"i%d;" % value
        case float():
            return b"d" + _bits(value)
        case complex():
            return b"c" + _bits(value.real) + _bits(value.imag)
        case str():
            text = value.encode()
            return b"s%d:" % len(text) + text
        case bytes():
            return b"b%d:" % len(value) + value
        case np.ndarray() if value.dtype.kind in "biufc":
            return b"a" + encode((value.dtype.str[1:], value.shape, _little_endian(value)))
        case Mapping() if all(isinstance(name, str) for name in value):
            return b"m" + encode([item for name in sorted(value) for item in (name, value[name])])
        case Sequence():
            return b"l%d:" % len(value) + b"".join(encode(item) for item in value)
    raise TypeError(f"A job's key is made of plain values, and a {type(value).__name__} is not one.")


def _bits(value: float) -> bytes:
    # Adding 0.0 makes one zero of the two.
    return struct.pack("<d", value + 0.0)


def _little_endian(array: NDArray[Any]) -> bytes:
    positive_zero = array + 0.0 if array.dtype.kind in "fc" else array
    return np.ascontiguousarray(positive_zero, array.dtype.newbyteorder("<")).tobytes()


def _points(circuit: QuantumCircuit, params: ArrayLike | None) -> NDArray[np.float64]:
    points = finite_array(() if params is None else params, "params")
    if points.ndim == 1:
        points = points[None, :]
    if points.ndim != 2 or points.shape[1] != circuit.num_parameters:
        p = circuit.num_parameters
        must = f"have shape ({p},) or (K, {p}) for the circuit's {p} parameters"
        raise ValueError(argument("params", must, f"its shape is {points.shape}"))
    return points


def _circuit(circuit: QuantumCircuit, columns: Columns) -> list[Any]:
    registers = [(reg.name, _clbits(reg, circuit)) for reg in circuit.cregs]
    variables = sorted((var.name, repr(var.type)) for var in circuit.iter_vars())
    operations = [
        (
            _operation(item.operation, circuit, columns),
            [circuit.find_bit(q).index for q in item.qubits],
            [circuit.find_bit(c).index for c in item.clbits],
        )
        for item in circuit.data
    ]
    sizes = (circuit.num_qubits, circuit.num_clbits)
    return [sizes, registers, variables, _value(circuit.global_phase, circuit, columns), operations]


def _operation(op: Any, circuit: QuantumCircuit, columns: Columns) -> list[Any]:
    if isinstance(op, ControlFlowOp):
        return _control_flow(op, circuit, columns)
    if isinstance(op, AnnotatedOperation):
        base = _operation(op.base_op, circuit, columns)
        return ["annotated", base, [repr(modifier) for modifier in op.modifiers]]
    kind = getattr(op, "base_class", type(op))
    if not issubclass(kind, _WHOLE) and not kind.__module__.startswith("qiskit.circuit.library.standard_gates"):
        # A gate made from a circuit may be called circuit-17, after a counter: only what it is made of counts.
        definition = op.to_circuit() if hasattr(op, "to_circuit") else getattr(op, "definition", None)
        if definition is not None:
            return ["defined", _circuit(definition, columns)]
    params = [_value(value, circuit, columns) for value in getattr(op, "params", ())]
    return [op.name, params, getattr(op, "ctrl_state", None), getattr(op, "unit", None) if kind is Delay else None]


def _control_flow(op: Any, circuit: QuantumCircuit, columns: Columns) -> list[Any]:
    parts: list[Any] = [op.name]
    if op.name == "for_loop":
        indices, parameter, _ = op.params
        if parameter is not None:
            columns = {**columns, parameter: len(columns)}
        steps = (indices.start, indices.stop, indices.step) if isinstance(indices, range) else list(indices)
        parts += [isinstance(indices, range), steps]
    if op.name == "switch_case":
        parts.append([[x if isinstance(x, int) else repr(x) for x in labels] for labels, _ in op.cases_specifier()])
    if op.name == "box":
        parts += [_value(op.duration, circuit, columns), op.unit]
    for name in ("condition", "target"):
        parts.append(_classical(getattr(op, name, None), circuit))
    return [*parts, [_circuit(block, columns) for block in op.blocks]]


def _classical(node: Any, circuit: QuantumCircuit) -> Any:
    """A condition: bits and registers by index, expressions by their parts."""
    if isinstance(node, (Clbit, ClassicalRegister)):
        return _clbits(node, circuit)
    if isinstance(node, expr.Var):
        standalone = not isinstance(node.var, (Clbit, ClassicalRegister))
        return ["var", node.name if standalone else _clbits(node.var, circuit)]
    if isinstance(node, expr.Expr):
        parts = [_classical(getattr(node, name, None), circuit) for name in _EXPRESSION_FIELDS]
        return [type(node).__name__, repr(node.type), getattr(node, "name", None), parts]
    if isinstance(node, tuple):
        return [_classical(item, circuit) for item in node]
    return node if node is None or isinstance(node, (bool, int, float)) else repr(node)


def _clbits(bits: Clbit | ClassicalRegister, circuit: QuantumCircuit) -> Any:
    if isinstance(bits, Clbit):
        return circuit.find_bit(bits).index
    return [circuit.find_bit(bit).index for bit in bits]


def _value(value: Any, circuit: QuantumCircuit, columns: Columns) -> Any:
    """A gate's parameter in plain values; 1 and 1.0 are the same angle."""
    if isinstance(value, Parameter) and value in columns:
        return ["column", columns[value]]
    if hasattr(value, "parameters") and hasattr(value, "subs"):
        return _expression(value, columns)
    if isinstance(value, expr.Expr):
        return _classical(value, circuit)
    if isinstance(value, (int, float, np.integer, np.floating)):
        return float(value)
    if isinstance(value, (list, tuple)):
        return [_value(item, circuit, columns) for item in value]
    return value


def _expression(value: Any, columns: Columns) -> Any:
    if not value.parameters:
        return _value(value.numeric(), QuantumCircuit(), columns)
    # Renamed, an expression prints its terms in an order that only the columns decide.
    return ["expression", str(value.subs({p: _parameter(columns[p]) for p in value.parameters}))]


def _parameter(column: int) -> Parameter:
    make: Any = Parameter
    return make(f"p{column}")
