"""Aer on a GPU: what is asked for is what runs, or is refused with the reason.

Tests marked gpu need one. The others stand in for Aer's GPU by running on the CPU and changing what the result says.
"""

import sys

import numpy as np
import pytest
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator

from experiments.bench import gpu as bench
from qalgs_backends import CapabilityError, ExecutionError, get, install
from qalgs_backends.simulators import aer_direct
from qalgs_backends.simulators.aer_options import AerOptions
from tests.backends.cases import random_circuit, random_observable

BELL = SparsePauliOp(["ZZ", "XX"])


def there_is_one():
    return not install.aer_clash() and "GPU" in AerSimulator().available_devices()


@pytest.fixture
def gpu():
    if not there_is_one():
        pytest.skip(install.gpu_advice())
    return get("aer:gpu")


@pytest.fixture(params=["direct", "public"])
def stand_in(request, monkeypatch):
    """Make Aer say that it has a GPU; returns what changes the device that results name."""
    said = {"device": "GPU"}
    execute = AerSimulator._execute_circuits

    def pretend(self, circuits, noise_model, config):
        wanted, config.device = config.device, "CPU"
        out = execute(self, circuits, noise_model, config)
        for result in out["results"]:
            result["metadata"]["device"] = said["device"] if wanted == "GPU" else "CPU"
        return out

    assert aer_direct.trusted()
    monkeypatch.setattr(AerSimulator, "_execute_circuits", pretend)
    monkeypatch.setattr(AerSimulator, "available_devices", lambda self: ("CPU", "GPU"))
    monkeypatch.setattr(install, "aer_clash", lambda: False)
    monkeypatch.setattr(install, "gpus", lambda: (("stand-in", 1 << 20), ("stand-in", 1 << 30)))
    if request.param == "public":
        monkeypatch.setattr(aer_direct, "trusted", lambda: False)
    return lambda device: said.update(device=device)


def test_a_gpu_is_used_or_the_reason_is_given(gpu):
    assert gpu.capabilities.device == "GPU"
    circuit = efficient_su2(2, reps=1)
    values = [b.expect(b.prepare(circuit, BELL), np.arange(8) / 7).values for b in (gpu, get("aer"))]
    np.testing.assert_allclose(*values, atol=1e-12)


@pytest.mark.gpu
@pytest.mark.parametrize("options", [{}, {"cu_statevec": True}, {"precision": "single"}])
def test_values_gradients_and_counts_are_those_of_the_cpu(gpu, options):
    rng = np.random.default_rng(3)
    circuit, observable = random_circuit(rng, 6), random_observable(rng, 6)
    points = rng.normal(size=(3, circuit.num_parameters))
    tolerance = 1e-5 if options.get("precision") == "single" else 1e-10
    ours, cpu = get("aer:gpu", **options), get("aer")
    program, peer = ours.prepare(circuit, observable), cpu.prepare(circuit, observable)
    np.testing.assert_allclose(ours.expect(program, points).values, cpu.expect(peer, points).values, atol=tolerance)
    np.testing.assert_allclose(ours.gradient(program, points), cpu.gradient(peer, points), atol=tolerance)
    sampled = ours.sample(ours.prepare(circuit), points, shots=4000, rng=1).dense() / 4000
    exact = np.abs(states(circuit, points)) ** 2
    assert (np.abs(sampled - exact) < 5 * np.sqrt(exact * (1 - exact) / 4000) + 5 / 4000).all()


def states(circuit, points):
    backend = get("statevector")
    return backend.state(backend.prepare(circuit), points)


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.parametrize("n", bench.WIDTHS)
def test_wide_values_are_those_of_the_cpu(gpu, n, capsys):
    row = bench.compare(n, gpu, get("aer"), 1)
    with capsys.disabled():
        took = f"{row['first_ms']:.0f} ms / {row['second_ms']:.0f} ms"
        sys.stdout.write(f"\nn = {n}: CPU / GPU = {row['ratio']:.1f} ({took})\n")
    assert row["difference"] < 1e-9


def test_results_that_name_the_gpu_are_taken(stand_in):
    rng = np.random.default_rng(4)
    circuit, observable = random_circuit(rng, 3), random_observable(rng, 3)
    points = rng.normal(size=(2, circuit.num_parameters))
    backend, cpu = get("aer:gpu", cu_statevec=True), get("aer")
    assert backend.name == "aer:gpu"
    assert backend.capabilities.device == "GPU"
    assert backend.capabilities.num_qubits == 26  # 2**30 bytes, 16 for each amplitude
    values = backend.expect(backend.prepare(circuit, observable), points).values
    np.testing.assert_allclose(values, cpu.expect(cpu.prepare(circuit, observable), points).values, atol=1e-12)


@pytest.mark.parametrize("said", ["CPU", None])
def test_results_from_elsewhere_are_refused(stand_in, said):
    stand_in(said)
    circuit = efficient_su2(2, reps=1)
    backend = get("aer:gpu")
    with pytest.raises(ExecutionError, match=f"asked to run on the GPU, but says that it ran on: {said}"):
        backend.expect(backend.prepare(circuit, BELL), np.zeros((2, 8)))
    with pytest.raises(ExecutionError, match="asked to run on the GPU"):
        backend.sample(backend.prepare(circuit), np.zeros(8), shots=10, rng=0)


