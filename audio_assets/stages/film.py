"""Stage `film`: selected takes become the scenes' clips, one film over the song, its deliverables and timelines."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from audio_assets import partitions
from audio_assets.domain.action import Action
from audio_assets.domain.edit import Chapter, Transition, chapters_of
from audio_assets.domain.lineage import Origin
from audio_assets.domain.rendering import INTENDED, PermanentError, Rendered, UpstreamError
from audio_assets.domain.scene_key import parse_scene_key, scene_key
from audio_assets.domain.schemas.records import Check
from audio_assets.domain.schemas.song_analysis import sections_from_bytes
from audio_assets.domain.timebase import parse_frame_rate
from audio_assets.stage import rendered_asset
from audio_assets.stages import film_sources
from audio_assets.stages.brought_files import brought
from audio_assets.stages.music_recipes import THE_SONG, OfScene, OfSong, of_song, stand_ins_shown
from resources.engines import film_assembly, scene_clips
from resources.engines import song_artifacts as analysis
from resources.engines.take_artifacts import clip_name
from resources.pool import Call

_NOT_OF_THE_CLIP = ("start_frame", "end_frame", "before", "lip_sync_method", "lip_sync_provider")
"""What a treatment says and a conformed clip does not show: where it lies, and what was done before it came here."""


class SceneClip(OfScene):
    """Fits a scene's clip into the film: its frames, size, transitions, grade."""

    asset = "scene_clip"
    code_version = "1"
    folder = "video/scene_clips"
    source = film_sources.SceneTreatment

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The clip before where a dissolve comes out of it, and the scene's own."""
        before = ""
        with suppress(PermanentError, UpstreamError):  # `describe` says it
            before = self._before(partition)
        return [("lipsynced_take", scene) for scene in (before, partition) if scene]

    def sources(self, partition: str, action: Action) -> Mapping[str, str]:
        """Both clips' objects, and the name of the grade."""
        clips = {name: self.upstream("lipsynced_take", scene).object for name, scene in self._clips(partition).items()}
        lut = self.studio.songs.settings(parse_scene_key(partition)[1]).film.lut
        return {**clips, **({"grade": lut} if action.params["grade"] else {})}

    def versions(self, partition: str, action: Action) -> Mapping[str, str]:
        """The scene's own clip: Dagster follows an edge to the same scene only, a plan both."""
        own = self.upstream("lipsynced_take", partition).content
        return {**super().versions(partition, action), "lipsynced_take": own}

    def describe(self, partition: str) -> Action:
        """The clip, how it goes into the film, and the clip before where a dissolve comes out of it."""
        treatment = self.studio.songs.treatment(partition)
        clips = self._clips(partition).items()
        inputs = {name: self.upstream("lipsynced_take", scene).content for name, scene in clips}
        params = {name: value for name, value in treatment.items() if name not in _NOT_OF_THE_CLIP}
        params["n_frames"] = treatment["end_frame"] - treatment["start_frame"]
        return Action(self.asset, self.code_version, self.identity(), params, inputs)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The call that conforms it."""
        said, song = action.params, parse_scene_key(partition)[1]
        width, height = map(int, said["size"].split("x"))
        grade = None
        if said["grade"]:
            grade = brought(self.studio, sources.get("grade", "the grade"), said["grade"], song=song).read_bytes()
        spec = scene_clips.ConformSpec(
            width, height, parse_frame_rate(said["frame_rate"]), said["n_frames"], Transition(**said["transition_in"]),
            Transition(**said["transition_out"]), said["before_n_frames"], said["fit"], grade,
        )  # fmt: skip
        clips = (self._clip(sources["clip"]), self._clip(sources["clip before"]) if "clip before" in sources else None)
        return Call(scene_clips.conform_clip, (*clips, spec, self.studio.scratch_file(".mp4")))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """Who conforms clips."""
        return scene_clips.identity()

    def origins(self, partition: str) -> Iterator[Origin]:
        """What the song's settings say of size, joins and grade."""
        song, book = parse_scene_key(partition)[1], self.studio.songs
        treatment = book.treatment(partition)
        kinds = [treatment[name]["kind"] for name in ("transition_in", "transition_out")]
        found = book.settings_origin(song, "[film]", f"{treatment['fit']}, {' to '.join(kinds)}")
        if found is not None:
            yield found
        if treatment["grade"]:
            yield Origin("grade", book.settings(song).film.lut, sha256=treatment["grade"])

    def _clips(self, partition: str) -> dict[str, str]:
        """The scenes whose clips go in, by what they are here."""
        before = self._before(partition)
        return {"clip": partition, **({"clip before": before} if before else {})}

    def _before(self, partition: str) -> str:
        """The scene that a dissolve comes out of, "" where there is none."""
        _, scene = self.studio.songs.scene(partition)
        song = parse_scene_key(partition)[1]
        before = self.studio.songs.edits(song)[scene.order - 1].before_id
        return scene_key(before, song) if before else ""

    def _clip(self, folder: str) -> Path:
        return self.local_file(folder, clip_name(self.sidecar(folder).files))


