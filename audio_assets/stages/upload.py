"""Stage `upload`: what people drop, write and ask for, as the roots of the graph of songs and films."""

from collections.abc import Sequence

import dagster as dg

from audio_assets import partitions
from audio_assets.source import Source
from audio_assets.stage import Dep, source_asset
from audio_assets.stages import film_sources, song_sources


def _of_song(source: type[Source], description: str) -> dg.AssetsDefinition:
    return source_asset(source, description, partitions_def=partitions.songs, group="song")


song_file = _of_song(song_sources.SongFile, "The audio file as it was dropped.")
song_lyrics = _of_song(
    song_sources.SongLyrics, "The lyrics as they were written: plain, LRC, enhanced LRC or UltraStar."
)
song_settings = _of_song(
    song_sources.SongSettings, "What the TOML file beside a song says of its video, and the provider's price of today."
)


def _of_scene(source: type[Source], description: str, group: str, deps: Sequence[Dep] = ()) -> dg.AssetsDefinition:
    return source_asset(
        source,
        description,
        partitions_def=partitions.scenes,
        group=group,
        deps=[dg.AssetDep("storyboard", partition_mapping=partitions.of_song), *deps],
    )


scene_brief = _of_scene(
    song_sources.SceneBrief,
    "All that a scene's prompt is built from: its plan, the wording, the preset, the characters.",
    "storyboard",
)
scene_span = _of_scene(film_sources.SceneSpan, "Where a scene begins and ends, in frames.", "performance")
take_request = _of_scene(
    film_sources.TakeRequest,
    "What is asked of a scene's takes: how many, from whom, remixes, clips of the studio's own.",
    "takes",
    ["scene_prompt"],
)
scene_treatment = _of_scene(
    film_sources.SceneTreatment, "How a scene goes into the film: lip-sync, size, fit, transitions, grade.", "film"
)
delivery_request = source_asset(
    film_sources.DeliveryRequest,
    "How a song's film is to go out in one format: subtitles, loudness.",
    partitions_def=partitions.deliveries,
    group="film",
)

remix_request = source_asset(
    song_sources.RemixRequest,
    "What a remix was asked for: scene, style with its steps, source track, seed, mood tags.",
    partitions_def=partitions.remixes,
    group="remix",
)
