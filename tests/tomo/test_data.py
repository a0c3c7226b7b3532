import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qalgs as qa
from qalgs.problems import haar_state
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.measuring.plan import all_settings
from qalgs.tomo.methods.inversion import linear_inversion, project_to_states, spectral_start
from qalgs.tomo.operators import Bases
from qalgs.tomo.operators.paulis import labels_from_masks, settings_from_text
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


def random_counts(n, seed, shots=50):
    return qa.measure_paulis(qa.circuits.haar(n, seed), settings=6, shots=shots, rng=seed)


def same(a, b):
    readout = (a.readout is None) == (b.readout is None) and (a.readout is None or np.array_equal(a.readout, b.readout))
    return np.array_equal(a.settings, b.settings) and np.array_equal(a.counts, b.counts) and readout


READOUT = np.array([[[0.97, 0.05], [0.03, 0.95]], [[0.99, 0.1], [0.01, 0.9]], [[1, 0.02], [0, 0.98]]])


@pytest.mark.parametrize("suffix", [".json", ".csv"])
@pytest.mark.parametrize("readout", [None, READOUT])
def test_counts_survive_files(tmp_path, suffix, readout):
    data = replace(random_counts(3, 1), readout=readout, complete=False)
    data.to_file(tmp_path / f"counts{suffix}")
    read = CountsData.from_file(tmp_path / f"counts{suffix}")
    assert same(read, data if suffix == ".json" else replace(data, readout=None))
    assert suffix == ".csv" or (read.source, read.complete) == (data.source, False)
    data.save(tmp_path / "archive")
    loaded = CountsData.load(tmp_path / "archive")
    assert same(loaded, data)
    assert (loaded.source, loaded.complete, loaded.digest()) == (data.source, False, data.digest())


@pytest.mark.parametrize("suffix", [".json", ".csv"])
@pytest.mark.parametrize("kind", ["exact", "shots", "mitigated"])
def test_pauli_values_survive_files(tmp_path, suffix, kind):
    data = replace(random_counts(3, 1), readout=READOUT if kind == "mitigated" else None).paulis()
    data = PauliData.simulate(haar_state(3, 0), 0.5, None, np.random.default_rng(1)) if kind == "exact" else data
    data.to_file(tmp_path / f"paulis{suffix}")
    data.save(tmp_path / "archive")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mitigated values may be outside [-1, 1]
        read = PauliData.from_file(tmp_path / f"paulis{suffix}")
    for other in (read, PauliData.load(tmp_path / "archive")):
        for name in ("x", "z", "values", "shots", "values_err"):
            np.testing.assert_array_equal(getattr(other, name), getattr(data, name))


def test_hand_written_files(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"XX": {"00": 5, "00": 2}, "ZZ": {"11": 1}, "XX": {"11": 3}}')
    assert CountsData.from_file(path).counts.tolist() == [[7, 0, 0, 3], [0, 0, 0, 1]]
    path = tmp_path / "a.csv"
    path.write_text("setting, outcome, count\nxx, 00, 5\nXX, 11, 2\n")
    assert CountsData.from_file(path).counts.tolist() == [[5, 0, 0, 2]]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "", "end in .json or .csv"),
        ("a.json", "{", "line 1"),
        ("a.json", "[1]", "hold a JSON object"),
        ("a.json", '{"counts": {"X": {"0": 1}}, "colour": 1}', "has 'colour'"),
        ("a.json", '{"format": "qalgs-paulis", "counts": {}}', "is one of qalgs-paulis"),
        ("a.csv", "setting,count\nX,3\n", "lacks 'outcome'"),
        ("a.csv", "setting,outcome,count\nX,0,many\n", "line 2 has 'many'"),
        ("a.csv", "setting,outcome,count\nX,0\n", "line 2 has fewer"),
    ],
)
def test_malformed_files_are_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        CountsData.from_file(tmp_path / name)


def test_counts_from_qiskit_in_all_its_forms():
    from qiskit import QuantumCircuit, transpile
    from qiskit.primitives import StatevectorSampler
    from qiskit_aer import AerSimulator

    circuits = []
    for letters in (("x", "z"), ("z", "x")):
        circuit = QuantumCircuit(2)
        circuit.x(0)
        for q, letter in enumerate(letters):
            if letter == "x":
                circuit.h(q)
        circuit.measure_all()
        circuits.append(circuit)
    settings = ["ZX", "XZ"]
    aer = AerSimulator(seed_simulator=1).run(transpile(circuits, AerSimulator()), shots=100).result()
    primitive = StatevectorSampler(seed=1).run(circuits, shots=100).result()
    arrays = [pub.data.meas for pub in primitive]
    for result in (aer, aer.get_counts(), primitive, list(primitive), arrays):
        data = CountsData.from_qiskit(result, settings, shots=100)
        assert data.shots.tolist() == [100, 100]
        table = {
            s: dict(zip(range(4), row, strict=True)) for s, row in zip(settings, data.counts.tolist(), strict=True)
        }
        assert table["ZX"][2] == table["ZX"][3] == 0  # qubit 1 is in 0
        assert table["XZ"][0] == table["XZ"][2] == 0  # qubit 0 is in 1
    assert len(CountsData.from_qiskit(aer.get_counts()[0], ["ZX"])) == 1
    with pytest.raises(ValueError, match="name the 2 counts of the result, but it has 1"):
        CountsData.from_qiskit(aer, ["ZX"])
    with pytest.raises(TypeError, match="it is a int"):
        CountsData.from_qiskit(3, ["ZX"])


