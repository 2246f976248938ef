"""A pool of worker processes for local engines: any picklable call in, results out as they finish.

Nothing about audio lives here. Workers come from a fork server: they start clean (no threads of the parent), import
the engines once, and end with their parent, also when that is killed.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.util import Finalize
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from audio_assets.domain.rendering import TransientError
from resources.pausing import stop_with

Item = TypeVar("Item")
_QUEUED_PER_WORKER = 4  # enough to keep a worker busy; few enough that results do not pile up in memory
_PRELOAD = ["numpy", "resources.engines.kokoro", "resources.engines.espeak", "resources.engines.pocketsphinx"]


@dataclass(frozen=True, slots=True)
class Lane:
    """Calls that mostly wait for the same somebody else: at most `at_once` of them, in threads of this process."""

    name: str
    at_once: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call to make in a worker: a module-level function and picklable arguments; with a `lane`, any, in a thread."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    lane: Lane | None = None

    def __call__(self) -> Any:
        """Make the call here."""
        return self.function(*self.arguments)


@dataclass(frozen=True, slots=True)
class Done(Generic[Item]):
    """A finished call: `result` after `seconds` of work, or the `error` it raised."""

    item: Item
    result: Any = None
    seconds: float = 0.0
    error: BaseException | None = None


def run_here(entry: tuple[Item, Call]) -> Done[Item]:
    """Make one call in this process."""
    item, call = entry
    try:
        result, seconds = _timed(call)
    except Exception as error:  # noqa: BLE001 - as from a worker: whatever went wrong becomes that item's answer
        return Done(item, error=error)
    return Done(item, result, seconds)


def run(calls: Iterable[tuple[Item, Call]], n_workers: int) -> Iterator[Done[Item]]:
    """Make every call in `n_workers` processes; answers come in order of finishing.

    A worker that dies (out of memory, say) takes its pool along. Each call that was in flight is made again, alone in a
    fresh pool: the one that kills its worker again comes back as a `TransientError`, and costs no other.
    """
    pending: dict[Future[Any], tuple[Item, Call]] = {}
    queue = iter(calls)
    exhausted = False
    while True:
        while not exhausted and len(pending) < n_workers * _QUEUED_PER_WORKER:
            entry = next(queue, None)
            if entry is None:
                exhausted = True
                break
            pending[_submit(entry[1], n_workers)] = entry
        if not pending:
            return
        finished, _ = wait(pending, return_when=FIRST_COMPLETED)
        if any(map(_is_lost, finished)):
            finished, _ = wait(pending)
        for future in finished:
            item, call = pending.pop(future)
            yield _alone(item, call, n_workers) if _is_lost(future) else _answer(item, future)


def run_all(calls: Iterable[tuple[Item, Call]], n_workers: int) -> Iterator[Done[Item]]:
    """Make every call where it belongs, at the same time: in its lane's threads, in worker processes, or, with 0
    workers, here; answers come in order of finishing.
    """  # noqa: D205
    lanes: dict[str, ThreadPoolExecutor] = {}
    waiting: list[Future[Done[Item]]] = []
    done: SimpleQueue[Done[Item]] = SimpleQueue()
    stop = threading.Event()

    def answered(future: "Future[Done[Item]]") -> None:
        if not future.cancelled():
            done.put(future.result())

    def working() -> Iterator[tuple[Item, Call]]:
        for item, call in calls:
            if call.lane is None:
                yield item, call
                continue
            lane = lanes.get(call.lane.name)
            if lane is None:
                name = f"lane-{call.lane.name}"
                lane = lanes[call.lane.name] = ThreadPoolExecutor(call.lane.at_once, name, stop_with, (stop,))
            future = lane.submit(run_here, (item, call))
            future.add_done_callback(answered)
            waiting.append(future)

    try:
        n_answered = 0
        for answer in run(working(), n_workers) if n_workers else map(run_here, working()):
            yield answer
            while not done.empty():
                n_answered += 1
                yield done.get()
        while n_answered < len(waiting):
            n_answered += 1
            yield done.get()
    except BaseException:
        stop.set()
        raise
    finally:
        for lane in lanes.values():
            lane.shutdown(wait=True, cancel_futures=True)


def _submit(call: Call, n_workers: int) -> "Future[Any]":
    try:
        return _pool(n_workers).submit(_timed, call)
    except BrokenProcessPool:
        _pool.cache_clear()
        return _pool(n_workers).submit(_timed, call)


def _is_lost(future: "Future[Any]") -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _alone(item: Item, call: Call, n_workers: int) -> Done[Item]:
    future = _submit(call, n_workers)
    if _is_lost(future):
        return Done(item, error=TransientError("a worker process died, perhaps for want of memory; a retry may help"))
    return _answer(item, future)


def _answer(item: Item, future: "Future[Any]") -> Done[Item]:
    error = future.exception()
    return Done(item, error=error) if error is not None else Done(item, *future.result())


def _timed(call: Call) -> tuple[Any, float]:
    started = time.perf_counter()
    result = call()
    return result, time.perf_counter() - started


def end_with_parent() -> None:
    """In a worker: end when the parent does. A killed parent closes nothing that a worker would notice by itself."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@lru_cache(maxsize=1)
def _pool(n_workers: int) -> ProcessPoolExecutor:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a process per core: more threads only spin against each other
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    pool = ProcessPoolExecutor(n_workers, mp_context=context, initializer=end_with_parent)
    # Not `atexit`, which a child of multiprocessing skips: every run under `dagster dev` is one, and would join its
    # workers for ever. It has to wait: with `wait=False` the workers are never told (measured, Python 3.11).
    Finalize(None, pool.shutdown, kwargs={"cancel_futures": True}, exitpriority=100)
    return pool
