"""Keys of jobs: equal for equal runs in every process, different for different ones."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import transpile
from qiskit.circuit import (
    AnnotatedOperation,
    ClassicalRegister,
    ControlModifier,
    Gate,
    InverseModifier,
    Parameter,
    ParameterVector,
    QuantumCircuit,
    QuantumRegister,
)
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import PauliEvolutionGate, QFTGate, XGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp, random_clifford

from qalgs_backends.jobs.digest import circuit_digest, encode, job_key


def everything(names="ab", register="q"):
    """A circuit with every kind of operation there is a rule for."""
    x, y = map(Parameter, names)
    circuit = QuantumCircuit(QuantumRegister(3, register), ClassicalRegister(2, "c"), global_phase=x)
    circuit.h(0)
    circuit.rx(x * 2 + y.sin() / 3, 1)
    circuit.cp(y, 0, 2)
    circuit.mcx([0, 1], 2)
    circuit.unitary(np.eye(4), [0, 1])
    circuit.delay(100, 0, unit="dt")
    circuit.barrier()
    part = QuantumCircuit(2)
    part.ry(x, 0)
    part.cx(0, 1)
    circuit.append(part.to_gate(), [0, 1])
    circuit.append(part.to_gate().control(1), [2, 0, 1])
    circuit.append(QFTGate(2), [0, 1])
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XX", "ZI"]), time=y), [0, 1])
    circuit.append(AnnotatedOperation(XGate(), [InverseModifier(), ControlModifier(1)]), [0, 1])
    circuit.append(random_clifford(2, seed=1), [0, 1])
    circuit.measure(0, 0)
    with circuit.if_test((circuit.cregs[0], 1)):
        circuit.x(1)
    with circuit.if_test(expr.logic_and(circuit.clbits[0], expr.logic_not(circuit.clbits[1]))):
        circuit.rx(x, 1)
    with circuit.for_loop(range(3)) as i:
        circuit.rz(i * y, 0)
    with circuit.switch(circuit.cregs[0]) as case:
        with case(0, 1):
            circuit.x(0)
        with case(case.DEFAULT):
            circuit.z(0)
    variable = circuit.add_var("v", expr.lift(3, types.Uint(8)))
    circuit.store(variable, expr.lift(4, types.Uint(8)))
    return circuit


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from qalgs_backends.jobs.digest import job_key
from qiskit.quantum_info import SparsePauliOp
from test_digest import everything
observables = [SparsePauliOp(["XXI", "IIZ"], [0.1, 2]), SparsePauliOp("ZZZ")]
options = {"b": [1, 2.5, None, True], "a": {"z": "x", "y": {}}}
print(job_key("ibm_fez", everything(), [[0.1, 0.2]], observables, kind="expect", shots=100, options=options))
"""


