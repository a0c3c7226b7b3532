"""Circuits, and objectives made of them."""

from qalgs.circuits.ansatz import hardware_efficient as hardware_efficient
from qalgs.circuits.ansatz import random_layers as random_layers
from qalgs.circuits.ansatz import reference as reference
from qalgs.circuits.chemistry import givens as givens
from qalgs.circuits.chemistry import k_upccgsd as k_upccgsd
from qalgs.circuits.chemistry import uccsd as uccsd
from qalgs.circuits.objective import ExpectationObjective as ExpectationObjective
from qalgs.circuits.qaoa import qaoa as qaoa
from qalgs.circuits.states import ghz as ghz
from qalgs.circuits.states import haar as haar
from qalgs.circuits.states import w as w
