"""Accounts and their keys: found, added, used, and never shown."""

import getpass
import json
import logging
import pickle
import stat
import traceback
import warnings

import pytest
from qiskit.circuit import QuantumCircuit

from qalgs_backends import CapabilityError
from qalgs_backends.errors import AuthError, BackendError
from qalgs_backends.ibm.accounts import Account, RedactSecrets, account_file, accounts, chosen, login, redact_logs
from qalgs_backends.ibm.backend import IBMBackend
from qalgs_backends.testing import RehearsalServer
from tests.backends.ibm_rehearsal import *  # noqa: F403
from tests.backends.ibm_rehearsal import CANARY

INSTANCE = "crn:v1:bluemix:public:quantum-computing:us-east:a/rehearsal:instance-1::"


@pytest.fixture
def typed(monkeypatch):
    monkeypatch.setattr(getpass, "getpass", lambda prompt: CANARY)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_no_accounts(no_account):
    assert accounts() == ()
    assert not account_file().exists()
    with pytest.raises(AuthError, match=r"There is no IBM account 'mine' \(known: none\)"):
        chosen("mine")


def test_login_writes_a_private_file(no_account, typed):
    first = login("mine", instance=INSTANCE)
    assert first == Account("mine", "ibm_quantum_platform", INSTANCE, "file", default=True)
    assert account_file() == no_account / ".qiskit" / "qiskit-ibm.json"
    assert mode(account_file()) == 0o600
    assert mode(account_file().parent) == 0o700
    assert json.loads(account_file().read_text())["mine"]["token"] == CANARY
    login("other", default=False)
    assert [account.name for account in accounts()] == ["mine", "other"]
    assert chosen(None).name == "mine"
    with pytest.raises(ValueError, match="`name` must be new unless `overwrite` is True"):
        login("mine")
    login("mine", overwrite=True)
    assert accounts()[0].instance is None


def test_login_closes_a_file_that_was_open(no_account, typed):
    account_file().parent.mkdir()
    account_file().write_text("{}")
    account_file().chmod(0o644)
    login("mine")
    assert mode(account_file()) == 0o600


def test_login_needs_a_key(no_account, monkeypatch):
    monkeypatch.setattr(getpass, "getpass", lambda prompt: " ")
    with pytest.raises(ValueError, match="`key` must not be empty"):
        login()
    assert not account_file().exists()


def test_login_takes_the_key_from_the_environment(no_account, monkeypatch):
    monkeypatch.setattr(getpass, "getpass", lambda prompt: pytest.fail("asked"))
    monkeypatch.setenv("QISKIT_IBM_TOKEN", CANARY)
    login()
    assert [account.source for account in accounts()] == ["environment", "file"]
    assert CANARY not in repr(accounts())


def test_a_broken_file_is_not_quoted(no_account):
    account_file().parent.mkdir()
    account_file().write_text(f'{{"mine": {{"token": "{CANARY}"')
    with pytest.raises(AuthError, match="cannot be read") as caught:
        accounts()
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_backend_that_failed_to_open_can_be_shown(no_account):
    backend = IBMBackend.__new__(IBMBackend)
    with pytest.raises(BackendError):
        backend.__init__("ibm_fez")
    assert repr(backend) == "IBMBackend('ibm_fez', account=None)"


def test_an_account_from_the_file_runs(no_account, monkeypatch, store, typed):
    with RehearsalServer("fake_manila", api_key=CANARY) as server:
        for name, value in server.environment().items():
            if name not in ("QISKIT_IBM_TOKEN", "QISKIT_IBM_INSTANCE"):
                monkeypatch.setenv(name, value)
        login("mine", instance=INSTANCE)
        entries = json.loads(account_file().read_text())
        entries["mine"]["url"] = server.environment()["QISKIT_IBM_URL"]
        account_file().write_text(json.dumps(entries))
        backend = IBMBackend(server.name, account="mine", store=store)
        assert repr(backend) == "IBMBackend('ibm_rehearsal', account='mine')"
        run(backend)


