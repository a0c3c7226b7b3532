"""Games on disk: all that is needed to go on exactly as if nothing had happened.

One npz file: arrays as they are, everything else as JSON in its header; nothing is pickled. It is written aside and
then renamed, so a killed run leaves a whole file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qalgs.callbacks import Checkpoint
from qalgs.checks import argument
from qalgs.run import Status, Step

_FORMAT, _HEADER = 1, "header"


class Resumable(Protocol):
    """A run that can be described and taken up again."""

    def rounds(self) -> Generator[Step, None, Status]:
        """From where it stands to the end."""
        ...

    def plain(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Facts that JSON can hold, and arrays."""
        ...

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """The inverse of ``plain``."""
        ...


def identity(
    hamiltonian: SparsePauliOp,
    circuits: Sequence[QuantumCircuit],
    seed: np.random.SeedSequence,
    initial: Sequence[Any],
    **settings: Any,
) -> dict[str, Any]:
    """What two runs must share for one to continue the other."""
    words = [int(word) for word in np.atleast_1d(np.asarray(seed.entropy, object))]
    starts = [None if x is None else np.asarray(x, float).tobytes().hex() for x in initial]
    return {
        "H": _digest(hamiltonian.to_list()),
        "ansatz": _digest([_gates(circuit) for circuit in circuits]),
        "rng": [words, [int(word) for word in seed.spawn_key]],
        "initial": _digest(starts),
        **{name: repr(value) for name, value in settings.items()},
    }


def save(run: Resumable, path: Path, own: Mapping[str, Any]) -> None:
    """Write ``run`` to exactly ``path``."""
    facts, arrays = run.plain()
    header = json.dumps({"format": _FORMAT, "identity": own, "run": facts})
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **{_HEADER: np.array(header)}, **{f"a_{n}": a for n, a in arrays.items()})


def resume(run: Resumable, path: str | Path, own: Mapping[str, Any]) -> None:
    """Make ``run`` the one that was written to ``path``.

    Raises:
        ValueError: there is no such file, it is no checkpoint, or it is one of another task; what differs is named.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            header = json.loads(str(stored[_HEADER]))
            arrays = {name.removeprefix("a_"): stored[name] for name in stored.files if name != _HEADER}
    except (OSError, BadZipFile, KeyError, ValueError, EOFError, AttributeError) as error:
        raise ValueError(argument("checkpoint", "be one that `eigensolve` wrote", f"{path} is not ({error})")) from None
    before = header["identity"]
    for name in {**before, **own}:
        if before.get(name) != own.get(name):
            raise ValueError(argument(name, f"be that of the run in {path}", "it is not: no run would be continued"))
    run.restore(header["run"], arrays)


def written(
    steps: Generator[Step, None, Status], run: Resumable, path: str | Path | None, own: Mapping[str, Any], every: int
) -> Generator[Step, None, Status]:
    """The same steps, every so many of them on disk before anyone sees it, and the end in any case."""
    if path is None:
        return (yield from steps)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write = Checkpoint(path, lambda _, where: save(run, where, own), every=every)
    always = Checkpoint(path, lambda _, where: save(run, where, own))
    last: Step | None = None
    while True:
        try:
            last = next(steps)
        except StopIteration as end:
            if last is not None:
                always(last)
            return end.value
        write(last)
        yield last


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def _gates(circuit: QuantumCircuit) -> list[Any]:
    """The circuit as written, without the random identities of its parameters."""
    gates = [
        (item.operation.name, [str(p) for p in item.operation.params], [circuit.find_bit(q).index for q in item.qubits])
        for item in circuit.data
    ]
    return [circuit.num_qubits, str(circuit.global_phase), [p.name for p in circuit.parameters], gates]
