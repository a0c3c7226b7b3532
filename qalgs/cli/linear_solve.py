"""``qalgs linear-solve``: the solution of a linear system as a quantum state, with what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray
from scipy.io import mmread

from qalgs import linear, problems
from qalgs.backends import get
from qalgs.callbacks import Progress
from qalgs.checks import argument
from qalgs.cli.config import Shared
from qalgs.cli.machines import as_config
from qalgs.cli.output import run_folder, write_config, write_run
from qalgs.linear.solver import Solver
from qalgs.run import Status

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 64
"""Unknowns shown in the figure."""


@dataclass(frozen=True, kw_only=True)
class Options(Shared):
    """Solve a linear system."""

    system: Annotated[str, tyro.conf.Positional] = "poisson:8"
    """poisson:<points>, random:<unknowns>:<kappa>, hermitian:<unknowns>:<kappa>, or a matrix: FILE.npy or FILE.mtx."""
    rhs: Path | None = None
    """Right-hand side of a matrix from a file, in FILE.npy; all ones by default."""
    x0: Path | None = None
    """A start in FILE.npy, for residual, start and `--wrap`."""
    method: Literal["qsvt", "lcu", "hhl", "adiabatic", "vqls", "residual", "start"] = "qsvt"
    """How to solve it."""
    wrap: bool = False
    """Put the proximal-point wrapper around qsvt, lcu, hhl or adiabatic, where that is cheaper."""
    eta: float | None = None
    """With `--wrap`: its parameter, instead of the cheapest."""
    eps: float = 1e-3
    """Largest distance of the state from the true one."""
    engine: Literal["circuit", "numpy"] = "circuit"
    """Run the circuit, or do its arithmetic, which is faster."""


def linear_solve(options: Annotated[Options, tyro.conf.arg(name="")]) -> None:
    """Solve a linear system by a quantum algorithm, and count what it takes."""
    system, x0 = read_system(options), _vector(options.x0, "x0")
    method = make_method(options)
    if options.dry_run:
        print(f"{described(options, system, method)}; nothing was run")
        return
    folder = run_folder(options.out, "linear-solve")
    write_config(folder, as_config(options) | {"out": str(folder)})
    result = linear.linear_solve(
        system,
        method=method,
        eps=options.eps,
        x0=x0,
        backend=options.backend,
        shots=options.shots,
        engine=options.engine,
        verify=True,
        rng=options.rng,
        callback=Progress(options.system),
    )
    print(result)
    exact = system.recover(system.solution)
    off = float(np.abs(result.probabilities - np.abs(exact) ** 2 / np.vdot(exact, exact).real).sum() / 2)
    print(f"probabilities are off by {off:.2g} in all")
    if result.status is Status.INTERRUPTED:
        print("interrupted: this is what was reached until then")
    write_run(folder, as_config(options) | {"out": str(folder)}, result, figure(result, exact, options))
    print(f"written to   {folder}/  (figure.png, result, config.toml, environment.json)")


def read_system(options: Options) -> linear.LinearSystem:
    """The system that the words or files mean.

    Raises:
        ValueError: there is no such system, or a right-hand side is given for one that has its own.
        OSError: a file cannot be read.
    """
    text, suffix = options.system, Path(options.system).suffix
    if suffix in (".npy", ".mtx"):
        A: Any = np.load(text, allow_pickle=False) if suffix == ".npy" else mmread(text)
        b = _vector(options.rhs, "rhs")
        return linear.LinearSystem.of(A, np.ones(np.shape(A)[0]) if b is None else b)
    if options.rhs is not None:
        raise ValueError(argument("rhs", "be given for a matrix from a file only", f"the system is {text}"))
    name, *numbers = text.split(":")
    try:
        if name == "poisson" and len(numbers) == 1:
            return linear.LinearSystem.of(*problems.poisson_system(int(numbers[0])))
        if name in _RANDOM and len(numbers) == 2:
            return linear.LinearSystem.of(*_RANDOM[name](int(numbers[0]), float(numbers[1]), options.rng))
    except ValueError as error:
        if not str(error).startswith(("invalid literal", "could not convert")):
            raise
    must = "be poisson:<points>, random:<unknowns>:<kappa>, hermitian:<unknowns>:<kappa>, FILE.npy or FILE.mtx"
    raise ValueError(argument("system", must, f"it is {text!r}"))


def make_method(options: Options) -> Any:
    """The method by its name, wrapped where that is asked for.

    Raises:
        ValueError: the wrapper does not go with the method, or ``eta`` with no wrapper.
    """
    if options.eta is not None and not options.wrap:
        raise ValueError(argument("eta", "be given with `wrap`", f"it is {options.eta:g} without"))
    chosen = _METHODS[options.method]()
    if not options.wrap:
        return chosen
    if options.method not in _WRAPPED:
        must = f"be {', '.join(_WRAPPED[:-1])} or {_WRAPPED[-1]} with `wrap`"
        raise ValueError(argument("method", must, f"it is {options.method}"))
    return linear.ProximalPoint(chosen, eta="auto" if options.eta is None else options.eta)


def described(options: Options, system: linear.LinearSystem, method: Any) -> str:
    """What would be run, by formula."""
    made = f"{system.dimension} unknowns on {system.num_qubits} qubits, kappa {system.kappa:.4g}"
    made += ", dilated because A is not Hermitian" if system.is_dilated else ""
    where = f"on {get(options.backend).name}" + ("" if options.shots is None else f", {options.shots:,} shots")
    if options.method not in _WRAPPED:
        return f"{made}; {options.method} {where}"
    solver: Solver = method.solver if options.wrap else method
    alone = solver.estimate_queries(system.kappa, options.eps)
    lines = f"{made}; {options.method} takes {alone.per_run} queries a run, success at least"
    lines = f"{lines} {alone.success_probability:.2g}, {where}"
    if options.wrap:
        x0 = _vector(options.x0, "x0")
        plan = method.plan(system, eps=options.eps, x0=None if x0 is None else system.embed(x0, "x0"))
        lines += f"; {plan.reason}"
    return lines


def figure(result: linear.LinearResult, exact: NDArray[Any], options: Options) -> Figure:
    """The solution beside the exact one, and the queries or the run's history."""
    from matplotlib.figure import Figure

    from qalgs import plot

    canvas = Figure(figsize=(11, 4), layout="constrained")
    left, right = canvas.subplots(1, 2, width_ratios=[2, 1])
    plot.solution(result, exact=exact, ax=left)
    left.set_xlim(-0.7, min(len(exact), _SHOWN) - 0.3)
    found = "" if result.error is None else f", found {result.error:.2g}"
    left.set_title(f"{options.system} by {options.method}: error bound {result.error_bound:.3g}{found}", fontsize=9)
    if "cost" in result.history:
        plot.convergence(result, metric="cost", ax=right)
    else:
        plot.queries([result], [options.method + (", wrapped" if result.wrapped else "")], ax=right)
    return canvas


def _vector(path: Path | None, name: str) -> NDArray[Any] | None:
    if path is None:
        return None
    if path.suffix != ".npy":
        raise ValueError(argument(name, "be a FILE.npy", f"it is {path}"))
    return np.load(path, allow_pickle=False)


_RANDOM = {"random": problems.random_spd_system, "hermitian": problems.random_hermitian_system}
_METHODS: dict[str, Any] = {
    "qsvt": linear.QSVT,
    "lcu": linear.ChebyshevLCU,
    "hhl": linear.HHL,
    "adiabatic": linear.Adiabatic,
    "vqls": linear.VQLS,
    "residual": linear.ResidualCorrection,
    "start": linear.StartOnly,
}
_WRAPPED = ("qsvt", "lcu", "hhl", "adiabatic")
