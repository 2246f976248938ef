"""A mouth that speaks a timeline: which shape shows when, and how far jaw and lips open.

From phonemes to a track of shapes and weights belongs here; tables are in `visemes`, file formats in `mouth_exports`.

Rhubarb's rules say which shapes each moment allows (`shape_spans`); of all tracks over the frames the cheapest is taken
(`_cheapest_track`, exact dynamic programming). A track's cost is a time: the seconds in which a shape shows that the
rules do not allow, weighted by how much an eye minds, plus a few milliseconds for every change, more for a wide one.
Measured against labels by `tests/bench/mouth_shape_agreement.py`.
- Every P, B and M has a frame of closed lips. Any other shape lasts at least two frames, and at least 50 ms: where two
  closures are nearer than that, the lips stay closed between them.
- A vowel is anticipated: of two equally good moments for a change the earlier one is taken.
- Tweens (D to A, B, G or X by way of C; C to F and back, H to F and back, D to F by way of E) soften a change where a
  neighbour's set has them anyway. Elsewhere one would be a wrong shape for two frames, and the mouth jumps.
- Pauses: under 0.12 s the mouth moves on as if there were none, under 0.25 s it relaxes (A, B or X), else X.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain import timebase, visemes
from audio_assets.domain.phonemes import VOWELS, nearest_arpabet
from audio_assets.domain.timeline import Phone, Timeline

CUE_RATE = Fraction(100)
"""Cues change on whole hundredths of a second, as Rhubarb's do."""

MIN_SHAPE_S = 0.05
"""A shape shorter than this reads as flicker (Rhubarb's author finds 50 to 70 ms good)."""

SHORT_PAUSE_S = 0.12
LONG_PAUSE_S = 0.25

_CLOSURE_S = (0.04, 0.12)
"""The least and the most time that lips are closed ahead of a P or B: half the previous phoneme, within these."""

# The part of a plosive's own time in which the lips are still closed: P is followed by breath, B opens at its end.
_RELEASE_AT = {"P": 0.6, "B": 0.9}

# What a second of a wrong shape costs: lips that should touch are missed first, then vowels.
_CLOSURE_WEIGHT, _LIP_TEETH_WEIGHT, _VOWEL_WEIGHT, _OTHER_WEIGHT = 3.0, 2.0, 1.5, 1.0
_CLOSING_WEIGHT = 1.25  # ahead of the closure itself: a short vowel there is worth more

_N = len(visemes.SHAPES)
_FORBIDDEN = 1 << 50
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class MouthCue:
    """One shape, "A" to "H" or "X", from `t_start` up to `t_end` seconds."""

    shape: str
    t_start: float
    t_end: float


@dataclass(frozen=True, slots=True)
class MouthFrame:
    """One video frame of a mouth.

    `viseme` is an Azure id 0..21, `oculus` one of `visemes.OCULUS_VISEMES`. `jaw` is 0 shut to 1 wide open, `lip` 0
    relaxed or spread, about 0.8 puckered, 1 sealed.
    """

    shape: str
    viseme: int
    oculus: str
    jaw: float
    lip: float


@dataclass(frozen=True, slots=True)
class ShapeSpan:
    """The shapes that the rules allow in `[t_start, t_end)` seconds; `weight` says how much a wrong one is minded."""

    t_start: float
    t_end: float
    shapes: str
    weight: float = _OTHER_WEIGHT


def mouth_cues(timeline: Timeline, *, extended: bool = True) -> tuple[MouthCue, ...]:
    """Return the shapes of a timeline, from 0 to `duration_s` without gap or overlap, in steps of 10 ms.

    With `extended=False` only A to F occur. Raises `ValueError` for a timeline that breaks its own rules.
    """
    shapes = _track(timeline, CUE_RATE, extended)
    starts = [i for i, shape in enumerate(shapes) if i == 0 or shape != shapes[i - 1]]
    times = [*(i / 100 for i in starts), timeline.duration_s]
    return tuple(MouthCue(shapes[i], a, b) for i, (a, b) in zip(starts, pairwise(times), strict=True))


