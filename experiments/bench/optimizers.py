"""Optimizers: SciPy by asking and telling against SciPy itself."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.optimize import minimize as scipy_minimize

from experiments.bench.table import Row, medians, ratio_row
from qalgs.optimizers import FunctionObjective, SciPyMethod, minimize

_SIZE, _EVALUATIONS = 24, 400


def run() -> list[Row]:
    """COBYLA and Nelder-Mead on a product of cosines with 24 angles: the same points, and the time it takes."""
    centre = np.linspace(0.1, 0.4, _SIZE)

    def cost(x: np.ndarray) -> float:
        return float(1 - np.prod(np.cos((x - centre) / 2) ** 2))

    start = np.zeros(_SIZE)
    rows = []
    for method, limit in (("COBYLA", {"maxiter": _EVALUATIONS}), ("Nelder-Mead", {"maxfev": _EVALUATIONS})):
        theirs = partial(scipy_minimize, cost, start, method=method, options=limit)
        ours = partial(
            minimize, FunctionObjective(cost), start, SciPyMethod(method, limit), max_steps=10 * _EVALUATIONS
        )
        off = float(np.abs(theirs().x - ours().x).max())
        base, own = medians([theirs, ours], 5)
        rows.append(ratio_row(f"{method}, {_EVALUATIONS} evaluations, ours / SciPy", _SIZE, own, base, off))
    return rows
