"""Where the machines of Local SFGD are: in this process, on MPI ranks, or on Ray actors. All give the same numbers."""

from __future__ import annotations

import atexit
import functools
import sys
from typing import TYPE_CHECKING, Literal

from qalgs.tomo.engines.base import Engine as Engine
from qalgs.tomo.engines.base import Machine as Machine
from qalgs.tomo.engines.base import Reply as Reply
from qalgs.tomo.engines.base import RoundSpec as RoundSpec
from qalgs.tomo.engines.base import Session as Session
from qalgs.tomo.engines.inprocess import InProcessEngine as InProcessEngine
from qalgs.tomo.engines.mpi import MPIEngine as MPIEngine
from qalgs.tomo.engines.ray import RayEngine as RayEngine

EngineName = Literal["inprocess", "mpi", "ray"]
ENGINES: tuple[EngineName, ...] = ("inprocess", "mpi", "ray")

if TYPE_CHECKING:
    EngineLike = EngineName | Engine
else:
    EngineLike = EngineName  # the command line makes a flag of this, and can name engines but not build them


def get_engine(engine: EngineLike) -> Engine:
    """The engine itself, or the one of that name, which lives until the process ends: starting Ray takes seconds.

    On an MPI rank above 0, "mpi" serves the driver and then ends the process.

    Raises:
        CapabilityError: what the engine needs is not installed.
    """
    return _shared(engine) if isinstance(engine, str) else engine


@functools.cache
def _shared(name: EngineName) -> Engine:
    engine = {"inprocess": InProcessEngine, "mpi": _driver, "ray": RayEngine}[name]()
    atexit.register(engine.close)
    return engine


def _driver() -> MPIEngine:
    from qalgs.tomo.engines.launch import check_size
    from qalgs.tomo.engines.mpi import serve, world

    comm = world()
    check_size(comm.size)
    if comm.rank > 0:
        serve()
        sys.exit(0)
    return MPIEngine()
