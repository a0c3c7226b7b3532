"""Measure the Pauli settings of a circuit on any backend.

All settings are parameter points of one circuit, whose last gates change the basis; it is checked and transpiled once.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from qalgs.backends import Backend, BackendLike, Cost, Program, basis_angles, get, with_basis_change
from qalgs.checks import RngLike, argument, as_seed_sequence, child, generator, positive_int
from qalgs.run import Callback, Status, Step, drive
from qalgs.tomo.data import CountsData
from qalgs.tomo.paulis import Settings
from qalgs.tomo.plan import plan_settings

_PLAN, _SHOTS = 0, 1
"""Keys of the random streams."""
_CHUNK = 32
"""Settings in one local job: small enough for a progress bar and for Ctrl-C to leave most of the data."""
_LARGEST_TABLE = 16


def measure_paulis(
    circuit: QuantumCircuit,
    *,
    fraction: float | None = None,
    settings: int | str | Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    shots: int = 2048,
    backend: BackendLike = "aer",
    qubits: Sequence[int] | None = None,
    rng: RngLike = None,
    callback: Callback | Sequence[Callback] | None = None,
) -> CountsData:
    """Counts of local Pauli settings of the state that ``circuit`` prepares.

    Give exactly one of ``fraction``, ``settings`` and ``labels``.

    Args:
        circuit: prepares the state; n qubits, no parameters, no measurements.
        fraction: measure random settings (all-Z, all-X, all-Y first) until they contain this share of the 4**n Paulis.
        settings: how many random settings, a list such as ``["XXY", "ZZZ"]`` (qubit 0 rightmost), or ``"all"`` 3**n.
        labels: Pauli labels such as ``["XIX", "ZZI"]``; the settings that contain them are found.
        shots: shots per setting.
        backend: a name, a backend, or a Qiskit ``BackendV2``.
        qubits: physical qubits to run on, ``qubits[i]`` for the circuit's qubit i; None lets the backend choose.
        rng: chooses the settings and seeds the shots.
        callback: called after each job; raise StopIteration to stop with the settings measured so far.

    Returns:
        The counts. After Ctrl-C or StopIteration they hold the settings finished until then, and ``complete`` is False.

    Raises:
        TypeError: the circuit is not a QuantumCircuit.
        ValueError: an argument is out of range; nothing has run.
        KeyboardInterrupt: interrupted before the first job ended.

    Example:
        >>> import qalgs as qa
        >>> data = qa.measure_paulis(qa.circuits.ghz(3), settings="all", shots=100, rng=1)
        >>> len(data)
        27
    """
    machine, seed = get(backend), as_seed_sequence(rng)
    shots = positive_int(shots, "shots")
    chosen, program = _prepared(circuit, machine, qubits, seed, fraction, settings, labels)
    angles = basis_angles(chosen == 0, chosen == 1)
    chunk = len(chosen) if machine.capabilities.remote else _CHUNK
    run = drive(_jobs(machine, program, angles, shots, chunk, child(seed, _SHOTS)), callback)
    if run.last is None:
        raise KeyboardInterrupt
    counts = run.last.state.table()
    return CountsData(
        chosen[: len(counts)],
        counts,
        source=f"{machine.name}, {shots} shots",
        complete=len(counts) == len(chosen),
    )


def planned(
    circuit: QuantumCircuit,
    *,
    fraction: float | None = None,
    settings: int | str | Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    shots: int = 2048,
    backend: BackendLike = "aer",
    qubits: Sequence[int] | None = None,
    rng: RngLike = None,
) -> tuple[int, Cost]:
    """The number of settings and the cost of ``measure_paulis`` with the same arguments; nothing is run."""
    machine, shots = get(backend), positive_int(shots, "shots")
    chosen, program = _prepared(circuit, machine, qubits, as_seed_sequence(rng), fraction, settings, labels)
    return len(chosen), machine.estimate(program, len(chosen), shots)


@dataclass(frozen=True, eq=False)
class _Measured:
    """The tables of counts so far, one per job."""

    tables: tuple[NDArray[np.int64], ...] = ()

    def table(self) -> NDArray[np.int64]:
        return np.concatenate(self.tables)


def _jobs(
    backend: Backend,
    program: Program,
    angles: NDArray[np.float64],
    shots: int,
    chunk: int,
    seed: np.random.SeedSequence,
) -> Generator[Step, None, Status]:
    measured = _Measured()
    for job, first in enumerate(range(0, len(angles), chunk)):
        counts = backend.sample(program, angles[first : first + chunk], shots=shots, rng=child(seed, job))
        measured = _Measured((*measured.tables, counts.dense()))
        done = min(first + chunk, len(angles))
        yield Step(done, measured, {"shots": float(done * shots)}, total=len(angles), phase="measuring")
    return Status.CONVERGED


def _prepared(
    circuit: QuantumCircuit,
    backend: Backend,
    qubits: Sequence[int] | None,
    seed: np.random.SeedSequence,
    fraction: float | None,
    settings: int | str | Sequence[str] | None,
    labels: Sequence[str] | None,
) -> tuple[Settings, Program]:
    """The settings, and the program that measures any of them."""
    _check_circuit(circuit)
    plan = generator(seed, _PLAN)
    chosen = plan_settings(circuit.num_qubits, plan, fraction=fraction, settings=settings, labels=labels)
    return chosen, backend.prepare(with_basis_change(circuit)[0], qubits=qubits)


def _check_circuit(circuit: QuantumCircuit) -> None:
    if not isinstance(circuit, QuantumCircuit):
        raise TypeError(argument("circuit", "be a QuantumCircuit", f"it is a {type(circuit).__name__}"))
    if circuit.num_parameters:
        names = ", ".join(p.name for p in circuit.parameters)
        raise ValueError(argument("circuit", "have no free parameters", f"it has {names}: bind them first"))
    if circuit.num_clbits:
        raise ValueError(
            argument(
                "circuit",
                "have no classical bits",
                f"it has {circuit.num_clbits}: leave out the measurements",
            )
        )
    if circuit.num_qubits > _LARGEST_TABLE:
        raise ValueError(argument("circuit", f"have at most {_LARGEST_TABLE} qubits", f"it has {circuit.num_qubits}"))
