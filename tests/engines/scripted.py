"""A pool whose hosts live in this process and on a clock of their own."""

from qalgs.engines.base import Host
from qalgs.engines.pool import Pool


class Scripted(Pool):
    """Hosts that answer after a fixed number of seconds each."""

    def __init__(self, delays, monkeypatch):
        super().__init__()
        self.delays, self.now, self.due = delays, 0.0, []
        self.placed = [Host() for _ in delays]
        monkeypatch.setattr("qalgs.engines.pool.time.monotonic", lambda: self.now)

    def hosts(self, workers):
        return min(workers, len(self.delays))

    def place_on(self, host, session, tasks):
        self.placed[host].place(session, tasks)

    def send(self, host, session, messages, spec):
        self.due.append((self.now + self.delays[host], host, session, messages, spec))

    def next_answer(self, timeout):
        self.due.sort(key=lambda entry: entry[0])
        if not self.due or (timeout is not None and self.due[0][0] > self.now + timeout):
            self.now += timeout
            return None
        when, host, session, messages, spec = self.due.pop(0)
        self.now = max(self.now, when)
        return host, self.placed[host].round(session, messages, spec)

    def drop(self, host, session):
        self.placed[host].drop(session)

    def close(self):
        self.due = []
