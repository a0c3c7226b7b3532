"""Unchanged QNodes on our backends, and circuits and operators both ways."""

import warnings
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pennylane as qml
import pytest
from pennylane import numpy as pnp
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector

from qalgs_backends import CapabilityError, get
from qalgs_backends.pennylane.convert import (
    as_pennylane,
    from_pennylane,
    operator_from_pennylane,
    operator_to_pennylane,
    to_pennylane,
)
from qalgs_backends.pennylane.device import QalgsDevice
from tests.backends.cases import random_circuit, random_observable

EXACT = ("statevector", "aer", "lightning")
WIRES = ("a", 7, "c", 0)
H = qml.Hamiltonian([1.0, 0.5, -0.3, 0.2], [qml.Z("a") @ qml.Z(7), qml.X("c"), qml.Y(0) @ qml.Y(7), qml.I("a")])
MATRIX = np.array([[0.3, 0.1 - 0.4j, 0, 0], [0.1 + 0.4j, -1.0, 0, 0.5], [0, 0, 0.2, 0], [0, 0.5, 0, 1.1]])


class Counting:
    """A backend that counts its jobs."""

    def __init__(self, name):
        self._inner = get(name)
        self.name, self.capabilities = self._inner.name, self._inner.capabilities
        self.jobs, self.points, self.gradients = 0, [], 0

    def submit(self, program, params=None, **options):
        self.jobs += 1
        self.points.append(len(params))
        return self._inner.submit(program, params, **options)

    def gradient(self, program, params):
        self.gradients += 1
        return self._inner.gradient(program, params)

    def __getattr__(self, name):
        return getattr(self._inner, name)


def layers(v):
    """12 angles in gates of several kinds, some of which only PennyLane can decompose, none symmetric in the wires."""
    qml.BasisState([1, 0], wires=["c", "a"])
    for k, wire in enumerate(WIRES):
        qml.RY(v[0, k], wire)
    qml.ctrl(qml.S, control=7)("a")
    qml.adjoint(qml.T)(7)
    for left, right in pairwise(WIRES):
        qml.CNOT([left, right])
    qml.Rot(v[1, 0], v[1, 1], v[1, 2], wires="c")
    qml.CRX(v[1, 3], wires=["c", "a"])
    qml.IsingXY(v[2, 0], wires=[0, 7])
    qml.SingleExcitation(v[2, 1], wires=["a", 0])
    qml.PauliRot(v[2, 2], "XYZ", wires=["c", 0, 7])
    qml.U3(v[2, 3], 0.4, -0.2, wires=0)
    qml.GlobalPhase(v[0, 0])


def several(v):
    layers(v)
    return (
        qml.expval(H),
        qml.expval(qml.Hermitian(MATRIX, wires=[0, "a"])),
        qml.expval(qml.Projector([1, 0], wires=["c", 7])),
        qml.var(qml.X("c") @ qml.Y("a")),
        qml.probs(wires=["c", "a"]),
        qml.probs(op=qml.Y(7) @ qml.X(0)),
    )


def one(v):
    layers(v)
    return qml.expval(H + qml.s_prod(0.3, qml.prod(qml.Z(0), qml.X("a"))))


def point(seed=0):
    return pnp.array(np.random.default_rng(seed).uniform(-2, 2, (3, 4)), requires_grad=True)


def stacked(function):
    return lambda v: qml.math.hstack(function(v))


@pytest.fixture(scope="module")
def reference():
    device = qml.device("default.qubit", wires=WIRES)
    node = stacked(qml.QNode(several, device))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)  # from backpropagation there
        return node(point()), qml.jacobian(node)(point())


@pytest.mark.parametrize("method", ["best", "parameter-shift"])
@pytest.mark.parametrize("name", EXACT)
def test_values_and_jacobians_of_every_measurement(name, method, reference):
    node = stacked(qml.QNode(several, as_pennylane(name, WIRES), diff_method=method))
    np.testing.assert_allclose(node(point()), reference[0], atol=1e-9)
    np.testing.assert_allclose(qml.jacobian(node)(point()), reference[1], atol=1e-8)


