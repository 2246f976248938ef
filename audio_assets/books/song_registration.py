"""Registers songs: an audio file with what lies beside it in, a record in the store out. The audio is only hashed.

Here: finding files, reading settings, lyrics and images beside a song. Dagster's side of it is in `launch`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from audio_assets.books.songbook import SONGS
from audio_assets.domain.lines import script_slug
from audio_assets.domain.music.lyrics import LyricsError, parse_lyrics
from audio_assets.domain.schemas.records import RecordError
from audio_assets.domain.schemas.song import SongRecord
from audio_assets.domain.song_settings import parse_song_settings
from resources.song_files import SUFFIXES
from resources.store import ArtifactStore

SETTINGS_SUFFIX = ".toml"
LYRICS_SUFFIXES = (".lrc", ".txt")
_MAX_TEXT_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class SongReport:
    """What a registration did to one song: which of its parts are new or changed."""

    source: str
    song: str
    changed: tuple[str, ...]


@dataclass
class SongRegistration:
    """`errors` are songs that could not be registered, `problems` faults beside registered ones; one sentence each."""

    songs: list[SongReport] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def is_song(path: Path) -> bool:
    """Whether the name is one of an audio file."""
    return path.suffix.lower() in SUFFIXES


def find_songs(arguments: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """The audio files that are named, or lie below a named folder; and a sentence for each argument without any."""
    found: list[Path] = []
    errors: list[str] = []
    for argument in arguments:
        if argument.is_dir():
            songs = sorted(path for path in argument.rglob("*") if is_song(path) and path.is_file())
            if not songs:
                errors.append(f"{argument} holds no song; songs end in {', '.join(SUFFIXES)}")
            found += songs
        elif not argument.exists():
            errors.append(f"{argument} does not exist; check the name")
        elif not is_song(argument):
            errors.append(f"{argument} is no song by its name; songs end in {', '.join(SUFFIXES)}")
        else:
            found.append(argument)
    return found, errors


def register_songs(store: ArtifactStore, paths: Sequence[Path], *, inbox: Path) -> SongRegistration:
    """Register each song with what lies beside it; one that can not be registered never costs the others."""
    done = SongRegistration()
    for path in paths:
        try:
            _register_one(store, path, inbox.resolve(), done)
        except OSError as error:
            done.errors.append(f"{path} can not be read: {error.strerror}")
        except (ValueError, RecordError) as error:
            done.errors.append(str(error))
    return done


def load_song(store: ArtifactStore, song: str) -> SongRecord | None:
    """The registered song, None where there is none.

    Raises:
        RecordError: its record is damaged.
    """
    data = store.read(f"{SONGS}/{song}.json")
    return None if data is None else SongRecord.from_bytes(data)


def _register_one(store: ArtifactStore, path: Path, inbox: Path, done: SongRegistration) -> None:
    name = _name(path, inbox)
    song = script_slug(name.removesuffix(path.suffix))
    before = load_song(store, song)
    if (
        before is not None
        and before.name != name
        and Path(before.path).exists()
        and Path(before.path) != path.resolve()
    ):
        raise ValueError(f"{path} would be the same song '{song}' as {before.path}; rename one of them")
    record = _with_companions(_heard(path, song, name, before), path, done.problems)
    if record != before:
        store.write(f"{SONGS}/{song}.json", record.to_bytes())
    done.songs.append(SongReport(name, song, _changed(before, record)))


def _name(path: Path, inbox: Path) -> str:
    named = path.parent.resolve() / path.name  # a link in the inbox is in the inbox, wherever it leads
    if not named.is_relative_to(inbox):
        return path.name
    if not path.resolve().is_relative_to(inbox):
        raise ValueError(f"{path} is a link out of {inbox}; copy the file there instead")
    return named.relative_to(inbox).as_posix()


def _heard(path: Path, song: str, name: str, before: SongRecord | None) -> SongRecord:
    """The record of the audio alone; a file of the same size and time is not hashed again."""
    status = path.stat()
    resolved = str(path.resolve())
    if before is not None and (before.path, before.size, before.modified_ns) == (
        resolved, status.st_size, status.st_mtime_ns
    ):  # fmt: skip
        sha256 = before.sha256
    else:
        with path.open("rb") as source:
            sha256 = hashlib.file_digest(source, "sha256").hexdigest()
    return SongRecord(song, name, resolved, sha256, status.st_size, status.st_mtime_ns)


def _with_companions(record: SongRecord, path: Path, problems: list[str]) -> SongRecord:
    """With settings, lyrics and images; what can not be read is a problem, and waits until it is mended."""
    settings_path = path.with_suffix(SETTINGS_SUFFIX)
    try:
        text = _read_beside(settings_path) if settings_path.is_file() else ""
    except ValueError as error:
        problems.append(str(error))
        return record
    record = replace(record, settings=text, settings_path=str(settings_path) if text else "")
    try:
        settings = parse_song_settings(text.encode(), str(settings_path))
    except ValueError as error:
        problems.append(str(error))
        return record
    try:
        record = _with_lyrics(record, path, settings.lyrics, settings.lyrics_file)
    except ValueError as error:
        problems.append(str(error))
    files: dict[str, str] = {}
    named = [("characters.reference_image", who.reference_image) for who in settings.characters]
    for key, name in (*named, ("film.lut", settings.film.lut)):
        found = _beside(path, name, f"{settings_path}: [{key}]", problems) if name else None
        if found is not None:
            files[name] = hashlib.sha256(found.read_bytes()).hexdigest()
    return replace(record, files=files)


def _with_lyrics(record: SongRecord, path: Path, written: str, lyrics_file: str) -> SongRecord:
    if written:
        parse_lyrics(written, record.settings_path)
        return record
    named = [path.parent / lyrics_file] if lyrics_file else [path.with_suffix(suffix) for suffix in LYRICS_SUFFIXES]
    found = next((candidate for candidate in named if candidate.is_file()), None)
    if found is None:
        if lyrics_file:
            raise LyricsError(
                f"{record.settings_path}: [lyrics_file] {lyrics_file} is not beside the song; put it there"
            )
        return record
    text = _read_beside(found)
    parse_lyrics(text, str(found))
    return replace(record, lyrics=text, lyrics_path=str(found))


def _beside(path: Path, name: str, said_in: str, problems: list[str]) -> Path | None:
    found = path.parent / name
    if found.is_file() and found.resolve().is_relative_to(path.parent.resolve()):
        return found
    problems.append(f"{said_in} {name} is no file beside the song; put it there")
    return None


def _read_beside(path: Path) -> str:
    """Text of a person's file beside a song: UTF-8, else Latin-1, which old lyrics files are in.

    Raises:
        ValueError: a link out of its folder, or too large to be text.
    """
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise ValueError(f"{path} is a link out of its folder; copy the file there instead")
    if path.stat().st_size > _MAX_TEXT_BYTES:
        raise ValueError(f"{path} is larger than {_MAX_TEXT_BYTES // 1_000_000} MB; that is no settings or lyrics file")
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if path.suffix == SETTINGS_SUFFIX:
            raise ValueError(f"{path} is not UTF-8; save it as UTF-8") from None
        return data.decode("latin-1")


def _changed(before: SongRecord | None, now: SongRecord) -> tuple[str, ...]:
    if before is None:
        return ("new",)
    parts = {"audio": "sha256", "settings": "settings", "lyrics": "lyrics", "files": "files"}
    return tuple(part for part, name in parts.items() if getattr(before, name) != getattr(now, name))
