"""Fake devices, read once, and the success probability of a placement from the transpiled and scheduled circuit."""

import warnings
from functools import cache
from math import prod

import numpy as np
import pytest
from qiskit.circuit.library import efficient_su2
from qiskit.transpiler import PassManager, generate_preset_pass_manager
from qiskit.transpiler.passes import ALAPScheduleAnalysis, PadDelay

from qalgs.backends import Calibration
from qalgs.vqa.placements import placement_pool

FIVE = ("Brisbane", "Sherbrooke", "Fez", "Boston", "Nighthawk")


@cache
def calibration(name):
    fake_provider = pytest.importorskip("qiskit_ibm_runtime.fake_provider")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Properties of fake_nighthawk are not intended", UserWarning)
        return Calibration.from_backend(getattr(fake_provider, f"Fake{name}")())


def ansatz(n, reps=3):
    """The variational form of the published experiments on a line."""
    return efficient_su2(n, reps=reps, entanglement="linear")


@cache
def pool(name, n):
    return placement_pool(calibration(name), ansatz(n))


@cache
def whole_target(name):
    known = calibration(name)
    return known.target(known.gates, range(known.num_qubits))


def scheduled_esp(name, circuit, layout):
    """Gate and readout parts, and the seconds each virtual qubit idles, by Qiskit on the whole device."""
    known, target = calibration(name), whole_target(name)
    placed = generate_preset_pass_manager(
        optimization_level=1, target=target, initial_layout=list(layout), seed_transpiler=0
    ).run(circuit)
    error = {(gate.name, gate.qubits): gate.error or 0.0 for gate in known.gates}
    index = {bit: i for i, bit in enumerate(placed.qubits)}
    gate = prod(1 - error[item.operation.name, tuple(index[q] for q in item.qubits)] for item in placed.data)
    readout = prod(1 - known.qubits[q].readout_error for q in layout)
    placed.measure_all()
    padded = PassManager([ALAPScheduleAnalysis(target=target), PadDelay(target=target)]).run(placed)
    waits, started = dict.fromkeys(layout, 0.0), set()
    for item in padded.data:
        qubits = [padded.find_bit(q).index for q in item.qubits]
        if item.operation.name == "delay" and qubits[0] in started:
            waits[qubits[0]] += item.operation.duration * (target.dt if item.operation.unit == "dt" else 1)
        elif item.operation.name not in ("delay", "rz", "barrier", "measure"):
            started.update(qubits)
    return gate, readout, np.array([waits[q] for q in layout])
