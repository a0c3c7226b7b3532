"""A calibration is the same wherever it comes from, and never changes once it is saved."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends import Calibration, get


def fake(name):
    fake_provider = pytest.importorskip("qiskit_ibm_runtime.fake_provider")
    return getattr(fake_provider, name)()


@pytest.mark.parametrize("name", ["FakeManilaV2", "FakeFez"])
def test_save_and_load_are_the_identity(name, tmp_path):
    calibration = Calibration.from_backend(fake(name))
    path = calibration.save(tmp_path)
    assert Calibration.load(path) == calibration
    assert Calibration.load(path).digest == calibration.digest
    assert Calibration.latest(tmp_path, calibration.device) == calibration
    assert path.stat().st_size <= 100_000
    before = path.stat().st_mtime_ns
    assert calibration.save(tmp_path) == path
    assert path.stat().st_mtime_ns == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_dates_are_utc():
    calibration = Calibration.from_backend(fake("FakeFez"))
    assert calibration.calibrated_at == "2025-02-26T20:16:25+00:00"  # the device says 15:16:25-05:00
    assert calibration.age_days(datetime(2025, 2, 28, 20, 16, 25, tzinfo=UTC)) == pytest.approx(2)


def test_usable_parts_of_a_device_with_dead_couplers():
    calibration = Calibration.from_backend(fake("FakeFez"))
    assert sum(len(gate.qubits) == 2 for gate in calibration.gates) == 352
    assert sum(len(gate.qubits) == 2 for gate in calibration.usable_gates) == 338
    assert len(calibration.couplers) == 169
    assert all(a < b and error < 0.5 for (a, b), error in calibration.couplers.items())
    assert not Calibration.from_backend(fake("FakeKyoto")).couplers


def test_a_newer_calibration_does_not_replace_an_older_one(tmp_path):
    old = Calibration.from_backend(fake("FakeManilaV2"))
    new = replace(old, calibrated_at="2030-01-01T00:00:00+00:00")
    paths = {old.save(tmp_path), new.save(tmp_path)}
    assert len(paths) == 2
    assert Calibration.latest(tmp_path, old.device) == new
    assert Calibration.latest(tmp_path, "elsewhere") is None


def test_of_calibrations_with_one_date_the_last_saved_is_the_latest(tmp_path):
    """Their digests, which order the names of the files, say nothing."""
    dated = Calibration.from_backend(fake("FakeManilaV2"))
    for at in (None, dated.calibrated_at):
        for dt in (1e-9, 2e-9, 3e-9, 1.5e-9):
            last = replace(dated, calibrated_at=at, dt=dt)
            last.save(tmp_path)
            assert Calibration.latest(tmp_path, dated.device) == last
    replace(dated, calibrated_at=None, dt=4e-9).save(tmp_path)
    assert Calibration.latest(tmp_path, dated.device) == last


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`path` must name a calibration file, but there is no file .*absent"):
        Calibration.load(tmp_path / "absent.json")


def test_the_file_gives_the_same_noise_as_the_device(tmp_path):
    device = fake("FakeManilaV2")
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    observable = SparsePauliOp(["ZZI", "XXX", "IYY"])
    path = Calibration.from_backend(device).save(tmp_path)
    values = []
    for backend in (get(device), get(f"noisy:{path}"), get(Calibration.load(path))):
        values.append(backend.expect(backend.prepare(circuit, observable)).values[0, 0])
    np.testing.assert_allclose(values, values[0], atol=1e-14)
    assert get(f"noisy:{path}[1,2,3]").prepare(circuit, observable).layout == (1, 2, 3)


def test_a_generic_device_without_dates():
    calibration = Calibration.from_backend(GenericBackendV2(3, seed=1))
    assert calibration.calibrated_at is None
    assert calibration.age_days() is None
    assert calibration.num_qubits == 3
    assert calibration.qubits[0].readout_error > 0


def test_a_file_that_was_changed_is_refused(tmp_path):
    path = Calibration.from_backend(fake("FakeManilaV2")).save(tmp_path)
    facts = json.loads(gzip.decompress(path.read_bytes()))
    facts["qubits"][0]["t1"] = 1.0
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=r"changed.json has been changed"):
        Calibration.load(changed)
    changed.write_text(json.dumps(facts | {"schema": "other"}))
    with pytest.raises(ValueError, match="its schema is 'other'"):
        Calibration.load(changed)
    changed.write_text("[]")
    with pytest.raises(ValueError, match=r"hold a qalgs.calibration/1"):
        Calibration.load(changed)
    with pytest.raises(FileNotFoundError):
        get(f"noisy:{tmp_path / 'absent.json'}")
