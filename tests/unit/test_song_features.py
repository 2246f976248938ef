"""Features of a song: laws of the one pass, the bytes, and values that follow from the signal."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_assets.domain.music.features import RATE_HZ, FeatureExtractor, SongFeatures, from_bytes, to_bytes

ARRAYS = ("mel_db", "chroma", "onset", "rms", "centroid_hz", "bandwidth_hz", "rolloff_hz", "flatness")


def extracted(samples: NDArray[Any], block: int = 50_000) -> SongFeatures:
    extractor = FeatureExtractor()
    for start in range(0, len(samples), block):
        extractor.push(samples[start : start + block].astype(np.float32))
    return extractor.finish()


def tone(hz: float, duration_s: float, level: float = 0.5) -> NDArray[np.float32]:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(duration_s * RATE_HZ)) / RATE_HZ)).astype(np.float32)


def equal(a: SongFeatures, b: SongFeatures) -> bool:
    numbers = (a.frame_rate_hz, a.onset_rate_hz, a.duration_s) == (b.frame_rate_hz, b.onset_rate_hz, b.duration_s)
    return numbers and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ARRAYS)


@pytest.mark.parametrize("block", [1, 255, 4096, 10**9])
def test_how_the_samples_are_cut_changes_no_bit(block: int) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, 9000 if block == 1 else 130_000).astype(np.float32)
    assert equal(extracted(samples), extracted(samples, block))


def test_bytes_come_back_as_they_went_and_are_the_same_twice() -> None:
    features = extracted(np.random.default_rng(2).normal(0, 0.1, 60_000).astype(np.float32))
    assert equal(from_bytes(to_bytes(features)), features)
    assert to_bytes(features) == to_bytes(from_bytes(to_bytes(features)))


def test_bytes_of_something_else_and_cut_bytes_are_refused() -> None:
    data = to_bytes(extracted(tone(440, 1)))
    with pytest.raises(ValueError, match="not features of a song"):
        from_bytes(b"RIFF")
    with pytest.raises(ValueError, match="cut"):
        from_bytes(data[:-10])


def test_frames_cover_the_song_and_have_their_shapes() -> None:
    features = extracted(tone(440, 10))
    n = len(features.rms)
    assert features.duration_s == 10
    assert 0 <= n / features.frame_rate_hz - 10 < 0.05
    assert features.mel_db.shape == (n, 40)
    assert features.chroma.shape == (n, 12)
    assert 0 <= len(features.onset) / features.onset_rate_hz - 10 < 0.012
    assert all(getattr(features, name).dtype == np.float32 for name in ARRAYS)


def test_a_tone_has_its_pitch_class_level_and_centre() -> None:
    features = extracted(tone(440, 4))
    inner = slice(10, -10)
    assert (features.chroma[inner].argmax(axis=1) == 9).all()
    np.testing.assert_allclose(features.rms[inner], 0.5 / np.sqrt(2), rtol=0.01)
    np.testing.assert_allclose(features.centroid_hz[inner], 440, rtol=0.02)
    np.testing.assert_allclose(features.rolloff_hz[inner], 440, atol=45)
    assert features.flatness[inner].max() < 0.01


def test_noise_is_flat_and_wide() -> None:
    features = extracted(np.random.default_rng(3).normal(0, 0.1, 5 * RATE_HZ).astype(np.float32))
    inner = slice(5, -5)
    assert features.flatness[inner].min() > 0.5
    np.testing.assert_allclose(features.centroid_hz[inner].mean(), RATE_HZ / 4, rtol=0.05)


def test_chroma_is_1_at_its_highest_or_all_0() -> None:
    features = extracted(np.concatenate([np.zeros(2 * RATE_HZ, np.float32), tone(261.6, 2)]))
    highest = features.chroma.max(axis=1)
    assert set(np.round(highest, 3)) == {0.0, 1.0}
    assert highest[:30].max() == 0


def test_a_frame_is_centred_at_its_time() -> None:
    samples = np.zeros(5 * RATE_HZ, np.float32)
    samples[3 * RATE_HZ :] = tone(1000, 2)
    features = extracted(samples)
    onset_s = features.onset.mean(axis=1).argmax() / features.onset_rate_hz
    assert abs(onset_s - 3) < 0.025
    half = np.flatnonzero(features.rms > features.rms.max() / 2)[0] / features.frame_rate_hz
    assert abs(half - 3) < 0.05


def test_level_changes_no_onset() -> None:
    samples = np.random.default_rng(4).normal(0, 0.1, 4 * RATE_HZ).astype(np.float32)
    samples *= np.arange(len(samples)) % (RATE_HZ // 2) < RATE_HZ // 10
    assert np.abs(extracted(samples).onset - extracted(samples / 4).onset).max() < 0.1


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.float32),
        np.zeros(1, np.float32),
        np.zeros(30_000, np.float32),
        np.full(30_000, 0.5, np.float32),
        np.sign(tone(100, 2)),
        np.full(5000, np.nan, np.float32),
        np.full(5000, np.inf, np.float32),
    ],
)
def test_any_samples_give_finite_values(samples: NDArray[np.float32]) -> None:
    features = extracted(samples)
    assert all(np.isfinite(getattr(features, name)).all() for name in ARRAYS)
    assert features.mel_db.min(initial=0) >= -100.1
