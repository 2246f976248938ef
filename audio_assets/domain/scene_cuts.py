"""Where the scenes of a song begin and end: whole frames on its beats.

Beats become frames once, each for itself (`beat_map`), so that no error adds up; `plan_cuts` then chooses among them by
dynamic programming. What a scene costs, in thousandths of a scene of the ideal length (the longest whole number of
bars that a clip holds):

- what it lacks of the ideal, in proportion; so that fewer scenes win, and among equals those of four or eight bars;
- a cut on a beat that begins no bar, and a section's edge inside a scene; an edge is the beat nearest to it, a
  downbeat if one is within half a second;
- less than a bar, and far above all else less than `shortest_frames`: 2 s, or half a clip.

Where there is no beat for more than two seconds and a clip can not reach across, the cuts are equal parts of that
stretch, and sections' edges in it. Costs are integers and ties have an order: the same song is cut the same everywhere.
"""

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain import timebase
from audio_assets.domain.clock_text import clock
from audio_assets.domain.music.analysis import BeatGrid

CutKind = Literal["start", "downbeat", "beat", "frame", "exact"]

LEAST_CONFIDENCE = 0.3
"""Below this the beats of a grid are not believed: less than `SURE_OF_BEAT`, for a doubtful cut harms little."""
HOLE_S = 2
"""Longer than any beat: 30 a minute."""
EDGE_REACH_S = Fraction(1, 2)
"""How far a section's edge is trusted."""

_STEPS = 24  # lengths are compared in 24ths of the ideal: exact for 2, 3, 4, 6 and 8 bars, blind to a frame of rounding
_STEP_COST = 40
_ODD_BARS = 100
_OFF_DOWNBEAT = 1_500
_CROSSED_EDGE = 2_500
_UNDER_A_BAR = 3_000
_OFF_BEAT = 4_000
_SLIVER_FRAME = 1_000_000  # each frame that a scene is too short weighs more than all else

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cut:
    """A scene's first frame, what it stands on, and how far it is from its beat (0 without one)."""

    frame: int
    kind: CutKind
    error_frames: float = 0.0


@dataclass(frozen=True, slots=True)
class BeatMap:
    """The beats of a song as cuts, in order, one per frame; `bars` are the frames of those that begin a bar."""

    beats: tuple[Cut, ...]
    bars: tuple[int, ...]
    beats_per_bar: int
    hole_frames: int
    notes: tuple[str, ...] = ()

    def nearest(self, place: Fraction) -> Cut | None:
        """The beat nearest to a place (in frames; the later one of two), unless that lies where there is no beat."""
        after = bisect.bisect_left([beat.frame for beat in self.beats], place)
        around = self.beats[max(0, after - 1) : after + 1]
        is_inside = len(around) == 2 and around[1].frame - around[0].frame <= self.hole_frames
        reach = self.hole_frames if is_inside else self.hole_frames / 4
        near = [beat for beat in around if abs(beat.frame - place) <= reach]
        return min(near, key=lambda beat: (abs(beat.frame - place), -beat.frame), default=None)

    def n_bars(self, start: int, end: int) -> float:
        """How many bars lie in frames [start, end): whole from bar to bar, 0 where beats are missing."""
        first, last = (bisect.bisect_left(self.beats, frame, key=lambda beat: beat.frame) for frame in (start, end))
        places = [start, *(beat.frame for beat in self.beats[first:last]), end]
        if first == last or max(after - before for before, after in pairwise(places)) > self.hole_frames:
            return 0.0
        low, high = bisect.bisect_left(self.bars, start), bisect.bisect_left(self.bars, end)
        if low < high < len(self.bars) and self.bars[low] == start and self.bars[high] == end:
            return float(high - low)
        return round((last - first) / self.beats_per_bar, 2)