def test_counts_from_a_sweep_of_parameters():
    from qiskit.primitives.containers import BitArray

    array = BitArray.from_counts([{"00": 5}, {"11": 4, "01": 1}])
    assert CountsData.from_qiskit(array, ["XX", "ZZ"]).counts.tolist() == [[5, 0, 0, 0], [0, 1, 0, 4]]


def test_merging_adds_up_what_both_have():
    a = CountsData.from_dict({"XX": {"00": 1}, "ZZ": {"00": 2}})
    b = CountsData.from_dict({"YY": {"11": 1}, "XX": {"01": 4}})
    assert a.merge(b).counts.tolist() == [[1, 4, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1]]
    paulis = a.merge(b).paulis()
    both = a.paulis().merge(b.paulis())
    np.testing.assert_allclose(both.values, paulis.values)
    np.testing.assert_allclose(both.shots, paulis.shots)
    with pytest.raises(ValueError, match="have 2 qubits, but it has 1"):
        a.merge(CountsData.from_dict({"X": {"0": 1}}))
    with pytest.raises(ValueError, match="have the same `readout`"):
        a.merge(replace(b, readout=READOUT[:2]))


@pytest.mark.parametrize("qubits", [[0], [2, 0], [1, 2, 0]])
def test_marginals_have_the_paulis_of_their_qubits(qubits):
    data = random_counts(3, 4)
    part, whole = data.marginal(qubits).paulis(), data.paulis()
    table = dict(zip(zip(whole.x.tolist(), whole.z.tolist(), strict=True), whole.values, strict=True))
    lift = lambda mask: sum((mask >> i & 1) << q for i, q in enumerate(qubits))  # noqa: E731
    for x, z, value in zip(part.x.tolist(), part.z.tolist(), part.values, strict=True):
        assert value == pytest.approx(table[lift(x), lift(z)])
    with pytest.raises(ValueError, match="be distinct and within 0 to 2"):
        data.marginal([0, 3])


def test_thinning_splits_every_shot():
    data = random_counts(3, 4, shots=1000)
    rest, aside = data.thin(0.2, np.random.default_rng(1))
    np.testing.assert_array_equal(rest.counts + aside.counts, data.counts)
    total = data.counts.sum()
    assert abs(aside.counts.sum() - 0.2 * total) < 5 * np.sqrt(0.16 * total)
    paulis = data.paulis()
    rest, aside = paulis.thin(0.2, np.random.default_rng(1))
    np.testing.assert_allclose(0.8 * rest.values + 0.2 * aside.values, paulis.values, atol=1e-12)
    z = (aside.values - rest.values)[paulis.errors > 0] / (paulis.errors / 0.4)[paulis.errors > 0]
    assert z.std() == pytest.approx(1, rel=5 / np.sqrt(2 * len(z)))
    for bad in (0, 1, 1.5):
        with pytest.raises(ValueError, match="`fraction` must be"):
            data.thin(bad, np.random.default_rng(0))


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3, 4])
def test_linear_inversion_is_that_of_qiskit_experiments(n):
    # Acceptance 3.
    basis = pytest.importorskip("qiskit_experiments.library.tomography.basis")
    fitters = pytest.importorskip("qiskit_experiments.library.tomography.fitters")
    settings = all_settings(n)
    data = exact_counts(random_factor(np.random.default_rng(n), n, 2), settings, 10**4)
    data = replace(data, counts=np.random.default_rng(n).multinomial(2048, data.counts / data.shots[:, None]))
    letters = np.array([1, 2, 0])[settings]  # they count Z, X, Y
    rho, _ = fitters.linear_inversion(
        data.counts[None].astype(float),
        data.shots.astype(float),
        letters,
        np.zeros((len(letters), 0), int),
        measurement_basis=basis.PauliMeasurementBasis(),
        measurement_qubits=tuple(range(n)),
    )
    np.testing.assert_allclose(linear_inversion(data.paulis()), rho, atol=1e-10)


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
