"""Measure the Pauli settings of a circuit on any backend.

All settings are parameter points of one circuit, whose last gates change the basis; it is checked and transpiled once.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from qalgs.backends import Backend, BackendLike, Cost, Program, basis_angles, get, with_basis_change
from qalgs.checks import RngLike, argument, as_seed_sequence, child, generator, positive_int
from qalgs.run import Callback, Status, Step, drive
from qalgs.tomo.data import CountsData
from qalgs.tomo.data.readout import CALIBRATION_SHOTS, ReadoutLike, as_readout, calibrate_readout, is_calibrate
from qalgs.tomo.measuring.ledger import Ledger, measurement_facts, open_ledger, read_ledger
from qalgs.tomo.measuring.plan import plan_settings
from qalgs.tomo.operators.paulis import Settings

_PLAN, _SHOTS, _READOUT = 0, 1, 2
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
    readout: ReadoutLike | Literal["calibrate"] = None,
    checkpoint: str | Path | None = None,
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
        readout: how qubits are misread. "calibrate" measures it first, with two circuits on the qubits that the
            program reads; (n, 2, 2) confusion matrices [qubit, read, true] or a ``ReadoutCalibration`` are taken as
            given. They go with the data, and fits then take them into account. None: errors count as the state's.
        checkpoint: a file in which every job is noted when it ends. Called again with the same arguments, only jobs
            that are missing are run, and the counts are those of an uninterrupted run; with ``rng=None`` the file's
            seed is used.
        rng: chooses the settings and seeds the shots.
        callback: called after each job; raise StopIteration to stop with the settings measured so far.

    Returns:
        The counts. After Ctrl-C or StopIteration they hold the settings finished until then, and ``complete`` is False.

    Raises:
        TypeError: the circuit is not a QuantumCircuit.
        ValueError: an argument is out of range, or ``checkpoint`` belongs to a measurement with other arguments, of
            which the first is named; nothing has run.
        KeyboardInterrupt: interrupted before the first job ended.

    Example:
        >>> import qalgs as qa
        >>> data = qa.measure_paulis(qa.circuits.ghz(3), settings="all", shots=100, rng=1)
        >>> len(data)
        27
    """
    machine, seed = get(backend), _seed(rng, checkpoint)
    shots, calibrate = positive_int(shots, "shots"), is_calibrate(readout)
    chosen, program = _prepared(circuit, machine, qubits, seed, fraction, settings, labels)
    known = None if calibrate or readout is None else as_readout(readout, circuit.num_qubits)  # pyright: ignore[reportArgumentType]
    chunk = len(chosen) if machine.capabilities.remote else _CHUNK
    ledger = None
    if checkpoint is not None:
        facts = measurement_facts(
            circuit,
            fraction=fraction,
            settings=settings if settings is None or isinstance(settings, int | str) else list(settings),
            labels=None if labels is None else list(labels),
            shots=shots,
            backend=machine.name,
            qubits=None if qubits is None else [int(q) for q in qubits],
            readout="calibrate" if calibrate else None if known is None else known.tolist(),
            rng=_seed_facts(seed),
            settings_per_job=chunk,
        )
        ledger = open_ledger(Path(checkpoint), facts)
    if calibrate:
        known = _calibrated(machine, program, seed, ledger)
    angles = basis_angles(chosen == 0, chosen == 1)
    run = drive(_jobs(machine, program, angles, shots, chunk, child(seed, _SHOTS), ledger, known), callback)
    if run.last is None:
        raise KeyboardInterrupt
    counts = run.last.state.table()
    return CountsData(
        chosen[: len(counts)],
        counts,
        source=f"{machine.name}, {shots} shots",
        complete=len(counts) == len(chosen),
        readout=known,
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
    readout: ReadoutLike | Literal["calibrate"] = None,
    rng: RngLike = None,
) -> tuple[int, Cost]:
    """The number of settings and the cost of ``measure_paulis`` with the same arguments; nothing is run.

    Raises:
        TypeError: the circuit is not a QuantumCircuit.
        ValueError: an argument is out of range.
    """
    machine, shots = get(backend), positive_int(shots, "shots")
    chosen, program = _prepared(circuit, machine, qubits, as_seed_sequence(rng), fraction, settings, labels)
    cost = machine.estimate(program, len(chosen), shots)
    if is_calibrate(readout):
        one = machine.estimate(machine.prepare(QuantumCircuit(circuit.num_qubits)), 1, CALIBRATION_SHOTS)
        cost = cost + one + one
    return len(chosen), cost


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
    ledger: Ledger | None,
    readout: NDArray[np.float64] | None,
) -> Generator[Step, None, Status]:
    measured = _Measured() if ledger is None or ledger.counts is None else _Measured((ledger.counts,))
    done = sum(map(len, measured.tables))
    if done:
        yield _step(done, measured, shots, len(angles))
    while done < len(angles):
        points = angles[done : done + chunk]
        counts = backend.sample(program, points, shots=shots, rng=child(seed, done // chunk))
        measured, done = _Measured((*measured.tables, counts.dense())), done + len(points)
        if ledger is not None:
            ledger.write(measured.table(), readout)
        yield _step(done, measured, shots, len(angles))
    return Status.CONVERGED


def _step(done: int, measured: _Measured, shots: int, total: int) -> Step:
    return Step(done, measured, {"shots": float(done * shots)}, total=total, phase="measuring")


def _calibrated(
    backend: Backend, program: Program, seed: np.random.SeedSequence, ledger: Ledger | None
) -> NDArray[np.float64]:
    """(n, 2, 2) confusion matrices from the ledger, or else measured on the qubits that the program reads."""
    if ledger is not None and ledger.readout is not None:
        return ledger.readout
    read = program.measured_on
    width = program.num_qubits if read is None else None
    matrices = calibrate_readout(backend, width, qubits=read, rng=child(seed, _READOUT)).matrices
    if ledger is not None:
        ledger.write(None, matrices)
    return matrices


def _seed(rng: RngLike, checkpoint: str | Path | None) -> np.random.SeedSequence:
    """The seed; that of the checkpoint, where there is one and ``rng`` does not say."""
    found = read_ledger(Path(checkpoint)) if checkpoint is not None and rng is None else None
    if found is None:
        return as_seed_sequence(rng)
    entropy, key = found.facts["rng"]
    return np.random.SeedSequence(entropy, spawn_key=tuple(key))


def _seed_facts(seed: np.random.SeedSequence) -> list[Any]:
    entropy = seed.entropy
    return [[int(word) for word in entropy] if isinstance(entropy, Sequence) else entropy, list(seed.spawn_key)]


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
