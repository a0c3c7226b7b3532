"""What is installed, and the command that installs what is missing."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed(*names: str) -> dict[str, str]:
    """Version of each distribution that is installed."""
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def gpu_advice() -> str:
    """Why Aer has no GPU here, and how it can get one."""
    found = installed("qiskit-aer", "qiskit-aer-gpu")
    listed = ", ".join(f"{name} {number}" for name, number in found.items()) or "neither distribution of Aer"
    if len(found) == 2:
        cause = "they overwrite each other's files; keep only the second"
    elif "qiskit-aer-gpu" in found:
        cause = "it is built for CUDA, but no CUDA device with a working driver was found"
    else:
        cause = "it is built for the CPU"
    return (
        f"Aer cannot use a GPU here: {listed} is installed and {cause}. "
        "On x86-64 Linux with a CUDA 12 driver: "
        "`pip uninstall -y qiskit-aer qiskit-aer-gpu`, then `pip install qiskit-aer-gpu`."
    )
