"""What must not be written down: tokens and accounts, taken out of texts before they are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from qalgs_backends.checks import argument

_SECRET_NAMES = frozenset(
    {"token", "apikey", "secret", "password", "authorization", "instance", "crn", "account", "accesstoken"}
)
_PATTERNS = (
    re.compile(r"\bcrn:\S+", re.IGNORECASE),
    re.compile(r"\b(bearer|apikey|basic)\s+\S+", re.IGNORECASE),
    re.compile(r"(?<=://)[^/\s@]+@"),
)
# Long words are taken for tokens, unless they are hexadecimal: those are digests and keys of jobs.
_LONG = re.compile(r"[A-Za-z0-9_\-]{40,}")
_DIGEST = re.compile(r"(?:sha256-)?[0-9a-f]{40,64}")


def redact(value: Any) -> Any:
    """``value`` with everything in its strings that looks like a token or an account taken out."""
    if isinstance(value, str):
        for pattern in _PATTERNS:
            value = pattern.sub("[removed]", value)
        return _LONG.sub(lambda m: m[0] if _DIGEST.fullmatch(m[0]) else "[removed]", value)
    if isinstance(value, Mapping):
        return {name: "[removed]" if is_secret(name) else redact(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    return value


def is_secret(name: Any) -> bool:
    """Whether ``name`` is one that accounts and tokens go by."""
    return re.sub(r"[^a-z]", "", str(name).lower()) in _SECRET_NAMES


def refuse_secrets(value: Any, name: str) -> None:
    """Check that no mapping within ``value`` names a token or an account.

    Raises:
        ValueError: one does.
    """
    if isinstance(value, Mapping):
        for field, item in value.items():
            if is_secret(field):
                raise ValueError(
                    argument(name, "name no account or token, for it is kept on disk", f"it has {field!r}")
                )
            refuse_secrets(item, name)
    elif isinstance(value, (list, tuple)):
        for item in value:
            refuse_secrets(item, name)
