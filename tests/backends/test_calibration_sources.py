"""Calibrations of fake devices and of the service: kept as they are, small, quick, and only where they are told."""

import copy
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import qiskit_ibm_runtime
from qiskit.circuit import QuantumCircuit

from qalgs_backends import Calibration, CapabilityError, get
from qalgs_backends.registry import fake_device
from tests.backends.ibm_rehearsal import *  # noqa: F403

FAKES = ("fake_manila", "fake_fez", "fake_sherbrooke", "fake_kyoto")
BYTES = 100_000
SECONDS = 1.0


def check_kept(calibration, folder):
    """Saved, loaded and found again, without change."""
    path = calibration.save(folder)
    loaded = Calibration.load(path)
    assert loaded == calibration == Calibration.latest(folder, calibration.device)
    assert loaded.digest == calibration.digest
    assert path.name.endswith(f"-{calibration.digest[:12]}.json.gz")
    assert path.stat().st_size <= BYTES
    assert datetime.fromisoformat(loaded.calibrated_at).utcoffset() == timedelta(0)
    return path


@pytest.mark.parametrize("name", FAKES)
def test_fake_devices(name, tmp_path):
    device = fake_device(name)
    began = time.perf_counter()
    check_kept(Calibration.from_backend(device), tmp_path)
    assert time.perf_counter() - began < SECONDS


def test_a_device_without_a_usable_coupler():
    with pytest.raises(CapabilityError, match="no usable coupler: each of its 144"):
        get(fake_device("fake_kyoto"))


def test_the_service(backend, server, tmp_path):
    """A refresh after a new calibration leaves the old file as it is, and changes nothing that is installed."""
    library = Path(qiskit_ibm_runtime.__file__).parent / "fake_provider"
    installed = snapshot(library)
    old, properties = backend.calibration, copy.deepcopy(server.properties)
    first = check_kept(old, tmp_path)
    kept = snapshot(tmp_path)
    server.properties["qubits"][0][0]["value"] /= 2
    server.properties["last_update_date"] = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    try:
        began = time.perf_counter()
        backend.refresh()
        second = check_kept(backend.calibration, tmp_path)
        assert time.perf_counter() - began < SECONDS
    finally:
        server.properties.clear()
        server.properties.update(properties)
    assert backend.calibration.qubits[0].t1 == pytest.approx(old.qubits[0].t1 / 2)
    assert second != first
    assert Calibration.load(first) == old
    assert {name: facts for name, facts in snapshot(tmp_path).items() if name in kept} == kept
    assert snapshot(library) == installed
    assert server.count("POST") == 0


def test_the_service_gives_what_the_fake_device_gives(backend):
    fake, served = Calibration.from_backend(fake_device("fake_manila")), backend.calibration
    assert served.dead_qubits == fake.dead_qubits
    assert served.couplers == fake.couplers
    assert [q.readout_error for q in served.qubits] == [q.readout_error for q in fake.qubits]
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    assert backend.fidelity_map(circuit).layout() == get("noisy:fake_manila").fidelity_map(circuit).layout()


def snapshot(folder):
    """Size and time of every file."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}
