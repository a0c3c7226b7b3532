import pytest

from qalgs.cli import main


def test_backends_says_what_is_there_and_what_is_not(capsys):
    assert main(["backends"]) == 0
    printed = capsys.readouterr().out
    assert "adjoint" in printed
    assert "noisy:fake_fez" in printed
    assert "aer:gpu" in printed
    assert "ibm:<machine>" in printed


def test_a_calibration_is_shown_kept_and_read_back(tmp_path, capsys):
    assert main(["calibration", "fake_manila", "--save", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "5 qubits" in shown
    (path,) = tmp_path.rglob("*.json.gz")
    assert main(["calibration", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == shown.splitlines()[-2]


def test_layouts_are_ranked(capsys):
    assert main(["layouts", "fake_fez", "--qubits", "3", "--best", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    esps = [float(line.split()[0]) for line in lines[2:]]
    assert esps == sorted(esps, reverse=True)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["layouts", "fake_fez", "--qubits", "1"], "`qubits` must be at least 2"),
        (["layouts", "fake_kyoto"], "no usable coupler"),
        (["calibration", "fake_fes"], "must be one of noisy:<fake device>, but it is 'noisy:fake_fes'; did you mean"),
        (["calibration", "absent.json"], "absent.json"),
    ],
)
def test_bad_requests(args, message, capsys):
    assert main(args) == 2
    assert message in capsys.readouterr().err
