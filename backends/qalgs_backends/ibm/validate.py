"""Everything that can be known to be wrong with a run before it is submitted. No request is made here.

The client's new Sampler checks none of this: a circuit that the machine cannot run is accepted, queued and fails there.

Axes: N executed points, p columns.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import ParameterExpression, QuantumCircuit
from qiskit.transpiler import Target

from qalgs_backends.base import Parameter
from qalgs_backends.checks import argument
from qalgs_backends.devices.calibration import Calibration
from qalgs_backends.errors import CapabilityError
from qalgs_backends.ibm.options import IBMOptions

_ANYWHERE = frozenset({"barrier", "store"})
_SLACK = 1e-9


def check_isa(circuit: QuantumCircuit, target: Target, device: str, dead: Collection[int] = ()) -> None:
    """Refuse a circuit that uses what the machine does not have, or has but not in working order.

    Args:
        circuit: on the machine's physical qubits.
        target: the usable part of the machine.
        device: its name.
        dead: qubits that do not work.

    Raises:
        ValueError: the circuit is too wide, or holds an instruction the target lacks, which is named.
    """
    size = int(target.num_qubits or 0)
    if circuit.num_qubits > size:
        raise ValueError(argument("circuit", f"have at most {size} qubits on {device}", f"it has {circuit.num_qubits}"))
    used = {circuit.find_bit(q).index for item in circuit.data for q in item.qubits if item.operation.name != "barrier"}
    for q in sorted(used & set(dead)):
        raise ValueError(argument("circuit", f"use qubits and couplers of {device} that work", f"it uses qubit {q}"))
    _check_block(circuit, tuple(range(circuit.num_qubits)), target, device)


def check_readable(circuit: QuantumCircuit) -> None:
    """Refuse a circuit whose answer could not be read.

    Raises:
        ValueError: it has no classical register with bits, or no measurement.
    """
    if not any(register.size for register in circuit.cregs):
        raise ValueError(argument("circuit", "measure into a classical register", "it has none"))
    if not _measures(circuit):
        raise ValueError(argument("circuit", "measure something", "it does not"))


def check_angles(circuit: QuantumCircuit, parameters: Sequence[Parameter], points: NDArray[np.float64]) -> None:
    """Refuse points that turn an rzz out of its calibrated range, 0 to pi/2.

    Args:
        circuit: in the machine's gates.
        parameters: the columns of ``points``.
        points: (N, p).

    Raises:
        ValueError: one does; the angle and the point are named.
    """
    for item in circuit.data:
        if item.operation.name != "rzz":
            continue
        angles = _angles(item.operation.params[0], parameters, points)
        bad = np.flatnonzero((angles < -_SLACK) | (angles > math.pi / 2 + _SLACK))
        if bad.size:
            must = "keep the angles of rzz from 0 to pi/2, the calibrated range"
            raise ValueError(argument("params", must, f"point {bad[0]} makes one {angles[bad[0]]:.4g}"))


def check_frames(shots: int, options: IBMOptions) -> None:
    """Refuse to extrapolate values without errors: these come from the spread of random frames.

    Raises:
        ValueError: the shots fill one frame only.
    """
    if options.mitigation is None or options.mitigation.zne is None or options.frames is None:
        return
    if options.frames.split(shots)[0] < 2:
        must = "fill at least two random frames where noise is extrapolated"
        raise ValueError(argument("shots", must, f"{shots} fill one of {options.frames.split(shots)[1]}"))


def check_age(calibration: Calibration, options: IBMOptions) -> None:
    """Refuse to run circuits that were placed by an old calibration.

    Raises:
        CapabilityError: it is older than ``options.max_age_days``, or undated.
    """
    if options.max_age_days is None:
        return
    age = calibration.age_days()
    if age is None or age > options.max_age_days:
        when = "has no date" if age is None else f"is {age:.1f} days old"
        raise CapabilityError(
            f"The calibration of {calibration.device} {when}, and max_age_days is {options.max_age_days:g}: "
            "call `refresh()` and prepare again, or set max_age_days=None."
        )


def check_combination(circuit: QuantumCircuit, options: IBMOptions, *, sampled: bool) -> None:
    """Refuse options that do not go with the circuit.

    Raises:
        CapabilityError: counts are to be mitigated, or control flow meets dynamical decoupling or twirling.
    """
    if sampled and options.mitigation is not None:
        raise CapabilityError("Counts are not mitigated, only expectation values; set mitigation to None.")
    if not circuit.has_control_flow_op():
        return
    for name in ("dynamical_decoupling", "twirling"):
        if getattr(options, name) is not None:
            raise CapabilityError(f"Circuits with control flow run without {name}; set it to None.")


def _check_block(circuit: QuantumCircuit, place: tuple[int, ...], target: Target, device: str) -> None:
    index = {bit: i for i, bit in enumerate(circuit.qubits)}
    for item in circuit.data:
        name, where = item.operation.name, tuple(place[index[q]] for q in item.qubits)
        blocks = getattr(item.operation, "blocks", ())
        if name not in target.operation_names and name not in _ANYWHERE:
            known = ", ".join(sorted(target.operation_names))
            raise ValueError(argument("circuit", f"be in the gates of {device} ({known})", f"it holds {name}"))
        if blocks:
            for block in blocks:
                _check_block(block, where, target, device)
        elif name not in _ANYWHERE and not _offered(target, name, where):
            must = f"use qubits and couplers of {device} that work"
            raise ValueError(argument("circuit", must, f"it has {name} on {list(where)}"))


def _offered(target: Target, name: str, where: tuple[int, ...]) -> bool:
    table: Any = target[name]
    return None in table or where in table


def _measures(circuit: QuantumCircuit) -> bool:
    inner = (block for item in circuit.data for block in getattr(item.operation, "blocks", ()))
    return "measure" in circuit.count_ops() or any(_measures(block) for block in inner)


def _angles(angle: Any, parameters: Sequence[Parameter], points: NDArray[np.float64]) -> NDArray[np.float64]:
    if not isinstance(angle, ParameterExpression) or not angle.parameters:
        return np.array([float(angle)])
    column = {parameter: j for j, parameter in enumerate(parameters)}
    used = [(parameter, column[parameter]) for parameter in angle.parameters]
    return np.array([float(angle.bind({parameter: row[j] for parameter, j in used})) for row in points])
