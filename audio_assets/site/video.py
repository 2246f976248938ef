"""Which video a page shows, and how: its poster, its subtitles, and the stretch of song that belongs under it.

Only where things are; nothing is decoded. A clip has no sound of its own: the page plays the song beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from audio_assets.domain.schemas.records import Sidecar, StoredFile
from audio_assets.site.files import MEDIA_TYPES, public_path

_POSTERS = ("poster.png", "poster.jpg", "thumbnail.jpg", "picture.jpg")


@dataclass(frozen=True, slots=True)
class Captions:
    """A WebVTT file; `is_shown` from the start, unless the picture has the text in it already."""

    path: str
    language: str
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sound to a clip: a file from `start_s` on; `what` is heard."""

    path: str
    start_s: float
    what: str = "the song"


@dataclass(frozen=True, slots=True)
class VideoView:
    """A video: its path and media type, a poster ("" for none), whether it plays over and over, frames per second."""

    path: str
    media_type: str
    poster: str = ""
    is_looped: bool = False
    captions: Captions | None = None
    sound: Stretch | None = None
    fps: float = 0.0


def video_view(
    folder: str,
    sidecar: Sidecar,
    *,
    poster: str = "",
    is_looped: bool = False,
    captions: Captions | None = None,
    sound: Stretch | None = None,
) -> VideoView | None:
    """Return the video of an object, None where it has none; `poster` stands in for one of its own."""
    files, facts = sidecar.files, sidecar.facts
    name = next((name for name in files if media_type(name).startswith("video/")), None)
    if name is None or public_path(f"{folder}/{name}") is None:
        return None
    length_s, n_frames = facts.get("duration_s"), facts.get("n_frames")
    fps = round(n_frames / length_s, 3) if length_s and n_frames else 0.0
    poster = poster or poster_of(folder, files)
    return VideoView(f"{folder}/{name}", media_type(name), poster, is_looped, captions, sound, fps)


def poster_of(folder: str, files: Mapping[str, StoredFile]) -> str:
    """Return the path of the largest still of an object, "" where it has none."""
    return next((f"{folder}/{name}" for name in _POSTERS if name in files and files[name].size), "")


def captions_of(folder: str, files: Mapping[str, StoredFile], language: str, *, is_shown: bool) -> Captions | None:
    """Return an object's WebVTT subtitles."""
    name = next((name for name in files if name.endswith(".vtt")), None)
    return Captions(f"{folder}/{name}", language or "und", is_shown) if name else None


def media_type(name: str) -> str:
    """Return the media type of a file's name, "" where it is none that is shown."""
    return MEDIA_TYPES.get(name.rpartition(".")[2].lower(), "")
