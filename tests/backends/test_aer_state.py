"""States from Aer: those of the exact engine, global phase included."""

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import DiagonalGate, MCPhaseGate, UnitaryGate

from qalgs_backends import CapabilityError, get
from qalgs_backends.simulators import aer_direct
from tests.backends.cases import random_circuit


def both(circuit, points=None, name="aer"):
    exact, aer = get("statevector"), get(name)
    return exact.state(exact.prepare(circuit), points), aer.state(aer.prepare(circuit), points)


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("name", ["aer", "aer:mps"])
@pytest.mark.parametrize("points", [1, 3])
def test_states_at_many_points_with_a_phase_that_has_a_parameter(points, name, direct, monkeypatch):
    monkeypatch.setattr(aer_direct, "trusted", lambda: direct)
    rng = np.random.default_rng(points)
    circuit = random_circuit(rng, 3, depth=5)
    circuit.global_phase = 0.3 + 2 * Parameter("phase")
    exact, aer = both(circuit, rng.normal(size=(points, circuit.num_parameters)), name)
    np.testing.assert_allclose(aer, exact, atol=1e-12)


def test_matrix_gates_run_as_they_are():
    rng = np.random.default_rng(0)
    circuit = QuantumCircuit(3, 3, global_phase=0.7)
    circuit.append(UnitaryGate(np.linalg.qr(rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))[0]), [2, 0])
    circuit.append(DiagonalGate(np.exp(1j * rng.normal(size=8)).tolist()), [0, 1, 2])
    circuit.append(MCPhaseGate(0.4, 2), [0, 1, 2])
    circuit.measure([0, 1, 2], [0, 1, 2])
    aer = get("aer")
    program = aer.prepare(circuit)
    kept = program.executable.compiled.circuit.count_ops()
    assert {"unitary": 1, "diagonal": 1, "mcphase": 1}.items() <= dict(kept).items()
    np.testing.assert_allclose(aer.state(program), both(circuit)[0], atol=1e-12)


@pytest.mark.parametrize("name", ["aer:density_matrix", "aer:stabilizer"])
def test_methods_without_state_vectors_say_so(name):
    backend = get(name)
    circuit = QuantumCircuit(1)
    circuit.h(0)
    with pytest.raises(CapabilityError, match="has no state vectors"):
        backend.state(backend.prepare(circuit))


@pytest.mark.parametrize("name", ["reset", "measure"])
def test_a_circuit_that_measures_or_resets_on_the_way_has_no_one_state(name):
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    getattr(circuit, name)(*[0] * (1 + (name == "measure")))
    circuit.h(0)
    circuit.measure(0, 0)
    backend = get("aer")
    with pytest.raises(CapabilityError, match="before its end"):
        backend.state(backend.prepare(circuit))
