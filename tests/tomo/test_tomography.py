import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import DensityMatrix, Statevector, state_fidelity

import qalgs as qa
from qalgs.backends import basis_angles, with_basis_change
from qalgs.tomo.errors import RankBiasWarning
from qalgs.tomo.measuring.ledger import fingerprint
from qalgs.tomo.measuring.measure import planned
from qalgs.tomo.operators.paulis import settings_from_text
from tests.tomo.oracle import projectors


@pytest.fixture(scope="module")
def ghz_data():
    return qa.measure_paulis(qa.circuits.ghz(4), fraction=0.3, shots=1000, rng=3)


@pytest.fixture(scope="module")
def ghz_result(ghz_data):
    return qa.tomography(ghz_data, rng=1, target=qa.problems.ghz_state(4), bootstrap=8)


@pytest.mark.parametrize(
    ("circuit", "state"),
    [
        (qa.circuits.ghz(5), qa.problems.ghz_state(5)),
        (qa.circuits.ghz(1), qa.problems.ghz_state(1)),
        (qa.circuits.w(4), qa.problems.w_state(4)),
        (qa.circuits.haar(3, 5), qa.problems.haar_state(3, 5)),
    ],
)
def test_circuits_prepare_their_states(circuit, state):
    assert state_fidelity(Statevector(circuit), Statevector(state)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_projector_is_the_state(n):
    state = qa.problems.ghz_state(n)
    np.testing.assert_allclose(qa.problems.ghz_projector(n).to_matrix(), np.outer(state, state.conj()), atol=1e-12)


def test_rotations_measure_the_letters_of_the_setting():
    circuit = qa.circuits.haar(3, 2)
    psi = Statevector(circuit).data
    texts = ["XYZ", "ZZX", "YXX"]
    template, parameters = with_basis_change(circuit)
    assert tuple(template.parameters) == parameters  # the columns of a program
    template.remove_final_measurements()
    settings = settings_from_text(texts)
    for text, angles in zip(texts, basis_angles(settings == 0, settings == 1), strict=True):
        bound = template.assign_parameters(dict(zip(parameters, angles, strict=True)))
        expected = np.einsum("bij,i,j->b", projectors(text), psi.conj(), psi).real
        np.testing.assert_allclose(Statevector(bound).probabilities(), expected, atol=1e-12)


@pytest.mark.parametrize("backend", ["statevector", "aer"])
def test_measured_frequencies_are_within_five_sigma(backend):
    circuit = qa.circuits.haar(3, 7)
    psi = Statevector(circuit).data
    texts = ["XYZ", "ZYX", "XXY"]
    data = qa.measure_paulis(circuit, settings=texts, shots=20000, backend=backend, rng=1)
    for text, counts in zip(texts, data.counts, strict=True):
        p = np.einsum("bij,i,j->b", projectors(text), psi.conj(), psi).real
        assert (np.abs(counts / 20000 - p) < 5 * np.sqrt(p * (1 - p) / 20000) + 1e-9).all()


def test_the_first_example_of_the_readme():
    data = qa.measure_paulis(qa.circuits.ghz(8), fraction=0.2, shots=2048, backend="aer", rng=1)
    result = qa.tomography(data, rank=1, method=qa.LocalSFGD(machines=4, local_steps=10), bootstrap=0, rng=1)
    assert float(result.fidelity(qa.problems.ghz_state(8))) >= 0.995
    assert result.misfit < 1.2


def test_result_speaks_for_itself(ghz_result):
    text = str(ghz_result)
    assert "4 qubits, rank 1: converged" in text
    assert "the model explains the data" in text
    fidelity = ghz_result.fidelity(qa.problems.ghz_state(4))
    assert 0.97 < fidelity.value <= 1
    assert 0 < fidelity.err < 0.02
    assert 0 <= fidelity.low <= fidelity.high <= 1
    assert ghz_result.history["infidelity"][-1] == pytest.approx(1 - fidelity.value, abs=1e-9)
    assert ghz_result.expectation("XXXX").value > 0.9
    assert ghz_result.purity().value == pytest.approx(1)
    assert ghz_result.replicas.shape == (8, 16, 1)
    assert ghz_result.success


def test_density_matrix_is_a_state_in_qiskits_eyes(ghz_result):
    rho = DensityMatrix(ghz_result.density_matrix())
    assert rho.is_valid()
    theirs = state_fidelity(rho, Statevector(qa.problems.ghz_state(4)))
    assert float(ghz_result.fidelity(qa.problems.ghz_state(4))) == pytest.approx(theirs, abs=1e-9)


def test_same_seed_same_answer(ghz_data, ghz_result):
    again = qa.tomography(ghz_data, rng=1, bootstrap=8)
    np.testing.assert_array_equal(again.factor, ghz_result.factor)
    np.testing.assert_array_equal(again.replicas, ghz_result.replicas)
    repeated = qa.measure_paulis(qa.circuits.ghz(4), fraction=0.3, shots=1000, rng=3)
    np.testing.assert_array_equal(repeated.counts, ghz_data.counts)


def test_save_and_load_are_the_identity(ghz_result, tmp_path):
    ghz_result.save(tmp_path / "run")
    loaded = qa.TomographyResult.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.factor, ghz_result.factor)
    np.testing.assert_array_equal(loaded.replicas, ghz_result.replicas)
    assert {k: v.tolist() for k, v in loaded.history.items()} == {k: v.tolist() for k, v in ghz_result.history.items()}
    assert (loaded.status, loaded.message, loaded.misfit) == (
        ghz_result.status,
        ghz_result.message,
        ghz_result.misfit,
    )
    assert loaded.provenance == ghz_result.provenance
    assert str(loaded) == str(ghz_result)


