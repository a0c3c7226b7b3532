"""The whole way from a device model to an interval, against the fidelity that only a simulator knows."""

from dataclasses import replace

import pytest

import qalgs as qa


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::qalgs.RankBiasWarning")
def test_the_interval_of_a_noisy_device_contains_the_truth():
    backend = qa.backends.get("noisy:fake_manila")
    circuit, target = qa.circuits.ghz(5), qa.problems.ghz_state(5)
    calibration = backend.calibration
    readable = tuple(replace(q, prob_meas1_prep0=0.0, prob_meas0_prep1=0.0) for q in calibration.qubits)
    perfect = qa.backends.get(replace(calibration, qubits=readable))
    program = perfect.prepare(circuit, qa.problems.ghz_projector(5))
    truth = perfect.expect(program).values[0, 0]
    hits = 0
    for seed in range(4):
        data = qa.measure_paulis(
            circuit,
            settings="all",
            shots=1024,
            backend=backend,
            qubits=program.layout,
            readout="calibrate",
            rng=seed,
        )
        fidelity = qa.tomography(data, rank="auto", bootstrap=20, rng=seed).fidelity(target)
        hits += fidelity.low <= truth <= fidelity.high
        assert abs(fidelity.value - truth) < 0.03
        linear, share = qa.linear_fidelity(data, target)
        assert share == pytest.approx(1)
        assert abs(linear.value - truth) < 5 * linear.err
    assert hits >= 3  # nominally 95 % each; the calibration's own error is not in the interval
