"""Quantum algorithms that run for real, on simulators, noisy device models and hardware, with the same few lines."""

from importlib.metadata import version as _version

from qalgs import backends as backends
from qalgs import callbacks as callbacks
from qalgs import circuits as circuits
from qalgs import optimizers as optimizers
from qalgs import plot as plot
from qalgs import problems as problems
from qalgs.callbacks import Checkpoint as Checkpoint
from qalgs.callbacks import Deadline as Deadline
from qalgs.callbacks import Progress as Progress
from qalgs.callbacks import Record as Record
from qalgs.callbacks import StopWhen as StopWhen
from qalgs.results import Estimate as Estimate
from qalgs.run import Status as Status
from qalgs.tomo import FGD as FGD
from qalgs.tomo import LBFGS as LBFGS
from qalgs.tomo import CountsData as CountsData
from qalgs.tomo import InsufficientDataError as InsufficientDataError
from qalgs.tomo import LinearInversion as LinearInversion
from qalgs.tomo import LocalSFGD as LocalSFGD
from qalgs.tomo import MatrixALPS as MatrixALPS
from qalgs.tomo import MiFGD as MiFGD
from qalgs.tomo import PauliData as PauliData
from qalgs.tomo import RandomizedSVP as RandomizedSVP
from qalgs.tomo import RankBiasWarning as RankBiasWarning
from qalgs.tomo import TomographyResult as TomographyResult
from qalgs.tomo import calibrate_readout as calibrate_readout
from qalgs.tomo import linear_fidelity as linear_fidelity
from qalgs.tomo import linear_inversion as linear_inversion
from qalgs.tomo import measure_paulis as measure_paulis
from qalgs.tomo import tomography as tomography

__version__ = _version("qalgs")
