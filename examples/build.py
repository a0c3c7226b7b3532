"""Run the tutorials and store them as notebooks with their outputs: ``python examples/build.py [NAME ...]``.

Needs the extra ``notebooks``. The sources are the .py files; what is changed in a notebook is lost unless it is
written back with ``jupytext --sync``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
SECONDS = 180
"""A cell that takes longer is a mistake."""


def main(names: Sequence[str]) -> None:
    """Build the named notebooks, or all."""
    for source in sorted(HERE.glob("[0-9]*.py")):
        if not names or source.stem in names or source.stem[:2] in names:
            began = time.perf_counter()
            nbformat.write(executed(source), source.with_suffix(".ipynb"))
            print(f"{source.stem:20} {time.perf_counter() - began:.0f} s")


def executed(source: Path) -> Any:
    """The notebook of a source, run in an empty folder.

    Raises:
        RuntimeError: it warns, or shows where it was run.
    """
    notebook = jupytext.read(source, fmt="py:percent")
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": folder}})
        client.execute()
    notebook.metadata = {
        "jupytext": {"formats": "ipynb,py:percent"},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    }
    for number, cell in enumerate(notebook.cells):
        cell["id"], cell.metadata = f"cell-{number}", {}
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise RuntimeError(f"{source.name}, cell {number}, warns:\n{output['text']}")
            text = output.get("text", "") + "".join(output.get("data", {}).get("text/plain", ""))
            if str(Path.home()) in text or str(HERE.parent) in text or tempfile.gettempdir() in text:
                raise RuntimeError(f"{source.name}, cell {number}, shows where it was run:\n{text}")
    return notebook


if __name__ == "__main__":
    main(sys.argv[1:])
