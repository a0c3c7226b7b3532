"""Whatever can be known to be wrong is refused before any request."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends import Calibration, CapabilityError
from qalgs_backends.errors import BudgetError
from qalgs_backends.ibm.backend import IBMBackend
from qalgs_backends.ibm.budget import Budget
from qalgs_backends.ibm.compile import compile_program
from qalgs_backends.ibm.mitigation import ZNE, Mitigation
from qalgs_backends.ibm.options import IBMOptions, Twirling
from qalgs_backends.ibm.validate import check_age, check_angles, check_isa, check_readable
from qalgs_backends.registry import fake_device
from tests.backends.ibm_rehearsal import *  # noqa: F403

Z3 = SparsePauliOp("ZZZ")


def circuit(num_qubits=3):
    built = QuantumCircuit(num_qubits)
    built.rx(Parameter("a"), 0)
    for q in range(num_qubits - 1):
        built.cx(q, q + 1)
    return built


def native(name):
    """Circuits in the machine's own gates, or not quite."""
    built = QuantumCircuit(5, 1)
    if name == "far":
        built.cx(0, 4)
    elif name == "h":
        built.h(0)
    built.measure(0, 0)
    return built


def without_measurement():
    built = QuantumCircuit(2, 2)
    built.x(0)
    return built


def dynamic():
    built = QuantumCircuit(1, 1)
    built.measure(0, 0)
    with built.if_test((built.clbits[0], 1)):
        built.x(0)
    return built


def run(backend, *, made=None, observables=None, params=(0.1,), qubits=None, **arguments):
    program = backend.prepare(circuit() if made is None else made, observables, qubits=qubits)
    kind = "sample" if observables is None else "expect"
    backend.submit(program, params, **({"kind": kind, "shots": 10} | arguments))


