"""What may be asked for, what is refused, and the methods beside the game."""

import numpy as np
import pennylane as qml
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from scipy.sparse import csr_matrix

import qalgs as qa
from qalgs.circuits import ExpectationObjective, hardware_efficient
from qalgs.optimizers import LBFGSB, minimize

H = qa.problems.h2_two_qubits()
LEVELS = np.linalg.eigvalsh(H.to_matrix())
ANSATZ = hardware_efficient(2, reps=3)


@pytest.mark.parametrize(
    "form",
    [
        H,
        H.to_matrix(),
        csr_matrix(H.to_matrix()),
        H.to_matrix().real.tolist(),
        qa.backends.operator_to_pennylane(H),
        qml.Hermitian(H.to_matrix(), wires=[1, 0]),
    ],
    ids=["paulis", "array", "sparse", "lists", "pennylane", "hermitian"],
)
def test_operators_of_every_kind(form):
    np.testing.assert_allclose(qa.eigensolve(form, 2, rng=0).eigenvalues, LEVELS[:2], atol=1e-6)


def test_the_highest_levels_descend():
    result = qa.eigensolve(H, 3, which="LA", rng=0)
    np.testing.assert_allclose(result.eigenvalues, LEVELS[:0:-1], atol=1e-6)
    np.testing.assert_allclose(result.energies, LEVELS[:0:-1], atol=1e-6)
    np.testing.assert_allclose(result.transition(H), np.diag(result.eigenvalues), atol=1e-6)


def test_a_complex_operator_gets_a_complex_ansatz():
    Y = SparsePauliOp(["YI", "IZ", "XX"], [1.0, 0.5, 0.3])
    result = qa.eigensolve(Y, 4, rng=0)
    assert "rz" in result.circuits[0].count_ops()
    np.testing.assert_allclose(result.eigenvalues, np.linalg.eigvalsh(Y.to_matrix()), atol=1e-9)


def test_one_level_is_vqe():
    start = np.random.default_rng(0).uniform(-3, 3, (1, ANSATZ.num_parameters))
    optimizer = LBFGSB(gtol=1e-8)
    method = qa.EigenGame(optimizer=optimizer, gtol=1e-12, restarts=0)
    result = qa.eigensolve(H, 1, method=method, ansatz=ANSATZ, initial=start, rng=0)
    backend = qa.backends.get("statevector")
    plain = minimize(ExpectationObjective(backend, backend.prepare(ANSATZ, H)), start[0], optimizer)
    assert len(result.players) == 1
    assert result.players[0].steps == plain.steps
    np.testing.assert_allclose(result.players[0].parameters, plain.x, atol=1e-9)
    assert result.eigenvalues[0] == pytest.approx(plain.value, abs=1e-12)


def test_a_multiple_of_the_identity_needs_no_run():
    result = qa.eigensolve(SparsePauliOp("II", -0.75), 3, rng=0)
    np.testing.assert_array_equal(result.eigenvalues, [-0.75] * 3)
    assert result.multiplicities == (3,)
    assert result.cost.circuits == 0
    assert result.warnings
    assert "-0.75" in str(result)


def test_a_molecule_keeps_its_electrons():
    molecule = qa.problems.molecule("HeH+")
    aux = {"N": molecule.number, "Sz": molecule.spin_z, "S2": molecule.spin_squared}
    result = qa.eigensolve(molecule, 3, aux=aux, rng=0)
    np.testing.assert_allclose(result.eigenvalues, molecule.exact_levels(3), atol=1e-5)
    assert result.eigenvalues[0] == pytest.approx(-2.8516, abs=1e-4)
    np.testing.assert_allclose(result.aux["N"], 2, atol=1e-5)
    np.testing.assert_allclose(result.aux["Sz"], 0, atol=1e-5)
    np.testing.assert_allclose(result.aux["S2"], [0, 2, 0], atol=1e-4)
    anyone = qa.eigensolve(molecule, 1, sector=None, rng=0)
    assert anyone.eigenvalues[0] == pytest.approx(np.linalg.eigvalsh(molecule.hamiltonian.to_matrix())[0], abs=1e-5)
    assert anyone.eigenvalues[0] < -3


def test_a_sector_of_one_s_own():
    chain = qa.problems.xxz(3, fields=[0.2, -0.1, 0.4])
    total = SparsePauliOp(["IIZ", "IZI", "ZII"])
    result = qa.eigensolve(chain, 2, sector=[(total, 1.0)], rng=0)
    states = [i for i in range(8) if i.bit_count() == 1]
    inside = np.linalg.eigvalsh(chain.to_matrix()[np.ix_(states, states)])
    np.testing.assert_allclose(result.eigenvalues, inside[:2], atol=1e-5)


