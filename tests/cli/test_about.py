"""What `qalgs about` says, and what it must not say."""

import json

import pytest

import qalgs as qa
from qalgs.cli import about, main

CANARY = "canary-0123456789-key"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("TOKEN", "INSTANCE", "CHANNEL", "URL"):
        monkeypatch.delenv(f"QISKIT_IBM_{name}", raising=False)
    (tmp_path / ".qiskit").mkdir()
    return tmp_path / ".qiskit" / "qiskit-ibm.json"


def lines(capsys):
    assert main(["about"]) == 0
    printed = capsys.readouterr().out
    assert CANARY not in printed
    return dict(line.split(maxsplit=1) for line in printed.replace("IBM accounts", "accounts").splitlines()), printed


def test_versions_memory_and_gpu_stand_in_one_column(home, capsys):
    facts, printed = lines(capsys)
    assert facts["qalgs"] == qa.__version__
    assert {"python", "platform", "qiskit", "qiskit-aer", "qiskit-ibm-runtime", "pennylane"} <= set(facts)
    assert all(line[20] == " " != line[21] for line in printed.splitlines())
    assert "statevector up to" in facts["memory"]
    assert "GiB available" in facts["memory"]
    assert "Aer cannot use a GPU here" in facts["GPU"] or "aer:gpu up to" in facts["GPU"]
    assert facts["accounts"].startswith("none; add one")


def test_accounts_are_named_and_their_keys_are_not(home, capsys, monkeypatch):
    entry = {"token": CANARY, "channel": "ibm_quantum_platform", "instance": "crn:v1:secret"}
    home.write_text(json.dumps({"work": entry | {"is_default_account": True}, "spare": entry}))
    monkeypatch.setenv("QISKIT_IBM_TOKEN", CANARY)
    facts, _ = lines(capsys)
    assert facts["accounts"] == "environment, work (default), spare"


def test_a_broken_account_file_does_not_hide_the_rest(home, capsys):
    home.write_text(f'{{"work": {{"token": "{CANARY}"')
    facts, _ = lines(capsys)
    assert "cannot be read" in facts["accounts"]
    assert facts["qalgs"] == qa.__version__


def test_gpus_are_listed_with_their_memory(home, capsys, monkeypatch):
    monkeypatch.setattr(about, "gpus", lambda: (("Tesla T4", 15 << 30),))
    facts, _ = lines(capsys)
    assert facts["GPU"].startswith("Tesla T4 (15 GiB); ")
