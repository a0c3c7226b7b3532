import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qalgs.checks import as_seed_sequence, child, finite_array, generator, one_of, positive_int, real
from qalgs.results import Estimate, basic_bootstrap, load_record, provenance, save_record


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.98765, 0.0123), "0.988 ± 0.012"),
        (Estimate(0.98765, 0.000123), "0.98765 ± 0.00012"),
        (Estimate(1.0, 1e-17), "1.000000 ± 0.000000"),
        (Estimate(3.0, 0.5), "3.00 ± 0.50"),
        (Estimate(0.5), "0.5000 (no error estimate)"),
        (Estimate(0.25, 0.0), "0.25 (exact)"),
    ],
)
def test_estimates_show_two_digits_of_their_error(estimate, text):
    assert str(estimate) == text
    assert float(estimate) == estimate.value


def test_bootstrap_error_contains_scatter_and_bias():
    rng = np.random.default_rng(0)
    replicas = 0.6 + 0.03 * rng.normal(size=4000)
    estimate = basic_bootstrap(0.56, replicas, low=0, high=1)
    assert estimate.err == pytest.approx(0.05, rel=0.05)  # 3-4-5: scatter 0.03, bias 0.04
    assert (estimate.low + estimate.high) / 2 == pytest.approx(0.52, abs=0.003)
    assert basic_bootstrap(0.5, replicas[:1], low=0, high=1) == Estimate(0.5)


@given(value=st.floats(0, 1), seed=st.integers(0, 100))
def test_intervals_stay_in_the_range_of_the_quantity(value, seed):
    replicas = np.random.default_rng(seed).uniform(size=20)
    estimate = basic_bootstrap(value, replicas, low=0, high=1)
    assert 0 <= estimate.low <= estimate.high <= 1


def test_records_round_trip_without_pickle(tmp_path):
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.array([1 + 2j])}
    facts = {"name": "ψ", "n": 3, "none": None}
    save_record(tmp_path / "deep" / "run.v2", arrays, facts)
    loaded, read = load_record(tmp_path / "deep" / "run.v2")
    assert read == facts
    assert all(np.array_equal(loaded[k], arrays[k]) for k in arrays)
    assert load_record(tmp_path / "deep" / "run.v2.npz")[1] == facts


def test_provenance_is_json_and_names_versions():
    record = provenance("method", np.random.SeedSequence(4), "source")
    assert json.loads(json.dumps(record)) == record
    assert record["qiskit"].startswith("2.")
    assert "entropy=4" in record["seed"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: positive_int(True, "x"), TypeError, "`x` must be an integer, but it is True of type bool."),
        (lambda: positive_int(2.0, "x"), TypeError, "be an integer"),
        (lambda: positive_int(0, "x"), ValueError, "Argument `x` must be at least 1, but it is 0."),
        (lambda: positive_int(9, "x", maximum=8), ValueError, "be at most 8, but it is 9"),
        (lambda: real("1", "x"), TypeError, "be a real number, but it is '1' of type str"),
        (lambda: real(float("inf"), "x"), ValueError, "be finite, but it is inf"),
        (lambda: real(0.0, "x", above=0), ValueError, "be greater than 0, but it is 0"),
        (lambda: real(-1, "x", low=0), ValueError, "be at least 0, but it is -1"),
        (lambda: real(2, "x", high=1), ValueError, "be at most 1, but it is 2"),
        (lambda: one_of("c", "x", ("a", "b")), ValueError, "be one of 'a', 'b', but it is 'c'"),
        (lambda: finite_array([[0, np.nan]], "x"), ValueError, r"be finite, but entry \(0, 1\) is nan"),
        (
            lambda: finite_array([1, 2], "x", ndim=2),
            ValueError,
            r"have 2 dimensions, but its shape is \(2,\)",
        ),
        (lambda: finite_array("abc", "x"), TypeError, "be an array of float64"),
        (lambda: as_seed_sequence(-1), ValueError, "be at least 0, but it is -1"),
        (
            lambda: as_seed_sequence(1.5),
            TypeError,
            "be an int, a Generator, a SeedSequence or None, but it is 1.5",
        ),
    ],
)
def test_checks_say_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


@given(seed=st.integers(0, 2**63), key=st.lists(st.integers(0, 1000), max_size=3))
def test_children_are_a_pure_function_of_their_key(seed, key):
    sequence = as_seed_sequence(seed)
    first = generator(sequence, *key).integers(2**63)
    child(sequence, 99)
    assert generator(as_seed_sequence(seed), *key).integers(2**63) == first
    if key:
        assert generator(child(sequence, key[0]), *key[1:]).integers(2**63) == first


def test_a_generator_advances_and_a_seed_sequence_does_not():
    rng = np.random.default_rng(0)
    first, second = as_seed_sequence(rng), as_seed_sequence(rng)
    assert first.entropy != second.entropy
    sequence = np.random.SeedSequence(3)
    assert as_seed_sequence(sequence) is sequence
    assert as_seed_sequence(None).entropy != as_seed_sequence(None).entropy
