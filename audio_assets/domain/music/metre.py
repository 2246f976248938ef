"""Which multiple of the pulse is the beat, where it falls, and which beat begins the bar.

Every reading of the pulse (a ratio and a shift of it) folds the song into one bar: how strongly low, middle and high
bands begin to sound at each twelfth of each beat, where the harmony changes, how alike bars and beats are. A linear
model (`metre_weights`) says how well a bar so folded looks like one that is counted that way. Nothing here finds a
pulse or places a beat.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from audio_assets.domain.music.features import SongFeatures
from audio_assets.domain.music.metre_weights import WEIGHTS
from audio_assets.domain.music.tempo import Pulse

Array = NDArray[np.float32]
Numbers = NDArray[np.float64]

PARTS = 12
"""A beat is looked at in twelfths: halves, thirds and quarters of it all fall on one."""

BARS = (4, 3)
"""Beats that a bar may have."""

_RATIOS = (1 / 3, 1 / 2, 2 / 3, 3 / 4, 1, 4 / 3, 3 / 2, 2, 3)
_SHIFTS = (0, 3, 4, 6, 8, 9)  # twelfths of a beat
_BPM_RANGE = (50.0, 220.0)
# Centre, standard deviation in octaves. Wide: at 0.45 it outweighed what is heard, and slow songs were counted double.
_BPM_PRIOR = (140.0, 0.7)
_COMMON_PULSES = 36  # every reading has a whole number of beats in them
_LIKELY = 0.5  # of the likeliest
_MIN_BEATS = 8
_ALIKE_AFTER = (1, 2, 3, 4, 6, 8)  # beats
_LATENCY_S = 0.01  # of onset frames; only for the harmony, whose frames have none
_HARMONY_S = 0.45
_THREE_FROM = 0.03  # how much more alike beats 3 and 6 apart are than those 2, 4 and 8 apart, in music in three


@dataclass(frozen=True)
class Reading:
    """Beats are where `phase` (of the pulse) times `ratio` less `shift` is whole.

    `probability` is that of this ratio and shift among all readings; `downbeat` the number of the first beat, counted
    from the first within the pulse, that begins a bar.
    """

    ratio: float
    shift: float
    beats_per_bar: int
    downbeat: int
    probability: float

    def first_phase(self, pulse: Pulse) -> float:
        """The phase of the pulse at the first beat."""
        return _first_beat(pulse, self.ratio) / self.ratio + self.shift / self.ratio


@dataclass(frozen=True)
class _Folded:
    """A reading and what it shows: strength (n_beats, 12, 3 + n_bands), change of harmony (n_beats,), tempo's prior."""

    ratio: float
    shift: int
    strength: Array
    change: Numbers
    prior: float

    @property
    def evidence(self) -> Numbers:
        """Shape (7, n_weights)."""
        return _evidence(self.strength, self.change, self.prior)


def read_metre(features: SongFeatures, white: Array, pulse: Pulse) -> Reading | None:
    """The likeliest reading of the pulse; None if the song has too few beats for any."""
    found = list(_readings(features, white, pulse))
    if not found:
        return None
    score = np.array([reading.evidence @ WEIGHTS for reading in found])
    probability = scipy.special.softmax(scipy.special.logsumexp(score, axis=1))
    best = _safest(found, probability, pulse.bpm)
    counted = int(np.argmax(score[best]))
    bar, downbeat = (BARS[0], counted) if counted < BARS[0] else (BARS[1], counted - BARS[0])
    return Reading(found[best].ratio, found[best].shift / PARTS, bar, downbeat, float(probability[best]))


def _safest(found: list[_Folded], probability: Numbers, pulse_bpm: float) -> int:
    """Of the likely readings the one whose beats are expected to agree most with the true ones."""
    likely = np.flatnonzero(probability >= _LIKELY * probability.max())
    expected = [
        sum(_agreement(found[i], other, pulse_bpm) ** 2 * p for other, p in zip(found, probability, strict=True))
        for i in likely
    ]
    return int(likely[int(np.argmax(expected))])


def _agreement(a: _Folded, b: _Folded, pulse_bpm: float) -> float:
    """F-measure of the beats of two readings, within 70 ms."""
    one, other = (np.arange(_COMMON_PULSES * r.ratio - 1e-6) / r.ratio + r.shift / PARTS / r.ratio for r in (a, b))
    apart = np.abs(one[:, None] - other)
    near = np.minimum(apart, _COMMON_PULSES - apart) <= 0.07 * pulse_bpm / 60
    return 2 * float(min(near.any(axis=0).sum(), near.any(axis=1).sum())) / (len(one) + len(other))


def _first_beat(pulse: Pulse, ratio: float) -> int:
    return int(np.ceil(pulse.phase[0] * ratio - 1e-9))


