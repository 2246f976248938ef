import numpy as np
import pyloudnorm
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.dsp.loudness import (
    LoudnessMeter,
    TruePeakLimiter,
    TruePeakMeter,
    k_weighting,
    measure_loudness,
)

RATE_HZ = 48_000


def noise(seconds: float, rate_hz: int = RATE_HZ, n_channels: int = 2, level: float = 0.1, seed: int = 0) -> np.ndarray:
    shape = (round(seconds * rate_hz), n_channels)
    return (level * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def cut(block: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    return np.split(block, np.cumsum(sizes)[np.cumsum(sizes) < len(block)])


def test_k_weighting_gives_the_standards_table_at_48_khz() -> None:
    shelf, high_pass = k_weighting(48_000)
    assert shelf == pytest.approx(
        [1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585], abs=1e-9
    )
    assert high_pass == pytest.approx([1.0, -2.0, 1.0, -1.99004745483398, 0.99007225036621], abs=1e-9)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
def test_the_standards_reference_tone(rate_hz: int) -> None:
    tone = np.sin(2 * np.pi * 997 * np.arange(rate_hz * 4) / rate_hz)
    assert measure_loudness(tone, rate_hz).integrated_lufs == pytest.approx(-3.01, abs=0.02)
    both = np.stack([tone, tone], axis=1)
    assert measure_loudness(both, rate_hz).integrated_lufs == pytest.approx(0.0, abs=0.02)


def test_gain_moves_loudness_and_peaks_by_itself() -> None:
    loud, soft = measure_loudness(noise(5), RATE_HZ), measure_loudness(noise(5) * np.float32(0.5), RATE_HZ)
    for before, after in (
        (loud.integrated_lufs, soft.integrated_lufs),
        (loud.true_peak_db, soft.true_peak_db),
        (loud.peak_db, soft.peak_db),
    ):
        assert before is not None
        assert after == pytest.approx(before - 6.0206, abs=1e-3)


def test_pauses_do_not_count() -> None:
    talk = noise(5)
    with_pause = np.concatenate([talk, np.zeros_like(talk), talk])
    whole, alone = measure_loudness(with_pause, RATE_HZ), measure_loudness(talk, RATE_HZ)
    assert whole.integrated_lufs == pytest.approx(alone.integrated_lufs, abs=0.2)


@pytest.mark.parametrize("rate_hz", [24_000, 44_100, 48_000])
def test_agrees_with_pyloudnorm(rate_hz: int) -> None:
    swell = noise(20, rate_hz) * (1 + np.sin(np.arange(20 * rate_hz) / rate_hz)[:, np.newaxis]).astype(np.float32)
    expected = pyloudnorm.Meter(rate_hz).integrated_loudness(swell.astype(np.float64))
    assert measure_loudness(swell, rate_hz).integrated_lufs == pytest.approx(expected, abs=0.1)


def test_range_of_two_levels_is_their_distance() -> None:
    steps = np.concatenate([noise(30), noise(30) * np.float32(10 ** (-10 / 20))])
    assert measure_loudness(steps, RATE_HZ).range_lu == pytest.approx(10.0, abs=0.3)
    assert measure_loudness(noise(2), RATE_HZ).range_lu is None


def test_silence_and_blinks_have_no_loudness() -> None:
    silent = measure_loudness(np.zeros((RATE_HZ, 2)), RATE_HZ)
    assert (silent.integrated_lufs, silent.true_peak_db, silent.peak_db) == (None, None, None)
    assert measure_loudness(noise(0.39), RATE_HZ).integrated_lufs is None
    assert measure_loudness(noise(0.41), RATE_HZ).integrated_lufs is not None


def test_true_peak_finds_what_lies_between_samples() -> None:
    n = np.arange(RATE_HZ)
    for phase in np.linspace(0, np.pi / 2, 5):
        tone = np.sin(2 * np.pi * 0.25 * n + phase)  # a quarter of the rate: samples miss the crest by up to 3 dB
        assert measure_loudness(tone, RATE_HZ).true_peak_db == pytest.approx(0.0, abs=0.2 if phase else 0.3)


def test_true_peak_is_never_under_the_sample_peak() -> None:
    for seed in range(5):
        measured = measure_loudness(noise(0.5, seed=seed), RATE_HZ)
        assert measured.true_peak_db is not None
        assert measured.true_peak_db >= measured.peak_db


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=12))
def test_blocks_do_not_change_the_measure(sizes: list[int]) -> None:
    audio = noise(1.2, 44_100)
    meter = LoudnessMeter(44_100, 2)
    for block in cut(audio, sizes):
        meter.add(block)
    assert meter.result() == measure_loudness(audio, 44_100)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=12))
