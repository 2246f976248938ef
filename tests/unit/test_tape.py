import numpy as np
import pytest
from numpy.typing import NDArray

from audio_assets.domain.dsp.tape import vinyl_noise, wobbled

RATE_HZ = 44_100


def sine(hz: float = 1000.0, seconds: float = 8.0) -> NDArray[np.float32]:
    wave = 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    return np.stack([wave, 0.5 * wave], axis=1).astype(np.float32)


def cents(samples: NDArray[np.float32], hz: float) -> NDArray[np.float64]:
    """How far the pitch strays from `hz`, over time: from the phase of the analytic signal."""
    spectrum = np.fft.fft(samples[:, 0].astype(np.float64))
    spectrum[len(spectrum) // 2 :] = 0.0
    turn = np.diff(np.unwrap(np.angle(np.fft.ifft(spectrum)))) * RATE_HZ / (2 * np.pi)
    smooth = np.convolve(turn, np.ones(441) / 441, mode="valid")[RATE_HZ // 2 : -RATE_HZ // 2]
    strayed: NDArray[np.float64] = 1200 * np.log2(smooth / hz)
    return strayed


def test_wow_strays_as_far_as_asked_and_comes_back() -> None:
    out = wobbled(sine(), RATE_HZ, wow_cents=20, wow_hz=0.7, flutter_cents=0, flutter_hz=7, seed=1)
    strayed = cents(out, 1000)
    assert 12 < np.abs(strayed).max() < 23
    assert abs(strayed.mean()) < 4
    assert out.shape == sine().shape
    assert np.allclose(out[:, 1], 0.5 * out[:, 0], atol=1e-6)


def test_flutter_is_fast() -> None:
    strayed = cents(wobbled(sine(), RATE_HZ, wow_cents=0, wow_hz=1, flutter_cents=8, flutter_hz=7, seed=1), 1000)
    spectrum = np.abs(np.fft.rfft(strayed - strayed.mean()))
    assert np.argmax(spectrum) * RATE_HZ / len(strayed) == pytest.approx(7.0, abs=0.3)
    assert np.abs(strayed).max() == pytest.approx(8.0, rel=0.15)


def test_a_steady_tape_adds_no_noise() -> None:
    still = wobbled(sine(), RATE_HZ, wow_cents=0, wow_hz=1, flutter_cents=0, flutter_hz=7, seed=1)
    assert np.abs(still - sine())[100:-100].max() < 1e-5
    moved = wobbled(sine(5000.0), RATE_HZ, wow_cents=10, wow_hz=0.5, flutter_cents=0, flutter_hz=7, seed=1)
    spectrum = np.abs(np.fft.rfft(moved[:, 0] * np.hanning(len(moved))))
    hz = np.fft.rfftfreq(len(moved), 1 / RATE_HZ)
    far = np.abs(hz - 5000) > 200
    assert 20 * np.log10(spectrum[far].max() / spectrum.max()) < -90  # what interpolation leaves


def test_crackle_and_hiss_lie_under_the_music_by_what_is_asked() -> None:
    music = sine()
    peak = 4 * music.std()
    crackle = vinyl_noise(music, RATE_HZ, crackle_db=-20, hiss_db=-100, clicks_per_s=10, seed=3)
    assert np.abs(crackle).max() == pytest.approx(peak * 0.1, rel=0.15)
    hiss = vinyl_noise(music, RATE_HZ, crackle_db=-80, hiss_db=-40, clicks_per_s=0, seed=3)
    assert hiss.std() == pytest.approx(peak * 0.01, rel=0.15)
    assert abs(crackle.mean()) < 1e-5


def test_more_clicks_where_more_are_asked_and_the_same_for_the_same_seed() -> None:
    def n_clicks(rate: float, seed: int = 3) -> int:
        noise = vinyl_noise(sine(), RATE_HZ, crackle_db=-10, hiss_db=-100, clicks_per_s=rate, seed=seed)
        loud = np.abs(noise[:, 0]) > 0.05 * np.abs(noise).max()
        return int(np.count_nonzero(np.diff(np.flatnonzero(loud)) > 200))

    assert 30 < n_clicks(8) < 90
    assert n_clicks(40) > 2.5 * n_clicks(8)
    first, again, other = (
        vinyl_noise(sine(), RATE_HZ, crackle_db=-10, hiss_db=-60, clicks_per_s=5, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_silence_gets_no_noise() -> None:
    silence = np.zeros((RATE_HZ, 2), np.float32)
    assert not vinyl_noise(silence, RATE_HZ, crackle_db=-10, hiss_db=-30, clicks_per_s=20, seed=1).any()
