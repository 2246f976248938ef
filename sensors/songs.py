"""Sensor `uploaded_songs`: songs dropped in the inbox, what lies beside them, and edits of remix styles.

What follows from edits of presets and prices is with `workflow_changes`; a style is the matter of the remixes that ask
for it. Read, pure diff, result; an unreadable inbox changes nothing. What it shares with others is in `inbox`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg

from audio_assets.books.song_registration import is_song, register_songs
from audio_assets.books.songbook import STYLES
from audio_assets.jobs import render_music
from audio_assets.launch import MUSIC, sync
from audio_assets.studio import Studio, StudioResource
from sensors.inbox import Cursor, ask, settled, signatures

_BESIDE = (".toml", ".lrc", ".txt", ".png", ".jpg", ".jpeg", ".webp", ".cube")
"""What may lie beside a song: settings, lyrics, reference images, a grade."""


def read_signatures(inbox: Path, folders: Sequence[Path]) -> dict[str, str]:
    """The signature of every song in the inbox, of what lies beside it, and of the remix styles in `folders`.

    Raises:
        OSError: the inbox can not be read.
    """
    inbox.mkdir(parents=True, exist_ok=True)
    dropped = [path for path in sorted(inbox.rglob("*")) if path.is_file() and _is_read(path)]
    styles = [path for folder in folders if (path := folder / STYLES).is_file()]
    return signatures([*dropped, *styles])


def _is_read(path: Path) -> bool:
    return not path.name.startswith(".") and (is_song(path) or path.suffix.lower() in _BESIDE)


def songs_of(ready: Iterable[str], now: Iterable[str]) -> list[Path]:
    """The songs to register: those that are ready, and those in the folder of anything that is."""
    folders = {Path(path).parent for path in ready}
    return [path for path in map(Path, now) if is_song(path) and path.parent in folders]


@dg.sensor(
    job=render_music,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Registers dropped songs and starts one run for exactly what is stale.",
)
def uploaded_songs(context: dg.SensorEvaluationContext, studio: StudioResource) -> dg.SensorResult | dg.SkipReason:
    """See the module."""
    opened = studio.open()
    settings = opened.settings
    cursor = Cursor.parse(context.cursor)
    try:
        now = read_signatures(settings.song_inbox, [settings.workflows, settings.root])
    except OSError as error:
        return dg.SkipReason(f"the inbox {settings.song_inbox} can not be read: {error.strerror}")
    ready = settled(cursor.seen, now, cursor.done)
    moving = {path for path, signature in now.items() if cursor.seen.get(path) != signature}
    if moving and cursor.seen and moving.isdisjoint(_in(now, settings.song_inbox)):
        context.update_cursor(replace(cursor, seen=now, planned_at=0.0).dump())
        return dg.SkipReason(f"waiting for {', '.join(sorted(Path(path).name for path in moving))} to settle")
    inbox = _in(now, settings.song_inbox)
    songs = [path for path in songs_of((path for path in ready if path in inbox), inbox) if str(path) not in moving]
    if songs:
        for sentence in _register(opened, songs):
            context.log.warning(sentence)
    cursor = cursor.after_read(now, ready, ())
    if ready:
        opened = studio.open()
        sync(context.instance, opened)
    context.update_cursor(cursor.dump())
    return ask(context, opened, cursor, MUSIC, has_news=bool(ready))


def _in(paths: Iterable[str], folder: Path) -> set[str]:
    return {path for path in paths if Path(path).is_relative_to(folder)}


def _register(studio: Studio, songs: Sequence[Path]) -> list[str]:
    """Register the songs; a sentence for each thing that the studio should look at."""
    done = register_songs(studio.store, songs, inbox=studio.settings.song_inbox)
    return [*done.errors, *done.problems]