def mouth_frames(timeline: Timeline, frame_rate: Fraction, *, extended: bool = True) -> tuple[MouthFrame, ...]:
    """Return one `MouthFrame` for each video frame; the last frame may reach past the end of the audio.

    With `extended=False` only the shapes A to F occur. Raises `ValueError` for a timeline that breaks its own rules.
    """
    shapes = _track(timeline, frame_rate, extended)
    phones = _shown_phones(timeline, frame_rate, len(shapes))
    jaw, lip = _opening(timeline, frame_rate, len(shapes))
    return tuple(
        MouthFrame(shape, visemes.azure_viseme(ipa), visemes.oculus_viseme(ipa), round(float(j), 3), round(float(p), 3))
        for shape, ipa, j, p in zip(shapes, phones, jaw, lip, strict=True)
    )


# --- the rules ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Moment:
    """A phoneme, or a pause between two (`arpabet` is None), in `[t_start, t_end)`.

    `arpabet` is "" for a noise. Of a P, B or M the lips close from `t_closing` on and open at `t_release`.
    """

    ipa: str
    arpabet: str | None
    t_start: float
    t_end: float
    t_closing: float = math.nan
    t_release: float = math.nan

    @property
    def duration_s(self) -> float:
        return self.t_end - self.t_start

    @property
    def is_bilabial(self) -> bool:
        return self.arpabet in visemes.BILABIALS


def shape_spans(timeline: Timeline) -> tuple[ShapeSpan, ...]:
    """Return what Rhubarb's rules allow in a timeline, from 0 to `duration_s` without gap or overlap.

    Rhubarb takes a plosive's start for its release. Aligners and hands that label start it where the lips close, so P
    and B stay closed inside their own time too, where Rhubarb allows any shape.
    """
    spans: list[ShapeSpan] = []
    for moment in _moments(timeline):
        if moment.arpabet is None:
            spans.append(ShapeSpan(moment.t_start, moment.t_end, _pause_shapes(moment, timeline.duration_s)))
        elif moment.arpabet in _RELEASE_AT:
            _cut(spans, moment.t_closing)
            spans.append(ShapeSpan(moment.t_closing, moment.t_start, "A", _CLOSING_WEIGHT))
            spans.append(ShapeSpan(moment.t_start, moment.t_release, "A", _CLOSURE_WEIGHT))
            spans.append(ShapeSpan(moment.t_release, moment.t_end, visemes.ANY_SHAPE))
        else:
            spans.extend(_phone_spans(moment.arpabet, moment.t_start, moment.t_end))
    return tuple(spans)


def _moments(timeline: Timeline) -> tuple[_Moment, ...]:
    """Phonemes and the pauses between them, from 0 to `duration_s`."""
    found: list[_Moment] = []
    t = 0.0
    for phone in timeline.phonemes:
        if phone.t_start > t:
            found.append(_Moment("", None, t, phone.t_start))
        found.append(_spoken(phone, previous_s=found[-1].duration_s if found else 0.0))
        t = phone.t_end
    if timeline.duration_s > t:
        found.append(_Moment("", None, t, timeline.duration_s))
    return tuple(found)


def _spoken(phone: Phone, previous_s: float) -> _Moment:
    arpabet = nearest_arpabet(phone.phoneme) or ""
    t_start, t_end = phone.t_start, phone.t_end
    least_s, most_s = _CLOSURE_S
    ahead_s = min(max(previous_s / 2, least_s), most_s) if arpabet in _RELEASE_AT else least_s
    t_release = t_start + _RELEASE_AT.get(arpabet, 1.0) * (t_end - t_start)
    return _Moment(phone.phoneme, arpabet, t_start, t_end, max(0.0, t_start - ahead_s), t_release)


def _pause_shapes(pause: _Moment, duration_s: float) -> str:
    if _is_at_an_end(pause, duration_s) or pause.duration_s >= LONG_PAUSE_S:
        return "X"
    return visemes.ANY_SHAPE if pause.duration_s < SHORT_PAUSE_S else "ABX"


def _is_at_an_end(pause: _Moment, duration_s: float) -> bool:
    return pause.t_start == 0.0 or pause.t_end == duration_s


def _phone_spans(arpabet: str, t_start: float, t_end: float) -> Iterator[ShapeSpan]:
    sets = visemes.allowed_shapes(arpabet, t_end - t_start) if arpabet else (visemes.ANY_SHAPE,)
    for (a, b), shapes in zip(_parts(t_start, t_end, len(sets)), sets, strict=True):
        yield ShapeSpan(a, b, shapes, _weight(arpabet))


