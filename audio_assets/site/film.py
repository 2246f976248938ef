"""What the pages of a song's film show, as plain data: chapters, scenes as small pictures, formats, files, costs.

Not here: the takes of a scene (`takes`), where a video lies (`video`), HTML. What can not be read is left out
and named in `gaps`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from audio_assets.domain.budget import usd_text
from audio_assets.domain.cost_report import CostLine, CostReport
from audio_assets.domain.film_settings import DELIVERIES
from audio_assets.domain.scene_key import scene_key
from audio_assets.domain.schemas import cost_report
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.domain.storyboard import Scene, Storyboard
from audio_assets.site.catalog import type_name
from audio_assets.site.files import public_path
from audio_assets.site.player import parsed
from audio_assets.site.song import SongObject
from audio_assets.site.takes import Chosen, chosen_take
from audio_assets.site.video import poster_of
from resources.store import SIDECAR, ArtifactStore

_KINDS = {
    "mp4": "the film, H.264 and AAC", "webm": "the film, VP9 and Opus", "srt": "subtitles for most players and sites",
    "vtt": "subtitles for web pages, word by word", "ass": "karaoke subtitles, sung syllable by syllable",
    "lrc": "lyrics with times, for music players", "jpg": "a still", "png": "a still", "otio": "OpenTimelineIO",
    "fcpxml": "Final Cut Pro, DaVinci Resolve", "edl": "CMX 3600: any editor", "json": "the record", "md": "as text",
}  # fmt: skip
_NO_DOWNLOADS = (SIDECAR, "picture.jpg", "picture.png")


@dataclass(frozen=True, slots=True)
class ChapterView:
    """A section of the song; `clock` is its start as m:ss."""

    title: str
    start_s: float
    end_s: float
    clock: str


@dataclass(frozen=True, slots=True)
class SceneCard:
    """A scene as a small picture that leads to its takes; `chosen` is None where no take is selected."""

    id: str
    href: str
    start_s: float
    end_s: float
    clock: str
    kind: str
    section: str
    lyrics: str
    chosen: Chosen | None


@dataclass(frozen=True, slots=True)
class Download:
    """A file to take away; `size` is in bytes."""

    name: str
    path: str
    size: int
    what: str


@dataclass(frozen=True, slots=True)
class FormatView:
    """A format of the film: its page, what it is in a few words, and its files."""

    name: str
    href: str
    about: str
    poster: str
    files: tuple[Download, ...]


@dataclass(frozen=True, slots=True)
class FilmView:
    """What a song's film is made of, and the formats it is delivered in."""

    chapters: tuple[ChapterView, ...]
    scenes: tuple[SceneCard, ...]
    formats: tuple[FormatView, ...]
    film: str
    timeline: str
    sheet: str


@dataclass(frozen=True, slots=True)
class CostTable:
    """A table of a cost report: rows of name and figures, and the total, () where it would not be theirs."""

    heading: str
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...]


def film_view(store: ArtifactStore, song: str, sidecar: Sidecar, board: Storyboard | None) -> FilmView:
    """Return the film's chapters as its own key names them, the scenes of the storyboard of today, and the formats."""
    return FilmView(
        tuple(_chapters(sidecar)),
        scene_cards(store, song, board),
        tuple(formats(store, song)),
        _page_of(store, "final_video", song),
        _page_of(store, "timeline", song),
        _page_of(store, "contact_sheet", song),
    )


def scene_cards(store: ArtifactStore, song: str, board: Storyboard | None) -> tuple[SceneCard, ...]:
    """Return a card for each scene of a song's storyboard."""
    return tuple(_card(store, song, scene) for scene in board.scenes) if board and song else ()


def formats(store: ArtifactStore, song: str) -> list[FormatView]:
    """Return every format that a song's film is delivered in now."""
    found = []
    for name in DELIVERIES if song else ():
        own = _current(store, "deliverable", scene_key(name, song))
        if own is not None:
            poster = poster_of(own.folder, own.sidecar.files)
            href = f"/a/deliverable/{scene_key(name, song)}"
            found.append(FormatView(name, href, _about(own.sidecar.facts), poster, downloads(own)))
    return found


