"""The store itself: its lists, its file, and no secrets in it."""

import dataclasses
import json
import sqlite3
import stat
import sys
import threading
import time

import pytest

from qalgs_backends.base import Cost
from qalgs_backends.errors import BackendError, ExecutionError
from qalgs_backends.jobs.polling import JobPolicy
from qalgs_backends.jobs.record import default_path
from qalgs_backends.jobs.remote import RemoteResult
from qalgs_backends.jobs.store import JobStore
from qalgs_backends.redaction import redact

from .fake_service import FolderService
from .job_store import *  # noqa: F403
from .job_store import CANARY, KEY, OTHER, QUICK, key_of, resume, submit


def test_list_record_forget(service, store):
    submit(store, service)
    submit(store, FolderService(service.folder, "ibm_other"), OTHER).result()
    assert [record.key for record in store.list()] == [KEY, OTHER]
    assert [record.key for record in store.list(state="done")] == [OTHER]
    assert [record.key for record in store.list(machine="ibm_test")] == [KEY]
    assert store.record(OTHER[:6]).machine == "ibm_other"
    assert store.usage(machine="ibm_test") == Cost(200, 2, 1, 0.0)
    with pytest.raises(ValueError, match="has ended, but it is submitted"):
        store.forget(KEY)
    store.forget(OTHER)
    for key in (OTHER, "", "zz"):
        with pytest.raises(ValueError, match="`key` must be that of one job"):
            store.record(key)


def test_misuse(service, store):
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        submit(store, service, "abc")
    with pytest.raises(ValueError, match="`max_seconds` must be greater than 0"):
        store.submit(service, KEY, list, {}, 0.0)
    with pytest.raises(TypeError, match="`spec` must hold JSON values"):
        store.submit(service, KEY, list, {"x": object()}, 1.0)
    submit(store, service)
    other = FolderService(service.folder, "ibm_other")
    for call in (lambda: submit(store, other), lambda: resume(store, other), lambda: store.wait(other, KEY)):
        with pytest.raises(ValueError, match="`remote` must be ibm_test's"):
            call()
    with pytest.raises(ValueError, match="`posts_per_minute` must be at least 1"):
        JobPolicy(posts_per_minute=0)
    assert service.posts() == 1


def test_records_are_json_but_for_nothing(service, store):
    record = submit(store, service).record
    assert json.loads(json.dumps(dataclasses.asdict(record)))["tag"] == f"qa-{KEY[:24]}"
    assert abs(record.created - time.time()) < 60


def test_the_file_is_durable_private_and_where_the_platform_keeps_data(store, tmp_path, monkeypatch):
    with sqlite3.connect(store.path) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    monkeypatch.setenv("QALGS_JOBS", str(tmp_path / "here" / "j.sqlite"))
    assert JobStore().path == default_path() == tmp_path / "here" / "j.sqlite"
    monkeypatch.delenv("QALGS_JOBS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert default_path() == tmp_path / "qalgs" / "jobs.sqlite"


@pytest.mark.parametrize("damage", ["text", "pages", "truncated"])
def test_a_damaged_file_is_named_and_nothing_is_sent(damage, service, store):
    for k in range(40):
        submit(store, service, key_of(k))
    raw = store.path.read_bytes()
    middle = b"\xff" * (len(raw) - 8192)
    store.path.write_bytes({"text": b"hello" * 300, "pages": raw[:4096] + middle, "truncated": raw[:5000]}[damage])
    before = service.posts()
    with pytest.raises(BackendError, match=r"jobs\.sqlite is damaged.*Move it away.*qa-"):
        submit(JobStore(store.path, policy=QUICK), service)
    assert service.posts() == before


def test_a_damaged_result_is_named(service, store):
    submit(store, service).result()
    db = sqlite3.connect(store.path)
    db.execute("UPDATE jobs SET result=substr(result, 1, 50)")
    db.commit()
    db.close()
    with pytest.raises(BackendError, match=r"result of job abababababab in .* is damaged"):
        store.wait(service, KEY)


def test_a_file_of_a_newer_version_or_in_no_folder_is_refused(store, tmp_path):
    db = sqlite3.connect(store.path)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(BackendError, match="newer version of qalgs"):
        JobStore(store.path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError, match="cannot be made"):
        JobStore(tmp_path / "file" / "jobs.sqlite")


def test_many_open_a_new_file_at_once(tmp_path):
    failures = []

    def run():
        try:
            JobStore(tmp_path / "new.sqlite").list()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize("spec", [{"token": "x"}, {"a": [{"API_KEY": "x"}]}, {"instance": "x"}, {"Authorization": "x"}])
def test_a_spec_may_not_name_accounts(spec, service, store):
    with pytest.raises(ValueError, match="no account or token"):
        store.submit(service, KEY, list, spec, 1.0)
    assert store.list() == ()


def test_no_secret_reaches_the_disk(service, store):
    crn = "crn:v1:bluemix:public:quantum-computing:us-east:a/123:456::"
    service.post_errors = [ExecutionError(f"apikey {CANARY} is refused for {crn}")]
    with pytest.raises(ExecutionError):
        submit(store, service)
    service.result = lambda job_id: RemoteResult({}, {"url": f"https://u:{CANARY}@x", "token": "short", "crn": crn})
    job = submit(store, service)
    service.change_all(state="queued", text=f"Bearer {CANARY}")
    job.status()
    service.change_all(state="done")
    assert store.wait(service, KEY).facts["token"] == "[removed]"
    submit(store, service, OTHER)
    service.change_all(state="failed", text=f"Authorization: Bearer {CANARY}")
    assert store.refresh(service, OTHER) == "failed"
    assert "[removed]" in store.record(OTHER).error
    written = b"".join(path.read_bytes() for path in store.path.parent.glob("jobs.sqlite*"))
    assert CANARY.encode() not in written
    assert b"bluemix" not in written
    assert b"short" not in written


def test_digests_and_ids_are_no_secrets():
    harmless = f"job d3k9v2p5a1b2c3 has key {KEY} and commit {'0a' * 20}, 3.5 s"
    assert redact(harmless) == harmless
