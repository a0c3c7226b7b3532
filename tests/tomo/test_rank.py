"""The choice of the rank, the warnings about it, and the intervals (acceptance 10 and 12)."""

import numpy as np
import pytest
from qiskit import QuantumCircuit

import qalgs as qa
from qalgs.run import drive
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.errors import RankBiasWarning
from qalgs.tomo.measuring.plan import all_settings, random_settings
from qalgs.tomo.operators import Bases
from qalgs.tomo.quality.rank import compare_ranks, widened
from tests.tomo.oracle import random_factor
from tests.tomo.test_readout import misread

READOUT = np.tile([[0.985, 0.04], [0.015, 0.96]], (5, 1, 1))


def drawn(rho, settings, shots, seed):
    values, vectors = np.linalg.eigh(rho)
    p = Bases(settings).probabilities(vectors * np.sqrt(np.maximum(values, 0)))
    return CountsData(settings, np.random.default_rng(seed).multinomial(shots, p / p.sum(axis=1, keepdims=True)))


def white(n, share):
    psi = qa.problems.ghz_state(n)
    return (1 - share) * np.outer(psi, psi.conj()) + share * np.eye(2**n) / 2**n


@pytest.fixture(scope="module")
def noisy_ghz():
    """The state that Aer's noise model makes of GHZ-5, and counts of it, misread."""
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.015, 2), ["cx"])
    circuit = QuantumCircuit(5)
    circuit.h(0)
    for q in range(4):
        circuit.cx(q, q + 1)
    circuit.save_density_matrix()
    simulator = AerSimulator(method="density_matrix", noise_model=noise)
    rho = np.asarray(simulator.run(circuit).result().data()["density_matrix"])
    values, vectors = np.linalg.eigh(rho)
    U = vectors * np.sqrt(np.maximum(values, 0))
    counts = misread(U, all_settings(5), READOUT, 2048, np.random.default_rng(0)).counts
    return rho, CountsData(all_settings(5), counts, readout=READOUT)


def test_auto_rank_finds_the_fidelity_and_rank_one_is_warned_of(noisy_ghz):
    rho, data = noisy_ghz
    psi = qa.problems.ghz_state(5)
    truth = float((psi.conj() @ rho @ psi).real)
    result = qa.tomography(data, rank="auto", target=psi, bootstrap=0, rng=1)
    assert abs(result.fidelity(psi).value - truth) <= 0.01
    assert result.rank >= 4
    assert not result.warnings
    assert [row.rank for row in result.ranks] == [1, 2, 4, 8]
    assert "predicts data set aside best" in str(result)
    with pytest.warns(RankBiasWarning) as caught:
        naive = qa.tomography(data, rank=1, target=psi, bootstrap=3, rng=1)
    assert naive.fidelity(psi).value - truth > 0.04
    assert len(caught) == len(naive.warnings) == 2
    assert "does not explain the data (misfit 1.3" in naive.warnings[0]
    assert "Rank 2 predicts data that were set aside better than rank 1" in naive.warnings[1]
    linear, share = qa.linear_fidelity(data, psi)
    assert abs(linear.value - truth) < 5 * linear.err
    assert share == pytest.approx(1)


@pytest.mark.parametrize("state", ["ghz", "haar"])
@pytest.mark.parametrize("seed", range(3))
def test_pure_states_get_a_low_rank_without_a_warning(state, seed):
    psi = qa.problems.ghz_state(4) if state == "ghz" else qa.problems.haar_state(4, seed)
    data = drawn(np.outer(psi, psi.conj()), random_settings(4, 40, np.random.default_rng(seed)), 1000, seed)
    result = qa.tomography(data, rank="auto", target=psi, bootstrap=0, rng=seed)
    assert result.rank <= 2  # one standard error is passed by chance in one case of six
    assert result.fidelity(psi).value > 0.99
    assert qa.tomography(data, rank=1, target=psi, bootstrap=2, rng=seed).warnings == ()


def test_auto_rank_on_pauli_values():
    U = random_factor(np.random.default_rng(2), 4, 2)
    data = PauliData.simulate(U, 0.9, 2000, np.random.default_rng(3))
    assert qa.tomography(data, rank="auto", bootstrap=0, rng=1).rank == 2