def test_linear_inversion_as_a_method():
    data = qa.measure_paulis(qa.circuits.w(3), settings="all", shots=2000, rng=5)
    full = qa.tomography(data, rank=8, method=qa.LinearInversion(), bootstrap=10, rng=1)
    estimate = full.fidelity(qa.problems.w_state(3))
    assert abs(estimate.value - 1) < 0.05
    assert estimate.err > 0
    linear, share = qa.linear_fidelity(data, qa.problems.w_state(3))
    assert share == pytest.approx(1)
    assert abs(linear.value - 1) < 5 * linear.err
    assert qa.tomography(data, rank=1, method=qa.LinearInversion(), bootstrap=0, rng=1).rank == 1


def test_misfit_exposes_a_rank_that_is_too_low():
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    psi = Statevector(bell).data
    texts = [a + b for a in "XYZ" for b in "XYZ"]
    noisy = 0.7 * np.outer(psi, psi) + 0.3 * np.eye(4) / 4
    p = np.einsum("sbij,ji->sb", np.array([projectors(s) for s in texts]), noisy).real
    rng = np.random.default_rng(0)
    counts = qa.CountsData(settings_from_text(texts), rng.multinomial(5000, p))
    with pytest.warns(RankBiasWarning, match="A state of rank 1 does not explain the data"):
        low = qa.tomography(counts, rank=1, bootstrap=0, rng=1)
    high = qa.tomography(counts, rank=4, bootstrap=0, rng=1)
    assert low.misfit > 2 > 1.5 > high.misfit
    assert "raise `rank`" in str(low)


class StopAfter:
    def __init__(self, error, steps):
        self.error, self.left = error, steps

    def __call__(self, step):
        self.left -= 1
        if self.left == 0:
            raise self.error


def test_an_interrupted_measurement_leaves_usable_data():
    data = qa.measure_paulis(
        qa.circuits.ghz(4),
        settings=70,
        shots=50,
        backend="statevector",
        rng=1,
        callback=StopAfter(KeyboardInterrupt, 1),
    )
    assert len(data) == 32
    assert not data.complete
    assert "interrupted" in str(data)
    assert qa.tomography(data, bootstrap=0, rng=1).success


def test_an_interrupted_fit_leaves_a_usable_state(ghz_data):
    result = qa.tomography(ghz_data, rng=1, callback=StopAfter(KeyboardInterrupt, 3))
    assert result.status is qa.Status.INTERRUPTED
    assert not result.success
    assert result.rounds == 3
    assert float(result.fidelity(qa.problems.ghz_state(4))) > 0.8
    assert result.fidelity(qa.problems.ghz_state(4)).err is None


