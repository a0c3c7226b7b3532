"""What is refused, what is warned of, and what is taken as it is: one test per kind of input."""

import logging

import numpy as np
import pytest

import qalgs as qa
from qalgs.tomo.data import CountsData, PauliData, pauli_table
from qalgs.tomo.data.pauli_table import quasi_paulis
from qalgs.tomo.errors import DataWarning, InsufficientDataError, RankBiasWarning
from qalgs.tomo.operators.paulis import settings_from_text
from tests.tomo.oracle import random_factor

BELL = {"XX": {"00": 50, "11": 50}, "YY": {"01": 50, "10": 50}, "ZZ": {"00": 50, "11": 50}}


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [
        ({"00": -1, "11": 3}, "hold whole numbers of at least 0, but setting XY does not"),
        ({"00": 1.5}, "hold whole numbers of at least 0, but setting XY does not"),
        ({"00": float("nan")}, "`counts` must be finite"),
        ({"00": float("inf")}, "`counts` must be finite"),
        ({"00": 0}, "hold at least one shot per setting, but setting XY has none"),
    ],
)
def test_counts_that_are_no_counts(outcomes, message):
    with pytest.raises(ValueError, match=message):
        CountsData.from_dict({"ZZ": {"00": 3}, "XY": outcomes})


def test_counts_that_are_whole_but_for_rounding_are_taken():
    assert CountsData.from_dict({"X": {"0": 2.9999999999, "1": 1}}).counts.tolist() == [[3, 1]]


def test_quasi_counts_become_pauli_values():
    data = quasi_paulis({"ZZ": {"00": 0.55, "11": 0.5, "01": -0.05}}, shots=1000)
    assert isinstance(data, PauliData)
    zz = data.values[(data.z == 3) & (data.x == 0)]
    assert zz.tolist() == pytest.approx([1.1])
    with pytest.raises(ValueError, match=r"lie in \[-1, 1\] within 5 standard errors.*label ZZ"):
        quasi_paulis({"ZZ": {"00": 0.75, "11": 0.5, "01": -0.25}}, shots=1000)


@pytest.mark.parametrize("field", ["values", "shots"])
def test_pauli_values_that_are_not_finite(field):
    given = {"values": [0.1, 0.2], "shots": [10.0, 10.0]} | {field: [0.1, np.nan]}
    with pytest.raises(ValueError, match=rf"`{field}` must be finite, but entry \(1,\) is nan"):
        PauliData.from_labels(["XX", "ZZ"], **given)


def test_values_outside_the_range():
    with pytest.raises(ValueError, match=r"lie in \[-1, 1\] within 5 standard errors, but entry 1 is -1.6, label ZI"):
        PauliData.from_labels(["XX", "ZI"], [0.1, -1.6], [100.0, 100.0])
    with pytest.warns(DataWarning, match=r"1 of 2 values are outside .* such as 1.02 of ZI"):
        data = PauliData.from_labels(["XX", "ZI"], [0.1, 1.02], 100)
    assert 1.02 in data.values


def test_the_value_of_the_identity():
    with pytest.raises(ValueError, match=r"that of II is 0.9: wrong trace; `normalise=True` rescales"):
        PauliData.from_labels(["II", "ZZ"], [0.9, 0.45])
    data = PauliData.from_labels(["II", "ZZ"], [0.9, 0.45], normalise=True)
    assert data.values.tolist() == pytest.approx([1.0, 0.5])
    with pytest.raises(ValueError, match="the identity to be normalised by, but II is missing"):
        PauliData.from_labels(["XX"], [0.9], normalise=True)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"XX": {"000": 1}}, "bit strings of 2 bits, but setting XX has '000'"),
        ({"XX": {"0x": 1}}, "setting XX has '0x'"),
        ({"XA": {"00": 1}}, "letters X, Y and Z only, but one is 'XA'"),
        ({"XI": {"00": 1}}, "letters X, Y and Z only, but one is 'XI'"),
        ({"XX": {"00": 1}, "X": {"0": 1}}, "common length"),
        ({}, "it is empty"),
    ],
)
def test_malformed_settings_and_outcomes(counts, message):
    with pytest.raises(ValueError, match=message):
        CountsData.from_dict(counts)


def test_outcomes_that_are_no_mapping():
    with pytest.raises(TypeError, match="that of XX is a list"):
        CountsData.from_dict({"XX": [1, 2]})


def test_spaces_and_small_letters_are_taken():
    data = CountsData.from_dict({"xz": {"0 1": 3}})
    assert data.counts.tolist() == [[0, 3, 0, 0]]
    assert data.settings.tolist() == settings_from_text(["XZ"]).tolist()


def test_repeated_settings_are_added_up(caplog):
    with caplog.at_level(logging.INFO):
        data = CountsData.from_dict({"ZZ": {"00": 1}, "XX": {"00": 3}, "xx": {"11": 4, "00": 1}})
    assert data.counts.tolist() == [[1, 0, 0, 0], [4, 0, 0, 4]]
    assert "1 repeated settings were added up" in caplog.text


def test_repeated_labels_are_averaged_by_shots():
    data = PauliData.from_labels(["XX", "ZZ", "xx"], [0.1, 0.5, 0.4], [100, 10, 200])
    assert sorted(zip(data.values.tolist(), data.shots.tolist(), strict=True)) == [
        (pytest.approx(0.3), 300),
        (pytest.approx(0.5), 10),
    ]


