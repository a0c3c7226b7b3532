"""``qalgs backends``, ``qalgs calibration`` and ``qalgs layouts``: what there is to run on, and where on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from qalgs.backends import BackendError, Calibration, accounts, fidelity_map, get
from qalgs.checks import argument, positive_int
from qalgs.circuits import ghz

_NAMES = (
    "statevector",
    "lightning",
    "aer",
    "aer:mps",
    "aer:density_matrix",
    "aer:stabilizer",
    "aer:gpu",
    "noisy:fake_fez",
)

Device = Annotated[str, tyro.conf.Positional]


def backends() -> None:
    """List the backends and what they can do on this machine."""
    print(f"{'backend':20}{'qubits':>7}  {'exact':6}{'noise':6}{'gradient':9}device")
    for name in _NAMES:
        try:
            can = get(name).capabilities
        except BackendError as error:
            print(f"{name:20}{'':>7}  not here: {error}")
            continue
        flags = [f"{'yes' if flag else 'no':6}" for flag in (can.exact, can.noise)]
        print(f"{name:20}{can.num_qubits:>7}  {''.join(flags)}{can.gradient or 'no':9}{can.device}")
    print(f"{'noisy:<device>':27}  any fake device of qiskit-ibm-runtime, or a calibration file")
    known = ", ".join(account.name for account in accounts())
    way = f"with an account: {known}" if known else "no account yet; add one with qalgs.backends.login()"
    print(f"{'ibm:<machine>':27}  {way}; `qalgs rehearse` needs none")


def calibration(device: Device, save: Path | None = None) -> None:
    """Show the calibration of a device, and keep it.

    Args:
        device: a fake device such as fake_fez, or a calibration file.
        save: folder to keep it in; a file that is there already is never changed.
    """
    data = _calibration(device)
    age = data.age_days()
    print(f"device       {data.device}, {data.num_qubits} qubits, {len(data.dead_qubits)} of them unusable")
    print(f"calibrated   {data.calibrated_at or 'unknown'}{'' if age is None else f' ({age:.0f} days ago)'}")
    print(f"couplers     {len(data.couplers)} usable, error {_spread(list(data.couplers.values()))}")
    alive = [q for i, q in enumerate(data.qubits) if i not in data.dead_qubits]
    print(f"readout      error {_spread([q.readout_error or 0.0 for q in alive])}")
    t1, t2 = _median([q.t1 for q in alive]), _median([q.t2 for q in alive])
    print(f"T1, T2       {t1 * 1e6:.0f} us, {t2 * 1e6:.0f} us (medians)")
    print(f"digest       {data.digest[:12]}")
    if save is not None:
        print(f"kept as      {data.save(save)}")


def layouts(device: Device, qubits: int = 4, best: int = 10) -> None:
    """Rank the places of a line of qubits by the estimated success probability of a GHZ circuit.

    Args:
        device: a fake device such as fake_fez, or a calibration file.
        qubits: length of the line.
        best: how many to show.
    """
    positive_int(qubits, "qubits", minimum=2)
    ranked = fidelity_map(_calibration(device), ghz(qubits)).regions()
    shown = min(positive_int(best, "best"), len(ranked))
    print(f"{len(ranked)} lines of {qubits} qubits on {ranked.device}; the best {shown}:")
    print(f"{'ESP':>7}{'gates':>8}{'readout':>9}{'idle':>8}  layout")
    for rank in range(shown):
        parts = f"{ranked.esp[rank]:7.4f}{ranked.gate[rank]:8.4f}{ranked.readout[rank]:9.4f}{ranked.idle[rank]:8.4f}"
        print(f"{parts}  {list(ranked.layout(rank))}")


def _calibration(device: str) -> Calibration:
    backend = get(device if device.startswith("noisy:") else f"noisy:{device}")
    data = getattr(backend, "calibration", None)
    if not isinstance(data, Calibration):
        raise ValueError(argument("device", "have a calibration", f"{device} has none"))
    return data


def _median(values: list[float | None]) -> float:
    return float(np.median([v for v in values if v is not None]))


def _spread(values: list[float]) -> str:
    return f"{np.min(values):.2g} to {np.max(values):.2g}, median {np.median(values):.2g}"