def run(backend):
    built = QuantumCircuit(1)
    built.x(0)
    assert backend.sample(backend.prepare(built), shots=10).bitstrings() == {"1": 10}


def test_the_key_is_never_seen(no_account, monkeypatch, store, caplog, capsys, tmp_path):
    """Reprs, errors with their tracebacks, warnings, logs at DEBUG, what is printed, and the job store's files."""
    seen = []
    with RehearsalServer("fake_manila", api_key=CANARY) as server, warnings.catch_warnings(record=True) as warned:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        logging.getLogger().setLevel(logging.DEBUG)
        for name in list(logging.root.manager.loggerDict):
            caplog.set_level(logging.DEBUG, logger=name)
        backend = IBMBackend(server.name, store=store)
        run(backend)
        seen += [repr(backend), repr(backend._connection), repr(backend._machine), repr(backend._desk.remote)]
        seen += [repr(backend._connection.redactor), repr(store.list()), str(vars(backend))]
        for method, path, fault in (
            ("POST", "/iam/identity/token", {"status": 500}),
            ("POST", "/iam/identity/token", {"drop": "before"}),
            ("POST", "/jobs", {"status": 400}),
            ("POST", "/jobs", {"status": 401}),
            ("POST", "/jobs", {"drop": "before", "times": 99}),
        ):
            server.traffic.faults.clear()
            server.fail(method, path, **fault)
            if path.startswith("/iam"):
                for client in backend._connection.service._api_clients.values():
                    client._session.auth.tm.expire_time = 0
            with pytest.raises(BackendError) as caught:
                run(backend)
            seen.append("".join(traceback.format_exception(caught.value)))
        server.traffic.faults.clear()
        server.fail("POST", "/iam/identity/token", status=500)
        with pytest.raises(AuthError) as caught:
            IBMBackend(server.name, store=store)
        seen.append("".join(traceback.format_exception(caught.value)))
    seen += [str(w.message) for w in warned] + [record.getMessage() for record in caplog.records]
    seen += [caplog.text, *capsys.readouterr()]
    seen += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*.sqlite*")]
    assert len(caplog.records) > 20
    assert not [text for text in seen if CANARY in text]
    assert not [text for text in seen if "eyJ" in text]
    assert {r.scheme for r in server.requests} <= {"Bearer", ""}


def test_a_backend_cannot_be_pickled_with_its_key(backend):
    with pytest.raises(TypeError):
        pickle.dumps(backend)


@pytest.mark.parametrize(
    "text",
    [
        f"key is {CANARY}",
        "Authorization: Bearer abc.def-123",
        "Authorization: apikey abcdef",
        "grant_type=x&apikey=abcdef&y=1",
        "token eyJhbGciOi.eyJpYXQi.c2ln",
    ],
)
def test_redaction(text):
    clean = RedactSecrets(CANARY).clean(text)
    assert "[removed]" in clean
    assert not any(secret in clean for secret in (CANARY, "abcdef", "abc.def", "eyJ"))


def test_logs_are_redacted(caplog):
    redact_logs(CANARY)
    redact_logs(CANARY)
    logger = logging.getLogger("qiskit_ibm_runtime")
    assert sum(isinstance(f, RedactSecrets) and f.clean(CANARY) != CANARY for f in logger.filters) == 1
    with caplog.at_level(logging.DEBUG, logger="qiskit_ibm_runtime"):
        logger.debug("the key %s went to %d", CANARY, 5)
        logger.debug("nothing %d", 6)
    assert [record.getMessage() for record in caplog.records[-2:]] == ["the key [removed] went to 5", "nothing 6"]


def test_an_unknown_version_of_the_client_is_refused(server, store, monkeypatch):
    from qalgs_backends.ibm import guard

    monkeypatch.setattr(guard, "version", lambda name: "0.60.1")
    with pytest.raises(CapabilityError, match=r"0\.60\.1 is installed, but the guard .* knows >=0\.51,<0\.53"):
        IBMBackend(server.name, store=store)
    assert server.count() == 0
