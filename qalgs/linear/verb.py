"""The verb ``linear_solve``: check, run, package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.backends import BackendLike, as_backend
from qalgs.callbacks import Progress
from qalgs.checks import RngLike, argument, as_seed_sequence, child, one_of, real, shots_or_none
from qalgs.linear.methods import Direct, Method, Solved
from qalgs.linear.qsvt import QSVT
from qalgs.linear.result import LinearResult
from qalgs.linear.running import Engine, Executor
from qalgs.linear.solver import Solver, state_distance
from qalgs.linear.system import LinearSystem
from qalgs.results import provenance
from qalgs.run import Callback, Run, drive

_RUNS, _METHOD = 0, 1
"""Keys of the random streams."""


def linear_solve(
    A: ArrayLike | LinearSystem | Any,
    b: ArrayLike | None = None,
    *,
    method: Solver | Method | None = None,
    eps: float = 1e-3,
    x0: ArrayLike | None = None,
    backend: BackendLike = "aer",
    shots: int | None = None,
    engine: Engine = "circuit",
    verify: bool = False,
    rng: RngLike = None,
    callback: Callback | Sequence[Callback] | None = None,
) -> LinearResult:
    """Prepare the state proportional to the solution of A x = b, and count what that takes.

    Args:
        A: (N, N) invertible matrix, dense or sparse, or a ``LinearSystem``.
        b: (N,) right-hand side; None with a ``LinearSystem``.
        method: ``QSVT()`` when None; ``ChebyshevLCU()``, ``HHL()``, ``Adiabatic()``, or one of these inside
            ``ProximalPoint(solver=...)``; ``ResidualCorrection()``, ``VQLS()`` and ``StartOnly()``.
        eps: largest distance of the prepared state from the true one, the phase left open.
        x0: (N,) start, for the methods that take one.
        backend: where the circuit runs. Exact amplitudes need "aer" or "statevector"; oracles are matrix gates, which
            "aer" runs as they are, and everything else writes in elementary gates first, a hundred times slower.
        shots: measurements of the circuit; None for exact amplitudes.
        engine: "circuit" builds and runs it; "numpy" does its arithmetic, much faster and to the same digits.
        verify: whether to solve the system by elimination too, and report the error.
        rng: seeds the shots.
        callback: called after each step of the method.

    Returns:
        The result; after Ctrl-C in a method of several steps what was reached until then.

    Raises:
        TypeError: ``method`` is none.
        ValueError: an argument is out of range; nothing has run.
        CapabilityError: the backend cannot do what is asked.
        KeyboardInterrupt: interrupted before the first step ended.

    Example:
        >>> import numpy as np
        >>> import qalgs as qa
        >>> A, b = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([1.0, 0.0])
        >>> result = qa.linear_solve(A, b, eps=1e-3)
        >>> bool(np.allclose(result.x, np.linalg.solve(A, b), atol=1e-3))
        True
    """
    eps = real(eps, "eps", above=0)
    one_of(engine, "engine", ("circuit", "numpy"))
    shots = shots_or_none(shots)
    if shots is not None and engine == "numpy":
        raise ValueError(argument("shots", "be None with the engine 'numpy', which has no machine", f"it is {shots}"))
    chosen = _method(QSVT() if method is None else method)
    system = _system(A, b)
    start = None if x0 is None else system.embed(x0, "x0")
    machine = as_backend(backend)
    seed = as_seed_sequence(rng)
    execute = Executor(engine, machine, shots, child(seed, _RUNS))
    steps = chosen.iterate(system, eps=eps, x0=start, execute=execute, seed=child(seed, _METHOD))
    watchers = [callback] if callable(callback) else list(callback or ())
    run = drive(steps, [*watchers, Progress("linear solve")])
    if run.last is None:
        raise KeyboardInterrupt
    source = "numpy" if engine == "numpy" and shots is None else machine.name
    return _package(system, run, verify, provenance(method or chosen, seed, source))


def _method(given: Any) -> Method:
    if hasattr(given, "iterate"):
        return given
    if hasattr(given, "construct") and hasattr(given, "simulate"):
        return Direct(given)
    raise TypeError(argument("method", "be a solver or a method, such as QSVT()", f"it is {given!r}"))


def _system(A: Any, b: ArrayLike | None) -> LinearSystem:
    if isinstance(A, LinearSystem):
        if b is not None:
            raise ValueError(argument("b", "be None because the system has its own", "it is given"))
        return A
    if b is None:
        raise ValueError(argument("b", "be given", "it is None"))
    return LinearSystem.of(A, b)


def _package(system: LinearSystem, run: Run, verify: bool, record: dict[str, str]) -> LinearResult:
    assert run.last is not None
    reached: Solved = run.last.state
    unit = system.rhs_norm / system.scale
    state, probabilities, errors = _recovered(system, reached)
    error = None
    if verify and state is not None:
        error = state_distance(state, system.recover(system.solution))
    norm = None if reached.norm is None else reached.norm * unit
    if norm is not None and reached.solution is not None:
        norm = float(np.linalg.norm(system.recover(reached.solution)))
    made = None if reached.execution is None else reached.execution.construction
    return LinearResult(
        state=state,
        norm=norm,
        norm_err=reached.norm_err * unit,
        probabilities=probabilities,
        probabilities_err=errors,
        success_probability=reached.queries.success_probability,
        success_probability_err=0.0 if reached.measured is None else reached.measured.success_err,
        queries=reached.queries,
        error_bound=float(reached.error_bound),
        error=error,
        kappa=system.kappa,
        kappa_hat=float(reached.kappa_hat),
        eta=reached.eta,
        status=run.status,
        message=run.message,
        notes=reached.notes,
        history=run.history,
        cost=reached.cost,
        provenance=record,
        circuit=None if made is None else made.circuit,
        method_state=run.last.state,
    )


def _recovered(
    system: LinearSystem, reached: Solved
) -> tuple[NDArray[Any] | None, NDArray[np.float64], NDArray[np.float64]]:
    """Normalised state, probabilities and their errors on the unknowns as given."""
    if reached.solution is not None:
        x = system.recover(reached.solution)
        state = x / np.linalg.norm(x)
        if np.isrealobj(system.matrix) and np.isrealobj(system.rhs) and np.abs(np.imag(state)).max() < 1e-9:
            state = np.real(state)
        return state, np.abs(state) ** 2, np.zeros(len(state))
    assert reached.measured is not None
    unit = system.rhs_norm / system.scale
    share = system.recover(reached.measured.probabilities) / unit
    errors = system.recover(reached.measured.probabilities_err) / unit
    total = share.sum()
    return None, share / total, errors / total
