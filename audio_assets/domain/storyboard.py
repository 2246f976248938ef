"""A storyboard: a song's video as scenes that follow one another on the frames, planned from what is known of the song.

The values and the plan as a whole are here; where the cuts fall is in `scene_cuts.py`, what fills a scene in
`scene_casting.py`, what a person set by hand in `scene_overrides.py`. The song is the only clock: scenes are whole
frames at a rational rate and cover `[0, n_frames)` without gap or overlap.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol, get_args

from audio_assets.domain import timebase
from audio_assets.domain.clock_text import clock
from audio_assets.domain.music.analysis import BeatGrid, Lyrics, Section, SectionType, Span
from audio_assets.domain.price_card import CURRENCY, Price, estimate_scene_usd
from audio_assets.domain.scene_casting import (
    LEAST_VOICE_SHARE,
    characters_by_scene,
    choose_performances,
    lyrics_by_scene,
    section_at,
    voice_shares,
)
from audio_assets.domain.scene_cuts import BeatMap, Cut, CutKind, beat_map, plan_cuts, shortest_frames
from audio_assets.domain.scene_key import scene_id
from audio_assets.domain.scene_overrides import forced_cuts, set_names, settings_by_scene
from audio_assets.domain.song_settings import (
    CLIP_SECONDS,
    Format,
    LipSyncMethod,
    SceneOverride,
    SceneType,
    SongSettings,
)

RETRY_BUFFER = 1.2
"""Takes that are thrown away cost too: a fifth on top."""
SECTION_TYPES: tuple[str, ...] = get_args(SectionType)
UNKNOWN_SECTION = "section"
SIZES: dict[Format, str] = {"landscape": "1280x720", "portrait": "720x1280"}


class StoryboardError(ValueError):
    """No storyboard can be planned; one sentence says why and what to do."""


class Mood(Protocol):
    """How a stretch of the song feels: a word, a phrase, and the energy from 0 to 1."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def description(self) -> str: ...  # noqa: D102

    @property
    def energy(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene, frames `[start_frame, end_frame)`.

    `cut` says what its first frame stands on: a "downbeat", a "beat", a "frame" where the song has no beat, a person's
    "exact" cut, or else the "start" of the song; `cut_error_frames` is how far that frame is from its beat (0 without).
    `n_bars` is whole where the scene is whole bars, 0 where there is no beat. `clip_seconds` is what is ordered for it.
    `prompt_override` replaces the whole prompt. `overridden` names the fields that a person set.
    """

    id: str
    order: int
    start_frame: int
    end_frame: int
    frame_rate: Fraction
    section: str
    section_type: str
    mood: str
    mood_phrase: str
    energy: float
    style_preset: str
    clip_seconds: int
    n_bars: float
    cut: CutKind
    on_downbeat: bool
    cut_error_frames: float
    scene_type: SceneType = "broll"
    voice_share: float = 0.0
    characters: tuple[str, ...] = ()
    lyrics: str = ""
    directive: str = ""
    prompt_override: str = ""
    lip_sync_enabled: bool = False
    lip_sync_method: LipSyncMethod | None = None
    estimated_cost_usd: float | None = None
    overridden: tuple[str, ...] = ()

    @property
    def n_frames(self) -> int:
        """How many frames it shows."""
        return self.end_frame - self.start_frame

    @property
    def start_time(self) -> float:
        """Where it begins, in seconds."""
        return float(self.start_frame / self.frame_rate)

    @property
    def end_time(self) -> float:
        """Where it ends, in seconds."""
        return float(self.end_frame / self.frame_rate)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the video may cost: `per_scene` for a clip of the song's own length, `base` for all scenes once,
    `with_buffer` with retries. All None without a price; the cap is compared with `with_buffer`.
    """  # noqa: D205

    per_scene: float | None
    base: float | None
    with_buffer: float | None
    currency: str
    price: Price | None
    cap: float | None
    is_over_cap: bool


@dataclass(frozen=True, slots=True)
class Storyboard:
    """A planned video. `unfit` are a person's settings that no longer fit, `notes` what the planner had to do."""

    title: str
    artist: str
    frame_rate: Fraction
    n_frames: int
    duration_s: float
    format: Format
    size: str
    bpm: float
    clip_seconds: int
    video_provider: str
    video_model: str
    performance_density: float
    scenes: tuple[Scene, ...]
    estimate: Estimate
    unfit: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def performance_share(self) -> float:
        """The share of the song's time in performance scenes, 0 to 1."""
        return sum(scene.n_frames for scene in self.scenes if scene.scene_type == "performance") / self.n_frames


def plan_storyboard(
    settings: SongSettings,
    grid: BeatGrid,
    sections: Sequence[Section],
    voice: Sequence[Span],
    lyrics: Lyrics | None,
    mood_of: Callable[[float, float], Mood],
    price: Price | None,
    *,
    max_scenes: int,
    slots_setting: str,
) -> Storyboard:
    """Plan a song's video; the same arguments give the same storyboard.

    `mood_of(start_s, end_s)` tells the mood of a stretch; `price` None leaves the costs open.

    Raises:
        StoryboardError: the song has no length, or needs more scenes than there are slots; names `slots_setting`.
    """
    rate, clip_s = settings.frame_rate, settings.clip_seconds
    n_frames = timebase.n_frames(grid.duration_s, rate) if math.isfinite(grid.duration_s) else 0
    if n_frames < 1:
        raise StoryboardError("the song has no length, so there is nothing to show: look at its audio")
    beats = beat_map(grid, n_frames, rate)
    forced = forced_cuts(settings.overrides, beats, n_frames=n_frames, rate=rate, clip_s=clip_s)
    edges_s = [section.start_time for section in sections]
    cuts, cut_notes = plan_cuts(
        beats, edges_s, n_frames=n_frames, rate=rate, clip_s=clip_s, forced=forced.cuts, whole=forced.whole
    )
    _check_slots(len(cuts), settings, max_scenes, slots_setting)
    by_hand, unfit = settings_by_scene(
        settings.overrides, forced, [cut.frame for cut in cuts], n_frames=n_frames, rate=rate
    )
    song = _Song(settings, beats, tuple(sections), tuple(voice), lyrics, mood_of, price, n_frames)
    scenes, notes = _scenes(song, cuts, by_hand)
    return Storyboard(
        title=settings.title,
        artist=settings.artist,
        frame_rate=rate,
        n_frames=n_frames,
        duration_s=grid.duration_s,
        format=settings.format,
        size=SIZES[settings.format],
        bpm=grid.bpm,
        clip_seconds=clip_s,
        video_provider=settings.video_provider,
        video_model=settings.video_model,
        performance_density=settings.performance_density,
        scenes=scenes,
        estimate=_estimate(scenes, settings, price),
        unfit=(*forced.unfit, *unfit),
        notes=(*beats.notes, *cut_notes, *notes),
    )


def _check_slots(n_scenes: int, settings: SongSettings, max_scenes: int, slots_setting: str) -> None:
    if n_scenes <= max_scenes:
        return
    longer = "" if settings.clip_seconds == CLIP_SECONDS[-1] else ", or choose a longer clip_seconds"
    needs = f"the song needs {n_scenes} scenes of at most {settings.clip_seconds} s"
    raise StoryboardError(f"{needs}, there are slots for {max_scenes}: raise {slots_setting}{longer}")


@dataclass(frozen=True, slots=True)
class _Song:
    """All that scenes are filled from."""

    settings: SongSettings
    beats: BeatMap
    sections: tuple[Section, ...]
    voice: tuple[Span, ...]
    lyrics: Lyrics | None
    mood_of: Callable[[float, float], Mood]
    price: Price | None
    n_frames: int


def _scenes(
    song: _Song, cuts: Sequence[Cut], by_hand: Mapping[int, SceneOverride]
) -> tuple[tuple[Scene, ...], tuple[str, ...]]:
    ends = [*(cut.frame for cut in cuts[1:]), song.n_frames]
    empty = [_empty_scene(song, number, cut, end) for number, (cut, end) in enumerate(zip(cuts, ends, strict=True), 1)]
    cast, density_notes = _cast(empty, song, by_hand)
    words, lyrics_notes = lyrics_by_scene(song.lyrics, [cut.frame for cut in cuts], song.settings.frame_rate)
    scenes = tuple(
        _finished(_set_by_hand(replace(scene, lyrics=text), by_hand.get(index), song), song)
        for index, (scene, text) in enumerate(zip(cast, words, strict=True))
    )
    return scenes, (*density_notes, *lyrics_notes, *_scene_notes(scenes, song.settings))


def _empty_scene(song: _Song, number: int, cut: Cut, end: int) -> Scene:
    """A scene in its place: when it is, and how the song is then."""
    settings, rate = song.settings, song.settings.frame_rate
    section = section_at(song.sections, cut.frame, end, rate)
    mood = song.mood_of(float(cut.frame / rate), float(end / rate))
    return Scene(
        id=scene_id(number),
        order=number,
        start_frame=cut.frame,
        end_frame=end,
        frame_rate=rate,
        section=section.name if section else "",
        section_type=section.type if section else UNKNOWN_SECTION,
        mood=mood.name,
        mood_phrase=mood.description,
        energy=mood.energy,
        style_preset=settings.style_preset,
        clip_seconds=settings.clip_seconds,
        n_bars=song.beats.n_bars(cut.frame, end),
        cut=cut.kind,
        on_downbeat=cut.kind == "downbeat",
        cut_error_frames=cut.error_frames,
    )


def _cast(
    scenes: Sequence[Scene], song: _Song, by_hand: Mapping[int, SceneOverride]
) -> tuple[list[Scene], tuple[str, ...]]:
    """The scenes with their types and who is seen."""
    settings = song.settings
    frames = [*(scene.start_frame for scene in scenes), song.n_frames]
    voices = voice_shares(song.voice, frames, settings.frame_rate)
    performances, notes = choose_performances(
        [scene.n_frames for scene in scenes],
        voices,
        [scene.section_type for scene in scenes],
        {index: override.scene_type for index, override in by_hand.items() if override.scene_type},
        settings.performance_density,
    )
    types: list[SceneType] = ["performance" if index in performances else "broll" for index in range(len(scenes))]
    casts = characters_by_scene(settings.characters, types)
    filled = [
        replace(scene, scene_type=kind, voice_share=voice, characters=cast, lip_sync_enabled=kind == "performance")
        for scene, kind, voice, cast in zip(scenes, types, voices, casts, strict=True)
    ]
    return filled, notes


def _set_by_hand(scene: Scene, override: SceneOverride | None, song: _Song) -> Scene:
    """The scene with what a person set of it; its type and its cuts are set already."""
    if override is None:
        return scene
    same = {name: getattr(override, name) for name in ("lyrics", "characters", "style_preset", "directive")}
    other = {
        "section": override.section,
        "section_type": _type_of(override.section, song.sections),
        "mood": override.mood,
        "mood_phrase": override.mood,
        "prompt_override": override.prompt,
        "clip_seconds": override.clip_seconds,
        "lip_sync_enabled": override.lip_sync,
        "lip_sync_method": override.lip_sync_method,
    }
    said = {name: value for name, value in (same | other).items() if value is not None}
    return replace(scene, **said, overridden=set_names(override))


def _finished(scene: Scene, song: _Song) -> Scene:
    """The scene with what follows from the rest of it."""
    method = (scene.lip_sync_method or "post_process") if scene.lip_sync_enabled else None
    cost = None if song.price is None else estimate_scene_usd(song.price, scene.clip_seconds)
    return replace(scene, lip_sync_method=method, estimated_cost_usd=cost)


def _type_of(name: str | None, sections: Sequence[Section]) -> str | None:
    """The type of a section that a person names: that of the song's own of this name, or the word it begins with."""
    if name is None:
        return None
    same = [section.type for section in sections if section.name.casefold() == name.casefold()]
    first_word = name.casefold().partition(" ")[0]
    return same[0] if same else first_word if first_word in SECTION_TYPES else UNKNOWN_SECTION


def _scene_notes(scenes: Sequence[Scene], settings: SongSettings) -> Iterator[str]:
    least = shortest_frames(settings.clip_seconds, settings.frame_rate)
    for scene in scenes:
        if scene.n_frames < least and len(scenes) > 1:
            yield f"{scene.id} at {clock(scene.start_time)} lasts only {float(scene.n_frames / scene.frame_rate):.2f} s"
        if scene.scene_type == "performance" and scene.voice_share < LEAST_VOICE_SHARE:
            yield f"{scene.id} at {clock(scene.start_time)} is set to performance, but hardly any voice is heard in it"


def _estimate(scenes: Sequence[Scene], settings: SongSettings, price: Price | None) -> Estimate:
    cap = settings.budget_cap_usd
    if price is None:
        return Estimate(None, None, None, CURRENCY, None, cap, is_over_cap=False)
    base = round(sum(scene.estimated_cost_usd or 0.0 for scene in scenes), 4)
    with_buffer = round(base * RETRY_BUFFER, 4)
    per_scene = estimate_scene_usd(price, settings.clip_seconds)
    is_over_cap = cap is not None and with_buffer > cap
    return Estimate(per_scene, base, with_buffer, CURRENCY, price, cap, is_over_cap)
