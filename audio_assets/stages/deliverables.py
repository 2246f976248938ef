"""Stage `deliverables`: the film in the formats that a song's settings name, with subtitles, and its timelines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from audio_assets import partitions
from audio_assets.domain.action import Action
from audio_assets.domain.edit import Edit, chapters_of
from audio_assets.domain.film_settings import DELIVERIES
from audio_assets.domain.lineage import Origin
from audio_assets.domain.rendering import UpstreamError
from audio_assets.domain.scene_key import parse_scene_key
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.domain.schemas.song_analysis import beat_grid_from_bytes, sections_from_bytes
from audio_assets.domain.schemas.takes import take_list_from_bytes
from audio_assets.domain.take_list import Take
from audio_assets.domain.timebase import parse_frame_rate
from audio_assets.domain.timeline_plan import Film, Join, SongMedia, TimelineClip, TimelineScene
from audio_assets.stage import rendered_asset
from audio_assets.stages import film_sources
from audio_assets.stages.music_recipes import THE_SONG, OfSong, of_song
from resources.engines import delivery_files as engine
from resources.engines import song_artifacts as analysis
from resources.engines.deliverables import DeliverySpec
from resources.engines.film_assembly import FILM
from resources.engines.take_artifacts import clip_name
from resources.engines.take_records import TAKES
from resources.engines.timeline_files import otio_version, timeline_files
from resources.film_files import Container
from resources.pool import Call

_TO_THE_STORE = "../../../"  # from `exports/timelines/<action key>/`, where a timeline's files are
_OF_SONG = ("final_video", "song_audio", "sections", "lyric_alignment")
EXPORTS = "exports/films"
"""Where the newest deliverables stand under names that people give to others: `<song>/<song>-vertical.mp4`."""


def exports(partition: str, sidecar: Sidecar) -> dict[str, str]:
    """Where the files of a deliverable stand for people, by their names in its object; the film itself is the first."""
    name, song = parse_scene_key(partition)
    films = (".mp4", ".webm")
    files = sorted(set(sidecar.files) - set(sidecar.previews), key=lambda file: (not file.endswith(films), file))
    beside = {file: file.removeprefix(name) if file.startswith(name) else f"-{file}" for file in files}
    return {file: f"{EXPORTS}/{song}/{song}-{name}{suffix}" for file, suffix in beside.items()}


class Deliverable(OfSong):
    """Makes one format of the film."""

    asset = "deliverable"
    code_version = "1"
    folder = "exports/video"
    source = film_sources.DeliveryRequest

    def partitions(self) -> Sequence[str]:
        """Every format that a song's settings name."""
        return self.studio.songs.delivery_partitions()

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """Film, song, sections for chapters, and lyrics for subtitles."""
        song = parse_scene_key(partition)[1]
        return [(asset, song) for asset in _OF_SONG]

    def describe(self, partition: str) -> Action:
        """All of it, what the settings say of this format, and whether there is a model to find faces for a crop."""
        name, song = parse_scene_key(partition)
        inputs = {asset: self.upstream(asset, key).content for asset, key in self.needs(partition)}
        board = self.studio.songs.ready_board(song)
        params = {
            "format": name,
            **self.studio.songs.delivery_record(partition),
            "title": board.title,
            "scenes": [scene.start_frame for scene in board.scenes],
        }
        has_faces = self.studio.model("facemesh") is not None
        return Action(self.asset, self.code_version, engine.identity(has_faces=has_faces), params, inputs)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The encoder's call; how long the film is, the film itself knows."""
        said, film = action.params, sources["final_video"]
        made = self.sidecar(film).action["params"]
        n_frames, rate = made["n_frames"], parse_frame_rate(made["frame_rate"])
        lyrics = self.read_one(sources["lyric_alignment"], analysis.LYRICS)
        sections = self.read_one(sources["sections"], analysis.SECTIONS)
        chapters = chapters_of(sections_from_bytes(sections), n_frames, rate)
        container: Container = "webm" if said["format"] == "webm" else "mp4"
        spec = DeliverySpec(container, 0, 0, target_lufs=said["loudness_lufs"], chapters=chapters)
        clip, tune = self.local_file(film, FILM), self.file(sources["song_audio"], THE_SONG)
        spans = list(pairwise([*said["scenes"], n_frames]))
        faces = self.studio.model("facemesh") if action.provider.get("faces") else None
        deliver = partial(engine.delivered, is_burned=said["subtitles"] == "burned")
        target = self.studio.scratch_file(f".{container}")
        return Call(deliver, (said["format"], clip, tune, lyrics, spans, spec, faces, said["title"], target))

    def made_by(self, partition: str, action: Action, sources: Mapping[str, str]) -> Mapping[str, Any]:
        """Encoders; and who finds faces, where that is here and was."""
        has_faces = bool(action.provider.get("faces")) and self.studio.model("facemesh") is not None
        return engine.identity(has_faces=has_faces)

    def origins(self, partition: str) -> Iterator[Origin]:
        """What the song's settings say of the format."""
        name, song = parse_scene_key(partition)
        found = self.studio.songs.settings_origin(song, f"[deliverables.{name}]")
        return iter(()) if found is None else iter((found,))

    def publish(self, partition: str, folder: str, sidecar: Sidecar) -> None:
        """Put the newest files where people look for them, under names that tell what they are."""
        for file, path in exports(partition, sidecar).items():
            if not self.store.holds(path, sidecar.files[file]):
                self.store.duplicate(f"{folder}/{file}", path)

    def copies(self, partition: str, sidecar: Sidecar) -> Mapping[str | Path, str]:
        """The files that people look for."""
        return {path: file for file, path in exports(partition, sidecar).items()}

    def unfinished(self, partition: str, *, retry_failed: bool) -> str:
        """A file that people look for and do not find."""
        ref = self.refs.get(partition)
        sidecar = self.store.find(ref.object) if ref else None
        paths = exports(partition, sidecar) if sidecar else {}
        gone = [path for file, path in paths.items() if sidecar and self.store.size(path) != sidecar.files[file].size]
        return f"{gone[0]} is gone" if gone else ""

    def left_behind(self) -> Iterator[str]:
        """The files of songs that are registered no more, and of formats that a song's settings name no more."""
        book = self.studio.songs
        gone = {song: [name for name in DELIVERIES if name not in book.settings(song).film.deliverables]
                for song in book.records}  # fmt: skip
        for path in self.store.list(EXPORTS):
            song, _, name = path.removeprefix(f"{EXPORTS}/").partition("/")
            starts = tuple(f"{song}-{form}{mark}" for form in gone.get(song, ()) for mark in ".-")
            if song not in gone or name.startswith(starts):
                yield path

    def estimate_s(self, partition: str) -> float:
        """Copied pictures cost little; encoded ones about their length, VP9 three times that."""
        name, song = parse_scene_key(partition)
        board = self.studio.songs.board(song)
        duration_s = board.duration_s if board else 180.0
        return duration_s * {"mp4": 0.1, "webm": 3.0}.get(name, 1.0)


