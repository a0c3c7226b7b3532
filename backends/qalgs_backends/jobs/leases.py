"""Names of programs that hold a lease, by which others on the same computer see that one has died."""

from __future__ import annotations

import os
import platform
import uuid
from pathlib import Path


def new_owner() -> str:
    """A name for one undertaking of this process."""
    return f"{_place()}|{os.getpid()}|{uuid.uuid4().hex}"


def is_alive(owner: str) -> bool:
    """False when ``owner`` is certainly dead: it ran on this computer, and its process is gone."""
    place, pid, _ = owner.rsplit("|", 2)
    # On Windows, the call that asks for a process ends it.
    if os.name != "posix" or place != _place():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _place() -> str:
    """This computer; within containers, process ids count from one in each, and so the container belongs to it."""
    namespace = Path("/proc/self/ns/pid")
    return f"{platform.node()}{namespace.readlink() if namespace.is_symlink() else ''}"
