"""What the demo runs: one small problem for each of the four methods, with the controls that it is measured by."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from qalgs import circuits, plot, problems
from qalgs.backends import get
from qalgs.callbacks import Progress
from qalgs.checks import as_seed_sequence
from qalgs.cli.report import Picture, Section
from qalgs.cli.tomography import Options, fitted
from qalgs.eigen import VQD, EigenGame, EigenWarning, eigensolve
from qalgs.linear import HHL, QSVT, ChebyshevLCU, ProximalPoint, linear_solve
from qalgs.results import Estimate
from qalgs.run import Status
from qalgs.tomo import LBFGS, measure_paulis
from qalgs.tomo import tomography as reconstruct
from qalgs.vqa import BestMap, ConstantLow, Nest, vqe
from qalgs.vqa.problem import calibration_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEVICE = "noisy:fake_fez"
_ACCENT, _QUIET = "#1f3b5c", "#9fb0c3"


def tomography(seed: int) -> Section:
    """An 8-qubit GHZ state on a noisy model of a device, reconstructed by Local SFGD on four machines."""
    o = Options(state="ghz", qubits=8, backend=DEVICE, fraction=0.2, shots=2048, rank=4, bootstrap=10, rng=seed)
    backend, circuit, target, bar = get(DEVICE), circuits.ghz(8), problems.ghz_state(8), Progress("tomography")
    exact = backend.prepare(circuit, problems.ghz_projector(8))
    data = measure_paulis(
        circuit, fraction=0.2, shots=2048, backend=backend, qubits=exact.layout, rng=seed, callback=bar
    )
    whole(data.complete)
    result = fitted(data, o.local_sfgd, target, o, as_seed_sequence(seed), bar)
    whole(result)
    claim = fitted(data, LBFGS(), target, replace(o, rank=1, bootstrap=0), as_seed_sequence(seed), bar)
    pooled = reconstruct(data, rank=4, bootstrap=0, rng=seed).fidelity(target)
    truth = float(backend.expect(exact).values[0, 0])
    rho, ideal = result.density_matrix(), plot.as_matrix(target)
    states = plot.populated((rho + ideal) / 2, 6)
    scale = float(max(abs(rho).max(), abs(ideal).max()))
    pictures = [
        _picture(
            "Distance of the average from the ideal state after every exchange.",
            lambda ax: plot.convergence(result, xlabel="communication round", ax=ax),
        ),
        _picture(
            "The state that was measured: the corners are those of a GHZ state, the rest is the device's noise.",
            lambda ax: plot.density_matrix(rho, states=states, scale=scale, title="reconstructed", ax=ax),
        ),
        _picture(
            "The state that was meant.",
            lambda ax: plot.density_matrix(ideal, states=states, scale=scale, title="ideal", ax=ax),
        ),
    ]
    numbers = {
        "fidelity": f"{result.fidelity(target)} of the reconstructed state with the ideal one",
        "truth": f"{truth:.4f}: the simulator knows, a device would not",
        "control": f"{pooled.value:.4f} by L-BFGS with all the data in one place",
        "beware": f"{claim.fidelity(target).value:.4f} is what a rank-1 fit claims; its misfit of {claim.misfit:.2f}"
        f" against {result.misfit:.2f} gives it away",
        "cost": f"{len(data)} settings of 8 qubits, {len(data) * 2048:,} shots",
        "traffic": f"{result.rounds} rounds, {result.history['bytes'][-1] / 1e6:.1f} MB",
    }
    return Section(
        "Measure a state and reconstruct it",
        "Eight qubits of a noisy model of the 156-qubit IBM Fez are put into a GHZ state and measured in random Pauli "
        "settings that contain a fifth of all its Pauli observables. Four machines, each with a quarter of the data, "
        "reconstruct the state together (Local SFGD): they exchange a thin matrix now and then, never their data.",
        numbers,
        pictures,
        [
            f"qalgs demo --only tomography --rng {seed}",
            f"qalgs tomography --qubits 8 --backend {DEVICE} --rank 4 --rng {seed}",
        ],
        f"""
import qalgs as qa