class Timeline(OfSong):
    """Writes the film as editors exchange it, with the takes as media.

    Media stand in the files as seen from where these lie, so that a data root may be moved, or be mounted elsewhere.
    """

    asset = "timeline"
    code_version = "2"
    folder = "exports/timelines"
    gathers = ("scene_take", "lipsynced_take")

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The clip and the takes of every scene, the song, its beats and sections."""
        scenes = [(asset, scene) for scene in self.scenes(partition) for asset in self.gathers]
        return [*scenes, *((asset, partition) for asset in ("song_audio", "beat_grid", "sections"))]

    def describe(self, partition: str) -> Action:
        """The scenes with their takes and joins, where the media lie, and what is marked."""
        inputs = {a: self.upstream(a, partition).content for a in ("song_audio", "beat_grid", "sections")}
        board, clips = self.studio.songs.ready_board(partition), self._clips(partition)
        params = {
            "media": [{"line": scene, **asdict(clip)} for scene, clip in clips.items()],
            "song": asdict(self._song(partition)),
            "scenes": [[scene.id, scene.start_frame, scene.end_frame] for scene in board.scenes],
            "joins": {scene: asdict(join) for scene, join in self._joins(partition).items()},
            "size": board.size,
            "frame_rate": str(board.frame_rate),
            "title": board.title,
        }
        return Action(self.asset, self.code_version, self.identity(), params, inputs)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The writer's call."""
        said = action.params
        grid = beat_grid_from_bytes(self.read_one(sources["beat_grid"], analysis.BEAT_GRID))
        sections = sections_from_bytes(self.read_one(sources["sections"], analysis.SECTIONS))
        scenes = tuple(TimelineScene(*scene) for scene in said["scenes"])
        film = Film(said["title"], said["size"], parse_frame_rate(said["frame_rate"]), scenes)
        clips = {row["line"]: TimelineClip(**{k: v for k, v in row.items() if k != "line"}) for row in said["media"]}
        joins = {scene: Join(**join) for scene, join in said["joins"].items()}
        return Call(timeline_files, (film, clips, SongMedia(**said["song"]), grid, sections, joins))

    @staticmethod
    def identity() -> Mapping[str, str]:
        """Who writes."""
        return {"engine": "timelines", "otio": otio_version()}

    def _clips(self, partition: str) -> dict[str, TimelineClip]:
        found = {}
        for scene in self.scenes(partition):
            ref = self.upstream("lipsynced_take", scene)
            sidecar = self.sidecar(ref.object)
            media = self._where(ref.object, clip_name(sidecar.files))
            take = self._take(scene, sidecar)
            clip = TimelineClip(media, sidecar.facts["n_frames"], take.id, take.prompt)
            found[parse_scene_key(scene)[0]] = clip
        return found

    def _take(self, scene: str, clip: Sidecar) -> Take:
        """The take that a clip was made of, with the prompt of its own: today's may be another one."""
        listed = self.read_one(self.upstream("scene_take", scene).object, TAKES)
        content = clip.action["inputs"]["take"]
        found = next((take for take in take_list_from_bytes(listed)[1] if take.content == content), None)
        if found is None:
            raise UpstreamError(f"the take that the clip of {scene} was made of is not in its list any more")
        return found

    def _song(self, partition: str) -> SongMedia:
        ref = self.upstream("song_audio", partition)
        sidecar = self.sidecar(ref.object)
        facts = sidecar.facts
        media = self._where(ref.object, analysis.song_file_name(sidecar.files))
        return SongMedia(media, facts["sample_rate_hz"], facts["n_samples"], facts["n_channels"])

    def _joins(self, partition: str) -> dict[str, Join]:
        edits = self.studio.songs.edits(partition)
        before = [None, *edits[:-1]]
        joins = {edit.id: _join(one, edit) for one, edit in zip(before, edits, strict=True)}
        return {scene: join for scene, join in joins.items() if join.kind != "cut"}

    def _where(self, folder: str, name: str) -> str:
        """Where an editor finds a file, from the folder of the timeline's object."""
        return f"{_TO_THE_STORE}{folder}/{name}"


def _join(before: Edit | None, edit: Edit) -> Join:
    """How a scene meets the one before it: a dissolve lies behind the cut, a dip on both sides of it."""
    falling = before.transition_out.n_frames if before else 0
    return Join(edit.transition_in.kind, falling, edit.transition_in.n_frames)


deliverable = rendered_asset(
    Deliverable,
    "The film in one format, with poster and subtitles: `exports/films/<song>/<song>-<format>.mp4`.",
    partitions_def=partitions.deliveries,
    group="film",
    kind="video",
    deps=[of_song(asset) for asset in ("final_video", "song_audio", "sections", "lyric_alignment")],
)

timeline = rendered_asset(
    Timeline,
    "The film as OpenTimelineIO, FCPXML and EDL, with markers for beats and sections.",
    partitions_def=partitions.songs,
    group="film",
    kind="json",
    deps=["song_audio", "beat_grid", "sections", *(of_song(asset) for asset in Timeline.gathers)],
)