def _parts(t_start: float, t_end: float, n_parts: int) -> Iterable[tuple[float, float]]:
    """Return the whole of a phoneme, or the two parts of a diphthong."""
    if n_parts == 1:
        return [(t_start, t_end)]
    return pairwise((t_start, t_start + visemes.DIPHTHONG_SPLIT * (t_end - t_start), t_end))


def _weight(arpabet: str) -> float:
    if arpabet == "M":
        return _CLOSURE_WEIGHT
    if arpabet in ("F", "V"):
        return _LIP_TEETH_WEIGHT
    return _VOWEL_WEIGHT if arpabet in VOWELS else _OTHER_WEIGHT


def _cut(spans: list[ShapeSpan], t_end: float) -> None:
    """Take away what lies after `t_end`."""
    while spans and spans[-1].t_start >= t_end:
        spans.pop()
    if spans:
        spans[-1] = replace(spans[-1], t_end=min(spans[-1].t_end, t_end))


# --- the choice -----------------------------------------------------------------------------------------------------

# How open (0..1), how round (-1..1) each shape is, and how visible its tongue: what a change between two has to move.
_POSE = {
    "A": (0.0, 0.0, 0.0), "B": (0.15, -0.2, 0.0), "C": (0.5, 0.0, 0.0), "D": (1.0, 0.0, 0.0), "E": (0.5, 0.5, 0.0),
    "F": (0.2, 1.0, 0.0), "G": (0.1, 0.0, 0.0), "H": (0.5, 0.0, 0.3), "X": (0.0, 0.0, 0.0),
}  # fmt: skip
_JUMPS = ("DA", "DB", "DG", "DX", "DF", "CF", "FC", "HF", "FH")
"""Changes that Rhubarb softens with a tween."""

# What a change costs: any, then by how far it moves, then where it jumps past a tween (more than a tween costs itself,
# less than any wrong frame). Twenty settings, tried on two labelled and eight made-up sentences, agreed with the rules
# within 0.02 of each other, so nothing here is tuned finely.
_CHANGE_S, _MOTION_S, _JUMP_S = 0.005, 0.008, 0.008


def _change_costs() -> NDArray[np.int64]:
    costs = np.zeros((_N, _N), dtype=np.int64)
    for i, a in enumerate(visemes.SHAPES):
        for j, b in enumerate(visemes.SHAPES):
            motion = math.dist(_POSE[a], _POSE[b])
            jump_s = _JUMP_S if a + b in _JUMPS else 0.0
            costs[i, j] = 0 if a == b else round((_CHANGE_S + _MOTION_S * motion + jump_s) * _US)
    return costs


def _track(timeline: Timeline, rate: Fraction, extended: bool) -> str:
    """One shape per frame."""
    faults = timeline.faults()
    if faults:
        raise ValueError(f"this timeline can not be animated: {faults[0]}")
    n_frames = timebase.n_frames(timeline.duration_s, rate)
    edges_us = _edges_us(n_frames, rate)
    costs = _shape_costs(shape_spans(timeline), edges_us, extended)
    is_closure = np.zeros(n_frames, dtype=np.bool_)
    for moment in _moments(timeline):
        if moment.is_bilabial and n_frames:
            costs[_pinned_frame(moment, edges_us), 1:] = _FORBIDDEN
            is_closure[_overlaps_us(moment.t_closing, moment.t_end, edges_us)[0]] = True
    return _cheapest_track(costs, is_closure, n_least=max(2, timebase.n_frames(MIN_SHAPE_S, rate)))


