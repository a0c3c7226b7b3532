"""Linear systems: quantum solvers, and the proximal-point wrapper around any of them."""

from qalgs.linear.adiabatic import Adiabatic as Adiabatic
from qalgs.linear.chebyshev import ChebyshevLCU as ChebyshevLCU
from qalgs.linear.encoding import BlockEncoding as BlockEncoding
from qalgs.linear.encoding import dense_encoding as dense_encoding
from qalgs.linear.encoding import pauli_encoding as pauli_encoding
from qalgs.linear.encoding import shifted_encoding as shifted_encoding
from qalgs.linear.hhl import HHL as HHL
from qalgs.linear.methods import StartOnly as StartOnly
from qalgs.linear.phases import phase_factors as phase_factors
from qalgs.linear.polynomials import inverse_polynomial as inverse_polynomial
from qalgs.linear.proximal import ProximalPoint as ProximalPoint
from qalgs.linear.qsvt import QSVT as QSVT
from qalgs.linear.residual import ResidualCorrection as ResidualCorrection
from qalgs.linear.result import LinearResult as LinearResult
from qalgs.linear.solver import Construction as Construction
from qalgs.linear.solver import QueryCount as QueryCount
from qalgs.linear.solver import count_queries as count_queries
from qalgs.linear.solver import state_distance as state_distance
from qalgs.linear.system import LinearSystem as LinearSystem
from qalgs.linear.verb import linear_solve as linear_solve
from qalgs.linear.vqls import VQLS as VQLS
