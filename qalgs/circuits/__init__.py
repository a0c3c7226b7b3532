"""Circuits, and objectives made of them."""

from qalgs.circuits.objective import ExpectationObjective as ExpectationObjective
from qalgs.circuits.states import ghz as ghz
from qalgs.circuits.states import haar as haar
from qalgs.circuits.states import w as w
