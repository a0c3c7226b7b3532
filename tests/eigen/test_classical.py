import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.quantum_info import SparsePauliOp
from scipy import sparse

import qalgs as qa
from experiments.eigengame import figure6, parallel_matrix
from experiments.eigengame.matrices import SPECTRA, random_matrix
from qalgs.eigen.classical import (
    ClassicalEigenGame,
    EigenGameMu,
    Exact,
    Hotelling,
    ParallelDeflation,
    as_matrix,
)
from qalgs.eigen.classical.base import arrived
from qalgs.eigen.classical.matrix import Gain, ends
from qalgs.engines import launch
from qalgs.run import Status, drive
from tests.engines.scripted import Scripted

ROOT = Path(__file__).parents[2]
SEED = np.random.SeedSequence(4)
METHODS = [
    ClassicalEigenGame(),
    ClassicalEigenGame("zeroth", sigma=1e-8),
    EigenGameMu(),
    Hotelling(),
    ParallelDeflation(),
    ParallelDeflation(workers=2, local_steps=3),
    Exact(),
]


def hermitian(dim, kind, seed=0):
    """A random Hermitian matrix."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(dim, dim)) + (1j * rng.normal(size=(dim, dim)) if kind == "complex" else 0)
    H = (A + A.conj().T) / 2
    return sparse.csr_array(np.where(abs(H) > 0.8, H, 0)) if kind == "sparse" else H


def solved(method, H, k, **kwargs):
    """The last state, after a run that converged."""
    run = drive(method.iterate(H, k, seed=SEED, **kwargs))
    assert run.status is Status.CONVERGED
    return run.last.state


@pytest.mark.parametrize("kind", ["real", "complex", "sparse"])
@pytest.mark.parametrize("method", METHODS, ids=str)
def test_every_method_finds_the_lowest_levels(method, kind):
    H = hermitian(12, kind)
    dense = H.toarray() if sparse.issparse(H) else H
    state = solved(method, H, 3)
    # A gradient of 1e-6 |M| leaves an energy wrong by its square over the gap.
    np.testing.assert_allclose(state.energies, np.linalg.eigvalsh(dense)[:3], atol=1e-9)
    V = state.vectors
    np.testing.assert_allclose(np.abs(V.conj().T @ V), np.eye(3), atol=1e-4)
    np.testing.assert_allclose(dense @ V, V * state.energies, atol=1e-4)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_all_levels_degenerate_ones_and_one_alone(method):
    rng = np.random.default_rng(1)
    Q, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    levels = np.array([-1.0, -1.0, 0.5, 2.0])
    H = (Q * levels) @ Q.T
    np.testing.assert_allclose(solved(method, H, 4).energies, levels, atol=1e-9)
    np.testing.assert_allclose(solved(method, -2.5 * np.eye(3), 2).energies, -2.5, atol=1e-12)
    np.testing.assert_allclose(solved(method, [[7.0]], 1).energies, 7)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_same_seed_gives_the_same_run(method):
    H = hermitian(8, "complex")
    first, second = (drive(method.iterate(H, 2, seed=SEED)) for _ in range(2))
    np.testing.assert_array_equal(first.last.state.vectors, second.last.state.vectors)
    for name, column in first.history.items():
        np.testing.assert_array_equal(column, second.history[name])


@pytest.mark.parametrize("complex_", [False, True])
def test_the_closed_form_is_the_literal_forward_difference(complex_):
    rng, sigma = np.random.default_rng(2), 1e-3
    H = hermitian(6, "complex" if complex_ else "real", 3)
    M = Gain.of(as_matrix(H), "auto")
    dense = M.c * np.eye(6) - H
    parents = M.starts(2, rng)
    game = ClassicalEigenGame("zeroth", sigma)

    def utility(v):
        penalty = [abs(np.vdot(p, dense @ v)) ** 2 / np.vdot(p, dense @ p).real for p in parents.T]
        return np.vdot(v, dense @ v).real - sum(penalty)

    v = M.starts(1, rng)[:, 0]
    axes = [*np.eye(6), *(1j * np.eye(6) if complex_ else ())]
    literal = np.array([(utility(v + sigma * e) - utility(v)) / sigma for e in axes])
    closed = game._gradient(game._deflated(M, parents), v, M.apply(v))
    np.testing.assert_allclose(np.concatenate([closed.real, closed.imag][: 1 + complex_]), literal, atol=1e-10)


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_game_takes_exactly_what_its_parents_have_found(seed, dim, complex_):
    # D_r = M - M V (V^dagger M V)^-1 V^dagger M has D_r v = 0 for one parent v, whatever v is, and no negative part.
    H = hermitian(dim, "complex" if complex_ else "real", seed)
    M = Gain.of(as_matrix(H), "auto")
    v = M.starts(1, np.random.default_rng(seed))
    D = ClassicalEigenGame()._deflated(M, v)
    np.testing.assert_allclose(D.apply(v[:, 0]), 0, atol=1e-12 * M.norm)
    dense = np.stack([D.apply(e) for e in np.eye(dim)], axis=1)
    assert np.linalg.eigvalsh(dense).min() > -1e-12 * M.norm
    np.testing.assert_allclose(D.diagonal(), np.diag(dense).real, atol=1e-12 * M.norm)


def test_a_child_of_an_inexact_parent_is_orthogonal_to_it_in_the_game_only():
    # Orthogonal up to the child's own, strict tolerance; Hotelling's child shares an angle with the parent's error.
    H, parent_error = np.diag([0.0, 1.0, 2.0, 4.0]), 0.05
    M = Gain.of(as_matrix(H), "auto")
    parent = np.array([1.0, parent_error, 0, 0]) / np.hypot(1, parent_error)
    overlap = {}
    for method in (ClassicalEigenGame(), Hotelling()):
        D = method._deflated(M, parent[:, None])
        _, vectors = np.linalg.eigh(np.stack([D.apply(e) for e in np.eye(4)], axis=1))
        overlap[type(method)] = abs(parent @ vectors[:, -1])
    assert overlap[ClassicalEigenGame] < 1e-12
    assert overlap[Hotelling] > parent_error / 10


def test_a_start_within_the_parents_span_is_left_again():
    # Its gradient is below the tolerance at once, but it is a saddle.
    H = np.diag([0.0, 1.0, 2.0, 3.0])
    start = np.array([[1.0, 0, 0, 0], [1.0, 1e-4, 0, 0]]).T
    for method in (ClassicalEigenGame(), Hotelling(), EigenGameMu(), ParallelDeflation()):
        state = solved(replace(method, tolerance=1e-3), H, 2, start=start)
        np.testing.assert_allclose(state.energies, [0, 1], atol=1e-5)
    assert not arrived(start / np.linalg.norm(start, axis=0))


def test_a_start_is_taken_and_a_run_goes_on_from_its_state():
    H = hermitian(10, "real")
    for method in (ClassicalEigenGame(), EigenGameMu(), ParallelDeflation()):
        state = solved(method, H, 3)
        again = drive(method.iterate(H, 3, seed=SEED, start=state.vectors))
        assert again.last.index <= 3
    run = drive(ParallelDeflation(max_steps=2).iterate(H, 3, seed=SEED))
    assert (run.status, run.last.index) == (Status.MAX_STEPS, 2)
    run = drive(ClassicalEigenGame(max_steps=2).iterate(H, 3, seed=SEED))
    assert (run.status, run.last.index) == (Status.MAX_STEPS, 6)


def test_the_shift_is_free_but_for_the_spectrum():
    H = hermitian(8, "real")
    top = np.linalg.eigvalsh(H)[-1]
    for c in (top + 0.01, top + 3):
        np.testing.assert_allclose(solved(ClassicalEigenGame(c=c), H, 2).energies, np.linalg.eigvalsh(H)[:2], atol=1e-9)
    with pytest.raises(ValueError, match="`c` must be at least the largest eigenvalue"):
        solved(Hotelling(c=top - 1), H, 2)


def test_the_ends_of_large_spectra_come_from_lanczos_iteration():
    for kind in ("real", "complex", "sparse"):
        H = hermitian(150, kind)
        exact = np.linalg.eigvalsh(H.toarray() if sparse.issparse(H) else H)[[0, -1]]
        np.testing.assert_allclose(ends(H), exact, rtol=2e-3)


def test_exact_levels_of_a_large_sparse_matrix():
    H = sparse.diags_array([np.arange(2000.0), np.ones(1999), np.ones(1999)], offsets=[0, 1, -1])
    state = solved(Exact(), H, 4)
    V = state.vectors
    np.testing.assert_allclose(H @ V, V * state.energies, atol=1e-9)
    assert (np.diff(state.energies) > 0).all()


def test_matrices_are_read_in_every_form():
    H = SparsePauliOp(["XX", "ZI"], [1.0, 0.5])
    for given_ in (H, H.to_matrix(), H.to_matrix(sparse=True), type("Molecule", (), {"hamiltonian": H})()):
        matrix = as_matrix(given_)
        assert matrix.dtype == float
        np.testing.assert_array_equal(matrix @ np.eye(4), H.to_matrix().real)
    assert as_matrix(SparsePauliOp("Y")).dtype == complex


@pytest.mark.parametrize(
    ("H", "message"),
    [
        (np.ones((2, 3)), "`H` must be square"),
        (np.ones(4), "`H` must have 2 dimensions"),
        (np.zeros((0, 0)), "`H` must be square"),
        ([[0, 1], [0, 0]], "`H` must be Hermitian"),
        ([[0, 1j], [1j, 0]], "`H` must be Hermitian"),
        ([[np.nan, 0], [0, 1]], "`H` must be finite"),
        (sparse.csr_array([[np.inf, 0], [0, 1.0]]), "`H` must be finite"),
    ],
)
def test_other_matrices_are_refused(H, message):
    with pytest.raises(ValueError, match=message):
        solved(Hotelling(), H, 1)


@pytest.mark.parametrize(
    ("k", "start", "message"),
    [
        (0, None, "`k` must be at least 1"),
        (4, None, "`k` must be at most 3"),
        (2, np.eye(3), r"`start` must have shape \(3, 2\)"),
        (2, 1j * np.eye(3, 2), "`start` must be real"),
        (2, np.array([[1.0, 0], [0, 0], [0, 0]]), "`start` must have no column of zeros, but column 1"),
        (1, np.full((3, 1), np.nan), "`start` must be finite"),
    ],
)
def test_bad_questions_are_refused(k, start, message):
    for method in (ClassicalEigenGame(), ParallelDeflation()):
        with pytest.raises(ValueError, match=message):
            solved(method, np.diag([1.0, 2, 3]), k, start=start)


@pytest.mark.parametrize(
    ("method", "kwargs", "message"),
    [
        (ClassicalEigenGame, {"order": "second"}, "'second'"),
        (ClassicalEigenGame, {"sigma": 0.0}, "`sigma` must be greater than 0"),
        (ClassicalEigenGame, {"step_size": -1.0}, "`step_size` must be greater than 0"),
        (EigenGameMu, {"step_size": 0.0}, "`step_size` must be greater than 0"),
        (Hotelling, {"tolerance": 0.0}, "`tolerance` must be greater than 0"),
        (Hotelling, {"max_steps": 0}, "`max_steps` must be at least 1"),
        (Hotelling, {"c": np.inf}, "`c` must be finite"),
        (ParallelDeflation, {"workers": 0}, "`workers` must be at least 1"),
        (ParallelDeflation, {"local_steps": 0}, "`local_steps` must be at least 1"),
        (ParallelDeflation, {"engine": "dask"}, "'dask'"),
        (ParallelDeflation, {"deadline": 1.0}, "`deadline` must be None in one process"),
    ],
)
def test_bad_settings_are_refused(method, kwargs, message):
    with pytest.raises(ValueError, match=message):
        method(**kwargs)


def test_a_pool_gives_the_numbers_of_one_process_whatever_the_order_of_its_answers(monkeypatch):
    H, method = hermitian(16, "complex"), ParallelDeflation(workers=3)
    here = drive(method.iterate(H, 5, seed=SEED))
    for delays in ([1, 2, 3], [3, 1], [2, 1, 5]):
        pool = Scripted(delays, monkeypatch)
        there = drive(replace(method, engine=pool).iterate(H, 5, seed=SEED))
        np.testing.assert_array_equal(there.last.state.vectors, here.last.state.vectors)
        np.testing.assert_array_equal(there.history["bytes"], here.history["bytes"])


def test_late_workers_keep_their_players_where_they_were(monkeypatch):
    H, pool = hermitian(16, "real"), Scripted([1, 1, 25], monkeypatch)
    steps = []
    for step in ParallelDeflation(workers=3, engine=pool, deadline=5.0).iterate(H, 3, seed=SEED):
        steps.append(step)
        if step.index == 4:
            pool.delays[2] = 1
    third = [step.metrics["energy_2"] for step in steps]
    assert len(set(third[:4])) == 1
    assert len(steps) > drive(ParallelDeflation(workers=3).iterate(H, 3, seed=SEED)).last.index
    np.testing.assert_allclose(steps[-1].state.energies, np.linalg.eigvalsh(H)[:3], atol=1e-9)


def test_the_traffic_is_what_workers_need():
    H = hermitian(16, "real")
    run = drive(ParallelDeflation(workers=3, max_steps=1).iterate(H, 3, seed=SEED))
    # Worker w is told w + 1 vectors of 16 numbers with their values, and answers with one of each.
    assert run.history["bytes"][0] == 8 * 17 * (1 + 2 + 3 + 3)


PROGRAM = """
import sys
import numpy as np
from qalgs.eigen.classical import ParallelDeflation
from tests.eigen.test_classical import SEED, hermitian
*_, last = ParallelDeflation(workers=3, engine="mpi").iterate(hermitian(16, "complex"), 5, seed=SEED)
np.save(sys.argv[1], last.state.vectors)
"""


@pytest.mark.skipif(find_spec("mpi4py") is None, reason='mpi4py is not installed: pip install "qalgs[mpi]"')
def test_mpi_gives_the_numbers_of_one_process(tmp_path):
    command = [launch.mpiexec(), "-n", "2", sys.executable, "-c", PROGRAM, tmp_path / "out.npy"]
    subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=True, timeout=60)
    here = solved(ParallelDeflation(workers=3), hermitian(16, "complex"), 5)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), here.vectors)


PAULIS = SparsePauliOp(["ZII", "IZI", "IIZ", "XXI", "IXX", "YIY"], [1.0, 0.5, 0.3, 0.25, 0.6, 0.2])


@pytest.mark.parametrize("which", ["SA", "LA"])
@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_verb_reports_levels_states_and_observables(method, which):
    result = qa.eigensolve(PAULIS, k=3, method=method, which=which, rng=1, aux={"ZZZ": SparsePauliOp("ZZZ")})
    dense = PAULIS.to_matrix()
    levels = np.linalg.eigvalsh(dense)[:: 1 if which == "SA" else -1][:3]
    np.testing.assert_allclose(result.eigenvalues, levels, atol=1e-10)
    np.testing.assert_allclose(result.energies, levels, atol=1e-9)
    assert result.success
    assert [player.status for player in result.players] == ["converged"] * 3
    for r in range(3):
        state = result.state(r)
        np.testing.assert_allclose(dense @ state, levels[r] * state, atol=1e-5)
        parity = np.vdot(state, SparsePauliOp("ZZZ").to_matrix() @ state).real
        assert result.aux["ZZZ"][r] == pytest.approx(parity, abs=1e-9)
    np.testing.assert_allclose(result.transition(PAULIS), np.diag(levels), atol=1e-9)


def test_results_of_matrices_are_saved_continued_and_drawn(tmp_path):
    H = PAULIS.to_matrix(sparse=True)
    result = qa.eigensolve(H, k=2, method=ParallelDeflation(c=4.0), rng=3)
    result.save(tmp_path / "result")
    loaded = qa.EigenResult.load(tmp_path / "result")
    np.testing.assert_array_equal(loaded.eigenvalues, result.eigenvalues)
    np.testing.assert_allclose(np.abs(np.vdot(loaded.state(1), result.state(1))), 1)
    assert (loaded.shift, loaded.counted) == (4.0, {"steps": int(result.history["step"][-1])})
    again = qa.eigensolve(H, k=2, method=ParallelDeflation(), initial=loaded, rng=3)
    assert again.history["step"][-1] <= 3
    assert "converged" in str(result)


def test_a_run_that_is_stopped_keeps_what_it_had():
    stop = qa.StopWhen(lambda step: step.metrics["player"] == 1)
    result = qa.eigensolve(PAULIS, k=3, method=ClassicalEigenGame(), rng=1, callback=stop)
    assert result.status is Status.STOPPED
    assert np.isnan(result.eigenvalues).tolist() == [False, False, True]
    assert result.energies[0] == pytest.approx(np.linalg.eigvalsh(PAULIS.to_matrix())[0])


def test_the_shift_of_the_verb_is_that_of_the_hamiltonian_itself():
    # For the highest levels M = H - c I, with c below the spectrum.
    low = np.linalg.eigvalsh(PAULIS.to_matrix())[0]
    result = qa.eigensolve(PAULIS, k=1, which="LA", method=Hotelling(c=low - 0.1), rng=1)
    assert result.shift == low - 0.1
    with pytest.raises(ValueError, match="`c` must be at least"):
        qa.eigensolve(PAULIS, k=1, which="LA", method=Hotelling(c=low + 1), rng=1)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"shots": 100}, "`shots` must be None with a method that works on the matrix"),
        ({"checkpoint": "file"}, "`checkpoint` must be None"),
        ({"k": 9}, "`k` must"),
        ({"H": np.eye(3)}, "`H` must have a power of 2 of rows, but it has 3"),
        ({"which": "SM"}, "'SM'"),
        ({"aux": {"Z": SparsePauliOp("Z")}}, r"`aux\['Z'\]` must act on 3 qubits"),
    ],
)
def test_the_verb_refuses_what_matrices_have_no_use_for(kwargs, message):
    with pytest.raises(ValueError, match=message):
        qa.eigensolve(**({"H": PAULIS, "k": 1, "method": Exact()} | kwargs))


@pytest.mark.parametrize(
    ("sizes", "repeats"),
    [((8, 16, 32, 64), 5), pytest.param((128, 256, 512, 1024), 2, marks=pytest.mark.slow)],
    ids=["small", "large"],
)
def test_figure_6_with_fewer_iterations_and_the_same_in_zeroth_order(sizes, repeats):
    rows = list(figure6.compute(replace(figure6.PRESETS["paper"], sizes=sizes, repeats=repeats, other_spectra=())))
    for exact, zeroth in zip(rows[::2], rows[1::2], strict=True):
        assert max(exact["iterations"], zeroth["iterations"]) <= figure6.FIGURE[exact["n"]]
        assert zeroth["iterations"] == pytest.approx(exact["iterations"], rel=0.02)
        assert max(exact["error"], zeroth["error"]) < 1e-4


def test_playing_at_once_takes_a_fraction_of_the_rounds():
    rows = list(parallel_matrix.compute(parallel_matrix.PRESETS["smoke"]))
    assert len(rows) == parallel_matrix.total(parallel_matrix.PRESETS["smoke"])
    together = [row for row in rows if row["method"] == "parallel"]
    assert all(row["ratio"] <= 0.6 for row in together)
    assert all(row["last_error"] < 1e-9 for row in rows)
    full, blocks = together[-2:]
    assert blocks["rounds"] < full["rounds"]


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_matrices_have_the_levels_they_claim(spectrum):
    M, levels = random_matrix(spectrum, 12, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.eigvalsh(M)[::-1], levels, atol=1e-12)
    assert levels[0] <= 1
    with pytest.raises(ValueError, match="`spectrum` must be one of"):
        random_matrix("flat", 4, np.random.default_rng(0))
