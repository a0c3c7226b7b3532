"""IBM accounts: which there are, how one is added, and how their keys stay out of everything that is written.

Accounts are those of IBM's own client library: environment variables or its file ~/.qiskit/qiskit-ibm.json. The library
writes that file for everyone to read; ``login`` closes it to others. Nothing here returns, prints or logs a key.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qalgs_backends.checks import argument
from qalgs_backends.errors import AuthError, CapabilityError

_REMOVED = "[removed]"
_SECRETS = (
    re.compile(r"(?i)(?<=bearer )[^\s'\",]+"),
    re.compile(r"(?i)(?<=apikey[ =:])[^\s'\",&]+"),
    re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*"),
)
_TALKERS = (
    "qiskit_ibm_runtime",
    "ibm_cloud_sdk_core",
    "ibm-cloud-sdk-core",
    "ibm_platform_services",
    "urllib3",
    "requests",
    "qalgs",
)
ENVIRONMENT = "environment"


@dataclass(frozen=True)
class Account:
    """An account without its key."""

    name: str
    """In the client's file; "environment" for the one in the environment variables."""
    channel: str
    instance: str | None
    """Name or CRN of the service instance; None lets the service choose."""
    source: Literal["environment", "file"]
    default: bool = False
    """Whether it is marked as the default in the file."""


class RedactSecrets(logging.Filter):
    """Takes keys and bearer tokens out of log records."""

    def __init__(self, *keys: str) -> None:
        """Look for these keys besides everything that has the form of a token."""
        super().__init__()
        self._keys = tuple(key for key in keys if key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._keys)} keys)"

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's message; every record passes."""
        text = record.getMessage()
        clean = self.clean(text)
        if clean != text:
            record.msg, record.args = clean, ()
        return True

    def clean(self, text: str) -> str:
        """``text`` without keys and tokens."""
        for key in self._keys:
            text = text.replace(key, _REMOVED)
        for pattern in _SECRETS:
            text = pattern.sub(_REMOVED, text)
        return text


def accounts() -> tuple[Account, ...]:
    """The accounts on this machine, the one in the environment first.

    Raises:
        AuthError: the client's file cannot be read.
    """
    found = [Account(name, *_facts(entry), "file", _is_default(entry)) for name, entry in _entries().items()]
    if os.environ.get("QISKIT_IBM_TOKEN"):
        channel = os.environ.get("QISKIT_IBM_CHANNEL", "ibm_quantum_platform")
        found.insert(0, Account(ENVIRONMENT, channel, os.environ.get("QISKIT_IBM_INSTANCE"), ENVIRONMENT))
    return tuple(found)


def chosen(name: str | None) -> Account:
    """The account of that name; for None the one the client library would take.

    Raises:
        AuthError: there is none; what there is, is listed.
    """
    known = accounts()
    if name is None:
        picked = sorted(known, key=lambda a: (a.source != ENVIRONMENT, not a.default, not a.name.startswith("default")))
    else:
        picked = [account for account in known if account.name == name]
    if not picked:
        listed = ", ".join(account.name for account in known) or "none"
        wanted = "No IBM account was found" if name is None else f"There is no IBM account {name!r}"
        raise AuthError(f"{wanted} (known: {listed}). Add one with `qalgs.backends.login()`.")
    return picked[0]


def login(
    name: str = "default-ibm-quantum-platform",
    *,
    instance: str | None = None,
    default: bool = True,
    overwrite: bool = False,
) -> Account:
    """Save an account in the client's file, for this user's eyes only.

    The key comes from the variable QISKIT_IBM_TOKEN or is asked for without being shown.

    Args:
        name: for the account.
        instance: name or CRN of the service instance; naming it saves requests, and a choice between a free and a
            paid plan.
        default: whether it becomes the default account.
        overwrite: whether an account of that name may be replaced.

    Raises:
        ValueError: the key is empty, or the account exists and may not be replaced.
        CapabilityError: qiskit-ibm-runtime is not installed.
    """
    if name in _entries() and not overwrite:
        raise ValueError(argument("name", "be new unless `overwrite` is True", f"there is an account {name!r}"))
    key = os.environ.get("QISKIT_IBM_TOKEN") or getpass.getpass("IBM Quantum API key: ")
    if not key.strip():
        raise ValueError(argument("key", "not be empty", "nothing was entered"))
    service = _client_class()
    path = _private_file()
    service.save_account(
        token=key.strip(),
        instance=instance,
        name=name,
        channel="ibm_quantum_platform",
        filename=str(path),
        overwrite=True,
        set_as_default=default or None,
    )
    path.chmod(0o600)
    return next(account for account in accounts() if account.name == name and account.source == "file")


def account_file() -> Path:
    """The client's file."""
    return Path.home() / ".qiskit" / "qiskit-ibm.json"


def redact_logs(*keys: str) -> RedactSecrets:
    """Filter the loggers of the client and of the libraries below it, and return the filter."""
    redactor = RedactSecrets(*keys)
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in _TALKERS]
    # A filter sees the records of its own logger only, not those of the loggers below.
    for name in {*names, *_TALKERS}:
        logger = logging.getLogger(name)
        for old in [f for f in logger.filters if isinstance(f, RedactSecrets) and set(f._keys) <= set(keys)]:
            logger.removeFilter(old)
        logger.addFilter(redactor)
    return redactor


def _entries() -> dict[str, dict[str, Any]]:
    path = account_file()
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text("utf-8"))
        return {str(name): dict(entry) for name, entry in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        # The error's own words could quote the file.
        raise AuthError(f"The account file {path} cannot be read ({type(error).__name__}).") from None


def _facts(entry: dict[str, Any]) -> tuple[str, str | None]:
    return str(entry.get("channel", "ibm_quantum_platform")), entry.get("instance")


def _is_default(entry: dict[str, Any]) -> bool:
    return bool(entry.get("is_default_account"))


def _private_file() -> Path:
    """The client's file, closed to others before anything is written."""
    path = account_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        path.chmod(0o600)
    else:
        path.touch(mode=0o600, exist_ok=False)
        path.write_text("{}", encoding="utf-8")
    return path


def _client_class() -> Any:
    try:
        from qiskit_ibm_runtime import QiskitRuntimeService
    except ImportError:
        raise CapabilityError('IBM machines need qiskit-ibm-runtime: `pip install "qalgs[ibm]"`.') from None
    return QiskitRuntimeService
