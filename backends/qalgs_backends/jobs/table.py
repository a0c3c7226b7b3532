"""The table of jobs on disk: one row a key, changed in short transactions that survive a crash.

intent -> submitted -> done | failed | cancelled. An intent is written before anything is sent; ``posted_at`` is
set in the transaction that precedes the POST, so an intent without it was certainly never sent. Every function opens
its own connection: threads and forked processes share nothing but the file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from qalgs_backends.checks import argument
from qalgs_backends.errors import BackendError
from qalgs_backends.jobs import polling
from qalgs_backends.jobs.leases import is_alive
from qalgs_backends.jobs.record import JobRecord, dump_result, load_result, tag_of
from qalgs_backends.jobs.remote import RemoteResult
from qalgs_backends.redaction import redact

_SCHEMA_VERSION = 1
_WINDOW_SECONDS = 60.0
_LONGEST_HOLD_SECONDS = 3600.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs(
  key TEXT PRIMARY KEY, tag TEXT NOT NULL UNIQUE, state TEXT NOT NULL, job_id TEXT, machine TEXT NOT NULL,
  created REAL NOT NULL, updated REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, spec TEXT NOT NULL,
  usage REAL, result BLOB, facts TEXT, error TEXT, intended REAL NOT NULL, posted_at REAL,
  generation INTEGER NOT NULL DEFAULT 0, owner TEXT, lease_until REAL);
CREATE TABLE IF NOT EXISTS posts(at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS holds(until REAL NOT NULL);
"""
_COLUMNS = "key, tag, state, job_id, machine, created, updated, attempts, spec, usage, error, intended, posted_at"


