"""Gates without routing: what Qiskit's transpiler writes, without what it loads."""

import subprocess
import sys

import pytest
from qiskit import transpile
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import PauliEvolutionGate, QFTGate, SwapGate, efficient_su2
from qiskit.circuit.random import random_circuit
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import SparsePauliOp, random_unitary

from qalgs_backends.lowering import _BASIS as TABLE
from qalgs_backends.simulators.aer import _BASIS as AER
from qalgs_backends.translation import in_gates


def composite():
    circuit = QuantumCircuit(4)
    circuit.append(QFTGate(4), range(4))
    circuit.mcx([0, 1, 2], 3)
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XYZI", "ZZII"]), 0.2), range(4))
    circuit.unitary(random_unitary(8, seed=1), [0, 1, 2])
    circuit.append(efficient_su2(3).to_gate(), [0, 1, 2])
    circuit.append(SwapGate().control(2, ctrl_state=1, annotated=True), range(4))
    circuit.barrier()
    circuit.delay(10, 0)
    return circuit


def jumping():
    circuit = QuantumCircuit(3, 3)
    circuit.cry(0.3, 0, 1)
    circuit.measure(1, 1)
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.cswap(1, 0, 2)
    circuit.reset(0)
    return circuit


CIRCUITS = [composite(), jumping(), *(random_circuit(4, 5, seed=s, measure=True, reset=s % 2 == 0) for s in range(10))]


@pytest.mark.parametrize("basis", [TABLE, AER], ids=["table", "aer"])
def test_equal_to_the_transpiler(basis):
    for circuit in CIRCUITS:
        assert in_gates(circuit, basis) == transpile(circuit, basis_gates=sorted(basis), optimization_level=0)


def test_what_cannot_be_written_is_refused():
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    with pytest.raises(QiskitError):
        in_gates(circuit, ["rz", "sx"])


@pytest.mark.parametrize("name", ["statevector", "aer"])
def test_no_plugin_is_loaded(name):
    """The clients of machines, and pandas with them, take seconds of the first call in a process."""
    code = (
        "import sys; from qalgs_backends import get; from qiskit.circuit.library import efficient_su2;"
        "from qiskit.quantum_info import SparsePauliOp;"
        f"get({name!r}).prepare(efficient_su2(3), SparsePauliOp('ZZI'));"
        "print([m for m in ('pandas', 'qiskit_ibm_runtime', 'pennylane') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
