"""Short runs on Aer without what Aer repeats in each: the circuit is assembled once, then only bound and executed.

Axes: K points, p parameters, m angles.

On small circuits most of ``AerSimulator.run`` is not simulation. Here its steps are called one by one: ``_compile``,
``assemble_circuits``, ``_convert_binds``, ``generate_aer_config`` and ``_execute_circuits``, some of which are private.
So they are used for the one series of Aer whose code is known, and only after a first run gave the values and counts of
the public way. Otherwise, and for circuits where there is little to gain, that way is taken.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import Parameter as CircuitParameter
from qiskit.circuit import QuantumCircuit

from qalgs_backends.lowering import affine_angles
from qalgs_backends.simulators.aer_circuit import AerProgram, is_free

if TYPE_CHECKING:
    from qiskit_aer import AerSimulator

_log = logging.getLogger(__name__)
_SERIES = "0.18."
# On wider circuits the simulation takes most of the time, and the public way runs it on a thread of its own, so that
# Ctrl-C is heard.
_WIDEST = 14
# Rounding; angles that are expressions of parameters are added up in another order.
_SAME = 1e-13


@dataclass(frozen=True)
class Ran:
    """What a run left."""

    success: bool
    status: str
    data: list[dict[str, Any]]
    """Saved values by label, for each point."""
    devices: list[str | None]
    """Where each point ran, in Aer's own words."""


class Direct:
    """A circuit assembled for one simulator."""

    def __init__(self, simulator: AerSimulator, program: AerProgram) -> None:
        """Assemble, and find out where Aer wants which angle.

        Raises:
            ValueError: Aer binds other angles, or to other values, than were expected.
        """
        from qiskit_aer.backends.aer_compiler import assemble_circuits

        self._simulator: Any = simulator
        self._circuits, self._noise = simulator._compile([program.circuit])
        self._assembled, maps = assemble_circuits(self._circuits)
        self._assembled[0].circ_id = 0
        self._places: list[Any] = []
        if program.columns:
            expressions = [
                value for item in self._circuits[0].data for value in item.operation.params if is_free(value)
            ]
            self._angles = affine_angles(expressions, program.parameters)
            point = np.random.default_rng(0).uniform(-1, 1, (1, len(program.parameters)))
            binds = [{parameter: [float(point[0, j])] for parameter, j in program.columns}]
            bound = simulator._convert_binds(self._circuits, binds, maps)[0]
            self._places = [place for place, _ in bound]
            if not np.allclose([values[0] for _, values in bound], self._angles(point)[:, 0], rtol=0, atol=_SAME):
                raise ValueError("Aer binds other angles than were expected.")

    def __call__(self, points: NDArray[np.float64], options: dict[str, Any]) -> Ran:
        """Execute at the (K, p) points."""
        from qiskit_aer.backends.aer_compiler import generate_aer_config

        if self._places:
            values = self._angles(points).tolist()
            options = options | {"parameterizations": [[list(pair) for pair in zip(self._places, values, strict=True)]]}
        config = generate_aer_config(self._circuits, self._simulator.options, **options)
        out = self._simulator._execute_circuits(self._assembled, self._noise, config)
        devices = [result.get("metadata", {}).get("device") for result in out["results"]]
        data = [result.get("data", {}) for result in out["results"]]
        return Ran(bool(out.get("success")), str(out.get("status")), data, devices)


_MADE: WeakKeyDictionary[AerProgram, tuple[AerSimulator, Direct | None]] = WeakKeyDictionary()


def direct_run(
    simulator: AerSimulator, program: AerProgram, points: NDArray[np.float64], options: dict[str, Any]
) -> Ran | None:
    """What the run left; None where the public way has to be taken."""
    if program.jumps or program.circuit.num_qubits > _WIDEST or not (program.columns or len(points) == 1):
        return None
    if not trusted():
        return None
    held = _MADE.get(program)
    if held is None or held[0] is not simulator:
        held = _MADE[program] = simulator, _made(simulator, program)
    return None if held[1] is None else held[1](points, options)


def _made(simulator: AerSimulator, program: AerProgram) -> Direct | None:
    if simulator._target is not None:
        return None
    try:
        return Direct(simulator, program)
    except Exception as error:  # anything at all: it is private code, and there is another way
        _log.info("Aer is run the public way: %s", error)
        return None


@cache
def trusted() -> bool:
    """Whether the installed Aer is of the known series and gives the same either way."""
    import qiskit_aer

    if not qiskit_aer.__version__.startswith(_SERIES):
        _log.info("Aer %s is run the public way: the quick one is known for %sx.", qiskit_aer.__version__, _SERIES)
        return False
    try:
        same = _same()
    except Exception as error:
        _log.warning("Aer is run the public way, which is slower on small circuits: %s", error)
        return False
    if not same:
        _log.warning("Aer is run the public way, which is slower on small circuits: the quick one differs.")
    return same


def _same() -> bool:
    """Both ways on two qubits, three points and a few shots."""
    from qiskit_aer import AerSimulator
    from qiskit_aer.library import SaveProbabilities

    a, b = CircuitParameter("a"), CircuitParameter("b")
    circuit = QuantumCircuit(2)
    circuit.ry(2 * a - b, 0)
    circuit.rzz(0.5 * b + 0.3, 0, 1)
    circuit.rx(a, 1)
    circuit.append(SaveProbabilities(2, label="p"), [0, 1])
    circuit.measure_all()
    program = AerProgram(circuit, (a, b), (), jumps=False)
    simulator = AerSimulator(method="statevector")
    direct = Direct(simulator, program)
    for points in (np.array([[0.4, -1.1]]), np.array([[0.4, -1.1], [2.0, 0.3], [-0.7, 1.9]])):
        options = {"shots": 20, "seed_simulator": 3, "runtime_parameter_bind_enable": len(points) > 1}
        binds = [{a: points[:, 0].tolist(), b: points[:, 1].tolist()}]
        public = simulator.run(circuit, parameter_binds=binds, **options).result()
        for _ in range(2):  # what is assembled must survive a run
            ours = direct(points, dict(options)).data
            theirs = [result.data.to_dict() for result in public.results]
            for x, y in zip(ours, theirs, strict=True):
                if x["counts"] != y["counts"] or np.abs(x["p"] - y["p"]).max() > _SAME:
                    return False
    return True
