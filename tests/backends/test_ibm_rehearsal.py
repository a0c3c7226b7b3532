"""The rehearsal server itself, its command, and what keeps large circuits quick to prepare."""

import time

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Operator, SparsePauliOp

from qalgs.cli.rehearse import rehearse
from qalgs_backends import get
from qalgs_backends.ibm.backend import IBMBackend
from qalgs_backends.ibm.options import IBMOptions
from qalgs_backends.phaseless import without_phases
from qalgs_backends.testing import Fault, RehearsalServer
from tests.backends.ibm_rehearsal import *  # noqa: F403


def test_the_client_alone_finds_the_server_by_its_environment(server):
    from qiskit_ibm_runtime import QiskitRuntimeService

    service = QiskitRuntimeService()
    (machine,) = service.backends()
    assert (machine.name, machine.num_qubits) == ("ibm_rehearsal", 5)
    assert service.usage()["usage_limit_seconds"] == 600


def test_only_fake_devices_can_be_served():
    with pytest.raises(ValueError, match="`device` must be a fake device of qiskit-ibm-runtime"):
        RehearsalServer(GenericBackendV2(3, seed=1))
    with pytest.raises(ValueError, match="did you mean 'fake_manila'"):
        RehearsalServer("fake_manilla")


def test_faults_hit_what_they_name():
    fault = Fault("GET", "/jobs/.*", times=1)
    assert fault.hits("GET", "/jobs/d1")
    assert not fault.hits("POST", "/jobs/d1")
    assert not fault.hits("GET", "/jobs")
    assert not Fault("GET", "/jobs", times=0).hits("GET", "/jobs")


def test_the_command_prints_the_settings(capsys, no_account, only_loopback):
    rehearse(seconds=0.05)
    printed = capsys.readouterr().out
    assert "fake_manila answers as ibm_rehearsal at http://127.0.0.1:" in printed
    assert "export QISKIT_IBM_URL=http://127.0.0.1:" in printed
    assert "export QALGS_JOBS=" in printed
    assert printed.endswith("# 0 requests, 0 jobs\n")
    with pytest.raises(ValueError, match="`seconds` must be positive"):
        rehearse(seconds=0)


def test_fractional_gates(no_account, monkeypatch, store):
    with RehearsalServer("fake_fractional") as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        backend = IBMBackend(server.name, store=store, options=IBMOptions(fractional_gates=True))
        a = Parameter("a")
        circuit = QuantumCircuit(2)
        circuit.h([0, 1])
        circuit.rzz(a, 0, 1)
        observable = SparsePauliOp("YZ")
        program = backend.prepare(circuit, observable)
        assert program.executable.circuit.count_ops()["rzz"] == 1
        values = backend.expect(program, [[0.7]], shots=4000, rng=0)
        simulator = get("statevector")
        expected = simulator.expect(simulator.prepare(circuit, observable), [[0.7]]).values
        assert np.all(np.abs(values.values - expected) < 5 * values.values_err)
        seen = server.count()
        with pytest.raises(ValueError, match="rzz from 0 to pi/2"):
            backend.expect(program, [[-0.7]], shots=100)
        assert server.count() == seen


@pytest.mark.parametrize("native", [("rz", "sx", "x", "cz"), ("rz", "sx", "x", "cz", "rx", "rzz")])
def test_circuits_without_phases_do_the_same(native):
    p = [Parameter(f"p{k}") for k in range(13)]
    built = QuantumCircuit(3)
    built.u(p[0], p[1], p[2], 0)
    built.r(p[3], p[4], 1)
    built.rx(p[5], 2)
    built.ry(p[6], 0)
    built.p(p[7], 1)
    built.cp(p[8], 0, 1)
    built.crx(p[9], 1, 2)
    built.rzz(p[10], 0, 2)
    built.cu(p[11], 0.2, 0.3, 0.4, 0, 1)
    built.rxx(2 * p[0] + 1, 1, 2)
    built.ry(p[12], 2)
    plain = without_phases(built, native)
    assert all(not item.operation.params or item.operation.name in ("rz", *native, "p", "u") for item in plain.data)
    values = dict(zip(p, np.random.default_rng(1).normal(size=13), strict=True))
    assert Operator(plain.assign_parameters(values)).equiv(Operator(built.assign_parameters(values)))


def test_wide_circuits_are_prepared_at_once(no_account, monkeypatch, store):
    with RehearsalServer("fake_fez") as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        backend = IBMBackend(server.name, store=store)
        circuit = efficient_su2(16, reps=1, entanglement="linear").decompose()
        began = time.monotonic()
        program = backend.prepare(circuit, SparsePauliOp("X" * 16))
        assert time.monotonic() - began < 5
        backend.expect(program, np.zeros((2, circuit.num_parameters)), shots=100, rng=0)
        assert time.monotonic() - began < 15
