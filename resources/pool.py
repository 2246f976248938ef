"""A pool of worker processes for local engines: any picklable call in, results out as they finish.

Nothing about audio lives here. Workers come from a fork server: they start clean (no threads of the parent), import
the engines once, and end with their parent, also when that is killed.
"""

import atexit
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from audio_assets.domain.rendering import TransientError

Item = TypeVar("Item")
_QUEUED_PER_WORKER = 4  # enough to keep a worker busy; few enough that results do not pile up in memory
_PRELOAD = ["numpy", "resources.engines.kokoro", "resources.engines.espeak", "resources.engines.pocketsphinx"]


@dataclass(frozen=True, slots=True)
class Call:
    """A call to make in a worker: a module-level function and picklable arguments."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]

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

    A worker that dies (out of memory, say) costs only the calls that were in flight: they come back as `TransientError`s
    and the rest goes on in a fresh pool.
    """
    pending: dict[Future[Any], Item] = {}
    queue = iter(calls)
    exhausted = False
    while True:
        while not exhausted and len(pending) < n_workers * _QUEUED_PER_WORKER:
            entry = next(queue, None)
            if entry is None:
                exhausted = True
                break
            item, call = entry
            try:
                pending[_pool(n_workers).submit(_timed, call)] = item
            except BrokenProcessPool:
                _pool.cache_clear()
                pending[_pool(n_workers).submit(_timed, call)] = item
        if not pending:
            return
        finished, _ = wait(pending, return_when=FIRST_COMPLETED)
        for future in finished:
            yield _answer(pending.pop(future), future)


def _answer(item: Item, future: "Future[Any]") -> Done[Item]:
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        _pool.cache_clear()
        error = TransientError("a worker process died, perhaps for want of memory; a retry may help")
    return Done(item, error=error) if error is not None else Done(item, *future.result())


def _timed(call: Call) -> tuple[Any, float]:
    started = time.perf_counter()
    result = call()
    return result, time.perf_counter() - started


@lru_cache(maxsize=1)
def _pool(n_workers: int) -> ProcessPoolExecutor:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a process per core: more threads only spin against each other
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    pool = ProcessPoolExecutor(n_workers, mp_context=context)
    atexit.register(pool.shutdown, wait=False, cancel_futures=True)
    return pool