class JobTable:
    """Rows of jobs in an SQLite file on a local disk (its write-ahead log does not work on network drives)."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, readable by its owner only.

        Raises:
            BackendError: it cannot be used, is damaged, or a newer version of qalgs made it.
        """
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
        except OSError as error:
            raise BackendError(f"The job store {path} cannot be made: {error}.") from None
        with self._opened() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > _SCHEMA_VERSION:
                raise BackendError(f"The job store {path} was made by a newer version of qalgs.")
            if version < _SCHEMA_VERSION:
                _create(db)

    def claim(
        self, key: str, machine: str, spec: Mapping[str, Any], owner: str, lease: float
    ) -> tuple[JobRecord, bool]:
        """The row of ``key``, made when there is none, and whether ``owner`` alone may now send it."""
        with self._transaction() as db:
            at = polling.now()
            row = db.execute("SELECT state, owner, lease_until FROM jobs WHERE key=?", (key,)).fetchone()
            if row is None:
                db.execute(
                    "INSERT INTO jobs(key, tag, state, machine, created, updated, intended, spec) "
                    "VALUES(?, ?, 'intent', ?, ?, ?, ?, ?)",
                    (key, tag_of(key), machine, at, at, at, json.dumps(redact(spec))),
                )
            mine = row is None or (row["state"] == "intent" and _is_free(row, owner, at))
            if mine:
                db.execute("UPDATE jobs SET owner=?, lease_until=? WHERE key=?", (owner, at + lease, key))
            return _select(db, key), mine

    def take_turn(self, key: str, owner: str, per_minute: int, lease: float) -> float:
        """Take the right to send now, or say how many seconds to wait before asking again.

        Counts what was sent in the last minute, by all programs that share the file. A right that is taken is written
        down together with ``posted_at``.

        Raises:
            BackendError: another program has taken the job over.
        """
        with self._transaction() as db:
            at = polling.now()
            if not db.execute("SELECT 1 FROM jobs WHERE key=? AND owner=?", (key, owner)).fetchone():
                raise BackendError(f"Another program took over job {key[:12]}; wait for that one.")
            db.execute("UPDATE jobs SET lease_until=? WHERE key=?", (at + lease, key))
            # Times far ahead of the clock come from before it was set back, and would block for as long.
            db.execute("DELETE FROM posts WHERE at<=? OR at>?", (at - _WINDOW_SECONDS, at + _WINDOW_SECONDS))
            recent = [row["at"] for row in db.execute("SELECT at FROM posts ORDER BY at DESC LIMIT ?", (per_minute,))]
            holds = db.execute(
                "SELECT coalesce(max(until), 0) FROM holds WHERE until<=?", (at + _LONGEST_HOLD_SECONDS,)
            )
            (held,) = holds.fetchone()
            wait = recent[-1] + _WINDOW_SECONDS - at if len(recent) == per_minute else 0.0
            if max(wait, held - at) > 0:
                return max(wait, held - at)
            db.execute("INSERT INTO posts VALUES(?)", (at,))
            db.execute("UPDATE jobs SET attempts=attempts+1, posted_at=?, updated=? WHERE key=?", (at, at, key))
        return 0.0

    def hold(self, seconds: float) -> None:
        """Let no program send for so long, but no longer than an hour."""
        with self._transaction() as db:
            at = polling.now()
            db.execute("DELETE FROM holds WHERE until<?", (at,))
            db.execute("INSERT INTO holds VALUES(?)", (at + min(seconds, _LONGEST_HOLD_SECONDS),))

    def submitted(self, key: str, job_id: str) -> str:
        """Keep the service's id, unless one is kept already; returns the one that is kept."""
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET state='submitted', job_id=?, error=NULL, owner=NULL, lease_until=NULL, updated=? "
                "WHERE key=? AND job_id IS NULL",
                (job_id, polling.now(), key),
            )
            return str(_select(db, key).job_id)

    def finish(self, key: str, job_id: str, result: RemoteResult, usage: float | None) -> None:
        """Keep a result; the job is done, unless its row has gone on to another id.

        Raises:
            TypeError: an array holds Python objects.
        """
        npz, facts = dump_result(result)
        self._update(key, job_id, state="done", result=npz, facts=facts, usage=usage, error=None)

    def end(self, key: str, job_id: str | None, state: Literal["failed", "cancelled"], error: str) -> None:
        """The job ended without a result, unless its row has gone on to another id."""
        self._update(key, job_id, state=state, error=redact(error)[:2000], owner=None, lease_until=None)

    def complain(self, key: str, error: str) -> None:
        """Keep what went wrong; the state stays."""
        self._update(key, None, error=redact(error)[:2000])

    def never_sent(self, key: str) -> None:
        """Take ``posted_at`` back: the attempt ended before anything left this computer."""
        self._update(key, None, posted_at=None)

    def release(self, key: str, owner: str) -> None:
        """Give up the right to send; a job of which nothing was ever sent leaves no row."""
        with self._transaction() as db:
            db.execute(
                "DELETE FROM jobs WHERE key=? AND owner=? AND state='intent' AND posted_at IS NULL AND generation=0",
                (key, owner),
            )
            db.execute("UPDATE jobs SET owner=NULL, lease_until=NULL WHERE key=? AND owner=?", (key, owner))

    def reopen(self, key: str) -> None:
        """Make a failed or cancelled job an intent again, under the next tag; other states stay."""
        with self._transaction() as db:
            row = db.execute("SELECT state, generation FROM jobs WHERE key=?", (key,)).fetchone()
            if row is not None and row["state"] in ("failed", "cancelled"):
                generation, at = row["generation"] + 1, polling.now()
                db.execute(
                    "UPDATE jobs SET state='intent', job_id=NULL, posted_at=NULL, generation=?, tag=?, intended=?, "
                    "updated=? WHERE key=?",
                    (generation, tag_of(key, generation), at, at, key),
                )

    def record(self, key: str) -> JobRecord | None:
        """The row of ``key``; None when there is none."""
        with self._opened() as db:
            found = db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE key=?", (key,)).fetchone()
        return None if found is None else _record(found)

    def records(self) -> tuple[JobRecord, ...]:
        """All rows, oldest first."""
        with self._opened() as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM jobs ORDER BY created, key").fetchall()
        return tuple(_record(row) for row in rows)

    def result(self, key: str) -> RemoteResult:
        """The result that was kept.

        Raises:
            BackendError: it is damaged.
        """
        with self._opened() as db:
            row = db.execute("SELECT result, facts FROM jobs WHERE key=? AND state='done'", (key,)).fetchone()
        try:
            return load_result(row["result"], row["facts"])
        except Exception as error:
            raise BackendError(f"The kept result of job {key[:12]} in {self.path} is damaged: {error}.") from error

    def delete(self, key: str) -> None:
        """Drop a row that has ended.

        Raises:
            ValueError: the job may still run.
        """
        with self._transaction() as db:
            record = _select(db, key)
            if not record.ended:
                raise ValueError(argument("key", "be that of a job that has ended", f"it is {record.state}"))
            db.execute("DELETE FROM jobs WHERE key=?", (key,))

    def _update(self, key: str, job_id: str | None, **columns: Any) -> None:
        changes = {**columns, "updated": polling.now()}
        with self._transaction() as db:
            names = ", ".join(f"{name}=?" for name in changes)
            db.execute(f"UPDATE jobs SET {names} WHERE key=? AND job_id IS ?", (*changes.values(), key, job_id))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, alone, and on the disk when it ends."""
        with self._opened() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        db = None
        try:
            # Without an isolation level the module begins no transactions of its own; closing rolls back.
            db = sqlite3.connect(self.path, timeout=60.0, isolation_level=None)
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA synchronous=FULL")
            yield db
        except sqlite3.Error as error:
            if type(error) is not sqlite3.DatabaseError:
                raise BackendError(f"The job store {self.path} cannot be used: {error}.") from error
            raise BackendError(
                f"The job store {self.path} is damaged: {error}. Move it away to start another; the service still "
                'finds the jobs that were sent by their tags, which begin with "qa-".'
            ) from error
        finally:
            if db is not None:
                db.close()


def _create(db: sqlite3.Connection) -> None:
    # Changing to a write-ahead log needs the file alone and does not wait for it as other statements do.
    for delay in polling.delays(0.01, 0.5):
        try:
            db.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            polling.sleep(delay)
    db.execute("BEGIN IMMEDIATE")
    for statement in filter(str.strip, _SCHEMA.split(";")):
        db.execute(statement)
    db.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
    db.execute("COMMIT")


def _is_free(row: sqlite3.Row, owner: str, at: float) -> bool:
    held = row["owner"] is not None and row["owner"] != owner
    return not held or at >= row["lease_until"] or not is_alive(row["owner"])


def _select(db: sqlite3.Connection, key: str) -> JobRecord:
    return _record(db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE key=?", (key,)).fetchone())


def _record(row: sqlite3.Row) -> JobRecord:
    return JobRecord(**{**dict(row), "spec": json.loads(row["spec"])})
