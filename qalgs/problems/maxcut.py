r"""Maximum cuts of graphs, and the graphs of the Nest experiments. Node i is qubit i.

Energy convention: $H = \sum_{ij} w_{ij} (Z_i Z_j - 1) / 2$, so that the energy of a basis state is minus the weight of
its cut and the ground energy is minus the maximum cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.quantum_info import SparsePauliOp

from qalgs.checks import argument, finite_array, positive_int

Edges = tuple[tuple[int, int], ...]

# 2**19 cuts: a node is on one side for certain.
_WIDEST = 20
_CHUNK = 1 << 14


@dataclass(frozen=True, eq=False)
class MaxCut:
    """A graph whose nodes are to be split in two so that the edges between the parts weigh most."""

    num_nodes: int
    edges: Edges
    """Pairs of different nodes, smaller first, each once."""
    weights: NDArray[np.float64]
    """Weight of each edge."""

    @property
    def num_qubits(self) -> int:
        """One per node."""
        return self.num_nodes

    @cached_property
    def hamiltonian(self) -> SparsePauliOp:
        """Sum of w (ZZ - 1) / 2 over the edges."""
        terms: list[tuple[str, list[int], float]] = [("", [], -float(self.weights.sum()) / 2)]
        terms += [("ZZ", [i, j], float(w) / 2) for (i, j), w in zip(self.edges, self.weights, strict=True)]
        return SparsePauliOp.from_sparse_list(terms, num_qubits=self.num_nodes)

    def cut_value(self, bits: ArrayLike) -> NDArray[np.float64]:
        """(...) weight of the edges between nodes with different bits, for (..., nodes) bits, node 0 first.

        Raises:
            TypeError: ``bits`` are not numbers.
            ValueError: an entry is neither 0 nor 1, or there is not one per node.
        """
        values = finite_array(bits, "bits")
        if values.ndim == 0 or values.shape[-1] != self.num_nodes or not np.isin(values, (0, 1)).all():
            must = f"be 0 or 1 for each of {self.num_nodes} nodes"
            raise ValueError(argument("bits", must, f"its shape is {values.shape} and it holds {np.unique(values)}"))
        first, second = np.array(self.edges).T
        return (values[..., first] != values[..., second]) @ self.weights

    @cached_property
    def optimum(self) -> tuple[float, tuple[int, ...]]:
        """Weight and bits, node 0 first, of a maximum cut, by trying all of them.

        Raises:
            ValueError: there are more than 20 nodes.
        """
        n = positive_int(self.num_nodes, "num_nodes", maximum=_WIDEST)
        best, bits = -np.inf, (0,) * n
        for start in range(0, 1 << (n - 1), _CHUNK):
            cuts = np.arange(start, min(start + _CHUNK, 1 << (n - 1)))[:, None] >> np.arange(n) & 1
            values = self.cut_value(cuts)
            top = int(values.argmax())
            if values[top] > best:
                best, bits = float(values[top]), tuple(cuts[top].tolist())
        return best, bits


def maxcut(graph: Any) -> MaxCut:
    """The maximum cut of a graph as a Hamiltonian to minimise.

    Args:
        graph: a networkx graph, whose nodes are numbered in its own order and whose edges may carry "weight"; or pairs
            (i, j) or triples (i, j, weight) of nodes counted from 0. Parallel edges add up.

    Raises:
        TypeError: ``graph`` is neither.
        ValueError: there is no edge, a node is joined to itself, or a number is out of range.

    Example:
        >>> problem = maxcut([(0, 1), (1, 2)])
        >>> problem.optimum
        (2.0, (0, 1, 0))
    """
    triples, least = _triples(graph)
    total: dict[tuple[int, int], float] = {}
    for i, j, weight in triples:
        i, j = positive_int(i, "graph", minimum=0), positive_int(j, "graph", minimum=0)
        if i == j:
            raise ValueError(argument("graph", "join different nodes", f"node {i} is joined to itself"))
        pair = (min(i, j), max(i, j))
        total[pair] = total.get(pair, 0.0) + float(finite_array(weight, "graph", ndim=0))
    if not total:
        raise ValueError(argument("graph", "have an edge", "it has none"))
    nodes = max(least, 1 + max(j for _, j in total))
    return MaxCut(nodes, tuple(total), np.array(list(total.values())))


def path_graph(num_nodes: int) -> Edges:
    """A chain. Raises ValueError below 2 nodes.

    Example:
        >>> path_graph(3)
        ((0, 1), (1, 2))
    """
    n = positive_int(num_nodes, "num_nodes", minimum=2)
    return tuple((i, i + 1) for i in range(n - 1))


def cycle_graph(num_nodes: int) -> Edges:
    """A ring. Raises ValueError below 3 nodes.

    Example:
        >>> cycle_graph(3)
        ((0, 1), (1, 2), (0, 2))
    """
    n = positive_int(num_nodes, "num_nodes", minimum=3)
    return (*path_graph(n), (0, n - 1))


def star_graph(num_nodes: int) -> Edges:
    """Node 0 joined to all others. Raises ValueError below 2 nodes.

    Example:
        >>> star_graph(4)
        ((0, 1), (0, 2), (0, 3))
    """
    n = positive_int(num_nodes, "num_nodes", minimum=2)
    return tuple((0, i) for i in range(1, n))


def two_stars_graph(num_nodes: int) -> Edges:
    """Two stars of half the nodes each, their centres joined. Raises ValueError for odd numbers and below 4.

    Example:
        >>> two_stars_graph(4)
        ((0, 1), (2, 3), (0, 2))
    """
    half = _half(num_nodes)
    return (*star_graph(half), *((half, half + i) for i in range(1, half)), (0, half))


def ladder_graph(num_nodes: int) -> Edges:
    """Two chains of half the nodes each with a rung at every node. Raises ValueError for odd numbers and below 4.

    Example:
        >>> ladder_graph(4)
        ((0, 1), (2, 3), (0, 2), (1, 3))
    """
    half = _half(num_nodes)
    rails = path_graph(half)
    return (*rails, *((half + i, half + j) for i, j in rails), *((i, half + i) for i in range(half)))


def _half(num_nodes: int) -> int:
    n = positive_int(num_nodes, "num_nodes", minimum=4)
    if n % 2:
        raise ValueError(argument("num_nodes", "be even", f"it is {n}"))
    return n // 2


def _triples(graph: Any) -> tuple[Iterable[tuple[Any, Any, Any]], int]:
    """Edges with weights, and how many nodes there are at least."""
    if hasattr(graph, "nodes") and hasattr(graph, "edges"):
        place = {node: i for i, node in enumerate(graph.nodes)}
        return [(place[a], place[b], w) for a, b, w in graph.edges(data="weight", default=1.0)], len(place)
    if isinstance(graph, str) or not isinstance(graph, Iterable):
        must = "be a networkx graph or a sequence of edges"
        raise TypeError(argument("graph", must, f"it is a {type(graph).__name__}"))
    edges: list[Sequence[Any]] = [tuple(edge) for edge in graph]
    for edge in edges:
        if len(edge) not in (2, 3):
            raise ValueError(argument("graph", "hold pairs or triples", f"one edge is {edge}"))
    return [(e[0], e[1], e[2] if len(e) == 3 else 1.0) for e in edges], 0
