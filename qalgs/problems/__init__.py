"""Problems with known answers."""

from qalgs.problems.states import StateVector as StateVector
from qalgs.problems.states import ghz_projector as ghz_projector
from qalgs.problems.states import ghz_state as ghz_state
from qalgs.problems.states import haar_state as haar_state
from qalgs.problems.states import w_state as w_state
