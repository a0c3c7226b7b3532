"""Random systems for the tests of this room."""

import numpy as np


def hermitian(rng, size, kappa, *, complex_entries=False, indefinite=False, scale=1.0):
    """A matrix with eigenvalues geometric in [1/kappa, 1] times ``scale``, and of both signs where indefinite."""
    start = rng.normal(size=(size, size)) + (1j * rng.normal(size=(size, size)) if complex_entries else 0)
    Q, _ = np.linalg.qr(start)
    values = np.geomspace(1 / kappa, 1, size) if size > 1 else np.ones(1)
    if indefinite:
        values = values * (-1.0) ** np.arange(size)
    return (Q * (scale * values)) @ Q.conj().T


def amplitudes(construction):
    """(d,) amplitudes of the circuit on its system, projected on success; the circuit is run by Qiskit."""
    from qiskit.quantum_info import Statevector

    state = np.asarray(Statevector(construction.circuit))
    index, keep = np.arange(len(state)), np.ones(len(state), bool)
    for qubit, bit in construction.postselect.items():
        keep &= ((index >> qubit) & 1) == bit
    assert construction.system == tuple(range(len(construction.system)))
    return state[keep]
