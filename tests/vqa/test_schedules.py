"""Levels against the values of the published code and against their shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qalgs.vqa.schedules import SHAPES, Schedule


@pytest.mark.parametrize(
    ("shape", "levels"),
    [
        ("inverted_relu", [0.70, 0.825, 0.95, 0.95, 0.95, 0.95]),
        ("relu", [0.70, 0.70, 0.70, 0.70, 0.825, 0.95]),
        ("linear", [0.70, 0.75, 0.80, 0.85, 0.90, 0.95]),
        ("flat", [0.95] * 6),
        ("low", [0.70] * 6),
        ("step", [0.70] * 3 + [0.95] * 3),
    ],
)
def test_published_values(shape, levels):
    schedule = Schedule(shape, 6, 0.70, 0.95, units="esp", grid="published")
    np.testing.assert_allclose(schedule.targets([0.1, 0.99]), levels, rtol=1e-12)


shapes = st.sampled_from(SHAPES)
bounds = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)


@given(shapes, st.integers(1, 13), bounds, st.floats(0.05, 0.95), st.sampled_from(["continuous", "published"]))
def test_every_cycle_has_a_level_between_the_bounds(shape, cycles, between, plateau, grid):
    low, high = between
    levels = Schedule(shape, cycles, low, high, plateau, grid=grid).levels()
    assert levels.shape == (cycles,)
    assert ((levels >= low) & (levels <= high)).all()


@given(st.integers(2, 13), bounds, st.floats(0.05, 0.95))
def test_shapes_begin_and_end_where_they_should(cycles, between, plateau):
    low, high = between
    ends = {shape: Schedule(shape, cycles, low, high, plateau).levels()[[0, -1]].tolist() for shape in SHAPES}
    assert ends["v"] == [high, high] == ends["flat"]
    assert ends["low"] == [low, low]
    for shape in ("step", "linear", "relu", "inverted_relu"):
        assert ends[shape] == [low, high]
    for shape in ("step", "linear", "relu", "inverted_relu"):
        assert (np.diff(Schedule(shape, cycles, low, high, plateau).levels()) >= 0).all()


@given(st.integers(2, 13), st.floats(0.05, 0.95))
def test_inverted_relu_is_relu_turned_round(cycles, plateau):
    up = Schedule("relu", cycles, 0.0, 1.0, plateau).levels()
    flat = Schedule("inverted_relu", cycles, 0.0, 1.0, plateau).levels()
    np.testing.assert_allclose(flat, 1 - up[::-1], atol=1e-12)


def test_quantiles_are_those_of_the_pool():
    pool = np.linspace(0.5, 0.9, 101)
    np.testing.assert_allclose(Schedule("linear", 3, 0.25, 1.0).targets(pool), [0.6, 0.75, 0.9], rtol=1e-12)


def test_nest_holds_the_best_tenth_for_at_most_two_thirds_of_the_run():
    for cycles in range(2, 13):
        assert (Schedule(cycles=cycles).levels() >= 0.9).mean() <= 0.67


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": "zigzag"}, "`shape` must be one of"),
        ({"cycles": 0}, "`cycles` must be at least 1"),
        ({"low": -0.1}, "`low` must be at least 0"),
        ({"high": 0.05}, "`high` must be at least 0.1"),
        ({"plateau": 1.0}, "`plateau` must be between 0 and 1"),
        ({"units": "shots"}, "`units` must be one of"),
        ({"grid": "square"}, "`grid` must be one of"),
    ],
)
def test_bad_schedules_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Schedule(**change)
    with pytest.raises(ValueError, match="hold at least one placement"):
        Schedule().targets([])
