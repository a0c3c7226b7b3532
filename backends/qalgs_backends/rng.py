"""Seeds: ``rng`` is an int, a Generator, a SeedSequence or None (SPEC 7), and these functions read it.

Children are derived from a key, not from a counter: the same key always gives the same child, so a step can
be repeated or resumed without replaying what came before it.
"""

from __future__ import annotations

from numbers import Integral

import numpy as np

from qalgs_backends.checks import argument

RngLike = int | np.random.Generator | np.random.SeedSequence | None


def as_seed_sequence(rng: RngLike) -> np.random.SeedSequence:
    """The seed sequence behind ``rng``; a Generator is advanced by one draw, None draws fresh entropy.

    Raises:
        TypeError: ``rng`` is none of the accepted kinds.
        ValueError: ``rng`` is a negative integer.
    """
    if isinstance(rng, np.random.SeedSequence):
        return rng
    if rng is None:
        return np.random.SeedSequence()
    if isinstance(rng, np.random.Generator):
        return np.random.SeedSequence([int(word) for word in rng.integers(2**32, size=4)])
    if isinstance(rng, Integral) and not isinstance(rng, bool):
        if rng < 0:
            raise ValueError(argument("rng", "be at least 0", f"it is {rng}"))
        return np.random.SeedSequence(int(rng))
    raise TypeError(argument("rng", "be an int, a Generator, a SeedSequence or None", f"it is {rng!r}"))


def child(seed: np.random.SeedSequence, *key: int) -> np.random.SeedSequence:
    """The child of ``seed`` under ``key``; a pure function of both."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *key))


def generator(seed: np.random.SeedSequence, *key: int) -> np.random.Generator:
    """A Philox generator for the child of ``seed`` under ``key``."""
    return np.random.Generator(np.random.Philox(child(seed, *key)))


def simulator_seed(seed: np.random.SeedSequence, *key: int) -> int:
    """A 31-bit integer for simulators that take a seed as an int."""
    return int(child(seed, *key).generate_state(1)[0]) >> 1
