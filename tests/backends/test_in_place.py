"""What is simulated on a place is what its ESP rates: the same gates, and the same time spent waiting."""

import numpy as np
import pytest
from qiskit import transpile
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import Operator

from qalgs_backends import CapabilityError, EspModel, get
from qalgs_backends.devices.in_place import compile_in_place
from qalgs_backends.devices.placements import interactions, layouts_of_shape
from qalgs_backends.simulators.placing import place, with_idling


def ansatz(n):
    return efficient_su2(n, reps=2, entanglement="linear")


def swapping():
    """Level 1 writes the swap as three gates on a coupler, level 3 reads two qubits in each other's place."""
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.t(2)
    circuit.swap(1, 2)
    circuit.cx(1, 2)
    return circuit


@pytest.fixture(scope="module", params=["fake_fez", "fake_sherbrooke", "fake_brisbane"])
def backend(request):
    return get(f"noisy:{request.param}")


@pytest.mark.parametrize("circuit", [ansatz(4), ansatz(3).assign_parameters(np.linspace(0.1, 2, 18)), swapping()])
def test_the_esp_rates_the_gates_that_are_simulated(backend, circuit):
    device, model = backend._device, EspModel(backend.calibration, circuit)
    layouts = layouts_of_shape(backend.calibration, circuit.num_qubits, model.pairs)
    for layout in layouts[:: len(layouts) // 3]:
        piece = place(device, circuit, tuple(layout.tolist()), seed=11)
        assert piece.used == piece.places.first == tuple(layout)
        index = {bit: i for i, bit in enumerate(piece.circuit.qubits)}
        run = [(item.operation.name, tuple(index[q] for q in item.qubits)) for item in piece.circuit.data]
        ((profile, _),) = model.profiles(layout[None])
        assert run == list(profile)
        waits = np.zeros(circuit.num_qubits)
        for item in with_idling(piece, backend.calibration).data:
            if item.operation.name == "delay":
                waits[piece.circuit.find_bit(item.qubits[0]).index] += item.operation.duration
        np.testing.assert_allclose(waits, model.idle_times(profile, layout[None])[0], rtol=1e-9, atol=1e-15)


def test_no_more_pulses_and_couplers_than_the_transpiler_at_its_best(backend):
    circuit = ansatz(4)
    layout = backend.fidelity_map(circuit).layout()
    ours = place(backend._device, circuit, layout, seed=11).circuit.count_ops()
    best = transpile(
        circuit, target=backend._device.usable, optimization_level=3, initial_layout=layout, seed_transpiler=11
    ).count_ops()
    for gates in (("sx", "x"), ("cz", "ecr")):
        assert sum(ours.get(g, 0) for g in gates) <= sum(best.get(g, 0) for g in gates)


def test_a_swap_is_saved_by_reading_elsewhere(backend):
    circuit, known = swapping(), backend.calibration
    pairs = interactions(circuit)
    layout = tuple(layouts_of_shape(known, 3, pairs)[0].tolist())
    done = compile_in_place(known, known.usable_gates, circuit, pairs, layout)
    assert done.last == (0, 2, 1)
    assert done.circuit.num_nonlocal_gates() == 2
    moved = QuantumCircuit(3)
    moved.compose(circuit, inplace=True)
    moved.swap(1, 2)
    assert Operator(done.circuit.copy()).equiv(Operator(moved))


def test_what_needs_routing_is_refused_in_place_and_routed_by_the_backend(backend):
    circuit = QuantumCircuit(3)
    for a, b in ((0, 1), (1, 2), (0, 2)):
        circuit.cx(a, b)
    known = backend.calibration
    layout = tuple(layouts_of_shape(known, 3, [(0, 1), (1, 2)])[0].tolist())
    with pytest.raises(CapabilityError, match=r"needs routing on layout .* its qubits \(0, 2\) are not coupled"):
        compile_in_place(known, known.usable_gates, circuit, interactions(circuit), layout)
    assert place(backend._device, circuit, layout, seed=11).places.first == layout
