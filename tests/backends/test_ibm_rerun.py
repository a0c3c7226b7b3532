"""A script or notebook that runs a second time, and one that only asks what it would cost."""

import subprocess
import sys

import pytest

from qalgs.cli import main
from tests.backends.ibm_rehearsal import *  # noqa: F403

SCRIPT = """
import numpy as np
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
import qalgs as qa
from qalgs_backends.ibm.options import IBMOptions
backend = qa.backends.get("ibm:ibm_rehearsal", options=IBMOptions(max_points=5))
ansatz = efficient_su2(2, reps=1)
points = np.linspace(0, 1, 3 * ansatz.num_parameters).reshape(3, -1)
energy = backend.expect(backend.prepare(ansatz, SparsePauliOp(["ZZ", "XI"])), points, shots=100, rng=7)
data = qa.measure_paulis(qa.circuits.ghz(2), settings="all", shots=50, backend=backend, rng=1)
print(energy.values.tolist(), data.counts.tolist())
"""


def requests(server):
    """Number of requests by method and kind, and forgotten."""
    seen = {}
    for request in server.requests:
        kind = f"{request.method} /{request.path.split('/')[1]}"
        seen[kind] = seen.get(kind, 0) + 1
    server.traffic.requests.clear()
    return seen


@pytest.mark.slow
def test_a_notebook_that_is_run_twice_pays_once(server):
    """The second process signs in and reads the machine; it sends no job and asks for none."""
    printed, sent = [], []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
        sent.append(requests(server))
    assert printed[0] == printed[1]
    first, second = sent
    assert first["POST /jobs"] == len(server.jobs) == 3
    assert second == {"POST /iam": 3, "POST /search": 1, "GET /catalog": 1, "GET /backends": 4}


def test_a_dry_run_names_the_cost_and_sends_nothing(server, capsys):
    arguments = ["tomography", "--backend", f"ibm:{server.name}", "--qubits", "2", "--shots", "100", "--dry-run"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "9 settings, 900 shots, 9 circuits on ibm:ibm_rehearsal, about 2 s of its time; nothing was run" in printed
    assert server.count("POST", "/jobs|/sessions") == 0
    assert server.jobs == {}
