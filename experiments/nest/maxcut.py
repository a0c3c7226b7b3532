"""Cuts of five graphs by QAOA on placements: Nest, the best placement with the same restarts, and Qoncord."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import qalgs as qa
from experiments.bench.table import Row
from experiments.nest.common import COLOURS
from qalgs import problems
from qalgs.backends import get
from qalgs.checks import child
from qalgs.vqa.policies import Policy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED = """\
Published for 14 nodes, Nest / BestMap / Qoncord: path .638/.561/.497, star .547/.505/.429, cycle .655/.606/.533, two
stars .538/.506/.458, ladder .584/.537/.513. The published trace called Nest stays on one placement: it is restarts.
Here `ideal_ratio` is the approximation ratio of the returned angles without noise, about 0.75 at most on paths and
cycles at depth 1, and `measured_ratio` what the device shows. With two angles every policy finds nearly the same; the
rest is noise, and the graphs that need SWAPs have most."""

GRAPHS: dict[str, Callable[[int], Any]] = {
    "path": problems.path_graph,
    "star": problems.star_graph,
    "cycle": problems.cycle_graph,
    "two stars": problems.two_stars_graph,
    "ladder": problems.ladder_graph,
}


@dataclass(frozen=True)
class Config:
    """14 nodes on a Heron: 14 noisy qubits are simulated shot by shot, so shots are few; a run takes minutes."""

    graphs: tuple[str, ...] = tuple(GRAPHS)
    num_nodes: int = 14
    device: str = "fake_fez"
    depth: int = 1
    cycles: int = 3
    shots: int = 64
    max_evaluations: int = 42
    repeats: int = 1
    seed: int = 8


PRESETS = {
    "smoke": Config(graphs=("path", "star"), num_nodes=4, shots=128, max_evaluations=24, cycles=2),
    "paper": Config(),
}


def total(config: Config) -> int:
    """A row for each policy on each graph."""
    return len(config.graphs) * len(_policies(config))


def compute(config: Config) -> Iterator[Row]:
    """A row per graph and policy, means over the repeats."""
    seed, backend = np.random.SeedSequence(config.seed), get(f"noisy:{config.device}")
    for g, name in enumerate(config.graphs):
        cut = problems.maxcut(GRAPHS[name](config.num_nodes))
        for policy, schedule in _policies(config).items():
            began = time.perf_counter()
            results = [
                qa.qaoa(
                    cut,
                    depth=config.depth,
                    schedule=schedule,
                    backend=backend,
                    shots=config.shots,
                    max_evaluations=config.max_evaluations,
                    final_shots=config.shots,
                    rng=child(seed, g, r),
                )
                for r in range(config.repeats)
            ]
            ideal = np.array([ideal_ratio(cut, result, config.depth) for result in results])
            measured = np.array([result.ratio for result in results], float)
            yield {
                "graph": name,
                "policy": policy,
                "ideal_ratio": float(ideal.mean()),
                "measured_ratio": float(measured.mean()),
                "best_cut": max(-result.best_cost for result in results) / -float(results[0].reference or np.nan),
                "evaluations": float(np.mean([result.evaluations for result in results])),
                "first_esp": float(results[0].esp[0]),
                "last_esp": float(results[0].esp[-1]),
                "wall_s": (time.perf_counter() - began) / config.repeats,
                "ideal": ideal,
                "measured": measured,
            }


def ideal_ratio(cut: problems.MaxCut, result: qa.QAOAResult, depth: int) -> float:
    """Energy of the returned angles without noise, over the lowest."""
    exact = get("statevector")
    program = exact.prepare(qa.circuits.qaoa(cut.hamiltonian, depth=depth), cut.hamiltonian)
    energy = exact.expect(program, result.parameters).values[0, 0]
    return float(energy / result.reference) if result.reference else np.nan


def figure(config: Config, rows: Sequence[Row]) -> Figure:
    """Ratios by graph: bars without noise, dots as measured."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(9, 4), layout="constrained")
    ax = canvas.subplots()
    graphs = list(dict.fromkeys(row["graph"] for row in rows))
    policies = list(dict.fromkeys(row["policy"] for row in rows))
    for k, policy in enumerate(policies):
        mine = {row["graph"]: row for row in rows if row["policy"] == policy}
        x = [graphs.index(graph) + 0.26 * (k - (len(policies) - 1) / 2) for graph in mine]
        ax.bar(x, [row["ideal_ratio"] for row in mine.values()], 0.24, color=COLOURS[k], alpha=0.75, label=policy)
        ax.plot(x, [row["measured_ratio"] for row in mine.values()], "o", color="black", markersize=4)
    ax.set_xticks(range(len(graphs)), graphs)
    ax.set(ylabel="approximation ratio", ylim=(0, 1), title=f"{config.num_nodes} nodes (dots: measured)")
    ax.legend(frameon=False, fontsize=8)
    return canvas


def _policies(config: Config) -> dict[str, Policy]:
    C = config.cycles
    return {"nest": qa.Nest(cycles=C), "bestmap, restarts": qa.BestMap(C), "qoncord": qa.Qoncord()}
