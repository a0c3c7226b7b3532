"""SciPy's methods are SciPy's, bit for bit, and let their threads go."""

from __future__ import annotations

import gc
import threading
import time

import numpy as np
import pytest
import scipy.optimize

from qalgs import optimizers as opt
from qalgs.evaluation import Evaluation
from qalgs.optimizers.suspended import SuspendedRun
from tests.optimizers.problems import cosine_gradient, cosine_value, cosines

VALUE = ["Nelder-Mead", "Powell", "COBYLA"]
GRADIENT = ["CG", "BFGS", "Newton-CG", "L-BFGS-B", "TNC", "SLSQP", "trust-constr"]
DIFFERENCES = ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP", "trust-constr"]
START = np.array([0.9, -1.2, 0.1])


def direct(method, gradient, **settings):
    asked = []

    def fun(x):
        asked.append(x.copy())
        return (cosine_value(x), cosine_gradient(x)) if gradient else cosine_value(x)

    result = scipy.optimize.minimize(fun, START, method=method, jac=gradient or None, **settings)
    return result, asked


@pytest.mark.parametrize(
    ("method", "gradient"),
    [(m, False) for m in VALUE] + [(m, True) for m in GRADIENT] + [(m, False) for m in DIFFERENCES],
)
def test_bit_identical(method, gradient):
    expected, asked = direct(method, gradient)
    points = []
    ours = opt.SciPyMethod(method, gradient=gradient)
    state = ours.init(START)
    while not state.done:
        query = ours.ask(state)
        points.append(query.points[0])
        state = ours.tell(state, cosines().evaluate(query))
    np.testing.assert_array_equal(points, asked)
    np.testing.assert_array_equal(state.x, expected.x)
    assert (state.value, state.success, state.message) == (
        expected.fun,
        bool(expected.success),
        str(expected.message),
    )
    result = opt.minimize(cosines(), START, ours)
    np.testing.assert_array_equal(result.x, expected.x)
    assert result.nfev == len(asked)
    if not gradient and method != "trust-constr":
        assert result.nfev == expected.nfev


@pytest.mark.parametrize(
    ("ours", "method", "settings"),
    [
        (opt.COBYLA(0.7, 1e-5, 60), "COBYLA", {"options": {"rhobeg": 0.7, "tol": 1e-5, "maxiter": 60}}),
        (opt.NelderMead(adaptive=True), "Nelder-Mead", {"options": {"adaptive": True}}),
        (opt.Powell(bounds=[(-2, 0.95)] * 3), "Powell", {"bounds": [(-2, 0.95)] * 3}),
        (opt.LBFGSB(bounds=[(None, 0.95)] * 3), "L-BFGS-B", {"bounds": [(None, 0.95)] * 3}),
        (
            opt.SLSQP(bounds=[(-2, 0.95), (-2, -1), (0, 1)]),
            "SLSQP",
            {"bounds": [(-2, 0.95), (-2, -1), (0, 1)]},
        ),
        (opt.BFGS(1e-7), "BFGS", {"options": {"gtol": 1e-7}}),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_named_methods_and_their_settings(ours, method, settings):
    expected, _ = direct(method, ours.uses_gradient, **settings)
    result = opt.minimize(cosines(), START, ours)
    np.testing.assert_array_equal(result.x, expected.x)


def test_no_convergence_is_reported_with_scipys_words():
    expected, _ = direct("COBYLA", False, options={"maxiter": 10})
    result = opt.minimize(cosines(), START, opt.COBYLA(max_evaluations=10))
    assert not expected.success
    assert not result.success
    assert result.message == expected.message
    assert result.steps == 10


def test_a_cut_run_returns_its_best_point():
    result = opt.minimize(cosines(), START, opt.COBYLA(), max_steps=9)
    assert result.status.name == "MAX_STEPS"
    assert result.value == result.history["value"].min() == result.best_value == cosine_value(result.x)
    assert result.evaluations == 9


def test_errors_follow_the_point():
    noisy = opt.COBYLA(max_evaluations=8)
    state = noisy.init(START)
    errors = {}
    while not state.done:
        query = noisy.ask(state)
        value = cosine_value(query.points[0])
        errors[value] = 0.01 * (state.step + 1)
        state = noisy.tell(state, Evaluation(np.array([value]), value_err=np.array([errors[value]])))
    assert state.value_err == errors[state.value]


@pytest.mark.parametrize("method", VALUE + GRADIENT)
def test_threads_are_released(method):
    ours = opt.SciPyMethod(method)
    before = threading.active_count()
    states = [ours.init(START) for _ in range(4)]
    for _ in range(3):
        states = [ours.tell(s, cosines().evaluate(ours.ask(s))) for s in states]
    assert threading.active_count() > before
    del states
    gc.collect()
    end = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.001)
    assert threading.active_count() == before


def test_a_result_holds_no_thread():
    before = threading.active_count()
    results = [opt.minimize(cosines(), START, opt.COBYLA(), max_steps=5) for _ in range(5)]
    end = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.001)
    assert threading.active_count() == before
    assert len(results) == 5


def test_scipys_own_exception_surfaces():
    broken = opt.SciPyMethod("Nelder-Mead", {"initial_simplex": np.zeros((2, 2))})
    with pytest.raises(ValueError, match="initial_simplex"):
        broken.ask(broken.init(START))


def test_an_unknown_option_is_not_swallowed():
    unknown = opt.SciPyMethod("COBYLA", {"no_such_option": 1})
    with pytest.raises(scipy.optimize.OptimizeWarning, match="no_such_option"):
        unknown.ask(unknown.init(START))


def test_numpy_error_state_reaches_the_method():
    seen = []

    def call(fun):
        seen.append(np.geterr()["over"])

    with np.errstate(over="raise"):
        SuspendedRun(call)
    assert seen == ["raise"]


def test_a_state_of_other_settings_is_refused():
    state = opt.COBYLA(1.0).init(START)
    with pytest.raises(ValueError, match="Argument `state` must come from"):
        opt.COBYLA(0.5).ask(state)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: opt.SciPyMethod("Simplex"), "Argument `method` must be one of 'Nelder-Mead'"),
        (lambda: opt.SciPyMethod("COBYQA"), "Argument `method` must be one of"),
        (lambda: opt.SciPyMethod("Powell", gradient=True), "Argument `gradient` must be False or None"),
        (lambda: opt.SciPyMethod("Newton-CG", gradient=False), "Argument `gradient` must be True or None"),
        (lambda: opt.SciPyMethod("BFGS", bounds=[(0, 1)]), "Argument `bounds` must be None for BFGS"),
        (lambda: opt.SciPyMethod("BFGS", tolerance=0), "Argument `tolerance` must be greater"),
        (lambda: opt.COBYLA(rhobeg=-1), "Argument `rhobeg` must be greater than 0"),
        (lambda: opt.COBYLA(max_evaluations=0), "Argument `max_evaluations` must be at least 1"),
        (lambda: opt.COBYLA(bounds=[(0, 1)]).init(START), "Argument `bounds` must have one pair"),
        (lambda: opt.LBFGSB(memory=0), "Argument `memory` must"),
    ],
)
def test_misuse_is_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_names_are_taken_in_any_case():
    assert opt.SciPyMethod("l-bfgs-b") == opt.SciPyMethod("L-BFGS-B")


def test_complex_points_are_refused():
    with pytest.raises(TypeError, match="must be real"):
        opt.COBYLA().init(np.array([1j]))
