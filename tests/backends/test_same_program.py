"""The README's program runs unchanged on every kind of backend, and its answers agree within 5 standard deviations.

With noise they agree with the exact values of that noise, from the density matrix, and not with those without. A Pauli
is measured in its own basis, whose change has noise too: the reference is the value of the Z-type Pauli after that
change, at the same place of the device. The probabilities of the outcomes are the Walsh-Hadamard transform of the
values of all Z-type Paulis.
"""

from itertools import product

import numpy as np
import pytest
from qiskit.quantum_info import Pauli, SparsePauliOp

from qalgs_backends import basis_angles, get, with_basis_change
from qalgs_backends.testing import RehearsalServer
from tests.backends.ibm_rehearsal import no_account, only_loopback  # noqa: F401
from tests.test_readme import EXAMPLES

SHOTS = 4096
Z_PAULIS = [Pauli("".join(letters)) for letters in product("IZ", repeat=4)]
"""The k-th has a Z on the qubits that are 1 in k."""


class Ideal:
    """The exact backend, which has no qubits to choose."""

    backend = get("statevector")

    def prepare(self, circuit, observables, *, qubits):
        return self.backend.prepare(circuit, observables)

    def expect(self, prepared, points):
        return self.backend.expect(prepared, points)


IDEAL = Ideal()


@pytest.fixture(scope="module")
def program():
    """The names that the program defines, without the loop that runs it."""
    (text,) = (example for example in EXAMPLES if "def measure(name)" in example)
    names = {}
    exec(compile(text.partition("\nfor name in")[0], "README", "exec"), names)
    return names


def exact_values(backend, program, layout, paulis):
    """(K, len(paulis)) values of Paulis, each measured in its own basis."""
    extended, angles = with_basis_change(program["ansatz"])
    extended.remove_final_measurements()
    z_type = [SparsePauliOp(Pauli((p.z | p.x, np.zeros(4, bool)))) for p in paulis]
    prepared = backend.prepare(extended, z_type, qubits=layout)
    table = np.zeros((len(paulis), len(program["points"]), len(prepared.parameters)))
    column = {parameter: j for j, parameter in enumerate(prepared.parameters)}
    table[:, :, [column[parameter] for parameter in program["ansatz"].parameters]] = program["points"]
    bases = np.array([basis_angles(p.x, p.x & p.z) for p in paulis])
    table[:, :, [column[parameter] for parameter in angles]] = bases[:, None]
    values = backend.expect(prepared, table.reshape(-1, table.shape[2])).values
    return np.einsum("pkp->kp", values.reshape(*table.shape[:2], len(paulis)))


def probabilities(backend, program, layout):
    """(K, 16) exact probabilities of the outcomes."""
    signs = np.array([[(-1) ** (j & k).bit_count() for k in range(16)] for j in range(16)])
    return exact_values(backend, program, layout, Z_PAULIS) @ signs / 16


def agree(counts, p):
    """Whether chi squared is at most 5 standard deviations above its mean; a cell of mean m adds 2 + 1/m."""
    mean = SHOTS * p
    chi_squared = ((counts.dense() - mean) ** 2 / mean).sum()
    return chi_squared < (1 - p).sum() + 5 * np.sqrt((2 + 1 / mean).sum())


def check(program, name, model):
    """The program's answers on ``name`` against the exact ones of ``model``, on the qubits that ``name`` chooses."""
    energies, counts = program["measure"](name)
    assert energies.values.shape == (3, 1)
    assert energies.shots == counts.shots == SHOTS
    chosen, H = get(name), program["H"]
    layouts = [chosen.prepare(program["ansatz"], terms).layout for terms in (H, None)]
    exact = exact_values(model, program, layouts[0], list(H.paulis)) @ H.coeffs.real
    assert np.all(np.abs(energies.values[:, 0] - exact) < 5 * energies.values_err[:, 0])
    assert agree(counts, probabilities(model, program, layouts[1]))
    assert agree(counts, probabilities(IDEAL, program, None)) == (model is IDEAL)


@pytest.mark.parametrize("name", ["statevector", "aer", "aer:mps", "lightning", "noisy:fake_fez"])
def test_simulators(program, name):
    check(program, name, get(name) if name.startswith("noisy") else IDEAL)


@pytest.mark.parametrize("noise", [False, True])
def test_hardware(program, noise, no_account, monkeypatch):  # noqa: F811
    with RehearsalServer("fake_manila", noise=noise) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        check(program, f"ibm:{server.name}", get("noisy:fake_manila") if noise else IDEAL)
        assert server.count("POST", "/jobs") == 2
