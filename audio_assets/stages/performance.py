"""Stage `performance`: a scene's part of the voice, its phonemes, and the mouth of the selected take moved by them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from audio_assets import ordering, partitions
from audio_assets.books.providerbook import named_first
from audio_assets.domain.action import Action
from audio_assets.domain.budget import Order
from audio_assets.domain.lineage import Origin
from audio_assets.domain.music.sung_mouth import SUNG_JAW
from audio_assets.domain.rendering import PermanentError, Rendered, UpstreamError
from audio_assets.domain.scene_key import parse_scene_key, scene_key
from audio_assets.domain.take_list import Take
from audio_assets.domain.timebase import parse_frame_rate
from audio_assets.recipe import StandIn
from audio_assets.stage import rendered_asset
from audio_assets.stages import film_sources
from audio_assets.stages.music_recipes import OfScene, of_song, selected_take
from audio_assets.studio import Studio
from resources.engines import heard_clip
from resources.engines import lipsynced_take as mouth
from resources.engines import scene_singing as engine
from resources.engines import song_artifacts as analysis
from resources.engines.take_artifacts import RIG, clip_name
from resources.ledger import Ledger
from resources.lip_sync import LipSyncProvider
from resources.ordered import Remote, ordered
from resources.pool import Call
from resources.video_files import VideoFileError, probe_video

_OF_DRAWN = "mouth_warp"
"""Who changes the mouths of drawn characters."""

_MOST_MISSING_S = (
    1.0  # of what was ordered: it may be paid, and the clip's own end with a failed check is more than none
)


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
        return Action(self.asset, self.code_version, self.identity(), span, inputs)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The cutter's call."""
        vocals = self.local_file(sources["vocals"], analysis.VOCALS)
        return Call(engine.vocal_segment, (vocals, *_span(action), self.studio.scratch_file(".flac")))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """The cutter."""
        return analysis.analysers()


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
        return Action(self.asset, self.code_version, self.identity(), params, inputs)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The aligner's call."""
        words = self.read_one(sources["lyric_alignment"], analysis.LYRICS)
        voice = self.local_file(sources["vocal_segment"], engine.SEGMENT)
        said = action.params
        return Call(_aligned, (voice, words, _span(action), said["lyrics"], said["language"]))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """The aligner."""
        return engine.identity()

    def estimate_s(self, partition: str) -> float:
        """About a tenth of the scene's length."""
        return 1.0

    def _by_hand(self, partition: str) -> str:
        _, scene = self.studio.songs.scene(partition)
        return scene.lyrics if "lyrics" in scene.overridden else ""

    def _language(self, partition: str) -> str:
        return self.studio.songs.language(parse_scene_key(partition)[1])


def _span(action: Action) -> tuple[int, int, Fraction]:
    """The frames of the scene in its song, from and up to, and how many there are in a second."""
    said = action.params
    return said["start_frame"], said["end_frame"], parse_frame_rate(said["frame_rate"])


def _aligned(voice: Path, words: bytes, span: tuple[int, int, Fraction], by_hand: str, language: str) -> Rendered:
    return engine.scene_alignment(voice, words, *span, lyrics_override=by_hand, language=language)


