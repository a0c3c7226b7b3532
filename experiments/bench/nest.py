"""Placements: rating, planning and packing them, and an energy on one, each against the usual way.

The usual ways: transpile the circuit onto every placement and multiply its gates' success; score every placement
gate by gate in Python, as mapomatic does; simulate the whole device. Times are medians of interleaved calls on one
thread.
"""

from __future__ import annotations

import time
import warnings
from math import prod
from typing import Any

import numpy as np
import rustworkx as rx
from qiskit import transpile
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import BackendEstimatorV2
from qiskit.providers import BackendV2
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import fake_provider

import qalgs as qa
from experiments.bench.table import Row, medians, ratio_row
from qalgs.backends import Calibration, fidelity_map, get
from qalgs.vqa.packing import Demand, pack
from qalgs.vqa.placements import Pool, placement_pool
from qalgs.vqa.schedules import Schedule
from qalgs.vqa.walk import WalkGraph
from qalgs_backends.devices.placements import coupling_graph

_TRANSPILED = 12
"""Placements that are transpiled one by one; the time of all is extrapolated from them."""
_SHOTS = 1024


def device(name: str) -> BackendV2:
    """A fake device; Nighthawk's says that its data are not meant for use."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Properties of fake_nighthawk are not intended", UserWarning)
        return getattr(fake_provider, f"Fake{name}")()


def line(n: int) -> QuantumCircuit:
    """The ansatz of the published experiments on a line, its gates written out."""
    return efficient_su2(n, reps=3, entanglement="linear")


def ratings(name: str, n: int, repeats: int) -> Row:
    """Enumerate and rate every placement at once, against transpiling onto each; ESP without idle times."""
    backend = device(name)
    known, circuit = Calibration.from_backend(backend), line(n)
    every = fidelity_map(known, circuit)
    chosen = np.random.default_rng(0).choice(len(every), _TRANSPILED, replace=False)
    success = _success(known)

    def one_by_one() -> list[float]:
        return [_transpiled(backend, circuit, every.layouts[m].tolist(), success) for m in chosen]

    off = float(np.abs(np.array(one_by_one()) - every.gate[chosen] * every.readout[chosen]).max())
    theirs, ours = medians([one_by_one, lambda: fidelity_map(known, circuit)], repeats)
    what = f"{name}: transpile onto each / all {len(every)} placements at once"
    promise = "ours at most 2000 ms" if (name, n) == ("Nighthawk", 8) else ""
    return ratio_row(what, n, theirs / _TRANSPILED * len(every), ours, off, promise)


def scores(name: str, n: int, repeats: int) -> Row:
    """The same against scoring in Python: subgraphs by VF2, then a product over the gates for each."""
    known, circuit = Calibration.from_backend(device(name)), line(n)
    every = fidelity_map(known, circuit)
    native: Any = transpile(circuit, basis_gates=["cz", "sx", "x", "rz"], optimization_level=1, seed_transpiler=0)
    graph, pattern = coupling_graph(known), rx.PyGraph()
    pattern.add_nodes_from(range(n))
    pattern.add_edges_from([(i, i + 1, None) for i in range(n - 1)])
    success = _success(known)
    gates = [(op.operation.name, [native.find_bit(q).index for q in op.qubits]) for op in native.data]

    def in_python() -> dict[tuple[int, ...], float]:
        rated = {}
        for found in rx.vf2_mapping(graph, pattern, subgraph=True, induced=False, id_order=False):
            where = {virtual: physical for physical, virtual in found.items()}
            total = prod(success[gate, tuple(where[q] for q in qubits)] for gate, qubits in gates)
            total *= prod(success["measure", (q,)] for q in where.values())
            rated[tuple(where[i] for i in range(n))] = total
        return rated

    theirs = in_python()
    ours = {tuple(m): g * r for m, g, r in zip(every.layouts.tolist(), every.gate, every.readout, strict=True)}
    off = max(abs(theirs[m] - ours[m]) for m in ours) if theirs.keys() == ours.keys() else np.inf
    base, own = medians([in_python, lambda: fidelity_map(known, circuit)], repeats)
    return ratio_row(f"{name}: gate by gate in Python / all {len(every)} placements at once", n, base, own, off)


def energies(name: str, n: int) -> list[Row]:
    """One sampled energy of 1024 shots on a placement, and one in a batch of 32, against the whole device."""
    backend = device(name)
    known = Calibration.from_backend(backend)
    H = qa.problems.molecule("H2", bond_length=0.742).hamiltonian if n == 4 else qa.problems.transverse_field_ising(n)
    circuit = line(n)
    pool = placement_pool(known, circuit)
    place = pool.placements[0].tolist()
    points = np.random.default_rng(1).uniform(-np.pi, np.pi, (32, circuit.num_parameters))
    whole = BackendEstimatorV2(backend=AerSimulator.from_backend(backend, seed_simulator=1, max_parallel_threads=1))
    placed = generate_preset_pass_manager(3, backend=backend, initial_layout=place, seed_transpiler=0).run(circuit)
    operator = H.apply_layout(placed.layout)
    own = get(known, max_parallel_threads=1)
    program = own.prepare(circuit, H, qubits=place)

    def theirs() -> float:
        answer: Any = whole.run([(placed, operator, points[0])], precision=1 / np.sqrt(_SHOTS)).result()[0].data
        return float(answer.evs)

    def ours(number: int) -> np.ndarray:
        return own.expect(program, points[:number], shots=_SHOTS, rng=0).values[:, 0]

    off = abs(theirs() - float(ours(1)[0]))
    base, one, many = medians([theirs, lambda: ours(1), lambda: ours(32)], 3)
    what = f"{name}: BackendEstimatorV2 on the whole device / ours"
    return [
        ratio_row(f"{what}, one energy", n, base, one, off, "at least 20"),
        ratio_row(f"{what}, of a batch of 32", n, base, many / 32, off),
    ]


def plans(name: str, n: int) -> list[Row]:
    """A walk of six cycles, and eight programs side by side: the exact ways against the greedy ones.

    ``difference`` is what greedy loses: in root mean square ESP for walks, in the sum of log ESP for packings.
    """
    known = Calibration.from_backend(device(name))
    pool = placement_pool(known, line(n))
    schedule = Schedule()
    greedy = greedy_walk(pool, schedule.targets(pool.esp))
    exact = pool.plan(schedule).rmse
    walked, planned = medians(
        [lambda: greedy_walk(pool, schedule.targets(pool.esp)), lambda: pool.plan(schedule)], repeats=5
    )
    demand = [Demand(pool.placements, np.log(pool.esp), 8)]
    weights = [pack(demand, known, method=method).weight for method in ("optimum", "greedy")]
    quick, best = medians(
        [lambda: pack(demand, known, method="greedy"), lambda: pack(demand, known, method="optimum")], repeats=3
    )
    return [
        ratio_row(f"{name}: greedy walk / exact walk, {len(pool)} sets", n, walked, planned, greedy - exact),
        ratio_row(f"{name}: greedy packing / exact packing of 8", n, quick, best, weights[0] - weights[1]),
    ]


def greedy_walk(pool: Pool, targets: np.ndarray) -> float:
    """Root mean square residual of a walk that takes the best of one step at a time and has to move."""
    graph = WalkGraph.of(pool.placements, pool.esp, 1)
    here = int(np.argmin(abs(pool.esp - targets[0])))
    residuals = [pool.esp[here] - targets[0]]
    for target in targets[1:]:
        near = graph.sources[graph.starts[here] : graph.starts[here + 1]]
        near = near[near != here] if len(near) > 1 else near
        here = int(near[np.argmin(abs(pool.esp[near] - target))])
        residuals.append(pool.esp[here] - target)
    return float(np.sqrt(np.mean(np.square(residuals))))


def merged(copies: int) -> Row:
    """Circuits of H2 programs side by side against one after the other, in device seconds; no simulation of time."""
    job = qa.VariationalJob(qa.problems.molecule("H2", bond_length=0.742), schedule=Schedule("flat", cycles=1))
    began = time.perf_counter()
    result = qa.colocate([job] * copies, backend="noisy:fake_brisbane", shots=256, max_evaluations=40, rng=1)
    row = ratio_row(
        f"Brisbane: {copies} programs one after the other / side by side, device time",
        4,
        result.alone_seconds,
        result.device_seconds,
        0.0,
        "at least 3.9" if copies == 4 else "",
    )
    return row | {"wall_s": time.perf_counter() - began}


def run() -> list[Row]:
    """All rows."""
    rows = [ratings(name, n, 3) for name in ("Sherbrooke", "Boston", "Nighthawk") for n in (4, 8)]
    rows += [scores(name, n, repeats) for name, n, repeats in (("Boston", 4, 5), ("Boston", 8, 3), ("Nighthawk", 6, 3))]
    rows += [row for name in ("Sherbrooke", "Boston") for n in (2, 4) for row in energies(name, n)]
    rows += [row for name in ("Sherbrooke", "Brisbane", "Boston", "Nighthawk") for row in plans(name, 4)]
    return [*rows, merged(4)]


def _transpiled(backend: BackendV2, circuit: QuantumCircuit, place: list[int], success: dict[Any, float]) -> float:
    placed = generate_preset_pass_manager(
        optimization_level=1, backend=backend, initial_layout=place, seed_transpiler=0
    ).run(circuit)
    index = {bit: i for i, bit in enumerate(placed.qubits)}
    gates = prod(success[op.operation.name, tuple(index[q] for q in op.qubits)] for op in placed.data)
    return gates * prod(success["measure", (q,)] for q in place)


def _success(known: Calibration) -> dict[Any, float]:
    """1 - error by gate and qubits, couplers that work either way in both directions."""
    success = {(gate.name, gate.qubits): 1 - (gate.error or 0.0) for gate in known.gates}
    for gate in known.gates:
        if gate.name == "cz":
            success.setdefault((gate.name, gate.qubits[::-1]), 1 - (gate.error or 0.0))
    for q in range(known.num_qubits):
        success["rz", (q,)] = 1.0
        success["measure", (q,)] = 1 - (known.qubits[q].readout_error or 0.0)
    return success
