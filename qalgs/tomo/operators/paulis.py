"""Pauli strings as bits, and measurement settings as letters.

Axes: n qubits, d = 2**n, m labels, S settings. Integers are little-endian: bit q belongs to qubit q.

A Pauli label is the pair of masks (x, z): per qubit (0, 0) I, (1, 0) X, (1, 1) Y, (0, 1) Z, and
``P_{x,z} = i^{|x & z|} X^x Z^z``, so that ``P |j> = i^{|x & z|} (-1)^{z . j} |j ^ x>``.
A setting is one letter of X, Y, Z per qubit; column q of an array of settings belongs to qubit q. In text, qubit 0 is
the rightmost letter, as in Qiskit.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import argument

LETTERS = "XYZ"
_CODE = {"X": 0, "Y": 1, "Z": 2}
_BITS = {"I": (0, 0), "X": (1, 0), "Y": (1, 1), "Z": (0, 1)}

Masks = NDArray[np.int64]
Settings = NDArray[np.uint8]


def masks_from_labels(labels: Iterable[str]) -> tuple[Masks, Masks, int]:
    """The masks x (m,) and z (m,) of text labels, and n.

    Raises:
        ValueError: a label has letters outside I, X, Y, Z, or the labels differ in length, or there are none.
    """
    labels = [label.upper() for label in labels]
    n = _common_length(labels, "labels")
    for label in labels:
        if set(label) - set(_BITS):
            raise ValueError(argument("labels", "hold the letters I, X, Y and Z only", f"one is {label!r}"))
    bits = np.array([[_BITS[letter] for letter in reversed(label)] for label in labels], np.int64)
    weights = 1 << np.arange(n, dtype=np.int64)
    return bits[:, :, 0] @ weights, bits[:, :, 1] @ weights, n


def labels_from_masks(x: Masks, z: Masks, n: int) -> list[str]:
    """Text labels of the masks."""
    letters = np.array(["I", "Z", "X", "Y"])
    qubits = np.arange(n - 1, -1, -1)
    code = 2 * (x[:, None] >> qubits & 1) + (z[:, None] >> qubits & 1)
    return ["".join(row) for row in letters[code]]


def settings_from_text(settings: Iterable[str]) -> Settings:
    """(S, n) letters of text settings.

    Raises:
        ValueError: a setting has letters outside X, Y, Z, or the settings differ in length, or there are none.
    """
    settings = [setting.upper() for setting in settings]
    _common_length(settings, "settings")
    for setting in settings:
        if set(setting) - set(LETTERS):
            raise ValueError(argument("settings", "hold the letters X, Y and Z only", f"one is {setting!r}"))
    return np.array([[_CODE[letter] for letter in reversed(setting)] for setting in settings], np.uint8)


def settings_to_text(settings: Settings) -> list[str]:
    """Text of (S, n) letters."""
    return ["".join(LETTERS[code] for code in row[::-1]) for row in settings]


def setting_masks(settings: Settings) -> tuple[Masks, Masks]:
    """The masks x (S,), z (S,) of each setting's full-weight Pauli; its sub-Paulis are their ANDs with a support."""
    weights = 1 << np.arange(settings.shape[1], dtype=np.int64)
    return (settings < 2).astype(np.int64) @ weights, (settings > 0).astype(np.int64) @ weights


def contained_paulis(settings: Settings) -> NDArray[np.int64]:
    """Indices z * d + (z ^ x) of the 2**n Paulis that each setting contains, (S * d,)."""
    dim = 1 << settings.shape[1]
    x, z = setting_masks(settings)
    support = np.arange(dim, dtype=np.int64)
    x, z = x[:, None] & support, z[:, None] & support
    return (z * dim + (z ^ x)).reshape(-1)


def transform_sign(x: Masks, z: Masks) -> NDArray[np.float64]:
    """The sign s with ``Tr(P rho) = s * sum_j (-1)^{z.j} (Re + Im) rho[j, j ^ x]``: + where |x & z| mod 4 is 0 or 3."""
    count = np.bitwise_count(x & z) & 3
    return np.where((count == 0) | (count == 3), 1.0, -1.0)


def num_qubits_of(dim: int, name: str) -> int:
    """N with 2**n equal to ``dim``.

    Raises:
        ValueError: ``dim`` is not a power of two above 1.
    """
    if dim < 2 or dim & (dim - 1):
        raise ValueError(argument(name, "have a power of two as its dimension", f"the dimension is {dim}"))
    return dim.bit_length() - 1


def _common_length(words: list[str], name: str) -> int:
    if not words:
        raise ValueError(argument(name, "hold at least one string", "it is empty"))
    lengths = {len(word) for word in words}
    if len(lengths) > 1 or 0 in lengths:
        raise ValueError(argument(name, "have one common length above 0", f"the lengths are {sorted(lengths)}"))
    return lengths.pop()
