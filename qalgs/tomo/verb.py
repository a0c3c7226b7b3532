"""The verb ``tomography``: check, fit, bootstrap, package."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.callbacks import Progress
from qalgs.checks import RngLike, argument, as_seed_sequence, child, generator, positive_int
from qalgs.results import provenance
from qalgs.run import Callback, Status, Step, drive
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.local_sfgd import LocalSFGD
from qalgs.tomo.methods import Data, Method
from qalgs.tomo.operators import Bases
from qalgs.tomo.operators.allpauli import Factor
from qalgs.tomo.operators.masks import expectations
from qalgs.tomo.result import TomographyResult, pure_state, stack

_FIT, _BOOTSTRAP, _RESAMPLE, _MISFIT = 0, 1, 2, 3
"""Keys of the random streams."""
_MISFIT_DRAWS = 4


def tomography(
    data: Data,
    *,
    rank: int = 1,
    method: Method | None = None,
    target: ArrayLike | None = None,
    bootstrap: int = 20,
    rng: RngLike = None,
    callback: Callback | Sequence[Callback] | None = None,
) -> TomographyResult:
    """Reconstruct the state behind measured ``data`` as rho = U U^dagger with U (d, r).

    Args:
        data: ``CountsData`` (from ``measure_paulis``) or ``PauliData``.
        rank: r, in 1..d.
        method: ``LocalSFGD()`` when None; ``LinearInversion()``.
        target: (d,) pure state; its infidelity then stands in the history of every step. It does not touch the fit.
        bootstrap: refits to resampled data, for the errors; 0 for none.
        rng: seeds the fit and the bootstrap.
        callback: called after each step of the fit; progress bars follow the bootstrap too.

    Returns:
        The result. After Ctrl-C or StopIteration it is the state reached until then.

    Raises:
        TypeError: ``data`` is neither kind.
        ValueError: an argument is out of range, or there are fewer Paulis than a state of this rank has parameters;
            nothing has run.
        KeyboardInterrupt: interrupted before the first step ended.

    Example:
        >>> import qalgs as qa
        >>> data = qa.measure_paulis(qa.circuits.ghz(3), settings="all", shots=1000, rng=1)
        >>> result = qa.tomography(data, rank=1, rng=1)
        >>> float(result.fidelity(qa.problems.ghz_state(3))) > 0.99
        True
    """
    if not isinstance(data, CountsData | PauliData):
        raise TypeError(argument("data", "be CountsData or PauliData", f"it is a {type(data).__name__}"))
    dim = 1 << data.num_qubits
    rank = positive_int(rank, "rank", maximum=dim)
    bootstrap = positive_int(bootstrap, "bootstrap", minimum=0)
    _check_sufficient(data, rank)
    psi = None if target is None else pure_state(target, dim, "target")
    method = LocalSFGD() if method is None else method
    seed = as_seed_sequence(rng)

    run = drive(_watch(method.iterate(data, rank, seed=child(seed, _FIT)), psi), callback)
    if run.last is None:
        raise KeyboardInterrupt
    factor = _normalised(run.last.state.factor)
    resampled = 0 if run.status is Status.INTERRUPTED or _exact(data) else bootstrap
    bars = [call for call in _as_list(callback) if isinstance(call, Progress)]
    replicas = drive(_replicas(method, data, factor, resampled, seed), bars)
    factors = () if replicas.last is None else replicas.last.state.factors
    return TomographyResult(
        factor=factor,
        status=run.status,
        message=run.message,
        history=run.history,
        misfit=_misfit(data, factor, generator(seed, _MISFIT)),
        replicas=stack(factors, factor),
        solve_seconds=run.wall_seconds,
        provenance=provenance(method, seed, str(data)),
        state=run.last.state,
        data=data,
    )


@dataclass(frozen=True, eq=False)
class _Replicas:
    factors: tuple[Factor, ...] = ()


def _replicas(
    method: Method, data: Data, factor: Factor, number: int, seed: np.random.SeedSequence
) -> Generator[Step, None, Status]:
    """Refits to resampled data, each started from the fit."""
    done = _Replicas()
    for b in range(number):
        drawn = data.resample(generator(seed, _RESAMPLE, b))
        refit = drive(method.iterate(drawn, factor.shape[1], seed=child(seed, _BOOTSTRAP, b), start=factor))
        if refit.status is Status.INTERRUPTED or refit.last is None:
            raise KeyboardInterrupt
        done = _Replicas((*done.factors, _normalised(refit.last.state.factor)))
        yield Step(b + 1, done, {}, total=number, phase="bootstrap")
    return Status.CONVERGED


def _watch(steps: Generator[Step, None, Status], psi: NDArray[np.complex128] | None) -> Generator[Step, None, Status]:
    """The same steps, with the infidelity to ``psi`` among the metrics."""
    if psi is None:
        return (yield from steps)
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        fidelity = float(np.linalg.norm(psi.conj() @ _normalised(step.state.factor)) ** 2)
        metrics = {**step.metrics, "infidelity": 1 - fidelity}
        yield Step(step.index, step.state, metrics, total=step.total, phase=step.phase)


def _check_sufficient(data: Data, rank: int) -> None:
    """A state of rank r and trace 1 has 2 d r - r**2 - 1 real parameters; fewer numbers cannot determine it."""
    parameters = (2 << data.num_qubits) * rank - rank**2 - 1
    known = data.num_paulis - 1
    if known < parameters:
        must = f"contain at least {parameters} Paulis besides the identity for a state of rank {rank}"
        raise ValueError(argument("data", must, f"it contains {known}: measure more settings"))


def _misfit(data: Data, factor: Factor, rng: np.random.Generator) -> float | None:
    """Deviance of counts over that of counts drawn from the fit; for Pauli values, chi-square per label."""
    if isinstance(data, CountsData):
        p = Bases(data.settings).probabilities(factor)
        p = p / p.sum(axis=1, keepdims=True)
        simulated = [_deviance(rng.multinomial(data.shots, p), p) for _ in range(_MISFIT_DRAWS)]
        return (1 + _deviance(data.counts, p)) / (1 + float(np.mean(simulated)))  # 1: both may vanish
    if data.shots is None:
        return None
    predicted = np.clip(expectations(data.x, data.z, factor), -1, 1)
    variance = (1 - predicted**2) / data.shots
    known = variance > 1e-12
    return float(np.mean((data.values - predicted)[known] ** 2 / variance[known])) if known.any() else None


def _deviance(counts: NDArray[np.int64], p: NDArray[np.float64]) -> float:
    seen = counts > 0
    expected = np.maximum(counts.sum(axis=1, keepdims=True) * p, 1e-9)
    return 2 * float((counts[seen] * np.log(counts[seen] / expected[seen])).sum())


def _normalised(factor: Factor) -> Factor:
    return factor / np.linalg.norm(factor)


def _exact(data: Data) -> bool:
    return isinstance(data, PauliData) and data.shots is None


def _as_list(callback: Callback | Sequence[Callback] | None) -> Sequence[Callback]:
    return () if callback is None else (callback,) if callable(callback) else callback
