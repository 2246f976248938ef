"""How much is going on in a song and what that feels like: energy curve, mood of a stretch, summary of its spectrum.

Energy is loudness within the song: 1 where it is as loud as it gets, 0 where it is silent by comparison. Mood is a
rule of thumb, not a judgement: arousal from energy and onsets, valence from mode and brightness, as in Russell's
circumplex. It knows nothing of words, voice or style; it is there so that a prompt does not contradict the sound.
No samples and no storage here.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.music.features import SongFeatures

Array = NDArray[np.float64]

_STEP_S = 0.5
_SHORT_STEP_S = 0.1
_SHORT_SONG_S = 60.0
_SMOOTHING_S = 1.0
_SILENT_DB = -80.0
_RANGE_DB = (12.0, 40.0)  # between energy 0 and 1, at least and at most: a song of one loudness does not flicker
_BRIGHTNESS_HZ = (180.0, 2900.0)  # power centroids of twenty songs: 210 (bass and drums) to 1,280 (metal); log scale
_DRIVE_DB = (0.25, 0.85)  # mean onset strength: 0.22 and 0.31 without drums, 0.4 to 1.0 with
_MIN_MODE_MARGIN = 0.06  # by which major must beat minor, as a correlation, before a mode is named
_CURVE_STEP_S = 1.0

_KEYS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
# Krumhansl and Kessler (1982): how well each pitch class fits a key, from the tonic up
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

Mode = Literal["major", "minor", ""]
MoodName = Literal["calm", "melancholic", "dark", "neutral", "bright", "tense", "driving", "euphoric"]
"""Low arousal: calm, melancholic; middling: dark, neutral, bright; high: tense, driving, euphoric."""


@dataclass(frozen=True, slots=True)
class EnergyPoint:
    """How loud the song is about a time, 0 to 1 within the song."""

    time: float
    energy: float


@dataclass(frozen=True, slots=True)
class Mood:
    """A guess at the mood of a stretch.

    `energy` and `brightness` are 0 to 1; `mode` is "" where neither fits clearly better; `description` is three words
    for a prompt, such as "soft, muted, sparse".
    """

    name: MoodName
    energy: float
    brightness: float
    mode: Mode
    description: str


def energy_curve(features: SongFeatures) -> tuple[EnergyPoint, ...]:
    """Two points a second from 0 to the end, ten in a song under a minute; all 0 in silence.

    The level (dB of power, smoothed over a second) between the song's quiet and its loud: the 5th and the 95th
    percentile, but never less than 12 dB apart nor more than 40.
    """
    step_s = _SHORT_STEP_S if features.duration_s < _SHORT_SONG_S else _STEP_S
    times = np.round(np.arange(int(features.duration_s / step_s + 1e-9) + 1) * step_s, 3)
    energies = _energies(features, times)
    return tuple(EnergyPoint(float(t), round(float(e), 4)) for t, e in zip(times, energies, strict=True))


def mood(features: SongFeatures, energy: Sequence[EnergyPoint], start_s: float, end_s: float) -> Mood:
    """The mood between two times; `energy` is the song's curve."""
    level = float(np.mean([point.energy for point in energy if start_s <= point.time < end_s] or [0.0]))
    stretch = _rows(features.frame_rate_hz, start_s, end_s)
    brightness = _brightness(features, stretch)
    drive = _drive(features, start_s, end_s)
    margin = _mode_margin(_mean_chroma(features, stretch))
    mode: Mode = "" if abs(margin) < _MIN_MODE_MARGIN else "major" if margin > 0 else "minor"
    arousal = 0.6 * level + 0.4 * drive
    colour = 0.3 * (brightness - 0.5) * (level > 0)  # silence has none
    valence = 0.5 + float(np.clip(margin, -0.25, 0.25)) * (mode != "") + colour
    return Mood(
        name=_name(arousal, valence),
        energy=round(level, 3),
        brightness=round(brightness, 3),
        mode=mode,
        description=", ".join(
            (
                _word(level, "soft", "moderate", "loud"),
                _word(brightness, "muted", "warm", "bright"),
                _word(drive, "sparse", "steady", "busy"),
            )
        ),
    )


def spectral_summary(features: SongFeatures) -> dict[str, Any]:
    """Means over what sounds, a curve with one value a second, and the key, as plain numbers for a record.

    `key`: `tonic`, `mode` and `confidence`, by which the best key beats the best of another tonic or mode (0 to 1, from
    0.1 on it is rarely another); all empty in silence.
    """
    whole = slice(0, len(features.rms))
    names = ("centroid_hz", "bandwidth_hz", "rolloff_hz", "flatness")
    weights = _weights(features, whole)
    values = {name: np.asarray(getattr(features, name), dtype=np.float64) for name in names}
    starts = np.arange(0.0, features.duration_s - 1 / features.frame_rate_hz, _CURVE_STEP_S)
    seconds = [_rows(features.frame_rate_hz, start, start + _CURVE_STEP_S) for start in starts]
    return {
        "mean": {name: _rounded(np.average(row, weights=weights)) if len(row) else 0.0 for name, row in values.items()},
        "curve": {
            "step_s": _CURVE_STEP_S,
            **{name: [_rounded(row[second].mean()) for second in seconds] for name, row in values.items()},
        },
        "brightness": round(_brightness(features, whole), 3),
        "key": _key(_mean_chroma(features, whole)),
    }


