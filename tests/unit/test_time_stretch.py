import numpy as np
import pytest
from numpy.typing import NDArray

from audio_assets.domain.dsp.time_stretch import pitch_shifted, speed_changed, tempo_changed, transients

RATE_HZ = 44_100
TONES_HZ = (110.0, 220.3, 440.0, 1234.5, 3001.0)


def tones(seconds: float = 4.0) -> NDArray[np.float32]:
    """Five tones; the right channel is half the left."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    left = sum(np.sin(2 * np.pi * hz * time) for hz in TONES_HZ) / 6
    return np.stack([left, 0.5 * left], axis=1).astype(np.float32)


def cents_off(samples: NDArray[np.float32], expected_hz: float) -> float:
    """How far the strongest tone near `expected_hz` lies from it."""
    middle = samples[len(samples) // 5 : -len(samples) // 5, 0]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 20))
    hz = np.fft.rfftfreq(1 << 20, 1 / RATE_HZ)
    near = np.where(np.abs(hz / expected_hz - 1) < 0.02, spectrum, 0.0)
    return float(1200 * np.log2(hz[np.argmax(near)] / expected_hz))


def hits(every_s: float = 0.5, n: int = 8) -> tuple[NDArray[np.float32], list[int]]:
    """Bursts of noise over a soft tone, and where they begin."""
    samples = 0.2 * tones(every_s * (n + 1))
    random = np.random.default_rng(0)
    places = [round((i + 1) * every_s * RATE_HZ) - 3000 for i in range(n)]
    for place in places:
        samples[place : place + 4000] += (
            0.5 * random.standard_normal((4000, 1)) * np.exp(-np.arange(4000) / 600)[:, None]
        ).astype(np.float32)
    return samples, places


def attack(samples: NDArray[np.float32], place: int) -> tuple[int, float]:
    """Samples from 10 to 90 % of the peak of the envelope around `place`, and the level 5 to 25 ms before it."""
    envelope = np.convolve(np.abs(samples[place - 3000 : place + 3000, 0]), np.ones(64) / 64, mode="same")
    floor, top = envelope[:500].mean(), envelope.max()
    high = int(np.argmax(envelope > floor + 0.9 * (top - floor)))
    low = int(np.flatnonzero(envelope[:high] < floor + 0.1 * (top - floor))[-1])
    before = samples[place - 3000 + high - 1100 : place - 3000 + high - 220, 0]
    return high - low, float(np.sqrt(np.mean(before**2)))


@pytest.mark.parametrize("ratio", [0.5, 0.75, 0.92, 1.25, 2.0])
def test_tempo_keeps_pitch_level_and_stereo_and_is_exact_in_length(ratio: float) -> None:
    source = tones()
    out = tempo_changed(source, RATE_HZ, ratio)
    assert len(out) == round(len(source) / ratio)
    assert out.dtype == np.float32
    for hz in TONES_HZ:
        assert abs(cents_off(out, hz)) < 1.0
    middle = out[RATE_HZ // 2 : -RATE_HZ // 2]
    assert abs(20 * np.log10(middle[:, 0].std() / source[:, 0].std())) < 0.1
    assert np.allclose(out[:, 1], 0.5 * out[:, 0], atol=1e-6)


@pytest.mark.parametrize("ratio", [0.75, 0.92, 1.25])
def test_hits_stay_sharp_and_lie_where_the_tempo_puts_them(ratio: float) -> None:
    source, places = hits()
    found, _ = transients(source, RATE_HZ)
    assert len(found) == len(places)
    assert np.abs(found - np.array(places)).max() < 256
    out = tempo_changed(source, RATE_HZ, ratio)
    attacks = np.array([(*attack(source, place), *attack(out, round(place / ratio))) for place in places])
    rise, before, rise_out, before_out = attacks.mean(axis=0)
    assert rise_out < rise + 44  # a millisecond; a vocoder that smears takes 20 ms
    assert attacks[:, 2].max() < 4 * 44
    assert before_out < 1.1 * before  # no echo ahead of the hits
    heights = [np.abs(out[round(p / ratio) - 300 : round(p / ratio) + 300]).max() for p in places]
    assert min(heights) > 0.6 * max(np.abs(source[p : p + 300]).max() for p in places)


def test_no_change_is_no_change() -> None:
    source = tones(0.5)
    assert np.array_equal(tempo_changed(source, RATE_HZ, 1.0), source)
    assert np.array_equal(pitch_shifted(source, RATE_HZ, 0.0), source)
    assert np.array_equal(speed_changed(source, 1.0), source)


@pytest.mark.parametrize("n_samples", [0, 1, 100, 3000])
def test_very_short_sounds_are_taken(n_samples: int) -> None:
    source = tones(1.0)[:n_samples]
    assert len(tempo_changed(source, RATE_HZ, 0.8)) == round(n_samples / 0.8)
    assert len(pitch_shifted(source, RATE_HZ, 3.0)) == n_samples


@pytest.mark.parametrize("semitones", [-7.0, -0.5, 3.0, 12.0])
def test_pitch_is_exact_and_the_length_stays(semitones: float) -> None:
    source = tones()
    out = pitch_shifted(source, RATE_HZ, semitones)
    assert len(out) == len(source)
    for hz in TONES_HZ[:4]:
        assert abs(cents_off(out, hz * 2 ** (semitones / 12))) < 1.0


def test_speed_changes_both_by_the_ratio() -> None:
    source = tones()
    out = speed_changed(source, 1.28)
    assert len(out) == round(len(source) / 1.28)
    assert abs(cents_off(out, 440.0 * 1.28)) < 1.0


def test_silence_stays_silence_and_equal_input_gives_equal_bits() -> None:
    assert not tempo_changed(np.zeros((20_000, 2), np.float32), RATE_HZ, 0.8).any()
    source, _ = hits(n=3)
    assert np.array_equal(tempo_changed(source, RATE_HZ, 0.9), tempo_changed(source.copy(), RATE_HZ, 0.9))
