"""The one place that touches private parts of qiskit-ibm-runtime: for two hazards of its sign-in, and to count.

When the token service (IAM) does not answer, the client sends the raw API key to the runtime service instead, and then
keeps the next call waiting for a minute. Here the sign-in fails instead, at once, and the key goes to the token service
only. The client's requests also get a limit on waiting, which they lack.

How many circuits the client's Estimator makes of a point, it says only when it has sent them; here it is asked before.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs_backends.errors import AuthError, CapabilityError
from qalgs_backends.ibm.accounts import ENVIRONMENT, Account, RedactSecrets, account_file, redact_logs

KNOWN = ((0, 51), (0, 53))
"""Versions these parts were read in: from the first, below the second."""
_SIGN_IN_SECONDS = 4.0
_REQUEST_SECONDS = (5.0, 120.0)


def install_guard() -> None:
    """Make the client's sign-in fail closed, in this process; a second call changes nothing.

    Raises:
        CapabilityError: the installed version is not one that is known.
    """
    from qiskit_ibm_runtime.api.auth import CloudAuth

    _check_version("the guard of your API key", found=hasattr(CloudAuth, "get_headers"))
    signer: Any = CloudAuth
    signer.get_headers = _headers


def sign_in(account: Account, instance: str | None) -> RedactSecrets:
    """Ask the token service for a token, and for nothing else; returns what takes the key out of texts.

    Raises:
        AuthError: the key is refused or the token service does not answer; the account is named.
    """
    from qiskit_ibm_runtime.accounts import AccountManager

    name = None if account.source == ENVIRONMENT else account.name
    try:
        entry: Any = AccountManager.get(filename=str(account_file()), name=name)
        entry.instance = instance or entry.instance
        auth = entry.get_auth_handler()
    except Exception as error:
        raise AuthError(f"The IBM account {account.name!r} cannot be read ({type(error).__name__}).") from None
    redactor = redact_logs(str(entry.token))
    try:
        auth.get_headers()
    except AuthError as error:
        raise AuthError(f"IBM account {account.name!r}: {redactor.clean(str(error))}") from None
    return redactor


def client_bases(circuit: QuantumCircuit, observables: Sequence[SparsePauliOp]) -> int:
    """Bases in which the client's Estimator measures each point of a circuit in the machine's gates.

    Raises:
        CapabilityError: the installed version is not one that is known.
    """
    _check_version("the count of its circuits")
    from qiskit_ibm_runtime.executor_estimator.prepare import prepare
    from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions

    pub: Any = (circuit, list(observables), np.zeros(circuit.num_parameters))
    program, _ = prepare([pub], EstimatorOptions(resilience_level=0, default_shots=1))
    return sum(int(np.prod(item.shape)) for item in program.items)


def limit_waits(service: Any) -> None:
    """Let no request of this service wait for ever."""
    for client in {id(c): c for c in (service._active_api_client, *service._api_clients.values())}.values():
        client._session._timeout = _REQUEST_SECONDS


def _check_version(user: str, *, found: bool = True) -> None:
    installed = version("qiskit-ibm-runtime")
    number = tuple(int(part) for part in installed.split(".")[:2])
    if not found or not KNOWN[0] <= number < KNOWN[1]:
        low, high = (".".join(map(str, bound)) for bound in KNOWN)
        raise CapabilityError(
            f"qiskit-ibm-runtime {installed} is installed, but {user} knows "
            f'>={low},<{high}: `pip install "qalgs[ibm]"`.'
        )


def _headers(auth: Any) -> dict[str, str]:
    """What ``CloudAuth.get_headers`` returns when it works; AuthError when it does not."""
    auth.tm.http_config = {"timeout": _SIGN_IN_SECONDS} | auth.tm.http_config
    try:
        token = auth.tm.get_token()
    except Exception as error:
        auth.tm.request_time = 0  # otherwise the next call waits until this one is a minute old
        raise AuthError(_words(error)) from None
    return {"Service-CRN": auth.crn, "Authorization": f"Bearer {token}"}


def _words(error: Exception) -> str:
    status = getattr(error, "status_code", None)
    if status in (400, 401, 403):
        return f"the token service refused the API key (status {status})."
    how = f"answered with status {status}" if status else f"did not answer ({type(error).__name__})"
    return f"the token service {how}; nothing was sent elsewhere."