def test_against_lightning_by_adjoint():
    node = qml.QNode(one, as_pennylane("lightning", WIRES), diff_method="adjoint")
    peer = qml.QNode(one, qml.device("lightning.qubit", wires=WIRES), diff_method="adjoint")
    np.testing.assert_allclose(node(point()), peer(point()), atol=1e-9)
    np.testing.assert_allclose(qml.grad(node)(point()), qml.grad(peer)(point()), atol=1e-8)


def test_variance_of_a_sum_and_its_derivative():
    def circuit(x):
        qml.RY(x[0], 0)
        qml.RX(x[1], 1)
        qml.CNOT([0, 1])
        return qml.var(qml.Z(0) + 2 * qml.X(1))

    x = pnp.array([0.4, -0.9], requires_grad=True)
    ours, theirs = (qml.QNode(circuit, d) for d in (as_pennylane("aer", 2), qml.device("default.qubit", wires=2)))
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-9)
    np.testing.assert_allclose(qml.grad(ours)(x), qml.grad(theirs)(x), atol=1e-8)


def test_noisy_values_are_the_backends_own():
    node = qml.QNode(one, as_pennylane("noisy:fake_manila", WIRES))
    tape = qml.workflow.construct_tape(node)(point())
    circuit, values = from_pennylane(tape, wires=WIRES)
    backend = get("noisy:fake_manila")
    program = backend.prepare(circuit, operator_from_pennylane(tape.measurements[0].obs, wires=WIRES))
    np.testing.assert_allclose(node(point()), backend.expect(program, values).values[0, 0], atol=1e-9)


def test_noisy_gradients_by_either_method_and_by_differences():
    device = as_pennylane("noisy:fake_manila", WIRES)
    gradients = [qml.grad(qml.QNode(one, device, diff_method=m))(point()) for m in ("best", "parameter-shift")]
    np.testing.assert_allclose(*gradients, atol=1e-8)
    node, step = qml.QNode(one, device), np.zeros((3, 4))
    step[2, 1] = 1e-4
    difference = (node(point() + step) - node(point() - step)) / 2e-4
    np.testing.assert_allclose(gradients[0][2, 1], difference, atol=1e-6)


def test_a_gradient_is_two_jobs():
    def circuit(v):
        for q in range(4):
            qml.RY(v[q], q)
            qml.RX(v[4 + q], q)
        for q in range(3):
            qml.CNOT([q, q + 1])
        for q in range(4):
            qml.RZ(v[8 + q], q)
        return qml.expval(qml.X(0) @ qml.Y(1) + 0.5 * qml.Y(3) @ qml.X(2))

    backend, v = Counting("aer"), pnp.array(np.linspace(0.1, 2, 12), requires_grad=True)
    qml.grad(qml.QNode(circuit, as_pennylane(backend, 4), diff_method="parameter-shift"))(v)
    assert backend.jobs == 2
    assert backend.points == [1, 24]
    qml.grad(qml.QNode(circuit, as_pennylane(backend, 4)))(v)
    assert (backend.jobs, backend.gradients) == (3, 1)


def test_broadcast_points_are_one_job():
    def circuit(x, y):
        qml.RX(x, 0)
        qml.RY(y, 1)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1)), qml.probs(wires=[1, 0])

    backend, x = Counting("statevector"), np.linspace(-1, 1, 50)
    ours = qml.QNode(circuit, as_pennylane(backend, 2))(x, 0.3)
    theirs = qml.QNode(circuit, qml.device("default.qubit", wires=2))(x, 0.3)
    assert (backend.jobs, backend.points) == (1, [50])
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_broadcast_jacobian():
    x = pnp.array([0.1, 0.7, -1.2], requires_grad=True)

    def circuit(x):
        qml.RX(x, 0)
        return qml.expval(qml.Z(0))

    jacobian = qml.jacobian(qml.QNode(circuit, as_pennylane("statevector", 1)))(x)
    np.testing.assert_allclose(jacobian, -np.diag(np.sin(x)), atol=1e-8)


