"""Mitigated expectation values through the client's Estimator: what is sent, what it costs, and what it is good for."""

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends import CapabilityError, get
from qalgs_backends.ibm import guard
from qalgs_backends.ibm.backend import IBMBackend
from qalgs_backends.ibm.mitigation import ZNE, Mitigation
from qalgs_backends.ibm.options import IBMOptions, Twirling, client_options
from qalgs_backends.testing import RehearsalServer
from tests.backends.ibm_rehearsal import *  # noqa: F403
from tests.backends.test_ibm import OBSERVABLES, POINTS, ansatz, exact, new

LINEAR = ZNE(extrapolator=("linear",))
FRAMES = Twirling(gates=False, num_randomizations=4)
RUNS = {
    "readout": IBMOptions(mitigation=Mitigation()),
    "readout from few frames": IBMOptions(mitigation=Mitigation(readout_randomizations=3)),
    "twirled gates": IBMOptions(twirling=Twirling(num_randomizations=5), mitigation=Mitigation()),
    "all in layers": IBMOptions(
        twirling=Twirling(strategy="all", group="balanced_pauli", shots_per_randomization=90),
        mitigation=Mitigation(readout_randomizations=2),
    ),
    "pulses on idle qubits": IBMOptions(twirling=FRAMES, dynamical_decoupling="XX", mitigation=Mitigation()),
    "extrapolated": IBMOptions(twirling=FRAMES, mitigation=Mitigation(readout=False, zne=LINEAR)),
    "extrapolated from the front": IBMOptions(
        mitigation=Mitigation(readout=False, zne=ZNE((1.0, 2.0, 2.5), "gate_folding_front", ("linear",)))
    ),
    "level 2": IBMOptions.resilience(2),
}


@pytest.mark.parametrize("name", list(RUNS))
def test_the_estimate_is_exactly_what_is_posted(server, store, name):
    backend = IBMBackend(server.name, store=store, options=RUNS[name])
    server.reset()
    program = backend.prepare(ansatz(), OBSERVABLES)
    estimate = backend.estimate(program, 2, 500)
    assert server.count() == 0
    values = backend.expect(program, POINTS[:2], shots=500, rng=2)
    (job,) = server.jobs.values()
    assert job.executions == estimate.shots == values.cost.shots
    assert estimate.circuits == values.cost.circuits
    assert job.max_seconds >= estimate.quantum_seconds
    assert values.values.shape == values.values_err.shape == (2, 2)
    assert values.shots == backend._options.effective_shots(500)
    assert backend.expect(program, POINTS[:2], shots=500, rng=2).values == pytest.approx(values.values, abs=0)
    assert len(server.jobs) == 1


@pytest.mark.parametrize("qubits", [None, (4, 0, 2)])
def test_observables_follow_their_qubits(server, store, qubits):
    """The mean of N shots of a Pauli has an error of at most 1/sqrt(N), an observable of at most |c|_1 times that."""
    backend = new(server, store, mitigation=Mitigation())
    program = backend.prepare(ansatz(), OBSERVABLES, qubits=qubits)
    values = backend.expect(program, POINTS, shots=4096, rng=1)
    bound = np.array([np.abs(op.coeffs[op.paulis.to_labels() != np.array("III")]).sum() for op in OBSERVABLES]) / 64
    assert np.all(np.abs(values.values - exact(ansatz(), OBSERVABLES, POINTS)) < 5 * bound)
    assert np.all(values.values_err < 1.5 * bound)


def test_extrapolated_values(server, store):
    """With equal errors s at noise 1, 3 and 5, the line through the three points has error s sqrt(1/3 + 9/8) at 0."""
    backend = new(server, store, twirling=Twirling(gates=False), mitigation=Mitigation(readout=False, zne=LINEAR))
    values = backend.expect(backend.prepare(ansatz(), OBSERVABLES), POINTS, shots=4096, rng=1)
    plain = new(server, store)
    errors = plain.expect(plain.prepare(ansatz(), OBSERVABLES), POINTS, shots=4096, rng=1).values_err
    # The fit weighs the points by errors that are estimated from 32 frames, so it is not quite the best line.
    bound = 5 * 1.2 * np.sqrt(1 / 3 + 9 / 8) * errors
    assert np.all(np.abs(values.values - exact(ansatz(), OBSERVABLES, POINTS)) < bound)


def test_circuits_without_parameters_and_constants(server, store):
    backend = new(server, store, mitigation=Mitigation())
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    observables = [SparsePauliOp(["ZZ", "II"], [1, 0.5]), SparsePauliOp("II", 3.0), SparsePauliOp("ZI")]
    program = backend.prepare(circuit, observables)
    values = backend.expect(program, np.zeros((2, 0)), shots=1024, rng=0)
    assert values.values.shape == (2, 3)
    np.testing.assert_allclose(values.values[:, :2], [[1.5, 3.0]] * 2)
    np.testing.assert_array_equal(values.values_err[:, 1], 0)
    assert np.all(np.abs(values.values[:, 2]) < 5 / 32)
    assert values.values[0, 2] != values.values[1, 2]
    (job,) = server.jobs.values()
    assert job.executions == backend.estimate(program, 2, 1024).shots


