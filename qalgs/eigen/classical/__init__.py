"""Relatives of the EigenGame that need no circuit: their players are vectors, not ansatzes."""

from qalgs.eigen.classical.base import ClassicalMethod as ClassicalMethod
from qalgs.eigen.classical.base import Vectors as Vectors
from qalgs.eigen.classical.direct import Exact as Exact
from qalgs.eigen.classical.games import ClassicalEigenGame as ClassicalEigenGame
from qalgs.eigen.classical.games import EigenGameMu as EigenGameMu
from qalgs.eigen.classical.matrix import as_matrix as as_matrix
from qalgs.eigen.classical.parallel import ParallelDeflation as ParallelDeflation
from qalgs.eigen.classical.sequential import Hotelling as Hotelling