data = qa.measure_paulis(qa.circuits.ghz(8), fraction=0.2, shots=2048, backend="{DEVICE}", rng={seed})
result = qa.tomography(data, rank=4, method=qa.LocalSFGD(machines=4), bootstrap=10, rng={seed})
print(result, result.fidelity(qa.problems.ghz_state(8)))
""",
    )


def eigensolve_h2(seed: int) -> Section:
    """Four levels of hydrogen by the EigenGame, exactly and with shots, VQD beside it."""
    molecule, bar = problems.molecule("H2", bond_length=0.742), Progress("eigensolve")
    known = molecule.exact_levels(4)
    shared: dict[str, Any] = {"ansatz": circuits.hardware_efficient(4, reps=3), "rng": seed, "callback": bar}
    result = whole(eigensolve(molecule, k=4, method=EigenGame(), **shared))
    control = whole(eigensolve(molecule, k=4, method=VQD(), **shared))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EigenWarning)
        # One step from the circuits that were found: what a device would measure of them.
        once = EigenGame(max_steps=1, restarts=0)
        points = np.array([player.parameters for player in result.players])
        shot = eigensolve(molecule, k=4, method=once, shots=4000, initial=points, **shared)
    whole(shot)
    pictures = [
        _picture(
            "Levels of hydrogen, computed and measured; dashed: exact.",
            lambda ax: plot.levels(
                [result, control, shot],
                exact=known,
                label=["EigenGame", "VQD", "4000 shots"],
                unit="hartree",
                ax=ax,
            ),
        ),
        _picture("The measured levels minus the exact ones, with their standard errors.", _deviations(shot, known)),
    ]
    numbers = {f"level {r}": f"{value:.6f} hartree" for r, value in enumerate(result.eigenvalues)}
    numbers |= {
        "error": f"{np.abs(result.eigenvalues - known).max():.1e} hartree at most; chemical accuracy is 1.6e-3",
        "with shots": ", ".join(
            str(Estimate(float(v), float(e))) for v, e in zip(shot.eigenvalues, shot.eigenvalues_err, strict=True)
        ),
        "cost": f"{_counted(result)}; VQD {_counted(control)}",
        "shots": f"{shot.cost.shots:,}, for the four levels and the comparisons between their circuits",
    }
    return Section(
        "Find the levels of a molecule",
        "The ground state and the first three excited states of hydrogen at 0.742 angstrom, on four qubits. Each level "
        "is a player of a game (Quantum EigenGame): it lowers its energy and keeps away from the players before it. "
        "The levels are then those of the space that all players span, which repairs what a player missed.",
        numbers,
        pictures,
        [f"qalgs demo --only eigensolve --rng {seed}", f"qalgs eigensolve h2 --k 4 --rng {seed}"],
        f"""
import qalgs as qa

molecule, ansatz = qa.problems.molecule("H2", bond_length=0.742), qa.circuits.hardware_efficient(4, reps=3)
result = qa.eigensolve(molecule, k=4, method=qa.EigenGame(), ansatz=ansatz, rng={seed})
print(result, molecule.exact_levels(4))
""",
    )


def linear_poisson(seed: int) -> Section:
    """A Poisson equation by QSVT with counted queries, other solvers beside it."""
    points, eps = 8, 1e-2
    A, b = problems.poisson_system(points)
    methods = {
        "QSVT": QSVT(),
        "Chebyshev LCU": ChebyshevLCU(),
        "HHL": HHL(),
        "wrapped QSVT": ProximalPoint(allow_skip=False),
    }
    found = {name: whole(linear_solve(A, b, method=m, eps=eps, verify=True)) for name, m in methods.items()}
    result, shot = found["QSVT"], whole(linear_solve(A, b, method=QSVT(), eps=eps, shots=20_000, rng=seed))
    assert result.x is not None
    assert shot.norm is not None
    queries = {name: each.queries.expected for name, each in found.items()}
    pictures = [
        _picture("The solution: exact curve, exact amplitudes, and 20,000 shots.", _solution(result.x, shot)),
        _picture("Uses of the matrix until one run is expected to have succeeded.", _bars(queries)),
    ]
    numbers = {
        "error": f"{result.error:.1e} of the prepared state, {eps:g} asked for",
        "norm": f"{result.norm:.6f}; with shots {Estimate(shot.norm, shot.norm_err)}; "
        f"exact {np.linalg.norm(np.linalg.solve(A, b)):.6f}",
    }
    numbers |= {name: f"{each.queries}, error {each.error:.1e}" for name, each in found.items()}
    plan = whole(linear_solve(A, b, method=ProximalPoint(), eps=eps, engine="numpy"))
    numbers["when to wrap"] = "; ".join(plan.notes)
    return Section(
        "Solve a linear system",
        "The Poisson equation -u'' = 1 on eight points, condition number 32. A circuit applies a polynomial close to "
        "1/x to the eigenvalues of the matrix (QSVT), and every use of the matrix is counted in the circuit that is "
        "run. The proximal-point wrapper pays where the precision is coarse or a good start is known; here it does not,"
        " and says so.",
        numbers,
        pictures,
        [f"qalgs demo --only linear-solve --rng {seed}", f"qalgs linear-solve poisson:{points} --eps {eps:g}"],
        f"""
import qalgs as qa

