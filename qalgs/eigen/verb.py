"""The verb ``eigensolve``: check, play, take the best of the span, package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from qiskit.circuit import QuantumCircuit

from qalgs.backends import BackendLike, get
from qalgs.checks import RngLike, argument, as_seed_sequence, child, finite_array, positive_int
from qalgs.eigen import checkpoint as files
from qalgs.eigen.classical.base import ClassicalMethod
from qalgs.eigen.classical.solve import as_matrix_problem, solve
from qalgs.eigen.deflation import Real
from qalgs.eigen.methods import EigenGame
from qalgs.eigen.observables import Aux, as_observables, observed
from qalgs.eigen.outcome import Method, Setup, estimator_for
from qalgs.eigen.packaging import constant, package
from qalgs.eigen.problem import (
    Hamiltonian,
    SectorLike,
    as_circuits,
    as_problem,
    check_levels,
    check_players,
    from_determinants,
)
from qalgs.eigen.result import EigenResult
from qalgs.eigen.sectors import solve_sectors
from qalgs.problems import Molecule
from qalgs.results import provenance
from qalgs.run import Callback, drive

_GAME, _SHOTS, _BOOTSTRAP, _SECTOR = 0, 1, 2, 3
"""Keys of the random streams."""


def eigensolve(
    H: Hamiltonian,
    k: int = 1,
    *,
    method: Method | ClassicalMethod | None = None,
    ansatz: QuantumCircuit | Sequence[QuantumCircuit] | None = None,
    backend: BackendLike = "statevector",
    which: Literal["SA", "LA"] = "SA",
    shots: Any = None,
    sector: SectorLike = "auto",
    aux: Aux = None,
    resolve: Sequence[str] = (),
    initial: ArrayLike | EigenResult | None = None,
    bootstrap: int = 200,
    rng: RngLike = None,
    callback: Callback | Sequence[Callback] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 50,
    resume: bool = False,
) -> EigenResult:
    """The k lowest levels of a Hamiltonian, and circuits that prepare them.

    Args:
        H: SparsePauliOp, Hermitian array of 2^n rows (dense or SciPy sparse), PennyLane operator, or ``Molecule``.
        k: levels wanted, 1 to 2^n; 1 is the ground state, and the method then VQE.
        method: ``EigenGame()`` when None; ``VQD()``, ``SSVQE()``, ``SubspaceExpansion()``; or one that works on the
            matrix, without ansatz, backend, shots and checkpoint: ``ClassicalEigenGame()``, ``EigenGameMu()``,
            ``Hotelling()``, ``ParallelDeflation()``, ``Exact()``.
        ansatz: a circuit without measurements on the qubits of H, or one per player, guards included. None for coupled
            cluster from the lowest determinants, one for each player, where H is a molecule, its lowest levels are
            wanted and values are exact; else for layers of RY and CX (RY, RZ and CX where H is not real).
        backend: a name, a backend or a Qiskit ``BackendV2``. Exact values need "statevector".
        which: "SA" for the lowest levels, "LA" for the highest.
        shots: None for exact values; else shots per circuit, or a ``ShotPolicy``.
        sector: pairs (operator, value) of what is conserved: states of other values are pushed above the spectrum.
            "auto": the electrons and Sz of a molecule's reference, nothing for other kinds of H. None: nothing. "all":
            each sector of a molecule in turn that has its electrons, whatever the Sz and, where it is tapered, the
            symmetries; the k lowest levels of them all are told.
        aux: further operators by name, whose expectation values are wanted in each level; of a molecule also a
            sequence of the names "N" (electrons), "Sz" and "S2".
        resolve: names of such operators, which commute with H and one another: where levels are degenerate, states are
            chosen that have one value each of these. Ask for whole multiplets: a part of one may have none.
        initial: (j, p) starts of the first j players, or an earlier result to start from; a method that works on the
            matrix takes (2^n, k) vectors.
        bootstrap: replicas behind the errors of Ritz values under shots.
        rng: decides starts and shots.
        callback: called after each round with a ``Step``, whose state is the ``Standing``; StopIteration ends the run.
        checkpoint: a file that is written every ``checkpoint_every`` rounds.
        checkpoint_every: at least 1.
        resume: go on from ``checkpoint`` instead of starting anew; the same task and seed are asked for.

    Returns:
        The result; what was reached, after StopIteration or Ctrl-C. A run that did not converge says so in ``status``
        and in the players' own.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument does not fit; nothing has run.
        ShiftTooSmallError: a shift that was given is below a level that is sought.
        CapabilityError: the circuit is outside what the backend can do.
        KeyboardInterrupt: interrupted before anything was found.

    Warns:
        EigenWarning: players are not independent, or levels are the players' own because cross terms are not measured.

    Example:
        >>> import qalgs as qa
        >>> from qiskit.quantum_info import SparsePauliOp
        >>> result = qa.eigensolve(SparsePauliOp(["ZI", "IZ", "XX"], [1.0, 0.5, 0.25]), k=2, rng=1)
        >>> result.eigenvalues.round(4)
        array([-1.5207, -0.559 ])
    """
    method = EigenGame() if method is None else method
    if isinstance(sector, str) and sector == "all":
        _refuse('with sector "all"', initial=initial, checkpoint=checkpoint)
        if isinstance(aux, Mapping):
            raise ValueError(argument("aux", 'be names with sector "all", as operators differ', "it is a mapping"))
        parent = as_seed_sequence(rng)

        def solve_one(part: Molecule, levels: int, i: int) -> EigenResult:
            return eigensolve(
                part,
                levels,
                method=method,
                ansatz=ansatz,
                backend=backend,
                which=which,
                shots=shots,
                aux=aux,
                resolve=resolve,
                bootstrap=bootstrap,
                rng=child(parent, _SECTOR, i),
                callback=callback,
            )

        record = provenance(method, parent, f"all sectors of {H}")
        return solve_sectors(H, k, -1 if which == "LA" else 1, solve_one, record)
    if isinstance(method, ClassicalMethod):
        _refuse("with a method that works on the matrix", ansatz=ansatz, shots=shots, checkpoint=checkpoint)
        task = as_matrix_problem(H, k, which=which, sector=sector)
        operators = as_observables(H, task.num_qubits, aux, resolve)
        levels = solve(task, k, method, start=initial, seed=as_seed_sequence(rng), callback=callback)
        return observed(levels, operators, resolve)
    problem = as_problem(H, which=which, sector=sector)
    molecule = problem.molecule if ansatz is None and shots is None and method.each else None
    reach = 1 << problem.num_qubits if molecule is None else problem.dim
    players = check_players(method.players(check_levels(k, problem), reach), k, reach)
    seed, machine = as_seed_sequence(rng), get(backend)
    bootstrap = positive_int(bootstrap, "bootstrap", minimum=0)
    every = positive_int(checkpoint_every, "checkpoint_every")
    operators = as_observables(H, problem.num_qubits, aux, resolve)
    each = as_circuits(ansatz, problem, players) if molecule is None else from_determinants(molecule, players)
    circuits = method.arrange(each, k)
    starts = _starts(initial, circuits)
    if checkpoint is not None and not resume and Path(checkpoint).exists():
        raise ValueError(argument("checkpoint", "name a new file unless `resume` is set", f"{checkpoint} is there"))
    if resume and (checkpoint is None or not Path(checkpoint).is_file()):
        raise ValueError(argument("checkpoint", "be a file to resume from", f"it is {checkpoint}"))
    estimator = estimator_for(circuits, problem.hamiltonian, machine, shots, method.cross, child(seed, _SHOTS))
    near = molecule is not None
    setup = Setup(problem, k, circuits, estimator, machine, shots, child(seed, _GAME), starts, near)
    source = f"{problem.name} on {machine.name}"
    if problem.constant:
        return constant(problem, k, circuits, operators, provenance(method, seed, source))

    play = method.begin(setup)
    own = files.identity(
        problem.hamiltonian, circuits, seed, starts, method=method, k=k, shots=shots, backend=machine.name
    )
    if resume:
        files.resume(play, checkpoint or "", own)
    run = drive(files.written(play.rounds(), play, checkpoint, own, every), callback)
    outcome = play.outcome(setup)
    if not outcome.players:
        raise KeyboardInterrupt
    record = provenance(method, seed, source)
    result = package(problem, k, method, setup, run, play, outcome, record, bootstrap, child(seed, _BOOTSTRAP))
    return observed(result, operators, resolve)


def _refuse(where: str, **given: Any) -> None:
    """See that nothing is given that is of no use there.

    Raises:
        ValueError: something is.
    """
    for name, value in given.items():
        if value is not None:
            raise ValueError(argument(name, f"be None {where}", f"it is {value!r}"))


def _starts(initial: ArrayLike | EigenResult | None, circuits: Sequence[QuantumCircuit]) -> tuple[Real | None, ...]:
    """Starts of the first players."""
    if initial is None:
        return ()
    if isinstance(initial, EigenResult):
        rows: list[Real] = [player.parameters for player in initial.players]
    else:
        rows = list(finite_array(initial, "initial", ndim=2))
    if len(rows) > len(circuits):
        must = f"have at most {len(circuits)} rows, one for each player"
        raise ValueError(argument("initial", must, f"it has {len(rows)}"))
    for r, (row, circuit) in enumerate(zip(rows, circuits, strict=False)):
        if len(row) != circuit.num_parameters:
            must = f"have {circuit.num_parameters} numbers for player {r}"
            raise ValueError(argument("initial", must, f"it has {len(row)}"))
    return tuple(np.array(row, float) for row in rows)