def test_shots_stay_within_five_sigma():
    shots = 20_000
    node = qml.QNode(several, as_pennylane("aer", WIRES, seed=5))
    exact, sampled = node(point()), qml.set_shots(node, shots)(point())
    scales = (2.0, 2.0, 1.0, 2.0, 0.5, 0.5)
    for a, b, scale in zip(exact, sampled, scales, strict=True):
        np.testing.assert_allclose(a, b, atol=5 * scale / np.sqrt(shots))
    assert np.abs(np.hstack(exact) - np.hstack(sampled)).max() > 0


def outcomes(x):
    qml.PauliX("a")
    qml.RY(x, "c")
    qml.CNOT(["c", 7])
    return (
        qml.counts(wires=["c", "a", 0]),
        qml.sample(wires=["a", "c"]),
        qml.sample(qml.X("a") @ qml.Z("c")),
        qml.probs(wires=[7, 0]),
        qml.counts(qml.Hermitian(np.array([[0, 1], [1, 0]]), wires="a")),
        qml.counts(wires=0, all_outcomes=True),
    )


def test_outcomes_have_the_first_wire_first():
    node = qml.set_shots(qml.QNode(outcomes, as_pennylane("aer", WIRES, seed=1)), 4000)
    counts, samples, signs, probabilities, eigenvalues, everything = node(0.6)
    assert set(counts) == {"010", "110"}
    assert (samples[:, 0] == 1).all()
    assert abs(samples[:, 1].mean() - np.sin(0.3) ** 2) < 5 * 0.3 / np.sqrt(4000)
    assert np.abs(np.diff(samples[:, 1])).sum() > 100, "samples must not come sorted"
    assert set(np.round(signs, 9)) == {-1.0, 1.0}
    assert abs(probabilities[2] - np.sin(0.3) ** 2) < 5 * 0.3 / np.sqrt(4000)
    assert sum(eigenvalues.values()) == 4000
    np.testing.assert_allclose(sorted(eigenvalues), [-1, 1], atol=1e-9)
    assert everything == {"0": 4000, "1": 0}


def test_gradients_from_shots_and_on_backends_without_exact_values():
    backend = Counting("statevector")
    backend.capabilities = replace(backend.capabilities, exact=False, gradient=None)

    @qml.qnode(as_pennylane(backend, 1, seed=2))
    def node(x):
        qml.RX(x, 0)
        return qml.expval(qml.Z(0))

    x, shots = pnp.array(0.7, requires_grad=True), 10_000
    with pytest.raises(CapabilityError, match="QNodes on statevector need shots, but this one has none"):
        node(x)
    slope = qml.grad(qml.set_shots(node, shots))(x)
    assert 0 < abs(slope + np.sin(0.7)) < 5 / np.sqrt(2 * shots)
    assert (backend.jobs, backend.gradients) == (2, 0)


def test_second_derivatives():
    @qml.qnode(as_pennylane("aer", 1), max_diff=2)
    def node(x):
        qml.RX(x[0], 0)
        qml.RX(x[1], 0)
        return qml.expval(qml.Z(0))

    hessian = qml.jacobian(qml.grad(node))(pnp.array([0.3, 0.4], requires_grad=True))
    np.testing.assert_allclose(hessian, -np.cos(0.7) * np.ones((2, 2)), atol=1e-8)


@pytest.mark.parametrize("shots", [11, (11, 5, 5)])
@pytest.mark.parametrize("x", [0.6, np.array([0.1, 0.5])])
def test_shapes_are_pennylanes(shots, x):
    def shapes(answer):
        return [shapes(a) for a in answer] if isinstance(answer, tuple | list) else np.shape(answer)

    device = qml.device("default.qubit", wires=WIRES)
    ours, theirs = (
        qml.set_shots(qml.QNode(outcomes, d), shots)(x) for d in (as_pennylane("statevector", WIRES), device)
    )
    assert shapes(ours) == shapes(theirs)


