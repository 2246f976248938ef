"""Stage `performance`: a scene's part of the voice, its phonemes, and the mouth of the selected take moved by them."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from audio_assets import film_sources, partitions
from audio_assets.domain.action import Action
from audio_assets.domain.music.scene_lyrics import words_in_scene
from audio_assets.domain.scene_key import parse_scene_key
from audio_assets.domain.schemas.song_analysis import lyrics_from_bytes
from audio_assets.music_recipes import OfScene
from audio_assets.stage import rendered_asset
from resources.engines import lipsynced_take as mouth
from resources.engines import scene_singing as engine
from resources.engines import song_artifacts as analysis
from resources.engines.take_records import SELECTION, selection_from_bytes
from resources.pool import Call


class VocalSegment(OfScene):
    """Cuts the scene's part out of the song's voice, to the sample."""

    asset = "vocal_segment"
    code_version = "1"
    folder = "audio/vocal_segments"
    source = film_sources.SceneSpan

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The song's voice."""
        return [("vocals", parse_scene_key(partition)[1])]

    def describe(self, partition: str) -> Action:
        """The voice, and from where to where."""
        inputs = {asset: self.upstream(asset, key).content for asset, key in self.needs(partition)}
        span = self.studio.songs.span(partition)
        return Action(self.asset, self.code_version, analysis.analysers(), span, inputs)

    def call(self, partition: str, action: Action) -> Call:
        """The cutter's call."""
        (need,) = self.needs(partition)
        vocals = self.local_file(self.upstream(*need), analysis.VOCALS)
        _, scene = self.studio.songs.scene(partition)
        target = self.studio.scratch_file(".flac")
        return Call(engine.vocal_segment, (vocals, scene.start_frame, scene.end_frame, scene.frame_rate, target))


