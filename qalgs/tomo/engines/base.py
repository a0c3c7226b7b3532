"""What every engine agrees on: what a machine is given once, what it is asked each round, and what it answers.

The driver sends the factor U (d, r) out and gets every machine's U_i (d, r) and the loss of its shard back; the data
never move again. The answer depends on the machine, the round and U only, not on the process that computes it: so
every engine gives the same numbers, bit for bit where the processes use the same number of BLAS threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import generator
from qalgs.tomo.data import CountsData
from qalgs.tomo.methods import Data
from qalgs.tomo.operators.allpauli import Factor
from qalgs.tomo.starting import objective_of

_TURNED = 1e-3


@dataclass(frozen=True, eq=False)
class Machine:
    """What one machine is given before the first round; plain values that any engine can send."""

    index: int
    """i, in 0..M-1; averages are taken in this order."""
    data: Data
    """Its shard."""
    seed: np.random.SeedSequence
    """Its stream of minibatches; the round is the last part of the key."""
    batch: int | None = None
    """b, or None for the objective's default."""
    floor: float = 0.0
    """White noise in the likelihood's model."""
    align: bool = False
    """Whether to rotate U_i onto the broadcast U before sending it back."""


@dataclass(frozen=True, eq=False)
class RoundSpec:
    """What the machines are asked to do with the factor they are sent."""

    index: int
    """Rounds completed before this one; part of the key of the minibatches."""
    step_sizes: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """(h,) the local steps; with none of them only the loss is wanted, and U_i is U."""


@dataclass(frozen=True, eq=False)
class Reply:
    """What a machine answers."""

    machine: int
    factor: Factor | None
    """(d, r) U_i after the local steps; None when there were none."""
    loss: float
    """f_i(U), the loss of the shard at the factor that was sent, before any step."""


class Session(Protocol):
    """Machines that have their shards and wait for rounds."""

    bytes: int
    """Bytes of the factors sent to machines and received from them, each machine counted as if it stood alone."""

    def round(self, factor: Factor, spec: RoundSpec) -> list[Reply]:
        """The replies, in order of the machine; those of all machines unless there is a deadline.

        Raises:
            ExecutionError: a machine failed, or was lost for good.
        """
        ...

    def close(self) -> None:
        """Let the machines forget their shards; the engine goes on."""
        ...


class Engine(Protocol):
    """Where the machines are."""

    def place(self, machines: Sequence[Machine], *, deadline: float | None = None) -> Session:
        """Hand out the shards.

        Args:
            machines: in order of their index.
            deadline: seconds after which a round goes on without the machines that have not answered, as long as
                half of them have; None waits for all.
        """
        ...

    def close(self) -> None:
        """End every process that the engine started; sessions end with it."""
        ...


class Worker:
    """One machine at work, in whatever process."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._objective = objective_of(machine.data, machine.floor)

    def run(self, factor: Factor, spec: RoundSpec) -> Reply:
        """The loss at ``factor``, and U_i <- U_i - eta_t G_i(U_i) for every step size."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the driver undoes what diverges
            loss = self._objective.loss(factor)
            moved = self._descend(factor, spec) if len(spec.step_sizes) else None
            if moved is not None and self.machine.align:
                moved = aligned(moved, factor)
        return Reply(self.machine.index, moved, loss)

    def _descend(self, U: Factor, spec: RoundSpec) -> Factor:
        size = self._objective.size
        wanted = self._objective.default_batch if self.machine.batch is None else self.machine.batch
        batch = min(size, wanted)
        rng = generator(self.machine.seed, spec.index)
        for step_size in spec.step_sizes:
            indices = None if batch == size else rng.integers(size, size=batch)
            U = U - step_size * self._objective.direction(U, indices)
        return U


class Host:
    """One process and the machines in it, for any number of sessions."""

    def __init__(self) -> None:
        self._workers: dict[int, list[Worker]] = {}

    def place(self, session: int, machines: Sequence[Machine]) -> None:
        """Build the machines of a session."""
        self._workers[session] = [Worker(machine) for machine in machines]

    def round(self, session: int, factor: Factor, spec: RoundSpec) -> list[Reply]:
        """The replies of this process's machines."""
        return [worker.run(factor, spec) for worker in self._workers[session]]

    def drop(self, session: int) -> None:
        """Forget a session."""
        self._workers.pop(session, None)

    def holds(self, session: int) -> bool:
        """Whether this process has the machines of ``session``."""
        return session in self._workers


def weights_of(shards: Sequence[Data]) -> NDArray[np.float64]:
    """(M,) w_i of the shards: f = sum_i w_i f_i and U = sum_i w_i U_i have the pooled loss and estimate.

    A loss is a mean over shots for counts and over labels for Pauli values, so w_i is N_i / N or m_i / m.
    """
    sizes = [int(shard.shots.sum()) if isinstance(shard, CountsData) else len(shard) for shard in shards]
    return np.array([size / sum(sizes) for size in sizes])


def pooled(replies: Sequence[Reply], weights: NDArray[np.float64]) -> tuple[float, Factor | None]:
    """The loss sum_i w_i f_i and the average sum_i w_i U_i of the machines that answered, their w_i adding up to 1.

    Summed in order of the machine, and by nothing but additions, so that every engine rounds alike.
    """
    there = weights[[reply.machine for reply in replies]]
    there = there if len(there) == len(weights) else there / there.sum()
    loss = float(sum(w * reply.loss for w, reply in zip(there, replies, strict=True)))
    factors = [w * reply.factor for w, reply in zip(there, replies, strict=True) if reply.factor is not None]
    return loss, np.sum(factors, axis=0) if factors else None


def aligned(U: Factor, onto: Factor) -> Factor:
    """``U`` times the unitary that brings it closest to ``onto``; the state U U^dagger stays as it is.

    With the polar decomposition U^dagger V = R H, U R is closest to V in Frobenius norm (orthogonal Procrustes).
    Directions of the gradient do not rotate a factor to first order, so nothing is done where U^dagger V is Hermitian
    to one part in a thousand.
    """
    overlap = U.conj().T @ onto
    if not np.isfinite(overlap).all():
        return U
    if np.linalg.norm(overlap - overlap.conj().T) <= _TURNED * np.linalg.norm(overlap):
        return U
    left, _, right = np.linalg.svd(overlap)
    return U @ (left @ right)


def traffic(factor: Factor, replies: Sequence[Reply], sent: int) -> int:
    """Bytes of ``factor`` sent to ``sent`` machines and of the factors in ``replies``."""
    return sent * factor.nbytes + sum(reply.factor.nbytes for reply in replies if reply.factor is not None)


def shares(machines: Sequence[Machine], hosts: int) -> Mapping[int, list[Machine]]:
    """Which host has which machines: in turn, so that the numbers differ by at most one."""
    return {host: list(machines[host::hosts]) for host in range(min(hosts, len(machines)))}
