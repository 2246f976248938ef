"""10,000 pairs handed out by two processes at once, each killed with SIGKILL at random moments and started anew.

Aimed at: no pair twice before all of them were given, none left out, and what a killed process asked for is what it
gets when it asks again. The processes write down what they were answered, which may be less than was given.
"""

import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from audio_assets.domain.rotation import stream
from resources.database import default_url
from resources.rotations import Rotations
from tests.bench.measuring import Figure

N_NAMES, N_DEVELOPERS, N_WORKERS, N_KILLS = 200, 50, 2, 40
SIZE = N_NAMES * N_DEVELOPERS
AT_ONCE = 5
"""Pairs per request: a request is a transaction, and waits for the disk."""
SETS = {
    "name": tuple(f"stem.name.n{n}" for n in range(N_NAMES)),
    "developer": tuple(f"stem.developer.d{n}" for n in range(N_DEVELOPERS)),
}
N_REQUESTS = SIZE // AT_ONCE // N_WORKERS

forked = multiprocessing.get_context("fork")


def measure() -> Iterator[Figure]:
    """All figures."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        started = time.perf_counter()
        n_kills, n_asked_again = _hand_out(Path(folder))
        seconds = time.perf_counter() - started
        given = [one.item for one in reversed(Rotations(default_url(Path(folder))).history("pair", 2 * SIZE))]
        answered = [line for n in range(N_WORKERS) for line in _answers(Path(folder), n).values()]
    counted = Counter(given)
    n_twice = sum(n - 1 for n in counted.values())
    yield Figure(
        f"pairs of {SIZE} given twice or never, with {n_kills} kills", f"{n_twice} and {SIZE - len(counted)}",
        "0 and 0", n_twice == 0 and len(counted) == SIZE == len(given),
    )  # fmt: skip
    expected = list(islice(stream("pair", SETS, "bench"), SIZE))
    n_astray = sum(one != item for one, (_, item) in zip(given, expected, strict=False))
    yield Figure("pairs out of the order of seed and data set", str(n_astray), "0", n_astray == 0)
    told = [pair for line in answered for pair in line.split()]
    n_wrong = (Counter(told) - Counter("+".join(item) for item in given)).total() + SIZE - len(set(told))
    yield Figure("pairs that were given and not answered, or answered to two", str(n_wrong), "0", n_wrong == 0)
    yield Figure(f"requests that were answered again, of {N_REQUESTS * N_WORKERS}", str(n_asked_again))
    yield Figure(f"one request of {AT_ONCE} pairs, two processes at once", f"{seconds / N_REQUESTS * 1000:.0f} ms")


def _hand_out(folder: Path) -> tuple[int, int]:
    """Let two processes ask for all pairs, killing them now and then; (kills, requests that were answered again)."""
    url, draw = default_url(folder), random.Random(11)
    Rotations(url)
    workers = [_started(url, folder, n) for n in range(N_WORKERS)]
    n_kills = 0
    while any(worker.exitcode != 0 for worker in workers):
        time.sleep(draw.uniform(0.05, 1.0))
        for n, worker in enumerate(workers):
            if worker.exitcode not in (None, 0, -signal.SIGKILL):
                raise RuntimeError(f"a process ended with {worker.exitcode}")
            if worker.exitcode is None and n_kills < N_KILLS and draw.random() < 0.6:
                os.kill(worker.pid, signal.SIGKILL)
                worker.join()
                n_kills += worker.exitcode != 0
            if worker.exitcode not in (None, 0):
                workers[n] = _started(url, folder, n)
    return n_kills, len(list(folder.glob("again-*")))


def _started(url: str, folder: Path, n: int) -> Any:
    worker = forked.Process(target=_ask, args=(url, folder, n))
    worker.start()
    return worker


def _ask(url: str, folder: Path, n: int) -> None:
    """Go on asking where the answers that were written down end."""
    rotations = Rotations(url)
    done = _answers(folder, n)
    with (folder / f"answers-{n}").open("a") as out:
        for number in range(len(done), N_REQUESTS):
            name = f"{n}-{number}"
            given = rotations.next_ones("pair", SETS, "bench", AT_ONCE, request_id=name)
            if given[0].is_repeated:
                (folder / f"again-{name}").touch()
            out.write(f"\n{number}: {' '.join('+'.join(one.item) for one in given)} ;")
            out.flush()


def _answers(folder: Path, n: int) -> dict[int, str]:
    """What was written down whole, by request."""
    path = folder / f"answers-{n}"
    lines = path.read_text().split("\n") if path.exists() else []
    whole = [line.removesuffix(" ;").split(": ", 1) for line in lines if line.endswith(" ;")]
    return {int(number): text for number, text in whole}
