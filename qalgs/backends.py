"""Machines that run circuits: ``get("aer")`` and the values they take and give."""

from qalgs_backends import Backend as Backend
from qalgs_backends import BackendError as BackendError
from qalgs_backends import BackendLike as BackendLike
from qalgs_backends import Calibration as Calibration
from qalgs_backends import Capabilities as Capabilities
from qalgs_backends import CapabilityError as CapabilityError
from qalgs_backends import Cost as Cost
from qalgs_backends import Counts as Counts
from qalgs_backends import ExecutionError as ExecutionError
from qalgs_backends import FidelityMap as FidelityMap
from qalgs_backends import Job as Job
from qalgs_backends import Observables as Observables
from qalgs_backends import Program as Program
from qalgs_backends import RngLike as RngLike
from qalgs_backends import Values as Values
from qalgs_backends import as_backend as as_backend
from qalgs_backends import as_pennylane as as_pennylane
from qalgs_backends import basis_angles as basis_angles
from qalgs_backends import fidelity_map as fidelity_map
from qalgs_backends import from_pennylane as from_pennylane
from qalgs_backends import get as get
from qalgs_backends import operator_from_pennylane as operator_from_pennylane
from qalgs_backends import operator_to_pennylane as operator_to_pennylane
from qalgs_backends import to_pennylane as to_pennylane
from qalgs_backends import with_basis_change as with_basis_change
