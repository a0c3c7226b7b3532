"""Which service a machine belongs to, by the machine's name. Vendors are imported when one is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from qalgs_backends.errors import CapabilityError
from qalgs_backends.jobs.remote import Remote


def connect(machine: str) -> Remote:
    """The service that runs ``machine``, with the account that is set up on this computer.

    Args:
        machine: such as ibm_fez.

    Raises:
        CapabilityError: no service is known for it, or its package is not installed.
        AuthError: the service refuses the account.
    """
    for prefix, factory in FACTORIES.items():
        if machine.startswith(prefix):
            return factory(machine)
    known = ", ".join(f"{prefix}..." for prefix in FACTORIES)
    raise CapabilityError(f"No service is known for the machine {machine!r}; there are services for {known}.")


def _ibm(machine: str) -> Remote:
    try:
        vendor = importlib.import_module("qalgs_backends.ibm.backend")
    except ImportError:
        raise CapabilityError('IBM machines need qiskit-ibm-runtime: `pip install "qalgs[ibm]"`.') from None
    return vendor.connect(machine)


FACTORIES: dict[str, Callable[[str], Remote]] = {"ibm_": _ibm}
"""How machines' names begin, and what makes their service."""
