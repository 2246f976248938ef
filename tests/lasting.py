"""Data roots that are made once and copied by tests."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from audio_assets import settings


@contextmanager
def lasting(home: Path) -> Iterator[pytest.MonkeyPatch]:
    """Within: settings name `home/studio`, with one worker and no models; what else is patched ends with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIO_ASSETS_DATA", str(home / "studio"))
        patch.setenv("AUDIO_ASSETS_CACHE", str(home / "cache"))
        patch.setenv("AUDIO_ASSETS_WORKERS", "1")
        patch.delenv("DAGSTER_HOME", raising=False)
        settings.current.cache_clear()
        yield patch
    settings.current.cache_clear()


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that `make` fills, for all workers of xdist: the first to come makes it, the others wait for it."""
    base = factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    done = home.with_suffix(".done")
    with FileLock(home.with_suffix(".lock")):
        if not done.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            make(home)
            done.touch()
    return home