def test_shots_are_those_of_the_tape_and_seeds_repeat():
    def node(seed, shots=None):
        circuit = qml.QNode(outcomes, as_pennylane("statevector", WIRES, shots=50, seed=seed))
        return circuit if shots is None else qml.set_shots(circuit, shots)

    assert sum(node(0)(0.4)[0].values()) == 50
    assert sum(node(0, 30)(0.4)[0].values()) == 30
    np.testing.assert_array_equal(node(3)(0.4)[1], node(3)(0.4)[1])
    again = node(3)
    assert not np.array_equal(again(0.4)[1], again(0.4)[1])


def test_equal_operators_in_other_order_of_eigenvalues_are_kept_apart():
    flip = qml.Hermitian(np.array([[0, 1], [1, 0]]), wires=0)
    device = as_pennylane("statevector", 1)
    first = qml.QNode(lambda: (qml.Hadamard(0), qml.probs(op=qml.X(0)))[1], device)()
    with pytest.warns(UserWarning, match="ordering of eigenvalues"):
        second = qml.QNode(lambda: (qml.Hadamard(0), qml.probs(op=flip))[1], device)()
    np.testing.assert_allclose([first, second], [[1, 0], [0, 1]], atol=1e-9)


def test_coefficients_that_differ_in_the_last_digits_are_kept_apart():
    device = as_pennylane("statevector", 1)
    values = [qml.QNode(lambda c=c: qml.expval(c * qml.Z(0)), device)() for c in (1.0, 1.0 + 1e-12)]
    assert values[1] - values[0] == pytest.approx(1e-12, rel=1e-3)


def test_mid_circuit_measurements_are_deferred():
    def circuit(x):
        qml.RX(x, 0)
        m = qml.measure(0)
        qml.cond(m, qml.RY)(0.4, 1)
        return qml.expval(m), qml.expval(qml.Z(1)), qml.probs(op=m), qml.var(m)

    excited = np.sin(0.35) ** 2
    want = [excited, 1 - excited * (1 - np.cos(0.4)), 1 - excited, excited, excited * (1 - excited)]
    np.testing.assert_allclose(np.hstack(qml.QNode(circuit, as_pennylane("aer", 3))(0.7)), want, atol=1e-9)
    with pytest.raises(CapabilityError, match="deferred here, but mcm_method is 'tree-traversal'"):
        qml.QNode(circuit, as_pennylane("aer", 3), mcm_method="tree-traversal")(0.7)


def test_coefficients_of_an_observable_can_be_differentiated():
    def circuit(x, c):
        qml.RX(x, 0)
        return qml.expval(qml.dot(c, [qml.Z(0), qml.Y(0)]))

    x, c = pnp.array(0.3, requires_grad=True), pnp.array([0.5, -2.0], requires_grad=True)
    slopes = qml.grad(qml.QNode(circuit, as_pennylane("aer", 1)))(x, c)
    np.testing.assert_allclose(slopes[0], -0.5 * np.sin(0.3) + 2.0 * np.cos(0.3), atol=1e-8)
    np.testing.assert_allclose(slopes[1], [np.cos(0.3), -np.sin(0.3)], atol=1e-8)


@pytest.mark.parametrize(
    "optimizer",
    [
        qml.GradientDescentOptimizer(0.2),
        qml.AdamOptimizer(0.2),
        qml.QNGOptimizer(0.2),
        qml.RotosolveOptimizer(),
        qml.SPSAOptimizer(maxiter=4),
    ],
)
def test_pennylanes_optimizers_run_unchanged(optimizer):
    def circuit(v):
        qml.RY(v[0], 0)
        qml.RY(v[1], 1)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(0) @ qml.Z(1) + 0.5 * qml.X(0))

    node = qml.QNode(circuit, as_pennylane("statevector", 3))
    options = {"nums_frequency": {"v": {(0,): 1, (1,): 1}}} if isinstance(optimizer, qml.RotosolveOptimizer) else {}
    v = pnp.array([0.5, 0.4], requires_grad=True)
    start = node(v)
    for _ in range(3):
        v = optimizer.step(node, v, **options)
    assert np.isfinite(node(v))
    if not isinstance(optimizer, qml.SPSAOptimizer):
        assert node(v) < start


