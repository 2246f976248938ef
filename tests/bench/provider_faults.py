"""What becomes of 1,000 lines of Cartesia, half of them streamed, and of 200 takes of fal where things go wrong.

Each class of faults (`tests/trouble.py`) is met by three in ten of the orders, by two in five of these again and again.

A row is a class. It holds that no artifact is wrong or partial, nothing is done or billed twice, every failure names
its cause, and a second run without the fault finishes the rest: what does not hold breaks the row. Below it stand the
causes as the runs told them, with numbers and ids left out.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from audio_assets.settings import current
from tests.bench.measuring import Figure
from tests.trouble import KEYS, OF_LINES, OF_TAKES, Lines, Scene, Takes

N_LINES, N_TAKES = 1000, 200
_LONGEST_CAUSE = 230


def measure() -> Iterator[Figure]:
    """Every class, and what was told of it."""
    os.environ.update(KEYS, AUDIO_ASSETS_WORKERS="1")
    for of, troubles, n_orders in ((Lines, OF_LINES, N_LINES), (Takes, OF_TAKES, N_TAKES)):
        for trouble in troubles:
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                root = Path(folder) / "studio"
                root.mkdir()
                os.environ["AUDIO_ASSETS_DATA"] = str(root)
                current.cache_clear()
                yield from figures(of(root, trouble, n_orders))
    current.cache_clear()


def figures(scene: Scene) -> Iterator[Figure]:
    """The row of one class, and its causes."""
    began = time.perf_counter()
    try:
        tally = scene.run()
    except AssertionError as error:
        yield Figure(scene.trouble.name, f"{error}", "all holds", is_met=False)
        return
    took = f"{time.perf_counter() - began:.0f} s"
    yield Figure(f"{scene.n_orders} x {scene.trouble.name}", tally.figures, "all holds", is_met=True, ratio=took)
    for cause, n_failures in tally.failures.most_common():
        yield Figure(f"  {n_failures} failed", cause[:_LONGEST_CAUSE])
