"""Names, options, and what importing costs."""

import subprocess
import sys

import pytest
from qiskit.providers.fake_provider import GenericBackendV2

import qalgs_backends
from qalgs_backends import Backend, CapabilityError, as_backend, get


@pytest.mark.parametrize(
    "name", ["statevector", "lightning", "aer", "aer:mps", "aer:density_matrix", "aer:stabilizer", "noisy:fake_manila"]
)
def test_names(name):
    backend = get(name)
    assert isinstance(backend, Backend)
    assert backend.name == name
    assert get(backend) is backend
    assert as_backend(backend) is backend


def test_a_qiskit_device_is_simulated_with_its_noise():
    backend = get(GenericBackendV2(3, seed=1))
    assert backend.capabilities.noise
    assert backend.name.startswith("noisy:")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("aar", "must be one of statevector, lightning, aer, aer:mps.*but it is 'aar'; did you mean 'aer'"),
        ("noisy:fake_fes", "but it is 'noisy:fake_fes'; did you mean 'noisy:fake_fez'"),
        ("noisy:fake_fez[0,]", "must have the form"),
        ("ibm:", 'must have the form "ibm:<machine>"'),
        ("lightening", "did you mean 'lightning'"),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(ValueError, match=message):
        get(name)


def test_things_that_are_no_backend():
    with pytest.raises(TypeError, match="Argument `backend` must be a name, a Backend, a Calibration or a Qiskit"):
        get(3)


def test_aer_itself_is_pointed_to_its_name():
    from qiskit_aer import AerSimulator

    with pytest.raises(ValueError, match='use "aer"'):
        get(AerSimulator())


@pytest.mark.parametrize(
    ("name", "options", "kind", "message"),
    [
        ("aer", {"shot": 3}, ValueError, "Argument `options` must be among .*'shot' is given"),
        ("aer", {"seed_simulator": 3}, ValueError, "'seed_simulator' is given"),
        ("statevector", {"precision": "single"}, ValueError, r"\(none\), but 'precision' is given"),
        ("aer", {"precision": "half"}, ValueError, "`precision` must be one of 'double', 'single'"),
        ("aer", {"max_memory_mb": True}, TypeError, "`max_memory_mb` must be an integer"),
        ("aer", {"max_memory_mb": 0}, ValueError, "`max_memory_mb` must be at least 1"),
        ("aer", {"max_parallel_threads": -1}, ValueError, "`max_parallel_threads` must be at least 0"),
        ("noisy:fake_manila", {"method": "statevector"}, ValueError, "'method' is given"),
        ("noisy:fake_manila", {"qubits": (0, 0)}, ValueError, "`qubits` must be distinct and within 0 to 4"),
        ("noisy:fake_manila", {"qubits": (0, 9)}, ValueError, "`qubits` must be distinct and within 0 to 4"),
        ("noisy:fake_manila", {"qubits": ()}, ValueError, "`qubits` must name at least one"),
        ("noisy:fake_manila[0,1]", {"qubits": (2,)}, ValueError, "`qubits` must be given once"),
    ],
)
def test_options_are_checked(name, options, kind, message):
    with pytest.raises(kind, match=message):
        get(name, **options)


def test_gpu_is_never_replaced_silently():
    from qiskit_aer import AerSimulator

    if "GPU" in AerSimulator().available_devices():
        assert get("aer:gpu").capabilities.device == "GPU"
    else:
        with pytest.raises(CapabilityError, match=r"qiskit-aer.*is installed.*pip install qiskit-aer-gpu"):
            get("aer:gpu")


def test_missing_fake_devices_come_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    with pytest.raises(CapabilityError, match=r'pip install "qalgs\[ibm\]"'):
        get("noisy:fake_fez")


def test_importing_imports_no_vendor():
    code = (
        "import sys, qalgs_backends; qalgs_backends.get('statevector');"
        "print([v for v in ('qiskit_aer', 'qiskit_ibm_runtime', 'pennylane') if v in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_face_shows_the_same_names():
    from qalgs import backends

    public = [name for name in vars(backends) if not name.startswith("_")]
    assert all(getattr(backends, name) is getattr(qalgs_backends, name) for name in public)
    assert {"get", "Backend", "Program", "CapabilityError", "Cost"} <= set(public)
