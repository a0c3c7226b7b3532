"""Readout errors: calibration, the map Lambda, mitigated Pauli values and mitigated fits."""

from dataclasses import replace
from functools import reduce

import numpy as np
import pytest

import qalgs as qa
from qalgs.tomo.data import CountsData
from qalgs.tomo.data.readout import ReadoutCalibration, as_readout, calibrate_readout
from qalgs.tomo.measuring.plan import all_settings, random_settings
from qalgs.tomo.operators import Bases
from qalgs.tomo.operators.local_maps import LocalMap, parity_map
from qalgs.tomo.operators.masks import expectations
from tests.tomo.oracle import random_factor


def confusion(rng, n, low=0.01, high=0.07):
    up, down = rng.uniform(low, high, n), rng.uniform(low, high, n)
    return np.array([[[1 - a, b], [a, 1 - b]] for a, b in zip(up, down, strict=True)])


def misread(U, settings, readout, shots, rng):
    p = Bases(settings).probabilities(U)
    full = reduce(np.kron, readout[::-1])
    p = (p / p.sum(axis=1, keepdims=True)) @ full.T
    return CountsData(settings, rng.multinomial(shots, p / p.sum(axis=1, keepdims=True)))


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_local_map_is_the_kronecker_product(n):
    rng = np.random.default_rng(n)
    matrices, table = rng.normal(size=(n, 2, 2)), rng.normal(size=(3, 2**n))
    full = reduce(np.kron, matrices[::-1])
    np.testing.assert_allclose(LocalMap(matrices)(table), table @ full.T, atol=1e-12)
    np.testing.assert_allclose(LocalMap(matrices).adjoint(table), table @ full, atol=1e-12)


def test_mitigated_parities_undo_the_readout():
    rng = np.random.default_rng(0)
    readout, p = confusion(rng, 3), rng.dirichlet(np.ones(8), size=4)
    read = LocalMap(readout)(p)
    np.testing.assert_allclose(read.sum(axis=1), 1)
    np.testing.assert_allclose(parity_map(3, readout)(read), parity_map(3)(p), atol=1e-12)


def test_calibration_of_a_perfect_machine_finds_no_errors():
    np.testing.assert_array_equal(calibrate_readout("statevector", 2, rng=1).matrices, np.tile(np.eye(2), (2, 1, 1)))


def test_calibration_finds_the_errors_of_the_device():
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    properties = FakeManilaV2().properties()
    calibration = calibrate_readout("noisy:fake_manila", qubits=[2, 0], rng=1)
    for q, value, err in zip([2, 0], calibration.matrices, calibration.matrices_err, strict=True):
        up = properties.qubit_property(q, "prob_meas1_prep0")[0]
        down = properties.qubit_property(q, "prob_meas0_prep1")[0]
        assert abs(value[1, 0] - up) < 5 * err[1, 0] + 1e-3  # the X gate's own error counts as well
        assert abs(value[0, 1] - down) < 5 * err[0, 1] + 2e-3
    np.testing.assert_allclose(calibration.matrices.sum(axis=1), 1)
    assert "qubit 2: P(1|0)" in str(calibration)


def test_mitigated_pauli_values_are_unbiased_and_their_errors_honest():
    rng = np.random.default_rng(4)
    readout, settings = confusion(rng, 3, 0.02, 0.15), all_settings(3)
    U = random_factor(rng, 3, 2)
    z = []
    for _ in range(40):
        paulis = replace(misread(U, settings, readout, 200, rng), readout=readout).paulis()
        inside = paulis.errors > 0
        z.append(((paulis.values - expectations(paulis.x, paulis.z, U)) / np.where(inside, paulis.errors, 1))[inside])
    z = np.concatenate(z)
    assert abs(z.mean()) < 5 / np.sqrt(len(z) / 10)  # Paulis of one setting are correlated
    assert z.std() == pytest.approx(1, abs=0.06)
    plain = misread(U, settings, readout, 200, rng).paulis()
    assert (paulis.shots <= plain.shots + 1e-9).all()


