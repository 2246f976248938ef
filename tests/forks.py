"""Processes that may be killed, forked from one that has imported everything: a new one imports for 3 s first.

That one is new itself and does nothing else, for what was used once, like a store, does not outlive a fork.
"""

import gc
import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any


class Forked:
    """Work in a process of its own."""

    def __init__(self, server: Connection, pid: int) -> None:
        self.pid = pid
        self._server = server

    @property
    def has_ended(self) -> bool:
        """Whether `result` waits no more."""
        return self._server.poll()

    def result(self, within_s: float = 120) -> tuple[int, Any]:
        """Its exit code (less than 0: the signal that killed it), and what the work answered."""
        assert self._server.poll(within_s), f"process {self.pid} has not ended"
        code, answer = self._server.recv()
        return code, pickle.loads(answer) if answer else None  # noqa: S301 - our own bytes


@contextmanager
def forks() -> Iterator[Callable[..., Forked]]:
    """Within: `fork(work, *arguments)` starts a process, one at a time; `work` is a function of a module."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(there,)
    )  # no daemon: those may have no workers
    server.start()
    there.close()

    def fork(work: Callable[..., Any], *arguments: object) -> Forked:
        here.send((work, arguments))
        return Forked(here, here.recv())

    try:
        yield fork
    finally:
        server.kill()
        server.join()


def _serve(orders: Connection) -> None:
    gc.freeze()  # a collection in a forked process would copy all memory before it looks at it
    with suppress(EOFError):
        while True:
            work, arguments = orders.recv()
            reading, writing = os.pipe()
            pid = os.fork()
            if not pid:
                _work(writing, work, arguments)
            os.close(writing)
            orders.send(pid)
            with os.fdopen(reading, "rb") as pipe:
                answer = pipe.read()
            _, status = os.waitpid(pid, 0)
            orders.send((os.waitstatus_to_exitcode(status), answer))


def _work(writing: int, work: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    code = 1
    try:
        answer = pickle.dumps(work(*arguments))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(answer)
        code = 0
    finally:
        os._exit(code)