BAD = {
    "a gate the machine lacks": (
        {"optimization_level": None},
        {"made": native("h"), "params": None},
        ValueError,
        "must be in the gates of ibm_rehearsal .*, but it holds h",
    ),
    "a coupler it lacks": (
        {"optimization_level": None},
        {"made": native("far"), "params": None},
        ValueError,
        r"must use qubits and couplers of ibm_rehearsal that work, but it has cx on \[0, 4\]",
    ),
    "too wide": ({}, {"made": circuit(6)}, ValueError, "must have at most 5 qubits on ibm:ibm_rehearsal"),
    "another width of the observable": ({}, {"observables": SparsePauliOp("ZZ")}, ValueError, "must act on 3 qubits"),
    "too few parameters": ({}, {"params": None}, ValueError, "it is missing"),
    "NaN": ({}, {"params": [[0.1], [math.nan]]}, ValueError, "parameter a of point 1 is nan"),
    "no measurement": ({}, {"made": without_measurement(), "params": None}, ValueError, "2 classical bits and no meas"),
    "no shots": ({}, {"shots": None}, CapabilityError, "no exact values"),
    "negative shots": ({}, {"shots": -1}, ValueError, "`shots` must be at least 1"),
    "too many executions for one point": (
        {"max_executions": 1000},
        {"shots": 1001},
        ValueError,
        "keep bases x shots of one point within 1000 executions a job, but it comes to 1001",
    ),
    "too many executions for one point and the readout": (
        {"max_executions": 1100, "mitigation": Mitigation(readout_randomizations=10)},
        {"shots": 512, "observables": Z3},
        ValueError,
        "it comes to 1152",
    ),
    "counts to be mitigated": (
        {"mitigation": Mitigation()},
        {},
        CapabilityError,
        "Counts are not mitigated",
    ),
    "one frame to extrapolate from": (
        {"mitigation": Mitigation(zne=ZNE())},
        {"shots": 64, "observables": Z3},
        ValueError,
        "fill at least two random frames where noise is extrapolated, but 64 fill one of 64",
    ),
    "over the budget in several jobs": (
        {"max_points": 1},
        {"params": np.zeros((3, 1)), "shots": 20_000},
        BudgetError,
        r"The run may take 2\d\.\d quantum seconds .* Nothing was submitted",
    ),
    "too many executions by twirling": (
        {"twirling": Twirling(num_randomizations=2000, shots_per_randomization=6000)},
        {},
        ValueError,
        "it comes to 12000000",
    ),
    "an old calibration": (
        {"max_age_days": 1e-9},
        {},
        CapabilityError,
        "The calibration of ibm_rehearsal is 0.0 days old, and max_age_days is 1e-09",
    ),
    "over the budget": ({}, {"shots": 100_000}, BudgetError, "Nothing was submitted"),
    "over its own limit": ({}, {"shots": 10_000, "max_seconds": 1}, BudgetError, "more than its limit of 1.0"),
    "a limit over the service's": ({}, {"max_seconds": 20_000}, ValueError, "`max_seconds` must be at most 10800"),
    "no limit": ({}, {"max_seconds": 0}, ValueError, "`max_seconds` must be greater than 0"),
    "dynamic with decoupling": (
        {"dynamical_decoupling": "XX"},
        {"made": dynamic(), "params": None},
        CapabilityError,
        "without dynamical_decoupling",
    ),
    "dynamic with twirling": ({"twirling": Twirling()}, {"made": dynamic(), "params": None}, CapabilityError, "twirl"),
    "the wrong kind": ({}, {"observables": Z3, "kind": "sample"}, ValueError, "must be prepared without observables"),
    "an unknown kind": ({}, {"kind": "count"}, ValueError, "`kind` must be one of"),
    "qubits twice": ({}, {"qubits": (0, 0, 1)}, ValueError, "`qubits` must be distinct"),
    "placed where it is run as it is": (
        {"optimization_level": None},
        {"qubits": (0, 1, 2)},
        ValueError,
        "`qubits` must be None when optimization_level is None",
    ),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_runs_send_no_request(server, store, name):
    options, arguments, kind, message = BAD[name]
    backend = IBMBackend(server.name, store=store, budget_seconds=20.0, options=IBMOptions(**options))
    if name.startswith("a limit"):
        backend = IBMBackend(server.name, store=store, options=IBMOptions(**options))
    server.reset()
    with pytest.raises(kind, match=message):
        run(backend, **arguments)
    assert server.count() == 0
    assert store.list() == ()


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"optimization_level": 4}, ValueError, "`optimization_level` must be at most 3"),
        ({"twirling": True}, TypeError, "`twirling` must be a Twirling or None"),
        ({"dynamical_decoupling": "XYX"}, ValueError, "`dynamical_decoupling` must be one of None, 'XX'"),
        ({"mode": "dedicated"}, ValueError, "`mode` must be one of 'batch', 'session', 'job'"),
        ({"mode_seconds": 0}, ValueError, "`mode_seconds` must be at least 1"),
        ({"rep_delay": -1.0}, ValueError, "`rep_delay` must be at least 0"),
        ({"max_age_days": 0}, ValueError, "`max_age_days` must be greater than 0"),
        ({"max_executions": 10_000_001}, ValueError, "`max_executions` must be at most 10000000"),
        ({"tags": ("a",) * 8}, ValueError, "`tags` must hold at most 7.*it holds 8"),
        ({"tags": ("a" * 87,)}, ValueError, "`tags` must hold tags of 1 to 86 characters"),
        ({"tags": ["a"]}, TypeError, "`tags` must be a tuple of strings"),
        ({"fractional_gates": 1}, TypeError, "`fractional_gates` must be True or False"),
        ({"resilience_level": 1}, TypeError, "resilience_level"),
    ],
)
def test_options(options, kind, message):
    with pytest.raises(kind, match=message):
        IBMOptions(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gates": False, "measure": False}, "must twirl gates or measurements"),
        ({"num_randomizations": 0}, "`num_randomizations` must be at least 1"),
        ({"group": "clifford"}, "`group` must be one of"),
        ({"strategy": "some"}, "`strategy` must be one of"),
    ],
)
def test_twirling(options, message):
    with pytest.raises(ValueError, match=message):
        Twirling(**options)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"budget_seconds": 0}, ValueError, "`budget_seconds` must be greater than 0"),
        ({"options": {"mode": "job"}}, TypeError, "`options` must be IBMOptions"),
    ],
)
def test_arguments_of_the_backend(server, store, options, kind, message):
    with pytest.raises(kind, match=message):
        IBMBackend(server.name, store=store, **options)
    assert server.count() == 0


