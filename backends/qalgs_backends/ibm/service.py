"""The connection to IBM's service: signing in, reading a machine, and its errors in this package's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from qiskit.exceptions import QiskitError

from qalgs_backends.checks import argument
from qalgs_backends.devices.calibration import Calibration
from qalgs_backends.errors import AuthError, BackendError, CapabilityError, ExecutionError, JobError, TransientError
from qalgs_backends.ibm.accounts import Account, RedactSecrets, chosen
from qalgs_backends.redaction import redact

_AGAIN = (408, 425)
_DEFAULT_REP_DELAY = 250e-6


class ThrottledError(TransientError):
    """The service asks for fewer requests."""

    retry_after: float | None = None
    """Seconds it asks to wait; None when it does not say."""


@dataclass(frozen=True, eq=False)
class Connection:
    """An account that is signed in."""

    account: Account
    service: Any = field(repr=False)
    redactor: RedactSecrets = field(repr=False)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of the client inside become errors of this package.

        Raises:
            AuthError: the account is refused.
            TransientError: the service did not answer as it should, and the call may go through later.
            JobError: a job ended without a result.
            ExecutionError: the service refused the request.
        """
        try:
            yield
        except AuthError as error:
            # The token service said it, so the request itself was never sent.
            known = AuthError(f"IBM account {self.account.name!r}: {self.redactor.clean(str(error))}")
            known.refused = True
            raise known from None
        except BackendError:
            raise
        except (QiskitError, OSError) as error:
            raise _translate(error, self.account, self.redactor) from None


@dataclass(frozen=True, eq=False)
class Machine:
    """What is known of one machine without asking again."""

    name: str
    calibration: Calibration
    rep_delay: float
    """Seconds between executions, by default."""
    rep_delay_range: tuple[float, float] | None
    """Seconds; None where the machine does not let it be chosen."""
    backend: Any = field(repr=False)
    """The client's object."""


def open_account(account: str | None = None, instance: str | None = None) -> Connection:
    """Sign in.

    Args:
        account: name of an account (see ``accounts``); None is the client library's own choice.
        instance: name or CRN of a service instance; None is the account's.

    Raises:
        AuthError: there is no such account, it is refused, or the token service does not answer.
        CapabilityError: qiskit-ibm-runtime is not installed, or of an unknown version.
        TransientError: the service does not answer.
    """
    try:
        from qiskit_ibm_runtime import QiskitRuntimeService
    except ImportError:
        raise CapabilityError('IBM machines need qiskit-ibm-runtime: `pip install "qalgs[ibm]"`.') from None
    from qalgs_backends.ibm.accounts import ENVIRONMENT, account_file
    from qalgs_backends.ibm.guard import install_guard, limit_waits, sign_in

    picked = chosen(account)
    install_guard()
    redactor = sign_in(picked, instance)
    where = instance or picked.instance or "auto"
    name = None if picked.source == ENVIRONMENT else picked.name
    connection = Connection(picked, None, redactor)
    with connection.translated():
        service = QiskitRuntimeService(name=name, filename=str(account_file()), instance=where)
    limit_waits(service)
    return Connection(picked, service, redactor)


def read_machine(connection: Connection, name: str, *, fractional_gates: bool) -> Machine:
    """The machine of that name, with its newest calibration.

    Raises:
        ValueError: the account has no machine of that name.
        CapabilityError: it has no fractional gates, and they are asked for.
    """
    from qiskit.providers import QiskitBackendNotFoundError
    from qiskit_ibm_runtime.exceptions import IBMInputValueError

    with connection.translated():
        try:
            backend: Any = connection.service.backend(name, use_fractional_gates=fractional_gates)
        except QiskitBackendNotFoundError:
            must = f"be a machine of IBM account {connection.account.name!r}"
            raise ValueError(argument("name", must, f"it has no {name!r}")) from None
        except IBMInputValueError as error:
            raise CapabilityError(connection.redactor.clean(str(error.message))) from None
        calibration = Calibration.from_backend(backend)
    delay = getattr(backend, "default_rep_delay", None)
    return Machine(name, calibration, float(delay or _DEFAULT_REP_DELAY), _delay_range(backend), backend)


def _delay_range(backend: Any) -> tuple[float, float] | None:
    if not getattr(backend, "dynamic_reprate_enabled", False) or not backend.rep_delay_range:
        return None
    low, high = backend.rep_delay_range
    return float(low), float(high)


def _translate(error: Exception, account: Account, redactor: RedactSecrets) -> BackendError:
    from qiskit_ibm_runtime import exceptions as ibm
    from qiskit_ibm_runtime.accounts import AccountNotFoundError, InvalidAccountError

    text = redact(redactor.clean(str(getattr(error, "message", None) or error)).strip("'\" "))
    refused = (ibm.IBMNotAuthorizedError, ibm.IBMInputValueError, InvalidAccountError, AccountNotFoundError)
    ended = (ibm.RuntimeJobFailureError, ibm.RuntimeJobMaxTimeoutError, ibm.RuntimeInvalidStateError)
    response = _response(error)
    status = getattr(response, "status_code", None)
    if isinstance(error, InvalidAccountError) and _is_outage(error):
        return TransientError(f"The list of service instances cannot be read now: {text}")
    if isinstance(error, refused) or status in (401, 403):
        return _final(AuthError(f"IBM account {account.name!r} was refused: {text}"), response)
    if isinstance(error, (*ended, ibm.RuntimeJobNotFound)):
        return JobError(text)
    if response is not None and status == 429:
        throttled = ThrottledError(f"The service asks for fewer requests: {text}")
        throttled.retry_after = _seconds(response.headers.get("Retry-After"))
        return throttled
    if status is not None and 400 <= status < 500 and status not in _AGAIN:
        return _final(ExecutionError(f"The service refused the request: {text}"), response)
    return TransientError(f"The service did not answer as it should: {text}")


def _final(error: BackendError, response: Any) -> BackendError:
    """The error of a 4xx answer, which is the last word unless the client had sent the request before.

    It repeats a request that is answered by 5xx, and the first may have had its effect all the same.
    """
    retries = getattr(getattr(response, "raw", None), "retries", None)
    error.refused = response is not None and not getattr(retries, "history", ())
    return error


def _response(error: BaseException | None) -> Any:
    """The HTTP answer behind an error; the client drops it, but it stays in the chain of causes."""
    for _ in range(8):
        if error is None:
            return None
        if getattr(error, "response", None) is not None:
            return vars(error)["response"]
        error = error.__cause__ or error.__context__
    return None


def _is_outage(error: BaseException | None) -> bool:
    """Whether a failed sign-in, which the client blames on the key, comes from a service that does not answer."""
    for _ in range(8):
        if error is None:
            return False
        status = getattr(error, "status_code", None) or getattr(error, "code", None)
        if isinstance(error, OSError) or (isinstance(status, int) and status >= 500):
            return True
        error = error.__cause__ or error.__context__
    return False


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
