"""Estimated success probability of one circuit on every place of a device at once.

Axes: L placements, n qubits of the circuit, N of the device. ``placements[l, i]`` is the physical qubit of virtual
qubit i.

    log ESP = sum over gates log(1 - e) + sum over qubits log(1 - readout error) + sum over qubits log f(idle time)

Gate errors e are as calibrated (they contain the decay during the gate); every qubit is read once, at the end; idle
times are those of the as-late-as-possible schedule after a qubit's first gate. With "average" fidelity e is the
calibrated average infidelity and f(t) = 1/2 + exp(-t / T1) / 6 + exp(-t / T2) / 3, the average fidelity of relaxation
and dephasing, T2 clipped to 2 T1. With "entanglement" fidelity e grows by (d + 1) / d, d the dimension of the gate, and
f(t) = (1 + exp(-t / T1) + 2 exp(-t / T2)) / 4; it predicts the fidelity of the final state better. An unknown error
counts as 0 on one qubit, which is right for virtual gates, and as certain on a coupler.

The circuit is compiled once for each pattern of gates that placements offer, not once for each placement: placements
that offer the same gates in the same directions run the same sequence, the profile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from qalgs_backends.checks import one_of
from qalgs_backends.devices.calibration import Calibration, Gate
from qalgs_backends.devices.in_place import compile_in_place
from qalgs_backends.devices.placements import Placements, check_placements, interactions

_NOT_RUN = frozenset({"barrier", "delay", "measure"})
_CERTAIN = 1 - 1e-12

Fidelity = Literal["average", "entanglement"]
Profile = tuple[tuple[str, tuple[int, ...]], ...]
"""Gates in order, on the circuit's own qubits."""


@dataclass(frozen=True, eq=False)
class Esp:
    """The three factors of the ESP, for L placements."""

    gate: NDArray[np.float64]
    """(L,) the part of the gates."""
    readout: NDArray[np.float64]
    """(L,) the part of the readout."""
    idle: NDArray[np.float64]
    """(L,) the part of idling."""

    @property
    def total(self) -> NDArray[np.float64]:
        """(L,) their product, in [0, 1]."""
        return self.gate * self.readout * self.idle


