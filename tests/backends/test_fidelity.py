"""Success probabilities against Qiskit's own scheduler and against products written out."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.transpiler import PassManager, generate_preset_pass_manager
from qiskit.transpiler.passes import ALAPScheduleAnalysis, PadDelay

from qalgs_backends import Calibration, CapabilityError, fidelity_map
from qalgs_backends.devices.placements import interactions, layouts_of_shape


@pytest.fixture(scope="module", params=["FakeFez", "FakeSherbrooke"])
def calibration(request):
    fake_provider = pytest.importorskip("qiskit_ibm_runtime.fake_provider")
    return Calibration.from_backend(getattr(fake_provider, request.param)())


def ansatz(n):
    return efficient_su2(n, reps=2, entanglement="linear").assign_parameters(np.linspace(0.1, 2, 6 * n))


def reference(calibration, circuit, layout):
    """Gate, readout and idle parts from the transpiled and scheduled circuit."""
    target = calibration.target(calibration.usable_gates, range(calibration.num_qubits))
    placed = generate_preset_pass_manager(
        optimization_level=1, target=target, initial_layout=list(layout), seed_transpiler=0
    ).run(circuit)
    error = {(gate.name, gate.qubits): gate.error or 0.0 for gate in calibration.gates}
    index = {bit: i for i, bit in enumerate(placed.qubits)}
    gate = np.prod([1 - error[i.operation.name, tuple(index[q] for q in i.qubits)] for i in placed.data])
    readout = np.prod([1 - calibration.qubits[q].readout_error for q in layout])
    scheduled = PassManager([ALAPScheduleAnalysis(target=target), PadDelay(target=target)]).run(placed)
    waits, started = dict.fromkeys(layout, 0.0), set()
    for item in scheduled.data:
        qubits = [scheduled.find_bit(q).index for q in item.qubits]
        if item.operation.name == "delay":
            if qubits[0] in started:
                waits[qubits[0]] += item.operation.duration * (target.dt if item.operation.unit == "dt" else 1)
        elif item.operation.name != "rz":
            started.update(qubits)
    idle = 1.0
    for q, wait in waits.items():
        t1 = calibration.qubits[q].t1
        t2 = min(calibration.qubits[q].t2, 2 * t1)
        idle *= 0.5 + np.exp(-wait / t1) / 6 + np.exp(-wait / t2) / 3
    return gate, readout, idle


def test_esp_equals_the_product_over_the_scheduled_circuit(calibration):
    circuit = ansatz(4)
    fidelities = fidelity_map(calibration, circuit)
    for rank in (0, len(fidelities) // 2, len(fidelities) - 1):
        gate, readout, idle = reference(calibration, circuit, fidelities.layout(rank))
        assert fidelities.gate[rank] == pytest.approx(gate, rel=1e-9)
        assert fidelities.readout[rank] == pytest.approx(readout, rel=1e-12)
        assert fidelities.idle[rank] == pytest.approx(idle, rel=1e-4)
        assert fidelities.esp[rank] == pytest.approx(gate * readout * idle, rel=1e-4)


def test_layouts_are_sorted_distinct_connected_and_alive(calibration):
    fidelities = fidelity_map(calibration, ansatz(5))
    assert (np.diff(fidelities.esp) <= 0).all()
    assert ((fidelities.esp > 0) & (fidelities.esp <= 1)).all()
    assert len(np.unique(fidelities.layouts, axis=0)) == len(fidelities)
    for layout in fidelities.layouts:
        assert not calibration.dead_qubits & set(layout.tolist())
        assert all(tuple(sorted(pair)) in calibration.couplers for pair in pairwise(layout.tolist()))


def test_a_region_keeps_its_best_layout(calibration):
    everything = fidelity_map(calibration, ansatz(4))
    regions = everything.regions()
    sets = [frozenset(layout) for layout in regions.layouts.tolist()]
    assert len(set(sets)) == len(sets) < len(everything)
    best = {}
    for layout, esp in zip(everything.layouts.tolist(), everything.esp, strict=True):
        best.setdefault(frozenset(layout), esp)
    assert [best[s] for s in sets] == regions.esp.tolist()
    assert regions.layout() == everything.layout()


def test_more_error_never_raises_the_esp(calibration):
    circuit = ansatz(3)
    layouts = fidelity_map(calibration, circuit).layouts[:20]
    before = fidelity_map(calibration, circuit, layouts=layouts)
    worse = tuple(
        replace(g, error=None if g.error is None else min(g.error * 1.5, 0.49)) if len(g.qubits) == 2 else g
        for g in calibration.gates
    )
    after = fidelity_map(replace(calibration, gates=worse), circuit, layouts=layouts)
    key = lambda fidelities: dict(zip(map(tuple, fidelities.layouts.tolist()), fidelities.esp, strict=True))  # noqa: E731
    assert all(key(after)[layout] < esp for layout, esp in key(before).items())


def test_disjoint_circuits_multiply(calibration):
    left, *others = fidelity_map(calibration, ansatz(2)).layouts.tolist()
    right = next(layout for layout in others if not set(left) & set(layout))
    both = QuantumCircuit(4)
    both.compose(ansatz(2), [0, 1], inplace=True)
    both.compose(ansatz(2), [2, 3], inplace=True)
    esp = lambda circuit, layout: fidelity_map(calibration, circuit, layouts=[layout])  # noqa: E731
    apart = [esp(ansatz(2), layout) for layout in (left, right)]
    together = esp(both, left + right)
    assert together.gate[0] == pytest.approx(apart[0].gate[0] * apart[1].gate[0], rel=1e-12)
    assert together.readout[0] == pytest.approx(apart[0].readout[0] * apart[1].readout[0], rel=1e-12)


def test_the_number_of_lines_is_that_of_a_plain_search(calibration):
    neighbours = {q: set() for q in range(calibration.num_qubits)}
    for a, b in calibration.couplers:
        neighbours[a].add(b)
        neighbours[b].add(a)
    paths = [[q] for q in neighbours]
    for _ in range(3):
        paths = [[*path, q] for path in paths for q in neighbours[path[-1]] if q not in path]
    found = layouts_of_shape(calibration, 4, [(0, 1), (1, 2), (2, 3)])
    assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, paths))


def test_what_does_not_fit_is_refused(calibration):
    triangle = QuantumCircuit(3)
    for pair in ((0, 1), (1, 2), (2, 0)):
        triangle.cz(*pair)
    with pytest.raises(CapabilityError, match="fit nowhere"):
        fidelity_map(calibration, triangle)
    toffoli = QuantumCircuit(3)
    toffoli.ccx(0, 1, 2)
    with pytest.raises(CapabilityError, match="holds ccx"):
        interactions(toffoli)
    with pytest.raises(ValueError, match=r"row 0 is \[1, 1\]"):
        fidelity_map(calibration, ansatz(2), layouts=[[1, 1]])
    with pytest.raises(ValueError, match=r"have shape \(L, 2\)"):
        fidelity_map(calibration, ansatz(2), layouts=[[1, 2, 3]])
    with pytest.raises(ValueError, match="`limit` must be at least 1"):
        fidelity_map(calibration, ansatz(2), limit=0)
