"""``qalgs tomography``: measure a state on a backend and reconstruct it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from qalgs import circuits, problems
from qalgs.backends import get
from qalgs.callbacks import Progress
from qalgs.checks import as_seed_sequence, child
from qalgs.cli.output import run_folder, write_run
from qalgs.run import Status
from qalgs.tomo import LinearInversion, LocalSFGD, TomographyResult, linear_fidelity, measure_paulis
from qalgs.tomo import tomography as reconstruct
from qalgs.tomo.measure import planned

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STATE, _MEASURE, _FIT = 0, 1, 2
"""Keys of the random streams."""
_STATES_SHOWN = 8
_SMALL = 4


@dataclass(frozen=True)
class Options:
    """Measure a state on a backend and reconstruct it."""

    state: Literal["ghz", "w", "haar"] = "ghz"
    """What to prepare."""
    qubits: int = 4
    """How many qubits."""
    backend: str = "aer"
    """Where to measure: statevector, aer, noisy:fake_fez, ..."""
    fraction: float | None = None
    """Measure random settings until they contain this share of the 4**n Paulis. Without this and `settings`: every
    setting up to 4 qubits, 0.2 above."""
    settings: int | None = None
    """Measure this many random settings instead."""
    shots: int = 2048
    """Shots per setting."""
    rank: int = 1
    """Rank of the reconstructed state."""
    method: Literal["local-sfgd", "linear-inversion"] = "local-sfgd"
    """How to reconstruct it."""
    local_sfgd: Annotated[LocalSFGD, tyro.conf.arg(name="")] = field(default_factory=LocalSFGD)
    bootstrap: int = 20
    """Refits for the error bars; 0 for none."""
    seed: int = 0
    """Same seed, same answer."""
    out: Path | None = None
    """Folder for the results; runs/tomography-<time> by default."""
    dry_run: bool = False
    """Only say what would be measured."""


def tomography(options: Annotated[Options, tyro.conf.arg(name="")]) -> None:
    """Measure a state on a backend and reconstruct it."""
    run(options, "tomography")


def run(options: Options, command: str) -> None:
    """Measure, reconstruct, report and write."""
    seed = as_seed_sequence(options.seed)
    make_circuit, make_state = _FAMILIES[options.state]
    circuit = make_circuit(options.qubits, child(seed, _STATE))
    target = make_state(options.qubits, child(seed, _STATE))
    plan = _plan(options)
    backend = get(options.backend)
    if options.dry_run:
        number, cost = planned(circuit, backend=backend, rng=child(seed, _MEASURE), **plan)
        print(f"{number} settings, {cost.shots:,} shots, {cost.circuits} circuits on {backend.name}; nothing was run")
        return
    method = options.local_sfgd if options.method == "local-sfgd" else LinearInversion()
    bar = Progress(options.state)
    data = measure_paulis(circuit, backend=backend, rng=child(seed, _MEASURE), callback=bar, **plan)
    print(f"measured     {data}")
    result = reconstruct(
        data,
        rank=options.rank,
        method=method,
        target=target,
        bootstrap=options.bootstrap,
        rng=child(seed, _FIT),
        callback=bar,
    )
    print(result)
    report(result, target)
    folder = run_folder(options.out, command)
    write_run(folder, asdict(options) | {"out": str(folder)}, result, figure(result, target, options))
    print(f"written to   {folder}/  (figure.png, result.npz, result.json, config.toml, environment.json)")


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
    plot.convergence(result, xlabel="communication round", ax=left)
    left.set_title(f"fidelity {result.fidelity(target)}", fontsize=9)
    rho, ideal = result.density_matrix(), plot.as_matrix(target)
    states = plot.populated((rho + ideal) / 2, _STATES_SHOWN)
    scale = float(max(abs(rho).max(), abs(ideal).max()))
    plot.density_matrix(rho, states=states, scale=scale, title=f"reconstructed from {options.backend}", ax=middle)
    plot.density_matrix(ideal, states=states, scale=scale, title="ideal", ax=right)
    return canvas


_FAMILIES = {
    "ghz": (lambda n, _: circuits.ghz(n), lambda n, _: problems.ghz_state(n)),
    "w": (lambda n, _: circuits.w(n), lambda n, _: problems.w_state(n)),
    "haar": (circuits.haar, problems.haar_state),
}