A, b = qa.problems.poisson_system({points})
result = qa.linear_solve(A, b, method=qa.QSVT(), eps={eps:g}, verify=True)
print(result, result.x)
""",
    )


def vqe_nest(seed: int) -> Section:
    """An Ising chain on a noisy device by Nest, with BestMap and a poor placement beside it."""
    H, backend, bar = problems.transverse_field_ising(4), get(DEVICE), Progress("vqe")
    ansatz = circuits.hardware_efficient(4, reps=1, rotations=("ry",))
    shared: dict[str, Any] = {"backend": backend, "shots": 2000, "max_evaluations": 240, "rng": seed, "callback": bar}
    policies = {"Nest": Nest(), "BestMap": BestMap(6), "a poor placement": ConstantLow()}
    found = {name: whole(vqe(H, ansatz, schedule=policy, **shared)) for name, policy in policies.items()}
    result, calibration = found["Nest"], calibration_of(backend)
    assert calibration is not None
    pictures = [
        Picture(_run_figure(result), "Energy and success probability of the placement over the run."),
        _picture(
            "Where on the device it ran, from the poor qubits to the best.",
            lambda ax: plot.walk(result, calibration, ax=ax),
        ),
    ]
    numbers = {"exact": f"{result.reference:.4f}"}
    numbers |= {name: f"{Estimate(each.energy, each.energy_err)}" for name, each in found.items()}
    numbers |= {
        "cost": f"{result.evaluations} energies of 2000 shots a basis each, the same for all three",
        "walk": f"{len(result.placements)} cycles, success probability {result.esp[0]:.3f} to {result.esp[-1]:.3f},"
        f" at most {result.moves.max()} qubit moves at a time",
        "device time": f"{result.device_seconds:.0f} s by the model of qalgs.DeviceTime",
    }
    return Section(
        "Minimise an energy on a noisy device",
        "The lowest energy of four spins (Ising chain in a transverse field) on a noisy model of the IBM Fez. Nest "
        "begins on poor qubits and walks to the best ones, one qubit at a time, so that good qubits are free for "
        "others meanwhile. One run of each policy decides nothing: the spread between seeds is larger than the "
        "difference. The paired comparison is python -m experiments run nest/comparison.",
        numbers,
        pictures,
        [
            f"qalgs demo --only vqe --rng {seed}",
            f"qalgs vqe ising:4 --backend {DEVICE} --schedule nest --rng {seed}",
        ],
        f"""
import qalgs as qa

H, ansatz = qa.problems.transverse_field_ising(4), qa.circuits.hardware_efficient(4, reps=1, rotations=("ry",))
result = qa.vqe(H, ansatz, schedule=qa.Nest(), backend="{DEVICE}", shots=2000, max_evaluations=240, rng={seed})
print(result)
""",
    )


SHOWN: dict[str, Callable[[int], Section]] = {
    "tomography": tomography,
    "eigensolve": eigensolve_h2,
    "linear-solve": linear_poisson,
    "vqe": vqe_nest,
}


def whole(result: Any) -> Any:
    """The result itself, when its run was not cut short.

    Raises:
        KeyboardInterrupt: it was.
    """
    if result is False or getattr(result, "status", None) is Status.INTERRUPTED:
        raise KeyboardInterrupt
    return result


def _picture(caption: str, draw: Callable[[Axes], object]) -> Picture:
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(5, 4), layout="constrained")
    draw(canvas.subplots())
    return Picture(canvas, caption)


def _run_figure(result: Any) -> Any:
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(5, 4), layout="constrained")
    plot.run(result, axes=canvas.subplots(2, 1, sharex=True, height_ratios=[3, 1]).tolist())
    return canvas


def _deviations(result: Any, known: np.ndarray) -> Callable[[Axes], object]:
    def draw(ax: Axes) -> None:
        off = 1e3 * (result.eigenvalues - known)
        ax.axhline(0, color=_QUIET, linewidth=1)
        ax.errorbar(range(len(off)), off, 1e3 * result.eigenvalues_err, fmt="o", color=_ACCENT, capsize=4)
        ax.set(xlabel="level", ylabel="measured - exact (millihartree)", xticks=range(len(off)))

    return draw


def _solution(x: np.ndarray, shot: Any) -> Callable[[Axes], object]:
    def draw(ax: Axes) -> None:
        at, fine = np.arange(1, len(x) + 1) / (len(x) + 1), np.linspace(0, 1, 200)
        size = np.sqrt(shot.probabilities)
        ax.plot(fine, fine * (1 - fine) / 2, color=_QUIET, label="x (1 - x) / 2")
        ax.plot(at, np.real(x), "o", color=_ACCENT, markerfacecolor="none", markersize=9, label="QSVT, exact")
        err = shot.norm * shot.probabilities_err / (2 * size)
        ax.errorbar(at, shot.norm * size, err, fmt=".", color="#c0392b", capsize=3, label="|u| from shots")
        ax.set(xlabel="x", ylabel="u")
        ax.legend(frameon=False)

    return draw


def _bars(values: dict[str, float]) -> Callable[[Axes], object]:
    def draw(ax: Axes) -> None:
        bars = ax.barh(list(values), list(values.values()), color=_ACCENT)
        ax.bar_label(bars, fmt="%.0f", padding=3)
        ax.invert_yaxis()
        ax.margins(x=0.15)
        ax.set_xlabel("queries, expected")

    return draw


def _counted(result: Any) -> str:
    return ", ".join(f"{number} {name}" for name, number in result.counted.items() if number)
