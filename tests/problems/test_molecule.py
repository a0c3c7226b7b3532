"""Molecules against tabulated levels, PennyLane's Hamiltonians and identities between sectors."""

import numpy as np
import pennylane as qml
import pytest
from qiskit.quantum_info import Statevector

from qalgs import circuits, problems
from qalgs.backends import operator_from_pennylane
from qalgs.problems.subspace import pack, restricted
from qalgs_backends.pennylane.chemistry import integrals

H2 = {"bond_length": 0.735}


def expectation(operator, bits):
    return float(restricted(operator, pack(bits)).diagonal().real[0])


# name, settings, qubits, terms, tapered qubits, lowest levels of the reference's sector (STO-3G, hartree)
TABLE = [
    ("H2", H2, 4, 15, 1, (-1.13731, 0.49506)),
    ("HeH+", {}, 4, 27, 2, (-2.85160, -2.0427)),
    ("H3+", {"bond_length": 0.874}, 6, None, 4, (-1.26225,)),
    ("LiH", {"active_electrons": 2, "active_orbitals": 2}, 4, 27, 2, (-7.86229,)),
    ("LiH", {"active_electrons": 2, "active_orbitals": 3}, 6, 62, 3, (-7.86308,)),
    ("LiH", {"active_electrons": 2, "active_orbitals": 5}, 10, 276, 6, (-7.88217,)),
    ("LiH", {}, 12, 631, 8, (-7.8824, -7.76642, -7.74922)),
    pytest.param(
        *("BeH2", {"active_electrons": 4, "active_orbitals": 4}, 8, 61, 3, (-15.56624, -14.96882)),
        marks=pytest.mark.slow,
    ),
    ("H4", {}, 8, 185, 5, (-2.18032, -1.63453)),
]


@pytest.mark.parametrize(("name", "settings", "qubits", "terms", "fewer", "wanted"), TABLE)
def test_table(name, settings, qubits, terms, fewer, wanted):
    whole = problems.molecule(name, **settings)
    assert whole.num_qubits == qubits
    assert terms in (None, len(whole.hamiltonian))
    tapered = whole.tapered()
    assert tapered.num_qubits == tapered.hamiltonian.num_qubits == fewer
    np.testing.assert_allclose(tapered.exact_levels(len(wanted)), wanted, atol=2e-5)
    # the determinant's own energy does not depend on how it is written
    assert expectation(tapered.hamiltonian, tapered.reference) == pytest.approx(
        expectation(whole.hamiltonian, whole.reference), abs=1e-9
    )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "terms", "fewer"), [("BeH2", 666, 9), ("H2O", 1086, 10)])
def test_fourteen_qubits(name, terms, fewer):
    whole = problems.molecule(name)
    assert (whole.num_qubits, len(whole.hamiltonian)) == (14, terms)
    tapered = whole.tapered()
    assert tapered.num_qubits == fewer
    assert tapered.exact_levels(1)[0] == pytest.approx(whole.exact_levels(1)[0], abs=1e-8)


@pytest.mark.slow
def test_water_from_coordinates():
    water = problems.molecule(
        ["O", "H", "H"],
        [[0, 0, 0], [0.757, 0.586, 0], [-0.757, 0.586, 0]],
        active_electrons=4,
        active_orbitals=4,
        tapered=True,
    )
    assert (water.num_qubits, water.name) == (4, "OHH")
    # the tabulated geometry differs in the fourth decimal
    np.testing.assert_allclose(water.exact_levels(2), [-74.97050, -74.45430], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "settings"), [("H4", {}), ("H3+", {}), ("H4", {"active_electrons": 2, "active_orbitals": 2})]
)
def test_the_hamiltonian_is_pennylanes(name, settings):
    ours = problems.molecule(name, **settings)
    atoms = qml.qchem.Molecule(list(ours.symbols), ours.coordinates, charge=ours.charge, unit="angstrom")
    theirs, _ = qml.qchem.molecular_hamiltonian(atoms, **settings)
    difference = (ours.hamiltonian - operator_from_pennylane(theirs)).simplify(1e-12)
    assert np.abs(difference.coeffs).max() < 1e-10


