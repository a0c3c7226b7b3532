import numpy as np
import pytest
from matplotlib.figure import Figure

import qalgs as qa
from qalgs.plot.devices import positions


@pytest.fixture(scope="module")
def calibration():
    return qa.backends.get("noisy:fake_manila").calibration


def test_neighbours_are_drawn_closer_than_strangers():
    ring = [(i, (i + 1) % 12) for i in range(12)]
    places = positions(12, ring)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    near = [apart[a, b] for a, b in ring]
    np.testing.assert_allclose(near, near[0], rtol=1e-3)
    far = [apart[a, b] for a in range(12) for b in range(a + 2, 12) if (a, b) != (0, 11)]
    assert max(near) < min(far)


def test_every_coupler_and_qubit_is_in_the_picture(calibration):
    axes = qa.plot.device(calibration, layout=(2, 1), ax=Figure().subplots())
    assert sum(len(lines.get_segments()) for lines in axes.collections[:2]) == 4
    assert len(axes.collections[2].get_offsets()) == 5
    assert "fake_manila, 2024-05-27" in axes.get_title()
    assert {text.get_text() for text in axes.texts} >= {"0", "1", "2", "3", "4"}


def test_a_device_on_one_line_has_a_height(calibration):
    axes = qa.plot.device(calibration, ax=Figure().subplots())
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert right - left == pytest.approx(4 + 2, abs=0.1)
    assert top - bottom == pytest.approx(2, abs=0.1)


def test_a_layout_off_the_device_is_refused(calibration):
    with pytest.raises(ValueError, match="within 0 to 4, but it holds 7"):
        qa.plot.device(calibration, layout=(1, 7))
