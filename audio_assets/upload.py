"""Stage `upload`: what people drop and write for songs, as the roots of the music's graph."""

import dagster as dg

from audio_assets import partitions, song_sources
from audio_assets.source import Source
from audio_assets.stage import source_asset


def _of_song(source: type[Source], description: str) -> dg.AssetsDefinition:
    return source_asset(source, description, partitions_def=partitions.songs, group="song", owner="team:music")


song_file = _of_song(song_sources.SongFile, "The audio file as it was dropped.")
song_lyrics = _of_song(
    song_sources.SongLyrics, "The lyrics as they were written: plain, LRC, enhanced LRC or UltraStar."
)
song_settings = _of_song(
    song_sources.SongSettings, "What the TOML file beside a song says of its video, and the provider's price of today."
)

scene_brief = source_asset(
    song_sources.SceneBrief,
    "All that a scene's prompt is built from: its plan, the wording, the preset, the characters.",
    partitions_def=partitions.scenes,
    group="storyboard",
    owner="team:video",
    deps=[dg.AssetDep("storyboard", partition_mapping=partitions.of_song)],
)

remix_request = source_asset(
    song_sources.RemixRequest,
    "What a remix was asked for: scene, style with its steps, source track, seed, mood tags.",
    partitions_def=partitions.remixes,
    group="remix",
    owner="team:music",
)
