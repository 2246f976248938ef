"""What all benches share: the figures they answer, a data root, memory. What is measured is in each bench."""

import importlib
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from audio_assets.settings import current
from resources import models, pool

SHARED = Path(__file__).resolve().parents[3] / "shared/data"
"""Labelled speech and a whole script, beside the repository where there are any."""


@dataclass(frozen=True)
class Figure:
    """One row of the table. `is_met` is None where nothing is aimed at; `peak_mb` is "" for the bench's own process."""

    what: str
    measured: str
    aim: str = ""
    is_met: bool | None = None
    ratio: str = ""
    peak_mb: str = ""


class Skipped(Exception):  # noqa: N818 - reads as what it says
    """The bench can not be run here; the message says what is missing."""


def figures_of(name: str) -> Iterator[Figure]:
    """The figures of one bench, as they come, in this process, which is its own."""
    measure = importlib.import_module(f"tests.bench.{name}").measure
    try:
        for figure in measure():
            own = f"{peak_mb():.0f}"
            yield replace(figure, peak_mb=f"{own} + {figure.peak_mb}" if figure.peak_mb else own)
    except Skipped as reason:
        yield Figure(name, f"skipped: {reason}")


@contextmanager
def data_root(cast: str = "", *, n_workers: int = 0) -> Iterator[Path]:
    """An empty data root with this cast, which the settings of this process name until it is removed."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        root = Path(folder)
        (root / "cast.toml").write_text(cast)
        os.environ.update(AUDIO_ASSETS_DATA=folder, AUDIO_ASSETS_WORKERS=str(n_workers))
        current.cache_clear()
        yield root
    current.cache_clear()


def shared(name: str) -> Path:
    """A folder of the shared data.

    Raises:
        Skipped: it is not there.
    """
    if not (SHARED / name).is_dir():
        raise Skipped(f"no {name} in ../shared/data")
    return SHARED / name


def model(name: str) -> Path:
    """The folder of a model.

    Raises:
        Skipped: it was not fetched.
    """
    found = models.installed(name, current().cache)
    if found is None:
        raise Skipped(str(models.missing(name)))
    return found


def peak_mb() -> float:
    """The largest that this process, or one it has waited for, has been."""
    unit = 1 if sys.platform == "darwin" else 1024
    people = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in people) * unit / 1e6


def workers_peak_mb(n_workers: int) -> float:
    """The largest that a process of the pool has been; the fork server waits for those, not this process."""
    calls = ((number, pool.Call(peak_mb, ())) for number in range(4 * n_workers))
    return max(float(done.result) for done in pool.run(calls, n_workers))
