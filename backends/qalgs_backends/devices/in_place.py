"""A circuit in the gates of one place on a device, where nothing has to be routed.

The ESP rates, and the noisy simulation runs, what is compiled here, so both speak of the same gates. On a fixed place
more effort of the transpiler mostly gives more pulses, but it can save gates on couplers, where the errors are: both
ways are tried, and the light one is kept unless the other has fewer of those.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from qiskit.circuit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.transpiler import generate_preset_pass_manager

from qalgs_backends.devices.calibration import Calibration, Gate
from qalgs_backends.devices.places import find_places
from qalgs_backends.errors import CapabilityError
from qalgs_backends.phaseless import without_phases

_LEVELS = (1, 3)
_SEED = 11

Pairs = Iterable[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class InPlace:
    """A circuit on n qubits, qubit i being ``layout[i]`` of the device."""

    circuit: QuantumCircuit
    last: tuple[int, ...]
    """The qubit that virtual qubit i is read on; another than i where swaps were saved by reading elsewhere."""


def uncoupled(gates: Iterable[Gate], pairs: Pairs, layout: tuple[int, ...]) -> tuple[int, int] | None:
    """The first of ``pairs`` of virtual qubits that no gate couples where ``layout`` puts them; None without one."""
    coupled = {frozenset(gate.qubits) for gate in gates if len(gate.qubits) == 2}
    return next((pair for pair in pairs if frozenset(layout[q] for q in pair) not in coupled), None)


def compile_in_place(
    calibration: Calibration, gates: Iterable[Gate], circuit: QuantumCircuit, pairs: Pairs, layout: tuple[int, ...]
) -> InPlace:
    """``circuit`` in the ``gates`` of its place, up to its global phase.

    Args:
        calibration: of the device.
        gates: those that may be used.
        circuit: n qubits in gates on one or two.
        pairs: of its qubits that share a gate.
        layout: (n,) physical qubits.

    Raises:
        CapabilityError: it needs routing there, or cannot be written in these gates.
    """
    wanted = {tuple(layout[q] for q in pair) for a, b in pairs for pair in ((a, b), (b, a))}
    wanted |= {(q,) for q in layout}
    inside = [gate for gate in gates if gate.qubits in wanted]
    where = f"layout {layout} of {calibration.device}"
    if (apart := uncoupled(inside, pairs, layout)) is not None:
        raise CapabilityError(f"The circuit needs routing on {where}: its qubits {apart} are not coupled.")
    target = calibration.target([_typical(gate) for gate in inside], layout)
    ready = without_phases(circuit, target.operation_names)
    try:
        placed = [
            generate_preset_pass_manager(
                optimization_level=level, target=target, initial_layout=list(range(len(layout))), seed_transpiler=_SEED
            ).run(ready)
            for level in _LEVELS
        ]
    except QiskitError as error:
        raise CapabilityError(f"The circuit cannot run on {where}: {error.message}") from None
    best = min(placed, key=QuantumCircuit.num_nonlocal_gates)
    return InPlace(best, find_places(ready, best).last)


def _typical(gate: Gate) -> Gate:
    """The gate with an error that depends on its kind alone, so that places with the same gates get the same circuit.

    Without any error the transpiler would take gates that take no time for as dear as pulses.
    """
    pulse = len(gate.qubits) > 1 or gate.seconds
    return replace(gate, error=1e-4 * 100 ** (len(gate.qubits) - 1) if pulse else 0.0)
