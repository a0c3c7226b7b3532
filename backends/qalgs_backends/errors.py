"""Exceptions a caller may want to catch. Misuse is a plain ``ValueError`` or ``TypeError``."""


class BackendError(RuntimeError):
    """A backend could not do what was asked."""

    refused: bool = False
    """Whether it is certain that nothing came of the request: it never left this computer, or the service said no."""


class CapabilityError(BackendError):
    """The backend, or this machine, does not have the ability that was asked for."""

    refused = True


class ExecutionError(BackendError):
    """A run was accepted but failed; the simulator's or device's own message is included."""


class TransientError(BackendError):
    """A service did not answer as it should; the same call may go through later."""

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        """Keep the seconds after which the service said to try again, if it did."""
        super().__init__(message)
        self.retry_after = retry_after


class AuthError(BackendError):
    """The service refused the account; the account is named, never its token."""


class BudgetError(BackendError):
    """A run would cost more than it may."""

    refused = True


class JobError(BackendError):
    """A submitted job ended without a result."""