def downloads(own: SongObject) -> tuple[Download, ...]:
    """Return an object's files with what each is for; its records and small pictures are no downloads."""
    return tuple(
        Download(name, f"{own.folder}/{name}", entry.size, _KINDS.get(name.rpartition(".")[2], ""))
        for name, entry in own.sidecar.files.items()
        if name not in _NO_DOWNLOADS
    )


def cost_tables(store: ArtifactStore, own: SongObject, gaps: list[str]) -> tuple[CostTable, ...]:
    """Return the tables of a cost report that have a line; none where nothing was ordered."""
    report = parsed(cost_report.from_bytes, store.read(f"{own.folder}/cost_report.json"), "its record", gaps)
    if report is None:
        return ()
    return tuple(
        CostTable(heading, tuple(_cost_row(line) for line in lines), _total(report, lines))
        for heading, lines in report.tables
        if lines
    )


def _total(report: CostReport, lines: tuple[CostLine, ...]) -> tuple[str, ...]:
    """Return the report's total where a table has every order in it, nothing for one that leaves some out."""
    is_whole = sum(line.n_orders for line in lines) == report.total.n_orders
    return _cost_row(report.total) if is_whole else ()


def _cost_row(line: CostLine) -> tuple[str, ...]:
    amounts = (line.estimated_micro, line.spent_micro, line.held_micro)
    return line.name, str(line.n_orders), *(usd_text(amount) for amount in amounts)


def _chapters(sidecar: Sidecar) -> list[ChapterView]:
    params = sidecar.action.get("params")
    record: Mapping[str, Any] = params if isinstance(params, Mapping) else {}
    try:
        rate = Fraction(str(record["frame_rate"]))
        return [
            ChapterView(
                str(chapter["title"]),
                round(float(chapter["start_frame"] / rate), 3),
                round(float(chapter["end_frame"] / rate), 3),
                _clock(float(chapter["start_frame"] / rate)),
            )
            for chapter in record["chapters"]
        ]
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return []


def _card(store: ArtifactStore, song: str, scene: Scene) -> SceneCard:
    key = scene_key(scene.id, song)
    chosen = chosen_take(store, key)
    return SceneCard(
        scene.id, f"/a/{'scene_take' if chosen else 'scene_prompt'}/{key}", scene.start_time, scene.end_time,
        _clock(scene.start_time), type_name(scene), scene.section, scene.lyrics.replace("\n", " / "), chosen,
    )  # fmt: skip


def _about(facts: Mapping[str, Any]) -> str:
    size = f"{facts['width']} × {facts['height']}" if "width" in facts and "height" in facts else ""
    loudness = f"{facts['integrated_lufs']:.1f} LUFS" if isinstance(facts.get("integrated_lufs"), float) else ""
    words = [size, str(facts.get("video", "")), str(facts.get("audio", "")), loudness]
    if facts.get("subtitles") == "burned":
        words.append("subtitles in the picture")
    return " · ".join(word for word in words if word)


def _page_of(store: ArtifactStore, asset: str, song: str) -> str:
    return f"/a/{asset}/{song}" if song and store.refs(asset).get(song) else ""


def _current(store: ArtifactStore, asset: str, partition: str) -> SongObject | None:
    ref = store.refs(asset).get(partition)
    data = store.read(f"{ref.object}/{SIDECAR}") if ref and public_path(ref.object) else None
    sidecar = parsed(Sidecar.from_bytes, data, "a sidecar", [])
    return SongObject(ref.object, sidecar) if ref and sidecar else None


def _clock(t_s: float) -> str:
    minutes, seconds = divmod(int(t_s), 60)
    return f"{minutes}:{seconds:02d}"
