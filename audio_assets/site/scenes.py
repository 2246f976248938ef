"""What the pages of storyboards, scenes and remixes show besides the player, as plain data.

Every text is ready to be shown; costs are in dollars. Not here: the player (`song`), HTML.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import orjson

from audio_assets.domain.fact_words import words_of
from audio_assets.domain.money_text import dollars
from audio_assets.domain.scene_key import parse_scene_key, scene_key
from audio_assets.domain.schemas.records import RecordError, read_record
from audio_assets.domain.storyboard import Scene, Storyboard
from audio_assets.site.catalog import SCENE, Catalog, type_name
from audio_assets.site.player import parsed
from audio_assets.site.song import SongObject, read_waveform, song_file, song_objects
from resources.store import ArtifactStore

_TABS = {
    SCENE: "prompt", "scene_take": "takes", "take_quality": "scores", "take_review": "reviews",
    "selected_take": "selection", "vocal_segment": "voice", "scene_alignment": "phonemes", "lipsynced_take": "lips",
    "scene_clip": "clip",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SceneRow:
    """A scene in the table of its storyboard. `href` is its prompt's page, "" where its song is not known."""

    id: str
    href: str
    has_prompt: bool
    start_s: float
    end_s: float
    start: str
    end: str
    length: str
    frames: str
    bars: str
    cut: str
    type: str
    section: str
    mood: str
    lyrics: str
    characters: str
    preset: str
    directive: str
    lip_sync: str
    cost: str
    overridden: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoryboardView:
    """A storyboard: its scenes, what it costs as (name, amount), and what there is to know and to heed."""

    rows: tuple[SceneRow, ...]
    plan: tuple[tuple[str, str], ...]
    totals: tuple[tuple[str, str], ...]
    is_over_cap: bool
    unfit: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SceneView:
    """A scene with its prompt. `row` is None where the storyboard has no such scene now."""

    id: str
    row: SceneRow | None
    prompt: str
    negative: str
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SceneNav:
    """The ways from a scene's page: its neighbours and the song's other pages as (name, address), "" for none.

    `tabs` are the scene's own assets as (asset, label, whether it is this page).
    """

    partition: str
    before: tuple[str, str]
    after: tuple[str, str]
    storyboard: str
    film: str
    tabs: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True, slots=True)
class RemixView:
    """A remix: what was asked for, and the registered song that it is made of, if it is one."""

    wanted: tuple[tuple[str, str], ...]
    source_title: str
    source_href: str
    source_sound: str
    source_wave: Sequence[int]


def storyboard_view(board: Storyboard, song: str, prompts: frozenset[str]) -> StoryboardView:
    """Return a song's storyboard; `prompts` are the partitions whose prompt is written."""
    estimate = board.estimate
    n_performance = sum(scene.scene_type == "performance" for scene in board.scenes)
    provider = board.video_provider
    if board.video_model != board.video_provider:
        provider += f" {board.video_model}"
    return StoryboardView(
        rows=tuple(_row(scene, board, song, prompts) for scene in board.scenes),
        plan=(
            (
                "scenes",
                f"{len(board.scenes)} ({n_performance} performance, {len(board.scenes) - n_performance} b-roll)",
            ),
            ("performance", f"{board.performance_share:.0%} of the time, {board.performance_density:.0%} asked for"),
            ("picture", f"{board.format} {board.size}, {float(board.frame_rate):g} fps, {board.n_frames:,} frames"),
            ("clips", f"{board.clip_seconds} s, {provider}"),
        ),
        totals=(
            ("estimate", _amount(estimate.base)),
            ("with retries", _amount(estimate.with_buffer)),
            ("cap", "none" if estimate.cap is None else dollars(estimate.cap)),
        ),
        is_over_cap=estimate.is_over_cap,
        unfit=board.unfit,
        notes=board.notes,
    )


def scene_view(
    store: ArtifactStore,
    partition: str,
    own: SongObject | None,
    board: Storyboard | None,
    prompts: frozenset[str],
    gaps: list[str],
) -> SceneView:
    """Return the scene of a partition ("" where only the object is known) with its prompt."""
    scene_name, song = scene_and_song(partition)
    scene = scene_of(board, scene_name)
    row = _row(scene, board, song, prompts) if board and scene else None
    text, negative, parts = _prompt(store, own, gaps)
    return SceneView(scene_name, row, text, negative, parts)


