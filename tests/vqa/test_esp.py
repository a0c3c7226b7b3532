"""ESP against Qiskit's compiler and scheduler, against the simulated state, and against itself."""

from dataclasses import replace
from functools import partial
from math import log1p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import PassManager, generate_preset_pass_manager
from qiskit.transpiler.passes import ALAPScheduleAnalysis, PadDelay
from scipy.stats import spearmanr

from qalgs.backends import CapabilityError, EspModel, fidelity_map
from qalgs_backends.devices.device import read_device
from qalgs_backends.devices.first_term import first_term_esp
from qalgs_backends.devices.placements import layouts_of_shape
from qalgs_backends.simulators.channels import Channels
from qalgs_backends.simulators.superoperator import Superoperator
from tests.vqa.devices import ansatz, calibration, scheduled_esp


def agrees(name, n, count):
    """Every part on ``count`` placements; errors of 1 are clipped at 1e-12 below, in the logarithm."""
    known = calibration(name)
    model = EspModel(known, ansatz(n))
    places = layouts_of_shape(known, n, model.pairs)
    places = places[np.random.default_rng(n).choice(len(places), count, replace=False)]
    esp = model.evaluate(places)
    times = np.empty(places.shape)
    for profile, rows in model.profiles(places):
        times[rows] = model.idle_times(profile, places[rows])
    for row, layout in enumerate(places.tolist()):
        gate, readout, waits = scheduled_esp(name, model.circuit, layout)
        assert abs(esp.gate[row] - gate) <= 1e-12
        assert abs(esp.readout[row] - readout) <= 1e-12
        np.testing.assert_allclose(times[row], waits, atol=1e-12)


@pytest.mark.parametrize("name", ["Sherbrooke", "Boston", "Nighthawk"])
def test_esp_equals_the_transpiled_circuit(name):
    agrees(name, 4, 6)


@pytest.mark.slow
@pytest.mark.parametrize("n", [4, 5, 6, 7, 8])
@pytest.mark.parametrize("name", ["Sherbrooke", "Boston", "Nighthawk"])
def test_esp_equals_the_transpiled_circuit_on_fifty_placements(name, n):
    agrees(name, n, 50)


def test_factors_by_hand():
    """One ecr of error e on an idle-free pair: entanglement infidelity is 5/4 e, and readout counts once per qubit."""
    known = calibration("Sherbrooke")
    gate = next(g for g in known.usable_gates if g.name == "ecr")
    circuit = QuantumCircuit(2)
    circuit.ecr(0, 1)
    for kind, scale in (("average", 1.0), ("entanglement", 1.25)):
        esp = EspModel(known, circuit, fidelity=kind).evaluate([gate.qubits])
        assert esp.gate[0] == pytest.approx(1 - scale * gate.error, rel=1e-12)
        reads = [known.qubits[q].readout_error for q in gate.qubits]
        assert esp.readout[0] == pytest.approx((1 - reads[0]) * (1 - reads[1]), rel=1e-12)
        assert esp.idle[0] == 1.0
        assert esp.total[0] == pytest.approx(esp.gate[0] * esp.readout[0], rel=1e-12)


