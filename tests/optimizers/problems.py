"""Objectives with a known minimum, and every optimizer with settings that reach it."""

from __future__ import annotations

import numpy as np

from qalgs import optimizers as opt
from qalgs.evaluation import Cost, Evaluation, Query

METHODS = [
    opt.GradientDescent(0.3),
    opt.GradientDescent(0.5, decay=0.001),
    opt.Momentum(0.1, 0.6),
    opt.Adam(0.1),
    opt.SPSA(1.0, 0.1, samples=2),
    opt.COBYLA(),
    opt.NelderMead(xatol=1e-6, fatol=1e-10),
    opt.Powell(),
    opt.BFGS(),
    opt.LBFGSB(),
    opt.SLSQP(ftol=1e-10),
    opt.SciPyMethod("CG"),
    opt.SciPyMethod("Newton-CG"),
    opt.SciPyMethod("TNC"),
    opt.SciPyMethod("trust-constr"),
    opt.SciPyMethod("L-BFGS-B", gradient=False),
    opt.SciPyMethod("COBYLA", {"rhobeg": 0.5}, tolerance=1e-5),
]
IDS = [f"{i}-{getattr(m, 'method', type(m).__name__)}" for i, m in enumerate(METHODS)]
CENTRE = np.array([0.3, -0.4, 0.6])


def quadratic_value(x):
    return float(0.5 * np.sum(np.array([1.0, 2.0, 1.5]) * (x - CENTRE) ** 2))


def quadratic_gradient(x):
    return np.array([1.0, 2.0, 1.5]) * (x - CENTRE)


def cosine_value(x):
    """1 - prod cos^2((x - c) / 2): the infidelity of a product state, 0 at c."""
    return float(1 - np.prod(np.cos((x - CENTRE) / 2) ** 2))


def cosine_gradient(x):
    return np.prod(np.cos((x - CENTRE) / 2) ** 2) * np.tan((x - CENTRE) / 2)


class Watched:
    """Counts, and refuses gradients that were not declared."""

    def __init__(self, value, gradient, *, allowed=True):
        self.inner = opt.FunctionObjective(value, gradient)
        self.allowed = allowed
        self.points = 0

    def evaluate(self, query: Query) -> Evaluation:
        assert self.allowed or not query.gradient
        assert query.points.flags.writeable
        self.points += len(query.points)
        return self.inner.evaluate(query)


class Pooled:
    """A mergeable quadratic: every question of every member of one pool fits in one job."""

    def __init__(self, pool: list, centre, key="pool"):
        self.pool, self.centre, self.job_key = pool, np.asarray(centre), key

    def evaluate(self, query):
        return self.combine(query, self.run(self.construct(query)))

    def construct(self, query):
        return query

    def run(self, query):
        self.pool.append(len(query.points))
        gradient = query.points.copy() if query.gradient else None
        cost = Cost(shots=100 * len(query.points), circuits=len(query.points), jobs=1, wall_seconds=1.0)
        return Evaluation(0.5 * np.sum(query.points**2, axis=1), gradient, cost=cost)

    def combine(self, query, raw):
        # |x - c|^2 / 2 from the raw |x|^2 / 2, which is the same for every member
        value = raw.value - query.points @ self.centre + 0.5 * self.centre @ self.centre
        gradient = None if raw.gradient is None else raw.gradient - self.centre
        return Evaluation(value, gradient, cost=raw.cost)


def quadratic(**kw):
    return Watched(quadratic_value, quadratic_gradient, **kw)


def cosines(**kw):
    return Watched(cosine_value, cosine_gradient, **kw)
