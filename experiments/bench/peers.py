"""Tomography peers on the same counts in the same run: the fitters of qiskit-experiments, linear and convex.

A peer that is not installed leaves a row that says so; the dependency group ``peers`` has them all.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

import qalgs as qa
from experiments.bench.table import Row, medians, ratio_row
from qalgs.checks import child
from qalgs.run import drive
from qalgs.tomo.data import CountsData
from qalgs.tomo.measuring.plan import all_settings
from qalgs.tomo.methods.inversion import linear_inversion
from qalgs.tomo.methods.lbfgs import LBFGS
from qalgs.tomo.operators import Bases
from qalgs.tomo.operators.allpauli import Factor

_SHOTS = 2048
_SEED = np.random.SeedSequence(0)
_BASIS_INDEX = np.array([1, 2, 0])
"""X, Y and Z in the numbering of ``PauliMeasurementBasis``."""
_LINEAR = "qiskit-experiments linear inversion"
_CONVEX = "qiskit-experiments cvxpy_gaussian"

Fitter = Callable[[], NDArray[Any]]


def linear() -> list[Row]:
    """Linear inversion of all 3**n settings; ``difference`` is that of the matrices."""
    rows = []
    for n, repeats in ((2, 21), (3, 11), (4, 5), (5, 3)):
        counts = _ghz_counts(n)
        theirs = _fitter("linear_inversion", counts)
        if theirs is None:
            return [_missing(_LINEAR)]
        off = float(np.abs(theirs() - linear_inversion(counts.paulis())).max())
        base, own = medians([theirs, lambda counts=counts: linear_inversion(counts.paulis())], repeats)
        rows.append(ratio_row(f"{_LINEAR} / ours", n, base, own, off))
    return rows


def convex() -> list[Row]:
    """The convex fit against the likelihood of ranks 1, 4 and d, with the fidelity of each to the GHZ state.

    The convex fit takes no rank: only our full-rank fit solves a problem of the same size.
    """
    rows = []
    for n, repeats in ((2, 9), (3, 5), (4, 3)):
        counts, psi = _ghz_counts(n), qa.problems.ghz_state(n)
        theirs = _fitter("cvxpy_gaussian_lstsq", counts)
        if theirs is None or not _installed("cvxpy"):
            return [_missing(_CONVEX)]
        ranks = sorted({1, 4, 1 << n})
        fits = [lambda counts=counts, rank=rank: _likelihood(counts, rank) for rank in ranks]
        base, *own = medians([theirs, *fits], repeats)
        their_fidelity = float((psi.conj() @ theirs() @ psi).real)
        for rank, seconds, fit in zip(ranks, own, fits, strict=True):
            ours = float(np.linalg.norm(psi.conj() @ fit()) ** 2)
            row = ratio_row(f"{_CONVEX} / likelihood of rank {rank}", n, base, seconds, their_fidelity - ours)
            rows.append(row | {"infidelity": 1 - ours, "their_infidelity": 1 - their_fidelity})
    return rows


def _likelihood(counts: CountsData, rank: int) -> Factor:
    run = drive(LBFGS().iterate(counts, rank, seed=child(_SEED, rank)))
    if run.last is None:
        raise KeyboardInterrupt
    U = run.last.state.factor
    return U / np.linalg.norm(U)


def _ghz_counts(n: int) -> CountsData:
    settings = all_settings(n)
    p = Bases(settings).probabilities(qa.problems.ghz_state(n)[:, None])
    drawn = np.random.default_rng(n).multinomial(_SHOTS, p / p.sum(axis=1, keepdims=True))
    return CountsData(settings, drawn)


def _fitter(name: str, counts: CountsData) -> Fitter | None:
    """The peer's fit of ``counts``; None when it is not installed."""
    if not _installed("qiskit_experiments"):
        return None
    library = import_module("qiskit_experiments.library.tomography")
    basis = library.basis.PauliMeasurementBasis()
    outcomes, shots = counts.counts[None].astype(float), counts.shots.astype(float)
    measured, prepared = _BASIS_INDEX[counts.settings], np.zeros((len(counts), 0), int)

    def fit() -> NDArray[Any]:
        fitted, _ = getattr(library.fitters, name)(outcomes, shots, measured, prepared, measurement_basis=basis)
        return np.asarray(fitted)

    return fit


def _installed(package: str) -> bool:
    try:
        import_module(package)
    except ImportError:
        return False
    return True


def _missing(what: str) -> Row:
    return {"what": what, "note": "not installed"}
