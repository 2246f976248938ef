"""What tests share: a data root of their own, and an instance of Dagster that ends with them."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # workers get this path too, to import `tests.fakes`

from audio_assets import settings
from resources import http_client
from resources.pausing import Timing
from tests.house import CAST, House


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data root that the settings name; one worker, so that work stays in the test's own process."""
    for name in [name for name in os.environ if name.startswith("AUDIO_ASSETS_")]:
        monkeypatch.delenv(name)
    found = tmp_path / "studio"
    found.mkdir()
    monkeypatch.setenv("AUDIO_ASSETS_DATA", str(found))
    monkeypatch.setenv("AUDIO_ASSETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AUDIO_ASSETS_WORKERS", "1")
    monkeypatch.setenv("DAGSTER_HOME", str(found / "dagster"))
    settings.current.cache_clear()
    yield found
    settings.current.cache_clear()


@pytest.fixture
def house(root: Path, tmp_path: Path) -> House:
    """A studio with a cast, and tones for engines."""
    engines = tmp_path / "engines"
    engines.mkdir()
    (root / "cast.toml").write_text(CAST)
    return House(root, engines)


@pytest.fixture
def slept_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Requests that are asked again do so at once; the seconds that they would have waited."""
    slept: list[float] = []
    timing = Timing(sleep=lambda seconds: slept.append(seconds) if seconds else None, vary=lambda: 0.5)
    monkeypatch.setattr(http_client, "TIMING", timing)
    return slept


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A real instance in memory."""
    with dg.DagsterInstance.ephemeral() as found:
        yield found
