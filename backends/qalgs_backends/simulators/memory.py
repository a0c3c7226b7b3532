"""How much memory a simulation needs, and whether this machine has it."""

from __future__ import annotations

import math
import os
from pathlib import Path

from qalgs_backends.errors import CapabilityError

AMPLITUDE_BYTES = 16


def available_bytes() -> int:
    """Bytes that can be used now: what the operating system calls available, not what is installed."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" in names and "SC_PAGE_SIZE" in names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 4 << 30


def widest_state(available: int, copies: int, *, density: bool = False, amplitude: int = AMPLITUDE_BYTES) -> int:
    """Most qubits whose state, or density matrix, fits ``copies`` times into ``available`` bytes."""
    amplitudes = max(available // (copies * amplitude), 1)
    return int(math.log2(amplitudes)) // (2 if density else 1)


def require(needed: int, available: int, what: str) -> None:
    """Refuse before anything is allocated.

    Raises:
        CapabilityError: ``needed`` exceeds ``available``; both are named in bytes.
    """
    if needed > available:
        raise CapabilityError(f"{what} needs {needed} bytes of memory, but {available} bytes are available.")


def require_state(num_qubits: int, copies: int) -> None:
    """Refuse a circuit whose state does not fit ``copies`` times into what is available now.

    Raises:
        CapabilityError: it does not.
    """
    require(copies * AMPLITUDE_BYTES << num_qubits, available_bytes(), f"The exact simulation of {num_qubits} qubits")
