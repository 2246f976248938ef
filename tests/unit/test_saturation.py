import numpy as np
import pytest
from numpy.typing import NDArray

from audio_assets.domain.dsp.saturation import crushed, reference_level, saturated, squared

RATE_HZ = 44_100


def sine(hz: float = 220.0, level: float = 0.3, seconds: float = 1.0) -> NDArray[np.float32]:
    wave = level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def harmonic_db(samples: NDArray[np.float32], hz: float, number: int) -> float:
    """The level of an overtone against the first."""
    spectrum = np.abs(np.fft.rfft(samples[:RATE_HZ, 0] * np.hanning(RATE_HZ)))
    return float(20 * np.log10(spectrum[round(number * hz)] / spectrum[round(hz)] + 1e-9))


def test_saturation_adds_odd_overtones_and_holds_peaks() -> None:
    out = saturated(sine(), drive_db=18)
    assert harmonic_db(out, 220, 3) > -40
    assert harmonic_db(out, 220, 2) < -80  # symmetric: no even ones, no DC
    assert abs(out.mean()) < 1e-4
    music = np.concatenate([sine(level=0.02), sine(level=0.9, seconds=0.05), sine(level=0.02)])
    held = saturated(music, drive_db=12)
    loud, soft = np.abs(held[RATE_HZ : RATE_HZ + 2000]).max(), np.abs(held[20_000:24_000]).max()
    assert loud < 0.4
    assert soft == pytest.approx(0.02, rel=0.15)


def test_what_folds_back_lies_low() -> None:
    out = saturated(sine(hz=9000.0, level=0.5), drive_db=14)
    spectrum = np.abs(np.fft.rfft(out[:RATE_HZ, 0] * np.hanning(RATE_HZ)))
    alias_hz = 45_000 - 2 * 22_050 + 900  # 5 x 9 kHz would fold to 900 Hz
    assert 20 * np.log10(spectrum[alias_hz] / spectrum[9000]) < -60


def test_saturation_treats_quiet_sources_as_loud_ones() -> None:
    loud, quiet = saturated(sine(level=0.5), drive_db=9), saturated(sine(level=0.005), drive_db=9)
    assert np.allclose(loud, 100 * quiet, atol=1e-4)
    silence = np.zeros((100, 2), np.float32)
    assert np.array_equal(saturated(silence, drive_db=9), silence)
    assert reference_level(silence) == 0.0
    assert reference_level(silence[:0]) == 0.0


def test_squares_have_flat_tops_and_follow_the_level() -> None:
    out = squared(sine(), RATE_HZ, amount=1.0)
    assert -13 < harmonic_db(out, 220, 3) < -8  # a square's third is at -9.5 dB
    assert np.allclose(squared(sine(), RATE_HZ, amount=0.0), sine(), atol=1e-7)
    assert np.abs(squared(0.1 * sine(), RATE_HZ, amount=1.0)).max() == pytest.approx(0.1 * np.abs(out).max(), rel=0.05)


@pytest.mark.parametrize("bits", [2, 5, 8])
def test_few_bits_leave_few_levels_and_hold_them(bits: int) -> None:
    noise = np.random.default_rng(0).uniform(-0.7, 0.7, (RATE_HZ, 2)).astype(np.float32)
    out = crushed(noise, RATE_HZ, bits=bits, rate_hz=11_025)
    assert len(np.unique(out)) == 2**bits - 1
    runs = np.diff(np.flatnonzero(np.diff(out[:, 0], prepend=np.nan)))
    assert runs.min() == 4
    assert abs(out.mean()) < 0.02
    assert not crushed(np.zeros((50, 2), np.float32), RATE_HZ, bits=4, rate_hz=8000).any()


def test_full_rate_and_many_bits_change_next_to_nothing() -> None:
    assert np.abs(crushed(sine(), RATE_HZ, bits=16, rate_hz=44_100) - sine()).max() < 2e-5
