"""The beat grid of a song: places the beats that `metre` reads from the pulse, and says what is known of them.

No samples, no storage; the pulse is `tempo`'s, which of it is a beat is `metre`'s.
"""

import math

import numpy as np
import scipy
from numpy.typing import NDArray

from audio_assets.domain.music.analysis import Beat, BeatGrid, TempoPoint
from audio_assets.domain.music.features import SongFeatures
from audio_assets.domain.music.metre import Reading, read_metre
from audio_assets.domain.music.tempo import Pulse, find_pulse, whitened

Array = NDArray[np.float32]
Numbers = NDArray[np.float64]

_LATENCY_S = 0.006  # from the start of a drum to the highest onset frame, on drums with exact times
_SEARCH_S = 0.035  # how far from the pulse a beat may be played
_CLOSEST_S = 0.1  # where the pulse starts anew two beats may come nearer to each other than any are played
_STIFFNESS = 8.0  # of a drifting grid: beats played exactly count 1, a change of interval counts this
_SOUNDING_DB = -45.0  # against the loud frames: softer is the silence before and after the music
# Clarity at which a beat is as likely as not in a long song, what is added over the root of the seconds, how sharply.
# In a minute of noise, of chords that swell or of speech the best line has 0.1 to 0.4, the best path 0.5 to 1.45.
_STEADY_CLARITY = (0.5, 2.5, 0.12)
_FREE_CLARITY = (1.7, 1.5, 0.25)
_TEMPO_TOLERANCE = 0.005


def track_beats(features: SongFeatures) -> BeatGrid:
    """The beats of the whole song, from the first sound to the last; none where it is too short or silent for any.

    `confidence` is the chance that there is a beat (by the pulse's clarity), times 0.3 to 1 for this reading of it.
    """
    none = BeatGrid(0.0, (), (), 4, (), 0.0, features.duration_s)
    white = whitened(features.onset, features.onset_rate_hz)
    pulse = find_pulse(features, white)
    reading = read_metre(features, white, pulse) if pulse else None
    if pulse is None or reading is None:
        return none
    times, first_number = _sounding(features, *_placed(features, white, pulse, reading))
    if len(times) < 2:
        return none
    times = np.round(times, 4)
    strengths = _strengths(features, times)
    numbers = np.arange(first_number, first_number + len(times))
    downbeats = times[(numbers - reading.downbeat) % reading.beats_per_bar == 0]
    curve = _tempo_curve(times, reading.beats_per_bar, pulse.is_steady)
    return BeatGrid(
        bpm=curve[0].bpm if pulse.is_steady else round(float(60 / np.median(np.diff(times))), 3),
        beats=tuple(Beat(float(t), float(s)) for t, s in zip(times, strengths, strict=True)),
        downbeats=tuple(float(t) for t in downbeats),
        beats_per_bar=reading.beats_per_bar,
        tempo_curve=curve,
        confidence=round(_chance_of_beat(pulse) * (0.3 + 0.7 * reading.probability), 3),
        duration_s=features.duration_s,
    )


def _chance_of_beat(pulse: Pulse) -> float:
    long, short, width = _STEADY_CLARITY if pulse.is_steady else _FREE_CLARITY
    middle = long + short / math.sqrt(max(float(pulse.times[-1]), 1.0))
    return 1 / (1 + math.exp(min((middle - pulse.clarity) / width, 50)))


def _placed(features: SongFeatures, white: Array, pulse: Pulse, reading: Reading) -> tuple[Numbers, int]:
    """Times of all beats within the song and the number of the first, as `Reading.downbeat` counts them."""
    first = reading.first_phase(pulse)
    last = pulse.phase_at(features.duration_s)
    before = int((first - pulse.phase_at(0.0)) * reading.ratio)
    phase = np.arange(first - before / reading.ratio, last, 1 / reading.ratio)
    times = pulse.time_at(phase)
    onset = white.sum(axis=1)
    if pulse.is_steady:
        times = _aligned(onset, times, features.onset_rate_hz)
    else:
        times = _following(onset, times, features.onset_rate_hz)
    times = times - _LATENCY_S
    times = np.where((times < 0) & (times > -_SEARCH_S), 0.0, times)  # a song that begins with a beat has it at 0
    since_last = times - np.maximum.accumulate(np.concatenate([[-np.inf], times[:-1]]))
    inside = (times >= 0) & (times <= features.duration_s) & (since_last > _CLOSEST_S)
    return times[inside], int(np.argmax(inside)) - before


