import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qalgs.problems import haar_state
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.inversion import linear_inversion, project_to_states, spectral_start
from qalgs.tomo.operators import Bases
from qalgs.tomo.paulis import labels_from_masks, settings_from_text
from qalgs.tomo.plan import all_settings
from tests.tomo.oracle import matrix, random_factor


def exact_counts(U, settings, shots=10**9):
    p = Bases(settings).probabilities(U)
    return CountsData(settings, np.rint(p / p.sum(axis=1, keepdims=True) * shots).astype(np.int64))


def test_paulis_from_counts_average_over_the_settings_that_contain_them():
    data = CountsData.from_dict({"XX": {"00": 60, "11": 40}, "XZ": {"10": 30}, "ZZ": {"0 1": 10}})
    paulis = data.paulis()
    table = dict(
        zip(
            labels_from_masks(paulis.x, paulis.z, 2),
            zip(paulis.values, paulis.shots, strict=True),
            strict=True,
        )
    )
    assert table["II"] == (1.0, 140)
    assert table["XX"] == (1.0, 100)
    assert table["XI"] == (pytest.approx((60 - 40 - 30) / 130), 130)
    assert table["IX"] == (pytest.approx(0.2), 100)
    assert table["IZ"] == (pytest.approx((30 - 10) / 40), 40)
    assert "YI" not in table


@pytest.mark.parametrize("n", [1, 2, 3])
def test_linear_inversion_of_complete_exact_data_is_the_state(n):
    U = random_factor(np.random.default_rng(n), n, 2)
    rho = linear_inversion(exact_counts(U, all_settings(n)).paulis())
    np.testing.assert_allclose(rho, U @ U.conj().T, atol=1e-8)


def test_linear_inversion_equals_the_dense_sum():
    data = PauliData.simulate(haar_state(3, 0), 0.4, 50, np.random.default_rng(1))
    labels = labels_from_masks(data.x, data.z, 3)
    dense = sum(y * matrix(label) for y, label in zip(data.values, labels, strict=True)) / 8
    np.testing.assert_allclose(linear_inversion(data), dense, atol=1e-12)


@given(seed=st.integers(0, 1000), d=st.sampled_from([2, 4, 8]))
def test_projection_is_a_state_and_leaves_states_alone(seed, d):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))
    hermitian = A + A.conj().T
    U = project_to_states(hermitian / np.trace(hermitian).real if abs(np.trace(hermitian)) > 1e-3 else hermitian)
    assert np.linalg.norm(U) == pytest.approx(1)
    rho = U @ U.conj().T
    V = project_to_states(rho)
    np.testing.assert_allclose(V @ V.conj().T, rho, atol=1e-12)


def test_projection_is_the_closest_state_along_random_directions():
    rng = np.random.default_rng(5)
    A = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    target = (A + A.conj().T) / 4
    U = project_to_states(target)
    best = np.linalg.norm(U @ U.conj().T - target)
    for _ in range(200):
        V = random_factor(rng, 2, 4)
        mixed = 0.95 * U @ U.conj().T + 0.05 * V @ V.conj().T
        assert np.linalg.norm(mixed - target) >= best - 1e-12


def test_spectral_start_finds_the_leading_eigenvector():
    psi = haar_state(5, 3)
    data = PauliData.simulate(psi, 1.0, None, np.random.default_rng(0))
    U = spectral_start(data, 1, np.random.default_rng(1))
    assert abs(np.vdot(psi, U[:, 0])) ** 2 == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("machines", "size"), [(1, 27), (4, 27), (27, 27)])
def test_shards_partition_the_settings_evenly(machines, size):
    data = exact_counts(random_factor(np.random.default_rng(0), 3, 1), all_settings(3), 100)
    shards = data.split(machines, np.random.default_rng(1))
    rows = np.concatenate([shard.settings for shard in shards])
    assert len(np.unique(rows, axis=0)) == size == len(rows)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_resampling_keeps_the_shots_and_scatters_like_multinomial_noise():
    data = CountsData.from_dict({"Z": {"0": 300, "1": 700}})
    rng = np.random.default_rng(0)
    drawn = np.array([data.resample(rng).counts[0] for _ in range(2000)])
    assert (drawn.sum(axis=1) == 1000).all()
    sd = np.sqrt(1000 * 0.3 * 0.7)
    assert abs(drawn[:, 0].mean() - 300) < 5 * sd / np.sqrt(2000)
    assert drawn[:, 0].std() == pytest.approx(sd, rel=5 / np.sqrt(2 * 2000))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CountsData(np.zeros((0, 2), np.uint8), np.zeros((0, 4))), "the measurement set is empty"),
        (lambda: CountsData(settings_from_text(["XX"]), np.ones((1, 3))), r"shape \(1, 4\)"),
        (lambda: CountsData(settings_from_text(["XX"]), [[1, 2, -1, 0]]), "setting XX"),
        (lambda: CountsData(settings_from_text(["XY"]), [[1, 2.5, 1, 0]]), "setting XY"),
        (lambda: CountsData(settings_from_text(["XX"]), [[1, np.nan, 1, 0]]), r"entry \(0, 1\) is nan"),
        (
            lambda: CountsData(settings_from_text(["XX", "ZZ"]), [[1, 1, 1, 1], [0, 0, 0, 0]]),
            "setting ZZ has none",
        ),
        (lambda: CountsData.from_dict({"XX": {"012": 4}}), "setting XX has '012'"),
        (lambda: CountsData.from_dict({}), "it is empty"),
        (lambda: PauliData.from_labels([], np.array([])), "it is empty"),
        (lambda: PauliData.from_labels(["XX"], np.array([1.5])), "entry 0 is 1.5"),
        (lambda: PauliData.from_labels(["XX", "II"], np.array([0.5, 0.9])), "wrong trace"),
        (lambda: PauliData.from_labels(["XX"], np.array([np.nan])), "is nan"),
        (lambda: PauliData.from_labels(["XX"], np.array([0.1, 0.2])), "have 1 entries"),
        (lambda: PauliData.from_labels(["XX"], np.array([0.1]), np.array([0.0])), "positive"),
    ],
)
def test_malformed_data_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
