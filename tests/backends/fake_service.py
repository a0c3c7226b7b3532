"""A service in a folder: what is posted to it outlives the program that posts, even one that is killed.

It implements the protocol of ``qalgs_backends.jobs.remote``. Each request appends a line to a log, so tests count them
across processes. Faults are set on the object.
"""

import json
import os
import signal
import time
import uuid
from pathlib import Path

import numpy as np

from qalgs_backends.base import Cost, Values
from qalgs_backends.errors import TransientError
from qalgs_backends.jobs.answers import pack


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class RefusalError(TransientError):
    """429: the service names the seconds to wait."""

    def __init__(self, seconds):
        super().__init__("too many requests")
        self.retry_after = seconds


class FolderService:
    def __init__(self, folder, name="ibm_test"):
        self.folder, self.name = Path(folder), name
        self.die_before_post = self.die_after_post = False
        self.post_errors = []
        """Raised by the next POSTs, which reach nobody."""
        self.lose_answers = 0
        """How many POSTs are taken but answered by nothing."""
        self.blind_finds = 0
        """How many looks for a tag find nothing, whatever is there."""
        self.silent_reads = 0
        """How many states and results are not answered."""
        self.post_seconds = 0.0

    def post(self, payload, *, tag, max_seconds):
        if self.die_before_post:
            die()
        if self.post_errors:
            self._log("refused POST", tag)
            raise self.post_errors.pop(0)
        self._log("POST", tag)
        time.sleep(self.post_seconds)
        job_id = f"job-{uuid.uuid4().hex[:8]}"
        self._write(job_id, {"tag": tag, "payload": payload, "max_seconds": max_seconds, "state": "done", "text": ""})
        if self.die_after_post:
            die()
        if self.lose_answers:
            self.lose_answers -= 1
            raise TransientError("the connection was closed")
        return job_id

    def find(self, tag, *, created_after):
        self._log("FIND", tag)
        assert created_after.tzinfo is not None
        if self.blind_finds:
            self.blind_finds -= 1
            return None
        found = [path.stem for path in self.folder.glob("job-*.json") if json.loads(path.read_text())["tag"] == tag]
        return found[0] if found else None

    def state(self, job_id):
        self._read("STATE", job_id)
        job = self.job(job_id)
        return job["state"], job["text"]

    def result(self, job_id):
        self._read("RESULT", job_id)
        values = np.asarray(self.job(job_id)["payload"], float).reshape(-1, 1)
        return pack(Values(values, values / 10, 100, Cost()), quantum_seconds=2.5)

    def cancel(self, job_id):
        self._log("CANCEL", job_id)
        if self.job(job_id)["state"] in ("queued", "running"):
            self.change(job_id, state="cancelled")

    def job(self, job_id):
        return json.loads((self.folder / f"{job_id}.json").read_text())

    def jobs(self):
        return {path.stem: json.loads(path.read_text()) for path in self.folder.glob("job-*.json")}

    def change(self, job_id, **fields):
        self._write(job_id, {**self.job(job_id), **fields})

    def change_all(self, **fields):
        for job_id in self.jobs():
            self.change(job_id, **fields)

    def requests(self, verb=None):
        path = self.folder / "requests.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if verb is None or line.startswith(f"{verb} ")]

    def posts(self):
        return len(self.requests("POST"))

    def _read(self, verb, job_id):
        self._log(verb, job_id)
        if self.silent_reads:
            self.silent_reads -= 1
            raise TransientError("bad gateway")

    def _write(self, job_id, fields):
        temporary = self.folder / f"{job_id}.{os.getpid()}.new"
        temporary.write_text(json.dumps(fields))
        temporary.replace(self.folder / f"{job_id}.json")

    def _log(self, verb, what):
        with (self.folder / "requests.log").open("a") as log:
            log.write(f"{verb} {what}\n")