class FinalVideo(OfSong):
    """Joins the scenes' clips over the song."""

    asset = "final_video"
    code_version = "1"
    folder = "video/films"
    gathers = ("scene_clip",)

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """Every scene's clip, the song, and its sections for the chapters."""
        scenes = [("scene_clip", scene) for scene in self.scenes(partition)]
        return [*scenes, ("song_audio", partition), ("sections", partition)]

    def describe(self, partition: str) -> Action:
        """The clips in order, the song, the chapters."""
        clips = [
            {"line": parse_scene_key(s)[0], "clip": self.upstream("scene_clip", s).content}
            for s in self._scenes(partition)
        ]
        inputs = {"song_audio": self.upstream("song_audio", partition).content}
        board = self.studio.songs.ready_board(partition)
        params = {
            "clips": clips,
            "frame_rate": str(board.frame_rate),
            "n_frames": board.n_frames,
            "chapters": [asdict(chapter) for chapter in self._chapters(partition)],
        }
        stand_ins = self._stand_ins(partition)
        if stand_ins:
            params["stand_ins"] = stand_ins
        return Action(self.asset, self.code_version, self.identity(), params, inputs)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The call that joins them."""
        said = action.params
        names = [row["line"] for row in said["clips"]]
        clips = [self.local_file(sources[f"scene_clip {name}"], scene_clips.CLIP) for name in names]
        song = self.file(sources["song_audio"], THE_SONG)
        rate, chapters = parse_frame_rate(said["frame_rate"]), tuple(Chapter(**one) for one in said["chapters"])
        arguments = (clips, song, self.studio.scratch_file(".mp4"), rate, said["n_frames"])
        return Call(_assembled, (*arguments, chapters, names, said.get("stand_ins", {})))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """Who joins films."""
        return film_assembly.identity()

    def estimate_s(self, partition: str) -> float:
        """Copying, and decoding the song twice to verify it."""
        return 5.0

    def _scenes(self, partition: str) -> list[str]:
        self.studio.songs.ready_board(partition)
        return self.scenes(partition)

    def _stand_ins(self, partition: str) -> dict[str, list[str]]:
        """Whom the makers of a scene stand in for, by the scenes of which a stand-in's work is shown."""
        found = {parse_scene_key(scene)[0]: stand_ins_shown(self, scene) for scene in self._scenes(partition)}
        return {scene: [one.provider for one in told] for scene, told in found.items() if told}

    def _chapters(self, partition: str) -> tuple[Chapter, ...]:
        board = self.studio.songs.ready_board(partition)
        sections = self.read_one(self.upstream("sections", partition).object, analysis.SECTIONS)
        return chapters_of(sections_from_bytes(sections), board.n_frames, board.frame_rate)


def _assembled(
    clips: Sequence[Path],
    song: Path,
    target: Path,
    rate: Fraction,
    n_frames: int,
    chapters: Sequence[Chapter],
    names: Sequence[str],
    stand_ins: Mapping[str, Sequence[str]],
) -> Rendered:
    film = film_assembly.assemble(
        clips, song, target, frame_rate=rate, n_frames=n_frames, chapters=chapters, names=names
    )
    told = [f"{scene} is a stand-in's, for {' and '.join(providers)}" for scene, providers in stand_ins.items()]
    facts = {"stand_ins": ", ".join(stand_ins)} if stand_ins else {}
    check = Check(INTENDED, not told, "; ".join(told) or "no stand-in")
    return replace(film, facts={**film.facts, **facts}, checks=(*film.checks, check))


scene_clip = rendered_asset(
    SceneClip,
    "The scene's clip as the film needs it: its frames, size, transitions and grade; copied where nothing changes.",
    partitions_def=partitions.scenes,
    group="film",
    kind="video",
    deps=["lipsynced_take"],
)

final_video = rendered_asset(
    FinalVideo,
    "All scenes in order over the untouched song, joined without encoding again.",
    partitions_def=partitions.songs,
    group="film",
    kind="video",
    deps=["song_audio", "sections", of_song("scene_clip")],
)
