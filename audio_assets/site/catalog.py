"""What the registered songs, their scenes and remixes are called, for the index and the pages of the artifact server.

Read from the records of songs and the current storyboards. A record that is damaged costs its song a title, no more:
who analyses it again is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from audio_assets.domain.scene_key import SEPARATOR, scene_key, song_of
from audio_assets.domain.schemas.records import RecordError, Ref, read_record
from audio_assets.domain.schemas.song import SongRecord
from audio_assets.domain.schemas.storyboard import from_bytes
from audio_assets.domain.song_settings import parse_song_settings
from audio_assets.domain.storyboard import Scene, Storyboard
from resources.store import ArtifactStore

SONG_STAGES = (
    "song_audio", "spectral_features", "beat_grid", "onsets", "energy_curve", "vocals", "lyric_alignment", "sections",
    "storyboard",
)  # fmt: skip
"""The assets whose partitions are songs, in the order of the graph."""

SCENE, REMIX, DELIVERABLE = "scene_prompt", "music_remix", "deliverable"
MUSIC_STAGES = (*SONG_STAGES, SCENE, REMIX)

FILM_STAGES = (
    "scene_take", "take_quality", "take_review", "selected_take", "contact_sheet", "vocal_segment", "scene_alignment",
    "lipsynced_take", "scene_clip", "final_video", "timeline", DELIVERABLE, "cost_report",
)  # fmt: skip
"""What becomes of the scenes, in the order of the graph."""

FILM_OF_SONG = ("contact_sheet", "final_video", "timeline", "cost_report")
"""Those of them whose partitions are songs."""

OF_SCENE = (SCENE, *(asset for asset in FILM_STAGES if asset not in (*FILM_OF_SONG, DELIVERABLE)))
"""The assets whose partitions are scenes."""

PARTS = ("take", "take_measure")
"""What the store keeps refs of, but is no asset: single takes, which a scene's list of takes shows."""

_STORYBOARD = "storyboard.json"


@dataclass(frozen=True, slots=True)
class Said:
    """How a partition is presented: what is said in it, and who says it. Of a song its title and artist."""

    text: str
    character: str


@dataclass(frozen=True, slots=True)
class SongTitle:
    """What a song is called: its title and artist as the settings beside it say, else its file's name.

    `language` is a tag such as "en", "" where nothing is said; `deliveries` are the formats its film is wanted in.
    """

    song: str
    title: str
    artist: str
    language: str = ""
    deliveries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """The registered songs by slug, the current storyboard of each that has one, the registered remixes and what to
    call them.
    """  # noqa: D205

    songs: Mapping[str, SongTitle] = field(default_factory=dict)
    boards: Mapping[str, Storyboard] = field(default_factory=dict)
    remixes: Mapping[str, Said] = field(default_factory=dict)

    def said(self) -> dict[str, Said]:
        """What to call every song, scene, remix and format of a film, by partition."""
        songs = {name: Said(song.title, song.artist) for name, song in self.songs.items()}
        scenes = {
            scene_key(scene.id, name): Said(scene_words(scene), type_name(scene))
            for name, board in self.boards.items()
            for scene in board.scenes
        }
        films = {key: Said(self.songs[song_of(key)].title, key.partition(SEPARATOR)[0]) for key in self.formats()}
        return {**self.remixes, **songs, **films, **scenes}

    def formats(self) -> frozenset[str]:
        """The partitions of every format that a song's film is wanted in."""
        return frozenset(scene_key(name, song.song) for song in self.songs.values() for name in song.deliveries)

    def scenes(self) -> frozenset[str]:
        """The partitions of every scene of today."""
        return frozenset(scene_key(scene.id, name) for name, board in self.boards.items() for scene in board.scenes)


def read_catalog(store: ArtifactStore) -> Catalog:
    """Read what is registered now."""
    songs = {name: _title(name, data) for name, data in sorted(store.read_all("songs"))}
    refs = store.refs("storyboard").all() if songs else {}
    boards = {name: current_board(store, refs[name]) for name in songs if name in refs}
    found = {name: board for name, board in boards.items() if board is not None}
    remixes = {name: _remix(data, songs) for name, data in store.read_all("remixes")}
    return Catalog(songs, found, remixes)


def current_board(store: ArtifactStore, ref: Ref) -> Storyboard | None:
    """Return the storyboard that `ref` points at, None where it is gone or damaged."""
    data = store.read(f"{ref.object}/{_STORYBOARD}")
    return parsed_board(data) if data else None


def type_name(scene: Scene) -> str:
    """Return "performance" or "b-roll"."""
    return "b-roll" if scene.scene_type == "broll" else scene.scene_type


def scene_words(scene: Scene) -> str:
    """Return a scene in a few words: its lyrics, else where it stands and how it feels."""
    return scene.lyrics.replace("\n", " / ") or ", ".join(word for word in (scene.section, scene.mood) if word)


@lru_cache(maxsize=1024)
def _title(song: str, data: bytes) -> SongTitle:
    try:
        record = SongRecord.from_bytes(data)
    except RecordError:
        return SongTitle(song, song, "")
    file_name = record.name.rpartition("/")[2].rpartition(".")[0]
    try:
        settings = parse_song_settings(record.settings.encode(), record.settings_path)
    except ValueError:
        return SongTitle(song, file_name or song, "")
    title = settings.title or file_name or song
    return SongTitle(song, title, settings.artist, settings.language, tuple(settings.film.deliverables))


def _remix(data: bytes, songs: Mapping[str, SongTitle]) -> Said:
    """What a remix is for, in which style, and of what."""
    try:
        request = read_record(data, "remix_request.1")["request"]
        scene, style, track = (str(request.get(name) or "") for name in ("scene_id", "target_style", "source_track"))
    except (RecordError, KeyError, AttributeError):
        return Said("", "")
    return Said(" · ".join(word for word in (scene, style) if word), songs[track].title if track in songs else track)


@lru_cache(maxsize=256)
def parsed_board(data: bytes) -> Storyboard | None:
    """Return the storyboard in `data`, None where it is damaged; reading one of 40 scenes takes a millisecond."""
    try:
        return from_bytes(data)
    except ValueError:
        return None
