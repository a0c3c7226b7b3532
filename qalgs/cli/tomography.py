"""``qalgs tomography``: measure a state on a backend and reconstruct it."""

from __future__ import annotations

import shlex
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
import tyro

from qalgs import circuits, problems
from qalgs.backends import get
from qalgs.callbacks import Progress
from qalgs.checks import argument, as_seed_sequence, child, positive_int
from qalgs.cli.config import Shared
from qalgs.cli.machines import as_config, on_ranks, resume_line
from qalgs.cli.output import run_folder, write_config, write_run
from qalgs.engines import RayEngine, get_engine
from qalgs.engines.launch import cores, under_mpi
from qalgs.run import Status
from qalgs.tomo import (
    FGD,
    LBFGS,
    CountsData,
    LinearInversion,
    LocalSFGD,
    MatrixALPS,
    MiFGD,
    RandomizedSVP,
    RankBiasWarning,
    TomographyResult,
    linear_fidelity,
    measure_paulis,
)
from qalgs.tomo import tomography as reconstruct
from qalgs.tomo.measuring.measure import planned
from qalgs.tomo.methods import Method
from qalgs.tomo.methods.checkpoint import check_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STATE, _MEASURE, _FIT = 0, 1, 2
"""Keys of the random streams."""
_STATES_SHOWN = 8
_SMALL = 4
_WIDEST = 16
_CHECKPOINT = "checkpoint"
"""Where an interrupted run of Local SFGD lies in its folder, unless it was given a place of its own."""


@dataclass(frozen=True, kw_only=True)
class Options(Shared):
    """Measure a state on a backend and reconstruct it."""

    state: Literal["ghz", "w", "haar"] = "ghz"
    """What to prepare."""
    qubits: int = 4
    """How many qubits."""
    fraction: float | None = None
    """Measure random settings until they contain this share of the 4**n Paulis. Without this and `settings`: every
    setting up to 4 qubits, 0.2 above."""
    settings: int | None = None
    """Measure this many random settings instead."""
    shots: int | None = 2048
    """Shots per setting."""
    calibrate_readout: bool = False
    """Measure the readout errors first, and reconstruct the state behind them."""
    rank: int | Literal["auto"] = 1
    """Rank of the reconstructed state; auto compares ranks on shots set aside."""
    method: Literal["local-sfgd", "lbfgs", "fgd", "mifgd", "rsvp", "alps", "linear-inversion"] = "local-sfgd"
    """How to reconstruct it; the flags from `--machines` on belong to local-sfgd."""
    local_sfgd: Annotated[LocalSFGD, tyro.conf.arg(name="")] = field(default_factory=LocalSFGD)
    bootstrap: int = 20
    """Refits for the error bars; 0 for none."""
    ranks: int | None = None
    """With `--engine mpi`: processes to start; one per core, but no more than machines, by default."""
    ray_address: str | None = None
    """With `--engine ray`: the cluster to use, such as auto; one is started on this computer by default."""

    def resumed(self, folder: Path) -> Self:
        """The settings that go on with the run in ``folder``; one that had finished no round begins again."""
        saved = self.local_sfgd.checkpoint or str(folder / _CHECKPOINT)
        method = replace(self.local_sfgd, checkpoint=saved, resume=Path(saved).is_file())
        return replace(self, out=folder, local_sfgd=method)


def tomography(options: Annotated[Options, tyro.conf.arg(name="")]) -> None:
    """Measure a state on a backend and reconstruct it."""
    run(options, "tomography")


def run(options: Options, command: str) -> None:
    """Measure, reconstruct, report and write."""
    method = _method(options)
    if options.rank != "auto":
        positive_int(options.rank, "rank", maximum=1 << positive_int(options.qubits, "qubits", maximum=_WIDEST))
    if isinstance(method, LocalSFGD) and not options.dry_run:
        if method.checkpoint is not None:
            check_file(method.checkpoint, resume=method.resume)
        if method.engine == "mpi" and not under_mpi():
            on_ranks(options, command, min(options.ranks or cores(), method.machines))
            return
        if method.engine == "mpi":
            get_engine("mpi")  # ranks above 0 serve here, and leave when rank 0 is done
        if options.ray_address is not None:
            method = replace(method, engine=RayEngine(options.ray_address))
    seed = as_seed_sequence(options.rng)
    make_circuit, make_state = _FAMILIES[options.state]
    circuit = make_circuit(options.qubits, child(seed, _STATE))
    target = make_state(options.qubits, child(seed, _STATE))
    if options.dry_run:
        backend = get(options.backend)
        number, cost = planned(circuit, backend=backend, rng=child(seed, _MEASURE), **_plan(options))
        paid = f", about {cost.quantum_seconds:.0f} s of its time" if cost.quantum_seconds else ""
        what = f"{number} settings, {cost.shots:,} shots, {cost.circuits} circuits on {backend.name}{paid}"
        print(f"{what}; nothing was run")
        return
    bar = Progress(options.state)
    data = _data(options, circuit, child(seed, _MEASURE), bar)
    folder = run_folder(options.out, command)
    config = as_config(options) | {"out": str(folder)}
    write_config(folder, config)
    data.save(folder / "data")
    print(f"measured     {data}")
    own = folder / _CHECKPOINT
    if isinstance(method, LocalSFGD) and method.checkpoint is None and data.complete:
        own.unlink(missing_ok=True)
        method = replace(method, checkpoint=str(own))
    if isinstance(options.local_sfgd.checkpoint, str) and under_mpi():
        print(f"checkpoint   should this job die: {resume_line(options, command)}")
    try:
        result = fitted(data, method, target, options, child(seed, _FIT), bar)
    except KeyboardInterrupt:
        print(f"interrupted: there is no state yet; the counts are kept in {folder}/data.npz")
        return
    print(result)
    report(result, target)
    write_run(folder, config, result, figure(result, target, options))
    print(f"written to   {folder}/  (figure.png, data, result, config.toml, environment.json)")
    if result.status is not Status.INTERRUPTED:
        own.unlink(missing_ok=True)
    elif own.is_file():
        print(f"to go on     qalgs {command} --resume {shlex.quote(str(folder))}")