def scene_nav(
    asset: str, partition: str, board: Storyboard | None, there: Collection[str], *, has_film: bool
) -> SceneNav:
    """Return the ways from a scene's page of `asset`; `there` are the scene's assets that are rendered."""
    name, song = scene_and_song(partition)
    names = [scene.id for scene in board.scenes] if board else []
    before = next((a for a, b in pairwise(names) if b == name), "")
    after = next((b for a, b in pairwise(names) if a == name), "")
    return SceneNav(
        partition,
        (before, _href(before, song, asset)),
        (after, _href(after, song, asset)),
        f"/a/storyboard/{song}" if song else "",
        f"/a/final_video/{song}" if song and has_film else "",
        tuple((tab, label, tab == asset) for tab, label in _TABS.items() if tab in there or tab == asset),
    )


def scene_of(board: Storyboard | None, name: str) -> Scene | None:
    """Return a scene of a storyboard by its id, None where it has none such."""
    return next((scene for scene in board.scenes if scene.id == name), None) if board else None


def remix_view(store: ArtifactStore, catalog: Catalog, own: SongObject, gaps: list[str]) -> RemixView:
    """Return what a remix was asked for, and its source."""
    request = _mapping(_mapping(own.sidecar.action.get("params")).get("request"))
    source = str(request.get("source_track") or "")
    objects = song_objects(store, "", "music_remix", own)
    title = catalog.songs.get(source)
    folder = objects["song_audio"].folder if "song_audio" in objects else ""
    return RemixView(
        tuple((words_of(name), _plain(value)) for name, value in request.items() if value not in (None, "", [])),
        title.title if title else source,
        f"/a/song_audio/{source}" if title else f"/o/{folder}" if folder else "",
        song_file(objects) or "",
        read_waveform(store, objects, gaps).get("columns", []) if folder else [],
    )


def scene_and_song(partition: str) -> tuple[str, str]:
    """Return the scene and the song of a partition, two empty texts for what is no scene's."""
    try:
        return parse_scene_key(partition)
    except ValueError:
        return "", ""


def clock_ms(t_s: float) -> str:
    """Return a time as m:ss.mmm, always with its milliseconds: times stand under one another in a table."""
    minutes, ms = divmod(round(t_s * 1000), 60_000)
    return f"{minutes}:{ms // 1000:02d}.{ms % 1000:03d}"


def _row(scene: Scene, board: Storyboard, song: str, prompts: frozenset[str]) -> SceneRow:
    cut = {"frame": "free", "exact": "exact", "start": "start"}.get(scene.cut, scene.cut)
    off = f", {scene.cut_error_frames:.2f} frames off" if scene.cut_error_frames else ""
    method = (scene.lip_sync_method or "").replace("_", " ")
    return SceneRow(
        id=scene.id,
        href=_href(scene.id, song),
        has_prompt=bool(song) and scene_key(scene.id, song) in prompts,
        start_s=scene.start_time,
        end_s=scene.end_time,
        start=clock_ms(scene.start_time),
        end=clock_ms(scene.end_time),
        length=f"{float(scene.n_frames / board.frame_rate):.2f} s",
        frames=f"{scene.start_frame}–{scene.end_frame} ({scene.n_frames})",
        bars=f"{scene.n_bars:g}" if scene.n_bars == int(scene.n_bars) else f"{scene.n_bars:.2f}",
        cut=f"{cut}{off}",
        type=type_name(scene),
        section=scene.section,
        mood=scene.mood,
        lyrics=scene.lyrics,
        characters=", ".join(scene.characters),
        preset=scene.style_preset,
        directive=scene.directive,
        lip_sync=method if scene.lip_sync_enabled else "",
        cost=_amount(scene.estimated_cost_usd),
        overridden=scene.overridden,
    )


def _href(scene: str, song: str, asset: str = SCENE) -> str:
    return f"/a/{asset}/{scene_key(scene, song)}" if scene and song else ""


def _amount(value: float | None) -> str:
    return "not known" if value is None else dollars(value)


def _prompt(
    store: ArtifactStore, own: SongObject | None, gaps: list[str]
) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Return the text, what should not be seen, and the parts by name."""
    data = store.read(f"{own.folder}/prompt.json") if own else None
    found = parsed(_read_prompt, data, "its prompt", gaps)
    return found or ("", "", ())


def _read_prompt(data: bytes) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    record = read_record(data, "scene_prompt.1")
    try:
        parts = tuple((str(part["name"]), str(part["text"])) for part in record["parts"])
        return str(record["prompt"]), str(record["negative"]), parts
    except (KeyError, TypeError) as error:
        raise RecordError(f"not a whole scene_prompt.1: {error}") from error


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else orjson.dumps(value, default=str).decode()
