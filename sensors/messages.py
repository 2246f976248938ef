"""Sensor `new_stems`: data sets, requests and templates of messages, and edits of who says them.

Read, pure diff, result. What costs money is spoken when a message or a command asks for it, not because it is in a
list; what speaks on this machine is spoken at once. What it shares with others is in `inbox`.
"""

from dataclasses import replace
from pathlib import Path

import dagster as dg

from audio_assets.domain import datasets, message_request, message_template, stem_settings
from audio_assets.domain.rendering import PermanentError
from audio_assets.jobs import render_messages
from audio_assets.launch import VOICE_STEMS, Order, sync
from audio_assets.stages.stems import Stem
from audio_assets.studio import Studio, StudioResource
from sensors.inbox import Cursor, ask, settled, signatures

_SETTINGS = (stem_settings.FILE, "cast.toml", "lexicon.toml", "providers.toml")


def read_signatures(root: Path, workflows: Path) -> dict[str, str]:
    """The signature of every data set, request, template and settings file.

    Raises:
        OSError: one can not be read.
    """
    folders = (
        (root / datasets.FOLDER, datasets.SUFFIXES),
        (root / message_request.FOLDER, message_request.SUFFIXES),
        (root / message_template.OWN_FOLDER, (".json",)),
        (workflows / message_template.FOLDER, (".json",)),
    )
    found = [
        path
        for folder, suffixes in folders
        for path in sorted(folder.glob("*"))
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
    ]
    return signatures([*found, *(path for name in _SETTINGS if (path := root / name).is_file())])


@dg.sensor(
    job=render_messages,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads data sets and requests of messages and starts one run for exactly what is stale.",
)
def new_stems(context: dg.SensorEvaluationContext, studio: StudioResource) -> dg.SensorResult | dg.SkipReason:
    """See the module."""
    opened = studio.open()
    settings = opened.settings
    cursor = Cursor.parse(context.cursor)
    try:
        now = read_signatures(settings.root, settings.workflows)
    except OSError as error:
        return dg.SkipReason(f"{error.filename} can not be read: {error.strerror}")
    moving = sorted(Path(path).name for path, signature in now.items() if cursor.seen.get(path) != signature)
    if moving:
        context.update_cursor(replace(cursor, seen=now, planned_at=0.0).dump())
        return dg.SkipReason(f"waiting for {', '.join(moving)} to settle")
    ready = settled(cursor.seen, now, cursor.done)
    is_less = bool(cursor.done.keys() - now.keys())
    if ready:
        for sentence in opened.stems.problems:
            context.log.warning(sentence)
    cursor = cursor.after_read(now, ready, ())
    if ready or is_less:
        sync(context.instance, opened)
    context.update_cursor(cursor.dump())
    return ask(context, opened, cursor, VOICE_STEMS, has_news=bool(ready), only=lambda wanted: _asked(opened, wanted))


def _asked(studio: Studio, wanted: Order) -> Order:
    """What is wanted, without stems that cost money and that no message needs."""
    recipe, book = Stem(studio), studio.stems
    needed: set[str] = set(book.asked)
    for message in book.messages:
        try:
            needed |= {stem for stem, _ in book.parts(message)}
        except PermanentError:
            continue
    kept = {**wanted, recipe.asset: [s for s in wanted.get(recipe.asset, ()) if s in needed or _is_free(recipe, s)]}
    return {asset: list(keys) for asset, keys in kept.items() if keys}


def _is_free(recipe: Stem, stem: str) -> bool:
    try:
        return recipe.studio.speaker(recipe.request(stem).engine).remote(recipe.studio.kept_answers) is None
    except PermanentError:
        return False