@pytest.mark.parametrize("kind", ["average", "entanglement"])
def test_idle_factor_by_hand(kind):
    """Qubit 0 waits for one of two ecr gates in a row on its partner's other side."""
    known = calibration("Sherbrooke")
    circuit = QuantumCircuit(3)
    circuit.x(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.cx(0, 1)
    model = EspModel(known, circuit, fidelity=kind)
    place = layouts_of_shape(known, 3, model.pairs)[:1]
    ((profile, _),) = model.profiles(place)
    t = model.idle_times(profile, place)[0]
    assert t[0] > 5e-7
    factors = []
    for q, wait in zip(place[0], t, strict=True):
        t1 = known.qubits[q].t1
        relax, dephase = np.exp(-wait / t1), np.exp(-wait / min(known.qubits[q].t2, 2 * t1))
        average = 0.5 + relax / 6 + dephase / 3
        factors.append(average if kind == "average" else (1 + relax + 2 * dephase) / 4)
    assert model.evaluate(place).idle[0] == pytest.approx(np.prod(factors), rel=1e-12)


def test_average_and_entanglement_idle_are_the_same_channel():
    """F_average = (d F_entanglement + 1) / (d + 1) for one qubit."""
    known = calibration("Boston")
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    circuit.cz(0, 1)
    for _ in range(2):
        circuit.barrier()
        circuit.cz(1, 2)
    circuit.cz(0, 1)
    place = layouts_of_shape(known, 3, [(0, 1), (1, 2)])[:5]
    idle = {k: EspModel(known, circuit, fidelity=k).evaluate(place).idle for k in ("average", "entanglement")}
    assert (idle["average"] < 1).all()
    np.testing.assert_allclose(idle["average"], (2 * idle["entanglement"] + 1) / 3, rtol=1e-3)


@pytest.mark.parametrize("name", ["Sherbrooke", "Nighthawk"])
def test_a_step_is_updated_to_what_it_is_evaluated_to(name):
    model = EspModel(calibration(name), ansatz(5, reps=1))
    places = layouts_of_shape(model.calibration, 5, model.pairs)
    here = places[17]
    near = places[((places[:, :, None] == here).any(axis=2)).sum(axis=1) >= 4]
    assert len(near) > 2
    esp, moved = model.evaluate(near), model.moved(model.evaluate([here]), here, near)
    for part in ("gate", "readout", "idle", "total"):
        np.testing.assert_allclose(getattr(moved, part), getattr(esp, part), rtol=1e-12)


def test_what_is_dead_counts_as_nothing_and_what_is_missing_is_refused():
    known = calibration("Sherbrooke")
    dead = next(g.qubits for g in known.gates if g.name == "ecr" and (g.error or 0) >= 0.5)
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    assert EspModel(known, circuit).evaluate([dead]).total[0] < 1e-11
    with pytest.raises(CapabilityError, match=r"routing on layout \(0, 50\)"):
        EspModel(known, circuit).evaluate([(0, 50)])
    with pytest.raises(ValueError, match="`fidelity` must be one of"):
        EspModel(known, circuit, fidelity="median")
    unknown = tuple(replace(g, error=None) if len(g.qubits) == 2 else g for g in known.gates)
    assert EspModel(replace(known, gates=unknown), circuit).evaluate([(0, 1)]).gate[0] < 1e-11


@given(scale=st.floats(0.1, 1.0))
def test_smaller_errors_never_lower_the_esp(scale):
    known = calibration("Boston")
    better = replace(
        known, gates=tuple(replace(g, error=None if g.error is None else scale * g.error) for g in known.gates)
    )
    circuit = ansatz(3, reps=1)
    places = layouts_of_shape(known, 3, [(0, 1), (1, 2)])[:40]
    assert (EspModel(better, circuit).evaluate(places).gate >= EspModel(known, circuit).evaluate(places).gate).all()


def test_the_published_formula():
    """By hand on one gate: p0 of Aer's error times the decay over the depth."""
    from qiskit_aer.noise.device import basic_device_gate_errors

    known = calibration("Sherbrooke")
    gate = next(g for g in known.usable_gates if g.name == "ecr")
    circuit = QuantumCircuit(2)
    circuit.ecr(0, 1)
    circuit.sx(1)
    a, b = gate.qubits
    pulse = next(g for g in known.usable_gates if g.name == "sx" and g.qubits == (b,))
    errors = basic_device_gate_errors(target=known.target([gate, pulse], gate.qubits))
    p0 = {name: error.probabilities[0] for name, _, error in errors}
    t1 = (known.qubits[a].t1 + known.qubits[b].t1) / 2
    t2 = (known.qubits[a].t2 + known.qubits[b].t2) / 2
    expected = p0["ecr"] * p0["sx"] * np.exp(-2 * 50e-9 / t1 - 2 * 50e-9 / t2)
    assert first_term_esp(known, circuit, [gate.qubits])[0] == pytest.approx(expected, rel=1e-12)
    assert log1p(-gate.error) != pytest.approx(np.log(p0["ecr"]), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("Brisbane", 0.93), ("Boston", 0.97)])
def test_esp_predicts_the_fidelity_of_the_state(name, least):
    """Entanglement ESP of gates and idling against the simulated state, on every line, for four parameter sets."""
    known, circuit = calibration(name), ansatz(4)
    channels = Channels(read_device(known))
    every = fidelity_map(known, circuit, fidelity="entanglement")
    points = np.random.default_rng(11).uniform(0, 2 * np.pi, (4, circuit.num_parameters))
    found = [np.mean(state_fidelities(known, channels, circuit, layout, points)) for layout in every.layouts.tolist()]
    predicted = every.gate * every.idle
    assert spearmanr(predicted, found).statistic >= least
    assert abs(np.mean(predicted - found)) <= 0.02


def state_fidelities(known, channels, circuit, layout, points):
    """<psi| rho |psi> at the points, from the Pauli vectors of the noisy and of the perfect scheduled circuit."""
    target = known.target([g for g in known.usable_gates if set(g.qubits) <= set(layout)], layout)
    compiler = generate_preset_pass_manager(1, target=target, initial_layout=range(len(layout)), seed_transpiler=0)
    scheduler = PassManager([ALAPScheduleAnalysis(target=target), PadDelay(target=target)])
    padded = without_leading_delays(scheduler.run(compiler.run(circuit)))
    vectors = []
    for noise in (partial(channels.after, tuple(layout)), lambda *_: None):
        fused = Superoperator(padded, tuple(circuit.parameters), noise, np.zeros((len(layout), 2)))
        vectors.append(next(fused.states(points)).reshape(len(points), -1))
    return (vectors[0] * vectors[1]).sum(axis=1) / 2 ** len(layout)


def without_leading_delays(circuit):
    """Waiting in |0> costs nothing in the ESP, nor in the state."""
    out, started = circuit.copy_empty_like(), set()
    for item in circuit.data:
        leading = item.operation.name == "delay" and item.qubits[0] not in started
        if leading or item.operation.name == "barrier":
            continue
        if item.operation.name not in ("delay", "rz"):
            started.update(item.qubits)
        out.append(item)
    return out
