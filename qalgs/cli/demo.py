"""``qalgs demo``: the first thing a newcomer sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro

from qalgs import circuits, problems
from qalgs.backends import get
from qalgs.callbacks import Progress
from qalgs.checks import as_seed_sequence
from qalgs.cli.machines import as_config
from qalgs.cli.output import write_run
from qalgs.cli.tomography import Options, figure, fitted, report
from qalgs.tomo import LBFGS, measure_paulis, tomography

_OPTIONS = Options(
    state="ghz", qubits=8, backend="noisy:fake_fez", fraction=0.2, shots=2048, rank=4, bootstrap=10, rng=7
)


def demo(out: Annotated[Path, tyro.conf.arg(help="Folder for the results.")] = Path("runs/demo")) -> None:
    """Measure an 8-qubit GHZ state on a noisy model of an IBM device and reconstruct it on four machines."""
    o = _OPTIONS
    print("An 8-qubit GHZ state on a noisy model of the 156-qubit IBM Fez: random settings that contain 20 % of its")
    print("Pauli observables, 2048 shots each, reconstructed by Local SFGD on four machines (in this process).\n")
    backend, circuit, target = get(o.backend), circuits.ghz(o.qubits), problems.ghz_state(o.qubits)
    exact = backend.prepare(circuit, problems.ghz_projector(o.qubits))
    bar = Progress("ghz")
    data = measure_paulis(
        circuit,
        fraction=o.fraction,
        shots=o.shots,
        backend=backend,
        qubits=exact.layout,
        rng=o.rng,
        callback=bar,
    )
    print(f"measured     {data}")
    result = fitted(data, o.local_sfgd, target, o, as_seed_sequence(o.rng), bar)
    print(result)
    report(result, target)
    truth = float(backend.expect(exact).values[0, 0])
    print(f"truth        {truth:.4f}, readout errors included: the simulator knows, a device would not")
    pooled = tomography(data, rank=o.rank, bootstrap=0, rng=o.rng).fidelity(target).value
    print(f"beside it    {pooled:.4f} by L-BFGS with all the data in one place")
    claim = fitted(data, LBFGS(), target, replace(o, rank=1, bootstrap=0), as_seed_sequence(o.rng), bar)
    print(
        f"beware       {claim.fidelity(target).value:.4f} is what a rank-1 fit claims; its misfit is {claim.misfit:.2f}"
    )
    out.mkdir(parents=True, exist_ok=True)
    write_run(out, as_config(o) | {"out": str(out)}, result, figure(result, target, o))
    print(f"\nLook at {out}/figure.png, and try `qalgs tomography --help` for other states, sizes and backends.")
