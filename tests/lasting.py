"""Data roots that are made once and copied by tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

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
