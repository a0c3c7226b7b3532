"""Molecules: levels from determinants, degenerate ones told apart, and all sectors of a tapered one together."""

from typing import Any

import numpy as np
import pytest

import qalgs as qa
from qalgs.eigen.observables import observed
from qalgs.problems import fermions

EXACT = qa.Exact()


@pytest.fixture(scope="module")
def h2():
    return qa.problems.molecule("H2", bond_length=0.735)


@pytest.mark.parametrize(
    ("settings", "k", "within"),
    [
        ({"name": "H2"}, 4, 1e-7),
        ({"name": "H2", "tapered": True}, 2, 1e-7),
        ({"name": "HeH+"}, 3, 1e-7),
        ({"name": "LiH", "active_electrons": 2, "active_orbitals": 2}, 4, 1e-7),
        ({"name": "LiH", "active_electrons": 2, "active_orbitals": 5, "tapered": True}, 4, 1e-6),
        ({"name": "H2O", "active_electrons": 4, "active_orbitals": 4, "tapered": True}, 6, 1.6e-3),
    ],
    ids=str,
)
def test_each_player_starts_from_a_determinant_of_its_own(settings: dict[str, Any], k, within):
    molecule = qa.problems.molecule(**settings)
    result = qa.eigensolve(molecule, k, rng=0)
    assert np.abs(result.eigenvalues - molecule.exact_levels(k)).max() < within
    assert result.counted["gradients"] < 500


@pytest.mark.slow
def test_four_levels_of_lih_in_eight_tapered_qubits():
    molecule = qa.problems.molecule("LiH", tapered=True)
    assert molecule.num_qubits == 8
    for seed in range(3):
        result = qa.eigensolve(molecule, 4, rng=seed)
        assert np.abs(result.eigenvalues - molecule.exact_levels(4)).max() < 1.6e-3
    circuits = [qa.circuits.uccsd(molecule, occupation=o) for o in molecule.occupations(4)]
    start = np.random.default_rng(0).normal(0, 0.05, (4, circuits[0].num_parameters))
    own = qa.eigensolve(molecule, 4, method=qa.EigenGame(guards=0), ansatz=circuits, initial=start, rng=0)
    assert np.abs(own.eigenvalues - molecule.exact_levels(4)).max() < 1.6e-3


def test_circuits_from_determinants_lead_nowhere_else(h2):
    """All four levels of the sector are found, and there is none left for a guard."""
    assert len(qa.eigensolve(h2, 4, rng=0).players) == 4
    with pytest.raises(ValueError, match="guards within 4 levels"):
        qa.eigensolve(h2, 4, method=qa.EigenGame(guards=1))
    assert len(qa.eigensolve(h2, 4, method=qa.EigenGame(max_steps=1, restarts=0), which="LA", rng=0).players) == 5


def test_the_shift_knows_nothing_of_penalties():
    molecule = qa.problems.molecule("LiH", active_electrons=2, active_orbitals=5, tapered=True)
    widest = np.linalg.eigvalsh(molecule.hamiltonian.to_matrix())[-1]
    result = qa.eigensolve(molecule, 3, rng=0)
    assert result.shift < widest + 0.5 * (widest - result.eigenvalues[0]) + 1e-6


@pytest.mark.parametrize("method", [EXACT, qa.EigenGame(gtol=1e-6)], ids=["exact", "game"])
def test_degenerate_levels_are_told_apart(h2, method):
    """Two electrons in two orbitals: singlets and one triplet."""
    sector = [(h2.number, 2.0)]
    result = qa.eigensolve(h2, 6, method=method, sector=sector, aux=("N",), resolve=("S2", "Sz"), rng=0)
    levels = h2.sector(2)
    np.testing.assert_allclose(result.eigenvalues, levels.energies, atol=1e-6)
    np.testing.assert_allclose(result.aux["N"], 2, atol=1e-4)
    order = np.argsort(levels.energies)
    np.testing.assert_allclose(result.aux["S2"], levels.spins_squared[order], atol=1e-4)
    triplet = np.flatnonzero(result.aux["S2"] > 1)
    np.testing.assert_allclose(result.aux["Sz"][triplet], [-1, 0, 1], atol=1e-4)
    for r in range(6):
        state = result.state(r)
        for name, operator in (("S2", h2.spin_squared), ("Sz", h2.spin_z)):
            image = operator.to_matrix() @ state
            assert np.linalg.norm(image - result.aux[name][r] * state) < 1e-2


