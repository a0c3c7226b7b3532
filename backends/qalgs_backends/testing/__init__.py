"""A stand-in of the IBM Quantum service on the loopback interface, for tests and rehearsals without an account."""

from qalgs_backends.testing.faults import Fault as Fault
from qalgs_backends.testing.faults import Request as Request
from qalgs_backends.testing.rehearsal import RehearsalServer as RehearsalServer
