"""Excited states: the Quantum EigenGame and the methods it is compared with."""

from qalgs.eigen.classical import ClassicalEigenGame as ClassicalEigenGame
from qalgs.eigen.classical import EigenGameMu as EigenGameMu
from qalgs.eigen.classical import Exact as Exact
from qalgs.eigen.classical import Hotelling as Hotelling
from qalgs.eigen.classical import ParallelDeflation as ParallelDeflation
from qalgs.eigen.errors import EigenWarning as EigenWarning
from qalgs.eigen.errors import ShiftTooSmallError as ShiftTooSmallError
from qalgs.eigen.expansion import SubspaceExpansion as SubspaceExpansion
from qalgs.eigen.methods import VQD as VQD
from qalgs.eigen.methods import EigenGame as EigenGame
from qalgs.eigen.result import EigenResult as EigenResult
from qalgs.eigen.result import PlayerResult as PlayerResult
from qalgs.eigen.ritz import rayleigh_ritz as rayleigh_ritz
from qalgs.eigen.shift import SpectralBounds as SpectralBounds
from qalgs.eigen.shift import spectral_bounds as spectral_bounds
from qalgs.eigen.shots import ShotPolicy as ShotPolicy
from qalgs.eigen.ssvqe import SSVQE as SSVQE
from qalgs.eigen.verb import eigensolve as eigensolve
