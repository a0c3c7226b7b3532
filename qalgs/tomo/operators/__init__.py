"""Linear maps from a low-rank factor to measured quantities, and their adjoints, without a Pauli matrix."""

from qalgs.tomo.operators.allpauli import AllPauli as AllPauli
from qalgs.tomo.operators.allpauli import apply_hermitian as apply_hermitian
from qalgs.tomo.operators.bases import Bases as Bases
