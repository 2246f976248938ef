"""Sensor `planned_films`: storyboards that are planned anew, reviews, choices and wishes become takes and films.

Only where nobody asks money for takes or mouths: a film that costs is made when it is asked for, by hand or by command.
"""

import time

import dagster as dg

from audio_assets.domain.scene_key import song_of
from audio_assets.jobs import render_film
from audio_assets.launch import FILM, MUSIC, Order, sync
from audio_assets.stages.performance import lip_sync_is_free
from audio_assets.studio import Studio, StudioResource
from resources import render_lock
from sensors.inbox import Cursor, ask


@dg.sensor(
    job=render_film,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Makes takes and film of every planned song whose takes cost nothing, and again what is stale of them.",
)
def planned_films(context: dg.SensorEvaluationContext, studio: StudioResource) -> dg.SensorResult | dg.SkipReason:
    """See the module."""
    opened = studio.open()
    if render_lock.is_held(opened.settings.render_lock(MUSIC.job)):
        return dg.SkipReason("songs are being analysed; their films come next")
    cursor = Cursor.parse(context.cursor)
    if cursor.is_due(time.time()):  # it compares every source: 4 s of 100,000 lines
        sync(context.instance, opened)
    return ask(context, opened, cursor, FILM, has_news=False, only=lambda wanted: _free(opened, wanted))


def _free(studio: Studio, wanted: Order) -> Order:
    """What is wanted of songs whose takes and mouths cost nothing."""
    songs = {song_of(key) for keys in wanted.values() for key in keys}
    free = {song for song in songs if studio.songs.is_free(song) and lip_sync_is_free(studio, song)}
    kept = {asset: [key for key in keys if song_of(key) in free] for asset, keys in wanted.items()}
    return {asset: keys for asset, keys in kept.items() if keys}
