"""Noisy simulation of a device, on the piece of it that a circuit uses.

Axes: K points, p parameters, n qubits of the circuit, m qubits of the piece, d = 2**m, o observables.

A density matrix of the piece gives the same numbers as one of the whole device, many times faster; on pieces of up to
six qubits our own engine gives them many times faster again, see ``superoperator``. Readout errors act on both kinds of
answer: counts get them from the simulator, exact expectation values from ``apply_readout``, with the same two
probabilities per qubit. The change of basis before a shot consists of gates, with their noise; exact values have no
change of basis, so the two differ by the error of about two pulses on every qubit.

Calibrated gate errors say nothing of the qubits that wait meanwhile. With ``idle`` these decay with their T1 and T2,
all gates as late as possible, as the ESP counts it. On up to six qubits that costs nothing, as it is fused. Without it
the device looks better than it is: the energy of H2 on four qubits of Brisbane is off by 1.07 times as much with it on
the best line, and by 1.4 times with a UCCSD circuit that has to be routed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import IGate
from qiskit.providers import BackendV2
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.base import Capabilities, Parameter
from qalgs_backends.checks import argument, flag, positive_int
from qalgs_backends.devices.calibration import Calibration
from qalgs_backends.devices.device import Device, read_device
from qalgs_backends.devices.fidelity import FidelityMap, fidelity_map
from qalgs_backends.devices.places import Places
from qalgs_backends.errors import CapabilityError
from qalgs_backends.pauli_sum import PauliSum
from qalgs_backends.program import check_qubits
from qalgs_backends.rng import generator
from qalgs_backends.simulators.aer_circuit import AerProgram, aer_program
from qalgs_backends.simulators.aer_options import make_simulator
from qalgs_backends.simulators.aer_run import run, run_counts
from qalgs_backends.simulators.channels import Channels
from qalgs_backends.simulators.fusing import fits
from qalgs_backends.simulators.local import LocalBackend, Outcomes
from qalgs_backends.simulators.memory import AMPLITUDE_BYTES, available_bytes, require, widest_state
from qalgs_backends.simulators.placing import delay_seconds, place, with_idling
from qalgs_backends.simulators.shift import shift_gradient
from qalgs_backends.simulators.superoperator import Superoperator

if TYPE_CHECKING:
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel

# Up to here one density matrix is quicker than two thousand trajectories.
_DENSITY_SAMPLING = 11
_DENSITY_EXACT = 13
_CHUNK_BYTES = 256 << 20
_DENSITY = "rho"


@dataclass(frozen=True, eq=False)
class _Compiled:
    program: AerProgram
    simulator: AerSimulator
    observables: tuple[PauliSum, ...]
    """On the m qubits of the piece."""
    readout: NDArray[np.float64]
    """(m, 2): P(1|0) and P(0|1)."""


class NoisyBackend(LocalBackend):
    """A device's noise, simulated by Qiskit Aer from the device's calibration."""

    def __init__(
        self,
        device: BackendV2 | Calibration,
        *,
        qubits: Sequence[int] | None = None,
        idle: bool = True,
        seed_transpiler: int = 11,
        max_parallel_threads: int = 0,
    ) -> None:
        """Read the calibration.

        Args:
            device: a calibration, or any backend whose target carries error rates.
            qubits: physical qubits that every circuit is placed on; None lets the transpiler choose.
            idle: whether qubits decay while they wait for others, with every gate as late as possible.
            seed_transpiler: seed of layout and routing.
            max_parallel_threads: threads; 0 is as many as there are cores.

        Raises:
            ValueError: ``qubits`` holds one that is not on the device, repeated, or dead.
            CapabilityError: the device has no usable coupler, or describes no noise.
        """
        self._device = read_device(device)
        self._fixed = _check_fixed(self._device, qubits)
        self._idle = flag(idle, "idle")
        self._seed = positive_int(seed_transpiler, "seed_transpiler", minimum=0)
        self._threads = positive_int(max_parallel_threads, "max_parallel_threads", minimum=0)
        self._target = self._device.usable
        self._channels = Channels(self._device)
        fixed = "" if self._fixed is None else f"[{','.join(map(str, self._fixed))}]"
        self.name = f"noisy:{self._device.name}{fixed}"
        alive = len(self._device.readout) - len(self._device.dead_qubits)
        width = min(alive if self._fixed is None else len(self._fixed), widest_state(available_bytes(), 1))
        self.capabilities = Capabilities(width, exact=True, noise=True, gradient="shift", device=self._device.name)

    @property
    def calibration(self) -> Calibration:
        """What the noise is made from."""
        return self._device.calibration

    def fidelity_map(self, circuit: QuantumCircuit) -> FidelityMap:
        """Every place on the device where ``circuit`` runs without routing, best first; see ``fidelity_map``."""
        return fidelity_map(self.calibration, circuit)

    def _qubits(self, qubits: Sequence[int] | None, num_qubits: int) -> tuple[int, ...] | None:
        if qubits is None and self._fixed is not None:
            if num_qubits > len(self._fixed):
                must = f"have at most {len(self._fixed)} qubits on {self.name}"
                raise ValueError(argument("circuit", must, f"it has {num_qubits}"))
            return self._fixed[:num_qubits]
        chosen = check_qubits(qubits, num_qubits, len(self._device.readout))
        if chosen is not None:
            _check_alive(self._device, chosen)
        return chosen

    def _admit(self, circuit: QuantumCircuit) -> None:
        if circuit.num_qubits > self.capabilities.num_qubits:
            widest = self.capabilities.num_qubits
            raise CapabilityError(
                f"{self.name} takes at most {widest} qubits, but the circuit has {circuit.num_qubits}."
            )

    def _compile(
        self,
        circuit: QuantumCircuit,
        parameters: tuple[Parameter, ...],
        observables: tuple[SparsePauliOp, ...],
        qubits: tuple[int, ...] | None,
    ) -> tuple[_Compiled | Superoperator, Places]:
        placed = place(self._device, circuit, qubits, self._seed)
        piece = with_idling(placed, self.calibration) if self._idle else placed.circuit
        used, places = placed.used, placed.places
        readout = self._device.readout[list(used)]
        positions = [used.index(q) for q in places.last]
        if fits(piece):
            moved = [op.apply_layout(positions, len(used)) for op in observables]
            return Superoperator(piece, parameters, partial(self._channels.after, used), readout, moved), places
        piece, waits = _named_delays(piece, self.calibration.dt)
        mapped: tuple[PauliSum, ...] = ()
        if observables and len(used) <= _DENSITY_EXACT:
            from qiskit_aer.library import SaveDensityMatrix

            mapped = tuple(PauliSum(op.apply_layout(positions, len(used))) for op in observables)
            piece.append(SaveDensityMatrix(len(used), label=_DENSITY), range(len(used)))
        density = bool(observables) or len(used) <= _DENSITY_SAMPLING
        simulator = make_simulator(
            device="CPU",
            method="density_matrix" if density else "statevector",
            noise_model=_noise_model(self._device, piece, used, readout, waits),
            max_parallel_threads=self._threads,
        )
        return _Compiled(aer_program(piece, parameters, ()), simulator, mapped, readout), places

    def _exact(self, compiled: _Compiled | Superoperator, points: NDArray[np.float64]) -> NDArray[np.float64]:
        if isinstance(compiled, Superoperator):
            return compiled.expect(points)
        m = len(compiled.readout)
        if m > _DENSITY_EXACT:
            raise CapabilityError(
                f"Exact noisy values need a density matrix, which is offered up to {_DENSITY_EXACT} qubits; "
                f"this circuit uses {m}. Give `shots`."
            )
        size = AMPLITUDE_BYTES << (2 * m)
        require(3 * size, available_bytes(), f"A density matrix of {m} qubits")
        step = max(1, _CHUNK_BYTES // size)
        parts = [_density_values(compiled, points[k : k + step]) for k in range(0, len(points), step)]
        return np.concatenate(parts)

    def _gradient(self, compiled: _Compiled | Superoperator, points: NDArray[np.float64]) -> NDArray[np.float64]:
        if isinstance(compiled, Superoperator):
            return compiled.gradient(points)
        shifted = replace(compiled, program=compiled.program.shifted)
        return shift_gradient(partial(self._exact, shifted), compiled.program.shifts, points)

    def _counts(
        self, compiled: _Compiled | Superoperator, points: NDArray[np.float64], shots: int, seed: np.random.SeedSequence
    ) -> Outcomes:
        if isinstance(compiled, Superoperator):
            return compiled.counts(points, shots, generator(seed))
        return run_counts(compiled.simulator, compiled.program, points, shots, seed)


def apply_readout(rho: NDArray[np.complex128], readout: NDArray[np.float64]) -> NDArray[np.complex128]:
    """The (K, d, d) operators whose exact Pauli expectations equal those read through faulty detectors.

    A detector with p10 = P(read 1 | 0) and p01 = P(read 0 | 1) turns Z into (1 - p01 - p10) Z + (p01 - p10)
    I, and X and Y likewise, as they are rotated to Z before they are read. Here the same is done to the
    state: its Bloch vector r becomes (1 - p01 - p10) r + (p01 - p10) (1, 1, 1) on each of the m qubits.
    """
    points, dim = rho.shape[:2]
    for q, (p10, p01) in enumerate(readout):
        keep, shift = 1.0 - p01 - p10, 0.5 * (p01 - p10)
        half = (dim >> (q + 1), 2, 1 << q)
        view = rho.reshape(points, *half, *half)
        traced = view[:, :, 0, :, :, 0] + view[:, :, 1, :, :, 1]
        out = keep * view
        out[:, :, 0, :, :, 0] += (0.5 * (1.0 - keep) + shift) * traced
        out[:, :, 1, :, :, 1] += (0.5 * (1.0 - keep) - shift) * traced
        out[:, :, 0, :, :, 1] += shift * (1.0 - 1.0j) * traced
        out[:, :, 1, :, :, 0] += shift * (1.0 + 1.0j) * traced
        rho = out.reshape(points, dim, dim)
    return rho


def _density_values(compiled: _Compiled, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, o) expectation values with readout error."""
    results = run(compiled.simulator, compiled.program, points if compiled.program.columns else points[:1], shots=1)
    rho = np.array([np.asarray(data[_DENSITY]) for data in results])
    rho = apply_readout(rho, compiled.readout)
    values = np.stack([observable.expect_density(rho) for observable in compiled.observables], axis=1)
    return np.broadcast_to(values, (len(points), len(compiled.observables)))


