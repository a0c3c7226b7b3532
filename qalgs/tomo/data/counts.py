"""Counts of local measurement settings: what a device gives, and the richest form of the data.

Axes: S settings, n qubits, d = 2**n. Bit and letter conventions are in ``paulis``.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import argument, finite_array, real
from qalgs.results import load_record, save_record
from qalgs.tomo.data import formats
from qalgs.tomo.data.pauli_data import PauliData
from qalgs.tomo.data.pauli_table import pauli_table
from qalgs.tomo.data.readout import ReadoutLike, as_readout
from qalgs.tomo.operators.paulis import Settings, contained_paulis, settings_to_text

_log = logging.getLogger(__name__)

_ROUNDING = 1e-9


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
    readout: NDArray[np.float64] | None = None
    """(n, 2, 2) confusion matrices [qubit, read, true] of the readout, which fits then take into account; None where
    readout errors count as part of the state."""

    def __post_init__(self) -> None:
        if len(self.settings) == 0:
            raise ValueError(argument("settings", "hold at least one setting", "the measurement set is empty"))
        counts = finite_array(self.counts, "counts", ndim=2)
        if counts.shape != (len(self.settings), 1 << self.settings.shape[1]):
            expected = (len(self.settings), 1 << self.settings.shape[1])
            raise ValueError(argument("counts", f"have shape {expected}", f"it is {counts.shape}"))
        whole = np.rint(counts)
        odd = (counts < 0).any(axis=1) | (np.abs(counts - whole) > _ROUNDING).any(axis=1)
        if odd.any():
            raise ValueError(
                argument("counts", "hold whole numbers of at least 0", f"setting {self._text(odd)} does not")
            )
        empty = whole.sum(axis=1) == 0
        if empty.any():
            raise ValueError(
                argument("counts", "hold at least one shot per setting", f"setting {self._text(empty)} has none")
            )
        object.__setattr__(self, "counts", whole.astype(np.int64))
        if self.readout is not None:
            object.__setattr__(self, "readout", as_readout(self.readout, self.num_qubits))

    def _text(self, which: ArrayLike) -> str:
        first = int(np.argmax(which))
        return settings_to_text(self.settings[first : first + 1])[0]

    @classmethod
    def from_dict(
        cls,
        counts: Mapping[str, Mapping[str, float]],
        *,
        shots: int | Mapping[str, int] | None = None,
        readout: ReadoutLike = None,
        source: str = "given",
        complete: bool = True,
    ) -> CountsData:
        """Data from text, such as ``{"XX": {"00": 510, "11": 514}, "ZZ": {...}}``.

        Args:
            counts: shots per bit string, per setting; qubit 0 is rightmost, letters may be small, spaces in bit strings
                are left out. Settings that differ in nothing else have their counts added up.
            shots: how many shots each setting should have; one number, or one per setting. Up to 1 % may be missing,
                with a ``DataWarning``; the counts are what is used.
            readout: (n, 2, 2) confusion matrices [qubit, read, true], or a ``ReadoutCalibration``.
            source: where the counts come from.
            complete: False where later settings are missing.

        Raises:
            TypeError: the counts of a setting are not a mapping of numbers.
            ValueError: a setting or a bit string is malformed, counts are negative or not whole, or more than 1 % of
                the declared shots are missing; it is named.
        """
        return cls._from_lists(list(counts), list(counts.values()), shots, readout, source, complete)

    @classmethod
    def from_qiskit(
        cls,
        result: Any,
        settings: Sequence[str],
        *,
        shots: int | None = None,
        readout: ReadoutLike = None,
        source: str = "qiskit",
    ) -> CountsData:
        """Data from circuits that were run with Qiskit.

        Args:
            result: counts per circuit or parameter point: a ``Result``, a ``PrimitiveResult`` of a sampler, a
                ``BitArray``, dicts of bit strings, or a sequence of these; classical bit q read qubit q.
            settings: what each of them measured, such as ``["XX", "ZZ"]``.
            shots: as in ``from_dict``.
            readout: as in ``from_dict``.
            source: where the counts come from.

        Raises:
            TypeError: ``result`` is none of these.
            ValueError: it holds another number of counts than there are settings, or as in ``from_dict``.
        """
        found = formats.qiskit_counts(result)
        if len(found) != len(settings):
            raise ValueError(
                argument("settings", f"name the {len(found)} counts of the result", f"it has {len(settings)}")
            )
        return cls._from_lists(list(settings), found, shots, readout, source, True)

    @classmethod
    def from_file(cls, path: str | Path) -> CountsData:
        """Data from a ``.json`` or ``.csv`` file.

        JSON: ``{"counts": {"XX": {"00": 510, "11": 514}}, "shots": 1024, "readout": [[[0.99, 0.03], [0.01, 0.97]]],
        "source": "...", "complete": true}`` where all but ``counts`` may be left out; or only what is under ``counts``.
        CSV: a header ``setting,outcome,count`` and one outcome per row, such as ``XX,00,510``.

        Raises:
            ValueError: the file is malformed, or the data are refused as by ``from_dict``.
            OSError: it cannot be read.
        """
        return cls.from_dict(**{"source": str(path), **formats.read_counts(Path(path))})

    def to_file(self, path: str | Path) -> None:
        """Write what ``from_file`` reads; the suffix says which format. CSV keeps nothing but the counts.

        Raises:
            ValueError: the suffix is neither ``.json`` nor ``.csv``.
            OSError: it cannot be written.
        """
        n = self.num_qubits
        counts = {
            text: {format(b, f"0{n}b"): int(row[b]) for b in np.flatnonzero(row)}
            for text, row in zip(settings_to_text(self.settings), self.counts, strict=True)
        }
        facts: dict[str, Any] = {"source": self.source, "complete": self.complete}
        if self.readout is not None:
            facts["readout"] = self.readout.tolist()
        formats.write_counts(Path(path), counts, facts)

    @classmethod
    def _from_lists(
        cls,
        texts: Sequence[str],
        outcomes: Sequence[Mapping[str, float]],
        shots: int | Mapping[str, int] | None,
        readout: ReadoutLike,
        source: str,
        complete: bool,
    ) -> CountsData:
        settings, table = formats.outcome_table(texts, outcomes)
        formats.check_declared(texts, table, shots)
        matrices = None if readout is None else as_readout(readout, settings.shape[1])
        return cls(settings, table, source, complete, matrices).combined()  # pyright: ignore[reportArgumentType]

    def save(self, path: str | Path) -> None:
        """Write ``path.npz`` (arrays) and ``path.json`` (facts)."""
        arrays: dict[str, NDArray[Any]] = {"settings": self.settings, "counts": self.counts}
        if self.readout is not None:
            arrays["readout"] = self.readout
        save_record(path, arrays, {"format": "qalgs-counts", "source": self.source, "complete": self.complete})

    @classmethod
    def load(cls, path: str | Path) -> CountsData:
        """What ``save`` wrote.

        Raises:
            ValueError: the file holds something else.
            OSError: it cannot be read.
        """
        arrays, facts = load_record(path)
        formats.check_format(facts, "qalgs-counts", Path(path))
        return cls(source=facts["source"], complete=facts["complete"], **arrays)

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
        if self.readout is not None:
            text += ", readout calibrated"
        return text if self.complete else text + " (interrupted)"

    @property
    def num_paulis(self) -> int:
        """How many different Paulis, the identity included, the settings contain."""
        seen = np.zeros(4**self.num_qubits, bool)
        for setting in self.settings:
            seen[contained_paulis(setting[None])] = True
        return int(np.count_nonzero(seen))

    def digest(self) -> str:
        """A SHA-256 of settings, counts and readout; equal for equal data."""
        parts = [self.settings, self.counts] + ([] if self.readout is None else [self.readout])
        return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()

    def take(self, indices: NDArray[np.intp]) -> CountsData:
        """The data of some of the settings."""
        return replace(self, settings=self.settings[indices], counts=self.counts[indices])

    def split(self, machines: int, rng: np.random.Generator) -> list[CountsData]:
        """Random shards, equal in size to within one setting, each with its share of every number of Z letters."""
        shuffled = rng.permutation(len(self))
        zs = (self.settings[shuffled] == 2).sum(axis=1)
        ordered = shuffled[np.argsort(zs, kind="stable")]
        return [self.take(ordered[machine::machines]) for machine in range(machines)]

    def combined(self) -> CountsData:
        """Each setting once, in the order of first appearance, the counts of repeated ones added up."""
        _, first, place = np.unique(self.settings, axis=0, return_index=True, return_inverse=True)
        if len(first) == len(self):
            return self
        _log.info("%d repeated settings were added up.", len(self) - len(first))
        order = np.argsort(first)
        counts = np.zeros((len(first), self.counts.shape[1]), np.int64)
        np.add.at(counts, np.argsort(order)[place.reshape(-1)], self.counts)
        return replace(self, settings=self.settings[first[order]], counts=counts)

    def merge(self, other: CountsData) -> CountsData:
        """The data of two measurements of the same state; the counts of settings of both are added up.

        Raises:
            ValueError: the numbers of qubits or the readout errors differ.
        """
        if other.num_qubits != self.num_qubits:
            raise ValueError(argument("other", f"have {self.num_qubits} qubits", f"it has {other.num_qubits}"))
        mine, theirs = self.readout, other.readout
        same = mine is theirs or (mine is not None and theirs is not None and np.array_equal(mine, theirs))
        if not same:
            raise ValueError(argument("other", "have the same `readout`", "it differs: fit one of them"))
        source = self.source if self.source == other.source else f"{self.source}; {other.source}"
        joined = np.concatenate([self.settings, other.settings]), np.concatenate([self.counts, other.counts])
        return CountsData(*joined, source, self.complete and other.complete, mine).combined()

    def marginal(self, qubits: Sequence[int]) -> CountsData:
        """The data of some of the qubits; qubit i of the answer is ``qubits[i]``.

        Settings that agree on these qubits are added up.

        Raises:
            ValueError: a qubit is not among those of the data, or repeated, or there are none.
        """
        kept = check_subset(qubits, self.num_qubits)
        outcome = np.arange(self.counts.shape[1])
        place = sum((outcome >> q & 1) << i for i, q in enumerate(kept))
        counts = np.zeros((len(self), 1 << len(kept)), np.int64)
        np.add.at(counts.T, place, self.counts.T)
        readout = None if self.readout is None else self.readout[kept]
        return replace(self, settings=self.settings[:, kept], counts=counts, readout=readout).combined()

    def thin(self, fraction: float, rng: np.random.Generator) -> tuple[CountsData, CountsData]:
        """Two independent data sets: each shot goes to the second with probability ``fraction``, else to the first.

        Settings that are left without a shot are left out.

        Raises:
            ValueError: ``fraction`` is not between 0 and 1, or one of the two would be empty.
        """
        fraction = real(fraction, "fraction", above=0, high=1 - 1e-9)
        held = rng.binomial(self.counts, fraction)
        return self._nonempty(self.counts - held), self._nonempty(held)

    def _nonempty(self, counts: NDArray[np.int64]) -> CountsData:
        kept = counts.sum(axis=1) > 0
        return replace(self, settings=self.settings[kept], counts=counts[kept])

    def resample(self, rng: np.random.Generator) -> CountsData:
        """A bootstrap sample: as many shots per setting, drawn from the observed frequencies."""
        return self.drawn(self.counts / self.shots[:, None], rng)

    def drawn(self, probabilities: NDArray[np.float64], rng: np.random.Generator) -> CountsData:
        """Data such as these from a state whose outcomes are read with ``probabilities`` (S, d)."""
        p = probabilities / probabilities.sum(axis=1, keepdims=True)
        return replace(self, counts=rng.multinomial(self.shots, p))

    def paulis(self) -> PauliData:
        """Every Pauli that a setting contains, averaged over all settings that contain it, weighted by their shots.

        With ``readout``, the parity of an outcome b is replaced by the product over the Pauli's qubits of
        (1, -1) Lambda_q^{-1} at b_q, whose mean is the true value; the standard errors are those of this product, and
        ``shots`` are as many as would be worth the same without readout errors.

        Raises:
            MemoryError: the tables of 4**n numbers do not fit in memory.
        """
        return pauli_table(self.settings, self.counts, self.readout)


def check_subset(qubits: Sequence[int], num_qubits: int) -> list[int]:
    """``qubits`` as distinct integers in 0..n-1.

    Raises:
        ValueError: one is not, or there are none.
    """
    kept = [int(q) for q in qubits]
    if not kept or len(set(kept)) != len(kept) or not all(0 <= q < num_qubits for q in kept):
        raise ValueError(argument("qubits", f"be distinct and within 0 to {num_qubits - 1}", f"it is {list(qubits)}"))
    return kept
