"""Measured data: counts per setting, and expectation values per Pauli label.

Axes: S settings, n qubits, d = 2**n, m labels. Bit and letter conventions are in ``paulis``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import argument, finite_array
from qalgs.tomo.paulis import (
    Masks,
    Settings,
    contained_paulis,
    masks_from_labels,
    num_qubits_of,
    setting_masks,
    settings_from_text,
    settings_to_text,
)


@dataclass(frozen=True, eq=False)
class CountsData:
    """Counts of local measurement settings: what a device gives, and the richest form of the data."""

    settings: Settings
    """(S, n) letters, 0 X, 1 Y, 2 Z; column q belongs to qubit q."""
    counts: NDArray[np.int64]
    """(S, d) number of shots per outcome."""
    source: str = "given"
    """Where the counts come from."""
    complete: bool = True
    """False when the measurement was interrupted and later settings are missing."""

    def __post_init__(self) -> None:
        if len(self.settings) == 0:
            raise ValueError(argument("settings", "hold at least one setting", "the measurement set is empty"))
        counts = finite_array(self.counts, "counts", ndim=2)
        if counts.shape != (len(self.settings), 1 << self.settings.shape[1]):
            expected = (len(self.settings), 1 << self.settings.shape[1])
            raise ValueError(argument("counts", f"have shape {expected}", f"it is {counts.shape}"))
        for s, row in enumerate(counts):
            text = settings_to_text(self.settings[s : s + 1])[0]
            if (row < 0).any() or (row != np.rint(row)).any():
                raise ValueError(argument("counts", "hold whole numbers of at least 0", f"setting {text} does not"))
            if row.sum() == 0:
                raise ValueError(argument("counts", "hold at least one shot per setting", f"setting {text} has none"))
        object.__setattr__(self, "counts", counts.astype(np.int64))

    @classmethod
    def from_dict(cls, counts: dict[str, dict[str, int]]) -> CountsData:
        """Data from text, such as ``{"XX": {"00": 510, "11": 514}, "ZZ": {...}}``.

        Raises:
            ValueError: a setting or a bit string is malformed; it is named.
        """
        settings = settings_from_text(counts)
        table = np.zeros((len(settings), 1 << settings.shape[1]), np.int64)
        for row, (setting, outcomes) in zip(table, counts.items(), strict=True):
            for bits, number in outcomes.items():
                plain = bits.replace(" ", "")
                if len(plain) != settings.shape[1] or set(plain) - {"0", "1"}:
                    must = f"have bit strings of {settings.shape[1]} bits"
                    raise ValueError(argument("counts", must, f"setting {setting} has {bits!r}"))
                row[int(plain, 2)] += number
        return cls(settings, table)

    @property
    def num_qubits(self) -> int:
        """N."""
        return self.settings.shape[1]

    @property
    def shots(self) -> NDArray[np.int64]:
        """(S,) shots of each setting."""
        return self.counts.sum(axis=1)

    def __len__(self) -> int:
        return len(self.settings)

    def __str__(self) -> str:
        text = f"{len(self)} settings of {self.num_qubits} qubits, {self.shots.sum():,} shots, from {self.source}"
        return text if self.complete else text + " (interrupted)"

    @property
    def num_paulis(self) -> int:
        """How many different Paulis, the identity included, the settings contain."""
        seen = np.zeros(4**self.num_qubits, bool)
        for setting in self.settings:
            seen[contained_paulis(setting[None])] = True
        return int(np.count_nonzero(seen))

    def take(self, indices: NDArray[np.intp]) -> CountsData:
        """The data of some of the settings."""
        return replace(self, settings=self.settings[indices], counts=self.counts[indices])

    def split(self, machines: int, rng: np.random.Generator) -> list[CountsData]:
        """Random shards, equal in size to within one setting, each with its share of every number of Z letters."""
        shuffled = rng.permutation(len(self))
        zs = (self.settings[shuffled] == 2).sum(axis=1)
        ordered = shuffled[np.argsort(zs, kind="stable")]
        return [self.take(ordered[machine::machines]) for machine in range(machines)]

    def resample(self, rng: np.random.Generator) -> CountsData:
        """A bootstrap sample: as many shots per setting, drawn from the observed frequencies."""
        drawn = np.stack([rng.multinomial(row.sum(), row / row.sum()) for row in self.counts])
        return replace(self, counts=drawn)

    def paulis(self) -> PauliData:
        """Every Pauli that a setting contains, averaged over all settings that contain it, weighted by their shots."""
        dim, n = self.counts.shape[1], self.num_qubits
        x, z = setting_masks(self.settings)
        support = np.arange(dim, dtype=np.int64)
        total, shots = np.zeros(dim * dim), np.zeros(dim * dim)
        for s, parity in enumerate(_walsh_hadamard(self.counts, n)):
            index = (z[s] & support) * dim + (x[s] & support)
            total[index] += parity
            shots[index] += parity[0]
        seen = np.flatnonzero(shots)
        return PauliData(n, seen % dim, seen // dim, total[seen] / shots[seen], shots[seen])


@dataclass(frozen=True, eq=False)
class PauliData:
    """Expectation values of Pauli labels."""

    num_qubits: int
    x: Masks = field(repr=False)
    """(m,) X masks."""
    z: Masks = field(repr=False)
    """(m,) Z masks."""
    values: NDArray[np.float64] = field(repr=False)
    """(m,) expectation values."""
    shots: NDArray[np.float64] | None = field(default=None, repr=False)
    """(m,) shots behind each value; None when exact."""

    def __post_init__(self) -> None:
        if len(self.x) == 0:
            raise ValueError(argument("labels", "hold at least one Pauli", "the measurement set is empty"))
        values = finite_array(self.values, "values", ndim=1)
        if not len(values) == len(self.x) == len(self.z):
            raise ValueError(argument("values", f"have {len(self.x)} entries", f"it has {len(values)}"))
        if self.shots is not None:
            shots = finite_array(self.shots, "shots", ndim=1)
            if len(shots) != len(values) or (shots <= 0).any():
                raise ValueError(argument("shots", f"hold {len(values)} positive numbers", "it does not"))
        slack = 0.0 if self.shots is None else 5 / np.sqrt(self.shots)
        outside = np.flatnonzero(np.abs(values) > 1 + slack + 1e-9)
        if len(outside):
            k = outside[0]
            raise ValueError(argument("values", "lie in [-1, 1] within 5 standard errors", f"entry {k} is {values[k]}"))
        identity = values[(self.x == 0) & (self.z == 0)]
        if (np.abs(identity - 1) > 1e-6).any():
            raise ValueError(argument("values", "be 1 for the identity label", f"it is {identity[0]}: wrong trace"))
        object.__setattr__(self, "values", values)

    @classmethod
    def from_labels(
        cls, labels: list[str], values: NDArray[np.float64], shots: NDArray[np.float64] | None = None
    ) -> PauliData:
        """Data from text labels, qubit 0 rightmost.

        Raises:
            ValueError: a label is malformed, a value is outside [-1, 1], or lengths differ.
        """
        x, z, n = masks_from_labels(labels)
        return cls(n, x, z, np.asarray(values, float), shots)

    @classmethod
    def simulate(
        cls, state: NDArray[np.complexfloating], fraction: float, shots: int | None, rng: np.random.Generator
    ) -> PauliData:
        """The model of the low-rank recovery papers: labels drawn uniformly, each measured on its own.

        Args:
            state: (d,) normalised state vector or (d, r) factor.
            fraction: share of the 4**n labels, in (0, 1]; the identity is always among them.
            shots: shots per label; None for exact values.
            rng: draws labels and outcomes.
        """
        from qalgs.tomo.operators import AllPauli

        U = np.atleast_2d(np.asarray(state, np.complex128).T).T
        dim = len(U)
        n = num_qubits_of(dim, "state")
        operator = AllPauli(n)
        grid = operator.grid(operator.forward(U) * operator.signs())
        chosen = np.flatnonzero(rng.random(dim * dim) < fraction)
        chosen = np.union1d([0], chosen).astype(np.int64)
        z, x = chosen // dim, (chosen // dim) ^ (chosen % dim)
        values = np.clip(grid.reshape(-1)[chosen], -1, 1)
        if shots is None:
            return cls(n, x, z, values)
        sampled = 2 * rng.binomial(shots, (1 + values) / 2) / shots - 1
        return cls(n, x, z, sampled, np.full(len(x), float(shots)))

    def __len__(self) -> int:
        return len(self.values)

    def __str__(self) -> str:
        share = len(self) / 4**self.num_qubits
        return f"{len(self):,} of {4**self.num_qubits:,} Paulis ({share:.1%}) of {self.num_qubits} qubits"

    @property
    def num_paulis(self) -> int:
        """How many different Paulis, the identity included, were measured."""
        return len(np.union1d(self.z * 2**self.num_qubits + self.x, [0]))

    def take(self, indices: NDArray[np.intp]) -> PauliData:
        """The data of some of the labels."""
        shots = None if self.shots is None else self.shots[indices]
        return replace(self, x=self.x[indices], z=self.z[indices], values=self.values[indices], shots=shots)

    def split(self, machines: int, rng: np.random.Generator) -> list[PauliData]:
        """Random shards, equal in size to within one label."""
        shuffled = rng.permutation(len(self))
        return [self.take(shuffled[machine::machines]) for machine in range(machines)]

    def resample(self, rng: np.random.Generator) -> PauliData:
        """A bootstrap sample: each value drawn anew with its own number of shots; exact data is returned as it is."""
        if self.shots is None:
            return self
        shots = np.rint(self.shots).astype(np.int64)
        drawn = rng.binomial(shots, np.clip((1 + self.values) / 2, 0, 1))
        return replace(self, values=2 * drawn / shots - 1)


def _walsh_hadamard(counts: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """(S, d): sum_b (-1)^{w . b} counts[b] for every mask w."""
    from scipy.linalg import hadamard

    low = n // 2
    table = counts.astype(float).reshape(len(counts), 1 << (n - low), 1 << low)
    both = hadamard(1 << (n - low)).astype(float) @ table @ hadamard(1 << low).astype(float)
    return both.reshape(len(counts), -1)
