"""A minimiser turned inside out: it runs on its own thread, suspended at each call of its objective.

A minimiser written as one long call cannot be asked and told. Running it on a thread whose objective waits
for the answer makes it so, at two thread switches per question and without changing a bit of its arithmetic.
"""

from __future__ import annotations

import contextvars
import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

Point = NDArray[np.float64]
Fun = Callable[[Point], Any]


class _Released(BaseException):
    """Unwinds the worker when nobody waits for it; not an Exception, so that minimisers do not catch it."""


class SuspendedRun:
    """One run of ``call(fun)``, advanced answer by answer. Its thread ends when the object is collected."""

    def __init__(self, call: Callable[[Fun], Any]) -> None:
        questions: SimpleQueue[Any] = SimpleQueue()
        answers: SimpleQueue[Any] = SimpleQueue()

        # The closures must not refer to self: the worker would keep alive the object whose end releases it.
        def fun(x: Point) -> Any:
            questions.put(np.array(x, float))
            answer = answers.get()
            if answer is None:
                raise _Released
            return answer

        def work() -> None:
            try:
                questions.put(_Finished(call(fun)))
            except _Released:
                pass
            except BaseException as error:
                questions.put(error)

        self._questions, self._answers = questions, answers
        self.asked: list[Point] = []
        self.result: Any = None
        # The caller's context carries its np.errstate, which a bare thread would not inherit.
        worker = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
        worker.start()
        weakref.finalize(self, answers.put, None).atexit = False
        self._receive()

    def answer(self, reply: Any) -> None:
        """Answer the latest question and wait for the next one, or for the end and its ``result``."""
        self._answers.put(reply)
        self._receive()

    def _receive(self) -> None:
        got = self._questions.get()
        if isinstance(got, BaseException):
            raise got
        if isinstance(got, _Finished):
            self.result = got.result
        else:
            self.asked.append(got)


class _Finished:
    def __init__(self, result: Any) -> None:
        self.result = result