def test_callbacks_can_stop_a_fit(ghz_data):
    result = qa.tomography(ghz_data, rng=1, bootstrap=0, callback=qa.StopWhen(lambda step: step.index == 2, "enough"))
    assert (result.status, result.message, result.rounds) == (qa.Status.STOPPED, "enough", 2)


def test_a_dry_run_counts_what_the_run_does():
    number, cost = planned(qa.circuits.ghz(4), fraction=0.3, shots=1000, rng=3)
    assert (number, cost.shots) == (
        len(data := qa.measure_paulis(qa.circuits.ghz(4), fraction=0.3, shots=10, rng=3)),
        1000 * len(data),
    )


ARGUMENTS = {"settings": 70, "shots": 50, "backend": "statevector", "readout": "calibrate", "rng": 1}


@pytest.fixture
def interrupted(tmp_path):
    """A measurement that ended after its first job, and its file."""
    path = tmp_path / "measurement.npz"
    stop = StopAfter(KeyboardInterrupt, 1)
    qa.measure_paulis(qa.circuits.ghz(4), checkpoint=path, callback=stop, **ARGUMENTS)
    return path


class Counting:
    """The exact backend, counting the jobs it runs."""

    def __init__(self):
        self._backend, self.jobs = qa.backends.get("statevector"), 0

    def sample(self, *args, **kwargs):
        self.jobs += 1
        return self._backend.sample(*args, **kwargs)

    def __getattr__(self, name):
        return getattr(self._backend, name)


@pytest.mark.parametrize("rng", [1, None])
def test_a_resumed_measurement_is_the_uninterrupted_one(interrupted, rng):
    whole = qa.measure_paulis(qa.circuits.ghz(4), **ARGUMENTS)
    backend = Counting()
    arguments = ARGUMENTS | {"backend": backend, "rng": rng}
    resumed = qa.measure_paulis(qa.circuits.ghz(4), checkpoint=interrupted, **arguments)
    assert backend.jobs == 2
    np.testing.assert_array_equal(resumed.counts, whole.counts)
    np.testing.assert_array_equal(resumed.settings, whole.settings)
    assert resumed.complete
    again = qa.measure_paulis(qa.circuits.ghz(4), checkpoint=interrupted, **arguments)
    assert backend.jobs == 2
    np.testing.assert_array_equal(again.counts, whole.counts)
    assert list(interrupted.parent.iterdir()) == [interrupted]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"shots": 51}, "shots"),
        ({"rng": 2}, "rng"),
        ({"settings": 71}, "settings"),
        ({"backend": "aer"}, "backend"),
        ({"readout": None}, "readout"),
    ],
)
def test_a_file_of_another_measurement_is_refused(interrupted, change, name):
    before = interrupted.read_bytes()
    with pytest.raises(ValueError, match=f"be a file of the same measurement, `{name}`"):
        qa.measure_paulis(qa.circuits.ghz(4), checkpoint=interrupted, **(ARGUMENTS | change))
    with pytest.raises(ValueError, match="be a file of the same measurement, `circuit`"):
        qa.measure_paulis(qa.circuits.w(4), checkpoint=interrupted, **ARGUMENTS)
    assert interrupted.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not a file of numbers", b"PK\x03\x04 torn"])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    for rng in (1, None):
        with pytest.raises(
            ValueError, match=r"be a file that a measurement has written, or not exist, but .*other.npz"
        ):
            qa.measure_paulis(qa.circuits.ghz(4), checkpoint=path, **(ARGUMENTS | {"rng": rng}))
    assert path.read_bytes() == content


def test_a_circuit_is_known_by_its_gates():
    inner = QuantumCircuit(2)
    inner.h(0)
    inner.unitary(np.diag([1, 1, 1, -1]), [0, 1])

    def wrapped(angle):
        circuit = QuantumCircuit(2)
        circuit.append(inner.to_gate(), [1, 0])  # its name is numbered anew each time
        circuit.rx(angle, 0)
        return circuit

    assert fingerprint(wrapped(0.1)) == fingerprint(wrapped(0.1)) != fingerprint(wrapped(0.2))


