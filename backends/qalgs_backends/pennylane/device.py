"""A PennyLane device that runs QNodes on any backend.

Axes: K points (all tapes of one structure, and all their broadcast points), p angles, o observables.

A tape is split into its structure (gates, wires, measurements) and its angles. Tapes of one structure are one prepared
program and, in each execution, one job with a point for each of them: the 2p shifted tapes of a gradient are one job.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pennylane.devices import Device, ExecutionConfig
from pennylane.devices.modifiers import simulator_tracking, single_tape_support
from pennylane.devices.preprocess import decompose, validate_device_wires
from pennylane.measurements import Shots
from pennylane.tape import QuantumScript
from pennylane.transforms import broadcast_expand, defer_measurements
from pennylane.transforms.core import CompilePipeline, transform

from qalgs_backends.base import Counts, Program, Values
from qalgs_backends.checks import argument
from qalgs_backends.errors import CapabilityError
from qalgs_backends.pennylane.convert import (
    angle_rows,
    circuit_of,
    decomposed,
    distinct,
    is_gate,
    operator_from_pennylane,
)
from qalgs_backends.pennylane.measurements import Part, check_measurement, is_moment, parts, read_outcomes
from qalgs_backends.registry import BackendLike, as_backend
from qalgs_backends.rng import RngLike, as_seed_sequence

# Structures and observables that are remembered; the oldest goes first.
_REMEMBERED = 128


@dataclass(frozen=True, eq=False)
class _Plan:
    """The prepared programs behind one structure."""

    measurements: tuple[Any, ...]
    parts: tuple[Part, ...]
    programs: tuple[Program, ...]
    fixed: tuple[tuple[float, ...], ...]
    """Angles of each part's rotations, which follow those of the tape."""

    def points(self, part: int, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The (K, p) angles of the tapes, completed for a part."""
        return np.hstack([rows, np.tile(self.fixed[part], (len(rows), 1))]) if self.fixed[part] else rows


@dataclass(eq=False)
class _Batch:
    """Points of one structure that one job answers."""

    plan: _Plan
    shots: int | None
    rows: list[NDArray[np.float64]] = field(default_factory=list)
    size: int = 0

    def add(self, rows: NDArray[np.float64]) -> slice:
        """Append points and say where they stand."""
        start = self.size
        self.rows.append(rows)
        self.size += len(rows)
        return slice(start, self.size)


@simulator_tracking
@single_tape_support
class QalgsDevice(Device):
    """A PennyLane device on a backend.

    Wire w is the backend's qubit ``wires.index(w)``. Without shots a QNode returns exact values, where the backend has
    them; with shots, those of the QNode, N for every measurement basis. Gradients come from the backend wherever it
    has them (``diff_method="best"`` or "device"; "adjoint" where they are adjoint), and from parameter-shift
    otherwise. Mid-circuit measurements are deferred.
    """

    def __init__(
        self,
        backend: BackendLike,
        wires: int | Sequence[Hashable],
        shots: Any = None,
        seed: RngLike = None,
    ) -> None:
        """Make a device.

        Args:
            backend: what ``get`` accepts.
            wires: number of wires, or their labels in the order of the backend's qubits.
            shots: default shots of a QNode on this device: an int, a sequence for a shot vector, or None for exact
                values.
            seed: seed of the shots; runs on one device draw from it in turn.

        Raises:
            TypeError: an argument is of the wrong kind.
            ValueError: there are no wires, more than the backend has qubits, or wires repeat.
        """
        self._backend = as_backend(backend)
        labels = _wire_labels(wires, self._backend.name, self._backend.capabilities.num_qubits)
        super().__init__(wires=labels)
        self._labels = labels
        self._shots = Shots(shots)
        self._rng = np.random.Generator(np.random.Philox(as_seed_sequence(seed)))
        self._plans: dict[Hashable, _Plan] = {}
        self._operators: dict[int, tuple[Any, Hashable]] = {}

    @property
    def name(self) -> str:
        """The backend's name behind "qalgs."."""
        return f"qalgs.{self._backend.name}"

    def setup_execution_config(
        self, config: ExecutionConfig | None = None, circuit: QuantumScript | None = None
    ) -> ExecutionConfig:
        """Choose the backend's own gradients where they are asked for and exist.

        Raises:
            CapabilityError: mid-circuit measurements are asked for by another way than deferring them.
        """
        config = ExecutionConfig() if config is None else config
        method = getattr(config.mcm_config, "mcm_method", None)
        if method not in (None, "deferred"):
            raise CapabilityError(f"Mid-circuit measurements are deferred here, but mcm_method is {str(method)!r}.")
        if not self.supports_derivatives(config, circuit):
            return config
        return replace(
            config,
            gradient_method="device",
            use_device_gradient=True,
            use_device_jacobian_product=False,
            grad_on_execution=False,
        )

    def preprocess_transforms(self, execution_config: ExecutionConfig | None = None) -> CompilePipeline:
        """What a tape goes through: wires, gates and measurements are checked and written in those known here."""
        program = CompilePipeline()
        program.add_transform(defer_measurements, allow_postselect=False)
        program.add_transform(validate_device_wires, wires=self.wires, name=self.name)
        program.add_transform(
            decompose,
            stopping_condition=is_gate,
            skip_initial_state_prep=False,
            name=self.name,
            error=CapabilityError,
        )
        program.add_transform(_checked, backend=self._backend.name, exact=self._backend.capabilities.exact)
        if execution_config is not None and execution_config.gradient_method == "device":
            program.add_transform(broadcast_expand)
        return program

    def execute(self, circuits: Any, execution_config: ExecutionConfig | None = None) -> Any:
        """The answers of preprocessed tapes, in PennyLane's shapes; one job for each structure and number of shots.

        Raises:
            CapabilityError: the backend cannot answer.
            ExecutionError: a run failed.
        """
        batches: dict[Hashable, _Batch] = {}
        asked = [self._enter(tape, batches) for tape in circuits]
        answers = self._run(batches)
        return tuple(self._shaped(tape, places, answers) for tape, places in zip(circuits, asked, strict=True))

    def supports_derivatives(
        self, execution_config: ExecutionConfig | None = None, circuit: QuantumScript | None = None
    ) -> bool:
        """Whether the backend differentiates: exact values, once, by angles of gates."""
        capabilities = self._backend.capabilities
        if capabilities.gradient is None or not capabilities.exact:
            return False
        config = ExecutionConfig(gradient_method="device") if execution_config is None else execution_config
        known = ("device", "best", "adjoint") if capabilities.gradient == "adjoint" else ("device", "best")
        if config.gradient_method not in known or (config.derivative_order or 1) > 1:
            return False
        if circuit is None:
            return True
        angles = sum(op.num_params for op in circuit.operations)
        return not circuit.shots and all(place < angles for place in circuit.trainable_params)

    def compute_derivatives(self, circuits: Any, execution_config: ExecutionConfig | None = None) -> Any:
        """Jacobians of preprocessed tapes without shots, in PennyLane's shapes; one gradient call for each structure.

        Raises:
            CapabilityError: the backend has no gradients.
            ExecutionError: a run failed.
        """
        batches: dict[Hashable, _Batch] = {}
        asked = [self._enter(tape, batches)[0] for tape in circuits]
        slopes = {key: self._slopes(batch) for key, batch in batches.items()}
        return tuple(
            _jacobian(tape, [table[where][0] for table in slopes[key]])
            for tape, (key, where) in zip(circuits, asked, strict=True)
        )

    def _enter(self, tape: Any, batches: dict[Hashable, _Batch]) -> list[tuple[Hashable, slice]]:
        """Put the points of a tape into the batches of its structure, once for each entry of its shot vector."""
        ops = [op for op in tape.operations if op.name != "GlobalPhase"]
        rows = angle_rows(ops, tape.batch_size)
        key = self._key(ops, tape)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plan(ops, tape)
            _remember(self._plans, key, plan)
        places: list[tuple[Hashable, slice]] = []
        for shots in tuple(tape.shots) or (None,):
            batch = batches.setdefault((key, shots), _Batch(plan, shots))
            places.append(((key, shots), batch.add(rows)))
        return places

    def _run(self, batches: dict[Hashable, _Batch]) -> dict[Hashable, list[Any]]:
        """For each batch the answers of its measurements, in the order of the tape: (K, ...) or K of them."""
        jobs: dict[Hashable, list[Any]] = {}
        for key, batch in batches.items():
            points = np.concatenate(batch.rows)
            jobs[key] = [
                self._backend.submit(
                    program,
                    batch.plan.points(i, points),
                    kind="expect" if part.moments else "sample",
                    shots=batch.shots,
                    rng=self._rng,
                )
                for i, (part, program) in enumerate(zip(batch.plan.parts, batch.plan.programs, strict=True))
            ]
        return {key: self._read(batches[key].plan, [job.result() for job in own]) for key, own in jobs.items()}

    def _read(self, plan: _Plan, results: Sequence[Values | Counts]) -> list[Any]:
        answers: list[Any] = [None] * len(plan.measurements)
        for part, result in zip(plan.parts, results, strict=True):
            if isinstance(result, Values):
                for i, moment, own in zip(part.members, part.moments or (), part.split(result.values), strict=True):
                    answers[i] = moment.value(own)
            else:
                for i in part.members:
                    answers[i] = [
                        read_outcomes(plan.measurements[i], outcomes, self._labels, self._rng)
                        for outcomes in result.outcomes
                    ]
        return answers

    def _shaped(self, tape: Any, places: Sequence[tuple[Hashable, slice]], answers: dict[Hashable, list[Any]]) -> Any:
        def pick(answer: Any, where: slice) -> Any:
            own = answer[where]
            if tape.batch_size is None:
                return own[0]
            return own if isinstance(own[0], dict) else np.stack(own)

        copies = tuple(tuple(pick(answer, where) for answer in answers[key]) for key, where in places)
        copies = tuple(copy[0] if len(copy) == 1 else copy for copy in copies)
        return copies if tape.shots.has_partitioned_shots else copies[0]

    def _slopes(self, batch: _Batch) -> list[NDArray[np.float64]]:
        """(K, ..., p) derivatives of each measurement by the angles of the tapes."""
        rows = np.concatenate(batch.rows)
        slopes: list[Any] = [None] * len(batch.plan.measurements)
        for k, (part, program) in enumerate(zip(batch.plan.parts, batch.plan.programs, strict=True)):
            moments, points = part.moments or (), batch.plan.points(k, rows)
            derivatives = self._backend.gradient(program, points)[..., : rows.shape[1]]
            curved = any(moment.curved for moment in moments)
            values = self._backend.expect(program, points).values if curved else np.zeros(derivatives.shape[:2])
            pairs = zip(part.split(values), part.split(derivatives), strict=True)
            for i, moment, (v, d) in zip(part.members, moments, pairs, strict=True):
                slopes[i] = moment.slope(v, d)
        return slopes

    def _plan(self, ops: Sequence[Any], tape: Any) -> _Plan:
        runs = parts(tape.measurements, self._labels, bool(tape.shots))
        programs: list[Program] = []
        fixed: list[tuple[float, ...]] = []
        for part in runs:
            rotations = decomposed(QuantumScript(part.rotations)).operations if part.rotations else []
            turns = [op for op in rotations if op.name != "GlobalPhase"]
            programs.append(self._backend.prepare(circuit_of([*ops, *turns], self._labels), part.observables))
            fixed.append(tuple(angle_rows(turns, None)[0].tolist()))
        return _Plan(tuple(tape.measurements), runs, tuple(programs), tuple(fixed))

    def _key(self, ops: Sequence[Any], tape: Any) -> Hashable:
        """What tapes of one structure share."""
        gates = tuple((op.name, op.wires.labels) for op in ops)
        return gates, tuple(self._measurement_key(m) for m in tape.measurements), bool(tape.shots)

    def _measurement_key(self, measurement: Any) -> Hashable:
        """By value, and to the last digit: PennyLane's own hash rounds coefficients."""
        kind = (type(measurement).__name__, measurement.wires.labels, getattr(measurement, "all_outcomes", False))
        if measurement.mv is not None and not is_moment(measurement):
            return *kind, id(measurement)
        if measurement.obs is not None:
            return *kind, self._operator_key(measurement)
        eigenvalues = measurement.eigvals()
        return *kind, None if eigenvalues is None else np.asarray(eigenvalues, float).tobytes()

    def _operator_key(self, measurement: Any) -> Hashable:
        op = measurement.obs
        if id(op) not in self._operators:
            paulis = operator_from_pennylane(op, wires=self._labels)
            key = (tuple(paulis.paulis.to_labels()), np.asarray(paulis.coeffs, complex).tobytes())
            _remember(self._operators, id(op), (op, key))
        key = self._operators[id(op)][1]
        # Equal operators may order their eigenvalues differently, which shows in outcomes.
        return key if is_moment(measurement) else (key, op.hash)


@transform
def _checked(tape: Any, backend: str, exact: bool) -> Any:
    """Refuse measurements that cannot be answered before anything runs."""
    if not (exact or tape.shots):
        raise CapabilityError(f"QNodes on {backend} need shots, but this one has none.")
    for measurement in tape.measurements:
        check_measurement(measurement, bool(tape.shots))
    return (tape,), lambda results: results[0]


def _jacobian(tape: Any, slopes: Sequence[NDArray[np.float64]]) -> Any:
    """PennyLane's nesting: measurements, then trainable parameters, each level left out where it holds one."""
    column: list[int] = []
    count = 0
    for op in tape.operations:
        column += [-1] * op.num_params if op.name == "GlobalPhase" else range(count, count + op.num_params)
        count += 0 if op.name == "GlobalPhase" else op.num_params
    chosen = [column[place] for place in tape.trainable_params]
    rows = tuple(
        tuple(np.zeros(slope.shape[:-1]) if j < 0 else np.asarray(slope[..., j]) for j in chosen) for slope in slopes
    )
    rows = tuple(row[0] if len(row) == 1 else row for row in rows)
    return rows[0] if len(rows) == 1 else rows


def _remember(store: dict[Any, Any], key: Any, value: Any) -> None:
    if len(store) >= _REMEMBERED:
        del store[next(iter(store))]
    store[key] = value


def _wire_labels(wires: Any, backend: str, num_qubits: int) -> tuple[Any, ...]:
    if isinstance(wires, bool) or wires is None or isinstance(wires, (str, float)):
        raise TypeError(argument("wires", "be a number of wires or their labels", f"it is {wires!r}"))
    labels = tuple(range(wires)) if isinstance(wires, (int, np.integer)) else tuple(wires)
    if not labels:
        raise ValueError(argument("wires", "name at least one wire", "it names none"))
    distinct(labels)
    if len(labels) > num_qubits:
        must = f"be at most the {num_qubits} qubits of {backend}"
        raise ValueError(argument("wires", must, f"there are {len(labels)}"))
    return labels
