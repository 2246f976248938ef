"""The stored record of a registered song: where its audio is, and what people wrote beside it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import orjson

from audio_assets.domain.schemas.records import RecordError, read_record


@dataclass(frozen=True)
class SongRecord:
    """`name` is the song's path below the inbox, `path` where it was found; `settings` is the text of its TOML file.

    `modified_ns` is the audio file's time of modification, so that an unchanged one need not be hashed again. `files`
    are the sha256 of reference images and of the grade's table by their path as the settings name them.
    """

    song: str
    name: str
    path: str
    sha256: str
    size: int
    modified_ns: int
    settings: str = ""
    settings_path: str = ""
    lyrics: str = ""
    lyrics_path: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Indented JSON: people open these."""
        return orjson.dumps({"schema": "song.1", **asdict(self)}, option=orjson.OPT_INDENT_2)

    @classmethod
    def from_bytes(cls, data: bytes) -> "SongRecord":
        """Read what `to_bytes` wrote.

        Raises:
            RecordError: not a song's record.
        """
        record = read_record(data, "song.1")
        record.pop("schema")
        try:
            return cls(**record)
        except TypeError as error:
            raise RecordError(f"not a whole song.1: {error}") from error
