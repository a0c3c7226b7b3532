"""What is installed, and the command that installs what is missing."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_AER = ("qiskit-aer", "qiskit-aer-gpu")
_SECONDS = 10.0


def installed(*names: str) -> dict[str, str]:
    """Version of each distribution that is installed."""
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def aer_clash() -> bool:
    """Whether two distributions of Aer are installed: they hold the same files, and one has overwritten the other."""
    return len(installed(*_AER)) == len(_AER)


def gpu_advice() -> str:
    """Why Aer has no GPU here, and how it can get one."""
    found = installed(*_AER)
    listed = " and ".join(f"{name} {number}" for name, number in found.items()) or "neither distribution of Aer"
    if aer_clash():
        cause = "they overwrite each other's files; keep only the second"
    elif "qiskit-aer-gpu" in found:
        cause = "it is built for CUDA, but no CUDA device with a working driver was found"
    else:
        cause = "it is built for the CPU"
    driver = "An NVIDIA driver is here" if has_driver() else "No NVIDIA driver was found"
    return (
        f"Aer cannot use a GPU here: {listed} {'are' if len(found) > 1 else 'is'} installed and {cause}. {driver}. "
        "On x86-64 Linux with a CUDA 12 driver: "
        "`pip uninstall -y qiskit-aer qiskit-aer-gpu`, then `pip install qiskit-aer-gpu`."
    )


def has_driver() -> bool:
    """Whether NVIDIA's driver library can be loaded."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


@cache
def gpus() -> tuple[tuple[str, int], ...]:
    """Name and bytes of memory of every GPU that NVIDIA's driver lists; none where there is no such driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=_SECONDS, check=True)
        rows = [line.rsplit(",", 1) for line in done.stdout.splitlines() if line.strip()]
        return tuple((name.strip(), int(mebibytes) << 20) for name, mebibytes in rows)
    except (OSError, ValueError, subprocess.SubprocessError):
        return ()


def gpu_bytes() -> int:
    """Memory of the largest GPU; 0 where none is listed."""
    return max((size for _, size in gpus()), default=0)
