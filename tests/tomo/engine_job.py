"""A fit as a program of its own, for tests that need several processes: ``python -m tests.tomo.engine_job``."""

import json
import os
import signal
import sys
import time

import numpy as np

from qalgs.problems import haar_state
from qalgs.run import drive
from qalgs.tomo.data import CountsData, PauliData
from qalgs.tomo.measuring.plan import covering_settings
from qalgs.tomo.methods.local_sfgd import LocalSFGD
from qalgs.tomo.methods.machines import Worker
from qalgs.tomo.operators import Bases

SEED = np.random.SeedSequence(11)


def counts(n=4, shots=400):
    """Counts whose settings have different numbers of shots."""
    rng, psi = np.random.default_rng(3), haar_state(n, 1)
    settings = covering_settings(n, 0.6, rng)
    p = Bases(settings).probabilities(psi[:, None])
    shots = rng.integers(shots // 2, 2 * shots, len(settings))
    return CountsData(settings, rng.multinomial(shots, p / p.sum(axis=1, keepdims=True)))


def labels(n=4):
    """Noisy expectation values, of a number that four machines cannot share equally."""
    return PauliData.simulate(haar_state(n, 1), 0.7, 500, np.random.default_rng(2)).take(np.arange(173))


def fit(data, rank, **settings):
    """The run of Local SFGD with these settings."""
    return drive(LocalSFGD(**settings).iterate(data, rank, seed=SEED))


def sabotage(rank, *, die_at=None, nap=0.0):
    """Make the machines of MPI rank ``rank`` die in a round, or be slow."""
    if int(os.environ.get("PMI_RANK", "0")) != rank:
        return
    work = Worker.run

    def run(self, factor, spec):
        if die_at is not None and spec.index >= die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(nap)
        return work(self, factor, spec)

    Worker.run = run


def main(out, job):
    """Fit counts and labels, and write factors and histories."""
    if "sabotage" in job:
        sabotage(1, **job["sabotage"])
    arrays = {}
    for name, rank in job["fits"].items():
        run = fit(counts() if name == "counts" else labels(), rank, **job["settings"])
        arrays[name] = run.last.state.factor
        arrays |= {f"{name}_{column}": values for column, values in run.history.items()}
        arrays[f"{name}_seconds"] = run.wall_seconds
    np.savez(out, **arrays)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
