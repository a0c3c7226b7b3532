"""What the circuits of all players share: two-qubit gates, and slots for what happens to single qubits between them.

Axes: K points, m gate angles of a player, S slots, n qubits.

Circuits are compared, run and differentiated in this form. A gate rzz(x) is read as cx rz(x) cx and p(x) as rz(x) with
a phase x/2, so every angle turns a Pauli matrix: amplitudes have frequency 1/2 in it, and their derivative is half
their value at x + pi.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from qalgs.checks import argument
from qalgs_backends.lowering import Angles, Op, lower
from qalgs_backends.simulators.gates import Block, unitary
from qalgs_backends.simulators.statevector import StatevectorBackend

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]
Gate = tuple[str, tuple[int, ...]]
"""A two-qubit gate: its name and qubits."""
Place = tuple[int, int]
"""A qubit, and the number of two-qubit gates on it before."""

_SAME = 1e-12
_CUT = 1e-6
_WIDEST_PROBE = 12


@dataclass(frozen=True, eq=False)
class Branch:
    """One player's circuit in the slots of the frame."""

    angles: Angles
    """The m gate angles; the last is the global phase."""
    blocks: tuple[Block, ...]
    """The gates of each slot; some hold none."""
    phases: tuple[int, ...]
    """Angles of p gates, half of which belongs to the global phase."""

    @property
    def turning(self) -> NDArray[np.intp]:
        """Indices of the gate angles that move with the parameters, without the global phase."""
        return np.flatnonzero(self.angles.matrix[:-1].any(axis=1))

    def gate_angles(self, points: Real) -> Real:
        """(K, m) gate angles at the (K, p) points. Shifting one of them leaves the global phase alone."""
        values = self.angles(points)
        values[-1] += 0.5 * values[list(self.phases)].sum(axis=0)
        return values.T

    def unitaries(self, gate_angles: Real) -> tuple[Complex, Real]:
        """(K, S, 2, 2) matrices of determinant 1, and the (K,) global phases that go with them."""
        K = len(gate_angles)
        out = np.empty((K, len(self.blocks), 2, 2), complex)
        for s, block in enumerate(self.blocks):
            out[:, s] = np.broadcast_to(unitary(block, gate_angles.T), (2, 2, K)).transpose(2, 0, 1)
        # Determinants do not depend on the angles; one of -1 may come out on either side of the branch cut.
        turn = np.angle(np.linalg.det(out))
        halves = 0.5 * np.where(turn < -np.pi + _CUT, turn + 2 * np.pi, turn)
        return out * np.exp(-1j * halves)[..., None, None], gate_angles[:, -1] + halves.sum(axis=1)


@dataclass(frozen=True, eq=False)
class Frame:
    """The two-qubit gates that all players share, and the slots between them."""

    num_qubits: int
    steps: tuple[int | Op, ...]
    """In order of time: the number of a slot, or a two-qubit gate."""
    qubits: tuple[int, ...]
    """(S,) qubit of each slot."""
    fixed: dict[int, Complex]
    """Matrices of the slots that are the same for all players at all points; the others are free."""
    ends: int
    """Number of the first of the slots behind all two-qubit gates of their qubits; these come last."""

    @property
    def free(self) -> list[int]:
        """The F free slots."""
        return [s for s in range(len(self.qubits)) if s not in self.fixed]

    @property
    def fresh(self) -> list[int]:
        """Free slots that come before all two-qubit gates of their qubits, which are still in |0> there."""
        touched: set[int] = set()
        out: list[int] = []
        for step in self.steps:
            if isinstance(step, Op):
                touched.update(step.qubits)
            elif self.qubits[step] not in touched and step not in self.fixed:
                out.append(step)
        return out

    def mirrored(self) -> Frame:
        """The frame of U_left^dagger U_right, whose slots ``mirror`` fills."""
        S, B = len(self.qubits), self.ends
        cut = len(self.steps) - (S - B)
        back = tuple(S + B - 1 - step if isinstance(step, int) else step for step in reversed(self.steps[:cut]))
        fixed = {s: matrix if s < B else np.eye(2, dtype=complex) for s, matrix in self.fixed.items()}
        fixed |= {S + B - 1 - s: matrix.conj().T for s, matrix in self.fixed.items() if s < B}
        return Frame(self.num_qubits, self.steps + back, self.qubits + self.qubits[:B][::-1], fixed, S + B)


