"""Every Python example of the README runs, and what it prints is plausible."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S) if README.exists() else []


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example(number, capsys):
    exec(compile(EXAMPLES[number], f"README example {number}", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.strip()
    assert "nan" not in printed
    plt.close("all")
