"""Where notes and drums begin: peaks of the onset strength of all bands. No beats, no samples."""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from audio_assets.domain.music.features import SongFeatures

_LATENCY_S = -0.003  # from the start of a click (-6 ms) or note (0) to its highest onset frame
_N_STRONGEST = 3  # bands that count: a note is heard in few of the eight, a drum in most
_APART_S = 0.05  # two onsets closer than this are one
_LOCAL_S = 0.3
_OVER_LOCAL = 1.5  # times the mean around
_FAINTEST = 0.15  # of the strong onsets of the song
_LEAST_DB = 4.0  # rises of steady noise are rarely larger


@dataclass(frozen=True, slots=True)
class Onset:
    """The time in seconds at which something begins to sound, and how strongly, 0 to 1."""

    time: float
    strength: float


def find_onsets(features: SongFeatures) -> tuple[Onset, ...]:
    """Every onset in order of time; none in silence."""
    rate_hz = features.onset_rate_hz
    if len(features.onset) < 3 or features.onset.max() <= 0:
        return ()
    rise_db = np.sort(features.onset, axis=1)[:, -_N_STRONGEST:].mean(axis=1)
    top_db = float(np.percentile(rise_db[rise_db > _LEAST_DB], 98)) if (rise_db > _LEAST_DB).any() else 0.0
    if top_db <= 0:
        return ()
    threshold = np.maximum(
        _OVER_LOCAL * scipy.ndimage.uniform_filter1d(rise_db, round(_LOCAL_S * rate_hz) | 1, mode="constant"),
        max(_LEAST_DB, _FAINTEST * top_db),
    )
    highest_around = scipy.ndimage.maximum_filter1d(rise_db, round(_APART_S * rate_hz) | 1)
    peaks = np.flatnonzero((rise_db == highest_around) & (rise_db > threshold))
    peaks = peaks[np.diff(peaks, prepend=-10) > 1]
    times = np.clip(_interpolated(rise_db, peaks) / rate_hz - _LATENCY_S, 0, features.duration_s)
    strengths = np.minimum(rise_db[peaks] / top_db, 1)
    return tuple(Onset(round(float(t), 4), round(float(s), 3)) for t, s in zip(times, strengths, strict=True))


def _interpolated(values: NDArray[np.float32], peaks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Where the parabola through each peak and its neighbours is highest, in frames."""
    middle = peaks.clip(1, len(values) - 2)
    before, at, after = (values[middle + k].astype(np.float64) for k in (-1, 0, 1))
    curve = np.minimum(before - 2 * at + after, -1e-9)
    offset = np.where(peaks == middle, 0.5 * (before - after) / curve, 0.0)
    return np.asarray(peaks + offset.clip(-0.5, 0.5), dtype=np.float64)