def _edges_us(n_frames: int, rate: Fraction) -> NDArray[np.int64]:
    """Where frames begin, and the last one ends, in whole microseconds."""
    step, per = 2 * _US * rate.denominator, 2 * rate.numerator  # Python's integers: no overflow, whatever the rate
    return np.array([(i * step + rate.numerator) // per for i in range(n_frames + 1)], dtype=np.int64)


def _overlaps_us(t_start: float, t_end: float, edges_us: NDArray[np.int64]) -> tuple[slice, NDArray[np.int64]]:
    """Return the frames that a span touches, and how long it is in each of them, in microseconds."""
    start_us, end_us = round(t_start * _US), round(t_end * _US)
    n_frames = len(edges_us) - 1
    first = min(max(0, int(np.searchsorted(edges_us, start_us, side="right")) - 1), max(0, n_frames - 1))
    last = min(n_frames, max(first + 1, int(np.searchsorted(edges_us, end_us, side="left"))))
    edges = np.clip(edges_us[first : last + 1], start_us, max(start_us, end_us))
    return slice(first, last), np.diff(edges)


def _pinned_frame(bilabial: _Moment, edges_us: NDArray[np.int64]) -> int:
    """Return the frame that must show closed lips: the one with the most of the closure in it."""
    frames, overlap_us = _overlaps_us(bilabial.t_start, bilabial.t_release, edges_us)
    return int(frames.start + np.argmax(overlap_us))


def _shape_costs(spans: tuple[ShapeSpan, ...], edges_us: NDArray[np.int64], extended: bool) -> NDArray[np.int64]:
    """Return what each shape costs in each frame, in microseconds, shape (n_frames, 9)."""
    costs = np.zeros((len(edges_us) - 1, _N), dtype=np.int64)
    for span in spans:
        allowed = span.shapes if extended else "".join(visemes.BASIC_FALLBACK.get(s, s) for s in span.shapes)
        is_wrong = np.array([shape not in allowed for shape in visemes.SHAPES])
        frames, overlap_us = _overlaps_us(span.t_start, span.t_end, edges_us)
        costs[frames] += np.outer(np.rint(overlap_us * span.weight).astype(np.int64), is_wrong)
    if not extended:
        costs[:, [visemes.SHAPES.index(shape) for shape in visemes.BASIC_FALLBACK]] = _FORBIDDEN
    return costs


def _cheapest_track(costs: NDArray[np.int64], is_closure: NDArray[np.bool_], n_least: int) -> str:
    """Return the cheapest shapes, each held for `n_least` frames or more; A may be left early in a closure.

    Viterbi over (shape, how long held, up to `n_least`) in whole numbers, so that ties are real ties: a tie is decided
    for the longer held shape, that is for the earlier change. A run is shorter only where the whole track is.
    """
    n_frames = len(costs)
    if n_frames == 0:
        return ""
    change = _change_costs() + np.diag(np.full(_N, _FORBIDDEN))
    best = np.full((_N, n_least), 4 * _FORBIDDEN, dtype=np.int64)
    best[:, 0] = costs[0] + _change_costs()[visemes.SHAPES.index("X")]
    every = np.arange(_N)
    came_from = np.zeros((n_frames, _N, n_least, 2), dtype=np.int16)
    came_from[..., 0] = every[:, None]
    came_from[..., 1] = np.arange(n_least) - 1
    for i in range(1, n_frames):
        leave_age = np.full(_N, n_least - 1)
        if is_closure[i - 1]:
            leave_age[0] = int(np.argmin(best[0]))
        entering = best[every, leave_age][:, None] + change
        source = np.argmin(entering, axis=0)
        after = np.empty_like(best)
        after[:, 0] = entering[source, every]
        after[:, 1:] = best[:, :-1]
        came_from[i, :, 0, 0], came_from[i, :, 0, 1] = source, leave_age[source]
        stays = best[:, -1] <= after[:, -1]
        after[stays, -1] = best[stays, -1]
        came_from[i, stays, -1, 1] = n_least - 1
        best = np.minimum(after + costs[i][:, None], 4 * _FORBIDDEN)
    return _trace_back(best, came_from, is_closure, n_least)


def _trace_back(
    best: NDArray[np.int64], came_from: NDArray[np.int16], is_closure: NDArray[np.bool_], n_least: int
) -> str:
    unfinished = np.tile(np.arange(n_least) < n_least - 1, (_N, 1))
    unfinished[0] &= not is_closure[-1]
    shape, age = np.unravel_index(int(np.argmin(best + unfinished * _FORBIDDEN)), best.shape)
    shapes = [visemes.SHAPES[shape]]
    for i in range(len(came_from) - 1, 0, -1):
        shape, age = came_from[i, shape, age]
        shapes.append(visemes.SHAPES[shape])
    return "".join(reversed(shapes))


# --- the weights ----------------------------------------------------------------------------------------------------

# How far beyond its own time a sound is still seen in jaw and lips, and how strongly: vowels carry the jaw.
_VOWEL_REACH_S, _OTHER_REACH_S = 0.045, 0.03
_VOWEL_PULL, _OTHER_PULL = 1.0, 0.5
_NOISE_OPENING = ((0.2, 0.0),)
_REST_OPENING = ((0.0, 0.0),)
_OPENING_S = 0.06
"""How long lips take to open after a closure; they take as long to close as `_CLOSURE_S` lets them."""


def _shown_phones(timeline: Timeline, rate: Fraction, n_frames: int) -> list[str]:
    """Return the phoneme that each frame shows, "" for silence: the longest in it, and every bilabial somewhere."""
    edges_us = _edges_us(n_frames, rate)
    longest_us = np.zeros(n_frames, dtype=np.int64)
    shown = [""] * n_frames
    ipa = ""
    for moment in _moments(timeline) if n_frames else ():
        ipa = ipa if _is_passed_over(moment, timeline.duration_s) else moment.ipa
        frames, overlap_us = _overlaps_us(moment.t_start, moment.t_end, edges_us)
        for i, overlap in enumerate(overlap_us, start=frames.start):
            if overlap > longest_us[i]:
                longest_us[i], shown[i] = overlap, ipa
    for moment in _moments(timeline):
        if moment.is_bilabial and n_frames:
            shown[_pinned_frame(moment, edges_us)] = moment.ipa
    return shown


def _is_passed_over(moment: _Moment, duration_s: float) -> bool:
    """Whether this is a pause too short to be seen."""
    return moment.arpabet is None and moment.duration_s < SHORT_PAUSE_S and not _is_at_an_end(moment, duration_s)


def _opening(timeline: Timeline, rate: Fraction, n_frames: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return jaw and lips at the middle of each frame, each shape (n_frames,), 0 to 1.

    A weighted mean of the targets around each moment (so never beyond them), the weights falling off as a bell outside
    a sound's own time; then every P, B and M shuts the lips by a cosine ramp that does reach 0.
    """
    edges_us = _edges_us(n_frames, rate)
    middle_s = np.minimum((edges_us[:-1] + edges_us[1:]) / 2 / _US, timeline.duration_s)
    sums = np.zeros((3, n_frames))  # jaw, lips, weight
    apart = np.ones(n_frames)  # how far closures let the lips part
    for moment in _moments(timeline):
        if _is_passed_over(moment, timeline.duration_s):
            continue
        targets = _targets(moment)
        for (t_start, t_end), target in zip(_parts(moment.t_start, moment.t_end, len(targets)), targets, strict=True):
            _pull(sums, middle_s, t_start, t_end, target, is_vowel=moment.arpabet in VOWELS)
        if moment.is_bilabial and n_frames:
            _seal(apart, middle_s, moment, float(middle_s[_pinned_frame(moment, edges_us)]))
    jaw, lip = sums[:2] / sums[2]
    return jaw * apart, 1.0 - (1.0 - lip) * apart


def _targets(moment: _Moment) -> tuple[tuple[float, float], ...]:
    if moment.arpabet is None:
        return _REST_OPENING
    return visemes.OPENING.get(moment.arpabet, _NOISE_OPENING)


def _pull(
    sums: NDArray[np.float64],
    middle_s: NDArray[np.float64],
    t_start: float,
    t_end: float,
    target: tuple[float, float],
    *,
    is_vowel: bool,
) -> None:
    """Add a target's share to the frames it reaches, `[t_start - 6 reach, t_end + 6 reach]`."""
    reach_s, pull = (_VOWEL_REACH_S, _VOWEL_PULL) if is_vowel else (_OTHER_REACH_S, _OTHER_PULL)
    first, last = np.searchsorted(middle_s, (t_start - 6 * reach_s, t_end + 6 * reach_s))
    outside_s = np.maximum(0.0, np.maximum(t_start - middle_s[first:last], middle_s[first:last] - t_end))
    weight = pull * np.exp(-np.square(outside_s / reach_s))
    sums[:, first:last] += np.outer((*target, 1.0), weight)


def _seal(apart: NDArray[np.float64], middle_s: NDArray[np.float64], bilabial: _Moment, t_pinned: float) -> None:
    """Shut the lips from a bilabial's start to its release, and at the middle of its frame, whichever is wider."""
    t_shut, t_open = min(bilabial.t_start, t_pinned), max(bilabial.t_release, t_pinned)
    closing_s = max(_CLOSURE_S[0], t_shut - bilabial.t_closing)
    first, last = np.searchsorted(middle_s, (t_shut - closing_s, t_open + _OPENING_S))
    t = middle_s[first:last]
    way = np.maximum((t_shut - t) / closing_s, (t - t_open) / _OPENING_S)
    apart[first:last] = np.minimum(apart[first:last], 0.5 - 0.5 * np.cos(np.pi * np.clip(way, 0.0, 1.0)))
