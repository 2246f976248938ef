"""Stage `deliverables`: the film in the formats that a song's settings name, with subtitles and poster, and timelines."""

from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from functools import partial

from audio_assets import film_sources, partitions
from audio_assets.domain.action import Action
from audio_assets.domain.edit import chapters_of
from audio_assets.domain.film_settings import Delivery
from audio_assets.domain.rendering import UpstreamError
from audio_assets.domain.scene_key import parse_scene_key
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.domain.schemas.song_analysis import sections_from_bytes
from audio_assets.domain.storyboard import Storyboard
from audio_assets.music_recipes import THE_SONG, OfSong, of_song
from audio_assets.stage import rendered_asset
from resources.engines import delivery_files as engine
from resources.engines import song_artifacts as analysis
from resources.engines.deliverables import DeliverySpec
from resources.engines.film_assembly import FILM
from resources.pool import Call

EXPORTS = "exports/films"
"""Where the newest deliverables stand under names that people give to others: `<song>/<song>-vertical.mp4`."""


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
        return [(asset, song) for asset in ("final_video", "song_audio", "sections", "lyric_alignment")]

    def describe(self, partition: str) -> Action:
        """All of it, what the settings say of this format, and whether there is a model to find faces for a crop."""
        name, song = parse_scene_key(partition)
        inputs = {asset: self.upstream(asset, key).content for asset, key in self.needs(partition)}
        board = self._board(song)
        params = {
            "format": name,
            **self.studio.songs.delivery_record(partition),
            "title": board.title,
            "scenes": [scene.start_frame for scene in board.scenes],
            "finds_faces": self.studio.model("facemesh") is not None,
        }
        return Action(self.asset, self.code_version, engine.identity(), params, inputs)

    def call(self, partition: str, action: Action) -> Call:
        """The encoder's call."""
        name, song = parse_scene_key(partition)
        wanted = Delivery(**self.studio.songs.delivery_record(partition))
        board = self._board(song)
        lyrics = self.read(self.upstream("lyric_alignment", song), analysis.LYRICS)[analysis.LYRICS]
        sections = self.read(self.upstream("sections", song), analysis.SECTIONS)[analysis.SECTIONS]
        chapters = chapters_of(sections_from_bytes(sections), board.n_frames, board.frame_rate)
        container = "webm" if name == "webm" else "mp4"
        spec = DeliverySpec(container, 0, 0, target_lufs=wanted.loudness_lufs, chapters=chapters)
        film = self.local_file(self.upstream("final_video", song), FILM)
        tune = self.file("song_audio", song, THE_SONG)
        spans = [(scene.start_frame, scene.end_frame) for scene in board.scenes]
        target = self.studio.scratch_file(f".{container}")
        deliver = partial(engine.delivered, is_burned=wanted.subtitles == "burned")
        return Call(
            deliver, (name, film, tune, lyrics, spans, spec, self.studio.model("facemesh"), board.title, target)
        )

    def publish(self, partition: str, folder: str, sidecar: Sidecar) -> None:
        """Put the newest files where people look for them, under names that tell what they are."""
        name, song = parse_scene_key(partition)
        for file, stored in sidecar.files.items():
            if file in sidecar.previews:
                continue
            suffix = file.removeprefix(name) if file.startswith(name) else f"-{file}"
            path = f"{EXPORTS}/{song}/{song}-{name}{suffix}"
            if self.store.sha256(path) != stored.sha256:
                self.store.copy(f"{folder}/{file}", path)

    def estimate_s(self, partition: str) -> float:
        """Copied pictures cost little; encoded ones about their length, VP9 three times that."""
        name, song = parse_scene_key(partition)
        board = self.studio.songs.board(song)
        duration_s = board.duration_s if board else 180.0
        return duration_s * {"mp4": 0.1, "webm": 3.0}.get(name, 1.0)

    def _board(self, song: str) -> Storyboard:
        board = self.studio.songs.board(song)
        if board is None:
            raise UpstreamError("its storyboard is not rendered")
        return board


deliverable = rendered_asset(
    Deliverable,
    "The film in one format, with poster and subtitles: `exports/films/<song>/<song>-<format>.mp4`.",
    partitions_def=partitions.deliveries,
    group="film",
    owner="team:video",
    kind="video",
    deps=["delivery_request", *(of_song(asset) for asset in ("final_video", "song_audio", "sections", "lyric_alignment"))],
)