def test_stretched_bonds_are_self_consistent():
    # PennyLane's own loop ends after 50 steps here, 0.69 hartree above the Hartree-Fock energy
    chain = tuple((0.0, 0.0, 2.6 * i) for i in range(4))
    found = integrals(("H",) * 4, chain, 0, "sto-3g")
    fock = found.fock()
    assert np.abs(fock - np.diag(np.diag(fock))).max() < 1e-6
    assert np.all(np.diff(np.diag(fock)) > -1e-9)
    # the levels of the whole space do not depend on the orbitals
    ours = problems.molecule("H4", bond_length=2.6)
    constant, one, two = qml.qchem.electron_integrals(qml.qchem.Molecule(["H"] * 4, np.array(chain), unit="angstrom"))()
    theirs = operator_from_pennylane(qml.jordan_wigner(qml.qchem.fermionic_observable(constant, one, two)))
    lowest = np.linalg.eigvalsh(restricted(theirs, ours.sector(4, 0.0, k=1).indices).toarray())[:4]
    np.testing.assert_allclose(ours.exact_levels(4), lowest, atol=1e-8)


def test_the_fock_space_trap():
    # HeH+ with a third electron is lower than the cation
    cation = problems.molecule("HeH+")
    assert np.linalg.eigvalsh(cation.hamiltonian.to_matrix())[0] == pytest.approx(-3.0163, abs=2e-4)
    assert cation.exact_levels(1)[0] == pytest.approx(-2.8516, abs=1e-4)
    assert cation.sector(3, k=1).energies[0] == pytest.approx(-3.0163, abs=2e-4)
    penalised = np.linalg.eigvalsh(cation.penalised(number=1.0).to_matrix())
    assert penalised[0] == pytest.approx(cation.exact_levels(1)[0], abs=1e-9)


def test_penalties_leave_the_sector_alone():
    h2 = problems.molecule("H2", **H2)
    energies = np.linalg.eigvalsh(h2.penalised(number=3.0, spin_squared=2.0, spin_z=3.0).to_matrix())
    singlets = h2.sector(2, 0.0)
    wanted = singlets.energies[np.abs(singlets.spins_squared) < 1e-9]
    np.testing.assert_allclose(energies[: len(wanted)], wanted, atol=1e-9)
    triplet = problems.molecule("H2", multiplicity=3, **H2)
    lowest = np.linalg.eigvalsh(triplet.penalised(number=3.0, spin_squared=1.0, spin_z=3.0).to_matrix())[0]
    assert lowest == pytest.approx(triplet.exact_levels(1)[0], abs=1e-9)


def test_multiplicity_chooses_the_reference():
    triplet = problems.molecule("H2", multiplicity=3, **H2)
    assert triplet.reference == (1, 0, 1, 0)
    assert triplet.spin == 1.0
    np.testing.assert_allclose(triplet.exact_levels(1), [problems.molecule("H2", **H2).exact_levels(2)[1]], atol=1e-9)


@pytest.mark.parametrize("mapping", ["jordan_wigner", "parity", "bravyi_kitaev"])
@pytest.mark.parametrize("tapered", [False, True])
def test_references_have_their_electrons_and_spin(mapping, tapered):
    molecule = problems.molecule("H4", mapping=mapping, tapered=tapered)
    for bits in molecule.determinants(4):
        assert expectation(molecule.number, bits) == pytest.approx(4)
        assert expectation(molecule.spin_z, bits) == pytest.approx(0)
    assert expectation(molecule.spin_squared, molecule.reference) == pytest.approx(0)
    assert tuple(molecule.determinants(1)[0]) == molecule.reference
    state = Statevector(circuits.reference(molecule.reference))
    hf = expectation(molecule.hamiltonian, molecule.reference)
    assert state.expectation_value(molecule.hamiltonian).real == pytest.approx(hf)
    energies = [expectation(molecule.hamiltonian, bits) for bits in molecule.determinants(5)]
    assert np.all(np.diff(energies) > -1e-9)


