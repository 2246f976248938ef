"""Where notes and drums begin: peaks of onset strength over all bands. No beats, no samples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audio_assets.domain.music.features import SongFeatures


@dataclass(frozen=True, slots=True)
class Onset:
    """The time in seconds at which something begins to sound, and how strongly, 0 to 1."""

    time: float
    strength: float


def find_onsets(features: SongFeatures) -> tuple[Onset, ...]:
    """Every onset in order of time."""
    strength = features.onset.mean(axis=1)
    if len(strength) < 3 or strength.max() <= 0:
        return ()
    local = ndimage.uniform_filter1d(strength, 21)
    peaks = np.flatnonzero((strength == ndimage.maximum_filter1d(strength, 5)) & (strength > local + 1.0))
    top = float(np.percentile(strength[peaks], 95)) if len(peaks) else 1.0
    at = _between(strength, peaks) / features.onset_rate_hz
    return tuple(
        Onset(round(float(min(max(time, 0.0), features.duration_s)), 4), round(float(min(s / top, 1.0)), 3))
        for time, s in zip(at, strength[peaks], strict=True)
    )


def _between(values: NDArray[np.float32], peaks: NDArray[np.int64]) -> NDArray[np.float64]:
    inner = peaks.clip(1, len(values) - 2)
    a, b, c = (values[inner + k].astype(np.float64) for k in (-1, 0, 1))
    curve = a - 2 * b + c
    return peaks + np.where(curve < 0, 0.5 * (a - c) / np.where(curve < 0, curve, 1.0), 0.0).clip(-0.5, 0.5)