def test_what_it_is_good_for(no_account, monkeypatch, store):
    """On qubits that are read wrongly, plain values of |11> are off, and mitigated ones are not."""
    circuit = QuantumCircuit(2)
    circuit.x([0, 1])
    observable, shots = SparsePauliOp("ZZ"), 16_384
    with RehearsalServer("fake_manila", noise=True) as noisy:
        for name, value in noisy.environment().items():
            monkeypatch.setenv(name, value)
        values = {}
        for mitigation in (None, Mitigation()):
            backend = IBMBackend(noisy.name, store=store, options=IBMOptions(mitigation=mitigation))
            program = backend.prepare(circuit, observable, qubits=(0, 1))
            values[mitigation] = backend.expect(program, shots=shots, rng=1)
    exact_noise = get("noisy:fake_manila")
    read = exact_noise.expect(exact_noise.prepare(circuit, observable, qubits=(0, 1))).values[0, 0]
    plain, mitigated = values.values()
    assert read < 0.93
    assert abs(plain.values[0, 0] - read) < 5 * plain.values_err[0, 0]
    # Numerator and divisor are means of N shots each, of values +-1 around f; f is what twirled readout leaves.
    error = np.sqrt(2 * (1 - read**2) / shots) / read
    gates = 2e-3  # two X gates of fake_manila: errors of 2 to 4 in 10,000 each, which readout mitigation leaves
    assert abs(mitigated.values[0, 0] - 1) < 5 * error + gates


def test_levels_are_those_of_the_client():
    from qiskit_ibm_runtime.executor_estimator.finalize_options import finalize_estimator_options
    from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions

    for level in (1, 2):
        ours = client_options(IBMOptions.resilience(level), 500, tag="t", max_seconds=9, mitigated=True)
        ours = finalize_estimator_options(ours).model_dump()
        theirs = finalize_estimator_options(EstimatorOptions(resilience_level=level)).model_dump()
        for kept in (ours, theirs):
            if kept["resilience"]["zne"]["noise_factors"] == "auto":
                kept["resilience"]["zne"]["noise_factors"] = (1.0, 3.0, 5.0)
        for name in ("resilience", "twirling", "dynamical_decoupling"):
            assert ours[name] == theirs[name]
    assert IBMOptions.resilience(0) == IBMOptions()


def test_keys_without_mitigation_do_not_name_it():
    assert set(IBMOptions().facts()) == {"twirling", "dynamical_decoupling", "rep_delay", "fractional_gates"}
    assert IBMOptions(mitigation=Mitigation()).facts()["mitigation"]["readout"] is True


def test_an_unknown_client_is_not_asked(server, store, monkeypatch):
    backend = new(server, store, mitigation=Mitigation())
    monkeypatch.setattr(guard, "version", lambda name: "0.53.0")
    with pytest.raises(
        CapabilityError, match=r"0\.53\.0 is installed, but the count of its circuits knows >=0\.51,<0\.53"
    ):
        backend.prepare(ansatz(), OBSERVABLES)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: Mitigation(readout=False), ValueError, "must mitigate something, or be None"),
        (lambda: Mitigation(readout=1), TypeError, "`readout` must be True or False"),
        (lambda: Mitigation(zne=True), TypeError, "`zne` must be a ZNE or None"),
        (lambda: Mitigation(readout_randomizations=0), ValueError, "`readout_randomizations` must be at least 1"),
        (lambda: Mitigation(readout=False, readout_randomizations=3, zne=ZNE()), ValueError, "without readout"),
        (lambda: ZNE((1.0,)), ValueError, "at least two factors"),
        (lambda: ZNE((0.5, 1.0, 3.0)), ValueError, r"`noise_factors\[0\]` must be at least 1"),
        (lambda: ZNE((1.0, 3.0, 3.0)), ValueError, "`noise_factors` must increase"),
        (lambda: ZNE((1.0, 3.0)), ValueError, "at least 3 factors for exponential, but it holds 2"),
        (lambda: ZNE(extrapolator=("polynomial_degree_2",)), ValueError, "at least 4 factors for polynomial_degree_2"),
        (lambda: ZNE(extrapolator=("cubic",)), ValueError, "`extrapolator` must be one of 'fallback', 'linear'"),
        (lambda: ZNE(extrapolator="linear"), TypeError, "`extrapolator` must be a tuple of names"),
        (lambda: ZNE(amplifier="pea"), ValueError, "`amplifier` must be one of 'gate_folding'"),
        (lambda: IBMOptions(mitigation=2), TypeError, "`mitigation` must be a Mitigation or None"),
        (lambda: IBMOptions.resilience(3), ValueError, "`level` must be one of 0, 1, 2"),
        (lambda: IBMOptions(max_points=0), ValueError, "`max_points` must be at least 1"),
        (
            lambda: IBMOptions(mitigation=Mitigation(), twirling=Twirling(measure=False)),
            ValueError,
            "`twirling` must twirl measurements when readout errors are mitigated",
        ),
    ],
)
def test_options_that_are_refused(make, kind, message):
    with pytest.raises(kind, match=message):
        make()
