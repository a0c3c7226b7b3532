"""Expectation values per Pauli label: the data of the low-rank recovery papers.

Axes: n qubits, d = 2**n, m labels. Bit and letter conventions are in ``paulis``.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import argument, finite_array, positive_int, real
from qalgs.results import load_record, save_record
from qalgs.tomo.data import formats
from qalgs.tomo.errors import DataWarning
from qalgs.tomo.operators.paulis import Masks, labels_from_masks, masks_from_labels, num_qubits_of

_SIGMAS = 5
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class PauliData:
    """Expectation values of Pauli labels."""

    num_qubits: int
    x: Masks = field(repr=False)
    """(m,) X masks."""
    z: Masks = field(repr=False)
    """(m,) Z masks."""
    values: NDArray[np.float64] = field(repr=False)
    """(m,) expectation values; mitigated ones may be a little outside [-1, 1]."""
    shots: NDArray[np.float64] | None = field(default=None, repr=False)
    """(m,) shots behind each value, or as many as are worth the same; None when exact."""
    values_err: NDArray[np.float64] | None = field(default=None, repr=False)
    """(m,) standard errors where they are not sqrt((1 - y**2) / shots), as after readout mitigation."""

    def __post_init__(self) -> None:
        if len(self.x) == 0:
            raise ValueError(argument("labels", "hold at least one Pauli", "the measurement set is empty"))
        values = finite_array(self.values, "values", ndim=1)
        if not len(values) == len(self.x) == len(self.z):
            raise ValueError(argument("values", f"have {len(self.x)} entries", f"it has {len(values)}"))
        object.__setattr__(self, "values", values)
        for name, low in (("shots", 0.0), ("values_err", -np.inf)):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, self._checked(given, name, low))
        if self.values_err is not None and self.shots is None:
            raise ValueError(argument("values_err", "come with `shots`", "these are None"))
        self._check_range()

    def _checked(self, given: ArrayLike, name: str, low: float) -> NDArray[np.float64]:
        array = finite_array(given, name, ndim=1)
        if len(array) != len(self.values):
            raise ValueError(argument(name, f"hold {len(self.values)} positive numbers", f"it has {len(array)}"))
        bad = np.flatnonzero(array <= low if np.isfinite(low) else array < 0)
        if len(bad):
            must = f"hold {len(self.values)} positive numbers"
            raise ValueError(argument(name, must, f"that of label {self._label(bad[0])} is {array[bad[0]]:g}"))
        return array

    def _check_range(self) -> None:
        slack = 0.0 if self.shots is None else _SIGMAS / np.sqrt(self.shots)
        outside = np.flatnonzero(np.abs(self.values) > 1 + slack + _ROUNDING)
        if len(outside):
            k = outside[0]
            but = f"entry {k} is {self.values[k]:g}, label {self._label(k)}"
            raise ValueError(argument("values", f"lie in [-1, 1] within {_SIGMAS} standard errors", but))
        identity = self.values[(self.x == 0) & (self.z == 0)]
        if (np.abs(identity - 1) > 1e-6).any():
            label = "I" * self.num_qubits
            but = f"that of {label} is {identity[0]:g}: wrong trace; `normalise=True` rescales"
            raise ValueError(argument("values", "be 1 for the identity label", but))

    def _label(self, index: int) -> str:
        return labels_from_masks(self.x[index : index + 1], self.z[index : index + 1], self.num_qubits)[0]

    @classmethod
    def from_labels(
        cls,
        labels: Sequence[str],
        values: ArrayLike,
        shots: ArrayLike | None = None,
        *,
        values_err: ArrayLike | None = None,
        normalise: bool = False,
    ) -> PauliData:
        """Data from text labels, qubit 0 rightmost.

        A label that occurs twice is averaged, weighted by its shots. Values a little outside [-1, 1], as mitigation
        gives them, are kept with a ``DataWarning``.

        Args:
            labels: m labels such as ``"XIZ"``.
            values: (m,) expectation values.
            shots: (m,) shots behind each value, or one number for all; None or 0 when exact.
            values_err: (m,) standard errors where they are not those of ``shots`` outcomes of +1 and -1.
            normalise: divide all values by that of the identity label.

        Raises:
            ValueError: a label is malformed, a value is more than 5 standard errors outside [-1, 1], the identity's
                value is not 1, or lengths differ; the label is named.
        """
        x, z, n = masks_from_labels(labels)
        y = finite_array(values, "values", ndim=1)
        number = _per_label(shots, len(x), "shots")
        err = None if values_err is None else _per_label(values_err, len(x), "values_err")
        if normalise:
            y = y / _identity(x, z, y, n)
        data = cls(n, x, z, y, number, err)
        outside = np.flatnonzero(np.abs(data.values) > 1 + _ROUNDING)
        if len(outside):
            k = outside[0]
            text = (
                f"{len(outside)} of {len(data)} values are outside [-1, 1], such as {data.values[k]:g} of {labels[k]}"
            )
            warnings.warn(f"{text}; they are within 5 standard errors and used as they are.", DataWarning, stacklevel=2)
        return data.combined()

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

        Raises:
            ValueError: ``fraction`` or ``shots`` is out of range, or the state has no power of two of amplitudes.
        """
        from qalgs.tomo.operators import AllPauli

        real(fraction, "fraction", above=0, high=1)
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
        sampled = 2 * rng.binomial(positive_int(shots, "shots"), (1 + values) / 2) / shots - 1
        return cls(n, x, z, sampled, np.full(len(x), float(shots)))

    @classmethod
    def from_file(cls, path: str | Path) -> PauliData:
        """Data from a ``.json`` or ``.csv`` file.

        JSON: ``{"labels": ["XX", "ZI"], "values": [0.98, 0.01], "shots": [1000, 1000]}``; ``shots`` may be one number,
        null or left out (exact), and ``values_err`` may be added.
        CSV: a header ``label,value,shots`` with optional columns ``shots`` and ``values_err``; one label per row.

        Raises:
            ValueError: the file is malformed, or the data are refused as by ``from_labels``.
            OSError: it cannot be read.
        """
        return cls.from_labels(**formats.read_paulis(Path(path)))

    def to_file(self, path: str | Path) -> None:
        """Write what ``from_file`` reads; the suffix says which format.

        Raises:
            ValueError: the suffix is neither ``.json`` nor ``.csv``.
            OSError: it cannot be written.
        """
        labels = labels_from_masks(self.x, self.z, self.num_qubits)
        columns = {"values": self.values, "shots": self.shots, "values_err": self.values_err}
        formats.write_paulis(Path(path), labels, columns)

    def save(self, path: str | Path) -> None:
        """Write ``path.npz`` (arrays) and ``path.json`` (facts)."""
        arrays = {"x": self.x, "z": self.z, "values": self.values, "shots": self.shots, "values_err": self.values_err}
        known = {name: array for name, array in arrays.items() if array is not None}
        save_record(path, known, {"format": "qalgs-paulis", "num_qubits": self.num_qubits})

    @classmethod
    def load(cls, path: str | Path) -> PauliData:
        """What ``save`` wrote.

        Raises:
            ValueError: the file holds something else.
            OSError: it cannot be read.
        """
        arrays, facts = load_record(path)
        formats.check_format(facts, "qalgs-paulis", Path(path))
        return cls(num_qubits=facts["num_qubits"], **arrays)

    def __len__(self) -> int:
        return len(self.values)

    def __str__(self) -> str:
        share = len(self) / 4**self.num_qubits
        return f"{len(self):,} of {4**self.num_qubits:,} Paulis ({share:.1%}) of {self.num_qubits} qubits"

    @property
    def num_paulis(self) -> int:
        """How many different Paulis, the identity included, were measured."""
        return len(np.union1d(self.z * 2**self.num_qubits + self.x, [0]))

    @property
    def errors(self) -> NDArray[np.float64]:
        """(m,) standard errors of the values; 0 where they are exact."""
        if self.shots is None:
            return np.zeros(len(self))
        if self.values_err is not None:
            return self.values_err
        return np.sqrt((1 - np.clip(self.values, -1, 1) ** 2) / self.shots)

    def take(self, indices: NDArray[np.intp]) -> PauliData:
        """The data of some of the labels."""
        shots = None if self.shots is None else self.shots[indices]
        err = None if self.values_err is None else self.values_err[indices]
        return replace(
            self, x=self.x[indices], z=self.z[indices], values=self.values[indices], shots=shots, values_err=err
        )

    def split(self, machines: int, rng: np.random.Generator) -> list[PauliData]:
        """Random shards, equal in size to within one label."""
        shuffled = rng.permutation(len(self))
        return [self.take(shuffled[machine::machines]) for machine in range(machines)]

    def merge(self, other: PauliData) -> PauliData:
        """The data of two measurements of the same state; a label of both is averaged, weighted by its shots.

        Raises:
            ValueError: the numbers of qubits differ, or only one of the two is exact.
        """
        if other.num_qubits != self.num_qubits:
            raise ValueError(argument("other", f"have {self.num_qubits} qubits", f"it has {other.num_qubits}"))
        if (self.shots is None) != (other.shots is None):
            raise ValueError(argument("other", "be exact like the first, or both have shots", "only one is exact"))
        err = None
        if self.values_err is not None or other.values_err is not None:
            err = np.concatenate([self.errors, other.errors])
        x, z = np.concatenate([self.x, other.x]), np.concatenate([self.z, other.z])
        values = np.concatenate([self.values, other.values])
        shots = None if self.shots is None or other.shots is None else np.concatenate([self.shots, other.shots])
        return PauliData(self.num_qubits, x, z, values, shots, err).combined()

    def combined(self) -> PauliData:
        """Each label once: values averaged, weighted by shots; shots added up."""
        dim = 1 << self.num_qubits
        index, first, place = np.unique(self.z * dim + self.x, return_index=True, return_inverse=True)
        if len(index) == len(self):
            return self
        weight = np.ones(len(self)) if self.shots is None else self.shots
        total = np.bincount(place, weight).astype(float)
        values = np.bincount(place, weight * self.values) / total
        shots = None if self.shots is None else total
        err = None
        if self.values_err is not None:
            err = np.sqrt(np.bincount(place, (weight * self.values_err) ** 2)) / total
        return PauliData(self.num_qubits, self.x[first], self.z[first], values, shots, err)

    def thin(self, fraction: float, rng: np.random.Generator) -> tuple[PauliData, PauliData]:
        """Two independent data sets with shares 1 - ``fraction`` and ``fraction`` of the shots of each label.

        The value is split with Gaussian noise, y + e s sqrt((1 - f) / f) and y - e s sqrt(f / (1 - f)) with its
        standard error s: the two are uncorrelated, and their weighted mean is y.

        Raises:
            ValueError: ``fraction`` is not between 0 and 1, or the data are exact.
        """
        f = real(fraction, "fraction", above=0, high=1 - 1e-9)
        if self.shots is None:
            raise ValueError(argument("data", "have shots to be thinned", "its values are exact"))
        noise = self.errors * rng.normal(size=len(self))
        kept = self._part(self.values - noise * np.sqrt(f / (1 - f)), 1 - f)
        return kept, self._part(self.values + noise * np.sqrt((1 - f) / f), f)

    def _part(self, values: NDArray[np.float64], share: float) -> PauliData:
        assert self.shots is not None
        shots, err = self.shots * share, self.errors / np.sqrt(share)
        slack = _SIGMAS / np.sqrt(shots)
        return replace(self, values=np.clip(values, -1 - slack, 1 + slack), shots=shots, values_err=err)

    def resample(self, rng: np.random.Generator) -> PauliData:
        """A bootstrap sample: each value drawn anew with its own number of shots; exact data is returned as it is."""
        if self.shots is None:
            return self
        return self.drawn(self.values, rng)

    def drawn(self, values: NDArray[np.float64], rng: np.random.Generator) -> PauliData:
        """Data such as these from a state with the expectation values ``values`` (m,)."""
        if self.shots is None:
            return replace(self, values=values)
        if self.values_err is not None:
            slack = _SIGMAS / np.sqrt(self.shots)
            noisy = values + self.values_err * rng.normal(size=len(self))
            return replace(self, values=np.clip(noisy, -1 - slack, 1 + slack))
        shots = np.maximum(np.rint(self.shots).astype(np.int64), 1)
        outcomes = rng.binomial(shots, np.clip((1 + values) / 2, 0, 1))
        return replace(self, values=2 * outcomes / shots - 1)


def _per_label(given: ArrayLike | None, labels: int, name: str) -> NDArray[np.float64] | None:
    """One number per label; None for None and for the number 0."""
    if given is None:
        return None
    array = finite_array(given, name)
    if array.ndim:
        return array
    return np.full(labels, float(array)) if array != 0 else None


def _identity(x: Masks, z: Masks, values: NDArray[np.float64], n: int) -> float:
    found = values[(x == 0) & (z == 0)]
    if len(found) == 0 or found.mean() <= 0:
        but = f"{'I' * n} is missing" if len(found) == 0 else f"it is {found.mean():g}"
        raise ValueError(argument("values", "hold a positive value of the identity to be normalised by", but))
    return float(found.mean())
