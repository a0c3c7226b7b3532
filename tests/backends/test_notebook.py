"""A notebook session with an account: what its file would hold, which is read by whoever gets it, has no key in it.

The cells run as a notebook runs them. Kept are what is printed, every form in which the last value of a cell can be
shown, and tracebacks, with the local variables of all frames, as verbose tracebacks show them.
"""

import ast
import contextlib
import io
import logging
import traceback
import warnings

import pytest

from qalgs_backends.testing import RehearsalServer
from tests.backends.ibm_rehearsal import *  # noqa: F403
from tests.backends.ibm_rehearsal import CANARY

RICH = ("__repr__", "__str__", "_repr_html_", "_repr_markdown_", "_repr_latex_", "_repr_json_", "_repr_mimebundle_")

CELLS = {
    "set up": """
import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
import qalgs as qa
circuit = QuantumCircuit(2)
circuit.h(0)
circuit.cx(0, 1)
qa.backends.accounts()
""",
    "connect": "backend = qa.backends.get('ibm:ibm_rehearsal', budget_seconds=30)\nbackend",
    "capabilities": "backend.capabilities",
    "calibration": "backend.calibration",
    "attributes": "vars(backend)",
    "attributes of attributes": "[vars(value) for value in vars(backend).values() if hasattr(value, '__dict__')]",
    "prepare": "program = backend.prepare(circuit, SparsePauliOp(['ZZ', 'XX']))\nprogram",
    "estimate": "backend.estimate(program, 1, 100)",
    "run": "values = backend.expect(program, shots=100, rng=1)\nvalues",
    "job": "job = backend.submit(backend.prepare(circuit), kind='sample', shots=50, rng=2)\njob",
    "result": "job.result(timeout=20)",
    "store": "qa.backends.JobStore().list()",
    "over the budget": "backend.expect(program, shots=200_000)",
    "bad shots": "backend.expect(program, shots=-1)",
    "no such machine": "qa.backends.get('ibm:ibm_fes')",
}
REFUSED = ("over the budget", "bad shots", "no such machine")

FAULTS = {
    "no answer": ("GET", r"/jobs/\w+", {"status": 401}),
    "not authorized": ("POST", "/jobs", {"status": 401}),
    "token service down": ("POST", "/iam/identity/token", {"status": 500}),
    "machine gone": ("GET", "/backends/ibm_rehearsal/configuration", {"status": 404}),
}


class Notebook:
    """Runs cells and keeps their outputs."""

    def __init__(self):
        self.names, self.outputs = {"__name__": "__main__"}, []

    def run(self, cell):
        """Whether the cell ends without an exception."""
        body = ast.parse(cell).body
        last = ast.Expression(body.pop().value) if isinstance(body[-1], ast.Expr) else None
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                exec(compile(ast.Module(body, []), "cell", "exec"), self.names)
                if last is not None:
                    self.show(eval(compile(last, "cell", "eval"), self.names))
        except Exception as error:
            self.outputs += [*traceback.format_exception(error), *local_variables(error)]
            return False
        finally:
            self.outputs.append(printed.getvalue())
        return True

    def show(self, value):
        forms = (getattr(value, name, None) for name in RICH)
        self.outputs += [str(form()) for form in forms if callable(form)]


def local_variables(error):
    """Of every frame from the cell to where the error was raised, and of those before it that its traceback shows."""
    shown = []
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            for name, value in frame.f_locals.items():
                with contextlib.suppress(Exception):
                    shown.append(f"{frame.f_code.co_qualname}: {name} = {value!r}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return shown


@pytest.fixture
def notebook(no_account, monkeypatch, caplog):
    """In an environment with a key, logging everything, in front of a server that takes that key."""
    with RehearsalServer("fake_manila", api_key=CANARY) as server, warnings.catch_warnings(record=True) as warned:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        caplog.set_level(logging.DEBUG)
        made = Notebook()
        yield made, server
        made.outputs += [str(w.message) for w in warned] + [record.getMessage() for record in caplog.records]
        assert len(made.outputs) > 20
        assert [text[:300] for text in made.outputs if CANARY in text or "eyJ" in text] == []


def test_a_session(notebook):
    session, server = notebook
    for name, cell in CELLS.items():
        assert session.run(cell) == (name not in REFUSED), name
    assert server.count("POST", "/jobs") == 2


@pytest.mark.parametrize("name", list(FAULTS))
def test_a_session_that_fails(notebook, name):
    session, server = notebook
    method, path, fault = FAULTS[name]
    connect = CELLS["set up"] + CELLS["connect"]
    if "/jobs" not in path:
        server.fail(method, path, times=9, **fault)
        assert not session.run(connect)
        return
    assert session.run(connect + "\n" + CELLS["prepare"])
    server.fail(method, path, times=9, **fault)
    assert not session.run(CELLS["run"])


def test_a_key_would_be_found(no_account):
    session = Notebook()
    session.run(f"print('{CANARY}')")
    session.run(f"key = '{CANARY}'\nkey")
    session.run(f"def f(key):\n    raise ValueError\nf('{CANARY}')")
    assert sum(CANARY in text for text in session.outputs) >= 3
