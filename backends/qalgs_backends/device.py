"""A device as its Target describes it: which parts are usable, and the piece that a circuit uses.

An IBM target does not flag dead parts. The rule here: a coupler is usable when its error is known and below
0.5; a qubit when T1, T2 and the readout error are known, the readout error is below 0.4 and no gate's error
reaches 0.5.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import Target

from qalgs_backends.errors import CapabilityError

DEAD_GATE = 0.5
DEAD_READOUT = 0.4


@dataclass(frozen=True, eq=False)
class Device:
    """A device, reduced to what simulating its noise needs."""

    name: str
    target: Target
    """As the device reports it."""
    readout: NDArray[np.float64]
    """(N, 2): P(read 1 | prepared 0) and P(read 0 | prepared 1) of every qubit; NaN where unknown."""

    @cached_property
    def dead_qubits(self) -> frozenset[int]:
        """Qubits no circuit should use."""
        return frozenset(q for q in range(len(self.readout)) if self._is_dead(q))

    @cached_property
    def usable(self) -> Target:
        """The target without its dead qubits and couplers.

        Raises:
            CapabilityError: couplers exist but none is usable.
        """
        kept = {pair for pair in _instructions(self.target) if self._keeps(*pair)}
        couplers = {pair for pair in _instructions(self.target) if len(pair[1]) == 2}
        if couplers and not couplers & kept:
            raise CapabilityError(
                f"Device {self.name} has no usable coupler: each of its {len(couplers)} has "
                f"an unknown error, one of {DEAD_GATE} or more, or a dead qubit."
            )
        return _restrict(self.target, kept, range(len(self.readout)))

    def piece(self, circuit: QuantumCircuit, qubits: tuple[int, ...]) -> SubDevice:
        """The part of the device that ``circuit`` uses.

        Args:
            circuit: on the piece's own qubits, ``qubits[i]`` being the physical one.
            qubits: physical qubits.
        """
        index = {bit: i for i, bit in enumerate(circuit.qubits)}
        used = {(item.operation.name, tuple(qubits[index[q]] for q in item.qubits)) for item in circuit.data}
        return SubDevice(f"{self.name}[{len(qubits)}]", _restrict(self.target, used, qubits))

    def _is_dead(self, qubit: int) -> bool:
        properties = self.target.qubit_properties
        if properties is not None and (properties[qubit].t1 is None or properties[qubit].t2 is None):
            return True
        if not self.readout[qubit].mean() < DEAD_READOUT:  # also when it is unknown, NaN
            return True
        errors = (self._error(name, (qubit,)) for name in self.target.operation_names_for_qargs((qubit,)))
        return any(error is not None and error >= DEAD_GATE for error in errors)

    def _keeps(self, name: str, qargs: tuple[int, ...]) -> bool:
        if any(q in self.dead_qubits for q in qargs):
            return False
        error = self._error(name, qargs)
        return len(qargs) == 1 or (error is not None and error < DEAD_GATE)

    def _error(self, name: str, qargs: tuple[int, ...]) -> float | None:
        properties = self.target[name].get(qargs) if self.target.instruction_supported(name, qargs) else None
        return None if properties is None else properties.error


class SubDevice(BackendV2):
    """A few qubits of a device, only to derive a noise model from."""

    def __init__(self, name: str, target: Target) -> None:
        """Keep the target."""
        super().__init__(name=name)
        self._piece = target

    @property
    def target(self) -> Any:
        """The piece's target."""
        return self._piece

    @property
    def max_circuits(self) -> None:
        """No limit."""
        return

    @classmethod
    def _default_options(cls) -> Any:
        return Options()

    def run(self, run_input: Any, **options: Any) -> Any:
        """Not a machine; it is never run."""
        raise CapabilityError("A piece of a device only carries calibration data; it does not run circuits.")


def read_device(backend: BackendV2) -> Device:
    """The device behind a Qiskit backend.

    Raises:
        CapabilityError: its target has no qubits or no calibrated measurement, so there is no noise to
            simulate.
    """
    target: Any = backend.target
    size = target.num_qubits or 0
    if size == 0 or "measure" not in target.operation_names:
        raise CapabilityError(f"Backend {backend.name} describes no device: its target has no qubits to measure.")
    properties = getattr(backend, "properties", None)
    reported = properties() if callable(properties) else None
    readout = np.array([_readout(reported, target, q) for q in range(size)])
    return Device(str(backend.name), target, readout)


def _readout(reported: Any, target: Target, qubit: int) -> tuple[float, float]:
    """P(1|0) and P(0|1): from the properties where both are there, otherwise the target's symmetric error."""
    if reported is not None:
        values = reported.qubit_property(qubit)
        if "prob_meas1_prep0" in values and "prob_meas0_prep1" in values:
            return values["prob_meas1_prep0"][0], values["prob_meas0_prep1"][0]
    measure = target["measure"].get((qubit,))
    error = np.nan if measure is None or measure.error is None else measure.error
    return getattr(measure, "prob_meas1_prep0", error), getattr(measure, "prob_meas0_prep1", error)


def _instructions(target: Target) -> Iterator[tuple[str, tuple[int, ...]]]:
    for name in target.operation_names:
        if isinstance(target.operation_from_name(name), type):
            continue
        for qargs in target[name]:
            if qargs is not None:
                yield name, tuple(qargs)


def _restrict(target: Target, kept: Collection[tuple[str, tuple[int, ...]]], qubits: Collection[int]) -> Target:
    """``target`` with the instructions ``kept``, on ``qubits`` renumbered from 0."""
    place = {q: i for i, q in enumerate(qubits)}
    properties = target.qubit_properties
    reduced = Target(
        num_qubits=len(place),
        dt=target.dt,
        qubit_properties=None if properties is None else [properties[q] for q in place],
    )
    for name in target.operation_names:
        operation = target.operation_from_name(name)
        if isinstance(operation, type):
            reduced.add_instruction(operation, name=name)
            continue
        table = {
            tuple(place[q] for q in qargs): target[name][qargs]
            for qargs in target[name]
            if qargs is not None and (name, tuple(qargs)) in kept
        }
        if table:
            reduced.add_instruction(operation, table, name=name)
    return reduced