def read_players(circuits: Sequence[QuantumCircuit]) -> tuple[Frame, tuple[Branch, ...]]:
    """What ``circuits`` share and what they do not.

    Args:
        circuits: one per player, without measurements. Gates on one qubit may differ between them at will, the
            two-qubit gates not; rxx, ryy, rzx, controlled rotations and other composite gates are taken apart first.

    Raises:
        ValueError: there are none, one is measured, or two differ in their width or their two-qubit gates.
        CapabilityError: one holds something that is not a gate.
    """
    if not circuits:
        raise ValueError(argument("circuits", "hold at least one circuit", "it is empty"))
    read = [_read(circuit, k) for k, circuit in enumerate(circuits)]
    n, gates = circuits[0].num_qubits, read[0][1]
    for k, (circuit, (_, other, _, _)) in enumerate(zip(circuits, read, strict=True)):
        if circuit.num_qubits != n:
            raise ValueError(
                argument(f"circuits[{k}]", f"have {n} qubits, as the first", f"it has {circuit.num_qubits}")
            )
        if other != gates:
            at = next((i for i, pair in enumerate(zip(gates, other, strict=False)) if pair[0] != pair[1]), None)
            but = (
                f"it has {len(other)} of them, not {len(gates)}"
                if at is None
                else f"number {at} is {_named(other[at])}"
            )
            raise ValueError(argument(f"circuits[{k}]", "have the two-qubit gates of the first in their order", but))
    steps, places, ends = _order(n, gates, {place for _, _, held, _ in read for place in held})
    branches = tuple(
        Branch(angles, tuple(Block(place[0], tuple(held.get(place, ()))) for place in places), phases)
        for angles, _, held, phases in read
    )
    return Frame(n, steps, tuple(q for q, _ in places), _fixed(branches), ends), branches


def are_real(circuits: Sequence[QuantumCircuit]) -> bool:
    """Whether all states of all circuits have real amplitudes, judged at three random points; False beyond 12 qubits.

    An analytic function that vanishes at random points vanishes everywhere.
    """
    if circuits[0].num_qubits > _WIDEST_PROBE:
        return False
    exact, rng = StatevectorBackend(), np.random.default_rng(0)
    for circuit in circuits:
        points = rng.uniform(-np.pi, np.pi, (3, circuit.num_parameters))
        if abs(exact.state(exact.prepare(circuit), points).imag).max() > _SAME:
            return False
    return True


def _read(circuit: QuantumCircuit, player: int) -> tuple[Angles, list[Gate], dict[Place, list[Op]], tuple[int, ...]]:
    """Angles, two-qubit gates in an order that depends on nothing else, one-qubit gates by place, angles of p gates."""
    if not isinstance(circuit, QuantumCircuit):
        raise TypeError(argument(f"circuits[{player}]", "be a QuantumCircuit", f"it is a {type(circuit).__name__}"))
    lowered = lower(circuit, tuple(circuit.parameters))
    if lowered.measured:
        raise ValueError(argument(f"circuits[{player}]", "have no measurements", f"it has {len(lowered.measured)}"))
    level, before = [0] * circuit.num_qubits, [0] * circuit.num_qubits
    gates: list[tuple[int, str, tuple[int, ...]]] = []
    held: dict[Place, list[Op]] = {}
    phases: list[int] = []
    for op in (part for whole in lowered.ops[:-1] for part in _parts(whole)):
        if len(op.qubits) == 1:
            (q,) = op.qubits
            phases.extend([op.angle] if op.name == "p" else [])
            held.setdefault((q, before[q]), []).append(Op("rz", op.qubits, op.angle) if op.name == "p" else op)
            continue
        depth = 1 + max(level[q] for q in op.qubits)
        for q in op.qubits:
            level[q], before[q] = depth, before[q] + 1
        gates.append((depth, op.name, op.qubits if op.name == "cx" else tuple(sorted(op.qubits))))
    # Gates of equal depth act on different qubits, so they can stand in any order.
    return lowered.angles, [(name, qubits) for _, name, qubits in sorted(gates, key=_by_depth)], held, tuple(phases)


def _by_depth(gate: tuple[int, str, tuple[int, ...]]) -> Any:
    return gate[0], sorted(gate[2])


def _parts(op: Op) -> tuple[Op, ...]:
    if op.name != "rzz":
        return (op,)
    return Op("cx", op.qubits), Op("rz", op.qubits[1:], op.angle), Op("cx", op.qubits)


def _order(n: int, gates: Sequence[Gate], used: set[Place]) -> tuple[tuple[int | Op, ...], list[Place], int]:
    """Steps, the place (qubit, two-qubit gates before) of each slot, and the number of the first end slot."""
    steps: list[int | Op] = []
    places: list[Place] = []
    before = [0] * n

    def slot(q: int) -> None:
        if (q, before[q]) in used:
            steps.append(len(places))
            places.append((q, before[q]))

    for name, qubits in gates:
        for q in qubits:
            slot(q)
            before[q] += 1
        steps.append(Op(name, qubits))
    ends = len(places)
    for q in range(n):
        slot(q)
    return tuple(steps), places, ends


def _fixed(branches: Sequence[Branch]) -> dict[int, Complex]:
    """Matrices of the slots in which no angle moves and that are equal in all branches."""
    still = []
    for branch in branches:
        moving = {*branch.turning.tolist(), *(index for index, _ in branch.angles.curved)}
        table = branch.unitaries(branch.angles.offset[None])[0][0]
        still.append(
            [None if any(g.angle in moving for g in b.gates) else table[s] for s, b in enumerate(branch.blocks)]
        )
    fixed: dict[int, Complex] = {}
    for s, first in enumerate(still[0]):
        if first is not None and all(row[s] is not None and abs(row[s] - first).max() < _SAME for row in still):
            fixed[s] = first
    return fixed


def _named(gate: Gate) -> str:
    return f"{gate[0]} on {', '.join(map(str, gate[1]))}"