def test_what_the_machine_cannot_do(server, store):
    with pytest.raises(
        ValueError, match="`name` must be a machine of IBM account 'environment', but it has no 'ibm_fes'"
    ):
        IBMBackend("ibm_fes", store=store)
    with pytest.raises(CapabilityError, match="does not support fractional gates"):
        IBMBackend(server.name, store=store, options=IBMOptions(fractional_gates=True))
    with pytest.raises(ValueError, match=r"`rep_delay` must be at most 0\.0005"):
        IBMBackend(server.name, store=store, options=IBMOptions(rep_delay=1.0))
    server.configuration["dynamic_reprate_enabled"] = False
    try:
        with pytest.raises(CapabilityError, match="does not let rep_delay be chosen"):
            IBMBackend(server.name, store=store, options=IBMOptions(rep_delay=1e-4))
    finally:
        server.configuration["dynamic_reprate_enabled"] = True


def test_dead_parts_are_never_used():
    fez = Calibration.from_backend(fake_device("fake_fez"))
    dead = {tuple(sorted(g.qubits)) for g in fez.gates if len(g.qubits) == 2} - set(fez.couplers)
    assert dead
    for pair in sorted(dead)[:3]:
        built = QuantumCircuit(156, 1)
        built.cz(*pair)
        built.measure(pair[0], 0)
        with pytest.raises(ValueError, match=r"couplers of fake_fez that work"):
            compile_program(built, (), (), None, fez, IBMOptions(optimization_level=None))
    for q in fez.dead_qubits:
        with pytest.raises(ValueError, match=f"but it uses qubit {q}"):
            check_isa(measured(156, q), fez.target(fez.gates, range(156)), "fake_fez", fez.dead_qubits)


def measured(size, q):
    built = QuantumCircuit(size, 1)
    built.measure(q, 0)
    return built


@pytest.mark.parametrize(
    ("angle", "fine"), [(0.0, True), (1.5, True), (math.pi / 2, True), (-0.1, False), (2.0, False)]
)
def test_rzz_keeps_its_range(angle, fine):
    a, b = Parameter("a"), Parameter("b")
    built = QuantumCircuit(2)
    built.rzz(0.5 * a + b, 0, 1)
    points = np.array([[0.2, 0.3], [2 * angle, 0.0]])
    if fine:
        check_angles(built, (a, b), points)
    else:
        with pytest.raises(
            ValueError, match=rf"rzz from 0 to pi/2, the calibrated range, but point 1 makes one {angle:g}"
        ):
            check_angles(built, (a, b), points)


def test_a_fixed_rzz_out_of_range():
    built = QuantumCircuit(2)
    built.rzz(3.0, 0, 1)
    with pytest.raises(ValueError, match="but point 0 makes one 3"):
        check_angles(built, (), np.zeros((1, 0)))


def test_no_register_to_read():
    built = QuantumCircuit(1)
    with pytest.raises(ValueError, match="must measure into a classical register"):
        check_readable(built)


def test_age():
    old = datetime.now(UTC) - timedelta(days=3)
    for dated, message in ((old.isoformat(), "is 3.0 days old"), (None, "has no date")):
        calibration = Calibration("x", dated, None, (), ())
        with pytest.raises(CapabilityError, match=message):
            check_age(calibration, IBMOptions())
        check_age(calibration, IBMOptions(max_age_days=None))


def test_budget_arithmetic():
    budget = Budget(100)
    assert budget.reserve({"a": 10}, None) == {"a": 40}
    assert budget.reserve({"a": 10}, None) == {"a": 40}
    assert budget.remaining == 60
    assert budget.reserve({"b": 10}, 15) == {"b": 15}
    budget.settle("a", 12)
    budget.settle("unknown", 50)
    assert budget.remaining == 73
    assert budget.reserve({"c": 60}, None) == {"c": 73}
    with pytest.raises(BudgetError):
        budget.reserve({"d": 0.1}, 1)
    budget.settle("c", 0.0)
    assert budget.reserve({"d": 0.1}, 1) == {"d": 1}
    assert Budget(None).remaining is None
