"""The bootstrap: refits to data drawn anew.

Axes: B replicas, d = 2**n, r rank; factors are (d, r).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import child, generator
from qalgs.run import Status, Step, drive
from qalgs.tomo.methods import Data, Method
from qalgs.tomo.methods.local_sfgd import LocalSFGD
from qalgs.tomo.operators.allpauli import Factor
from qalgs.tomo.quality.misfit import predicted

Resampling = Literal["parametric", "nonparametric"]
RESAMPLINGS = ("parametric", "nonparametric")

_FIT, _DRAW = 1, 2
"""Keys of the random streams."""


@dataclass(frozen=True, eq=False)
class Replicas:
    """The refits so far."""

    factors: tuple[Factor, ...] = ()


def replicate(
    method: Method, data: Data, factor: Factor, number: int, resampling: Resampling, seed: np.random.SeedSequence
) -> Generator[Step, None, Status]:
    """One step per refit, each started from the fit.

    Args:
        method: what made the fit.
        data: what was fitted.
        factor: (d, r) the fit.
        number: B.
        resampling: "parametric" draws data from the fit, "nonparametric" from the data themselves.
        seed: of the draws and of the refits.

    Raises:
        KeyboardInterrupt: interrupted within a refit; ``drive`` then ends with those before it.
    """
    done, mean = Replicas(), predicted(data, factor) if resampling == "parametric" else None
    for b in range(number):
        rng = generator(seed, _DRAW, b)
        drawn = data.resample(rng) if mean is None else data.drawn(mean, rng)
        done = Replicas((*done.factors, fitted(method, drawn, factor.shape[1], child(seed, _FIT, b), factor)))
        yield Step(b + 1, done, {}, total=number, phase="bootstrap")
    return Status.CONVERGED


def fitted(method: Method, data: Data, rank: int, seed: np.random.SeedSequence, start: Factor | None) -> Factor:
    """The factor (d, r), of trace 1, that ``method`` ends with.

    Raises:
        KeyboardInterrupt: interrupted.
    """
    method = method.unsaved() if isinstance(method, LocalSFGD) else method  # the checkpoint is that of the fit itself
    run = drive(method.iterate(data, rank, seed=seed, start=start))
    if run.status is Status.INTERRUPTED or run.last is None:
        raise KeyboardInterrupt
    return normalised(run.last.state.factor)


def normalised(factor: Factor) -> Factor:
    """``factor`` with trace 1."""
    return factor / np.linalg.norm(factor)


def stack(factors: Sequence[Factor], like: Factor) -> NDArray[Any]:
    """(B, d, r) of the replicas' factors; (0, d, r) when there are none."""
    return np.stack(factors) if factors else np.zeros((0, *like.shape), np.complex128)
