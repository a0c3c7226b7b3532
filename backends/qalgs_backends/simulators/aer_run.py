"""Runs of a prepared circuit on Qiskit Aer: many parameter points, one job.

Axes: K points, p parameters, o observables.

Two properties of Aer shape this file. Binding at run time, the quick way for many points, does not know control flow
and can end the process. A failed run does not raise, nor need one on another device than was asked for: ``success`` and
the device of every result are checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qiskit.exceptions import QiskitError

from qalgs_backends.errors import ExecutionError
from qalgs_backends.lowering import affine_angles
from qalgs_backends.rng import simulator_seed
from qalgs_backends.simulators.aer_circuit import AerProgram
from qalgs_backends.simulators.aer_direct import Ran, direct_run
from qalgs_backends.simulators.local import Outcomes

if TYPE_CHECKING:
    from qiskit_aer import AerSimulator


def run_expectation(simulator: AerSimulator, program: AerProgram, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, o) exact expectation values at the (K, p) points, in one job."""
    results = run(simulator, program, points if program.columns else points[:1], shots=1)
    values = np.array([[data[label].real for label in program.labels] for data in results])
    return values if len(values) == len(points) else values.repeat(len(points), axis=0)


def run_states(simulator: AerSimulator, program: AerProgram, points: NDArray[np.float64]) -> NDArray[np.complex128]:
    """(K, d) states at the (K, p) points, global phase included, in one job."""
    results = run(simulator, program.saved, points, shots=1)
    states = np.array([np.asarray(data[label]) for data in results for label in program.saved.labels], complex)
    phases = affine_angles([program.phase], program.parameters)(points)
    return np.exp(1j * phases.T) * states


def run_counts(
    simulator: AerSimulator,
    program: AerProgram,
    points: NDArray[np.float64],
    shots: int,
    seed: np.random.SeedSequence,
    **options: Any,
) -> Outcomes:
    """Outcomes of the (K, p) points, in one job."""
    results = run(simulator, program, points, shots=shots, seed_simulator=simulator_seed(seed), **options)
    return tuple({int(key, 16): int(times) for key, times in data["counts"].items()} for data in results)


def run(
    simulator: AerSimulator, program: AerProgram, points: NDArray[np.float64], **options: Any
) -> list[dict[str, Any]]:
    """What Aer saved, by label, for each point.

    Raises:
        ExecutionError: the simulator refused or failed, or used another device than it was made for.
    """
    if program.columns and len(points) > 1 and not program.jumps:
        options["runtime_parameter_bind_enable"] = True
    try:
        ran = direct_run(simulator, program, points, options) or _public_run(simulator, program, points, options)
    except (QiskitError, RuntimeError) as error:
        raise ExecutionError(f"Aer refused the run: {getattr(error, 'message', error)}") from error
    if not ran.success:
        raise ExecutionError(f"Aer failed: {ran.status}")
    wanted = getattr(simulator.options, "device", "CPU")
    if wanted != "CPU" and any(device != wanted for device in ran.devices):
        found = ", ".join(sorted({str(device) for device in ran.devices}))
        raise ExecutionError(f"Aer was asked to run on the {wanted}, but says that it ran on: {found}.")
    return ran.data


def _public_run(
    simulator: AerSimulator, program: AerProgram, points: NDArray[np.float64], options: dict[str, Any]
) -> Ran:
    circuits: Any = program.circuit
    if program.columns:
        columns = points.T.tolist()  # Aer reads lists faster than arrays
        options = options | {"parameter_binds": [{parameter: columns[j] for parameter, j in program.columns}]}
    else:
        circuits = [program.circuit] * len(points)
    answer = simulator.run(circuits, **options).result()
    devices = [getattr(result, "metadata", {}).get("device") for result in answer.results]
    return Ran(answer.success, answer.status, [result.data.to_dict() for result in answer.results], devices)
