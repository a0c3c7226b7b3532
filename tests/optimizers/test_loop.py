"""The loops: steps, changing objectives, merged jobs, results."""

from __future__ import annotations

import numpy as np
import pytest

from qalgs import optimizers as opt
from qalgs.callbacks import Checkpoint, Record
from qalgs.evaluation import Evaluation, Query
from qalgs.run import drive
from tests.optimizers.problems import CENTRE, Pooled, Watched, cosines, quadratic, quadratic_value


def test_iterate_yields_what_minimize_does():
    record = Record()
    result = opt.minimize(cosines(), np.zeros(3), opt.Adam(0.1), max_steps=7, callback=record)
    steps = list(opt.iterate(cosines(), np.zeros(3), opt.Adam(0.1), max_steps=7))
    assert [s.index for s in steps] == [1, 2, 3, 4, 5, 6, 7] == [s.index for s in record.steps]
    assert all(s.total == 7 for s in steps)
    np.testing.assert_array_equal(steps[-1].state.x, result.x)
    assert set(steps[0].metrics) == {"value", "evaluations", "gradient_norm"}
    assert drive(opt.iterate(cosines(), np.zeros(3), opt.COBYLA())).status.name == "CONVERGED"


def test_iterate_checks_its_arguments_before_the_first_step():
    with pytest.raises(ValueError, match="Argument `max_steps`"):
        opt.iterate(cosines(), np.zeros(3), opt.Adam(), max_steps=0)


@pytest.mark.parametrize("method", [opt.Adam(), opt.LBFGSB(), opt.Momentum()])
def test_gradients_that_are_not_there_are_refused_before_anything_runs(method):
    calls = []
    objective = opt.FunctionObjective(lambda x: calls.append(x) or 0.0)
    with pytest.raises(ValueError, match="Argument `objective` must have gradients because"):
        opt.minimize(objective, np.zeros(2), method)
    assert calls == []
    with pytest.raises(ValueError, match="must not ask for gradients"):
        objective.evaluate(Query(np.zeros((1, 2)), True))


def test_a_bare_function_is_pointed_to_its_wrapper():
    with pytest.raises(TypeError, match="wrap a plain function in `FunctionObjective`"):
        opt.minimize(quadratic_value, np.zeros(3), opt.COBYLA())


class Bowl:
    """A bowl that remembers the steps it was asked at."""

    def __init__(self, centre):
        self.centre, self.steps = centre, []

    def evaluate(self, query):
        self.steps.append(query.step)
        difference = query.points - self.centre
        return Evaluation(0.5 * np.sum(difference**2, axis=1), difference if query.gradient else None)


@pytest.mark.parametrize("method", [opt.Adam(0.1), opt.SPSA(), opt.COBYLA(), opt.BFGS(), opt.Momentum(0.2)])
def test_a_changed_objective_restarts_or_carries(method):
    first, second = Bowl(np.array([1.0, 0.0])), Bowl(np.array([-1.0, 0.5]))
    schedule = opt.ObjectiveSchedule(lambda step: first if step < 2 else second)
    states = [s.state for s in opt.iterate(schedule, np.zeros(2), method, max_steps=60, rng=1)]
    assert first.steps == [0, 1]
    assert second.steps == list(range(2, 2 + len(second.steps)))
    if method.on_change == "restart":
        assert states[2].step == 1
        np.testing.assert_array_equal(states[2].start, states[1].x)
    else:
        assert states[2].step == 3
    result = opt.minimize(schedule, np.zeros(2), method, max_steps=60, rng=1)
    assert result.best_value == pytest.approx(0.5 * np.sum((result.best_x - second.centre) ** 2))


def test_a_settled_state_goes_on_when_the_objective_changes():
    first, second = Bowl(np.zeros(2)), Bowl(np.ones(2))
    now = [first]
    method = opt.GradientDescent(0.5, tolerance=1e-6)
    schedule = opt.ObjectiveSchedule(lambda _: now[0])

    def swap(step):
        if step.state.done:
            now[0] = second

    result = opt.minimize(schedule, np.ones(2) / 2, method, max_steps=200, callback=swap)
    np.testing.assert_allclose(result.x, 1, atol=1e-5)
    assert result.status.name == "CONVERGED"