def test_auto_rank_refuses_exact_data():
    data = PauliData.simulate(qa.problems.ghz_state(3), 1.0, None, np.random.default_rng(0))
    with pytest.raises(ValueError, match="`rank` must be a number for exact data"):
        qa.tomography(data, rank="auto")
    with pytest.raises(ValueError, match="`rank` must be one of 'auto', but it is 'best'"):
        qa.tomography(data, rank="best")


def test_the_comparison_ends_where_a_rank_is_clearly_worse():
    psi = qa.problems.haar_state(4, 1)
    data = drawn(np.outer(psi, psi.conj()), all_settings(4), 100, 1)
    run = drive(compare_ranks(qa.LocalSFGD(), data, (1, 2, 4, 8), np.random.SeedSequence(1)))
    table = run.last.state.table
    assert run.last.state.chosen == 0
    assert table[-1].excess > table[-1].excess_err
    assert len(table) < 4


class InterruptedAt:
    """A method that is interrupted in its k-th fit."""

    def __init__(self, k):
        self.left = k

    def iterate(self, data, rank, *, seed, start=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return (yield from qa.LocalSFGD().iterate(data, rank, seed=seed, start=start))


@pytest.mark.parametrize(("fit", "replicas"), [(2, 0), (3, 0), (4, 0), (6, 2)])
def test_an_interrupted_check_or_bootstrap_leaves_the_fit(fit, replicas):
    psi = qa.problems.ghz_state(3)
    data = drawn(np.outer(psi, psi.conj()), all_settings(3), 200, 0)
    result = qa.tomography(data, method=InterruptedAt(fit), target=psi, bootstrap=5, rng=1)
    assert result.status is qa.Status.CONVERGED
    assert len(result.replicas) == replicas
    assert len(result.ranks) == (2 if fit > 3 else 0)
    with pytest.raises(KeyboardInterrupt):
        qa.tomography(data, rank="auto", method=InterruptedAt(2), rng=1)


def test_widening_keeps_most_of_a_factor_and_all_of_its_trace():
    rng = np.random.default_rng(0)
    U = random_factor(rng, 3, 2)
    V = widened(U, 4, rng)
    assert V.shape == (8, 4)
    assert np.linalg.norm(V) == pytest.approx(1)
    assert np.linalg.norm(V @ V.conj().T - U @ U.conj().T) < 0.05
    assert widened(U, 2, rng) is U


def test_results_with_a_table_survive_saving(tmp_path, noisy_ghz):
    data = noisy_ghz[1]
    result = qa.tomography(data.marginal([0, 1]), rank="auto", bootstrap=2, rng=1)
    result.save(tmp_path / "run")
    loaded = qa.TomographyResult.load(tmp_path / "run")
    assert (loaded.ranks, loaded.warnings, loaded.misfit_err) == (result.ranks, result.warnings, result.misfit_err)
    assert str(loaded) == str(result)


@pytest.mark.parametrize("resampling", ["parametric", "nonparametric"])
def test_both_bootstraps_find_the_scatter(resampling):
    psi = qa.problems.ghz_state(2)
    rho = white(2, 0.3)
    method = qa.LocalSFGD(machines=1, batch=9, step_size=0.5)
    data = drawn(rho, all_settings(2), 1000, 0)
    error = qa.tomography(data, rank=4, method=method, bootstrap=30, resampling=resampling, rng=1).fidelity(psi).err
    linear, _ = qa.linear_fidelity(data, psi)  # at full rank the fit is the linear estimate but for positivity
    assert 0.5 < error / linear.err < 1.5


@pytest.mark.slow
@pytest.mark.parametrize("resampling", ["parametric", "nonparametric"])
def test_basic_bootstrap_intervals_cover_the_truth(resampling):
    # Acceptance 12: GHZ-3 with 12 % white noise, 500 shots x 27 settings.
    psi = qa.problems.ghz_state(3)
    truth, inside, linear_inside = 0.88 + 0.12 / 8, 0, 0
    method = qa.LocalSFGD(machines=1, batch=27, step_size=0.5)
    for seed in range(60):
        data = drawn(white(3, 0.12), all_settings(3), 500, seed)
        result = qa.tomography(data, rank=8, method=method, bootstrap=30, resampling=resampling, rng=seed)
        interval, (linear, _) = result.fidelity(psi), qa.linear_fidelity(data, psi)
        inside += interval.low <= truth <= interval.high
        linear_inside += linear.low <= truth <= linear.high
    assert inside >= 51
    assert linear_inside >= 51
