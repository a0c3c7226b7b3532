"""Where the workers of a distributed algorithm are: in this process, on MPI ranks, or on Ray actors.

All engines give the same numbers, so an algorithm is written once, against ``Engine``.
"""

from __future__ import annotations

import atexit
import functools
import sys
from typing import TYPE_CHECKING, Literal

from qalgs.checks import argument, one_of, real
from qalgs.engines.base import Engine as Engine
from qalgs.engines.base import Reply as Reply
from qalgs.engines.base import Session as Session
from qalgs.engines.base import Task as Task
from qalgs.engines.base import Worker as Worker
from qalgs.engines.inprocess import InProcessEngine as InProcessEngine
from qalgs.engines.mpi import MPIEngine as MPIEngine
from qalgs.engines.ray import RayEngine as RayEngine

EngineName = Literal["inprocess", "mpi", "ray"]
ENGINES: tuple[EngineName, ...] = ("inprocess", "mpi", "ray")

if TYPE_CHECKING:
    EngineLike = EngineName | Engine
else:
    EngineLike = EngineName  # the command line makes a flag of this, and can name engines but not build them


def check_engine(engine: EngineLike, deadline: float | None) -> None:
    """See that a method's settings ``engine`` and ``deadline`` go together.

    Raises:
        TypeError: the deadline is no number.
        ValueError: there is no such engine, or the deadline is out of range.
    """
    if isinstance(engine, str):
        one_of(engine, "engine", ENGINES)
    if deadline is not None:
        real(deadline, "deadline", above=0)
        if engine == "inprocess":
            raise ValueError(argument("deadline", "be None in one process", "workers in turn are never late"))


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
    from qalgs.engines.launch import check_size
    from qalgs.engines.mpi import serve, world

    comm = world()
    check_size(comm.size)
    if comm.rank > 0:
        serve()
        sys.exit(0)
    return MPIEngine()