def test_fits_mitigate_and_raw_ones_do_not():
    # Acceptance 10: GHZ of 6 qubits, readout errors of 1 to 7 %.
    rng = np.random.default_rng(0)
    up, down = rng.uniform(0.01, 0.03, 6), rng.uniform(0.03, 0.07, 6)
    readout = np.array([[[1 - a, b], [a, 1 - b]] for a, b in zip(up, down, strict=True)])
    psi = qa.problems.ghz_state(6)
    data = misread(psi[:, None], random_settings(6, 150, rng), readout, 2048, rng)
    with pytest.warns(qa.tomo.errors.RankBiasWarning):
        raw = qa.tomography(data, bootstrap=0, rng=1)
    mitigated = qa.tomography(replace(data, readout=readout), bootstrap=0, rng=1)
    assert raw.fidelity(psi).value <= 0.93
    assert mitigated.fidelity(psi).value >= 0.99
    assert mitigated.misfit < 1.1


def test_the_linear_estimate_mitigates_with_an_honest_error():
    rng = np.random.default_rng(5)
    psi, settings = qa.problems.ghz_state(3), all_settings(3)
    readout = confusion(rng, 3)
    estimates = []
    for _ in range(60):
        data = misread(psi[:, None], settings, readout, 200, rng)
        estimate, share = qa.linear_fidelity(replace(data, readout=readout), psi)
        estimates.append((estimate.value, estimate.err))
    assert share == pytest.approx(1)
    values, errors = np.array(estimates).T
    assert abs(values.mean() - 1) < 5 * errors.mean() / np.sqrt(60)
    assert values.std() == pytest.approx(errors.mean(), rel=5 / np.sqrt(2 * 60))
    assert qa.linear_fidelity(data, psi)[0].value < 0.95


def test_measuring_with_calibration_finds_the_state_before_the_readout():
    psi = qa.problems.ghz_state(3)
    data = qa.measure_paulis(
        qa.circuits.ghz(3), settings="all", shots=2000, backend="noisy:fake_manila", readout="calibrate", rng=1
    )
    assert data.readout.shape == (3, 2, 2)
    assert "readout calibrated" in str(data)
    raw, _ = qa.linear_fidelity(replace(data, readout=None), psi)
    mitigated, _ = qa.linear_fidelity(data, psi)
    assert raw.value + 5 * raw.err < mitigated.value < 1


def test_given_matrices_are_stored_and_subsets_take_theirs():
    readout = confusion(np.random.default_rng(1), 3)
    calibration = ReadoutCalibration(readout, np.zeros_like(readout), 1)
    data = qa.measure_paulis(qa.circuits.ghz(3), settings=4, shots=10, readout=calibration, rng=1)
    np.testing.assert_array_equal(data.readout, readout)
    np.testing.assert_array_equal(data.marginal([2, 0]).readout, readout[[2, 0]])
    np.testing.assert_array_equal(data.take(np.array([0])).readout, readout)


@pytest.mark.parametrize(
    ("readout", "message"),
    [
        (np.eye(2), r"shape \(2, 2, 2\), but its shape is \(2, 2\)"),
        ([np.eye(2), [[0.9, 0.2], [0.2, 0.8]]], "that of qubit 1 is"),
        ([[[0.9, 0.1], [0.2, 0.8]], np.eye(2)], "that of qubit 0 is .* transposed"),
        ([np.eye(2), [[0.4, 0.5], [0.6, 0.5]]], "for qubit 1 it is 1.1"),
        ([np.eye(2), [[np.nan, 0.5], [0.6, 0.5]]], "`readout` must be finite"),
    ],
)
def test_bad_confusion_matrices_are_refused(readout, message):
    with pytest.raises(ValueError, match=message):
        as_readout(readout, 2)
    with pytest.raises(ValueError, match=message):
        CountsData.from_dict({"XX": {"00": 3}}, readout=readout)


def test_bad_requests_to_calibrate_are_refused():
    with pytest.raises(ValueError, match="Exactly one of `num_qubits` and `qubits`"):
        calibrate_readout("statevector")
    with pytest.raises(ValueError, match="be None, \"calibrate\" or confusion matrices, but it is 'calibrated'"):
        qa.measure_paulis(qa.circuits.ghz(2), settings=3, readout="calibrated")
