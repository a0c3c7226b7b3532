"""Pictures of variational runs: what they must contain."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import qalgs as qa

H = qa.problems.transverse_field_ising(2, h=0.8)
ANSATZ = qa.circuits.hardware_efficient(2, reps=1)


@pytest.fixture(scope="module")
def backend():
    return qa.backends.get("noisy:fake_manila")


@pytest.fixture(scope="module")
def result(backend):
    return qa.vqe(H, ANSATZ, schedule=qa.Nest(cycles=3), backend=backend, shots=50, max_evaluations=30, rng=1)


@pytest.fixture(scope="module")
def together(backend):
    flat = qa.Schedule("flat", cycles=2)
    jobs = [qa.VariationalJob(H, ANSATZ, schedule=flat, delay=delay, name=f"job {delay}") for delay in (0, 1)]
    return qa.colocate(jobs, backend=backend, shots=50, max_evaluations=8, rng=1)


def labels(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_a_walk_names_its_cycles_with_their_esp(result, backend):
    ax = qa.plot.walk(result, backend.calibration, ax=Figure().subplots())
    names = labels(ax.get_legend())
    changes = int((np.diff(result.placements, axis=0) != 0).any(axis=1).sum())
    assert len(names) == changes + 1
    assert f"ESP {result.esp[0]:.3f}" in names[0]
    assert f"ESP {result.esp[-1]:.3f}" in names[-1]
    sizes = {handle.get_markersize() for handle in ax.get_legend().legend_handles}
    assert len(sizes) == 1
    rings = [line for line in ax.lines if line.get_label() in names]
    assert [len(line.get_xdata()) for line in rings] == [2] * len(names)


def test_a_run_shows_energies_reference_and_changes_of_cycle(result):
    figure = qa.plot.run(result, axes=Figure().subplots(2, 1, sharex=True))
    above, below = figure.axes
    np.testing.assert_array_equal(above.lines[0].get_ydata(), result.history["energy"])
    assert set(above.lines[1].get_ydata()) == {result.reference}
    at = [line.get_xdata()[0] for line in above.lines[2:]]
    cycle = result.history["cycle"]
    assert at == [k + 0.5 for k in range(1, len(cycle)) if cycle[k] != cycle[k - 1]]
    np.testing.assert_array_equal(below.lines[0].get_ydata(), result.history["esp"])


def test_a_run_without_a_figure_makes_one(result):
    import matplotlib.pyplot as plt

    assert len(qa.plot.run(result).axes) == 2
    plt.close("all")


def test_a_packing_shows_the_programs_that_are_there(together):
    shown = []
    for cycle in range(3):
        ax = qa.plot.packing(together, cycle=cycle, ax=Figure().subplots())
        shown.append([name.split(",")[0] for name in labels(ax.get_legend())])
    assert shown == [["job 0"], ["job 0", "job 1"], ["job 1"]]
    ax = qa.plot.packing(together, ax=Figure().subplots())
    assert labels(ax.get_legend()) == [f"job 1, ESP {together.programs[1].esp[-1]:.3f}"]


def test_a_strip_has_a_panel_for_each_cycle_and_every_name(together):
    import matplotlib.pyplot as plt

    figure = qa.plot.strip(together)
    assert [ax.get_title()[:7] for ax in figure.axes] == ["cycle 0", "cycle 1", "cycle 2"]
    assert labels(figure.legends[0]) == ["job 0", "job 1"]
    plt.close(figure)


def test_what_cannot_be_drawn_is_refused(result, together, backend):
    placeless = qa.vqe(H, ANSATZ, backend="aer", shots=50, max_evaluations=12, rng=1)
    with pytest.raises(ValueError, match="`result` must come from a run with a schedule"):
        qa.plot.walk(placeless, backend.calibration)
    with pytest.raises(ValueError, match="`axes` must be two axes, but there are 1"):
        qa.plot.run(result, axes=[Figure().subplots()])
    with pytest.raises(ValueError, match="`cycle` must be within -3 to 2, but it is 3"):
        qa.plot.packing(together, cycle=3)
