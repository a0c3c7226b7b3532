"""The smallest distributed algorithm, and a program that runs it: ``python -m tests.engines.toy ENGINE OUT``."""

import os
import sys
import time
from dataclasses import dataclass

import numpy as np

from qalgs.engines import get_engine

FAIL = -1
"""The round in which worker 1 fails."""


@dataclass(frozen=True, eq=False)
class Sum:
    index: int
    value: np.ndarray

    @property
    def nbytes(self):
        return self.value.nbytes


@dataclass(frozen=True)
class Adder:
    """Adds its index and the round to its message; naps, or fails, where it is told to."""

    index: int
    naps: bool = False

    def build(self):
        return self

    def run(self, message, spec):
        if spec == FAIL and self.index == 1:
            raise ArithmeticError("out of luck")
        if self.naps and os.environ.get("PMI_RANK", "0") != "0":
            time.sleep(0.3)
        return Sum(self.index, message + self.index + spec)


def adders(number, naps=False):
    return [Adder(i, naps) for i in range(number)]


def rounds(engine, number=5):
    """Bytes, and what comes back of a few rounds whose messages differ from worker to worker."""
    session = engine.place(adders(number))
    messages = [np.full(i + 1, float(i)) for i in range(number)]
    answers = []
    for index in range(3):
        replies = session.round(messages, index)
        assert [reply.index for reply in replies] == list(range(number))
        messages = [reply.value for reply in replies]
        answers.append(np.concatenate(messages))
    moved = session.bytes
    session.close()
    return moved, np.array(answers)


def main(engine, out, what="rounds"):
    engine = get_engine(engine)
    if what == "rounds":
        moved, answers = rounds(engine)
        np.savez(out, bytes=moved, answers=answers)
        return
    session = engine.place(adders(4, naps=True), deadline=0.02)
    np.savez(out, there=[len(session.round([np.zeros(1)] * 4, 0)) for _ in range(5)])
    engine.place(adders(4)).round([np.zeros(1)] * 4, FAIL)


if __name__ == "__main__":
    main(*sys.argv[1:])
