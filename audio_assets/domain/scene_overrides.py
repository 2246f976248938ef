"""What a person set of scenes by hand, brought to the song as it is now: forced cuts first, then whose scene is whose.

A setting that no longer fits is told in one sentence (`unfit`) and left out; the others hold. What each setting means
is in `song_settings.py`.
"""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from audio_assets.domain import timebase
from audio_assets.domain.clock_text import clock
from audio_assets.domain.scene_cuts import BeatMap, Cut, longest_frames
from audio_assets.domain.scene_key import scene_id
from audio_assets.domain.song_settings import SceneOverride

_FIELDS = (
    "scene_type", "section", "lyrics", "mood", "characters", "style_preset", "directive", "prompt", "clip_seconds",
    "lip_sync", "lip_sync_method",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ForcedCuts:
    """Cuts that a person wants, the stretches that stay one scene, and the frames of each setting by its number."""

    cuts: tuple[Cut, ...]
    whole: tuple[tuple[int, int], ...]
    places: dict[int, tuple[int | None, int | None]]
    unfit: tuple[str, ...]


def forced_cuts(
    overrides: Sequence[SceneOverride], beats: BeatMap, *, n_frames: int, rate: Fraction, clip_s: int
) -> ForcedCuts:
    """The cuts of all `start` and `end`, each on its nearest beat, on its own frame where it is exact or no beat is."""
    cuts: dict[int, Cut] = {}
    whole: list[tuple[int, int]] = []
    places: dict[int, tuple[int | None, int | None]] = {}
    unfit: list[str] = []
    for override in overrides:
        if override.start_s is None and override.end_s is None:
            continue
        times = (override.start_s, override.end_s)
        start, end = (None if time is None else _cut(time, override, beats, n_frames, rate) for time in times)
        new = [cut for cut in (start, end) if cut is not None]
        longest = longest_frames(override.clip_seconds or clip_s, rate)
        fault = _late(override, n_frames, rate) or _length_fault(start, end, longest, rate)
        fault = fault or _clash(new, cuts, whole, rate)
        if fault:
            unfit.append(f"{override.label} {fault}: it is left out")
            continue
        cuts |= {cut.frame: cut for cut in new if 0 < cut.frame < n_frames}
        places[override.number] = (start.frame if start else None, end.frame if end else None)
        if start and end:
            whole.append((start.frame, end.frame))
    return ForcedCuts(tuple(cuts[frame] for frame in sorted(cuts)), tuple(whole), places, tuple(unfit))


def settings_by_scene(
    overrides: Sequence[SceneOverride], forced: ForcedCuts, starts: Sequence[int], n_frames: int, rate: Fraction
) -> tuple[dict[int, SceneOverride], tuple[str, ...]]:
    """What is set of each scene, by its index, and what does not fit; `starts` are the scenes' first frames."""
    found: dict[int, SceneOverride] = {}
    unfit: list[str] = []
    for override in overrides:
        is_cut = override.start_s is not None or override.end_s is not None
        if is_cut and override.number not in forced.places:
            continue
        index = _scene_index(override, forced, starts, n_frames, rate)
        if isinstance(index, str):
            unfit.append(f"{override.label} {index}: it is left out")
            continue
        length = ([*starts, n_frames][index + 1]) - starts[index]
        fitting = override
        if override.clip_seconds and length > longest_frames(override.clip_seconds, rate):
            lasts = f"its scene lasts {float(length / rate):.2f} s"
            unfit.append(f"{override.label} asks for a clip of {override.clip_seconds} s, {lasts}: that is left out")
            fitting = replace(override, clip_seconds=None)
        found[index], clashes = _merged(found[index], fitting) if index in found else (fitting, [])
        unfit += clashes
    return found, tuple(unfit)


def set_names(override: SceneOverride | None) -> tuple[str, ...]:
    """The keys of the settings' file that a person has set of a scene."""
    if override is None:
        return ()
    cuts = [name for name, time in (("start", override.start_s), ("end", override.end_s)) if time is not None]
    return (*cuts, *(name for name in _FIELDS if getattr(override, name) is not None))


def _cut(time_s: float, override: SceneOverride, beats: BeatMap, n_frames: int, rate: Fraction) -> Cut:
    frame = min(timebase.nearest_frame(time_s, rate), n_frames)
    if override.exact:
        return Cut(frame, "exact")
    if frame in (0, n_frames):
        return Cut(frame, "frame")
    return beats.nearest(Fraction(time_s) * rate) or Cut(frame, "frame")


def _late(override: SceneOverride, n_frames: int, rate: Fraction) -> str:
    """What is wrong with times behind the song's end; its last frame may reach a little past it."""
    end_s = float(n_frames / rate)
    if override.start_s is not None and override.start_s * rate >= n_frames:
        return f"starts after the end of the song at {clock(end_s)}"
    if override.end_s is not None and (override.end_s - end_s) * rate > 1:
        return f"ends after the end of the song at {clock(end_s)}"
    return ""


def _length_fault(start: Cut | None, end: Cut | None, longest: int, rate: Fraction) -> str:
    if start is None or end is None:
        return ""
    length = end.frame - start.frame
    if length <= 0:
        return "has both cuts on the same beat"
    if length > longest:
        seconds = f"{float(length / rate):.2f} s, from {clock(start.frame / rate)} to {clock(end.frame / rate)}"
        return f"would be a scene of {seconds}, longer than its clip of {round(longest / rate)} s"
    return ""


def _clash(new: Sequence[Cut], cuts: dict[int, Cut], whole: Sequence[tuple[int, int]], rate: Fraction) -> str:
    """What an earlier setting has against these cuts."""
    for start, end in whole:
        inside = [cut for cut in new if start < cut.frame < end]
        if inside:
            scene = f"the scene from {clock(start / rate)} to {clock(end / rate)} that is set before"
            return f"cuts at {clock(inside[0].frame / rate)} into {scene}"
    crossed = [frame for frame in cuts if len(new) == 2 and new[0].frame < frame < new[1].frame]
    return f"crosses the cut at {clock(crossed[0] / rate)} that is set before" if crossed else ""


def _scene_index(
    override: SceneOverride, forced: ForcedCuts, starts: Sequence[int], n_frames: int, rate: Fraction
) -> int | str:
    """Which scene is meant, or what is wrong."""
    if override.scene_id:
        index = int(override.scene_id[1:]) - 1
        return index if 0 <= index < len(starts) else f"names no scene: the last one is {scene_id(len(starts))}"
    if override.at_s is not None:
        frame = timebase.frame_at(override.at_s, rate)
        if frame >= n_frames:
            return f"lies after the end of the song at {clock(n_frames / rate)}"
    else:
        start, end = forced.places[override.number]
        frame = start if start is not None else (end or 1) - 1
    return bisect.bisect_right(starts, frame) - 1


def _merged(first: SceneOverride, second: SceneOverride) -> tuple[SceneOverride, list[str]]:
    """Two settings of one scene as one; where they differ the earlier one stands."""
    merged, clashes = first, []
    for name in ("start_s", "end_s", *_FIELDS):
        ours, theirs = getattr(first, name), getattr(second, name)
        if ours is None and theirs is not None:
            merged = replace(merged, **{name: theirs})
        elif theirs is not None and theirs != ours:
            clashes.append(f"{second.label} sets {name} of the scene that {first.label} sets too: the first one holds")
    return merged, clashes