@pytest.mark.parametrize("seed", range(12))
def test_circuits_round_trip(seed):
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng, int(rng.integers(1, 5)), depth=6, affine=seed % 4 != 0)
    params = rng.normal(size=circuit.num_parameters)
    wires = [f"w{q}" for q in range(circuit.num_qubits)]
    ops = to_pennylane(circuit, params, wires=wires)
    back, values = from_pennylane(qml.tape.QuantumScript(ops), wires=wires)
    want = Operator(circuit.assign_parameters(params))
    np.testing.assert_allclose(Operator(back.assign_parameters(values)).data, want.data, atol=1e-9)
    # PennyLane's first wire is most significant: listing the last qubit first gives Qiskit's matrix.
    np.testing.assert_allclose(qml.matrix(qml.prod(*ops[::-1]), wire_order=wires[::-1]), want.data, atol=1e-9)


def test_every_gate_of_the_other_direction():
    x, y, z = 0.3, -1.1, 0.7
    ops = [qml.Hadamard(q) for q in range(3)]
    ops += [gate(0) for gate in (qml.X, qml.Y, qml.Z, qml.S, qml.T, qml.SX)]
    ops += [qml.adjoint(gate(1)) for gate in (qml.S, qml.T, qml.SX)]
    ops += [gate(x, wires=1) for gate in (qml.RX, qml.RY, qml.RZ, qml.PhaseShift, qml.U1)]
    ops += [qml.U2(x, y, wires=2), qml.U3(x, y, z, wires=2), qml.Rot(x, y, z, wires=0), qml.Identity(1)]
    two = (qml.CNOT, qml.CY, qml.CZ, qml.CH, qml.SWAP, qml.ISWAP, qml.ECR, qml.SISWAP)
    ops += [gate(wires=[2, 0]) for gate in two]
    turns = (qml.IsingXX, qml.IsingYY, qml.IsingZZ, qml.IsingXY, qml.ControlledPhaseShift, qml.CRX, qml.CRY, qml.CRZ)
    ops += [gate(y, wires=[2, 1]) for gate in turns]
    ops += [gate(wires=[1, 2, 0]) for gate in (qml.Toffoli, qml.CCZ, qml.CSWAP)]
    ops += [qml.QFT([0, 1, 2]), qml.MultiRZ(z, wires=[0, 1, 2]), qml.Barrier([0, 1]), qml.GlobalPhase(y)]
    circuit, values = from_pennylane(qml.tape.QuantumScript(ops))
    want = qml.matrix(qml.tape.QuantumScript(ops), wire_order=[2, 1, 0])
    np.testing.assert_allclose(Operator(circuit.assign_parameters(values)).data, want, atol=1e-9)


def test_broadcast_tapes_give_a_row_for_each_point():
    tape = qml.tape.QuantumScript([qml.RX(np.array([0.1, 0.2]), 0), qml.RY(0.5, 1)])
    circuit, values = from_pennylane(tape)
    assert circuit.num_parameters == 2
    np.testing.assert_allclose(values, [[0.1, 0.5], [0.2, 0.5]])


def test_a_qiskit_circuit_inside_a_qnode_is_differentiable():
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(2)
    circuit.ry(a - 2 * b, 1)
    circuit.cx(1, 0)
    circuit.rx(b, 0)

    @qml.qnode(qml.device("default.qubit", wires=2))
    def node(v):
        to_pennylane(circuit, v)
        return qml.expval(qml.Z(1)), qml.expval(qml.Z(0))

    v = pnp.array([0.9, 0.2], requires_grad=True)
    slopes = qml.jacobian(stacked(node))(v)
    np.testing.assert_allclose(slopes[0], [-np.sin(0.5), 2 * np.sin(0.5)], atol=1e-9)
    np.testing.assert_allclose(node(v)[1], np.cos(0.5) * np.cos(0.2), atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_operators_round_trip(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 5))
    operator = random_observable(rng, n)
    wires = [f"w{q}" for q in range(n)]
    there = operator_to_pennylane(operator, wires=wires)
    assert operator_from_pennylane(there, wires=wires).equiv(operator)
    np.testing.assert_allclose(qml.matrix(there, wire_order=wires[::-1]), operator.to_matrix(), atol=1e-12)


