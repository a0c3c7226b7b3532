"""Quantum state tomography with a low-rank factor: measure Pauli settings, reconstruct, and say how sure one can be."""

from qalgs.tomo.data import CountsData as CountsData
from qalgs.tomo.data import PauliData as PauliData
from qalgs.tomo.data.pauli_table import quasi_paulis as quasi_paulis
from qalgs.tomo.data.readout import ReadoutCalibration as ReadoutCalibration
from qalgs.tomo.data.readout import calibrate_readout as calibrate_readout
from qalgs.tomo.errors import DataWarning as DataWarning
from qalgs.tomo.errors import InsufficientDataError as InsufficientDataError
from qalgs.tomo.errors import RankBiasWarning as RankBiasWarning
from qalgs.tomo.measuring.measure import measure_paulis as measure_paulis
from qalgs.tomo.methods import LinearInversion as LinearInversion
from qalgs.tomo.methods.descent import FGD as FGD
from qalgs.tomo.methods.descent import MiFGD as MiFGD
from qalgs.tomo.methods.hard_thresholding import MatrixALPS as MatrixALPS
from qalgs.tomo.methods.hard_thresholding import RandomizedSVP as RandomizedSVP
from qalgs.tomo.methods.inversion import linear_inversion as linear_inversion
from qalgs.tomo.methods.lbfgs import LBFGS as LBFGS
from qalgs.tomo.methods.local_sfgd import LocalSFGD as LocalSFGD
from qalgs.tomo.quality.linear import linear_fidelity as linear_fidelity
from qalgs.tomo.result import TomographyResult as TomographyResult
from qalgs.tomo.verb import tomography as tomography
