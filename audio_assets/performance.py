"""Stage `performance`: a scene's part of the voice, its phonemes, and the mouth of the selected take moved by them."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import dagster as dg

from audio_assets import film_sources, partitions
from audio_assets.domain.action import Action
from audio_assets.domain.music.sung_mouth import SUNG_JAW
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.scene_key import parse_scene_key
from audio_assets.domain.schemas.takes import selection_from_bytes, take_list_from_bytes
from audio_assets.domain.take_list import Take
from audio_assets.music_recipes import OfScene, of_song
from audio_assets.stage import rendered_asset
from resources.engines import lipsynced_take as mouth
from resources.engines import scene_singing as engine
from resources.engines import song_artifacts as analysis
from resources.engines.take_artifacts import RIG
from resources.engines.take_records import SELECTION, TAKES
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


class SceneAlignment(OfScene):
    """Finds the phonemes of what is sung in the scene."""

    asset = "scene_alignment"
    code_version = "1"
    folder = "audio/scene_alignments"
    source = film_sources.SceneSpan

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The scene's voice, and the song's lyrics in time."""
        return [("vocal_segment", partition), ("lyric_alignment", parse_scene_key(partition)[1])]

    def describe(self, partition: str) -> Action:
        """Both, the span, and the words where a person has set them."""
        inputs = {asset: self.upstream(asset, key).content for asset, key in self.needs(partition)}
        params = {
            **self.studio.songs.span(partition),
            "lyrics": self._by_hand(partition),
            "language": self._language(partition),
        }
        return Action(self.asset, self.code_version, engine.identity(), params, inputs)

    def call(self, partition: str, action: Action) -> Call:
        """The aligner's call."""
        segment, lyrics = (self.upstream(*need) for need in self.needs(partition))
        words = self.read(lyrics, analysis.LYRICS)[analysis.LYRICS]
        _, scene = self.studio.songs.scene(partition)
        span = (scene.start_frame, scene.end_frame, scene.frame_rate)
        voice = self.local_file(segment, engine.SEGMENT)
        return Call(_aligned, (voice, words, span, self._by_hand(partition), self._language(partition)))

    def estimate_s(self, partition: str) -> float:
        """About a tenth of the scene's length."""
        return 1.0

    def _by_hand(self, partition: str) -> str:
        _, scene = self.studio.songs.scene(partition)
        return scene.lyrics if "lyrics" in scene.overridden else ""

    def _language(self, partition: str) -> str:
        return self.studio.songs.language(parse_scene_key(partition)[1])


def _aligned(voice: Path, words: bytes, span: tuple[int, int, Fraction], by_hand: str, language: str) -> Rendered:
    return engine.scene_alignment(voice, words, *span, lyrics_override=by_hand, language=language)


class LipsyncedTake(OfScene):
    """Moves the mouth of the selected take, where the scene asks for it."""

    asset = "lipsynced_take"
    pool = "lip_sync"
    code_version = "1"
    folder = "video/lipsynced_takes"
    source = film_sources.SceneTreatment

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The selected take and the scene's phonemes."""
        return [("selected_take", partition), ("scene_alignment", partition)]

    def describe(self, partition: str) -> Action:
        """The take; and where a mouth is to move, the phonemes and who moves it."""
        method, take = self._method(partition), self._selected(partition)
        inputs = {"take": take.content}
        if method != "post_process":
            params = {"method": method, "why": self._why_not(method, take)}
            return Action(self.asset, self.code_version, {"engine": "none"}, params, inputs)
        inputs["scene_alignment"] = self.upstream("scene_alignment", partition).content
        identity = {**self.studio.lip_sync("").identity(), "singing_recipe": engine.RECIPE, "jaw_exponent": SUNG_JAW}
        return Action(self.asset, self.code_version, identity, {"method": method}, inputs)

    def call(self, partition: str, action: Action) -> Call:
        """The lip-sync provider's call, or a copy."""
        take = self._selected(partition)
        clip = self.studio.takes.clip(self.studio.takes.slot(partition, take.id))
        scratch = self.studio.scratch_file(clip.suffix)
        if action.params["method"] != "post_process":
            return Call(mouth.passed_through, (clip, action.params["why"], scratch))
        alignment = self.read(self.upstream("scene_alignment", partition), engine.ALIGNMENT)[engine.ALIGNMENT]
        rig = self.store.read(f"{take.object}/{RIG}")
        sync = self.studio.lip_sync("").syncer(drawn=rig is not None)
        board, _ = self.studio.songs.scene(partition)
        return Call(mouth.lipsynced, (sync, clip, alignment, rig, board.frame_rate, scratch))

    def estimate_s(self, partition: str) -> float:
        """About the scene's length where a mouth is moved."""
        _, scene = self.studio.songs.scene(partition)
        return float(scene.n_frames / scene.frame_rate) if self._method(partition) == "post_process" else 0.1

    def _method(self, partition: str) -> str | None:
        _, scene = self.studio.songs.scene(partition)
        return scene.lip_sync_method if scene.lip_sync_enabled else None

    def _why_not(self, method: str | None, take: Take) -> str:
        """Why the take goes on as it is."""
        if method is None:
            return "the scene is not lip-synced"
        if take.origin == "added":
            return "the mouth is taken to move in the added clip"
        provider = self.studio.providers.of("video").get(take.provider)
        if provider is None or provider.capabilities(take.model).has_native_lip_sync:
            return "the provider has moved the mouth"
        return f"{take.provider} moves no mouths: set lip_sync_method to post_process"

    def _selected(self, partition: str) -> Take:
        chosen = self.read(self.upstream("selected_take", partition), SELECTION)[SELECTION]
        listed = self.read(self.upstream("scene_take", partition), TAKES)[TAKES]
        wanted, (_, takes) = selection_from_bytes(chosen)[1].take, take_list_from_bytes(listed)
        found = next((take for take in takes if take.id == wanted), None)
        if found is None:
            raise PermanentError(f"the selected take {wanted} is gone; select another one")
        return found


def _asset(
    recipe: type[OfScene], description: str, kind: str, deps: Sequence[str | dg.AssetDep]
) -> dg.AssetsDefinition:
    source = [recipe.source.asset] if recipe.source else []
    return rendered_asset(
        recipe,
        description,
        partitions_def=partitions.scenes,
        group="performance",
        owner="team:animation",
        kind=kind,
        deps=[*source, *deps],
    )


vocal_segment = _asset(
    VocalSegment, "The scene's slice of the extracted voice, sample for sample.", "flac", [of_song("vocals")]
)
scene_alignment = _asset(
    SceneAlignment,
    "When each word and phoneme is sung in the scene, in seconds from its start.",
    "json",
    ["vocal_segment", of_song("lyric_alignment")],
)
lipsynced_take = _asset(
    LipsyncedTake,
    "The selected take with its mouth moved by the phonemes, or as it is where nothing is to be moved.",
    "video",
    ["selected_take", "scene_alignment"],
)