def fitted(
    data: CountsData,
    method: Method,
    target: problems.StateVector,
    options: Options,
    seed: np.random.SeedSequence,
    bar: Progress,
) -> TomographyResult:
    """The reconstruction; its warnings stand in the printed result, so they are not printed a second time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RankBiasWarning)
        return reconstruct(
            data,
            rank=options.rank,
            method=method,
            target=target,
            bootstrap=options.bootstrap,
            rng=seed,
            callback=bar,
        )


def _method(options: Options) -> Method:
    """The method by its name; settings of Local SFGD given to another one are refused."""
    if options.method == "local-sfgd":
        return options.local_sfgd
    if options.local_sfgd != LocalSFGD():
        but = f"the method is {options.method}"
        raise ValueError(argument("method", "be local-sfgd for the flags from `--machines` on", but))
    return _METHODS[options.method]()


def _data(options: Options, circuit: Any, seed: np.random.SeedSequence, bar: Progress) -> CountsData:
    """What was measured, once: a resumed run finds it beside its checkpoint."""
    checkpoint = options.local_sfgd.checkpoint if options.method == "local-sfgd" else None
    beside = None if checkpoint is None else Path(f"{checkpoint}.data")
    if checkpoint is not None and options.out is not None and Path(checkpoint) == options.out / _CHECKPOINT:
        beside = options.out / "data"
    if beside is not None and options.local_sfgd.resume:
        return CountsData.load(beside)
    readout = "calibrate" if options.calibrate_readout else None
    backend = get(options.backend)
    data = measure_paulis(circuit, backend=backend, readout=readout, rng=seed, callback=bar, **_plan(options))
    if beside is not None:
        data.save(beside)
    return data


def _plan(options: Options) -> dict[str, Any]:
    """What to measure, as arguments of ``measure_paulis``."""
    fraction, settings = options.fraction, options.settings
    if fraction is None and settings is None:
        fraction, settings = (None, "all") if options.qubits <= _SMALL else (0.2, None)
    return {"fraction": fraction, "settings": settings, "shots": options.shots}


def report(result: TomographyResult, target: problems.StateVector) -> None:
    """Print the fidelity with what is known about it."""
    fidelity = result.fidelity(target)
    print(f"fidelity     {fidelity} of the rank-{result.rank} model with the ideal state")
    if result.data is not None:
        linear, share = linear_fidelity(result.data, target)
        if share > 1 - 1e-9:
            print(f"             {linear} by the linear estimate, which assumes no rank")
        else:
            print(f"             (a linear estimate would need the other {1 - share:.0%} of the state's Paulis)")
    if "bytes" in result.history and len(result.history["bytes"]):
        print(f"rounds       {result.rounds} communication rounds, {result.history['bytes'][-1] / 1e6:.2f} MB in all")
    if result.status is Status.INTERRUPTED:
        print("interrupted: this is the state reached until then, without error bars")


def figure(result: TomographyResult, target: problems.StateVector, options: Options) -> Figure:
    """Convergence, the reconstructed matrix, the ideal one."""
    from matplotlib.figure import Figure

    from qalgs import plot

    canvas = Figure(figsize=(13, 4), layout="constrained")
    left, middle, right = canvas.subplots(1, 3)
    plot.convergence(result, xlabel="communication round" if "bytes" in result.history else "step", ax=left)
    left.set_title(f"fidelity {result.fidelity(target)}", fontsize=9)
    rho, ideal = result.density_matrix(), plot.as_matrix(target)
    states = plot.populated((rho + ideal) / 2, _STATES_SHOWN)
    scale = float(max(abs(rho).max(), abs(ideal).max()))
    plot.density_matrix(rho, states=states, scale=scale, title=f"reconstructed from {options.backend}", ax=middle)
    plot.density_matrix(ideal, states=states, scale=scale, title="ideal", ax=right)
    return canvas


_METHODS: dict[str, type] = {
    "lbfgs": LBFGS,
    "fgd": FGD,
    "mifgd": MiFGD,
    "rsvp": RandomizedSVP,
    "alps": MatrixALPS,
    "linear-inversion": LinearInversion,
}
_FAMILIES = {
    "ghz": (lambda n, _: circuits.ghz(n), lambda n, _: problems.ghz_state(n)),
    "w": (lambda n, _: circuits.w(n), lambda n, _: problems.w_state(n)),
    "haar": (circuits.haar, problems.haar_state),
}
