import numpy as np
import pytest

from audio_assets.domain.dsp.levels import clipped_runs, measure_levels, peak_db, rms_db, silent_ends_s

RATE_HZ = 16_000


def sine(seconds: float, amplitude: float = 1.0, hz: float = 1000.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def test_full_scale_sine_has_its_textbook_levels() -> None:
    assert peak_db(sine(1)) == pytest.approx(0.0, abs=0.01)
    assert rms_db(sine(1)) == pytest.approx(-3.0103, abs=0.001)


def test_int16_and_float_of_the_same_audio_agree() -> None:
    as_float = np.round(sine(0.5, 0.5) * 32768) / 32768
    assert measure_levels((as_float * 32768).astype(np.int16), RATE_HZ) == measure_levels(as_float, RATE_HZ)


def test_lowest_int16_is_full_scale_and_not_negative() -> None:
    assert peak_db(np.array([-32768, 0], dtype=np.int16)) == 0.0


def test_silence_has_no_level() -> None:
    levels = measure_levels(np.zeros(RATE_HZ, dtype=np.int16), RATE_HZ)
    assert (levels.peak_db, levels.rms_db) == (None, None)
    assert levels.is_silent


def test_no_samples_are_silent() -> None:
    assert measure_levels(np.zeros(0, dtype=np.int16), RATE_HZ).is_silent


def test_clipping_is_a_run_at_one_rail() -> None:
    clean, clipped = np.clip(sine(1, 0.9), -1, 1), np.clip(sine(1, 2.0, hz=100), -1, 1)
    assert clipped_runs(clean) == (0, 0)
    n_runs, longest = clipped_runs(clipped)
    assert n_runs == 200  # 100 periods, both rails
    assert longest == pytest.approx(RATE_HZ / 100 / 3, abs=1)  # above half amplitude for a third of a half wave, twice
    assert clipped_runs(np.array([0, 1, 1, 0, 1, -1, 1.0])) == (0, 2)


def test_silence_is_measured_at_each_end() -> None:
    audio = np.concatenate([np.zeros(1600), sine(0.5, 0.3), np.zeros(4800)])
    assert silent_ends_s(audio, RATE_HZ) == pytest.approx((0.1, 0.3), abs=0.01)
    assert silent_ends_s(audio[::-1], RATE_HZ) == pytest.approx((0.3, 0.1), abs=0.01)


def test_noise_under_the_threshold_is_silence() -> None:
    noise = 0.001 * np.random.default_rng(0).standard_normal(RATE_HZ)  # -60 dB
    assert silent_ends_s(noise, RATE_HZ) == (1.0, 1.0)
    assert silent_ends_s(noise, RATE_HZ, below_db=-70) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("samples", "complaint"),
    [
        (np.array([0.0, np.nan]), "NaN or infinity at sample 1"),
        (np.zeros(4, dtype=np.int32), "int32"),
        (np.zeros((1, 2, 3)), "shape"),
    ],
)
def test_what_is_not_audio_is_refused(samples: np.ndarray, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        measure_levels(samples, RATE_HZ)
