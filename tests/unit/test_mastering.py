import numpy as np
import pytest

from audio_assets.domain.dsp.loudness import measure_loudness
from audio_assets.domain.dsp.mastering import mastered, silence_trimmed, with_clean_ends

RATE_HZ = 44_100


def spiky(seconds: float = 4.0) -> np.ndarray:
    random = np.random.default_rng(0)
    samples = 0.02 * random.standard_normal((round(seconds * RATE_HZ), 2)) + 0.05
    samples[::11_025] += 0.9
    return samples.astype(np.float32)


@pytest.mark.parametrize("target_lufs", [-24.0, -16.0, -11.0])
def test_loudness_ceiling_and_no_dc(target_lufs: float) -> None:
    out, loudness = mastered(spiky(), RATE_HZ, target_lufs=target_lufs)
    measured = measure_loudness(out, RATE_HZ)
    assert measured == loudness
    assert measured.integrated_lufs == pytest.approx(target_lufs, abs=0.3)
    assert measured.true_peak_db is not None
    assert measured.true_peak_db <= -0.99
    assert np.abs(out.mean(axis=0)).max() < 2e-3
    assert out.shape == spiky().shape


def test_silence_stays_silent_and_noise_is_not_lifted_without_end() -> None:
    silence = np.zeros((RATE_HZ, 2), np.float32)
    out, loudness = mastered(silence, RATE_HZ, target_lufs=-14)
    assert not out.any()
    assert loudness.integrated_lufs is None
    faint, loudness = mastered(0.02 * spiky(), RATE_HZ, target_lufs=-14)
    assert loudness.integrated_lufs is not None
    assert loudness.integrated_lufs < -20
    assert np.abs(faint).max() < 0.7


def test_ends_rise_from_and_fall_to_nothing() -> None:
    out = with_clean_ends(np.ones((1000, 2), np.float32), 100, 300)
    assert out[0].max() == out[-1].max() == 0.0
    assert (out[100:700] == 1.0).all()
    assert (np.diff(out[:100, 0]) > 0).all()
    assert (np.diff(out[-300:, 0]) < 0).all()
    assert len(with_clean_ends(np.ones((10, 2), np.float32), 100, 100)) == 10


def test_only_silence_at_the_end_is_taken_off() -> None:
    samples = np.zeros((10 * 2205, 2), np.float32)
    samples[3 * 2205 : 6 * 2205] = 0.5
    assert len(silence_trimmed(samples, RATE_HZ)) == 6 * 2205
    assert len(silence_trimmed(samples[:0], RATE_HZ)) == 0