def test_mappings_have_one_spectrum():
    spectra = [
        np.linalg.eigvalsh(problems.molecule("H2", mapping=m, **H2).hamiltonian.to_matrix())
        for m in ("jordan_wigner", "parity", "bravyi_kitaev")
    ]
    np.testing.assert_allclose(spectra[1], spectra[0], atol=1e-10)
    np.testing.assert_allclose(spectra[2], spectra[0], atol=1e-10)


@pytest.mark.parametrize("name", ["H2", "HeH+", "H3+", "H4"])
def test_tapered_sectors_make_up_the_spectrum(name):
    molecule = problems.molecule(name)
    sectors = molecule.tapered_sectors()
    merged = np.sort(np.concatenate([sector.sector().energies for sector in sectors]))
    np.testing.assert_allclose(merged, molecule.sector().energies, atol=1e-9)
    assert all(s.num_qubits == molecule.tapered().num_qubits for s in sectors)


def test_a_tapered_sector_is_one_of_the_whole():
    molecule = problems.molecule("LiH", active_electrons=2, active_orbitals=5)
    sector = molecule.tapered().sector(2, 0.0)
    whole = molecule.sector(2, 0.0).energies
    assert all(np.abs(whole - e).min() < 1e-9 for e in sector.energies)
    np.testing.assert_allclose(sector.spins_squared[:3], [0, 2, 0], atol=1e-9)


def test_two_qubit_h2():
    matrix = problems.h2_two_qubits().to_matrix()
    found = np.linalg.eigvalsh(matrix)
    np.testing.assert_allclose(found, [-1.857275, -1.244585, -0.882722, -0.224911], atol=1e-6)
    h2 = problems.molecule("H2", **H2)
    repulsion = integrals(h2.symbols, tuple(map(tuple, h2.coordinates.tolist())), 0, "sto-3g").constant
    # two electrons with Sz = 0, less the repulsion of the nuclei
    np.testing.assert_allclose(found, h2.sector(2, 0.0).energies - repulsion, atol=2e-5)


def test_misuse_is_named():
    cases = [
        (lambda: problems.molecule("H20"), "`name` must be one of"),
        (lambda: problems.molecule("H2", bond_length=0.0), "`bond_length` must be greater than 0"),
        (lambda: problems.molecule("H2", [[0, 0, 0]]), "`coordinates` must be left out"),
        (lambda: problems.molecule(["H", "H"]), "`coordinates` must be given"),
        (lambda: problems.molecule(["H", "H"], [[0, 0, 0]]), r"`coordinates` must have shape \(2, 3\)"),
        (lambda: problems.molecule(["H", "Qq"], [[0, 0, 0], [0, 0, 1]]), "`symbols` must"),
        (lambda: problems.molecule("H2", basis="best"), "`symbols` must have the basis"),
        (lambda: problems.molecule("H2", charge=1), "`charge` must leave an even number"),
        (lambda: problems.molecule("H2", multiplicity=2), "`multiplicity` must fit"),
        (lambda: problems.molecule("H2", multiplicity=5), "`multiplicity` must fit"),
        (lambda: problems.molecule("LiH", active_electrons=3), "`active_electrons` must be even"),
        (lambda: problems.molecule("LiH", active_electrons=6), "`active_electrons` must be at most 4"),
        (lambda: problems.molecule("LiH", active_orbitals=7), "`active_orbitals` must be at most 6"),
        (lambda: problems.molecule("H2", mapping="jw"), "`mapping` must be one of"),
        (lambda: problems.molecule("H2").exact_levels(5), "`k` must be at most 4"),
        (lambda: problems.molecule("H2").determinants(0), "`k` must be at least 1"),
        (lambda: problems.molecule("H2").sector(2, 2.0), "`sector` must hold a state"),
        (lambda: problems.molecule("H2", tapered=True).sector(1), "`sector` must hold a state"),
        (lambda: problems.molecule("H2").tapered([1, 1]), "`occupation` must be 4 of 0 and 1"),
        (lambda: problems.molecule("H2").penalised(number=-1.0), "`number` must be at least 0"),
    ]
    for make, words in cases:
        with pytest.raises(ValueError, match=words):
            make()
