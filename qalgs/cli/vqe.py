"""``qalgs vqe``: the lowest energy of a molecule, a magnet, a cut or any sum of Paulis, on placements of a device."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from qiskit.quantum_info import SparsePauliOp

from qalgs import circuits, problems
from qalgs.backends import as_backend
from qalgs.checks import argument, positive_int, shots_or_none
from qalgs.cli.config import Shared
from qalgs.cli.machines import as_config
from qalgs.cli.output import run_folder, write_config, write_run
from qalgs.optimizers import SPSA, Optimizer
from qalgs.problems import MaxCut, Molecule
from qalgs.run import Status
from qalgs.vqa import BestMap, ConstantLow, Nest, Plateau, Qoncord, RandomJump, VQEResult
from qalgs.vqa import qaoa as run_qaoa
from qalgs.vqa import vqe as run_vqe
from qalgs.vqa.policies import Policy
from qalgs.vqa.problem import calibration_of
from qalgs.vqa.verb import planned

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Problem = SparsePauliOp | Molecule | MaxCut
_MOLECULES = ("H2", "H3+", "HeH+", "LiH", "BeH2", "H2O", "H4")
_MODELS = ("ising:<n>", "xxz:<n>", "maxcut:<graph>:<n>")


@dataclass(frozen=True, kw_only=True)
class Options(Shared):
    """Find a lowest energy on the placements of a device."""

    problem: Annotated[str, tyro.conf.Positional] = "h2"
    """h2, heh+, h3+, lih, beh2, h2o, h4; ising:<n>, xxz:<n>; maxcut:<graph>:<n> with a path, cycle, star, two_stars or
    ladder; or a file with a Pauli label and its weight in each line."""
    backend: str = "noisy:fake_fez"
    """Where to run: noisy:fake_fez or another device for a schedule; statevector, aer, ..., with `--schedule none`."""
    shots: int | None = 1024
    """Shots per measurement basis; None for exact values."""
    bond_length: float | None = None
    """Of a molecule, in angstrom; its equilibrium by default."""
    depth: int = 1
    """Layers of QAOA, for a cut."""
    schedule: Literal["nest", "bestmap", "low", "jump", "qoncord", "none"] = "nest"
    """Which placements to use; none leaves one to the backend. `--cycles` is the number of restarts of all but qoncord,
    and the other flags of its group belong to nest."""
    nest: Annotated[Nest, tyro.conf.arg(name="")] = field(default_factory=Nest)
    optimizer: Literal["cobyla", "spsa"] = "cobyla"
    """cobyla begins anew in every cycle, spsa goes on."""
    evaluations: int = 432
    """Most energies evaluated."""
    stop: bool = False
    """End when the energy has settled."""

    def policy(self) -> Policy | None:
        """The schedule by its name; settings of Nest given to another one are refused."""
        if self.schedule == "nest":
            return self.nest
        if self.nest != Nest(cycles=self.nest.cycles):
            must = "be nest for its flags other than `--cycles`"
            raise ValueError(argument("schedule", must, f"it is {self.schedule}"))
        if self.schedule == "none":
            return None
        return _POLICIES[self.schedule](self.nest.cycles)


def vqe(options: Annotated[Options, tyro.conf.arg(name="")]) -> None:
    """Find a lowest energy on the placements of a device."""
    problem, policy = read_problem(options.problem, options.bond_length), options.policy()
    # One backend for the run and the picture; on a machine with a queue, one batch.
    machine = as_backend(options.backend)
    # What would be refused later is refused before there is a folder.
    positive_int(options.evaluations, "evaluations")
    shots_or_none(options.shots)
    if policy is not None:
        calibration_of(machine)
    own = _optimizer(options)
    if options.dry_run:
        forecast = planned(
            problem,
            circuits.qaoa(problem.hamiltonian, depth=options.depth) if isinstance(problem, MaxCut) else None,
            optimizer=own,
            schedule=policy,
            backend=machine,
            shots=options.shots,
            max_evaluations=options.evaluations,
            rng=options.rng,
        )
        print(f"{forecast}; nothing was run")
        return
    folder = run_folder(options.out, "vqe")
    write_config(folder, as_config(options) | {"out": str(folder)})
    shared: dict[str, Any] = {
        "optimizer": own,
        "schedule": policy,
        "backend": machine,
        "shots": options.shots,
        "max_evaluations": options.evaluations,
        "stop": Plateau() if options.stop else None,
        "rng": options.rng,
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the operator's lowest state", UserWarning)  # it stands in the result
        if isinstance(problem, MaxCut):
            result: VQEResult = run_qaoa(problem, depth=options.depth, **shared)
        else:
            result = run_vqe(problem, **shared)
    print(result)
    if result.status is Status.INTERRUPTED:
        print("interrupted: this is what was reached until then")
    calibration = calibration_of(machine) if len(result.placements) else None
    write_run(folder, as_config(options) | {"out": str(folder)}, result, figure(result, calibration))
    print(f"written to   {folder}/  (figure.png, result, config.toml, environment.json)")


def read_problem(text: str, bond_length: float | None = None) -> Problem:
    """A molecule, a model or a file.

    Raises:
        ValueError: there is no such problem.
        OSError: the file cannot be read.
    """
    names = {name.lower(): name for name in _MOLECULES}
    if text.lower() in names:
        return problems.molecule(names[text.lower()], bond_length=bond_length)
    if bond_length is not None:
        raise ValueError(argument("bond_length", "be given for a molecule only", f"the problem is {text}"))
    kind, *rest = text.split(":")
    if kind in _MODEL_OF and len(rest) == 1:
        return _MODEL_OF[kind](_size(rest[0], text))
    if kind == "maxcut" and len(rest) == 2 and rest[0] in _GRAPHS:
        return problems.maxcut(_GRAPHS[rest[0]](_size(rest[1], text)))
    if Path(text).is_file():
        return read_paulis(Path(text))
    known = [*names, *_MODELS]
    near = difflib.get_close_matches(text, known, 1) or [option for option in known if option.split(":")[0] == kind]
    meant = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(argument("problem", f"be a file or one of {', '.join(known)}", f"it is {text!r}{meant}"))


def read_paulis(file: Path) -> SparsePauliOp:
    """The operator in a file with a Pauli label, qubit 0 rightmost, and its weight in each line.

    Raises:
        ValueError: a line holds something else.
    """
    terms: list[tuple[str, float]] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split("#")[0].split()
        if not words:
            continue
        fits = len(words) == 2 and not set(words[0]) - set("IXYZ") and _is_number(words[1])
        if not fits or len({len(words[0]), *(len(label) for label, _ in terms)}) > 1:
            must = "hold a Pauli label and its weight in each line, all labels equally long"
            raise ValueError(argument("problem", must, f"line {number} of {file} is {line!r}"))
        terms.append((words[0], float(words[1])))
    if not terms:
        raise ValueError(argument("problem", "hold at least one term", f"{file} holds none"))
    return SparsePauliOp.from_list(terms).simplify()


def figure(result: VQEResult, calibration: Any) -> Figure:
    """Energies and ESPs over the run, and where on the device it went."""
    from matplotlib.figure import Figure

    from qalgs import plot

    canvas = Figure(figsize=(13, 5) if calibration else (7, 5), layout="constrained")
    grid = canvas.add_gridspec(2, 2 if calibration else 1, height_ratios=[3, 1])
    above = canvas.add_subplot(grid[0, 0])
    plot.run(result, axes=(above, canvas.add_subplot(grid[1, 0], sharex=above)))
    if calibration:
        plot.walk(result, calibration, ax=canvas.add_subplot(grid[:, 1]))
    return canvas


def _optimizer(options: Options) -> Optimizer[Any] | None:
    """None for the run's own COBYLA."""
    return SPSA(stability=options.evaluations / 20) if options.optimizer == "spsa" else None


def _size(text: str, problem: str) -> int:
    if not text.isdigit():
        raise ValueError(argument("problem", "end with a number of qubits", f"it is {problem!r}"))
    return int(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_POLICIES: dict[str, Callable[[int], Policy]] = {
    "bestmap": BestMap,
    "low": ConstantLow,
    "jump": lambda cycles: RandomJump(cycles=cycles),
    "qoncord": lambda _: Qoncord(),
}
_MODEL_OF: dict[str, Callable[[int], SparsePauliOp]] = {
    "ising": problems.transverse_field_ising,
    "xxz": problems.xxz,
}
_GRAPHS: dict[str, Callable[[int], Any]] = {
    "path": problems.path_graph,
    "cycle": problems.cycle_graph,
    "star": problems.star_graph,
    "two_stars": problems.two_stars_graph,
    "ladder": problems.ladder_graph,
}
