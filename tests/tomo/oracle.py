"""Dense Pauli matrices and rotations, built by Kronecker products from the textbook 2 x 2 matrices."""

from functools import reduce

import numpy as np

PAULI = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}


def matrix(label):
    """The rightmost letter is qubit 0, the least significant bit: the last factor of the Kronecker product."""
    return reduce(np.kron, [PAULI[letter] for letter in label]).astype(complex)


def projectors(setting):
    """(d, d, d): the projector of each outcome of a setting, from the eigenvectors of its letters."""
    vectors = []
    for letter in setting:
        values, basis = np.linalg.eigh(PAULI[letter])
        vectors.append(basis[:, np.argsort(-values)])
    basis = reduce(np.kron, vectors)
    return np.einsum("ib,jb->bij", basis, basis.conj())


def random_factor(rng, n, r):
    U = rng.normal(size=(2**n, r)) + 1j * rng.normal(size=(2**n, r))
    return U / np.linalg.norm(U)