def beat_map(grid: BeatGrid, n_frames: int, rate: Fraction) -> BeatMap:
    """The grid's beats on the frames of a video; none where the grid is too uncertain."""
    hole_frames = math.ceil(HOLE_S * rate)
    empty = BeatMap((), (), max(1, grid.beats_per_bar), hole_frames)
    if not grid.beats:
        return replace(empty, notes=("no beat was found: scenes are equal parts",))
    if grid.confidence < LEAST_CONFIDENCE:
        uncertain = f"the beat is uncertain (confidence {grid.confidence:.2f}): scenes are equal parts"
        return replace(empty, notes=(uncertain,))
    downbeats = {timebase.nearest_frame(time, rate) for time in grid.downbeats}
    by_frame: dict[int, Cut] = {}
    for time in sorted(beat.time for beat in grid.beats):
        frame = timebase.nearest_frame(time, rate)
        error = float(abs(Fraction(time) * rate - frame))
        if 0 <= frame < n_frames and (frame not in by_frame or error < by_frame[frame].error_frames):
            by_frame[frame] = Cut(frame, "downbeat" if frame in downbeats else "beat", error)
    beats = tuple(by_frame.values())
    bars = tuple(beat.frame for beat in beats if beat.kind == "downbeat")
    if bars or not beats:
        return replace(empty, beats=beats, bars=bars)
    counted = tuple(beat.frame for beat in beats[:: empty.beats_per_bar])
    return replace(empty, beats=beats, bars=counted, notes=("no bar lines were found: bars count from the first beat",))


