"""``qalgs about``: what is installed here and what this machine can do, for bug reports."""

from __future__ import annotations

import platform

from qalgs.backends import AuthError, CapabilityError, accounts, get
from qalgs_backends.install import gpus, installed
from qalgs_backends.simulators.memory import available_bytes

_NEEDED = ("qalgs", "numpy", "scipy", "qiskit", "qiskit-aer", "pennylane", "pennylane-lightning")
_OPTIONAL = ("qiskit-aer-gpu", "qiskit-ibm-runtime", "mpi4py", "ray", "numba")


def about() -> None:
    """Print versions, memory, GPU and accounts; of an account its name, never its key."""
    facts = _versions() | {"memory": _memory(), "GPU": _gpu(), "IBM accounts": _accounts()}
    width = max(map(len, facts)) + 2
    for name, value in facts.items():
        print(f"{name:{width}}{value}")


def _versions() -> dict[str, str]:
    found = installed(*_NEEDED, *_OPTIONAL)
    shown = {name: found.get(name, "not installed") for name in (*_NEEDED, *_OPTIONAL)}
    return {"python": platform.python_version(), "platform": platform.platform()} | shown


def _memory() -> str:
    widths = ", ".join(f"{name} up to {get(name).capabilities.num_qubits} qubits" for name in ("statevector", "aer"))
    return f"{available_bytes() / 2**30:.1f} GiB available: {widths}"


def _gpu() -> str:
    listed = ", ".join(f"{name} ({size / 2**30:.0f} GiB)" for name, size in gpus()) or "none listed by a driver"
    try:
        width = get("aer:gpu").capabilities.num_qubits
    except CapabilityError as error:
        return f"{listed}; {error}"
    return f"{listed}; aer:gpu up to {width} qubits"


def _accounts() -> str:
    try:
        known = [f"{account.name}{' (default)' if account.default else ''}" for account in accounts()]
    except AuthError as error:
        return str(error)
    return ", ".join(known) or "none; add one with qalgs.backends.login()"
