import multiprocessing
import os
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from audio_assets.domain.rendering import PermanentError, TransientError
from resources import pool
from resources.pool import Call, Done

N_WORKERS = 2


def double(number: int) -> int:
    return 2 * number


def process_id(_: int) -> int:
    time.sleep(0.02)
    return os.getpid()


def refuse(number: int) -> None:
    raise PermanentError(f"{number} can not be done")


class LocalError(Exception):
    """Takes two arguments, so that it can not be unpickled as it is."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)
        self.two = two


def refuse_unpicklably(_: int) -> None:
    raise LocalError("one", "two")


def answer_unpicklably(_: int) -> object:
    return lambda: None


def die(_: int) -> None:
    os._exit(1)


def die_unless(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        os._exit(1)
    return "alive"


def leave(_: int) -> None:
    raise SystemExit(3)


def calls(function: object, n: int) -> list[tuple[int, Call]]:
    return [(number, Call(function, (number,))) for number in range(n)]  # type: ignore[arg-type]


def test_every_call_is_answered_once_with_its_item() -> None:
    done = list(pool.run(calls(double, 50), N_WORKERS))
    assert sorted((entry.item, entry.result) for entry in done) == [(n, 2 * n) for n in range(50)]
    assert all(entry.error is None and entry.seconds >= 0 for entry in done)


def test_no_calls_no_answers_and_no_processes() -> None:
    assert list(pool.run([], N_WORKERS)) == []


def test_the_work_is_done_elsewhere_by_every_worker() -> None:
    processes = {entry.result for entry in pool.run(calls(process_id, 16), N_WORKERS)}
    assert os.getpid() not in processes
    assert len(processes) == N_WORKERS


def test_an_error_is_that_item_s_answer_only() -> None:
    mixed = [(n, Call(refuse if n % 3 == 0 else double, (n,))) for n in range(12)]
    for entry in pool.run(mixed, N_WORKERS):
        if entry.item % 3 == 0:
            assert isinstance(entry.error, PermanentError)
            assert str(entry.error) == f"{entry.item} can not be done"
        else:
            assert (entry.result, entry.error) == (2 * entry.item, None)


@pytest.mark.parametrize("function", [refuse_unpicklably, answer_unpicklably, leave])
def test_an_answer_that_can_not_travel_is_an_error_and_costs_nobody_else(function: object) -> None:
    done = {entry.item: entry for entry in pool.run([(-1, Call(function, (0,))), *calls(double, 8)], N_WORKERS)}  # type: ignore[arg-type]
    assert set(done) == {-1, *range(8)}
    assert done[-1].error is not None
    assert [done[n].result for n in range(8)] == [2 * n for n in range(8)]


def test_an_argument_that_can_not_travel_is_that_item_s_error() -> None:
    done = {entry.item: entry for entry in pool.run([(-1, Call(double, (lambda: 0,))), *calls(double, 4)], N_WORKERS)}
    assert done[-1].error is not None
    assert [done[n].result for n in range(4)] == [0, 2, 4, 6]


def test_a_worker_that_dies_costs_only_the_call_that_killed_it() -> None:
    """What was in flight beside it did nothing wrong, and would starve if it were lost at each retry."""
    n = 60
    done = {entry.item: entry for entry in pool.run([(-1, Call(die, (0,))), *calls(double, n)], N_WORKERS)}
    assert isinstance(done.pop(-1).error, TransientError)
    assert {item: entry.result for item, entry in done.items()} == {item: 2 * item for item in range(n)}


def test_workers_that_die_again_and_again_never_stop_the_rest() -> None:
    mixed = [(n, Call(die if n % 20 == 10 else double, (n,))) for n in range(80)]
    done = {entry.item: entry for entry in pool.run(mixed, N_WORKERS)}
    assert set(done) == set(range(80))
    assert {n for n, entry in done.items() if entry.error is not None} == {10, 30, 50, 70}
    assert all(isinstance(done[n].error, TransientError) and "died" in str(done[n].error) for n in (10, 30, 50, 70))


def test_a_call_that_kills_its_worker_once_is_made_again(tmp_path: Path) -> None:
    (done,) = pool.run([("x", Call(die_unless, (tmp_path / "died",)))], N_WORKERS)
    assert done.result == "alive"


def test_calls_are_taken_as_they_are_needed() -> None:
    """A render reads its inputs while it builds a call: ten thousand of them must not lie in memory at once."""
    taken = 0

    def endless() -> Iterator[tuple[int, Call]]:
        nonlocal taken
        for number in count():
            taken += 1
            yield number, Call(double, (number,))

    answers = pool.run(endless(), N_WORKERS)
    for n_answered in range(1, 30):
        next(answers)
        assert taken <= n_answered + N_WORKERS * 4
    answers.close()  # type: ignore[attr-defined]


def test_an_error_of_whoever_builds_the_calls_is_not_swallowed() -> None:
    def broken() -> Iterator[tuple[int, Call]]:
        yield 0, Call(double, (0,))
        raise KeyError("broken")

    with pytest.raises(KeyError):
        list(pool.run(broken(), N_WORKERS))


def test_here_is_as_there() -> None:
    assert pool.run_here((1, Call(double, (4,)))).result == 8
    failed = pool.run_here((2, Call(refuse, (4,))))
    assert isinstance(failed, Done)
    assert isinstance(failed.error, PermanentError)


def test_an_interrupt_here_is_no_answer() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.run_here((1, Call(interrupt, ())))


def _use_a_pool() -> None:
    assert [done.result for done in pool.run([(0, Call(abs, (-1,)))], 2)] == [1]


def test_a_child_process_that_has_used_a_pool_ends() -> None:
    child = multiprocessing.get_context("spawn").Process(target=_use_a_pool)
    child.start()
    child.join(60)
    try:
        assert child.exitcode == 0, "it waits for its workers for ever"
    finally:
        child.kill()
