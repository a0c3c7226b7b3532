import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import qalgs as qa
from qalgs.problems import ghz_state


class Result:
    def __init__(self, **columns):
        self.history = {"step": np.arange(1.0, 5), **{name: np.array(v) for name, v in columns.items()}}


def test_convergence_prefers_infidelity_and_returns_its_axes():
    ax = Figure().subplots()
    drawn = qa.plot.convergence(Result(loss=[4, 3, 2, 1], infidelity=[0.5, 0.1, 0.05, 0.01]), ax=ax, label="run")
    assert drawn is ax
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.5, 0.1, 0.05, 0.01])
    assert (ax.get_yscale(), ax.get_ylabel(), ax.get_xlabel()) == ("log", "infidelity to the target", "step")
    assert ax.get_legend().get_texts()[0].get_text() == "run"


def test_convergence_shows_standard_errors_as_a_band():
    ax = qa.plot.convergence(Result(value=[4, 3, 2, 1], value_err=[0.1] * 4), metric="value")
    assert len(ax.collections) == 1
    plt.close(ax.figure)


def test_unknown_metrics_are_refused():
    with pytest.raises(ValueError, match="be one of 'step', 'loss', but it is 'energy'"):
        qa.plot.convergence(Result(loss=[1, 1, 1, 1]), metric="energy")


def test_hinton_areas_and_phases_are_those_of_the_matrix():
    psi = np.array([1, 0, 0, 1j]) / np.sqrt(2)
    ax = qa.plot.density_matrix(psi, states=[0, 3], ax=Figure().subplots())
    patches = ax.collections[0]
    sides = [path.get_extents().width for path in patches.get_paths()]
    np.testing.assert_allclose(sides, 0.94)
    colours = patches.get_facecolors()
    np.testing.assert_array_equal(colours[0], colours[3])
    assert not np.array_equal(colours[1], colours[2])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["00", "11"]
    assert "2 of 4 states, 100.0%" in ax.get_title()


def test_a_common_scale_makes_pictures_comparable():
    ax = qa.plot.density_matrix(0.5 * np.outer(ghz_state(2), ghz_state(2)), scale=0.5, ax=Figure().subplots())
    side = ax.collections[0].get_paths()[0].get_extents().width
    assert side == pytest.approx(0.94 * np.sqrt(0.5))


def test_the_most_populated_states_are_found():
    assert qa.plot.populated(ghz_state(5), 2).tolist() == [0, 31]


@pytest.mark.parametrize(
    ("rho", "kwargs", "message"),
    [
        (np.ones((2, 3)), {}, "a square matrix or a vector"),
        (np.eye(2) * np.nan, {}, "be finite"),
        (np.eye(2), {"states": [2]}, r"lie in 0..1, but they are \[2\]"),
        (np.eye(2), {"states": 0}, "be at least 1"),
        (np.eye(2), {"scale": 0}, "be greater than 0"),
    ],
)
def test_bad_pictures_are_refused(rho, kwargs, message):
    with pytest.raises(ValueError, match=message):
        qa.plot.density_matrix(rho, ax=Figure().subplots(), **kwargs)
