"""The beats, bars and tempo of a song, from its features. No samples, no storage."""

import numpy as np

from audio_assets.domain.music.analysis import Beat, BeatGrid, TempoPoint
from audio_assets.domain.music.features import SongFeatures


def track_beats(features: SongFeatures) -> BeatGrid:
    """The beat grid of the whole song; never raises for a song without beats."""
    strength = features.onset.mean(axis=1)
    if len(strength) < 200 or strength.max() <= 0:
        return BeatGrid(0.0, (), (), 4, (), 0.0, features.duration_s)
    strength = strength - strength.mean()
    spectrum = np.abs(np.fft.rfft(strength, 2 * len(strength))) ** 2
    ac = np.fft.irfft(spectrum)
    lags = np.arange(25, 100)
    comb = sum(ac[k * lags] / k for k in (1, 2, 4) if k * 100 < len(ac))
    lag = lags[np.argmax(comb * np.exp(-0.5 * np.log2(lags / 43) ** 2))]
    phase = int(np.argmax([strength[p::lag].mean() for p in range(lag)]))
    times = np.arange(phase, len(strength), lag) / features.onset_rate_hz
    times = times[times <= features.duration_s]
    bpm = 60 * features.onset_rate_hz / lag
    beats = tuple(Beat(float(t), 0.5) for t in times)
    return BeatGrid(
        float(bpm),
        beats,
        tuple(float(t) for t in times[::4]),
        4,
        (TempoPoint(0.0, float(bpm)),),
        0.5,
        features.duration_s,
    )