def test_declared_shots():
    counts = {"XX": {"00": 995}, "ZZ": {"00": 1000}}
    with pytest.warns(DataWarning, match="Setting XX has 995 shots where 1000 were declared"):
        data = CountsData.from_dict(counts, shots=1000)
    assert data.shots.tolist() == [995, 1000]
    with pytest.raises(ValueError, match="within 1 %, but setting XX has 995 of 1024"):
        CountsData.from_dict(counts, shots={"XX": 1024})


def test_shots_may_differ_between_settings():
    data = CountsData.from_dict({"XX": {"00": 900, "11": 100}, "XZ": {"00": 50, "10": 50}})
    paulis = data.paulis()
    xi = (paulis.x == 2) & (paulis.z == 0)
    assert paulis.values[xi].tolist() == pytest.approx([(800 + 0) / 1100])
    assert paulis.shots[xi].tolist() == [1100]


def test_missing_settings_are_reported():
    psi = qa.problems.haar_state(3, 1)
    data = qa.measure_paulis(qa.circuits.haar(3, 1), settings=4, shots=100, rng=1)
    missing = CountsData(data.settings, data.counts, complete=False)
    with pytest.warns(DataWarning, match=r"The measurement is incomplete and covers \d+% of the target's Paulis"):
        result = qa.tomography(missing, target=psi, bootstrap=0, rng=1)
    assert len(result.warnings) == 1


def test_data_from_one_basis():
    with pytest.raises(
        InsufficientDataError, match=r"7: measure .* Covered are 3 of 9 of weight 1, 3 of 27 of weight 2"
    ):
        qa.tomography(CountsData.from_dict({"ZZZ": {"000": 10}}))
    with pytest.raises(InsufficientDataError, match="1 of 6 of weight 1, 0 of 9 of weight 2"):
        qa.tomography(PauliData.from_labels(["XI"], [0.5], 100), rank="auto")
    assert issubclass(InsufficientDataError, ValueError)


def test_ranks_out_of_range():
    data = CountsData.from_dict(BELL)
    for rank in (0, 5):
        with pytest.raises(ValueError, match="`rank` must be at"):
            qa.tomography(data, rank=rank)
    labels = ["XX", "YY", "ZZ", "XI", "IX", "ZI", "IZ", "YI", "IY", "XY", "XZ", "YX"]
    few = PauliData.from_labels(labels, np.zeros(12), 100)
    with pytest.raises(InsufficientDataError, match=r"at least 14 Paulis .* for a state of rank 3"):
        qa.tomography(few, rank=3)


def test_a_rank_whose_square_exceeds_the_paulis_is_refused_already():
    # 2 d r - r**2 - 1 parameters are at least r**2 - 1 for every r up to d.
    U = random_factor(np.random.default_rng(0), 2, 4)
    data = PauliData.simulate(U, 1.0, 100, np.random.default_rng(1))
    with pytest.raises(InsufficientDataError, match="at least 15"):
        qa.tomography(data.take(np.arange(15)), rank=4)


def test_exact_data_has_no_error_bars():
    U = random_factor(np.random.default_rng(0), 2, 1)
    exact = PauliData.simulate(U, 1.0, None, np.random.default_rng(1))
    zero = PauliData.from_labels(["XX", "ZZ"], [1.0, 1.0], 0)
    assert zero.shots is None
    result = qa.tomography(exact, bootstrap=5, rng=1)
    estimate = result.fidelity(U[:, 0])
    assert (estimate.err, estimate.low, estimate.high, result.misfit) == (None, None, None, None)
    with pytest.raises(ValueError, match="`shots` must be at least 1"):
        qa.measure_paulis(qa.circuits.ghz(2), settings=3, shots=0)


def test_too_little_memory_is_said_before_it_is_taken(monkeypatch):
    monkeypatch.setattr(pauli_table, "available_bytes", lambda: 800)
    data = CountsData.from_dict(BELL)
    with pytest.raises(MemoryError, match=r"Paulis of 2 qubits take 512 bytes, .* 800 .* use `marginal\(qubits\)`"):
        data.paulis()


def test_a_fit_that_diverges_ends_with_its_best_state():
    psi = qa.problems.ghz_state(3)
    data = qa.measure_paulis(qa.circuits.ghz(3), settings="all", shots=200, rng=1).paulis()
    method = qa.LocalSFGD(step_size=2.0, batch=1, schedule="constant")
    with np.errstate(all="ignore"):
        result = qa.tomography(data, method=method, bootstrap=0, rng=1)
    assert result.status is qa.Status.FAILED
    assert not result.success
    assert np.isfinite(result.fidelity(psi).value)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (np.ones(4), "`target` must have norm 1, but its norm is 2"),
        (np.ones(2) / np.sqrt(2), "`target` must have 4 amplitudes, but it has 2"),
        (np.eye(4) / 4, "`target` must have 1 dimensions"),
    ],
)
def test_targets_that_are_no_states(target, message):
    with pytest.raises(ValueError, match=message):
        qa.tomography(CountsData.from_dict(BELL), target=target)


def test_other_arguments_of_the_verb():
    data = CountsData.from_dict(BELL)
    with pytest.raises(ValueError, match="`resampling` must be one of 'parametric', 'nonparametric'"):
        qa.tomography(data, resampling="jackknife")


def test_warnings_can_be_caught_by_name():
    assert issubclass(RankBiasWarning, UserWarning)
    assert issubclass(DataWarning, UserWarning)
