import sys

import pytest

from experiments.bench import peers


def test_a_missing_peer_leaves_a_row_that_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "qiskit_experiments", None)
    assert [row["note"] for row in (*peers.linear(), *peers.convex())] == ["not installed"] * 2


def test_linear_inversion_equals_that_of_qiskit_experiments(monkeypatch):
    pytest.importorskip("qiskit_experiments.library.tomography")
    monkeypatch.setattr(peers, "medians", lambda calls, repeats: [1.0] * len(calls))
    assert all(row["difference"] < 1e-10 for row in peers.linear())
