"""``qalgs eigensolve``: the lowest levels of a molecule, a magnet, a matrix or any sum of Paulis."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
import tyro
from scipy.io import mmread

from qalgs import eigen
from qalgs.callbacks import Progress
from qalgs.checks import argument
from qalgs.cli.config import Shared
from qalgs.cli.machines import as_config
from qalgs.cli.output import folder_path, write_config, write_run
from qalgs.cli.vqe import read_problem
from qalgs.eigen import EigenResult, EigenWarning
from qalgs.eigen.problem import EigenProblem, as_problem, layers
from qalgs.problems import MaxCut, Molecule, molecule
from qalgs.run import Status, Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CHECKPOINT = "checkpoint"
_TAPERED_FROM = 9
_EXACT_QUBITS = 12


@dataclass(frozen=True, kw_only=True)
class Options(Shared):
    """Find the lowest levels."""

    problem: Annotated[str, tyro.conf.Positional] = "h2"
    """h2, heh+, h3+, lih, beh2, h2o, h4; ising:<n>, xxz:<n>; a matrix in FILE.npy or FILE.mtx; or a file with a Pauli
    label and its weight in each line."""
    k: int = 4
    """How many levels."""
    backend: str = "statevector"
    """Where to run: statevector, and with `--shots` aer, noisy:fake_fez, ibm:<machine>, ..."""
    method: Literal[
        "eigengame",
        "vqd",
        "ssvqe",
        "expansion",
        "classical-eigengame",
        "eigengame-mu",
        "hotelling",
        "parallel-deflation",
        "exact",
    ] = "eigengame"
    """The first four run circuits, the others work on the matrix."""
    ansatz: Literal["auto", "layers"] = "auto"
    """layers: of rotations and CX. auto: without shots, coupled cluster on a molecule's determinants; else layers."""
    c: float | None = None
    """Shift of eigengame; it finds its own by default."""
    beta: float | None = None
    """Weight of vqd; Qiskit's by default."""
    deflation: Literal["sum", "schur"] = "sum"
    """Utility of eigengame: the paper's, or one for parents that are not orthogonal."""
    schedule: Literal["sequential", "parallel", "lagged"] = "sequential"
    """Whether the players of eigengame and vqd play in turn, at once, or start when the one before is near its end."""
    guards: int | None = None
    """Players of eigengame and vqd beyond k, which catch skipped levels; one by default."""
    cross: Literal["auto", "interference", "rescaled", "overlap"] = "auto"
    """With shots, how players are compared; rescaled and overlap are for noisy machines."""
    max_steps: int = 2000
    """Most steps of a player."""
    bond_length: float | None = None
    """Of a molecule, in angstrom; its equilibrium by default."""
    active: tuple[int, int] | None = None
    """Active electrons and orbitals of a molecule; all by default."""
    tapered: Literal["auto", "yes", "no"] = "auto"
    """Whether a molecule's qubits are saved by symmetries; auto from 9 qubits on."""
    checkpoint: Path | None = None
    """File written on the way; in the folder of the results by default."""
    checkpoint_every: int = 50
    """Rounds from one writing to the next."""
    resume: bool = False
    """Go on from the checkpoint; `--resume DIR` does so with the settings of the run in DIR."""

    def resumed(self, folder: Path) -> Self:
        """The settings that go on with the run in ``folder``, or start it again where no round was finished."""
        saved = self.checkpoint or folder / _CHECKPOINT
        return replace(self, out=folder, checkpoint=saved, resume=saved.is_file())