def shortest_frames(clip_s: int, rate: Fraction) -> int:
    """Under this a scene is a sliver: 2 s or half a clip, whichever is less; two halves of what no clip holds pass."""
    return min(math.ceil(2 * rate), (longest_frames(clip_s, rate) + 1) // 2)


def longest_frames(clip_s: int, rate: Fraction) -> int:
    """The frames that a clip can fill: 192 of 8 s at 24000/1001, for the last one begins before the clip is over."""
    return timebase.n_frames(Fraction(clip_s), rate)


def plan_cuts(
    beats: BeatMap,
    edges_s: Sequence[float],
    *,
    n_frames: int,
    rate: Fraction,
    clip_s: int,
    forced: Sequence[Cut] = (),
    whole: Sequence[tuple[int, int]] = (),
) -> tuple[tuple[Cut, ...], tuple[str, ...]]:
    """The first frames of all scenes, the song's start among them, and sentences about what had to be done.

    `edges_s` are section edges in seconds, `forced` cuts that must be, `whole` stretches `(start, end)` between two of
    them (or the song's ends) that must stay one scene, however long.
    """
    limits = _Limits(longest_frames(clip_s, rate), shortest_frames(clip_s, rate), beats.hole_frames)
    nodes = _nodes(beats, edges_s, forced, n_frames, rate, limits.longest)
    fixed = sorted({0, n_frames, *(cut.frame for cut in forced)})
    cuts: list[Cut] = []
    for start, end in pairwise(fixed):
        low, high = (int(np.searchsorted(nodes.frames, frame)) for frame in (start, end))
        cuts.append(nodes.cuts[low])
        if (start, end) not in whole:
            cuts += _inner_cuts(nodes, low, high, limits)
    return tuple(cuts), _hole_notes(cuts, beats, n_frames, rate)


# --- The places that a cut can be ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Limits:
    longest: int
    shortest: int
    hole: int


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Possible cuts in order and the song's end; arrays of a value per node, lengths in frames (`bar` 0: no beat)."""

    cuts: tuple[Cut, ...]
    frames: Ints
    costs: Ints
    ideal: Ints
    bar: Ints
    n_edges_before: Ints  # one longer: at n the number of edges on nodes 0 ... n - 1


def _nodes(
    beats: BeatMap, edges_s: Sequence[float], forced: Sequence[Cut], n_frames: int, rate: Fraction, longest: int
) -> _Nodes:
    by_frame = {beat.frame: beat for beat in beats.beats}
    edges = _edges(beats, edges_s, n_frames, rate)
    for frame in edges:
        by_frame.setdefault(frame, Cut(frame, "frame"))
    by_frame |= {cut.frame: cut for cut in forced}
    first = by_frame.get(0)
    by_frame[0] = Cut(0, first.kind, first.error_frames) if first and first.kind == "downbeat" else Cut(0, "start")
    by_frame[n_frames] = Cut(n_frames, "frame")
    cuts = tuple(by_frame[frame] for frame in sorted(by_frame))
    frames = np.array([cut.frame for cut in cuts], dtype=np.int64)
    bars = set(beats.bars)
    costs = [_OFF_DOWNBEAT if cut.kind == "beat" and cut.frame not in bars else 0 for cut in cuts]
    is_edge = np.isin(frames, np.array(sorted(edges), dtype=np.int64))
    n_edges = np.concatenate(([0], np.cumsum(is_edge))).astype(np.int64)
    bar = _bar_frames(beats, frames)
    ideal = _ideal_frames(beats, frames, bar, longest)
    return _Nodes(cuts, frames, np.array(costs, dtype=np.int64), ideal, np.round(bar).astype(np.int64), n_edges)


def _edges(beats: BeatMap, edges_s: Sequence[float], n_frames: int, rate: Fraction) -> set[int]:
    """The frames that stand for the sections' edges."""
    found = set()
    for edge_s in edges_s:
        place = Fraction(edge_s) * rate
        at = bisect.bisect_left(beats.bars, place)
        bar = min(beats.bars[max(0, at - 1) : at + 1], key=lambda frame: abs(frame - place), default=None)
        beat = beats.nearest(place)
        if bar is not None and abs(bar - place) <= EDGE_REACH_S * rate:
            found.add(bar)
        elif beat is not None:
            found.add(beat.frame)
        else:
            found.add(timebase.nearest_frame(edge_s, rate))
    return {frame for frame in found if 0 < frame < n_frames}


def _bar_frames(beats: BeatMap, frames: Ints) -> Floats:
    """How long a bar is around each frame, the mean of eight; 0 where nothing is known."""
    places = np.array([beat.frame for beat in beats.beats], dtype=np.int64)
    if len(beats.bars) < 2:
        usual = float(np.median(np.diff(places))) * beats.beats_per_bar if len(places) > 1 else 0.0
        return np.full(len(frames), usual)
    bars = np.array(beats.bars, dtype=np.int64)
    lengths = np.diff(bars).astype(np.float64)
    n_holes = np.concatenate(([0], np.cumsum(np.diff(places) > beats.hole_frames)))
    is_full = np.diff(n_holes[np.searchsorted(places, bars)]) == 0
    lengths = np.where(is_full, lengths, np.median(lengths[is_full] if is_full.any() else lengths))
    sums = np.concatenate(([0.0], np.cumsum(lengths)))
    at = np.clip(np.searchsorted(bars, frames, side="right") - 1, 0, len(lengths) - 1)
    first, last = np.maximum(0, at - 4), np.minimum(len(lengths), at + 4)
    return np.asarray((sums[last] - sums[first]) / (last - first), dtype=np.float64)


def _ideal_frames(beats: BeatMap, frames: Ints, bar: Floats, longest: int) -> Ints:
    """The longest whole number of bars in a clip, from each node on; of beats where a bar is longer; else a clip."""
    room = longest + 0.5  # frames of beats are rounded
    beat = bar / beats.beats_per_bar
    unit = np.where(bar <= room, bar, np.where(beat <= room, beat, longest))
    unit = np.where(unit > 0, unit, longest)
    ideal = np.floor(room / unit) * unit
    bars = np.array([*beats.bars, np.iinfo(np.int32).max], dtype=np.int64)
    after = np.searchsorted(bars, frames + longest, side="right")
    last = bars[np.maximum(0, after - 1)]
    # What is there counts, not the mean, unless bars end or are missing on the way.
    is_there = (bars[np.minimum(after, len(bars) - 1)] - last <= 1.5 * bar) & (2 * (last - frames) > ideal)
    return np.maximum(1, np.where(is_there, last - frames, np.round(ideal))).astype(np.int64)


# --- The choice ----------------------------------------------------------------------------------------------------


def _inner_cuts(nodes: _Nodes, low: int, high: int, limits: _Limits) -> list[Cut]:
    """The cheapest cuts strictly between two nodes."""
    frames = nodes.frames
    best = np.zeros(high - low + 1, dtype=np.int64)
    came_from: list[tuple[int, int]] = [(low, 1)]  # node and number of equal parts
    bridges = _bridges(nodes, low, high, limits)
    for j in range(low + 1, high + 1):
        first = max(low, int(np.searchsorted(frames, frames[j] - limits.longest)))
        choice = (np.iinfo(np.int64).max, low, 1)
        if first < j:
            costs = best[first - low : j - low] + _scene_costs(nodes, first, j, limits)
            at = len(costs) - 1 - int(np.argmin(costs[::-1]))  # of equals the shortest comes last
            choice = (int(costs[at]), first + at, 1)
        for i, n_parts, cost in bridges.get(j, ()):
            choice = min(choice, (int(best[i - low]) + cost, i, n_parts), key=lambda option: option[0])
        best[j - low] = choice[0] + (int(nodes.costs[j]) if j < high else 0)
        came_from.append(choice[1:])
    return _walk_back(nodes, came_from, low, high)


def _walk_back(nodes: _Nodes, came_from: list[tuple[int, int]], low: int, high: int) -> list[Cut]:
    cuts: list[Cut] = []
    j = high
    while j > low:
        i, n_parts = came_from[j - low]
        parts = _equal_parts(int(nodes.frames[i]), int(nodes.frames[j]), n_parts)
        cuts += [Cut(frame, "frame") for frame in reversed(parts)]
        if i > low:
            cuts.append(nodes.cuts[i])
        j = i
    return cuts[::-1]


def _scene_costs(nodes: _Nodes, first: int, j: int, limits: _Limits) -> Ints:
    """What the scenes from nodes `first` ... j - 1 to node j cost, without their cut."""
    length = nodes.frames[j] - nodes.frames[first:j]
    ideal, bar = nodes.ideal[first:j], nodes.bar[first:j]
    costs = _STEP_COST * ((_STEPS * np.maximum(0, ideal - length) + ideal // 2) // ideal)
    costs += _STEP_COST * (_STEPS * np.maximum(0, limits.longest // 2 - length) // limits.longest)
    n_bars = np.where(bar > 0, (2 * length + bar) // np.maximum(1, 2 * bar), 0)
    costs += np.where(n_bars > 2, np.where(n_bars % 2, _ODD_BARS, np.where(n_bars % 4, _ODD_BARS // 2, 0)), 0)
    costs += np.where((length < bar - 1) & (bar <= limits.longest), _UNDER_A_BAR, 0)
    costs += _SLIVER_FRAME * np.maximum(0, limits.shortest - length)
    costs += _CROSSED_EDGE * (nodes.n_edges_before[j] - nodes.n_edges_before[first + 1 : j + 1])
    return np.asarray(costs, dtype=np.int64)


def _bridges(nodes: _Nodes, low: int, high: int, limits: _Limits) -> dict[int, list[tuple[int, int, int]]]:
    """Equal parts over the stretches without a beat: {last node: [(first node, number of parts, cost)]}."""
    frames, clip = nodes.frames, limits.longest
    found: dict[int, list[tuple[int, int, int]]] = {}
    for a in (low + np.flatnonzero(np.diff(frames[low : high + 1]) > limits.hole)).tolist():
        firsts = range(max(low, int(np.searchsorted(frames, frames[a] - clip))), a + 1)
        lasts = range(a + 1, min(high, int(np.searchsorted(frames, frames[a + 1] + clip, side="right")) - 1) + 1)
        for i in firsts:
            for j in lasts:
                start, end = int(frames[i]), int(frames[j])
                n_parts = -(-(end - start) // clip)
                parts = _equal_parts(start, end, n_parts)
                if parts and parts[0] > frames[a] and parts[-1] < frames[a + 1]:
                    beside = _STEPS * (clip * n_parts - (end - start)) // clip
                    n_crossed = int(nodes.n_edges_before[j] - nodes.n_edges_before[i + 1])
                    cost = _STEP_COST * beside + _OFF_BEAT * len(parts) + _CROSSED_EDGE * n_crossed
                    found.setdefault(j, []).append((i, n_parts, cost))
    return found


def _equal_parts(start: int, end: int, n_parts: int) -> list[int]:
    """The frames that divide a stretch."""
    length = end - start
    return [start + (2 * part * length + n_parts) // (2 * n_parts) for part in range(1, n_parts)]


def _hole_notes(cuts: Sequence[Cut], beats: BeatMap, n_frames: int, rate: Fraction) -> tuple[str, ...]:
    """Where cuts stand on no beat, if the song has beats at all."""
    places = [0, *(beat.frame for beat in beats.beats), n_frames]
    holes: dict[tuple[int, int], int] = {}
    for cut in cuts if beats.beats else ():
        if cut.kind == "frame":
            at = bisect.bisect_left(places, cut.frame)
            holes[places[at - 1], places[at]] = holes.get((places[at - 1], places[at]), 0) + 1
    spans = ((f"{clock(start / rate)} to {clock(end / rate)}", n) for (start, end), n in holes.items())
    return tuple(f"no beat from {span}: {n} {'cut stands' if n == 1 else 'cuts stand'} on none" for span, n in spans)
