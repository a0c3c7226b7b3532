"""``qalgs demo``: the first thing a newcomer sees."""

from __future__ import annotations

import sys
import time
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from qalgs.cli.report import Section, page
from qalgs_backends.install import installed

_TITLE = "Four quantum algorithms on this computer"
_OPENING = (
    "Everything below was run by qalgs demo: real circuits on simulators, two of them with the noise of a device, an "
    "error beside every sampled number, and the strongest other methods beside each of ours."
)

Method = Literal["tomography", "eigensolve", "linear-solve", "vqe"]


def demo(
    out: Path = Path("runs/demo"),
    only: tuple[Method, ...] = ("tomography", "eigensolve", "linear-solve", "vqe"),
    rng: int = 7,
    show: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> None:
    """Run all four methods on this computer, and write what came of it to one page.

    Args:
        out: folder for report.html.
        only: the methods to run.
        rng: same seed, same answer.
        show: open the page in the browser.
    """
    from qalgs.cli.showcase import SHOWN

    sections: list[Section] = []
    missing = ""
    for name in dict.fromkeys(only):
        began = time.perf_counter()
        try:
            section = SHOWN[name](rng)
        except KeyboardInterrupt:
            missing = f"Interrupted during {name}: what was finished before is here."
            break
        sections.append(replace(section, seconds=time.perf_counter() - began))
        _say(sections[-1])
    if not sections:
        raise KeyboardInterrupt
    out.mkdir(parents=True, exist_ok=True)
    file = out / "report.html"
    versions = {"Python": sys.version.split()[0]} | installed("qalgs", "numpy", "scipy", "qiskit", "qiskit-aer")
    file.write_text(page(_TITLE, _OPENING, sections, versions, missing), encoding="utf-8")
    print(missing or f"{sum(each.seconds for each in sections):.0f} s in all.")
    print(f"Now open {file}, and try `qalgs --help` for your own problems and backends.")
    if show:
        webbrowser.open(file.resolve().as_uri())
    if missing:
        raise SystemExit(130)


def _say(section: Section) -> None:
    width = max(map(len, section.numbers)) + 2
    print(f"{section.title} ({section.seconds:.0f} s)")
    for name, value in section.numbers.items():
        print(f"  {name:{width}}{value}")
    print(flush=True)
