"""The laws that every optimizer obeys."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from qalgs import optimizers as opt
from qalgs.checks import as_seed_sequence, child
from qalgs.evaluation import Evaluation, Query
from tests.optimizers.problems import (
    CENTRE,
    IDS,
    METHODS,
    Pooled,
    cosine_gradient,
    cosine_value,
    cosines,
    quadratic,
)

pytestmark = pytest.mark.parametrize("method", METHODS, ids=IDS)
START = np.array([0.1, 0.2, -0.1])


def advance(method, objective, state, steps):
    for _ in range(steps):
        if not state.done:
            state = method.tell(state, objective.evaluate(method.ask(state)))
    return state


def plain(state):
    return {k: v if not isinstance(v, np.random.SeedSequence) else str(v) for k, v in state.as_plain().items()}


def assert_same(a, b):
    np.testing.assert_equal(plain(a), plain(b))


def test_asking_is_pure(method):
    state = advance(method, cosines(), method.init(START, rng=1), 5)
    before = copy.deepcopy(plain(state))
    first, second = method.ask(state), method.ask(state)
    np.testing.assert_array_equal(first.points, second.points)
    first.points[:] = 7.0  # a question is the asker's own copy
    np.testing.assert_array_equal(method.ask(state).points, second.points)
    np.testing.assert_equal(plain(state), before)


def test_telling_leaves_the_old_state_alone(method):
    state = advance(method, cosines(), method.init(START, rng=1), 4)
    before, question = copy.deepcopy(plain(state)), method.ask(state)
    after = advance(method, cosines(), state, 3)
    np.testing.assert_equal(plain(state), before)
    np.testing.assert_array_equal(method.ask(state).points, question.points)
    assert_same(advance(method, cosines(), state, 3), after)


def test_an_old_state_can_take_another_turn(method):
    state = advance(method, cosines(), method.init(START, rng=1), 4)
    one = advance(method, cosines(), state, 3)
    advance(method, quadratic(), state, 3)
    assert_same(advance(method, cosines(), state, 3), one)


def test_settings_and_states_are_frozen(method):
    state = method.init(START, rng=1)
    with pytest.raises(AttributeError):
        state.step = 3
    with pytest.raises(AttributeError):
        method.on_change = "other"
    with pytest.raises(ValueError, match="read-only"):
        state.x[0] = 1.0
    assert hash(method) == hash(copy.deepcopy(method))
    assert pickle.loads(pickle.dumps(method)) == method


def test_equal_rng_equal_run(method):
    runs = [opt.minimize(cosines(), START, method, max_steps=12, rng=5) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].x, runs[1].x)
    np.testing.assert_equal(runs[0].history, runs[1].history)


@pytest.mark.parametrize("how", ["npz", "pickle", "deepcopy"])
def test_a_saved_state_asks_the_same(method, how, tmp_path):
    state = advance(method, cosines(), method.init(START, rng=2), 6)
    if how == "npz":
        path = tmp_path / "state.partial"
        opt.save_state(state, path)
        assert path.exists()
        again = opt.load_state(path)
    else:
        again = pickle.loads(pickle.dumps(state)) if how == "pickle" else copy.deepcopy(state)
    assert type(again) is type(state)
    assert_same(again, state)
    np.testing.assert_array_equal(method.ask(again).points, method.ask(state).points)
    assert_same(advance(method, cosines(), again, 4), advance(method, cosines(), state, 4))


def test_a_continued_run_is_one_run(method):
    whole = opt.minimize(cosines(), START, method, max_steps=14, rng=3)
    half = opt.minimize(cosines(), START, method, max_steps=8, rng=3)
    rest = opt.minimize(cosines(), half.state, method, max_steps=6)
    np.testing.assert_array_equal(rest.x, whole.x)
    assert half.steps + rest.steps == whole.steps


@pytest.mark.parametrize("problem", [quadratic, cosines])
def test_reaches_the_minimum(method, problem):
    objective = problem(allowed=method.uses_gradient)
    result = opt.minimize(objective, START, method, max_steps=400, rng=11)
    tolerance = 2e-2 if isinstance(method, opt.SPSA) else 2e-3
    np.testing.assert_allclose(result.x, CENTRE, atol=tolerance)
    assert result.value == objective.evaluate(Query(result.x[None])).value[0]
    assert result.evaluations == objective.points - 1
    assert result.best_value <= result.value


def test_any_real_shape(method):
    shaped = opt.FunctionObjective(lambda x: float(np.sum((x - 0.2) ** 2) / 2), lambda x: x - 0.2)
    result = opt.minimize(shaped, np.zeros((2, 2)), method, max_steps=300, rng=0)
    assert result.x.shape == (2, 2)
    np.testing.assert_allclose(result.x, 0.2, atol=2e-2)


def test_many_interleaved_equal_many_apart(method):
    pool = []
    centres = [np.array([0.1, 0.2]), np.array([-0.3, 0.4]), np.array([0.5, 0.0])]
    players = [Pooled(pool, c) for c in centres]
    starts = [np.zeros(2), np.ones(2) / 4, np.array([0.2, -0.1])]
    together = opt.minimize_many(players, starts, method, max_steps=15, rng=4)
    jobs = len(pool)
    assert sum(result.cost.jobs for result in together) == jobs
    assert sum(result.cost.shots for result in together) == 100 * sum(pool)
    pool.clear()
    for i, (player, start, result) in enumerate(zip(players, starts, together, strict=True)):
        apart = opt.minimize(player, start, method, max_steps=15, rng=child(as_seed_sequence(4), i))
        np.testing.assert_array_equal(apart.x, result.x)
        np.testing.assert_array_equal(apart.history["value"], result.history["value"])
        assert apart.value == result.value
        assert apart.status is result.status
        assert apart.evaluations == result.evaluations
    longest = max(result.steps for result in together)
    assert jobs <= longest + 1 < len(pool)


def test_answers_that_are_not_finite_are_refused(method):
    state = method.init(START, rng=1)
    query = method.ask(state)
    values = np.full(len(query.points), np.nan)
    with pytest.raises(ValueError, match=r"Argument `answer\.value` must be finite"):
        method.tell(state, Evaluation(values, np.zeros_like(query.points)))
    if method.uses_gradient:
        with pytest.raises(ValueError, match=r"Argument `answer\.gradient` must be given"):
            method.tell(state, Evaluation(np.zeros(1)))


@pytest.mark.parametrize(
    ("x0", "error", "words"),
    [
        ([np.nan, 0.0], ValueError, "must be finite, but entry"),
        ([], ValueError, "at least one entry"),
        (1.0, ValueError, "at least one entry"),
        (["a"], TypeError, "must be an array"),
    ],
)
def test_bad_starts_are_refused(method, x0, error, words):
    with pytest.raises(error, match=words):
        opt.minimize(cosines(), x0, method, max_steps=2)


def test_ctrl_c_leaves_what_was_reached(method):
    calls, allowed = [], len(method.ask(method.init(START, rng=0)).points) + 2

    def interrupted(x):
        calls.append(x)
        if len(calls) > allowed:
            raise KeyboardInterrupt
        return cosine_value(x)

    objective = opt.FunctionObjective(interrupted, cosine_gradient)
    result = opt.minimize(objective, START, method, max_steps=100, rng=0)
    assert result.status.name == "INTERRUPTED"
    assert not result.success
    assert np.isfinite(result.x).all()
    assert np.isfinite(result.best_value)
    assert result.steps == len(result.history["value"])
    more = opt.minimize(quadratic(), result.state, method, max_steps=2)
    assert more.steps > 0


def test_a_callback_ends_the_run(method):
    def enough(step):
        if step.index == 3:
            raise StopIteration("enough")

    result = opt.minimize(cosines(), START, method, rng=0, callback=enough)
    assert (result.steps, result.status.name, result.message) == (3, "STOPPED", "enough")
    assert result.success
    assert np.isfinite(result.value)