def test_resolving_is_diagonalising(h2):
    """Against numpy, within one five-fold level of a multiple of the identity."""
    H = np.diag([0.0, 0, 0, 0, 0, 1, 1, 2])
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    first, second = np.zeros((8, 8)), np.zeros((8, 8))
    first[:5, :5] = Q @ np.diag([1.0, 1, 1, 3, 3]) @ Q.T
    second[:5, :5] = Q @ np.diag([0.5, -1, 2, 0, 1]) @ Q.T
    aux = {"a": first, "b": second}
    result = qa.eigensolve(H, 5, method=EXACT, aux=aux, resolve=("a", "b"))
    np.testing.assert_allclose(result.aux["a"], [1, 1, 1, 3, 3], atol=1e-9)
    np.testing.assert_allclose(result.aux["b"], [-1, 0.5, 2, 0, 1], atol=1e-9)
    assert observed(result, {}, ()) is result


@pytest.mark.parametrize("name", ["H2", "LiH"])
@pytest.mark.parametrize("method", [EXACT, None], ids=["exact", "game"])
def test_all_sectors_hold_the_whole_spectrum(name, method):
    active: dict[str, Any] = {} if name == "H2" else {"active_electrons": 2, "active_orbitals": 3}
    molecule = qa.problems.molecule(name, tapered=True, **active)
    whole = qa.problems.molecule(name, **active)
    expected = whole.sector(2).energies
    k = 5
    result = qa.eigensolve(molecule, k, sector="all", aux=("N", "S2", "Sz"), method=method, rng=0)
    np.testing.assert_allclose(result.eigenvalues, expected[:k], atol=1e-6)
    np.testing.assert_allclose(result.aux["N"], 2, atol=1e-4)
    spins = result.aux["S2"]
    assert np.abs(spins * (spins - 2)).max() < 1e-3
    assert result.success
    assert len(result.sectors) == len(result.basis) == len(result.circuits)
    assert {label.split()[0] for label in result.sectors} == {"Sz=-1", "Sz=0", "Sz=1"}
    # Every level is a state of its own sector, whose circuit gives its energy.
    for r in range(k):
        best = int(np.argmax(np.abs(result.vectors[:, r])))
        support = {result.sectors[i] for i in np.flatnonzero(np.abs(result.vectors[:, r]) > 1e-9)}
        assert support == {result.sectors[best]}


def test_several_sectors_are_one_result(tmp_path):
    molecule = qa.problems.molecule("H2", tapered=True)
    result = qa.eigensolve(molecule, 6, sector="all", rng=0)
    np.testing.assert_allclose(result.eigenvalues, qa.problems.molecule("H2").sector(2).energies, atol=1e-7)
    assert result.multiplicities == (1, 3, 1, 1)
    assert set(result.history["sector"]) == set(range(len(set(result.sectors))))
    with pytest.raises(ValueError, match="one sector"):
        result.transition(molecule.hamiltonian)
    result.save(tmp_path / "all")
    loaded = qa.EigenResult.load(tmp_path / "all")
    assert loaded.sectors == result.sectors
    assert str(loaded) == str(result)
    highest = qa.eigensolve(molecule, 2, sector="all", which="LA", method=EXACT)
    np.testing.assert_allclose(highest.eigenvalues, result.eigenvalues[:3:-1], atol=1e-7)
    stop = qa.StopWhen(lambda step: True, "enough")
    with pytest.warns(qa.EigenWarning, match="independent"):
        stopped = qa.eigensolve(molecule, 6, sector="all", callback=stop, rng=0)
    assert np.isnan(stopped.eigenvalues).any()
    assert stopped.message == "enough"


def test_what_all_sectors_cannot_take_is_named(h2, tmp_path):
    tapered = h2.tapered()
    total = len(fermions.determinants(4, 2))
    for change, error, word in (
        ({"H": tapered.hamiltonian}, TypeError, "Molecule"),
        ({"k": total + 1}, ValueError, f"at most {total}"),
        ({"aux": {"S2": tapered.spin_squared}}, ValueError, "names"),
        ({"initial": [[0.0]]}, ValueError, "initial"),
        ({"checkpoint": tmp_path / "x"}, ValueError, "checkpoint"),
        ({"resolve": ("L2",)}, ValueError, "resolve"),
    ):
        with pytest.raises(error, match=word):
            qa.eigensolve(**{"H": tapered, "k": 2, "sector": "all", **change})
    with pytest.raises(ValueError, match="aux"):
        qa.eigensolve(tapered.hamiltonian, aux=("N",))
    with pytest.raises(TypeError, match="resolve"):
        qa.eigensolve(tapered, resolve="S2")
