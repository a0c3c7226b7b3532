"""Problems with known answers."""

from qalgs.problems.chemistry import h2_two_qubits as h2_two_qubits
from qalgs.problems.chemistry import molecule as molecule
from qalgs.problems.linear_systems import poisson_system as poisson_system
from qalgs.problems.linear_systems import random_hermitian_system as random_hermitian_system
from qalgs.problems.linear_systems import random_spd_system as random_spd_system
from qalgs.problems.linear_systems import tridiagonal_system as tridiagonal_system
from qalgs.problems.maxcut import MaxCut as MaxCut
from qalgs.problems.maxcut import cycle_graph as cycle_graph
from qalgs.problems.maxcut import ladder_graph as ladder_graph
from qalgs.problems.maxcut import maxcut as maxcut
from qalgs.problems.maxcut import path_graph as path_graph
from qalgs.problems.maxcut import star_graph as star_graph
from qalgs.problems.maxcut import two_stars_graph as two_stars_graph
from qalgs.problems.molecule import Molecule as Molecule
from qalgs.problems.molecule import Sector as Sector
from qalgs.problems.spins import transverse_field_ising as transverse_field_ising
from qalgs.problems.spins import xxz as xxz
from qalgs.problems.states import StateVector as StateVector
from qalgs.problems.states import ghz_projector as ghz_projector
from qalgs.problems.states import ghz_state as ghz_state
from qalgs.problems.states import haar_state as haar_state
from qalgs.problems.states import w_state as w_state