def test_keys_are_the_same_in_every_process():
    here = str(Path(__file__).parent)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, here],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        for seed in ("0", "1", "31337")
    ]
    keys = [process.communicate(timeout=60)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(keys[0]) == 64
    assert len(set(keys)) == 1


def test_names_without_meaning_do_not_count():
    one, other = everything(), everything("cd", "wires")
    other.name, other.metadata = "other", {"run": 3}
    assert circuit_digest(one) == circuit_digest(other)
    assert circuit_digest(one) == circuit_digest(one.copy())
    assert circuit_digest(one) != circuit_digest(everything("ba"))
    vector = ParameterVector("t", 12)
    a, b = QuantumCircuit(1), QuantumCircuit(1)
    for k in range(12):
        a.rx(vector[k], 0)
        b.rx(Parameter(f"p{k:02}"), 0)
    assert circuit_digest(a) == circuit_digest(b)


def test_gates_made_from_equal_circuits_are_equal():
    def built(angle):
        part = QuantumCircuit(1)
        part.rx(angle, 0)
        whole = QuantumCircuit(1)
        whole.append(part.to_gate(), [0])
        return whole

    assert built(0.5).data[0].operation.name != built(0.5).data[0].operation.name
    assert circuit_digest(built(0.5)) == circuit_digest(built(0.5))
    assert circuit_digest(built(0.5)) != circuit_digest(built(0.6))


def variants():
    def change(do, *args, size=(2, 2), **kwargs):
        circuit = QuantumCircuit(*size)
        getattr(circuit, do)(*args, **kwargs)
        return circuit

    a, b = Parameter("a"), Parameter("b")
    yield from (QuantumCircuit(2), QuantumCircuit(3), QuantumCircuit(2, 1), QuantumCircuit(2, 2))
    yield QuantumCircuit(QuantumRegister(2), ClassicalRegister(1, "x"), ClassicalRegister(1, "y"))
    yield QuantumCircuit(QuantumRegister(2), ClassicalRegister(2, "other"))
    yield QuantumCircuit(2, global_phase=0.5)
    for args in (("x", 0), ("x", 1), ("y", 0), ("sx", 0), ("sxdg", 0), ("cx", 0, 1), ("cx", 1, 0), ("ch", 0, 1)):
        yield change(*args)
    yield change("cx", 0, 1, ctrl_state=0)
    for angle in (0.0, 1, np.nextafter(1, 2), -1, a, a * 2, a * a, a + 0.1, a + (0.1 + 1e-15), a.sin(), a / 3):
        yield change("rx", angle, 0)
    for angle in (a + b, a - b, b - a, a * b, a**b, b**a, a / b, 2 * a + b, a + 2 * b):
        yield change("rx", angle, 0)
    yield from (change("ry", a, 0), change("rz", a, 0), change("p", a, 0))
    for args in ((0, 0), (0, 1), (1, 0), ([0, 1], [0, 1]), ([0, 1], [1, 0])):
        yield change("measure", *args)
    yield from (change("reset", 0), change("barrier"), change("barrier", 0), change("id", 0))
    yield from (change("delay", 1, 0), change("delay", 2, 0), change("delay", 1, 0, unit="s"))
    yield from (change("unitary", np.eye(2), [0]), change("unitary", np.diag([1, -1]), [0]))
    yield from (change("append", Gate("magic", 1, []), [0]), change("append", Gate("magic", 1, [1]), [0]))
    for condition in ((0, 1), (1, 1), (0, 0), "reg0", "reg1", "and", "or", "less", "greater"):
        circuit = QuantumCircuit(2, 2)
        first, second = circuit.clbits
        (reg,) = circuit.cregs
        tests = {
            "reg0": (reg, 0),
            "reg1": (reg, 1),
            "and": expr.bit_and(first, second),
            "or": expr.bit_or(first, second),
            "less": expr.less(reg, 2),
            "greater": expr.greater(reg, 2),
        }
        test = tests[condition] if isinstance(condition, str) else (circuit.clbits[condition[0]], condition[1])
        with circuit.if_test(test):
            circuit.x(0)
        yield circuit
    for indices in (range(2), range(3), range(0, 4, 2), (0, 2), (2, 0)):
        circuit = QuantumCircuit(2)
        with circuit.for_loop(indices):
            circuit.x(0)
        yield circuit


def test_circuits_that_differ_have_different_digests():
    circuits = list(variants())
    assert len({circuit_digest(circuit) for circuit in circuits}) == len(circuits) > 60
    assert [circuit_digest(c) for c in circuits] == [circuit_digest(c) for c in variants()]


def test_one_and_a_half_ways_to_write_the_same():
    def rx(angle):
        circuit = QuantumCircuit(1)
        circuit.rx(angle, 0)
        return circuit

    a, b = Parameter("a"), Parameter("b")
    assert circuit_digest(rx(1)) == circuit_digest(rx(1.0)) == circuit_digest(rx(np.float64(1)))
    assert circuit_digest(rx(0.0)) == circuit_digest(rx(-0.0))
    assert circuit_digest(rx(a + b)) == circuit_digest(rx(b + a))
    assert circuit_digest(rx(a).assign_parameters([0.3])) == circuit_digest(rx(0.3))
    assert circuit_digest(rx(a * 2).assign_parameters([0.25])) == circuit_digest(rx(0.5))


def test_transpiled_circuits_are_told_apart_by_their_place():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    device = GenericBackendV2(5, coupling_map=[[k, k + 1] for k in range(4)], seed=1)
    placed = [
        transpile(circuit, device, initial_layout=layout, seed_transpiler=1, optimization_level=1)
        for layout in ([0, 1], [0, 1], [1, 2])
    ]
    digests = [circuit_digest(one) for one in placed]
    assert digests[0] == digests[1] != digests[2]


ANSATZ = QuantumCircuit(2)
ANSATZ.rx(Parameter("a"), 0)
ANSATZ.ry(Parameter("b"), 1)
BASE = {
    "machine": "ibm_fez",
    "circuit": ANSATZ,
    "params": [[0.1, 0.2]],
    "observables": SparsePauliOp(["ZZ", "XI"], [1.0, 0.5]),
    "kind": "expect",
    "shots": 100,
    "options": {"level": 1, "twirl": {"gates": True}},
    "repeat": 0,
}


def test_every_part_of_a_run_counts():
    changes = [
        {},
        {"machine": "ibm_kyiv"},
        {"circuit": ANSATZ.reverse_bits()},
        {"params": [[0.2, 0.1]]},
        {"params": [[0.1, 0.2], [0.1, 0.2]]},
        {"params": [[0.1, np.nextafter(0.2, 1)]]},
        {"observables": SparsePauliOp(["ZZ", "IX"], [1.0, 0.5])},
        {"observables": SparsePauliOp(["ZZ", "XI"], [0.5, 1.0])},
        {"observables": [SparsePauliOp("ZZ"), SparsePauliOp("XI", 0.5)]},
        {"observables": None},
        {"kind": "sample"},
        {"shots": 101},
        {"shots": None},
        {"options": {"level": 2, "twirl": {"gates": True}}},
        {"options": {"level": 1, "twirl": {"gates": 1}}},
        {"options": {"level": 1}},
        {"options": None},
        {"repeat": 1},
        {"repeat": "1"},
    ]
    keys = [job_key(**{**BASE, **change}) for change in changes]
    assert len(set(keys)) == len(changes)


def test_what_does_not_change_a_run_does_not_count():
    key = job_key(**BASE)
    for change in (
        {"params": (0.1, 0.2)},
        {"params": np.asfortranarray([[0.1, 0.2]])},
        {"observables": [SparsePauliOp(["XI", "ZZ"], [0.5, 1.0])]},
        {"observables": SparsePauliOp(["XI", "ZZ", "XI", "YY"], [0.25, 1.0, 0.25, 0.0])},
        {"options": {"twirl": {"gates": True}, "level": np.int64(1)}},
        {"shots": np.int64(100)},
    ):
        assert job_key(**{**BASE, **change}) == key, change


def test_misuse():
    for change, message in (
        ({"params": [[0.1]]}, r"`params` must have shape \(2,\) or \(K, 2\)"),
        ({"params": [[0.1, np.nan]]}, "`params` must be finite"),
        ({"observables": SparsePauliOp("Z")}, "must act on 2 qubits"),
        ({"kind": "guess"}, "`kind` must be one of"),
        ({"shots": 0}, "`shots` must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            job_key(**{**BASE, **change})
    for value in (object(), {1: 2}, {1, 2}, np.array([None])):
        with pytest.raises(TypeError, match="made of plain values"):
            encode(value)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False).filter(lambda x: x != 0)
    | st.text(max_size=4)
    | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


def typed(value):
    """Equality that tells 1 from 1.0 and True."""
    if isinstance(value, list):
        return ("list", tuple(typed(item) for item in value))
    if isinstance(value, dict):
        return ("dict", tuple((name, typed(value[name])) for name in sorted(value)))
    return (type(value).__name__, value)


@given(PLAIN, PLAIN)
def test_plain_values_are_equal_exactly_when_their_bytes_are(one, other):
    assert (encode(one) == encode(other)) == (typed(one) == typed(other))


@given(st.lists(PLAIN, min_size=1, max_size=4), st.integers(0, 3))
def test_lists_are_told_apart_by_where_they_are_nested(values, cut):
    flat, nested = encode(values), encode([values[:cut], values[cut:]])
    assert (flat == nested) == (typed(values) == typed([values[:cut], values[cut:]]))


GATES = st.sampled_from(["x", "h", "rx", "ry", "cx", "cz", "measure"])
MOVES = st.lists(st.tuples(GATES, st.permutations(range(3)), st.sampled_from([0.1, -0.1, 1e-9, 2.0])), max_size=5)


def played(moves):
    circuit, meaning = QuantumCircuit(3, 3), []
    for name, (a, b, c), angle in moves:
        args = {"rx": (angle, a), "ry": (angle, a), "cx": (a, b), "cz": (a, b), "measure": (a, c)}.get(name, (a,))
        getattr(circuit, name)(*args)
        meaning.append((name, args))
    return circuit, meaning


@given(MOVES, MOVES)
def test_circuits_are_equal_exactly_when_their_digests_are(one, other):
    (first, said), (second, other_said) = played(one), played(other)
    assert (circuit_digest(first) == circuit_digest(second)) == (said == other_said)
    assert circuit_digest(first) == circuit_digest(played(one)[0])


@given(st.lists(st.lists(st.floats(-7, 7), min_size=2, max_size=2), min_size=1, max_size=3), st.data())
def test_points_are_equal_exactly_when_keys_are(points, data):
    row, column = data.draw(st.integers(0, len(points) - 1)), data.draw(st.integers(0, 1))
    moved = np.array(points)
    moved[row, column] = np.nextafter(moved[row, column], 8)
    assert job_key(**{**BASE, "params": points}) == job_key(**{**BASE, "params": np.array(points) + 0.0})
    assert job_key(**{**BASE, "params": points}) != job_key(**{**BASE, "params": moved})
