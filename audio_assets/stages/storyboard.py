"""Stage `storyboard`: a song's analysis and settings become scenes, and each scene a prompt."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from audio_assets import partitions
from audio_assets.domain.action import Action
from audio_assets.domain.lineage import Origin
from audio_assets.domain.price_card import price_from_record
from audio_assets.domain.scene_key import parse_scene_key
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.domain.song_settings import settings_from_record
from audio_assets.stage import rendered_asset
from audio_assets.stages import song_sources
from audio_assets.stages.music_recipes import OfScene, OfSong
from resources.engines import song_artifacts as analysis
from resources.engines import storyboard_artifacts as engine
from resources.pool import Call


class Storyboard(OfSong):
    """Plans the scenes of a song's video on its beats."""

    asset = "storyboard"
    code_version = "1"
    is_foreseen = True
    folder = "video/storyboard"
    source = song_sources.SongSettings
    files = {
        "beat_grid": analysis.BEAT_GRID,
        "sections": analysis.SECTIONS,
        "vocals": analysis.VOICE,
        "lyric_alignment": analysis.LYRICS,
        "energy_curve": analysis.ENERGY,
        "spectral_features": analysis.FEATURES,
    }
    identity = staticmethod(engine.planner)

    def params(self, partition: str) -> dict[str, Any]:
        """What the settings say of the video, with the price of today."""
        return {**self.studio.songs.plan_record(partition), "max_scenes": self.studio.settings.scene_slots}

    def origins(self, partition: str) -> Iterator[Origin]:
        """The song's settings, and the price of today."""
        book = self.studio.songs
        found = book.settings_origin(partition, book.settings(partition).title or partition)
        if found is not None:
            yield found
        yield book.price_origin(partition)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The planner's call."""
        said = dict(action.params)
        price, problem, max_scenes = (said.pop(name) for name in ("price", "price_problem", "max_scenes"))
        priced = None if price is None else price_from_record(price)
        return Call(engine.storyboard, (settings_from_record(said), priced, problem, self.paths(sources), max_scenes))

    def publish(self, partition: str, folder: str, sidecar: Sidecar) -> None:
        """Let go of the storyboard before."""
        self.studio.songs.forget(partition)


class ScenePrompt(OfScene):
    """Writes the prompt of a scene."""

    asset = "scene_prompt"
    code_version = "1"
    is_foreseen = True
    folder = "video/scene_prompt"
    source = song_sources.SceneBrief
    fan_in = ("storyboard",)

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The storyboard that the scene stands in."""
        return [("storyboard", parse_scene_key(partition)[1])]

    def describe(self, partition: str) -> Action:
        """All that the prompt is built from, and nothing else of the storyboard."""
        brief = self.studio.songs.brief(partition)
        return Action(self.asset, self.code_version, self.identity(), {"brief": brief})

    def origins(self, partition: str) -> Iterator[Origin]:
        """The preset, the characters, what a person set."""
        return self.studio.songs.prompt_origins(partition)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The builder's call."""
        return Call(engine.scene_prompt, (action.params["brief"],))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """The builder."""
        return engine.prompt_builder()


storyboard = rendered_asset(
    Storyboard,
    "The scenes of the video in whole frames, cut on beats, with type, lyrics, mood, characters and estimated cost.",
    partitions_def=partitions.songs,
    group="storyboard",
    kind="json",
    deps=Storyboard.files,
)

scene_prompt = rendered_asset(
    ScenePrompt,
    "The prompt of a scene: global style, characters, directive, continuity, style preset.",
    partitions_def=partitions.scenes,
    group="storyboard",
    kind="text",
    deps=[dg.AssetDep(storyboard, partition_mapping=partitions.of_song)],
)
