import numpy as np
import pytest
from numpy.typing import NDArray

from audio_assets.domain.dsp.reverb import convolved, echoed, hall, reverberated, smeared

RATE_HZ = 44_100


def noise(n: int, seed: int = 0) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(seed).standard_normal((n, 2))).astype(np.float32)


def decay_time_s(answer: NDArray[np.float32]) -> float:
    """From -5 to -25 dB of the energy still to come, times three (ISO 3382)."""
    left = np.cumsum(np.square(answer[::-1].astype(np.float64)))[::-1]
    level = 10 * np.log10(left / left[0] + 1e-12)
    return float(3 * (np.argmax(level < -25) - np.argmax(level < -5)) / RATE_HZ)


@pytest.mark.parametrize("decay_s", [0.8, 2.0, 4.0])
def test_a_hall_dies_away_in_the_time_it_is_asked_for(decay_s: float) -> None:
    answer = hall(RATE_HZ, decay_s, 18_000)
    assert decay_time_s(answer[:, 0]) == pytest.approx(decay_s, rel=0.12)
    assert np.sum(np.square(answer), axis=0) == pytest.approx([1.0, 1.0], abs=1e-4)
    assert abs(np.corrcoef(answer[:, 0], answer[:, 1])[0, 1]) < 0.2  # wide


def test_treble_dies_before_bass() -> None:
    answer = hall(RATE_HZ, 3.0, 2000)
    spectra = [np.abs(np.fft.rfft(answer[start : start + 8192, 0])) for start in (2000, 60_000)]
    treble = [spectrum[2500:].mean() / spectrum[20:200].mean() for spectrum in spectra]
    assert treble[1] < 0.5 * treble[0]


def test_convolution_is_the_textbook_one() -> None:
    sound, answer = noise(9000), noise(700, 1)
    expected = np.stack([np.convolve(sound[:, c], answer[:, c]) for c in (0, 1)], axis=1)
    assert np.allclose(convolved(sound, answer), expected, atol=1e-5)


def test_a_dry_mix_is_the_sound_and_power_is_kept() -> None:
    sound = noise(2 * RATE_HZ)
    dry = reverberated(sound, RATE_HZ, decay_s=1.0, mix=0.0)
    assert len(dry) == len(sound) + RATE_HZ
    assert np.allclose(dry[: len(sound)], sound, atol=1e-6)
    for mix in (0.3, 0.6, 1.0):
        wet = reverberated(sound, RATE_HZ, decay_s=1.0, mix=mix, damping_hz=20_000)
        assert wet[RATE_HZ : 2 * RATE_HZ].std() == pytest.approx(sound.std(), rel=0.15)


def test_echoes_come_at_their_time_on_changing_sides_and_end() -> None:
    click = np.zeros((1000, 2), np.float32)
    click[10, 0] = 1.0
    out = echoed(click, 5000, feedback=0.5, mix=0.5)
    assert np.argmax(np.abs(out[3000:7000, 0])) + 3000 == 5010
    assert np.argmax(np.abs(out[8000:12_000, 1])) + 8000 in range(10_010, 10_014)
    assert np.abs(out[-5000:]).max() < 2e-3


def test_blur_softens_hits_keeps_power_colour_and_image() -> None:
    clicks = np.zeros((4 * RATE_HZ, 2), np.float32)
    clicks[:: RATE_HZ // 2, 0] = 1.0
    clicks[:: RATE_HZ // 2, 1] = 0.5
    blurred = smeared(clicks, RATE_HZ, window_s=0.4, mix=1.0, seed=1)
    assert np.abs(blurred).max() < 0.1
    assert np.allclose(blurred[:, 1], 0.5 * blurred[:, 0], atol=1e-6)
    sound = noise(4 * RATE_HZ)
    spread = smeared(sound, RATE_HZ, window_s=0.3, mix=1.0, seed=1)
    assert spread[RATE_HZ:-RATE_HZ].std() == pytest.approx(sound.std(), rel=0.1)
    assert np.allclose(smeared(sound, RATE_HZ, window_s=0.3, mix=0.0, seed=1), sound, atol=1e-6)
    assert np.array_equal(spread, smeared(sound, RATE_HZ, window_s=0.3, mix=1.0, seed=1))
    assert not np.array_equal(spread, smeared(sound, RATE_HZ, window_s=0.3, mix=1.0, seed=2))
