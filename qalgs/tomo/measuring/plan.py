"""Which local settings to measure: all, random ones until enough Paulis are covered, or those that labels need.

One full-weight setting gives all 2**n Paulis it contains, so settings, not labels, are what is measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np

from qalgs.checks import argument, positive_int, real
from qalgs.tomo.operators.paulis import Settings, contained_paulis, masks_from_labels, settings_from_text

_LARGEST_COMPLETE = 8
_DRAW = 64


def all_settings(num_qubits: int) -> Settings:
    """Every setting, (3**n, n); together they cover all 4**n Paulis.

    Raises:
        ValueError: more than 8 qubits, where that is over 6561 settings.
    """
    if num_qubits > _LARGEST_COMPLETE:
        raise ValueError(
            argument(
                "settings",
                f'not be "all" above {_LARGEST_COMPLETE} qubits',
                f"there are {num_qubits}: use `fraction`",
            )
        )
    return np.array(list(product(range(3), repeat=num_qubits)), np.uint8)


def random_settings(num_qubits: int, count: int, rng: np.random.Generator) -> Settings:
    """``count`` distinct settings: all-Z, all-X and all-Y first, then random ones.

    Raises:
        ValueError: ``count`` is above 3**n.
    """
    count = positive_int(count, "settings", maximum=3**num_qubits)
    chosen = _uniform(num_qubits)
    while len(chosen) < count:
        chosen = _distinct(chosen, rng.integers(0, 3, (_DRAW, num_qubits), np.uint8))
    return chosen[:count]


def covering_settings(num_qubits: int, fraction: float, rng: np.random.Generator) -> Settings:
    """Random settings, as in ``random_settings``, until they cover at least ``fraction`` of the 4**n Paulis.

    Raises:
        ValueError: ``fraction`` is outside (0, 1].
    """
    wanted = real(fraction, "fraction", above=0, high=1) * 4**num_qubits
    seen = np.zeros(4**num_qubits, bool)
    chosen = _uniform(num_qubits)
    start = number = 0
    while True:
        for i in range(start, len(chosen)):
            paulis = contained_paulis(chosen[i : i + 1])
            number += np.count_nonzero(~seen[paulis])
            seen[paulis] = True
            if number >= wanted:
                return chosen[: i + 1]
        start = len(chosen)
        chosen = _distinct(chosen, rng.integers(0, 3, (_DRAW, num_qubits), np.uint8))


def settings_for_labels(labels: Iterable[str]) -> Settings:
    """Settings that together contain every label, by first-fit on the labels in order of falling weight.

    Raises:
        ValueError: a label is malformed.
    """
    x, z, n = masks_from_labels(labels)
    order = np.argsort(-np.bitwise_count(x | z), kind="stable")
    qubits = np.arange(n)
    letters = np.where(x[order, None] >> qubits & 1, np.where(z[order, None] >> qubits & 1, 1, 0), 2)
    support = ((x | z)[order, None] >> qubits & 1).astype(bool)
    chosen = np.zeros((0, n), np.int64)
    fixed = np.zeros((0, n), bool)
    for letter, active in zip(letters, support, strict=True):
        fits = ~((chosen != letter) & fixed & active).any(axis=1)
        if fits.any():
            i = int(np.argmax(fits))
            chosen[i, active], fixed[i] = letter[active], fixed[i] | active
        else:
            chosen, fixed = np.vstack([chosen, letter]), np.vstack([fixed, active])
    return np.where(fixed, chosen, 2).astype(np.uint8)


def plan_settings(
    num_qubits: int,
    rng: np.random.Generator,
    *,
    fraction: float | None,
    settings: int | str | Sequence[str] | None,
    labels: Sequence[str] | None,
) -> Settings:
    """The settings that exactly one of ``fraction``, ``settings`` and ``labels`` asks for.

    Raises:
        ValueError: none or several of the three are given, one is malformed, or its width is not ``num_qubits``.
    """
    given = [
        name
        for name, value in (("fraction", fraction), ("settings", settings), ("labels", labels))
        if value is not None
    ]
    if len(given) != 1:
        raise ValueError(f"Exactly one of `fraction`, `settings` and `labels` must be given, but {given or 'none'} is.")
    if fraction is not None:
        return covering_settings(num_qubits, fraction, rng)
    if isinstance(settings, str):
        if settings != "all":
            raise ValueError(argument("settings", 'be "all", a number or a list of strings', f"it is {settings!r}"))
        return all_settings(num_qubits)
    if labels is not None:
        chosen, name = settings_for_labels(labels), "labels"
    elif isinstance(settings, Sequence):
        chosen, name = settings_from_text(settings), "settings"
    else:
        return random_settings(num_qubits, positive_int(settings, "settings"), rng)
    if chosen.shape[1] != num_qubits:
        raise ValueError(argument(name, f"have {num_qubits} letters each", f"they have {chosen.shape[1]}"))
    return chosen


def _uniform(num_qubits: int) -> Settings:
    return np.repeat(np.array([[2], [0], [1]], np.uint8), num_qubits, axis=1)


def _distinct(chosen: Settings, more: Settings) -> Settings:
    """``chosen`` followed by those of ``more`` that are new, in the order they were drawn."""
    both = np.vstack([chosen, more])
    _, first = np.unique(both, axis=0, return_index=True)
    return both[np.sort(first)]
