"""Pictures of results. Every function takes ``ax=None``, draws on it or on a new Axes, and returns it."""

from qalgs.plot.cities import city as city
from qalgs.plot.common import as_matrix as as_matrix
from qalgs.plot.common import populated as populated
from qalgs.plot.devices import device as device
from qalgs.plot.history import HasHistory as HasHistory
from qalgs.plot.history import convergence as convergence
from qalgs.plot.levels import HasLevels as HasLevels
from qalgs.plot.levels import levels as levels
from qalgs.plot.linear import polynomial as polynomial
from qalgs.plot.linear import queries as queries
from qalgs.plot.linear import solution as solution
from qalgs.plot.matrices import density_matrix as density_matrix
from qalgs.plot.spectra import HasSpectrum as HasSpectrum
from qalgs.plot.spectra import eigenvalues as eigenvalues
from qalgs.plot.spectra import pauli_residuals as pauli_residuals
from qalgs.plot.walks import packing as packing
from qalgs.plot.walks import run as run
from qalgs.plot.walks import strip as strip
from qalgs.plot.walks import walk as walk
