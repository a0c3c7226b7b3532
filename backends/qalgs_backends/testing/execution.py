"""What a rehearsal server does with a job: read the executor payload, run it on Aer, and write the answer."""

from __future__ import annotations

import copy
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from qiskit.providers import BackendV2

from qalgs_backends.checks import argument
from qalgs_backends.devices.calibration import Calibration

_SECONDS_PER_EXECUTION = 300e-6


def describe(device: BackendV2) -> tuple[dict[str, Any], dict[str, Any]]:
    """The service's configuration and properties of a fake device, calibrated now.

    Raises:
        ValueError: the device does not carry the files of a fake device.
    """
    folder, names = getattr(device, "dirname", None), ("conf_filename", "props_filename")
    files = [getattr(device, name, None) for name in names]
    if folder is None or None in files:
        must = "be a fake device of qiskit-ibm-runtime with stored configuration and properties"
        raise ValueError(argument("device", must, f"it is a {type(device).__name__}"))
    configuration, properties = (json.loads((Path(folder) / str(name)).read_text("utf-8")) for name in files)
    return configuration, _dated(properties, datetime.now(UTC).isoformat(timespec="seconds"))


def simulator(device: BackendV2, *, noise: bool) -> Any:
    """An Aer simulator, ideal or with the noise of ``device``; its readout errs as often as it says for 0 and for 1."""
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, ReadoutError

    if not noise:
        return AerSimulator(max_parallel_threads=1)
    model: NoiseModel = NoiseModel.from_backend(device, readout_error=False)
    for q, qubit in enumerate(Calibration.from_backend(device).qubits):
        p10, p01 = qubit.prob_meas1_prep0 or 0.0, qubit.prob_meas0_prep1 or 0.0
        model.add_readout_error(ReadoutError([[1 - p10, p10], [p01, 1 - p01]]), [q])
    return AerSimulator(noise_model=model, max_parallel_threads=1)


def decode(params: dict[str, Any]) -> Any:
    """The quantum program in an executor payload, schema v2.0."""
    from ibm_quantum_schemas.executor import version_2_0
    from qiskit_ibm_runtime.quantum_program.converters.converters_2_0 import quantum_program_from_2_0

    program, _ = quantum_program_from_2_0(version_2_0.ParamsModel.model_validate(params))
    for item in program.items:
        samplex = getattr(item, "samplex", None)
        if samplex is not None:
            samplex.finalize()
    return program


def executions(program: Any) -> int:
    """Circuit executions that a program asks for."""
    return sum(math.prod(item.shape) for item in program.items) * int(program.shots)


def charged_seconds(program: Any) -> float:
    """Quantum seconds the rehearsal says a program took: 300 us an execution, at least one second."""
    return max(1.0, round(executions(program) * _SECONDS_PER_EXECUTION, 3))


def execute(program: Any, simulator: Any, seed: int) -> str:
    """The JSON answer of a program, run on ``simulator``."""
    from ibm_quantum_schemas.common import CompressedTensorModel
    from ibm_quantum_schemas.executor import version_2_0
    from qiskit_ibm_runtime.fake_provider.executor.run_quantum_program import run_quantum_program
    from qiskit_ibm_runtime.options_models.simulator import SimulatorOptions
    from qiskit_ibm_runtime.quantum_program.converters.converters_2_0 import passthrough_data_to_2_0

    models: Any = vars(version_2_0)["models"]
    # The client's simulator draws the same shots for equal items, so each item gets a seed of its own.
    seeds = np.random.SeedSequence(seed).generate_state(len(program.items)) >> 1
    answers: list[Any] = []
    for item, own in zip(program.items, seeds.tolist(), strict=True):
        part = copy.copy(program)
        part.items = [item]
        answers += run_quantum_program(simulator, part, SimulatorOptions(seed_simulator=own))
    items = [
        models.QuantumProgramResultItemModel(
            results={name: CompressedTensorModel.from_numpy(array) for name, array in dict(answer).items()},
            metadata=models.ItemMetadataModel(),
        )
        for answer in answers
    ]
    return version_2_0.QuantumProgramResultModel(
        data=items,
        metadata=models.MetadataModel(chunk_timing=[]),
        passthrough_data=passthrough_data_to_2_0(program.passthrough_data),
        semantic_role=program._semantic_role,
    ).model_dump_json()


def _dated(value: Any, now: str) -> Any:
    """``value`` with every date in it replaced by ``now``."""
    if isinstance(value, list):
        return [_dated(entry, now) for entry in value]
    if isinstance(value, dict):
        dates = ("date", "last_update_date")
        return {key: now if key in dates else _dated(entry, now) for key, entry in value.items()}
    return value
