import re
import shlex
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from qalgs.cli import main, showcase
from qalgs.cli.commands import parsed
from qalgs.cli.report import Picture, Section


def tiny(title):
    canvas = Figure(figsize=(1, 1))
    canvas.subplots()
    return Section(title, "Words.", {"error": "1e-3"}, [Picture(canvas, title)], ["qalgs demo"], "pass")


@pytest.fixture
def shown(monkeypatch):
    """Methods that take no time; ``vqe`` is interrupted."""

    def interrupted(seed):
        raise KeyboardInterrupt

    quick = {name: lambda seed, name=name: tiny(f"{name} with {seed}") for name in showcase.SHOWN}
    monkeypatch.setattr(showcase, "SHOWN", quick | {"vqe": interrupted})


def test_what_was_finished_before_an_interruption_is_in_the_report(shown, tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path), "--rng", "5"]) == 130
    text = (tmp_path / "report.html").read_text()
    assert [f"{name} with 5" in text for name in showcase.SHOWN] == [True, True, True, False]
    assert "Interrupted during vqe" in text
    assert "Interrupted during vqe" in capsys.readouterr().out


def test_an_interruption_before_anything_is_finished_writes_nothing(shown, tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "none"), "--only", "vqe"]) == 130
    assert "interrupted before there was a result" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_chosen_methods_only(shown, tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path), "--only", "linear-solve", "eigensolve"]) == 0
    titles = re.findall(r"<h2>(.*?)</h2>", (tmp_path / "report.html").read_text())
    assert titles == ["linear-solve with 7", "eigensolve with 7"]
    assert "Interrupted" not in capsys.readouterr().out


def test_a_result_that_was_cut_short_is_no_section():
    with pytest.raises(KeyboardInterrupt):
        showcase.whole(False)
    assert showcase.whole(True)


def test_the_linear_system_of_the_demo():
    section = showcase.linear_poisson(7)
    assert float(section.numbers["error"].split()[0]) < 1e-2
    assert section.numbers["when to wrap"].startswith("not wrapped")
    assert {"QSVT", "Chebyshev LCU", "HHL", "wrapped QSVT"} <= set(section.numbers)


@pytest.mark.slow
def test_the_demo_of_the_readme(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "truth" in printed
    text = (tmp_path / "report.html").read_text()
    assert text.count("<section>") == 4
    assert text.count("data:image/png") == 9
    commands = re.findall(r"^(?:.*<pre>)?(qalgs [^<\n]*)", text, re.MULTILINE)
    assert len(commands) == 8
    assert all(parsed(shlex.split(command)[1:]) for command in commands)
    fidelity, err = map(float, re.findall(r"fidelity +([\d.]+) ± ([\d.]+)", printed)[0])
    truth = float(re.findall(r"truth +([\d.]+)", printed)[0])
    assert abs(fidelity - truth) < 5 * err
    assert float(re.findall(r"error +(\S+) hartree", printed)[0]) < 1.6e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", showcase.SHOWN)
def test_the_python_lines_of_the_report_run(name, monkeypatch, capsys):
    """The lines are those of the source, with the seed filled in: the sections themselves are tested above."""
    source = Path(showcase.__file__).read_text()
    function = showcase.SHOWN[name].__name__
    body = source.split(f"def {function}(")[1].split('f"""\n')[1].split('""",')[0]
    values = {"seed": "7", "DEVICE": showcase.DEVICE, "points": "8", "eps:g": "0.01"}
    for key, value in values.items():
        body = body.replace("{" + key + "}", value)
    exec(body, {})
    assert capsys.readouterr().out