def _named_delays(piece: QuantumCircuit, dt: float | None) -> tuple[QuantumCircuit, dict[str, tuple[int, float]]]:
    """The circuit with a named identity for each delay, and the qubit and the seconds behind each name.

    Aer extends a noise model by delays each time a circuit is run; these it knows beforehand.
    """
    out, names = piece.copy_empty_like(), {}
    index = {bit: i for i, bit in enumerate(piece.qubits)}
    for item in piece.data:
        if item.operation.name != "delay":
            out.append(item)
            continue
        wait = (index[item.qubits[0]], delay_seconds(item.operation, dt))
        name = names.setdefault(wait, f"wait{len(names)}")
        out.append(IGate(label=name), item.qubits)
    return out, {name: wait for wait, name in names.items()}


def _noise_model(
    device: Device,
    piece: QuantumCircuit,
    used: tuple[int, ...],
    readout: NDArray[np.float64],
    waits: Mapping[str, tuple[int, float]],
) -> NoiseModel:
    """The errors of the instructions that occur in ``piece``, of waiting, and of reading its qubits."""
    from qiskit_aer.noise import NoiseModel, ReadoutError, thermal_relaxation_error

    model: NoiseModel = NoiseModel.from_backend(device.piece(piece, used), readout_error=False)
    model.add_basis_gates(["id"])  # without any gate Aer would log that it has no basis gates
    for name, (q, seconds) in waits.items():
        model.add_quantum_error(thermal_relaxation_error(*device.calibration.times(used[q]), seconds), name, [q])
    for q, (p10, p01) in enumerate(readout):
        model.add_readout_error(ReadoutError([[1 - p10, p10], [p01, 1 - p01]]), [q])
    # Aer serialises the model on every run, which takes longer than a small circuit.
    vars(model)["to_dict"] = partial(_stored, model.to_dict(False), model.to_dict(True))
    return model


def _stored(plain: dict[str, Any], ready: dict[str, Any], serializable: bool = False) -> dict[str, Any]:
    return ready if serializable else plain


def _check_fixed(device: Device, qubits: Sequence[int] | None) -> tuple[int, ...] | None:
    if qubits is None:
        return None
    if len(qubits) == 0:
        raise ValueError(argument("qubits", "name at least one physical qubit", "it is empty"))
    chosen = check_qubits(qubits, len(qubits), len(device.readout))
    assert chosen is not None
    _check_alive(device, chosen)
    return chosen


def _check_alive(device: Device, qubits: tuple[int, ...]) -> None:
    dead = [q for q in qubits if q in device.dead_qubits]
    if dead:
        raise ValueError(argument("qubits", f"name usable qubits of {device.name}", f"qubit {dead[0]} is not"))