class EspModel:
    """The ESP of one circuit on one device.

    >>> from qalgs.backends import EspModel, get
    >>> from qiskit.circuit.library import efficient_su2
    >>> model = EspModel(get("noisy:fake_manila").calibration, efficient_su2(2, reps=1))
    >>> bool(0 < model.evaluate([[0, 1], [1, 0], [1, 2]]).total.min() < 1)
    True
    """

    def __init__(self, calibration: Calibration, circuit: QuantumCircuit, *, fidelity: Fidelity = "average") -> None:
        """Keep what to rate.

        Args:
            calibration: of the device.
            circuit: n qubits in gates on one or two, free parameters welcome; final measurements are set aside.
            fidelity: see the top of this module.

        Raises:
            ValueError: ``fidelity`` is not known.
            CapabilityError: a gate acts on more than two qubits.
        """
        self.calibration = calibration
        self.fidelity: Fidelity = one_of(fidelity, "fidelity", ("average", "entanglement"))
        without: Any = circuit.remove_final_measurements(inplace=False)
        self.circuit: QuantumCircuit = without
        self.pairs = interactions(self.circuit)
        self._profiles: dict[bytes, Profile] = {}

    def evaluate(self, placements: Placements | Sequence[Sequence[int]]) -> Esp:
        """The factors on (L, n) placements.

        Raises:
            ValueError: a placement does not fit the device.
            CapabilityError: the circuit needs routing on a placement.
        """
        places = check_placements(np.asarray(placements), self.circuit.num_qubits, self.calibration.num_qubits)
        gate, idle = np.empty(len(places)), np.empty(len(places))
        for profile, rows in self.profiles(places):
            gate[rows], idle[rows] = self._gate(profile, places[rows]), self._idle(profile, places[rows])
        return Esp(gate, (1 - self._readout[places]).prod(axis=1), idle)

    def moved(self, esp: Esp, before: Sequence[int], placements: Placements) -> Esp:
        """The factors on (L, n) placements from those on the one they differ little from.

        Only gates and readouts of virtual qubits that moved are counted anew, and idle times where a placement runs
        other gates or other durations.

        Args:
            esp: of ``before`` alone.
            before: (n,) placement.
            placements: (L, n) placements that a walk may step to.

        Raises:
            ValueError: a placement does not fit the device.
            CapabilityError: the circuit needs routing on a placement.
        """
        n = self.circuit.num_qubits
        after = check_placements(np.asarray(placements), n, self.calibration.num_qubits)
        old = check_placements(np.asarray(before)[None], n, self.calibration.num_qubits)
        home = self.profiles(old)[0][0]
        gate, idle = np.empty(len(after)), np.empty(len(after))
        for profile, rows in self.profiles(after):
            new = after[rows]
            if profile == home:
                touched = (new != old).any(axis=0)
                incident = tuple(op for op in profile if touched[list(op[1])].any())
                gate[rows] = esp.gate[0] * self._gate(incident, new) / self._gate(incident, old)
            else:
                gate[rows] = self._gate(profile, new)
            idle[rows] = self._idle(profile, new)
        changed = np.where(after == old, 1.0, (1 - self._readout[after]) / (1 - self._readout[old]))
        return Esp(gate, esp.readout[0] * changed.prod(axis=1), idle)

    def profiles(self, placements: Placements) -> list[tuple[Profile, NDArray[np.intp]]]:
        """Profiles with the rows of the placements that run them.

        Raises:
            CapabilityError: the circuit needs routing on a placement.
        """
        patterns = self._patterns(placements)
        _, first, group = np.unique(_row_codes(patterns), return_index=True, return_inverse=True)
        out = []
        for g, row in enumerate(first):
            key = patterns[row].tobytes()
            if key not in self._profiles:
                self._profiles[key] = self._compile(tuple(int(q) for q in placements[row]))
            out.append((self._profiles[key], np.flatnonzero(group == g)))
        return out

    def idle_times(self, profile: Profile, placements: Placements) -> NDArray[np.float64]:
        """(L, n) seconds that each qubit idles between its first gate and the end.

        The gates are read backwards with the time at which each qubit's remaining gates end, counted from the end of
        the circuit: in an as-late-as-possible schedule a gate starts there for the later of its qubits, and the other
        idles.
        """
        return self._schedule(profile, placements)[0]

    def durations(self, placements: Placements | Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """(L,) seconds from the first gate to the end of the readout, on (L, n) placements.

        Raises:
            ValueError: a placement does not fit the device.
            CapabilityError: the circuit needs routing on a placement.
        """
        places = check_placements(np.asarray(placements), self.circuit.num_qubits, self.calibration.num_qubits)
        reading = np.array([qubit.readout_seconds or 0.0 for qubit in self.calibration.qubits])
        seconds = reading[places].max(axis=1)
        for profile, rows in self.profiles(places):
            seconds[rows] += self._schedule(profile, places[rows])[1].max(axis=1)
        return seconds

    def _schedule(self, profile: Profile, placements: Placements) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(L, n) seconds that qubits idle, and (L, n) seconds from their first gate to the end of the gates."""
        finish = np.zeros(placements.shape)
        idle = np.zeros(placements.shape)
        for name, qubits in reversed(profile):
            start = finish[:, qubits].max(axis=1)
            seconds = self._seconds[name][tuple(placements[:, q] for q in qubits)]
            for q in qubits:
                idle[:, q] += start - finish[:, q]
                finish[:, q] = start + seconds
        return idle, finish

    def _gate(self, profile: Profile, places: Placements) -> NDArray[np.float64]:
        """(L,) product over the gates; equal gates are counted once with their number."""
        log = np.zeros(len(places))
        counts: dict[tuple[str, tuple[int, ...]], int] = {}
        for op in profile:
            counts[op] = counts.get(op, 0) + 1
        for (name, qubits), times in counts.items():
            log += times * self._log_success[name][tuple(places[:, q] for q in qubits)]
        return np.exp(log)

    def _idle(self, profile: Profile, places: Placements) -> NDArray[np.float64]:
        idle = self.idle_times(profile, places)
        relax, dephase = np.exp(-idle / self._times[:, places])
        if self.fidelity == "average":
            return (0.5 + relax / 6 + dephase / 3).prod(axis=1)
        return ((1 + relax + 2 * dephase) / 4).prod(axis=1)

    def _patterns(self, places: Placements) -> NDArray[np.int64]:
        """(L, columns) codes of what a placement offers: the gates on each qubit and, both ways, on each pair."""
        columns = [self._offers[0][places[:, i]] for i in range(places.shape[1])]
        for a, b in self.pairs:
            columns += [self._offers[1][places[:, a], places[:, b]], self._offers[1][places[:, b], places[:, a]]]
        return np.stack(columns, axis=1)

    def _compile(self, layout: tuple[int, ...]) -> Profile:
        """The gates that the device runs on one placement, compiled for its n qubits alone.

        Raises:
            CapabilityError: the circuit needs routing there.
        """
        placed = compile_in_place(self.calibration, self.calibration.gates, self.circuit, self.pairs, layout).circuit
        index = {bit: i for i, bit in enumerate(placed.qubits)}
        return tuple(
            (item.operation.name, tuple(index[q] for q in item.qubits))
            for item in placed.data
            if item.operation.name not in _NOT_RUN
        )

    @cached_property
    def _offers(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(N,) and (N, N) codes: places with the same code offer gates of the same names."""
        names: dict[tuple[int, ...], set[str]] = {}
        for gate in self.calibration.gates:
            names.setdefault(gate.qubits, set()).add(gate.name)
        codes = {kind: i for i, kind in enumerate(sorted({tuple(sorted(kind)) for kind in names.values()}), 1)}
        single, double = (np.zeros((self.calibration.num_qubits,) * k, np.int64) for k in (1, 2))
        for qubits, kind in names.items():
            (single if len(qubits) == 1 else double)[qubits] = codes[tuple(sorted(kind))]
        return single, double

    @cached_property
    def _log_success(self) -> dict[str, NDArray[np.float64]]:
        """log(1 - e) of every gate, over the qubits it may act on."""
        return self._table(self._log_of)

    @cached_property
    def _seconds(self) -> dict[str, NDArray[np.float64]]:
        """Duration of every gate, over the qubits it may act on."""
        return self._table(lambda gate: gate.seconds or 0.0)

    def _table(self, value: Any) -> dict[str, NDArray[np.float64]]:
        tables: dict[str, NDArray[np.float64]] = {}
        for gate in self.calibration.gates:
            shape = (self.calibration.num_qubits,) * len(gate.qubits)
            tables.setdefault(gate.name, np.full(shape, np.nan))[gate.qubits] = value(gate)
        return tables

    def _log_of(self, gate: Gate) -> float:
        unknown = 0.0 if len(gate.qubits) == 1 else 1.0
        error = unknown if gate.error is None else gate.error
        dim = 1 << len(gate.qubits)
        scale = 1.0 if self.fidelity == "average" else (dim + 1) / dim
        return float(np.log1p(-min(scale * error, _CERTAIN)))

    @cached_property
    def _readout(self) -> NDArray[np.float64]:
        return np.array([min(qubit.readout_error or 0.0, _CERTAIN) for qubit in self.calibration.qubits])

    @cached_property
    def _times(self) -> NDArray[np.float64]:
        """(2, N) T1 and T2."""
        return np.array([self.calibration.times(q) for q in range(self.calibration.num_qubits)]).T


def _row_codes(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """(L,) numbers that are equal where rows of small non-negative integers are; sorting them is much quicker."""
    base = int(table.max(initial=0)) + 1
    codes, size = np.zeros(len(table), np.int64), 1
    for column in table.T:
        if size > 2**62 // base:
            _, codes = np.unique(codes, return_inverse=True)
            size = len(table)
        codes, size = codes * base + column, size * base
    return codes