def test_operators_of_every_kind():
    ops = (
        qml.Z(1),
        qml.X(0) @ qml.Y(2) - 0.5 * qml.I(1),
        qml.Hermitian(MATRIX, wires=[2, 0]),
        qml.Projector([0, 1], wires=[1, 0]),
        qml.prod(qml.Hermitian(MATRIX, wires=[2, 0]), qml.Z(1)),
        0 * qml.X(0),
    )
    for op in ops:
        found = operator_from_pennylane(op, wires=range(3)).to_matrix()
        np.testing.assert_allclose(found, qml.matrix(op, wire_order=[2, 1, 0]), atol=1e-12)


def test_wire_order_decides_the_qubit():
    @qml.qnode(as_pennylane("statevector", [2, 0, 1]))
    def node():
        qml.X(0)
        return qml.probs(wires=[2, 0, 1])

    assert node().argmax() == 0b010
    circuit, _ = from_pennylane(qml.tape.QuantumScript([qml.X(0)]), wires=[2, 0, 1])
    assert Statevector(circuit).data.argmax() == 0b010
    circuit, _ = from_pennylane(qml.tape.QuantumScript([qml.X(0)]), wires=[0, 1, 2])
    assert Statevector(circuit).data.argmax() == 0b001


def test_device_by_class_and_name():
    device = QalgsDevice("aer", wires=2)
    assert device.name == "qalgs.aer"
    with qml.Tracker(device) as tracker:
        qml.QNode(lambda: qml.expval(qml.Z(0)), device)()
    assert tracker.totals["executions"] == 1


@pytest.mark.parametrize(
    ("wires", "error", "message"),
    [
        (None, TypeError, "Argument `wires` must be a number of wires or their labels, but it is None"),
        (0, ValueError, "Argument `wires` must name at least one wire, but it names none"),
        ([0, 0], ValueError, "Argument `wires` must be distinct"),
        (6, ValueError, "Argument `wires` must be at most the 5 qubits of noisy:fake_manila, but there are 6"),
    ],
)
def test_wires_are_checked(wires, error, message):
    with pytest.raises(error, match=message):
        as_pennylane("noisy:fake_manila", wires)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (qml.state, "return expval, var, probs, counts or sample, but one returns state"),
        (qml.counts, "Counts and samples need shots"),
        (qml.probs, "at most 10 wires, but a QNode asks for 11"),
        (lambda: qml.expval(qml.Hermitian(np.eye(128), wires=range(7))), "at most 6 wires, but Hermitian acts on 7"),
    ],
)
def test_what_cannot_be_answered_is_refused(measure, message):
    with pytest.raises(CapabilityError, match=message):
        qml.QNode(measure, as_pennylane("statevector", 11))()


def test_conversions_are_checked():
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("a"), 0)
    with pytest.raises(ValueError, match=r"Argument `params` must have shape \(1,\)"):
        to_pennylane(circuit)
    with pytest.raises(ValueError, match="Argument `wires` must name one wire for each of 2 qubits"):
        to_pennylane(circuit, [0.1], wires=["a"])
    with pytest.raises(TypeError, match="Argument `circuit` must be a QuantumCircuit"):
        to_pennylane("circuit")
    with pytest.raises(ValueError, match="Argument `operator` must be Hermitian"):
        operator_to_pennylane(SparsePauliOp("Z", 1j))
    with pytest.raises(ValueError, match="Argument `wires` must give the order of wires that are not integers"):
        operator_from_pennylane(qml.Z("a"))
    with pytest.raises(ValueError, match="Argument `wires` must hold every wire that is used, 'a' too"):
        from_pennylane(qml.tape.QuantumScript([qml.X("a")]), wires=["b"])


def test_the_device_is_found_by_name():
    device = qml.device("qalgs", backend="statevector", wires=2)

    @qml.qnode(device)
    def circuit(x):
        qml.RY(x, 0)
        return qml.expval(qml.Z(0))

    assert circuit(0.3) == pytest.approx(np.cos(0.3), abs=1e-12)
