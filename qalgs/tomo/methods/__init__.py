"""Ways to reconstruct a state, and what they share."""

from qalgs.tomo.methods.base import Data as Data
from qalgs.tomo.methods.base import FactorState as FactorState
from qalgs.tomo.methods.base import LinearInversion as LinearInversion
from qalgs.tomo.methods.base import Method as Method
from qalgs.tomo.methods.base import Point as Point
