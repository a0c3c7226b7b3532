"""Machines that run prepared circuits. Importing this package imports no vendor but Qiskit itself."""

from qalgs_backends.base import Backend as Backend
from qalgs_backends.base import Capabilities as Capabilities
from qalgs_backends.base import Cost as Cost
from qalgs_backends.base import Counts as Counts
from qalgs_backends.base import Job as Job
from qalgs_backends.base import Observables as Observables
from qalgs_backends.base import Program as Program
from qalgs_backends.base import Values as Values
from qalgs_backends.calibration import Calibration as Calibration
from qalgs_backends.errors import BackendError as BackendError
from qalgs_backends.errors import CapabilityError as CapabilityError
from qalgs_backends.errors import ExecutionError as ExecutionError
from qalgs_backends.fidelity import FidelityMap as FidelityMap
from qalgs_backends.fidelity import fidelity_map as fidelity_map
from qalgs_backends.grouping import basis_angles as basis_angles
from qalgs_backends.grouping import with_basis_change as with_basis_change
from qalgs_backends.pennylane_convert import as_pennylane as as_pennylane
from qalgs_backends.pennylane_convert import from_pennylane as from_pennylane
from qalgs_backends.pennylane_convert import operator_from_pennylane as operator_from_pennylane
from qalgs_backends.pennylane_convert import operator_to_pennylane as operator_to_pennylane
from qalgs_backends.pennylane_convert import to_pennylane as to_pennylane
from qalgs_backends.registry import BackendLike as BackendLike
from qalgs_backends.registry import as_backend as as_backend
from qalgs_backends.registry import get as get
from qalgs_backends.rng import RngLike as RngLike
