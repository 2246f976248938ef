"""Opens what a command works on: the studio, the bucket, a file that somebody names; says where what came out lies."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from audio_assets.definitions import build_resources
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.settings import Settings, current
from audio_assets.studio import Studio, StudioResource
from resources.bucket import Bucket


def open_studio() -> Studio:
    """The studio on the settings' data root."""
    studio: StudioResource = _resources(current())["studio"]
    return studio.open()


def open_what_is_there() -> Studio:
    """As `open_studio`, for a command that asks what there is: a root that is not there is a slip, and none is made.

    Raises:
        ValueError: there is no data root.
    """
    root = current().root
    if not root.is_dir():
        raise ValueError(f"there is no data root {root}; AUDIO_ASSETS_DATA names it")
    return open_studio()


@lru_cache(maxsize=1)
def _resources(settings: Settings) -> Mapping[str, Any]:
    """Made once: 50 ms, where a new snapshot takes 0.2 ms and `queue serve` wants eight a second."""
    return build_resources(settings)


def open_bucket() -> Bucket:
    """The bucket that the settings name."""
    bucket: Bucket = _resources(current())["bucket"]
    return bucket


def where(studio: Studio, path: str) -> str:
    """Where something of the store is: a local path, or a URL."""
    return str(studio.store.local_path(path) or f"{studio.store.url.rstrip('/')}/{path}")


def remarks(sidecar: Sidecar) -> dict[str, str]:
    """Failed checks and notes, where there are any."""
    failed = "; ".join(f"{check.name}: {check.detail}" for check in sidecar.checks if not check.passed)
    remarks = {"failed_checks": failed, "notes": "; ".join(sidecar.notes)}
    return {name: text for name, text in remarks.items() if text}


def text_of(path: Path) -> str:
    """A text file's text.

    Raises:
        ValueError: it is no file, or not UTF-8.
    """
    if not path.is_file():
        raise ValueError(f"{path} is no file; check the name")
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
