"""Cuts against exhaustive search by another route and against graphs whose maximum is known."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qalgs import problems

# every edge of a bipartite graph can be cut; the ring of 14 is one
GRAPHS = {
    "path": (problems.path_graph, nx.path_graph(14), 13),
    "star": (problems.star_graph, nx.star_graph(13), 13),
    "cycle": (problems.cycle_graph, nx.cycle_graph(14), 14),
    "ladder": (problems.ladder_graph, nx.ladder_graph(7), 19),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_the_graphs_of_nest(name):
    make, theirs, best = GRAPHS[name]
    edges = make(14)
    assert {frozenset(e) for e in edges} == {frozenset(e) for e in theirs.edges}
    value, bits = problems.maxcut(edges).optimum
    assert value == best == problems.maxcut(edges).cut_value(bits)


def test_two_stars():
    problem = problems.maxcut(problems.two_stars_graph(14))
    degrees = np.bincount(np.array(problem.edges).ravel())
    assert sorted(degrees.tolist()) == [1] * 12 + [7, 7]
    assert problem.optimum[0] == 13


def test_an_odd_ring_leaves_one_edge():
    assert problems.maxcut(problems.cycle_graph(7)).optimum[0] == 6


@settings(deadline=None, max_examples=25)
@given(n=st.integers(2, 7), seed=st.integers(0, 2**32 - 1))
def test_energies_are_minus_cuts(n, seed):
    draw = np.random.default_rng(seed)
    edges = [(i, j, round(float(draw.normal()), 3)) for i in range(n) for j in range(i) if draw.random() < 0.7]
    edges = edges or [(0, 1, 1.0)]
    problem = problems.maxcut(edges)
    bits = np.arange(2**problem.num_nodes)[:, None] >> np.arange(problem.num_nodes) & 1
    diagonal = problem.hamiltonian.to_matrix().diagonal().real
    np.testing.assert_allclose(diagonal, -problem.cut_value(bits), atol=1e-12)
    assert problem.optimum[0] == pytest.approx(-diagonal.min(), abs=1e-12)
    assert problem.cut_value(problem.optimum[1]) == pytest.approx(problem.optimum[0])


def test_networkx_weights_and_lonely_nodes():
    graph = nx.Graph()
    graph.add_nodes_from("abcd")
    graph.add_edge("a", "c", weight=2.5)
    graph.add_edge("b", "c")
    problem = problems.maxcut(graph)
    assert (problem.num_nodes, problem.edges) == (4, ((0, 2), (1, 2)))
    np.testing.assert_array_equal(problem.weights, [2.5, 1.0])
    assert problem.hamiltonian.num_qubits == 4


def test_parallel_edges_add_up():
    np.testing.assert_array_equal(problems.maxcut([(0, 1), (1, 0), (0, 1, 0.5)]).weights, [2.5])


def test_misuse_is_named():
    cases = [
        (lambda: problems.maxcut([]), "`graph` must have an edge"),
        (lambda: problems.maxcut([(1, 1)]), "`graph` must join different nodes"),
        (lambda: problems.maxcut([(0, 1, 2, 3)]), "`graph` must hold pairs or triples"),
        (lambda: problems.maxcut([(0, -1)]), "`graph` must be at least 0"),
        (lambda: problems.maxcut([(0, 1, float("nan"))]), "`graph` must be finite"),
        (lambda: problems.maxcut([(0, 1)]).cut_value([0, 2]), "`bits` must be 0 or 1"),
        (lambda: problems.maxcut([(0, 1)]).cut_value([0]), "`bits` must be 0 or 1"),
        (lambda: problems.maxcut([(0, 20)]).optimum, "`num_nodes` must be at most 20"),
        (lambda: problems.ladder_graph(7), "`num_nodes` must be even"),
        (lambda: problems.cycle_graph(2), "`num_nodes` must be at least 3"),
    ]
    for make, words in cases:
        with pytest.raises(ValueError, match=words):
            make()
    for wrong in (3, "path"):
        with pytest.raises(TypeError, match="`graph` must be a networkx graph"):
            problems.maxcut(wrong)
