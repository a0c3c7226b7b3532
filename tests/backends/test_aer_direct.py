"""The quick way to run Aer: the same answers, and never taken where it is not known to be."""

import logging

import numpy as np
import pytest
import qiskit_aer
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator

from qalgs_backends import get
from qalgs_backends.simulators import aer_direct
from tests.backends.cases import random_circuit, random_observable


@pytest.fixture
def fresh():
    """A check that has not been made yet."""
    aer_direct.trusted.cache_clear()
    yield
    aer_direct.trusted.cache_clear()


@pytest.fixture
def public_runs(monkeypatch):
    """Counts the runs that took the public way."""
    runs = []
    run = AerSimulator.run
    monkeypatch.setattr(
        AerSimulator, "run", lambda self, *args, **options: runs.append(1) or run(self, *args, **options)
    )
    return runs


def answers(circuit, observable, points, name="aer"):
    backend = get(name)
    program, measured = backend.prepare(circuit, observable), backend.prepare(circuit)
    return (
        backend.expect(program, points).values,
        backend.expect(program, points, shots=50, rng=1).values,
        backend.sample(measured, points, shots=50, rng=2).outcomes,
    )


@pytest.mark.parametrize("name", ["aer", "aer:mps", "aer:density_matrix"])
@pytest.mark.parametrize("seed", range(4))
def test_both_ways_agree(name, seed, monkeypatch, public_runs):
    rng = np.random.default_rng(seed)
    circuit, observable = random_circuit(rng, 3, depth=5, affine=seed > 0), random_observable(rng, 3)
    points = rng.normal(size=(1 + seed, circuit.num_parameters))
    assert aer_direct.trusted()
    public_runs.clear()
    direct = answers(circuit, observable, points, name)
    assert not public_runs
    monkeypatch.setattr(aer_direct, "trusted", lambda: False)
    public = answers(circuit, observable, points, name)
    assert len(public_runs) == 3
    # Angles that are expressions of parameters are added up in another order.
    np.testing.assert_allclose(direct[0], public[0], rtol=0, atol=1e-14)
    np.testing.assert_array_equal(direct[1], public[1])
    assert direct[2] == public[2]


def test_an_unknown_version_is_run_the_public_way(fresh, monkeypatch, public_runs, caplog):
    monkeypatch.setattr(qiskit_aer, "__version__", "0.19.0")
    with caplog.at_level(logging.INFO, aer_direct.__name__):
        values = answers(efficient_su2(2, reps=1), SparsePauliOp("ZZ"), np.zeros((1, 8)))[0]
    np.testing.assert_allclose(values, 1.0)
    assert len(public_runs) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "Aer 0.19.0 is run the public way: the quick one is known for 0.18.x."
    ]


@pytest.mark.parametrize("fault", ["raises", "differs"])
def test_a_failed_check_is_logged_once_and_the_public_way_taken(fresh, monkeypatch, public_runs, caplog, fault):
    execute = AerSimulator._execute_circuits

    def wrong(self, circuits, noise_model, config):
        out = execute(self, circuits, noise_model, config)
        for result in out["results"]:
            if "p" in result["data"]:
                result["data"]["p"] = result["data"]["p"] + 1e-9
        return out

    def missing(self, circuits, **options):
        raise AttributeError("no such step")

    if fault == "differs":
        direct = aer_direct.Direct.__call__

        def spoilt(self, points, options):
            monkeypatch.setattr(AerSimulator, "_execute_circuits", wrong)
            try:
                return direct(self, points, options)
            finally:
                monkeypatch.setattr(AerSimulator, "_execute_circuits", execute)

        monkeypatch.setattr(aer_direct.Direct, "__call__", spoilt)
    else:
        monkeypatch.setattr(aer_direct.Direct, "__init__", missing)
    with caplog.at_level(logging.INFO, aer_direct.__name__):
        for _ in range(2):
            values = answers(efficient_su2(2, reps=1), SparsePauliOp("ZZ"), np.zeros((2, 8)))[0]
    np.testing.assert_allclose(values, 1.0)
    assert len(public_runs) >= 6
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "is run the public way" in record.getMessage()


def test_a_circuit_that_cannot_be_assembled_is_run_the_public_way(monkeypatch, public_runs):
    assert aer_direct.trusted()
    monkeypatch.setattr(aer_direct, "affine_angles", lambda expressions, parameters: lambda points: np.zeros((8, 1)))
    point = np.full(8, 0.3)
    circuit, observable = efficient_su2(2, reps=1), SparsePauliOp("ZI")
    public_runs.clear()
    values = answers(circuit, observable, point)[0]
    assert len(public_runs) == 3
    exact = get("statevector")
    np.testing.assert_allclose(values, exact.expect(exact.prepare(circuit, observable), point).values, atol=1e-12)


def test_wide_circuits_and_control_flow_are_run_the_public_way(public_runs):
    x = Parameter("x")
    wide = QuantumCircuit(aer_direct._WIDEST + 1)
    wide.ry(x, 0)
    jumping = QuantumCircuit(1, 1)
    jumping.ry(x, 0)
    jumping.measure(0, 0)
    with jumping.if_test((jumping.clbits[0], 1)):
        jumping.x(0)
    backend = get("aer")
    assert aer_direct.trusted()
    public_runs.clear()
    for circuit in (wide, jumping):
        backend.sample(backend.prepare(circuit), [0.4], shots=3, rng=0)
    assert len(public_runs) == 2