def test_an_earlier_result_is_a_start():
    first = qa.eigensolve(H, 2, ansatz=ANSATZ, rng=0)
    near = qa.eigensolve(1.001 * H, 2, ansatz=ANSATZ, initial=first, rng=0)
    np.testing.assert_allclose(near.eigenvalues, 1.001 * LEVELS[:2], atol=1e-6)
    assert near.counted["gradients"] < first.counted["gradients"]


def test_each_player_may_have_a_circuit_of_its_own():
    circuits = []
    for bits in ((1, 0), (0, 1), (0, 0)):
        circuits.append(qa.circuits.reference(bits).compose(ANSATZ))
    result = qa.eigensolve(H, 2, ansatz=circuits, method=qa.EigenGame(start="small"), rng=0)
    np.testing.assert_allclose(result.eigenvalues, LEVELS[:2], atol=1e-6)


@pytest.mark.parametrize(
    ("method", "k"),
    [
        (qa.VQD(beta=3.0), 4),
        (qa.VQD(), 3),
        (qa.SSVQE(), 3),
        (qa.SSVQE(weights=(4.0, 2.0, 1.0)), 3),
        (qa.SubspaceExpansion(), 4),
        (qa.EigenGame(deflation="schur"), 3),
        (qa.EigenGame(deflation="mu", optimizer=qa.optimizers.Adam(0.05), gtol=1e-4), 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_method_finds_the_levels(method, k):
    ansatz = hardware_efficient(2, reps=3, rotations=("ry", "rz"))
    result = qa.eigensolve(H, k, method=method, ansatz=ansatz, rng=1)
    np.testing.assert_allclose(result.eigenvalues, LEVELS[:k], atol=1e-6)
    np.testing.assert_allclose(result.transition(H), np.diag(result.eigenvalues), atol=1e-6)
    assert result.success


def test_subspace_expansion_finds_what_its_span_holds():
    one = qa.eigensolve(H, 1, method=qa.SubspaceExpansion(operators=("II",)), ansatz=ANSATZ, rng=0)
    assert one.eigenvalues[0] == pytest.approx(LEVELS[0], abs=1e-8)
    two = qa.eigensolve(H, 2, method=qa.SubspaceExpansion(operators=("II", "XX", "IZ")), ansatz=ANSATZ, rng=0)
    psi = one.state(0)
    V = np.array([psi, SparsePauliOp("XX").to_matrix() @ psi, SparsePauliOp("IZ").to_matrix() @ psi]).T
    Q = np.linalg.qr(V)[0]
    kept = np.linalg.svd(V)[1] > 1e-4
    inside = np.linalg.eigvalsh(Q.conj().T @ H.to_matrix() @ Q) if kept.all() else LEVELS[[0, 3]]
    np.testing.assert_allclose(two.eigenvalues, inside[:2], atol=1e-6)


# Shots


def test_shots_give_levels_with_errors():
    exact = hardware_efficient(2, reps=2)
    start = np.array(
        [p.parameters for p in qa.eigensolve(H, 2, ansatz=exact, method=qa.EigenGame(guards=0), rng=0).players]
    )
    method = qa.EigenGame(max_steps=3, restarts=0, guards=0)
    result = qa.eigensolve(H, 2, method=method, ansatz=exact, initial=start, shots=4000, rng=1)
    assert (result.eigenvalues_err > 0).all()
    assert (np.abs(result.eigenvalues - LEVELS[:2]) < 5 * result.eigenvalues_err + 5e-3).all()
    assert result.cost.shots > 0
    assert not np.array_equal(result.matrices.H_var, np.zeros((2, 2)))
    again = qa.eigensolve(H, 2, method=method, ansatz=exact, initial=start, shots=4000, rng=1)
    np.testing.assert_array_equal(result.eigenvalues, again.eigenvalues)


def test_overlaps_alone_give_the_players_own_levels():
    method = qa.EigenGame(max_steps=2, restarts=0, guards=0, cross="overlap")
    with pytest.warns(qa.EigenWarning, match="players' own"):
        result = qa.eigensolve(H, 2, method=method, ansatz=hardware_efficient(2, reps=1), shots=500, rng=1)
    assert result.ritz_values is None
    np.testing.assert_array_equal(result.eigenvalues, result.energies)


# Refusals


BAD = [
    ({"k": 0}, ValueError, "k"),
    ({"k": 5}, ValueError, "k"),
    ({"k": 1.5}, TypeError, "k"),
    ({"k": 3, "method": qa.EigenGame(guards=2)}, ValueError, "guards"),
    ({"H": "ZZ"}, TypeError, "H"),
    ({"H": SparsePauliOp("ZZ", 1j)}, ValueError, "Hermitian"),
    ({"H": SparsePauliOp("ZZ", np.nan)}, ValueError, "finite"),
    ({"H": np.ones((3, 3))}, ValueError, "power of 2"),
    ({"H": [[0, 1], [0, 0]]}, ValueError, "Hermitian"),
    ({"H": [[0, np.inf], [np.inf, 0]]}, ValueError, "finite"),
    ({"which": "SM"}, ValueError, "which"),
    ({"ansatz": hardware_efficient(3)}, ValueError, "2 qubits"),
    ({"ansatz": QuantumCircuit(2)}, ValueError, "parameter"),
    ({"ansatz": "ry"}, TypeError, "ansatz"),
    ({"ansatz": [ANSATZ]}, ValueError, "one for each of 3 players"),
    ({"ansatz": ANSATZ.measure_all(inplace=False)}, ValueError, "classical bits"),
    ({"backend": "statevektor"}, ValueError, "backend"),
    ({"backend": "aer"}, ValueError, "backend"),
    ({"shots": 0}, ValueError, "shots"),
    ({"aux": {"Z": SparsePauliOp("Z")}}, ValueError, "aux"),
    ({"initial": [[0.0]], "ansatz": ANSATZ}, ValueError, "initial"),
    ({"initial": np.zeros((9, 8)), "ansatz": ANSATZ}, ValueError, "initial"),
    ({"initial": np.full((1, 8), np.nan), "ansatz": ANSATZ}, ValueError, "initial"),
    ({"sector": "singlet"}, ValueError, "sector"),
    ({"sector": [(SparsePauliOp("XI"), 1.0)]}, ValueError, "commute"),
    ({"rng": -1}, ValueError, "rng"),
    ({"bootstrap": -1}, ValueError, "bootstrap"),
    ({"method": qa.SSVQE(weights=(1.0,))}, ValueError, "weights"),
    ({"method": qa.SubspaceExpansion(operators=("XXX",))}, ValueError, "operators"),
    ({"method": qa.SubspaceExpansion(weight=0)}, ValueError, "operators"),
    ({"method": qa.VQD(beta=(1.0,))}, ValueError, "beta"),
    ({"method": qa.EigenGame(cross="overlap", deflation="schur"), "shots": 10}, ValueError, "deflation"),
]


@pytest.mark.parametrize(("change", "error", "word"), BAD, ids=range(len(BAD)))
def test_bad_input_is_refused_and_named(change, error, word):
    arguments = {"H": H, "k": 2, **change}
    with pytest.raises(error, match=word):
        qa.eigensolve(**arguments)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: qa.EigenGame(c=float("nan")), "c"),
        (lambda: qa.EigenGame(deflation="square"), "deflation"),
        (lambda: qa.EigenGame(schedule="random"), "schedule"),
        (lambda: qa.EigenGame(period=0), "period"),
        (lambda: qa.EigenGame(guards=-1), "guards"),
        (lambda: qa.EigenGame(gtol=0.0), "gtol"),
        (lambda: qa.EigenGame(optimizer="adam"), "optimizer"),
        (lambda: qa.EigenGame(optimizer=()), "optimizer"),
        (lambda: qa.EigenGame(deflation="mu"), "optimizer"),
        (lambda: qa.VQD(beta=0.0), "beta"),
        (lambda: qa.SSVQE(weights=(1.0, 2.0)), "weights"),
    ],
)
def test_settings_are_checked(make, word):
    with pytest.raises(ValueError, match=word):
        make()


def test_optimizers_that_trust_their_gradients_are_warned_of_under_shots():
    method = qa.EigenGame(optimizer=LBFGSB(), max_steps=1, restarts=0)
    with pytest.warns(qa.EigenWarning, match="LBFGSB"):
        qa.eigensolve(H, 1, method=method, ansatz=hardware_efficient(2, reps=1), shots=100, rng=0)


def test_what_is_not_measured_is_not_made_up():
    method = qa.EigenGame(max_steps=2, restarts=0, guards=0, cross="overlap")
    with pytest.warns(qa.EigenWarning):
        result = qa.eigensolve(
            H, 2, method=method, ansatz=hardware_efficient(2, reps=1), shots=500, aux={"H": H}, rng=1
        )
    assert np.isfinite(result.aux["H"]).all()
    assert np.isnan(result.transition(H)[0, 1])
