import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qalgs.tomo.measuring.plan import (
    all_settings,
    covering_settings,
    plan_settings,
    random_settings,
    settings_for_labels,
)
from qalgs.tomo.operators.paulis import contained_paulis, settings_to_text


def test_all_settings_cover_all_paulis():
    settings = all_settings(4)
    assert len(np.unique(settings, axis=0)) == 81
    assert len(np.unique(contained_paulis(settings))) == 4**4


@given(seed=st.integers(0, 1000), n=st.integers(1, 5), fraction=st.floats(0.01, 1))
def test_covering_settings_reach_the_fraction_and_no_setting_is_spare(seed, n, fraction):
    settings = covering_settings(n, fraction, np.random.default_rng(seed))
    assert len(np.unique(settings, axis=0)) == len(settings)
    assert len(np.unique(contained_paulis(settings))) >= fraction * 4**n
    if len(settings) > 1:
        assert len(np.unique(contained_paulis(settings[:-1]))) < fraction * 4**n


@given(st.data(), st.integers(1, 5))
def test_every_label_is_contained_in_a_chosen_setting(data, n):
    labels = data.draw(st.lists(st.text("IXYZ", min_size=n, max_size=n), min_size=1, max_size=30))
    texts = settings_to_text(settings_for_labels(labels))
    for label in labels:
        assert any(all(a in ("I", b) for a, b in zip(label, text, strict=True)) for text in texts)


def test_commuting_labels_share_a_setting():
    assert settings_to_text(settings_for_labels(["XXI", "IXX", "XIX", "III"])) == ["XXX"]


def test_random_settings_begin_with_the_three_uniform_ones():
    assert settings_to_text(random_settings(3, 5, np.random.default_rng(0)))[:3] == ["ZZZ", "XXX", "YYY"]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "Exactly one of"),
        ({"fraction": 0.2, "settings": 3}, "Exactly one of"),
        ({"fraction": 0.0}, "`fraction` must be greater than 0"),
        ({"fraction": 1.5}, "`fraction` must be at most 1"),
        ({"fraction": float("nan")}, "`fraction` must be finite"),
        ({"settings": 0}, "`settings` must be at least 1"),
        ({"settings": 28}, "`settings` must be at most 27"),
        ({"settings": "some"}, "'some'"),
        ({"settings": []}, "it is empty"),
        ({"settings": ["XIZ"]}, "one is 'XIZ'"),
        ({"settings": ["XX"]}, "`settings` must have 3 letters each, but they have 2"),
        ({"labels": ["XXQ"]}, "one is 'XXQ'"),
        ({"labels": ["XX", "XXX"]}, r"lengths are \[2, 3\]"),
        ({"labels": []}, "it is empty"),
    ],
)
def test_malformed_plans_are_refused(kwargs, message):
    given_kwargs = {"fraction": None, "settings": None, "labels": None, **kwargs}
    with pytest.raises(ValueError, match=message):
        plan_settings(3, np.random.default_rng(0), **given_kwargs)


def test_complete_plans_stop_at_eight_qubits():
    with pytest.raises(ValueError, match="use `fraction`"):
        all_settings(9)
