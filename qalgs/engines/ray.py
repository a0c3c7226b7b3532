"""Workers on Ray actors: the elastic engine. An actor that is lost comes back, and the lost round is run again.

An actor keeps nothing that it could not rebuild: each round names the tasks in Ray's object store, so a restarted
actor builds its workers again, and as answers depend on nothing else the numbers are as if nothing was lost.
"""

from __future__ import annotations

import importlib
import logging
import os
from typing import Any

from qalgs.backends import CapabilityError
from qalgs.engines.base import Host, Reply
from qalgs.engines.pool import Pool

_RESTARTS = 5
_GRACE = 2.0
_START = 60.0


class RayEngine(Pool):
    """Actors on a Ray cluster, one core each: at most one per worker and per core.

    Args:
        address: of a running cluster ("auto" for the one on this node, "ray://host:10001" for a client); None joins
            the cluster this process is connected to, or that RAY_ADDRESS names, or starts one on this computer.

    Raises:
        CapabilityError: Ray is missing; when tasks are placed: there is no cluster at ``address``.
    """

    def __init__(self, address: str | None = None) -> None:
        super().__init__()
        self._ray = _ray()
        self._address = address
        self._connected = False
        self._actors: list[Any] = []
        self._tasks: dict[tuple[int, int], Any] = {}
        self._asked: dict[Any, int] = {}
        self._dropped: list[Any] = []

    def __repr__(self) -> str:
        return f"RayEngine({self._address!r})"

    def hosts(self, workers: int) -> int:
        """The actors for so many workers; those that are missing are started, as far as there are free cores.

        Raises:
            CapabilityError: no core of the cluster became free within a minute.
        """
        self._connect()
        wanted = max(1, min(workers, int(self._ray.cluster_resources().get("CPU", 1))))
        actor = self._ray.remote(num_cpus=1, max_restarts=_RESTARTS, max_task_retries=_RESTARTS)(_Actor)
        started = {made.pid.remote(): made for made in (actor.remote() for _ in range(wanted - len(self._actors)))}
        if started:
            ready, waiting = self._ray.wait(list(started), num_returns=len(started), timeout=_START)
            self._actors += [started[future] for future in ready]
            for future in waiting:  # an actor that has no core would be waited for without end
                self._ray.kill(started[future])
        if not self._actors:
            raise CapabilityError(f"Every core of the Ray cluster was taken for {_START:g} s: no worker could start.")
        return min(workers, len(self._actors))

    def place_on(self, host: int, session: int, tasks: list[Any]) -> None:
        """Put the tasks of ``host`` into the object store."""
        self._tasks[host, session] = self._ray.put(tasks)

    def send(self, host: int, session: int, messages: list[Any], spec: Any) -> None:
        """Ask ``host`` for a round."""
        future = self._actors[host].round.remote(session, [self._tasks[host, session]], messages, spec)
        self._asked[future] = host

    def next_answer(self, timeout: float | None) -> tuple[int, Any] | None:
        """The next actor that answers."""
        ready, _ = self._ray.wait(list(self._asked), num_returns=1, timeout=timeout)
        if not ready:
            return None
        host = self._asked.pop(ready[0])
        try:
            return host, self._ray.get(ready[0])
        except self._ray.exceptions.RayTaskError as error:
            return host, f"A worker failed: {error.cause!r}."
        except self._ray.exceptions.RayError as error:
            return host, f"A worker was lost {_RESTARTS} times: {str(error).splitlines()[0]}"

    def drop(self, host: int, session: int) -> None:
        """Free the tasks of ``host``."""
        self._tasks.pop((host, session), None)
        if self._ray.is_initialized():
            self._dropped.append(self._actors[host].drop.options(max_task_retries=0).remote(session))

    def close(self) -> None:
        """End the actors, and the cluster if this engine started it or connected to it."""
        if self._ray.is_initialized():
            if self._dropped:  # an actor that is killed with something left to do is reported as lost
                self._ray.wait(self._dropped, num_returns=len(self._dropped), timeout=_GRACE)
            for actor in self._actors:
                self._ray.kill(actor)
            if self._connected:
                self._ray.shutdown()
        self._actors, self._dropped, self._connected = [], [], False
        self._tasks, self._asked, self.busy = {}, {}, {}

    def pids(self) -> list[int]:
        """The process of each actor."""
        return self._ray.get([actor.pid.remote() for actor in self._actors])

    def _connect(self) -> None:
        if self._ray.is_initialized():
            return
        self._actors, self._connected = [], True
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        address = self._address or os.environ.get("RAY_ADDRESS", "local")
        local = {"include_dashboard": False} if address == "local" else {}
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **local)
        except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
            self._connected = False
            raise CapabilityError(f"There is no Ray cluster at {address!r}: {error}") from None


class _Actor:
    """The workers of one actor; rebuilt from the object store when they are not there."""

    def __init__(self) -> None:
        self._host = Host()

    def round(self, session: int, tasks: list[Any], messages: list[Any], spec: Any) -> list[Reply]:
        if not self._host.holds(session):
            self._host.place(session, _ray().get(tasks[0]))
        return self._host.round(session, messages, spec)

    def drop(self, session: int) -> None:
        self._host.drop(session)

    def pid(self) -> int:
        return os.getpid()


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise CapabilityError(f'The engine "ray" needs Ray ({error}): pip install "qalgs[ray]"') from None