class LipsyncedTake(OfScene):
    """Moves the mouth of the selected take, where the scene asks for it.

    A provider follows our phonemes, or listens to the scene's voice. A drawn character's mouth is drawn anew from its
    rig by the engine that can, whoever the settings name: the others look for a filmed face.
    """

    asset = "lipsynced_take"
    pool = "lip_sync"
    code_version = "1"
    folder = "video/lipsynced_takes"
    source = film_sources.SceneTreatment
    sometimes = ("vocal_segment",)

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The selected take and the scene's phonemes; and its voice, where the song's provider listens."""
        found = [("selected_take", partition), ("scene_alignment", partition)]
        with suppress(PermanentError):  # `describe` says it
            if self._method(partition) == "post_process" and self._provider(partition).is_driven_by == "audio":
                found.append(("vocal_segment", partition))
        return found

    def sources(self, partition: str, action: Action) -> Mapping[str, str]:
        """What it needs, what a stand-in listens to, and the selected take itself."""
        heard = {name: self.upstream(name, partition).object for name in action.inputs if name == "vocal_segment"}
        return {**super().sources(partition, action), **heard, "take": self._selected(partition).object}

    def describe(self, partition: str) -> Action:
        """The take; and where a mouth is to move, what it follows and who moves it."""
        take = self._selected(partition)
        return self._action(partition, take, self._mover(partition, take))

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The lip-sync provider's call, the order, or a copy."""
        take = sources["take"]
        clip = self.local_file(take, clip_name(self.sidecar(take).files))
        if "why" in action.params:
            return Call(mouth.passed_through, (clip, action.params["why"], self.studio.scratch_file(clip.suffix)))
        aligned, mover = sources["scene_alignment"], self._mover_of(partition, action)
        alignment = self.read_one(aligned, engine.ALIGNMENT)
        rate = parse_frame_rate(self.sidecar(aligned).action["params"]["frame_rate"])
        if mover.is_driven_by == "mouth":
            rig = self.store.read(f"{take}/{RIG}")
            sync = mover.syncer(drawn=rig is not None)
            return Call(mouth.lipsynced, (sync, clip, alignment, rig, rate, self.studio.scratch_file(clip.suffix)))
        segment = self.local_file(sources["vocal_segment"], engine.SEGMENT)
        given = (clip, segment, alignment, rate, self.studio.model("facemesh"))
        scratch, remote = self.studio.scratch_file(".mp4"), self._remote(mover)
        if remote is None:
            return Call(heard_clip.heard_take, (mover.audio_syncer(), mover.name, *given, scratch))
        scene, song = parse_scene_key(partition)
        order = ordering.order(
            self.studio, remote, action, song, mover.request(probe_video(clip).duration_s), scene=scene,
            cap_usd=self.studio.songs.settings(song).budget_cap_usd, seconds=self._billed_s(mover, clip),
        )  # fmt: skip
        return Call(_ordered, (self.studio.ledger, remote, order, *given, scratch), remote.lane)

    def made_by(self, partition: str, action: Action, sources: Mapping[str, str]) -> Mapping[str, Any]:
        """Whoever moves the mouth, nobody where none was moved."""
        return action.provider if "why" in action.params else self._identity(self._mover_of(partition, action))

    def origins(self, partition: str) -> Iterator[Origin]:
        """What the song's settings say of mouths."""
        method = self._method(partition)
        said = f"lip_sync_method {method}" if method else "the scene is not lip-synced"
        found = self.studio.songs.settings_origin(parse_scene_key(partition)[1], "lip sync", said)
        if found is not None:
            yield found

    def stand_in(self, partition: str, action: Action) -> StandIn | None:
        """The lip-sync provider that the song, or the studio, names for that."""
        take, song = self._selected(partition), parse_scene_key(partition)[1]
        name = self.studio.songs.settings(song).lip_sync_fallback or self.studio.providers.fallback("lip_sync")
        wanted = self._mover(partition, take)
        if not name or action.params["method"] != "post_process":
            return None
        instead = self._mover(partition, take, name)
        if instead.name == wanted.name:
            return None
        described = self._action(partition, take, instead, stands_in_for=wanted.name)
        return StandIn(instead.name, described)

    def remote(self, partition: str) -> Remote | None:
        """Where the mouth is ordered."""
        mover = self._mover(partition, self._selected(partition))
        return None if mover.is_driven_by == "mouth" else self._remote(mover)

    def estimate_s(self, partition: str) -> float:
        """About the scene's length where a mouth is moved."""
        return self._seconds(partition) if self._method(partition) == "post_process" else 0.1

    def estimate_usd(self, partition: str) -> float:
        """The price of a mouth that is ordered: of the take's whole clip, of the scene where no take is selected."""
        if self._method(partition) != "post_process":
            return 0.0
        try:
            take = self._selected(partition)
            mover = self._mover(partition, take)
            seconds = self._billed_s(mover, self._clip(partition, take))
        except (PermanentError, UpstreamError, VideoFileError):
            mover, seconds = self._provider(partition), self._seconds(partition)
        if mover.is_driven_by == "mouth":
            return 0.0
        return ordering.estimate_usd(self.studio, lambda: self._remote(mover), seconds=seconds)

    def is_free(self, partition: str) -> bool:
        """Whether the scene's mouth is known to cost nothing, whatever take is selected.

        Raises:
            PermanentError: it is not known who moves it, or what he asks for it.
        """
        provider = self._provider(partition)
        if self._method(partition) != "post_process" or provider.is_driven_by == "mouth":
            return True
        remote = provider.remote(self.studio.kept_answers)
        return remote is None or self.studio.price(remote.provider, remote.model).usd == 0

    # who moves the mouth, and what is asked of him

    def _provider(self, partition: str, name: str = "") -> LipSyncProvider:
        """The provider of a name, or whom the song's settings name, or the studio's."""
        song = parse_scene_key(partition)[1]
        return self.studio.lip_sync(name or self.studio.songs.settings(song).lip_sync_provider)

    def _mover(self, partition: str, take: Take, name: str = "") -> LipSyncProvider:
        """Who moves the mouth of a take."""
        found = self._provider(partition, name)
        if found.is_driven_by == "mouth" or not self._is_drawn(take):
            return found
        return self.studio.lip_sync(_OF_DRAWN)

    def _is_drawn(self, take: Take) -> bool:
        made = self.store.find(take.object)
        return made is not None and RIG in made.files

    def _remote(self, mover: LipSyncProvider) -> Remote | None:
        """Where a provider that listens is asked, None for one on this machine.

        Raises:
            Unavailable: it can not be asked, or is not set up here.
        """
        remote = mover.remote(self.studio.kept_answers)
        if remote is None:
            mover.audio_syncer()
        return remote

    def _action(self, partition: str, take: Take, mover: LipSyncProvider, **more: str) -> Action:
        method, inputs = self._method(partition), {"take": take.content}
        if method != "post_process":
            params = {"method": method, "why": self._why_not(method, take)}
            return Action(self.asset, self.code_version, {"engine": "none"}, params, inputs)
        if mover.is_driven_by == "mouth":
            inputs["scene_alignment"] = self.upstream("scene_alignment", partition).content
            return Action(self.asset, self.code_version, self._identity(mover), {"method": method, **more}, inputs)
        segment = self.upstream("vocal_segment", partition)
        if not self._is_sung(partition):
            params = {"method": method, "why": "nothing is sung in this scene"}
            return Action(self.asset, self.code_version, {"engine": "none"}, params, inputs)
        inputs["vocal_segment"] = segment.content
        return Action(self.asset, self.code_version, self._identity(mover), {"method": method, **more}, inputs)

    @staticmethod
    def _identity(mover: LipSyncProvider) -> Mapping[str, Any]:
        """A provider with our part of the work."""
        if mover.is_driven_by == "mouth":
            return {**mover.identity(), "singing_recipe": engine.RECIPE, "jaw_exponent": SUNG_JAW}
        return {**mover.identity(), "hearing_recipe": heard_clip.RECIPE}

    def _mover_of(self, partition: str, action: Action) -> LipSyncProvider:
        """Who moves the mouth of an action: of several that are alike, the one that the song's settings name.

        Raises:
            PermanentError: nobody of that kind is here any more.
        """
        alike = self.studio.providers.alike("lip_sync", action.provider, lambda one, _: self._identity(one))
        names = [name for name, _ in alike]
        if not names:
            raise PermanentError(f"{action.provider.get('engine')} moved the mouth, and is not here any more")
        return self.studio.lip_sync(named_first(names, lambda: [self._provider(partition).name]))

    def _is_sung(self, partition: str) -> bool:
        """Whether there is anything to listen to: sound, and words where the song's are known."""
        segment, words = (
            self.sidecar(self.upstream(asset, partition).object) for asset in ("vocal_segment", "scene_alignment")
        )
        has_lyrics = self.studio.songs.lyrics(parse_scene_key(partition)[1]) is not None
        return segment.facts["sounding_share"] > 0 and (words.facts["n_words"] > 0 or not has_lyrics)

    def _billed_s(self, mover: LipSyncProvider, clip: Path) -> float:
        info = probe_video(clip)
        return mover.billed_s(info.n_frames, info.duration_s)

    def _clip(self, partition: str, take: Take) -> Path:
        return self.studio.takes.clip(self.studio.takes.slot(partition, take.id))

    def _seconds(self, partition: str) -> float:
        _, scene = self.studio.songs.scene(partition)
        return float(scene.n_frames / scene.frame_rate)

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
        return selected_take(self, partition)


