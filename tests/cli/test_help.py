"""Help, citations, completion, and settings from files."""

import inspect
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest
import tyro

import qalgs as qa
from qalgs.cli import cite, main
from qalgs.cli.config import Shared, settings, with_files
from qalgs.cli.helptext import described, public
from qalgs.tomo import LocalSFGD


def test_help_shows_signature_docstring_and_settings(capsys):
    assert main(["help", "linear_solve"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("qalgs.linear_solve(\n    A: ArrayLike | LinearSystem | Any,")
    assert inspect.getdoc(qa.linear_solve) in printed
    settings_of = described("qa.LocalSFGD")
    assert "machines: int = 4\n    M, the machines that share the data" in settings_of


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("qalgs.plot.city", "plot.city"),
        ("qa.tomography", "tomography"),
        ("backends.get", "qalgs.backends.get"),
        ("qa", "qalgs"),
    ],
)
def test_names_as_programs_write_them(name, same):
    assert described(name) == described(same)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("eigensolv", "eigensolve"),
        ("plot.cty", "plot.city"),
        ("city", "plot.city"),
        ("qa.optimizers.Cobyla", "optimizers.COBYLA"),
    ],
)
def test_mistyped_names_are_recognised(name, meant, capsys):
    assert main(["help", name]) == 2
    said = capsys.readouterr().err
    assert f"did you mean {meant}" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", sorted(public()))
def test_every_public_name_has_help(name):
    assert inspect.getdoc(public()[name])
    assert described(name)


def test_internals_are_not_public():
    assert not {"cli", "tomo", "run", "backends.Any", "plot.np", "problems.argument"} & set(public())


def test_citations_agree_with_the_citation_file(capsys):
    assert main(["cite"]) == 0
    printed = capsys.readouterr().out
    file = Path(__file__).parents[2] / "CITATION.cff"
    text = file.read_text(encoding="utf-8") if file.exists() else None
    for paper in cite.PAPERS:
        assert paper.title in printed
        for author in paper.authors:
            family, given = author.split(", ")
            assert text is None or f"family-names: {family}\n        given-names: {given}" in text
        assert text is None or f"https://arxiv.org/abs/{paper.arxiv}" in text
    assert text is None or text.count("arxiv.org") == len(cite.PAPERS)
    assert f"version       = {{{qa.__version__}}}" in printed


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_knows_commands_and_flags(shell, capsys):
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert "tomography" in printed
    assert "--local-steps" in printed


@dataclass(frozen=True)
class Inner:
    deep: tuple[int, ...] = (1,)


@dataclass(frozen=True, kw_only=True)
class Toy(Shared):
    problem: Annotated[str, tyro.conf.Positional] = "none"
    level: float = 0.5
    kind: Literal["a", "b"] = "a"
    flag: bool = False
    inner: Annotated[Inner, tyro.conf.arg(name="")] = field(default_factory=Inner)


def run_toy(options: Annotated[Toy, tyro.conf.arg(name="")]) -> Toy:
    return options


def test_a_file_gives_defaults_and_flags_have_the_last_word(tmp_path):
    file = tmp_path / "toy.toml"
    file.write_text('problem = "h2"\nlevel = 2\nshots = 7\nflag = true\nout = "there"\n[inner]\ndeep = [3, 4]\n')
    command, words = with_files(run_toy, ["--shots", "9", "--config", str(file)])
    assert words == ["--shots", "9"]
    options = tyro.cli(command, args=words)
    assert options == Toy(problem="h2", level=2.0, shots=9, flag=True, inner=Inner((3, 4)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("levl = 1", "`levl` must be a setting of the command, but .* did you mean 'level'"),
        ('level = "high"', "`level` must be of type float, but it is 'high'"),
        ('kind = "c"', "`kind` must be of type .*, but it is 'c'"),
        ("flag = 1", "`flag` must be of type bool, but it is 1"),
        ("shots = true", "`shots` must be of type int | None, but it is True"),
        ("level = ", "`config` must be a TOML file"),
        ("[level]\nx = 1", "`level` must be of type float"),
    ],
)
def test_files_that_do_not_fit_are_refused(text, said, tmp_path):
    file = tmp_path / "toy.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=said):
        settings(Toy, file)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config", "no.toml"], "no.toml"),
        (["--resume", "no-folder"], "`resume` must be the folder of a run"),
        (["--resume", "no-folder", "--config", "no.toml"], "`config` must be left out with `resume`"),
        (["--shots", "many"], "--shots"),
        (["--shot", "3"], "--shot"),
        (["--method", "magic"], "'magic'"),
        (["--shots"], "--shots"),
    ],
)
def test_bad_words_are_refused_in_one_line(words, said, capsys):
    assert main(["tomography", *words]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.startswith("qalgs: ")
    assert captured.err.count("\n") == 1
    assert not captured.out


@pytest.mark.parametrize("words", [[], ["tomografy"], ["help", "a", "b"], ["completion", "dos"]])
def test_bad_commands_are_refused_in_one_line(words, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_can_be_repeated_from_its_file(tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    small = ["--qubits", "2", "--shots", "50", "--bootstrap", "0", "--rounds", "3", "--state", "w"]
    assert main(["tomography", *small, "--out", str(first)]) == 0
    assert main(["tomography", "--config", str(first / "config.toml"), "--out", str(second)]) == 0
    one, two = (np.load(folder / "result.npz")["factor"] for folder in (first, second))
    np.testing.assert_array_equal(one, two)
    assert tomllib.loads((second / "config.toml").read_text())["state"] == "w"
    capsys.readouterr()


def test_an_interrupted_run_is_resumed_in_its_folder(tmp_path, capsys, monkeypatch):
    small = ["tomography", "--qubits", "3", "--shots", "200", "--bootstrap", "0", "--rounds", "12"]
    assert main([*small, "--out", str(tmp_path / "whole")]) == 0
    rounds = LocalSFGD._rounds

    def cut(self, *args):
        for index, step in enumerate(rounds(self, *args)):
            if index == 5:
                raise KeyboardInterrupt
            yield step

    monkeypatch.setattr(LocalSFGD, "_rounds", cut)
    assert main([*small, "--out", str(tmp_path / "part")]) == 0
    assert f"qalgs tomography --resume {tmp_path / 'part'}" in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.setattr("qalgs.cli.tomography.measure_paulis", None)
    assert main(["tomography", "--resume", str(tmp_path / "part")]) == 0
    one, two = (np.load(tmp_path / name / "result.npz")["factor"] for name in ("whole", "part"))
    np.testing.assert_array_equal(one, two)
    assert not (tmp_path / "part" / "checkpoint").exists()
