"""The verb ``tomography``: check, choose the rank, fit, bootstrap, package."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.callbacks import Progress
from qalgs.checks import RngLike, argument, as_seed_sequence, child, generator, one_of, positive_int
from qalgs.results import provenance
from qalgs.run import Callback, Status, Step, drive
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.errors import DataWarning, RankBiasWarning
from qalgs.tomo.methods import Data, Method
from qalgs.tomo.methods.lbfgs import LBFGS
from qalgs.tomo.quality.linear import coverage
from qalgs.tomo.quality.metrics import pure_state
from qalgs.tomo.quality.misfit import misfit
from qalgs.tomo.quality.rank import Comparison, candidate_ranks, check_sufficient, compare_ranks, parameters
from qalgs.tomo.quality.uncertainty import RESAMPLINGS, Resampling, normalised, replicate, stack
from qalgs.tomo.result import TomographyResult, too_large

_FIT, _BOOTSTRAP, _RANK, _MISFIT = 0, 1, 2, 3
"""Keys of the random streams."""
_COVERED = 0.5


def tomography(
    data: Data,
    *,
    rank: int | Literal["auto"] = 1,
    method: Method | None = None,
    target: ArrayLike | None = None,
    bootstrap: int = 20,
    resampling: Resampling = "parametric",
    rng: RngLike = None,
    callback: Callback | Sequence[Callback] | None = None,
) -> TomographyResult:
    """Reconstruct the state behind measured ``data`` as rho = U U^dagger with U (d, r).

    Args:
        data: ``CountsData`` (from ``measure_paulis``) or ``PauliData``.
        rank: r, in 1..d; or "auto": the smallest of 1, 2, 4, 8 that predicts a fifth of the shots, set aside, as well
            as the best of them does within one standard error.
        method: ``LBFGS()`` when None; ``LocalSFGD()``, ``FGD()``, ``MiFGD()``, ``LinearInversion()``,
            ``RandomizedSVP()``, ``MatrixALPS()``.
        target: (d,) pure state. Its infidelity then stands in the history of every step, and with a bootstrap the rank
            is compared with twice the rank. It does not touch the fit.
        bootstrap: refits to resampled data, for the errors; 0 for none.
        resampling: "parametric" draws these data from the fit, "nonparametric" from the data.
        rng: seeds the fit and the bootstrap.
        callback: called after each step of the fit; progress bars follow the other parts too.

    Returns:
        The result. After Ctrl-C or StopIteration it is the state reached until then.

    Raises:
        TypeError: ``data`` is neither kind.
        ValueError: an argument is out of range; nothing has run.
        InsufficientDataError: there are fewer Paulis than a state of this rank has parameters; nothing has run.
        KeyboardInterrupt: interrupted before the first step of the fit ended.

    Warns:
        RankBiasWarning: the model does not explain the data, or twice the rank predicts them better and lowers the
            fidelity with ``target`` by more than 2 standard errors.
        DataWarning: the data are complete in form but odd; see the message.

    Example:
        >>> import qalgs as qa
        >>> data = qa.measure_paulis(qa.circuits.ghz(3), settings="all", shots=1000, rng=1)
        >>> result = qa.tomography(data, rank=1, rng=1)
        >>> float(result.fidelity(qa.problems.ghz_state(3))) > 0.99
        True
    """
    if not isinstance(data, CountsData | PauliData):
        raise TypeError(argument("data", "be CountsData or PauliData", f"it is a {type(data).__name__}"))
    bootstrap = positive_int(bootstrap, "bootstrap", minimum=0)
    one_of(resampling, "resampling", RESAMPLINGS)
    fixed = _check_rank(data, rank)
    psi = None if target is None else pure_state(target, 1 << data.num_qubits, "target")
    odd = _warn_of_data(data, psi)
    method, seed = LBFGS() if method is None else method, as_seed_sequence(rng)
    bars = [call for call in _as_list(callback) if isinstance(call, Progress)]
    refits = 0 if _exact(data) else bootstrap

    compared, start = Comparison(), None
    if fixed is None:
        compared, ended = _compare(method, data, candidate_ranks(data), seed, psi, bars)
        if not ended:
            raise KeyboardInterrupt
        start = compared.factors[compared.chosen]
    width = start.shape[1] if start is not None else fixed
    run = drive(_watch(method.iterate(data, width or 1, seed=child(seed, _FIT), start=start), psi), callback)
    if run.last is None:
        raise KeyboardInterrupt
    factor = normalised(run.last.state.factor)
    if run.status is Status.INTERRUPTED:
        refits = 0
    elif fixed is not None and psi is not None and refits:
        compared, ended = _compare(method, data, _doubled(data, fixed), seed, psi, bars)
        refits = refits if ended else 0
    replicas = drive(replicate(method, data, factor, refits, resampling, child(seed, _BOOTSTRAP)), bars)
    fit = misfit(data, factor, generator(seed, _MISFIT))
    result = TomographyResult(
        factor=factor,
        status=run.status,
        message=run.message,
        history=run.history,
        misfit=None if fit is None else fit.value,
        replicas=stack(() if replicas.last is None else replicas.last.state.factors, factor),
        solve_seconds=run.wall_seconds,
        provenance=provenance(method, seed, str(data)),
        state=run.last.state,
        data=data,
        misfit_err=None if fit is None else fit.err,
        ranks=compared.table,
    )
    return replace(result, warnings=(*odd, *_warn_of_rank(result, psi)))


def _check_rank(data: Data, rank: int | str) -> int | None:
    """``rank`` as a number, or None for "auto"."""
    if isinstance(rank, str):
        one_of(rank, "rank", ("auto",))
        if _exact(data):
            raise ValueError(argument("rank", 'be a number for exact data; "auto" sets shots aside', "it is 'auto'"))
        return None
    rank = positive_int(rank, "rank", maximum=1 << data.num_qubits)
    check_sufficient(data, rank)
    return rank


def _compare(
    method: Method,
    data: Data,
    ranks: Sequence[int],
    seed: np.random.SeedSequence,
    psi: NDArray[np.complex128] | None,
    bars: Sequence[Callback],
) -> tuple[Comparison, bool]:
    """What was compared, and False when that was interrupted."""
    if not ranks:
        return Comparison(), True
    target = None if psi is None else psi[:, None]
    run = drive(compare_ranks(method, data, ranks, child(seed, _RANK), target), bars)
    if run.status is Status.INTERRUPTED or run.last is None:
        return Comparison(), False
    return run.last.state, True


def _doubled(data: Data, rank: int) -> tuple[int, ...]:
    """The rank and twice the rank, where the data can tell them apart."""
    dim = 1 << data.num_qubits
    double = min(2 * rank, dim)
    return (rank, double) if rank < double and parameters(dim, double) < data.num_paulis else ()


def _watch(steps: Generator[Step, None, Status], psi: NDArray[np.complex128] | None) -> Generator[Step, None, Status]:
    """The same steps, with the infidelity to ``psi`` among the metrics."""
    if psi is None:
        return (yield from steps)
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        fidelity = float(np.linalg.norm(psi.conj() @ normalised(step.state.factor)) ** 2)
        metrics = {**step.metrics, "infidelity": 1 - fidelity}
        yield Step(step.index, step.state, metrics, total=step.total, phase=step.phase)


def _warn_of_data(data: Data, psi: NDArray[np.complex128] | None) -> tuple[str, ...]:
    """Warn of what is allowed but odd, and return what was said."""
    if psi is None or not isinstance(data, CountsData) or data.complete:
        return ()
    share = coverage(data, psi)
    if share >= _COVERED:
        return ()
    text = f"The measurement is incomplete and covers {share:.0%} of the target's Paulis."
    warnings.warn(text, DataWarning, stacklevel=3)
    return (text,)


def _warn_of_rank(result: TomographyResult, psi: NDArray[np.complex128] | None) -> tuple[str, ...]:
    """Warn of a rank that is too low, and return what was said."""
    texts, r = [], result.rank
    if result.misfit is not None and too_large(result.misfit, result.misfit_err) and r < len(result.factor):
        texts.append(
            f"A state of rank {r} does not explain the data (misfit {result.misfit:.2f}, 1 is good): its fidelities "
            'are biased, as a rule upwards; raise `rank`, or use rank="auto".'
        )
    if psi is not None and len(result.ranks) == 2 and result.ranks[0].rank == r:
        low, high = result.ranks
        err = result.fidelity(psi).err or 0.0
        drop = (low.fidelity or 0.0) - (high.fidelity or 0.0)
        if drop > 2 * err and low.excess > 2 * low.excess_err:
            texts.append(
                f"Rank {high.rank} predicts data that were set aside better than rank {r} does, and its fidelity is "
                f"lower by {drop:.4f}: raise `rank`."
            )
    for text in texts:
        warnings.warn(text, RankBiasWarning, stacklevel=3)
    return tuple(texts)


def _exact(data: Data) -> bool:
    return isinstance(data, PauliData) and data.shots is None


def _as_list(callback: Callback | Sequence[Callback] | None) -> Sequence[Callback]:
    return () if callback is None else (callback,) if callable(callback) else callback