def _around(onset: Array, at: Numbers, reach: int, parts: int) -> Numbers:
    """`onset` at each of `at`, from `reach` frames before to after, `parts` to a frame, (n, 2 * reach * parts + 1)."""
    offset = np.arange(-reach * parts, reach * parts + 1) / parts
    return np.asarray(np.interp(at[:, None] + offset, np.arange(len(onset)), onset), dtype=np.float64)


def _aligned(onset: Array, times: Numbers, rate_hz: float) -> Numbers:
    """The even grid next to `times` that the most onset strength is on: its start and end are searched for."""
    frame, share = np.arange(len(onset)), np.linspace(0, 1, len(times))
    for step_s in (_SEARCH_S / 8, _SEARCH_S / 40):
        offset = np.arange(-8, 9) * step_s
        grids = [times + start + (end - start) * share for start in offset for end in offset]
        times = max(grids, key=lambda grid: float(np.interp(grid * rate_hz, frame, onset).sum()))
    return times


def _played(onset: Array, times: Numbers, rate_hz: float) -> tuple[Numbers, Numbers]:
    """When the strongest onset next to each of `times` is highest, and how strong it is, on average about 1."""
    reach, parts = max(1, round(_SEARCH_S * rate_hz)), 4
    near = _around(onset, times * rate_hz, reach, parts)
    offset = np.arange(-reach * parts, reach * parts + 1) / parts
    near *= np.exp(-0.5 * (offset / reach) ** 2)
    top = near.max(axis=1)
    return times + offset[near.argmax(axis=1)] / rate_hz, top / (top.mean() + 1e-9) + 0.05


def _following(onset: Array, times: Numbers, rate_hz: float) -> Numbers:
    """A smooth grid through the onsets next to `times`: strong ones draw it, changes of the interval resist."""
    played, weight = _played(onset, times, rate_hz)
    return _smoothed(played, weight) if len(times) > 3 else played


def _smoothed(values: Numbers, weight: Numbers) -> Numbers:
    """Least squares of distance (weighted) and second differences."""
    n = len(values)
    bands = np.zeros((3, n))
    for offset, factor in ((0, 1.0), (1, -2.0), (2, 1.0)):
        bands[2, offset : n - 2 + offset] += _STIFFNESS * factor**2
    bands[1, 1 : n - 1] += _STIFFNESS * -2.0
    bands[1, 2:n] += _STIFFNESS * -2.0
    bands[0, 2:n] += _STIFFNESS
    bands[2] += weight
    smooth: Numbers = scipy.linalg.solveh_banded(bands, weight * values)
    return smooth


def _sounding(features: SongFeatures, times: Numbers, first_number: int) -> tuple[Numbers, int]:
    """The beats from the first sound to the last."""
    loud = float(np.percentile(features.rms, 95)) if len(features.rms) else 0.0
    heard = np.flatnonzero(features.rms > max(loud * 10 ** (_SOUNDING_DB / 20), 1e-5))
    if not len(heard) or not len(times):
        return times[:0], first_number
    margin_s = 0.5 / features.frame_rate_hz + 0.03
    from_s, to_s = heard[0] / features.frame_rate_hz - margin_s, heard[-1] / features.frame_rate_hz + margin_s
    inside = (times >= from_s) & (times <= to_s)
    return times[inside], first_number + int(np.argmax(inside))


def _strengths(features: SongFeatures, times: Numbers) -> Numbers:
    """The onset at each beat, 1 for the strongest of the song."""
    at = (times + _LATENCY_S) * features.onset_rate_hz
    strength = _around(features.onset.mean(axis=1), at, 2, 2).max(axis=1)
    share = np.minimum(strength / (np.percentile(strength, 95) + 1e-9), 1.0)
    return np.asarray(np.round(share, 3), dtype=np.float64)


def _tempo_curve(times: Numbers, beats_per_bar: int, is_steady: bool) -> tuple[TempoPoint, ...]:
    """One point where the tempo is steady, else one for each bar that it changes in."""
    if is_steady or len(times) <= 2 * beats_per_bar:
        return (TempoPoint(float(times[0]), round(float(60 * (len(times) - 1) / (times[-1] - times[0])), 3)),)
    points: list[TempoPoint] = []
    for start in range(0, len(times) - beats_per_bar, beats_per_bar):
        a, b = max(start - beats_per_bar // 2, 0), min(start + beats_per_bar + beats_per_bar // 2, len(times) - 1)
        bpm = 60 * (b - a) / (times[b] - times[a])
        if not points or abs(bpm / points[-1].bpm - 1) > _TEMPO_TOLERANCE:
            points.append(TempoPoint(float(times[start]), round(float(bpm), 3)))
    return tuple(points)
