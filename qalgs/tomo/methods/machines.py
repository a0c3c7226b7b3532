"""The machines of Local SFGD: what one is given, what it does in a round, and how their answers are averaged.

The driver sends the factor U (d, r) out and gets every machine's U_i (d, r) and the loss of its shard back; the data
never move again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import generator
from qalgs.tomo.data import CountsData
from qalgs.tomo.methods.base import Data
from qalgs.tomo.methods.starting import objective_of
from qalgs.tomo.operators.allpauli import Factor

_TURNED = 1e-3


@dataclass(frozen=True, eq=False)
class Machine:
    """What one machine is given before the first round: a task for any engine."""

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

    def build(self) -> Worker:
        """The machine at work."""
        return Worker(self)


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

    index: int
    """The machine's."""
    factor: Factor | None
    """(d, r) U_i after the local steps; None when there were none."""
    loss: float
    """f_i(U), the loss of the shard at the factor that was sent, before any step."""

    @property
    def nbytes(self) -> int:
        """Bytes of the factor."""
        return 0 if self.factor is None else self.factor.nbytes


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
    there = weights[[reply.index for reply in replies]]
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