def test_merged_jobs_count():
    pool, other = [], []
    players = [
        Pooled(pool, [0.1]),
        Pooled(pool, [0.2]),
        Pooled(other, [0.3], key="other"),
        Pooled(pool, [0.4]),
    ]
    methods = [opt.Adam(), opt.SPSA(), opt.Adam(), opt.Adam()]
    results = opt.minimize_many(players, [np.zeros(1)] * 4, methods, max_steps=10, rng=0)
    # of the three in one pool, two ask for gradients and one for values: two jobs a step, and one at the end
    assert len(pool) == 21
    assert len(other) == 11
    assert sum(r.cost.jobs for r in results) == 32
    assert sum(r.cost.circuits for r in results) == sum(r.evaluations for r in results) == sum(pool) + sum(other)
    assert sum(r.cost.wall_seconds for r in results) == pytest.approx(32.0)


def test_objectives_without_the_protocol_stand_beside_those_with_it():
    pool = []
    results = opt.minimize_many(
        [Pooled(pool, CENTRE), quadratic(), Pooled(pool, -CENTRE)], [np.zeros(3)] * 3, opt.BFGS(), rng=0
    )
    for result, centre in zip(results, (CENTRE, CENTRE, -CENTRE), strict=True):
        np.testing.assert_allclose(result.x, centre, atol=1e-4)
    assert len(pool) <= max(results[0].steps, results[2].steps)


def test_many_report_rounds_and_stop_together():
    seen = []

    def enough(step):
        seen.append(step)
        if step.index == 3:
            raise StopIteration

    results = opt.minimize_many([cosines(), quadratic()], [np.zeros(3)] * 2, opt.Adam(), callback=enough)
    assert [r.steps for r in results] == [3, 3]
    assert set(seen[0].metrics) == {"value_0", "value_1"}
    assert len(seen[0].state) == 2


def test_many_need_as_many_of_each():
    with pytest.raises(ValueError, match="Argument `x0s` must have one entry for each of 2"):
        opt.minimize_many([cosines(), cosines()], [np.zeros(3)], opt.Adam())


def test_ctrl_c_while_the_last_value_is_taken():
    def fun(x):
        if np.linalg.norm(x) > 0:
            raise KeyboardInterrupt
        return 0.0

    result = opt.minimize(opt.FunctionObjective(fun, np.ones_like), np.zeros(2), opt.GradientDescent(), max_steps=1)
    assert result.status.name == "INTERRUPTED"
    assert np.isnan(result.value)
    assert result.best_value == 0.0


def test_sampled_values_carry_their_errors():
    class Sampled(Watched):
        def evaluate(self, query):
            exact = super().evaluate(query)
            return Evaluation(exact.value, value_err=np.full(len(query.points), 0.3))

    objective = Sampled(quadratic_value, None)
    result = opt.minimize(objective, np.zeros(3), opt.SPSA(samples=2), max_steps=3, rng=0)
    np.testing.assert_allclose(result.history["value_err"], 0.3 / 2)  # the mean of four independent values
    assert result.value_err == 0.3
    assert "±" in str(result)


def test_result_speaks_scipy_and_prints_itself():
    result = opt.minimize(cosines(), np.zeros(3), opt.COBYLA())
    assert (result.fun, result.nit, result.nfev) == (result.value, result.steps, result.evaluations)
    text = str(result)
    assert text.startswith("COBYLA(rhobeg=1.0")
    assert "evaluations" in text
    assert "log" not in repr(result.state)
    result.x[0] = 5.0  # the result's arrays are the caller's


def test_checkpoints_resume(tmp_path):
    path = tmp_path / "run.npz"
    whole = opt.minimize(cosines(), np.zeros(3), opt.SPSA(), max_steps=20, rng=8)
    opt.minimize(
        cosines(),
        np.zeros(3),
        opt.SPSA(),
        max_steps=13,
        rng=8,
        callback=Checkpoint(path, opt.save_state, every=5),
    )
    rest = opt.minimize(cosines(), opt.load_state(path), opt.SPSA(), max_steps=10)
    np.testing.assert_array_equal(rest.x, whole.x)


@pytest.mark.parametrize("seed", [7, [1, 2, 3], np.random.SeedSequence(5).spawn(2)[1], 2**100])
def test_seeds_survive_saving(seed, tmp_path):
    sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    state = opt.SPSA().init(np.zeros(5), rng=sequence)
    opt.save_state(state, tmp_path / "s")
    again = opt.load_state(tmp_path / "s")
    np.testing.assert_array_equal(again.seed.generate_state(4), state.seed.generate_state(4))


def test_files_that_hold_no_state_are_refused(tmp_path):
    text, other = tmp_path / "text", tmp_path / "other.npz"
    text.write_text("not a state")
    np.savez(other, x=np.zeros(2))
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    for path in (text, other, tmp_path / "objects.npy"):
        with pytest.raises(ValueError, match="Argument `path` must be a file written by `save_state`"):
            opt.load_state(path)
    with pytest.raises(FileNotFoundError):
        opt.load_state(tmp_path / "absent")
