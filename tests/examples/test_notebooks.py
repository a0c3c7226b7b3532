"""The tutorials run from top to bottom, and what is stored of them is what their sources say."""

import json
import os
import re
import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from tests.backends.ibm_rehearsal import *  # noqa: F403

EXAMPLES = Path(__file__).parents[2] / "examples"
SOURCES = sorted(EXAMPLES.glob("[0-9]*.py"))
SLOW = {"01_backends", "03_eigengame", "05_nest"}
PRIVATE = re.compile(r"/(home|root|tmp|work|Users)/|site-packages|eyJ\w|(?i:bearer|apikey|rehearsal-key)|127\.0\.0\.1")

each = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
run_each = pytest.mark.parametrize(
    "source",
    [pytest.param(path, marks=pytest.mark.slow if path.stem in SLOW else ()) for path in SOURCES],
    ids=lambda path: path.stem,
)


@pytest.fixture
def elsewhere(no_account, tmp_path, monkeypatch):
    """An empty folder, small settings, no account, and an environment that is put back."""
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    os.environ["QALGS_SMALL"] = "1"
    yield
    plt.close("all")
    os.environ.clear()
    os.environ.update(before)


def cells_of(source):
    return json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]


def outputs_of(source):
    return [output for cell in cells_of(source) for output in cell.get("outputs", ())]


@run_each
def test_it_runs_from_top_to_bottom(source, elsewhere, capsys):
    runpy.run_path(str(source), run_name="__main__")
    assert capsys.readouterr().out.strip()
    assert len(plt.get_fignums()) >= 4


@each
def test_the_notebook_is_that_of_its_source(source):
    parts = []
    for cell in cells_of(source):
        lines = "".join(cell["source"]).split("\n")
        if cell["cell_type"] == "markdown":
            lines = [f"# {line}".rstrip() for line in lines]
        parts.append("\n".join(["# %% [markdown]" if cell["cell_type"] == "markdown" else "# %%", *lines]))
    assert "\n\n".join(parts) + "\n" == source.read_text(encoding="utf-8"), "run `make notebooks`"


@each
def test_outputs_are_stored_and_tell_nothing_private(source):
    outputs = outputs_of(source)
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 4
    for output in outputs:
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr"
        shown = {kind: text for kind, text in output.get("data", {}).items() if kind != "image/png"}
        assert not PRIVATE.search(json.dumps([output.get("text", ""), shown]))
    numbers = [cell["execution_count"] for cell in cells_of(source) if cell["cell_type"] == "code"]
    assert numbers == list(range(1, len(numbers) + 1))


@each
def test_it_opens_with_what_one_learns_and_ends_with_exercises(source):
    first, last = ("".join(cells_of(source)[place]["source"]) for place in (0, -1))
    assert "**What you learn.**" in first
    assert "**How long it takes.**" in first
    assert re.findall(r"^(\d)\. ", last.partition("## Exercises")[2], re.M) == ["1", "2", "3"]


def test_the_list_names_every_notebook():
    listed = re.findall(r"\]\((\w+)\.ipynb\)", (EXAMPLES / "README.md").read_text(encoding="utf-8"))
    assert listed == [source.stem for source in SOURCES]