def _readings(features: SongFeatures, white: Array, pulse: Pulse) -> Iterator[_Folded]:
    three = np.stack([white[:, :2].mean(axis=1), white[:, 2:6].mean(axis=1), white[:, 6:].mean(axis=1)], axis=1)
    bands = scipy.ndimage.gaussian_filter1d(np.concatenate([three, white], axis=1), 0.8, axis=0)
    bands /= bands.mean(axis=0) + 1e-6
    for ratio in _RATIOS:
        bpm = pulse.bpm * ratio
        if not _BPM_RANGE[0] <= bpm <= _BPM_RANGE[1]:
            continue
        part = np.arange(_first_beat(pulse, ratio) * PARTS, np.floor(pulse.phase[-1] * ratio * PARTS) + 1)
        times = pulse.time_at(part / PARTS / ratio)
        at_parts = _interpolated(bands, times * features.onset_rate_hz)
        prior = -0.5 * (np.log2(bpm / _BPM_PRIOR[0]) / _BPM_PRIOR[1]) ** 2
        for shift in _SHIFTS:
            n = (len(part) - shift) // PARTS
            if n >= _MIN_BEATS:
                strength = at_parts[shift : shift + n * PARTS].reshape(n, PARTS, -1)
                change = _harmony_change(features, times[shift : shift + n * PARTS : PARTS] - _LATENCY_S)
                yield _Folded(ratio, shift, strength, change, float(prior))


def _interpolated(values: Array, at: Numbers) -> Array:
    """Rows of `values` between frames."""
    whole = np.clip(at.astype(np.int64), 0, len(values) - 2)
    part = np.clip(at - whole, 0, 1).astype(np.float32)[:, None]
    mixed: Array = values[whole] * (1 - part) + values[whole + 1] * part
    return mixed


def _harmony_change(features: SongFeatures, times: Numbers) -> Numbers:
    """How unlike the chroma is before and after each time, 0 to 1."""
    n = max(1, int(_HARMONY_S * features.frame_rate_hz))
    total = np.concatenate([np.zeros((1, 12)), np.cumsum(features.chroma, axis=0, dtype=np.float64)])
    last = len(total) - 1
    at = np.clip(np.round(times * features.frame_rate_hz).astype(np.int64), 0, last - 1)
    before, after = total[at] - total[np.maximum(at - n, 0)], total[np.minimum(at + n, last)] - total[at]
    norms = (np.linalg.norm(before, axis=1) + 1e-6) * (np.linalg.norm(after, axis=1) + 1e-6)
    change: Numbers = 1 - (before * after).sum(axis=1) / norms
    return change


def _evidence(strength: Array, change: Numbers, prior: float) -> Numbers:
    """What the weights weigh, one row for each bar that may be counted: of four from each beat, of three from each.

    A row has a block for bars of four and one for bars of three, the other's being 0, then how far the likeness of
    beats speaks against such a bar, and last the tempo.
    """
    _, two, three, four, six, eight = likeness = _likeness(strength[:, :, 3:])
    alike = 4 * likeness
    of_three = (three - (two + four) / 2) + (six - (four + eight) / 2) - _THREE_FROM
    against = 10 * np.repeat(np.maximum([of_three, -of_three], 0), BARS)
    blocks = [_bars(strength, change, alike, n_beats) for n_beats in BARS]
    blocks[1] = np.concatenate([blocks[1], np.ones((BARS[1], 1))], axis=1)
    return np.concatenate([scipy.linalg.block_diag(*blocks), against[:, None], np.full((sum(BARS), 1), prior)], axis=1)


def _bars(strength: Array, change: Numbers, alike: Numbers, n_beats: int) -> Numbers:
    """Pattern of the bar, harmony and likeness, if each of its beats were the first."""
    by_beat = np.stack([strength[beat::n_beats, :, :3].mean(axis=0) for beat in range(n_beats)])
    by_change = np.array([change[beat::n_beats].mean() for beat in range(n_beats)])
    rows = []
    for downbeat in range(n_beats):
        pattern = np.roll(by_beat, -downbeat, axis=0).reshape(-1, 3)
        pattern = np.sqrt(np.minimum(pattern / (pattern.mean(axis=0) + 0.05), 6))
        harmony = 4 * (np.roll(by_change, -downbeat) - by_change.mean())
        rows.append(np.concatenate([(pattern - pattern.mean(axis=0)).reshape(-1), harmony, alike]))
    return np.array(rows)


def _likeness(strength: Array) -> Numbers:
    """Mean correlation of beats with those some beats later."""
    beats = np.sqrt(strength).reshape(len(strength), -1)
    beats = beats - beats.mean()
    beats /= np.linalg.norm(beats, axis=1, keepdims=True) + 1e-6
    return np.array(
        [float((beats[n:] * beats[:-n]).sum(axis=1).mean()) if len(beats) > n else 0.0 for n in _ALIKE_AFTER]
    )