def test_a_device_that_fails_at_run_time_is_an_execution_error(stand_in, monkeypatch):
    def fails(self, circuits, noise_model, config):
        raise RuntimeError('Simulation device "GPU" is not supported on this system')

    monkeypatch.setattr(AerSimulator, "_execute_circuits", fails)
    backend = get("aer:gpu")
    with pytest.raises(ExecutionError, match='refused the run: Simulation device "GPU" is not supported'):
        backend.expect(backend.prepare(efficient_su2(2, reps=1), BELL), np.zeros(8))


def test_two_distributions_of_aer_are_told_apart(monkeypatch):
    versions = {"qiskit-aer": "0.18.2", "qiskit-aer-gpu": "0.18.1"}
    monkeypatch.setattr(install, "installed", lambda *names: versions)
    monkeypatch.setattr(AerSimulator, "available_devices", lambda self: ("CPU", "GPU"))
    message = r"qiskit-aer 0.18.2 and qiskit-aer-gpu 0.18.1 are installed and they overwrite each other's files"
    with pytest.raises(CapabilityError, match=message + r".*pip uninstall -y qiskit-aer qiskit-aer-gpu"):
        get("aer:gpu")


@pytest.mark.parametrize("driver", [True, False])
def test_the_advice_tells_a_missing_driver_from_a_missing_build(monkeypatch, driver):
    monkeypatch.setattr(install, "installed", lambda *names: {"qiskit-aer-gpu": "0.18.2"})
    monkeypatch.setattr(install, "has_driver", lambda: driver)
    wanted = "An NVIDIA driver is here" if driver else "No NVIDIA driver was found"
    assert "built for CUDA, but no CUDA device" in install.gpu_advice()
    assert wanted in install.gpu_advice()


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        (
            "NVIDIA H100, 80GB HBM3, 81559\nTesla T4, 15360\n",
            (("NVIDIA H100, 80GB HBM3", 81559 << 20), ("Tesla T4", 15360 << 20)),
        ),
        ("Tesla T4, [N/A]\n", ()),
        ("", ()),
    ],
)
def test_gpus_are_those_the_driver_lists(monkeypatch, tmp_path, printed, found):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{printed}END\n")
    tool.chmod(0o755)
    monkeypatch.setattr(install.shutil, "which", lambda name: str(tool))
    install.gpus.cache_clear()
    try:
        assert install.gpus() == found
        assert install.gpu_bytes() == max((size for _, size in found), default=0)
    finally:
        install.gpus.cache_clear()


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"cu_statevec": True}, ValueError, "`cu_statevec` must be False on a CPU, but it is True"),
        ({"batched_shots_gpu": True}, ValueError, "`batched_shots_gpu` must be False on a CPU"),
        ({"device": "GPU", "cu_statevec": 1}, TypeError, "`cu_statevec` must be True or False"),
        ({"blocking_qubits": 1}, ValueError, "`blocking_qubits` must be at least 2"),
        ({"blocking_qubits": 3, "method": "stabilizer"}, ValueError, "`blocking_qubits` must not be given"),
        ({"device": "GPU", "method": "stabilizer"}, ValueError, "`device` must not be given for the method stabilizer"),
        ({"device": "TPU"}, ValueError, "`device` must be one of 'CPU', 'GPU'"),
    ],
)
def test_options_that_do_not_go_together(options, kind, message):
    with pytest.raises(kind, match=message):
        AerOptions(**options)


def test_a_state_in_pieces_is_sampled_only():
    """Aer's expectation values of a state vector in pieces are wrong, and it says nothing; its counts are right."""
    rng = np.random.default_rng(5)
    circuit, observable = random_circuit(rng, 6, depth=5), random_observable(rng, 6)
    point = rng.normal(size=circuit.num_parameters)
    pieces = get("aer", blocking_qubits=4)
    assert (pieces.capabilities.exact, pieces.capabilities.gradient) == (False, None)
    program = pieces.prepare(circuit, observable)
    for ask in (pieces.expect, pieces.gradient, pieces.value_and_gradient):
        with pytest.raises(CapabilityError, match=r"in pieces cannot be trusted. Give `shots`"):
            ask(program, point)
    exact = np.abs(states(circuit, point)) ** 2
    sampled = pieces.sample(pieces.prepare(circuit), point, shots=20000, rng=1).dense() / 20000
    assert (np.abs(sampled - exact) < 5 * np.sqrt(exact * (1 - exact) / 20000) + 5 / 20000).all()
    whole = get("aer")
    value = whole.expect(whole.prepare(circuit, observable), point).values
    answer = pieces.expect(program, point, shots=4000, rng=2)
    assert (np.abs(answer.values - value) < 5 * answer.values_err).all()


def test_the_bench_says_why_it_measures_nothing():
    if there_is_one():
        pytest.skip("there is a GPU, and the bench takes its time")
    (row,) = bench.run()
    assert "Aer cannot use a GPU here" in row["what"]