MEASURED = QuantumCircuit(2, 1)
FREE = QuantumCircuit(1)
FREE.rx(Parameter("a"), 0)


@pytest.mark.parametrize(
    ("circuit", "kwargs", "error", "message"),
    [
        (
            qa.circuits.ghz(2),
            {"fraction": 0.5, "shots": 0},
            ValueError,
            "`shots` must be at least 1, but it is 0",
        ),
        (qa.circuits.ghz(2), {"fraction": 0.5, "shots": 1.5}, TypeError, "`shots` must be an integer"),
        (qa.circuits.ghz(2), {"fraction": 0.5, "backend": "aerr"}, ValueError, "'aerr'; did you mean 'aer'"),
        (qa.circuits.ghz(2), {"fraction": 0.5, "rng": -1}, ValueError, "`rng` must be at least 0"),
        (qa.circuits.ghz(2), {"fraction": 0.5, "rng": "x"}, TypeError, "`rng` must be an int"),
        (qa.circuits.ghz(2), {}, ValueError, "Exactly one of"),
        (qa.circuits.ghz(17), {"fraction": 0.5}, ValueError, "at most 16 qubits, but it has 17"),
        (MEASURED, {"fraction": 0.5}, ValueError, "have no classical bits"),
        (FREE, {"fraction": 0.5}, ValueError, "it has a: bind them first"),
        ("ghz", {"fraction": 0.5}, TypeError, "be a QuantumCircuit"),
    ],
)
def test_bad_measurements_are_refused(circuit, kwargs, error, message):
    with pytest.raises(error, match=message):
        qa.measure_paulis(circuit, **kwargs)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"rank": 0}, ValueError, "`rank` must be at least 1"),
        ({"rank": 17}, ValueError, "`rank` must be at most 16"),
        ({"bootstrap": -1}, ValueError, "`bootstrap` must be at least 0"),
        ({"target": np.ones(16)}, ValueError, "have norm 1, but its norm is 4"),
        ({"target": np.ones(4)}, ValueError, "have 16 amplitudes, but it has 4"),
        ({"target": np.full(16, np.nan)}, ValueError, "`target` must be finite"),
    ],
)
def test_bad_reconstructions_are_refused(ghz_data, kwargs, error, message):
    with pytest.raises(error, match=message):
        qa.tomography(ghz_data, **kwargs)


def test_too_little_data_is_refused():
    one_basis = qa.CountsData.from_dict({"ZZZ": {"000": 10, "111": 10}})
    with pytest.raises(ValueError, match=r"contain at least 14 Paulis besides the identity .* but it contains 7"):
        qa.tomography(one_basis)


def test_other_data_is_refused():
    with pytest.raises(TypeError, match="be CountsData or PauliData, but it is a list"):
        qa.tomography([1, 2])


def test_bootstrap_error_matches_the_scatter_of_repetitions():
    # A mixed Bell state, where nothing is at the boundary: the bootstrap against the spread of repeated experiments.
    psi = Statevector.from_label("00").evolve(qa.circuits.ghz(2)).data
    rho = 0.8 * np.outer(psi, psi) + 0.2 * np.eye(4) / 4
    texts = [a + b for a in "XYZ" for b in "XYZ"]
    p = np.einsum("sbij,ji->sb", np.array([projectors(s) for s in texts]), rho).real
    rng = np.random.default_rng(1)
    draw = lambda: qa.CountsData(settings_from_text(texts), rng.multinomial(1000, p))  # noqa: E731
    method = qa.LocalSFGD(machines=1, batch=9, step_size=0.5)
    values = [float(qa.tomography(draw(), rank=4, method=method, bootstrap=0, rng=1).fidelity(psi)) for _ in range(40)]
    error = qa.tomography(draw(), rank=4, method=method, bootstrap=40, rng=1).fidelity(psi).err
    assert np.mean(values) == pytest.approx(0.85, abs=0.01)
    assert 0.6 < error / np.std(values) < 1.6