def _ordered(
    ledger: Ledger,
    remote: Remote,
    order: Order,
    clip: Path,
    segment: Path,
    alignment: bytes,
    frame_rate: Fraction,
    models: Path | None,
    scratch: Path,
) -> Rendered:
    """Order a mouth, or go on with the order; what came is brought to the clip's frames."""
    with heard_clip.material(clip, segment, frame_rate, scratch) as given:

        def check(came: Path) -> None:
            heard_clip.check_result(came, given.info, most_missing_s=_MOST_MISSING_S)

        def make(came: Path) -> Rendered:
            target = came.with_name(f"{came.stem}.taken.mp4")
            done = heard_clip.taken(given.video, came, target, most_missing_s=_MOST_MISSING_S)
            return heard_clip.finished(remote.provider, given, done, alignment, models, target)

        return ordered(ledger, remote, order, {"video": given.video, "audio": given.voice}, scratch, make, check)


def lip_sync_is_free(studio: Studio, song: str) -> bool:
    """Whether the mouths of a song are known to cost nothing."""
    board, recipe = studio.songs.board(song), LipsyncedTake(studio)
    scenes = [scene_key(scene.id, song) for scene in board.scenes] if board else []
    try:
        return all(recipe.is_free(scene) for scene in scenes)
    except PermanentError:
        return False


_asset = partial(rendered_asset, partitions_def=partitions.scenes, group="performance")

vocal_segment = _asset(
    VocalSegment,
    "The scene's slice of the extracted voice, sample for sample.",
    kind="flac",
    deps=[of_song("vocals")],
)
scene_alignment = _asset(
    SceneAlignment,
    "When each word and phoneme is sung in the scene, in seconds from its start.",
    deps=["vocal_segment", of_song("lyric_alignment")],
)
lipsynced_take = _asset(
    LipsyncedTake,
    "The selected take with its mouth moved by phonemes or voice, or as it is where nothing is to be moved.",
    kind="video",
    deps=["selected_take", "scene_alignment", "vocal_segment"],
)
