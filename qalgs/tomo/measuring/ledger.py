"""The record of a measurement under way: which jobs have ended, and what they gave.

Axes: S settings, n qubits, d = 2**n. One ``.npz`` file, replaced as a whole when a job ends, so that it is never half
written; nothing in it is pickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import Gate, Instruction, QuantumCircuit

from qalgs.checks import argument

_FORMAT = "qalgs-measurement"
_SHOWN = 60


@dataclass(frozen=True, eq=False)
class Ledger:
    """A file, the arguments it belongs to, and what is in it."""

    path: Path
    facts: dict[str, Any]
    """Name and value of every argument that the counts depend on."""
    counts: NDArray[np.int64] | None = None
    """(s, d) counts of the first s settings."""
    readout: NDArray[np.float64] | None = None
    """(n, 2, 2) confusion matrices."""

    def write(self, counts: NDArray[np.int64] | None, readout: NDArray[np.float64] | None) -> None:
        """Replace the file."""
        arrays = {"counts": counts, "readout": readout, "facts": np.array(json.dumps(self.facts))}
        known = {name: array for name, array in arrays.items() if array is not None}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(self.path.name + ".partial")
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **known)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)


def open_ledger(path: Path, facts: dict[str, Any]) -> Ledger:
    """What is in ``path``, or an empty ledger where there is no such file.

    Raises:
        ValueError: the file is something else, or belongs to a measurement with other arguments; the first argument
            that differs is named.
    """
    found = read_ledger(path)
    if found is None:
        return Ledger(path, facts)
    for name, value in json.loads(json.dumps(facts)).items():
        old = found.facts.get(name)
        if old != value:
            must = f"be a file of the same measurement, `{name}` {_short(value)}"
            raise ValueError(argument("checkpoint", must, f"in {path} it is {_short(old)}"))
    return found


def read_ledger(path: Path) -> Ledger | None:
    """The ledger in ``path``; None where there is no such file.

    Raises:
        ValueError: the file is something else.
        OSError: it cannot be read.
    """
    if not path.exists():
        return None
    try:
        with path.open("rb") as file:
            arrays = dict(np.load(file, allow_pickle=False))
        facts = json.loads(str(arrays["facts"]))
        if facts["format"] != _FORMAT:
            raise KeyError("format")
    except (EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        must = "be a file that a measurement has written, or not exist"
        raise ValueError(argument("checkpoint", must, f"{path} is something else")) from None
    return Ledger(path, facts, arrays.get("counts"), arrays.get("readout"))


def measurement_facts(circuit: QuantumCircuit, **arguments: Any) -> dict[str, Any]:
    """The arguments of a measurement as JSON, the circuit by its fingerprint."""
    return {"format": _FORMAT, "circuit": fingerprint(circuit), **arguments}


def fingerprint(circuit: QuantumCircuit) -> str:
    """A SHA-256 of the gates, their parameters and their qubits; names given by counting do not enter."""
    digest = hashlib.sha256()
    _update(digest, circuit)
    return digest.hexdigest()


def _update(digest: Any, circuit: QuantumCircuit) -> None:
    digest.update(f"{circuit.num_qubits} qubits, phase {circuit.global_phase}".encode())
    for item in circuit.data:
        operation = item.operation
        qubits = [circuit.find_bit(qubit).index for qubit in item.qubits]
        if type(operation) in (Gate, Instruction) and operation.definition is not None:
            digest.update(f"{qubits}(".encode())
            _update(digest, operation.definition)
            digest.update(b")")
            continue
        digest.update(f"{operation.name}{qubits}".encode())
        for parameter in getattr(operation, "params", ()):
            digest.update(parameter.tobytes() if isinstance(parameter, np.ndarray) else repr(parameter).encode())


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
