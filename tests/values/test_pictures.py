"""City, spectrum and residual pictures, and curves that are compared."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

import qalgs as qa
from qalgs.problems import ghz_state, haar_state
from qalgs.tomo.data import PauliData


class Result:
    def __init__(self, *losses):
        self.history = {"step": np.arange(len(losses)), "loss": np.array(losses)}


def new():
    return Figure().subplots()


def bars(ax):
    """The polygons below and above the floor, three for each bar and each outline."""
    return [collection for collection in ax.collections if isinstance(collection, PolyCollection)]


def top_height(face):
    return face.vertices[:, 1].mean()


def test_a_city_has_a_bar_for_each_entry_on_its_side_of_the_floor():
    psi = np.array([1, -1]) / np.sqrt(2)
    ax = qa.plot.city(psi, ax=new())
    below, above = bars(ax)
    assert (len(below.get_paths()), len(above.get_paths())) == (6, 6)
    heights = [top_height(path) for path in above.get_paths()[::3]]
    # The tops of (0, 0) and (1, 1) are one row and one column, 2 * 0.42, apart on the screen.
    assert heights[0] - heights[1] == pytest.approx(2 * 0.42)
    assert ax.get_title() == "real part"
    assert {text.get_text() for text in ax.texts} >= {"0", "1", "0.5"}


def test_imaginary_parts_have_their_own_colours_and_outlines_show_the_target():
    psi = np.array([1, 1j]) / np.sqrt(2)
    ax = qa.plot.city(psi, part="imaginary", target=psi, ax=new())
    below, above = bars(ax)
    assert len(above.get_paths()) == 6  # one bar and its outline
    filled, outline = above.get_facecolors()[0], above.get_facecolors()[3]
    assert filled[1] == max(filled[:3])
    assert outline[3] == 0
    assert len(below.get_paths()) == 6


def test_near_bars_are_drawn_after_far_ones():
    ax = qa.plot.city(np.full(4, 0.5), ax=new())
    _, above = bars(ax)
    bases = [path.vertices[:, 1].min() for path in above.get_paths()[1::3]]
    assert bases == sorted(bases, reverse=True)


def test_a_city_shows_the_states_that_either_matrix_populates():
    rho = np.diag([0.6, 0.4, 0, 0, 0, 0, 0, 0])
    ax = qa.plot.city(rho, target=ghz_state(3), states=3, ax=new())
    assert {text.get_text() for text in ax.texts} >= {"000", "001", "111"}
    assert "3 of 8 states, 100.0% of the population" in ax.get_title()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"part": "absolute"}, "'absolute'"),
        ({"target": ghz_state(3)}, "`target` must have dimension 4, but it has 8"),
        ({"states": [7]}, r"lie in 0..3"),
        ({"scale": -1}, "be greater than 0"),
    ],
)
def test_bad_cities_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        qa.plot.city(ghz_state(2), ax=new(), **kwargs)


def test_eigenvalues_are_bars_with_their_bootstrap_intervals():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(8, 2)))[0]
    replicas = np.array([basis * np.sqrt([0.8 + e, 0.2 - e]) for e in rng.normal(0, 0.01, 40)])
    result = SimpleNamespace(factor=basis * np.sqrt([0.8, 0.2]), replicas=replicas)
    ax = qa.plot.eigenvalues(result, target=[0.75, 0.25], ax=new())
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], [0.8, 0.2])
    assert "0.8000\n± 0.0" in ax.texts[0].get_text()
    assert len(ax.containers) == 3


def test_a_pure_state_has_one_eigenvalue_without_an_error():
    psi = haar_state(3, 1)[:, None]
    result = SimpleNamespace(factor=psi, replicas=np.stack([psi * np.exp(0.1j * k) for k in range(5)]))
    ax = qa.plot.eigenvalues(result, ax=new())
    assert [text.get_text() for text in ax.texts] == ["1.0000"]


@pytest.mark.parametrize("fraction", [0.1, 1.0])
def test_residuals_of_the_true_state_are_standard_normal(fraction):
    psi = haar_state(6, 2)
    data = PauliData.simulate(psi, fraction, 400, np.random.default_rng(1))
    ax = qa.plot.pauli_residuals(SimpleNamespace(factor=psi[:, None], data=data), ax=new())
    spread = float(ax.get_title().split("spread ")[1].split(",")[0])
    # A variance from m residuals has the relative error sqrt(2 / m).
    assert spread == pytest.approx(1, abs=5 * np.sqrt(0.5 / len(data)))
    assert sum(bar.get_height() * bar.get_width() for bar in ax.patches) == pytest.approx(1)


def test_a_wrong_state_has_wide_residuals():
    data = PauliData.simulate(haar_state(4, 2), 1.0, 400, np.random.default_rng(1))
    ax = qa.plot.pauli_residuals(SimpleNamespace(factor=haar_state(4, 3)[:, None]), data=data, ax=new())
    assert float(ax.get_title().split("spread ")[1].split(",")[0]) > 3


def test_residuals_need_sampled_data():
    psi = haar_state(2, 1)
    exact = PauliData.simulate(psi, 1.0, None, np.random.default_rng(0))
    with pytest.raises(ValueError, match="be sampled"):
        qa.plot.pauli_residuals(SimpleNamespace(factor=psi[:, None], data=exact), ax=new())
    with pytest.raises(ValueError, match="be given"):
        qa.plot.pauli_residuals(SimpleNamespace(factor=psi[:, None], data=None), ax=new())


def test_several_results_are_compared_in_different_colours():
    ax = qa.plot.convergence([Result(3, 2, 1), Result(3, 1, 0)], label=["slow", "fast"], ax=new())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["slow", "fast"]
    qa.plot.convergence(Result(3, 0), label="third", ax=ax)
    assert len({line.get_color() for line in ax.lines}) == 3


@pytest.mark.parametrize(
    ("results", "label", "message"), [([], None, "is empty"), ([Result(1)] * 2, "one", "1 labels")]
)
def test_bad_comparisons_are_refused(results, label, message):
    with pytest.raises(ValueError, match=message):
        qa.plot.convergence(results, label=label, ax=new())
