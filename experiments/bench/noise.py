"""Noise: the piece of a device that a circuit uses against simulating the whole device, which is Aer's own way.

The peer is ``AerSimulator.from_backend(fake device)`` with the same gates and delays on the same qubits.
Both give exact values; the peer's leave out readout errors, so ``difference`` is that of the states before reading.
Times are medians of interleaved calls on one thread.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.library import SaveDensityMatrix, SaveExpectationValue
from qiskit_ibm_runtime.fake_provider import FakeFez, FakeSherbrooke

from experiments.bench.backends import problem
from experiments.bench.table import Row, medians, ratio_row
from qalgs.backends import basis_angles, get, with_basis_change
from qalgs.circuits import ghz
from qalgs_backends.devices.device import read_device
from qalgs_backends.simulators.noise import apply_readout
from qalgs_backends.simulators.placing import place, with_idling

BATCH = 32
_SEED = 11


def whole_device(
    device: BackendV2, circuit: QuantumCircuit, observable: SparsePauliOp, layout: tuple[int, ...]
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """(K,) values and (K, d, d) states of the circuit's qubits at (K, p) points, with the noise model of all qubits."""
    known = read_device(device)
    piece = place(known, circuit, layout, seed=_SEED)
    last, placed = piece.places.last, QuantumCircuit(device.num_qubits)
    placed.compose(with_idling(piece, known.calibration), piece.used, inplace=True)
    placed.append(SaveExpectationValue(observable, label="e"), last)
    placed.append(SaveDensityMatrix(len(last), label="rho"), last)
    simulator = AerSimulator.from_backend(device, method="density_matrix", max_parallel_threads=1)

    def evaluate(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        binds = [{parameter: points[:, j].tolist() for j, parameter in enumerate(circuit.parameters)}]
        results = simulator.run(placed, parameter_binds=binds, shots=1).result().results
        return np.array([r.data.e for r in results]), np.array([np.asarray(r.data.to_dict()["rho"]) for r in results])

    return evaluate


def compare(device: BackendV2, n: int) -> list[Row]:
    """One value and a batch of 32 on the piece, against the whole device."""
    circuit, observable, points = problem(n)
    backend = get(device, max_parallel_threads=1)
    program = backend.prepare(circuit, observable)
    layout = program.layout
    assert layout is not None
    program = backend.prepare(circuit, observable, qubits=layout)
    whole = whole_device(device, circuit, observable, layout)
    readout = backend._device.readout[list(layout)]  # type: ignore[attr-defined]
    read = apply_readout(whole(points[:2])[1], readout)
    expected = np.einsum("kij,ji->k", read, observable.to_matrix()).real
    off = float(np.abs(backend.expect(program, points[:2]).values[:, 0] - expected).max())
    batch = points[:BATCH]
    theirs, theirs_many, one, many = medians(
        [
            lambda: whole(points[:1]),
            lambda: whole(batch),
            lambda: backend.expect(program, points[0]),
            lambda: backend.expect(program, batch),
        ],
        3,
    )
    name = f"{device.name}: whole device"
    return [
        ratio_row(f"{name} / piece, one point", n, theirs, one, off, "at least 25"),
        ratio_row(f"{name}, point by point / piece, batch of {BATCH}", n, theirs, many / BATCH, off, "at least 150"),
        ratio_row(f"{name} / piece, both a batch of {BATCH}", n, theirs_many / BATCH, many / BATCH, off),
    ]


def settings() -> Row:
    """100 settings of a GHZ state with 2048 shots each."""
    backend = get("noisy:fake_fez")
    program = backend.prepare(with_basis_change(ghz(8))[0])
    letters = np.random.default_rng(0).integers(3, size=(100, 8))
    points = basis_angles(letters == 0, letters == 1)
    (seconds,) = medians([lambda: backend.sample(program, points, shots=2048, rng=0)], 3)
    return {"what": "100 settings x 2048 shots, noisy GHZ", "n": 8, "seconds": seconds, "promise": "at most 20 s"}


def run() -> list[Row]:
    """All rows."""
    return [row for device in (FakeFez(), FakeSherbrooke()) for n in (4, 6) for row in compare(device, n)] + [
        settings()
    ]