def _rounded(value: float) -> float:
    return round(float(value), 4)


# --- Loudness ------------------------------------------------------------------------------------------------------


def _energies(features: SongFeatures, times: Array) -> Array:
    if not len(features.rms) or 20 * np.log10(max(float(features.rms.max()), 1e-9)) < _SILENT_DB:
        return np.zeros(len(times))
    level_db = _smoothed_db(features)
    quiet, loud = np.percentile(level_db[level_db > _SILENT_DB], (5, 95))
    span_db = float(np.clip(loud - quiet, *_RANGE_DB))
    at_db = np.interp(times, np.arange(len(level_db)) / features.frame_rate_hz, level_db)
    energies: Array = np.clip(1 - (loud - at_db) / span_db, 0.0, 1.0)
    return energies


def _smoothed_db(features: SongFeatures) -> Array:
    """Level of every frame in dB, of the mean power of the second around it."""
    power = features.rms.astype(np.float64) ** 2
    half = max(round(_SMOOTHING_S * features.frame_rate_hz / 2), 1)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    frames = np.arange(len(power))
    starts, stops = np.maximum(frames - half, 0), np.minimum(frames + half + 1, len(power))
    level_db: Array = 10 * np.log10((sums[stops] - sums[starts]) / (stops - starts) + 1e-12)
    return level_db


# --- Mood ----------------------------------------------------------------------------------------------------------


def _rows(rate_hz: float, start_s: float, end_s: float) -> slice:
    start = round(start_s * rate_hz)
    return slice(start, max(round(end_s * rate_hz), start + 1))


def _weights(features: SongFeatures, rows: slice) -> Array:
    """By how loud a frame is, so that silence has no colour."""
    return features.rms[rows].astype(np.float64) + 1e-9


def _brightness(features: SongFeatures, rows: slice) -> float:
    weights = _weights(features, rows)
    if not len(weights):
        return 0.0
    centroid_hz = float(np.average(features.centroid_hz[rows], weights=weights))
    low, high = np.log2(_BRIGHTNESS_HZ)
    return float(np.clip((np.log2(max(centroid_hz, 1.0)) - low) / (high - low), 0.0, 1.0))


def _drive(features: SongFeatures, start_s: float, end_s: float) -> float:
    onset = features.onset[_rows(features.onset_rate_hz, start_s, end_s)]
    low, high = _DRIVE_DB
    return float(np.clip((onset.mean() - low) / (high - low), 0.0, 1.0)) if onset.size else 0.0


def _name(arousal: float, valence: float) -> MoodName:
    by_valence: tuple[MoodName, MoodName, MoodName]
    if arousal < 0.35:
        by_valence = ("melancholic", "calm", "calm")
    elif arousal < 0.65:
        by_valence = ("dark", "neutral", "bright")
    else:
        by_valence = ("tense", "driving", "euphoric")
    return by_valence[(valence >= 0.42) + (valence >= 0.58)]


def _word(value: float, low: str, middle: str, high: str) -> str:
    return low if value < 0.35 else middle if value < 0.65 else high


# --- Key -----------------------------------------------------------------------------------------------------------


def _mean_chroma(features: SongFeatures, rows: slice) -> Array:
    weights = _weights(features, rows)
    return np.average(features.chroma[rows], axis=0, weights=weights) if len(weights) else np.zeros(12)


def _key_scores(chroma: Array) -> dict[tuple[int, Mode], float]:
    """Correlation of the mean chroma with each key's profile; none when it is flat."""
    if chroma.std() < 1e-6:
        return {}
    profiles: tuple[tuple[Mode, tuple[float, ...]], ...] = (("major", _MAJOR), ("minor", _MINOR))
    return {
        (tonic, mode): float(np.corrcoef(chroma, np.roll(profile, tonic))[0, 1])
        for tonic, (mode, profile) in itertools.product(range(12), profiles)
    }


def _mode_margin(chroma: Array) -> float:
    """By how much the best major key fits better than the best minor one."""
    scores = _key_scores(chroma)
    best = {"major": 0.0, "minor": 0.0}
    for (_, mode), score in scores.items():
        best[mode] = max(best[mode], score)
    return best["major"] - best["minor"]


def _key(chroma: Array) -> dict[str, Any]:
    scores = _key_scores(chroma)
    if not scores:
        return {"tonic": "", "mode": "", "confidence": 0.0}
    first, second = sorted(scores, key=lambda key: -scores[key])[:2]
    confidence = min(max(scores[first] - scores[second], 0.0), 1.0)
    return {"tonic": _KEYS[first[0]], "mode": first[1], "confidence": round(confidence, 3)}
