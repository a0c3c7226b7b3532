"""Measured data, in the two forms that every method takes."""

from qalgs.tomo.data.counts import CountsData as CountsData
from qalgs.tomo.data.pauli_data import PauliData as PauliData