def eigensolve(options: Annotated[Options, tyro.conf.arg(name="")]) -> None:
    """Find the lowest levels of a molecule, a magnet, a matrix or any sum of Paulis."""
    H, method = read_hamiltonian(options), make_method(options)
    problem = as_problem(H)
    on_circuits = options.method in _ON_CIRCUITS
    if options.dry_run:
        print(f"{described(options, problem, method)}; nothing was run")
        return
    folder = folder_path(options.out, "eigensolve")
    saved, settings = options.checkpoint or folder / _CHECKPOINT, as_config(options) | {"out": str(folder)}
    shared: dict[str, Any] = {"method": method, "rng": options.rng}
    shared["callback"] = [_Opening(folder, settings), Progress(options.problem)]
    if on_circuits:
        shared |= {"ansatz": layers(problem) if options.ansatz == "layers" else None, "backend": options.backend}
        shared |= {"shots": options.shots, "resume": options.resume}
        shared |= {"checkpoint": saved, "checkpoint_every": options.checkpoint_every}
    elif options.shots is not None:
        raise ValueError(argument("shots", f"be left out with {options.method}", f"it is {options.shots}"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EigenWarning)  # it stands in the result
        result = eigen.eigensolve(H, options.k, **shared)
    print(result)
    exact = None
    if problem.num_qubits <= _EXACT_QUBITS:
        exact = eigen.eigensolve(H, options.k, method=eigen.Exact()).eigenvalues
        print(f"exact        {' '.join(f'{level:.6f}' for level in exact)}")
        print(f"worst error  {float(np.abs(result.eigenvalues - exact).max()):.2g}")
    if result.status is Status.INTERRUPTED:
        print("interrupted: these are the levels reached until then")
        if on_circuits:
            print(f"to go on     qalgs eigensolve --resume {shlex.quote(str(folder))}")
    elif options.checkpoint is None or saved == folder / _CHECKPOINT:
        saved.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_run(folder, settings, result, figure(result, exact, options))
    print(f"written to   {folder}/  (figure.png, result, config.toml, environment.json)")


class _Opening:
    """Makes the folder and writes the settings at the first step: a request that is refused leaves nothing behind."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._folder, self._settings, self._open = folder, settings, False

    def __call__(self, step: Step) -> None:
        """See to the folder."""
        del step
        if not self._open:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_config(self._folder, self._settings)
            self._open = True


def read_hamiltonian(options: Options) -> Any:
    """A molecule, a sum of Paulis, or a matrix.

    Raises:
        ValueError: there is no such problem, or a flag belongs to molecules only.
        OSError: a file cannot be read.
    """
    text, suffix = options.problem, Path(options.problem).suffix
    if suffix in (".npy", ".mtx"):
        found = np.load(text, allow_pickle=False) if suffix == ".npy" else mmread(text)
    else:
        found = read_problem(text, options.bond_length)
    if isinstance(found, MaxCut):
        return found.hamiltonian
    if isinstance(found, Molecule):
        if options.active is not None:
            electrons, orbitals = options.active
            found = molecule(
                found.name, bond_length=options.bond_length, active_electrons=electrons, active_orbitals=orbitals
            )
        wanted = options.tapered == "yes" or (options.tapered == "auto" and found.num_qubits >= _TAPERED_FROM)
        return found.tapered() if wanted else found
    for name in ("active", "bond_length"):
        if getattr(options, name) is not None:
            raise ValueError(argument(name, "be given for a molecule only", f"the problem is {text}"))
    if options.tapered == "yes":
        raise ValueError(argument("tapered", "be yes for a molecule only", f"the problem is {text}"))
    return found


def make_method(options: Options) -> Any:
    """The method by its name; a flag that is another one's is refused.

    Raises:
        ValueError: there is such a flag, or a setting is out of range.
    """
    for name, owners in _OWNERS.items():
        default = Options.__dataclass_fields__[name].default
        if getattr(options, name) != default and options.method not in owners:
            raise ValueError(argument("method", f"be {' or '.join(owners)} for `{name}`", f"it is {options.method}"))
    settings: dict[str, Any] = {
        name: getattr(options, name)
        for name, owners in _OWNERS.items()
        if options.method in owners and getattr(options, name) is not None
    }
    if options.method == "expansion":
        return eigen.SubspaceExpansion()
    return _METHODS[options.method](**settings)


def described(options: Options, problem: EigenProblem, method: Any) -> str:
    """What would be run."""
    n, terms = problem.num_qubits, problem.hamiltonian
    lines = [f"{options.k} levels of {options.problem}: {n} qubits, {len(terms)} Paulis, {problem.dim} levels in all"]
    if options.method not in _ON_CIRCUITS:
        return f"{lines[0]}; {options.method} on the matrix"
    if options.shots is None:
        return f"{lines[0]}; exact values on {options.backend}"
    bases = len(terms.group_commuting(qubit_wise=True))
    return f"{lines[0]}; {bases} bases for an energy, {bases * options.shots:,} shots, on {options.backend}"


def figure(result: EigenResult, exact: Any, options: Options) -> Figure:
    """The levels beside the exact ones, and the energies of the players over the rounds."""
    from matplotlib.figure import Figure

    from qalgs import plot

    canvas = Figure(figsize=(10, 4), layout="constrained")
    left, right = canvas.subplots(1, 2, width_ratios=[1, 2])
    plot.levels(result, exact=exact, label=options.method, ax=left)
    rounds = result.history["step"]
    for name in (name for name in result.history if name.startswith("energy_")):
        right.plot(rounds, result.history[name], label=f"player {int(name.removeprefix('energy_')) + 1}")
    right.set(xlabel="round", ylabel="energy")
    if right.lines:
        right.legend(frameon=False, fontsize=8)
    right.grid(alpha=0.25, linewidth=0.5)
    return canvas


_ON_CIRCUITS = ("eigengame", "vqd", "ssvqe", "expansion")
_GAMES = ("eigengame", "vqd")
_OWNERS = {
    "c": ("eigengame",),
    "beta": ("vqd",),
    "deflation": ("eigengame",),
    "schedule": _GAMES,
    "guards": _GAMES,
    "cross": (*_GAMES, "ssvqe"),
    "max_steps": (*_GAMES, "ssvqe"),
}
"""Flags by the methods they belong to."""
_METHODS: dict[str, Any] = {
    "eigengame": eigen.EigenGame,
    "vqd": eigen.VQD,
    "ssvqe": eigen.SSVQE,
    "classical-eigengame": eigen.ClassicalEigenGame,
    "eigengame-mu": eigen.EigenGameMu,
    "hotelling": eigen.Hotelling,
    "parallel-deflation": eigen.ParallelDeflation,
    "exact": eigen.Exact,
}
