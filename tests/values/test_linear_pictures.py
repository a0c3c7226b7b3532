"""Pictures of linear systems: what is drawn is what was found."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import qalgs as qa


def new():
    return Figure().subplots()


def heights(ax, count):
    return [bar.get_height() for bar in ax.patches[:count]]


def test_a_polynomial_is_drawn_beside_what_it_follows():
    ax = qa.plot.polynomial(5, 0.01, kinds=["relative", "cks"], ax=new())
    inverse, relative, _ = ax.lines
    x, y = relative.get_data()
    far = np.abs(x) >= 0.2
    assert np.abs(1 - x[far] * y[far]).max() <= 0.01 + 1e-9
    assert np.isnan(inverse.get_ydata()[~far]).all()
    assert "degree" in ax.get_legend().get_texts()[2].get_text()


def test_solutions_with_signs_and_without():
    A, b = qa.problems.random_spd_system(4, 5, rng=0)
    x = np.linalg.solve(A, b)
    exact = qa.linear_solve(A, b, engine="numpy")
    shots = qa.linear_solve(A, b, eps=0.1, shots=2000, rng=0)
    ax = qa.plot.solution(exact, exact=x, ax=new())
    np.testing.assert_allclose(heights(ax, 4), exact.state)
    assert len(ax.containers) == 1
    ax = qa.plot.solution(shots, exact=x, ax=new())
    np.testing.assert_allclose(heights(ax, 4), shots.probabilities)
    assert len(ax.containers) == 2


def test_queries_are_compared():
    A, b = qa.problems.random_spd_system(4, 5, rng=0)
    results = [qa.linear_solve(A, b, method=m, eps=0.1, engine="numpy") for m in (qa.QSVT(), qa.ChebyshevLCU())]
    ax = qa.plot.queries(results, ["QSVT", "LCU"], ax=new())
    assert heights(ax, 2) == [result.queries.per_run for result in results]


def test_refused():
    A, b = qa.problems.random_spd_system(4, 5, rng=0)
    result = qa.linear_solve(A, b, engine="numpy")
    for call in (
        lambda: qa.plot.polynomial(5, 0.1, kinds=[]),
        lambda: qa.plot.solution(result, exact=[1, 2], ax=new()),
        lambda: qa.plot.queries([result], [], ax=new()),
    ):
        with pytest.raises(ValueError, match="must"):
            call()
