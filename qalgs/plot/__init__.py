"""Pictures of results. Every function takes ``ax=None``, draws on it or on a new Axes, and returns it."""

from qalgs.plot.cities import city as city
from qalgs.plot.common import as_matrix as as_matrix
from qalgs.plot.common import populated as populated
from qalgs.plot.devices import device as device
from qalgs.plot.history import HasHistory as HasHistory
from qalgs.plot.history import convergence as convergence
from qalgs.plot.matrices import density_matrix as density_matrix
from qalgs.plot.spectra import HasSpectrum as HasSpectrum
from qalgs.plot.spectra import eigenvalues as eigenvalues
from qalgs.plot.spectra import pauli_residuals as pauli_residuals
