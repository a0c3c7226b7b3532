"""Quantum state tomography with a low-rank factor: measure Pauli settings, reconstruct, and say how sure one can be."""

from qalgs.tomo.data import CountsData as CountsData
from qalgs.tomo.data import PauliData as PauliData
from qalgs.tomo.inversion import linear_inversion as linear_inversion
from qalgs.tomo.local_sfgd import LocalSFGD as LocalSFGD
from qalgs.tomo.measure import measure_paulis as measure_paulis
from qalgs.tomo.methods import LinearInversion as LinearInversion
from qalgs.tomo.result import TomographyResult as TomographyResult
from qalgs.tomo.result import linear_fidelity as linear_fidelity
from qalgs.tomo.verb import tomography as tomography