def test_blocks_do_not_change_the_limiter(sizes: list[int]) -> None:
    audio = noise(0.6, level=0.4)
    assert np.array_equal(limited(cut(audio, sizes)), limited([audio]))


def limited(blocks: list[np.ndarray], rate_hz: int = RATE_HZ, ceiling_db: float = -1.0) -> np.ndarray:
    limiter = TruePeakLimiter(rate_hz, blocks[0].shape[1], ceiling_db=ceiling_db)
    return np.concatenate([*(limiter.push(block) for block in blocks), limiter.flush()])


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("ceiling_db", [-1.0, -6.0])
def test_limiter_holds_its_ceiling(rate_hz: int, ceiling_db: float) -> None:
    audio = noise(2, rate_hz, level=0.5)
    audio[rate_hz // 2] = 1.5
    audio[-1] = audio[0] = 2.0
    out = limited([audio], rate_hz, ceiling_db)
    assert len(out) == len(audio)
    peak = measure_loudness(out, rate_hz).true_peak_db
    assert peak is not None
    assert ceiling_db - 0.5 < peak <= ceiling_db


def test_limiter_leaves_quiet_audio_alone() -> None:
    audio = noise(1, level=0.05)
    assert np.array_equal(limited([audio]), audio)


def test_limiter_touches_only_the_time_around_a_peak() -> None:
    audio = noise(2, level=0.05)
    audio[RATE_HZ] = 1.5
    changed = np.flatnonzero((limited([audio]) != audio).any(axis=1))
    assert RATE_HZ - 0.008 * RATE_HZ < changed[0] <= RATE_HZ
    assert changed[-1] < 1.0 * RATE_HZ + 1.5 * RATE_HZ


def test_limiter_keeps_sample_positions() -> None:
    audio = np.zeros((1000, 1), dtype=np.float32)
    audio[500] = 0.5
    assert np.argmax(limited([audio])) == 500


def test_meter_of_nothing() -> None:
    assert TruePeakMeter(2).peak() == 0.0
    assert LoudnessMeter(RATE_HZ, 2).result().integrated_lufs is None


@pytest.mark.parametrize("seed", range(4))
def test_true_peak_is_that_of_a_much_finer_signal(seed: int) -> None:
    audio = soxr.resample(noise(0.5, 32_000, 1, seed=seed), 32_000, RATE_HZ)  # nothing near the edge of the band
    fine = soxr.resample(audio, RATE_HZ, 8 * RATE_HZ, "VHQ")
    expected_db = 20 * np.log10(np.abs(fine).max())
    assert measure_loudness(audio, RATE_HZ).true_peak_db == pytest.approx(expected_db, abs=0.1)


def test_limiter_takes_its_time_before_a_peak() -> None:
    audio = np.full((RATE_HZ, 1), 0.1, dtype=np.float32)
    audio[RATE_HZ // 2] = 1.8
    gain = limited([audio])[:, 0] / audio[:, 0]
    before = gain[RATE_HZ // 2 - 400 : RATE_HZ // 2]
    assert (np.diff(before) <= 1e-6).all()
    assert before[0] == 1.0
    assert before[-1] < 0.55
    assert np.abs(np.diff(gain)).max() < 0.005  # a gain that falls at once would step by half


@pytest.mark.parametrize("share", [0.1003, 0.2503, 0.3503, 0.4003])
def test_true_peak_of_a_tone_is_its_amplitude(share: float) -> None:
    """The rate's share is no simple fraction, so that some sample of the finer signal meets a crest."""
    tone = 0.5 * np.sin(2 * np.pi * share * np.arange(RATE_HZ)) * np.hanning(RATE_HZ)
    assert measure_loudness(tone, RATE_HZ).true_peak_db == pytest.approx(-6.02, abs=0.05)
