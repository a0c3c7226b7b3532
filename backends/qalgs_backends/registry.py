"""Names of backends. Vendors are imported by the factory that needs them, not before."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from qiskit.providers import BackendV2

from qalgs_backends.base import Backend
from qalgs_backends.checks import argument
from qalgs_backends.devices.calibration import Calibration
from qalgs_backends.errors import CapabilityError

BackendLike = str | Backend | BackendV2 | Calibration
"""What a `backend` argument may be."""

_NOISY = re.compile(r"noisy:(?P<device>[a-z0-9_]+|.+\.json(\.gz)?)(\[(?P<qubits>\d+(,\d+)*)\])?")


def get(backend: BackendLike, **options: Any) -> Backend:
    """A backend by name, from a Qiskit device, or as it is.

    Args:
        backend: "statevector"; "lightning"; "aer", "aer:mps", "aer:density_matrix", "aer:stabilizer", "aer:gpu";
            "noisy:fake_fez" for any fake device of qiskit-ibm-runtime, "noisy:fake_fez[0,1,2]" to fix the
            qubits, "noisy:FILE.json.gz" for a saved ``Calibration``; "ibm:ibm_fez" for a quantum computer of IBM, with
            the account that is set up on this computer; a Calibration or a Qiskit BackendV2, whose noise is then
            simulated; or a Backend, which is returned.
        options: those of the backend; others are refused. "aer...": precision, max_memory_mb, max_parallel_threads,
            cu_statevec, batched_shots_gpu and blocking_qubits of ``AerOptions``. "noisy:...", and devices: qubits,
            idle (True: qubits decay while they wait), seed_transpiler and max_parallel_threads. "ibm:...": instance,
            account, budget_seconds, options (``IBMOptions``) and store.

    Raises:
        TypeError: ``backend`` is none of these, or an option is of the wrong kind.
        ValueError: the name is not known (close ones are suggested), or an option is unknown or out of range.
        CapabilityError: something it needs is not installed or not on this machine.
        AuthError: a service refuses the account.

    Example:
        >>> get("statevector").name
        'statevector'
    """
    if isinstance(backend, str):
        return _by_name(backend, options)
    if isinstance(backend, BackendV2 | Calibration):
        return _from_device(backend, options)
    if isinstance(backend, Backend):
        _refuse(options, ())
        return backend
    must = "be a name, a Backend, a Calibration or a Qiskit BackendV2"
    raise TypeError(argument("backend", must, f"it is a {type(backend).__name__}"))


def as_backend(backend: BackendLike) -> Backend:
    """``get`` without options, for functions that take ``backend`` as an argument."""
    return get(backend)


def _by_name(name: str, options: dict[str, Any]) -> Backend:
    if name in _FACTORIES:
        return _FACTORIES[name](options)
    if name.startswith("noisy:"):
        return _noisy(name, options)
    if name.startswith("ibm:"):
        return _ibm(name, options)
    close = difflib.get_close_matches(name, [*_FACTORIES, "noisy:fake_fez", "ibm:ibm_fez"], n=3)
    raise ValueError(_unknown(name, [*_FACTORIES, "noisy:<fake device>", "ibm:<machine>"], close))


def _statevector(options: dict[str, Any]) -> Backend:
    from qalgs_backends.simulators.statevector import StatevectorBackend

    _refuse(options, ())
    return StatevectorBackend()


def _aer(method: Any, device: Any, options: dict[str, Any]) -> Backend:
    from qalgs_backends.simulators.aer import AerBackend
    from qalgs_backends.simulators.aer_options import AerOptions

    _refuse(options, tuple(f.name for f in fields(AerOptions) if f.name not in ("method", "device")))
    return AerBackend(AerOptions(method, device, **options))


def _lightning(options: dict[str, Any]) -> Backend:
    from qalgs_backends.simulators.lightning import LightningBackend

    _refuse(options, ())
    return LightningBackend()


_FACTORIES: dict[str, Callable[[dict[str, Any]], Backend]] = {
    "statevector": _statevector,
    "lightning": _lightning,
    "aer": lambda options: _aer("statevector", "CPU", options),
    "aer:mps": lambda options: _aer("matrix_product_state", "CPU", options),
    "aer:density_matrix": lambda options: _aer("density_matrix", "CPU", options),
    "aer:stabilizer": lambda options: _aer("stabilizer", "CPU", options),
    "aer:gpu": lambda options: _aer("statevector", "GPU", options),
}


def _noisy(name: str, options: dict[str, Any]) -> Backend:
    parts = _NOISY.fullmatch(name)
    if parts is None:
        must = 'have the form "noisy:<fake device or calibration file>", with "[0,1,2]" to fix the qubits,'
        raise ValueError(argument("backend", must, f"it is {name!r}"))
    if parts["qubits"] is not None:
        if "qubits" in options:
            raise ValueError(argument("qubits", "be given once", f"it is in the name {name!r} as well"))
        options = {**options, "qubits": tuple(int(q) for q in parts["qubits"].split(","))}
    return _from_device(_device(parts["device"]), options)


def _ibm(name: str, options: dict[str, Any]) -> Backend:
    from qalgs_backends.ibm.backend import IBMBackend

    machine = name.removeprefix("ibm:")
    if not re.fullmatch(r"\w+", machine):
        must = 'have the form "ibm:<machine>", such as "ibm:ibm_fez",'
        raise ValueError(argument("backend", must, f"it is {name!r}"))
    _refuse(options, ("instance", "account", "budget_seconds", "options", "store"))
    return IBMBackend(machine, **options)


def _device(device: str) -> BackendV2 | Calibration:
    if device.endswith((".json", ".json.gz")):
        return Calibration.load(device)
    return fake_device(device, prefix="noisy:")


def fake_device(name: str, *, prefix: str = "") -> BackendV2:
    """A fake device of qiskit-ibm-runtime.

    Args:
        name: such as fake_fez.
        prefix: that names carry in messages.

    Raises:
        ValueError: there is none of that name; close ones are suggested.
        CapabilityError: qiskit-ibm-runtime is not installed.
    """
    fakes = _fake_devices()
    if name not in fakes:
        close = difflib.get_close_matches(name, fakes, n=3)
        known = [f"{prefix}<fake device>"] if close else [f"{prefix}{key}" for key in fakes]
        raise ValueError(_unknown(f"{prefix}{name}", known, [f"{prefix}{key}" for key in close]))
    return fakes[name]()


def _from_device(device: BackendV2 | Calibration, options: dict[str, Any]) -> Backend:
    if type(device).__module__.partition(".")[0] == "qiskit_aer":
        raise ValueError(argument("backend", 'be a device; use "aer" for Aer itself', f"it is {device!r}"))
    from qalgs_backends.simulators.noise import NoisyBackend

    _refuse(options, ("qubits", "idle", "seed_transpiler", "max_parallel_threads"))
    return NoisyBackend(device, **options)


def _fake_devices() -> dict[str, Callable[[], BackendV2]]:
    """Fake devices by name, such as fake_fez."""
    try:
        from qiskit_ibm_runtime import fake_provider
    except ImportError:
        raise CapabilityError('Fake devices need qiskit-ibm-runtime: `pip install "qalgs[ibm]"`.') from None
    found = (getattr(fake_provider, key) for key in dir(fake_provider) if key.startswith("Fake"))
    kinds = [kind for kind in found if isinstance(kind, type) and issubclass(kind, BackendV2)]
    named = {getattr(kind, "backend_name", None): kind for kind in kinds}
    return {str(name): kind for name, kind in sorted(named.items(), key=lambda item: str(item[0])) if name}


def _refuse(options: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in options:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise ValueError(argument("options", f"be among those of this backend ({listed})", f"{name!r} is given"))


def _unknown(name: str, known: list[str], close: list[str]) -> str:
    hint = f"; did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
    return argument("backend", f"be one of {', '.join(known)}", f"it is {name!r}{hint}").replace("?.", "?")
