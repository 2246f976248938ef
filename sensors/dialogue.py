"""Sensor `new_dialogue`: scripts dropped or edited in the inbox, and edits of cast, lexicon and mix settings.

Read, pure diff, result; an inbox that can not be read changes nothing. What it shares with others is in `inbox`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg

from audio_assets.books.script_registration import find_files, register
from audio_assets.domain.cast import CastError
from audio_assets.domain.scripts.reading import SUFFIXES
from audio_assets.jobs import render_dialogue
from audio_assets.launch import DIALOGUE, sync
from audio_assets.studio import Studio, StudioResource
from sensors.inbox import Cursor, ask, settled, signatures

_SETTINGS = ("cast.toml", "lexicon.toml", "mix.toml")  # a new cast is for `workflow_changes`, but for new lines here


def read_signatures(inbox: Path, root: Path) -> dict[str, str]:
    """The signature of every script in the inbox and of the settings files.

    Raises:
        OSError: the inbox can not be read.
    """
    inbox.mkdir(parents=True, exist_ok=True)
    scripts = [path for path in sorted(inbox.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
    return signatures([*scripts, *(path for name in _SETTINGS if (path := root / name).is_file())])


@dg.sensor(
    job=render_dialogue,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Registers dropped or edited scripts and starts one run for exactly what is stale.",
)
def new_dialogue(context: dg.SensorEvaluationContext, studio: StudioResource) -> dg.SensorResult | dg.SkipReason:
    """See the module."""
    opened = studio.open()
    settings = opened.settings
    cursor = Cursor.parse(context.cursor)
    try:
        now = read_signatures(settings.dialogue_inbox, settings.root)
    except OSError as error:
        return dg.SkipReason(f"the inbox {settings.dialogue_inbox} can not be read: {error.strerror}")
    being_edited = [name for name in _SETTINGS if now.get(key := str(settings.root / name)) != cursor.seen.get(key)]
    if being_edited and cursor.seen:
        context.update_cursor(replace(cursor, seen=now, planned_at=0.0).dump())
        return dg.SkipReason(f"waiting for {', '.join(being_edited)} to settle")
    ready = settled(cursor.seen, now, cursor.done)
    try:
        variables = opened.dialogue.cast.variables
    except CastError as error:
        context.update_cursor(replace(cursor, seen=now).dump())
        return dg.SkipReason(f"{error}; what was dropped is read after that")
    waiting: list[str] = []
    if ready:
        sentences, waiting = _register(opened, [*ready, *cursor.still_waiting(now, ready)], variables)
        for sentence in sentences:
            context.log.warning(sentence)
    cursor = cursor.after_read(now, ready, waiting)
    if ready:
        opened = studio.open()
        sync(context.instance, opened)
    context.update_cursor(cursor.dump())
    return ask(context, opened, cursor, DIALOGUE, has_news=bool(ready))


def _register(studio: Studio, paths: Sequence[str], variables: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Register the scripts among `paths`.

    A sentence for each thing that the author should look at, and the paths of translations whose original is not here.
    """
    inbox = studio.settings.dialogue_inbox
    scripts = [Path(path) for path in paths if Path(path).is_relative_to(inbox)]
    files, errors = find_files(scripts, inbox=inbox)
    done = register(
        studio.store,
        files,
        variables=variables,
        default_lang=studio.settings.language,
        voice_menu_choices=studio.settings.voice_menu_choices,
    )
    return [*errors, *done.errors, *map(str, done.problems)], [str(inbox / name) for name in done.waiting]
