"""Files that people brought along and that no artifact is: a song, a bed, a reference image, a grade.

What went into an artifact is recorded by its sha256. Here such a file is found again, wherever it lies by now.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from audio_assets.books.songbook import SONGS
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.schemas.records import RecordError
from audio_assets.domain.schemas.song import SongRecord
from audio_assets.studio import Studio
from resources.published import sha256_of
from resources.store import StoreError


def brought(studio: Studio, source: str, sha256: str, *, song: str = "", kept: str = "") -> Path:
    """A local path with the bytes of `sha256`.

    It is looked for at `source` (below the data root, or absolute), in the folder of a registered `song`, under any
    other name that is registered with it, and in the object `kept`, where an artifact keeps its input's bytes.

    Raises:
        PermanentError: it is gone, or was changed since.
    """
    is_there = False
    for path in _places(studio, source, sha256, song):
        try:
            found = sha256_of(path)
        except OSError:  # a folder, or not to be read
            continue
        if found == sha256:
            return path
        is_there |= bool(found)
    sidecar = studio.store.find(kept) if kept else None
    for name, entry in sidecar.files.items() if sidecar else ():
        if entry.sha256 == sha256:
            with suppress(StoreError):
                return studio.store.local_copy(f"{kept}/{name}", sha256, studio.settings.scratch)
    became = "was changed since" if is_there else "is gone"
    raise PermanentError(
        f"{source}, which somebody brought along (sha256 {sha256[:12]}…), {became}: put it back, or register what is "
        "there now"
    )


def _places(studio: Studio, source: str, sha256: str, song: str) -> Iterator[Path]:
    yield studio.settings.root / source
    data = studio.store.read(f"{SONGS}/{song}.json") if song else None
    if data is None:
        return
    with suppress(RecordError):
        record = SongRecord.from_bytes(data)
        folder = Path(record.path).parent
        yield Path(record.path)
        yield folder / source
        yield from (folder / name for name, registered in record.files.items() if registered == sha256)
