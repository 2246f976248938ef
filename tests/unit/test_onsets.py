"""Onsets of clicks and notes at known times."""

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.music.features import RATE_HZ
from audio_assets.domain.music.onsets import find_onsets
from tests.unit.test_song_features import extracted

RNG = np.random.default_rng(7)
TIMES = np.cumsum(RNG.uniform(0.2, 0.6, 45)) + 0.3
N = round((TIMES[-1] + 1) * RATE_HZ)


def clicks() -> NDArray[np.float32]:
    samples = np.zeros(N, np.float32)
    for time in TIMES:
        at = round(time * RATE_HZ)
        samples[at : at + 40] += RNG.uniform(0.3, 1) * RNG.normal(0, 0.5, 40)
    return samples


def notes() -> NDArray[np.float32]:
    samples = np.zeros(N, np.float32)
    for time in TIMES:
        at = round(time * RATE_HZ)
        t = np.arange(min(N - at, RATE_HZ)) / RATE_HZ
        hz = 220 * 2 ** (RNG.integers(0, 25) / 12)
        wave = sum(np.sin(2 * np.pi * hz * k * t) / k for k in (1, 2, 3, 4))
        samples[at : at + len(t)] += 0.2 * wave * np.exp(-5 * t) * np.minimum(1, t / 0.004)
    return samples


def f_measure(found: NDArray[np.float64], true: NDArray[np.float64], within_s: float) -> float:
    near = np.abs(found[:, None] - true) <= within_s
    return 2 * float(min(near.any(axis=0).sum(), near.any(axis=1).sum())) / (len(found) + len(true))


def test_clicks_and_notes_are_found_within_15_ms() -> None:
    for samples in (clicks(), notes(), clicks() + RNG.normal(0, 0.002, N)):
        onsets = find_onsets(extracted(samples))
        times = np.array([onset.time for onset in onsets])
        assert f_measure(times, TIMES, 0.015) >= 0.95
        assert abs(np.median([t - TIMES[np.abs(TIMES - t).argmin()] for t in times])) < 0.006


def test_onsets_are_in_order_within_the_song_and_rated_0_to_1() -> None:
    features = extracted(notes())
    onsets = find_onsets(features)
    times = [onset.time for onset in onsets]
    assert times == sorted(set(times))
    assert min(times) >= 0
    assert max(times) <= features.duration_s
    assert all(0 <= onset.strength <= 1 for onset in onsets)
    assert onsets == find_onsets(features)


def test_louder_is_stronger() -> None:
    samples = np.zeros(8 * RATE_HZ, np.float32) + RNG.normal(0, 1e-3, 8 * RATE_HZ)
    for time in range(1, 8):
        samples[time * RATE_HZ : time * RATE_HZ + 200] += RNG.normal(0, 0.5 if time % 2 else 0.02, 200)
    strengths = [onset.strength for onset in find_onsets(extracted(samples)) if onset.time > 0.5]
    assert len(strengths) == 7
    assert min(strengths[::2]) > max(strengths[1::2])


def test_silence_noise_and_a_moment_have_no_onsets_to_speak_of() -> None:
    assert find_onsets(extracted(np.zeros(RATE_HZ, np.float32))) == ()
    assert find_onsets(extracted(np.zeros(10, np.float32))) == ()
    noise = find_onsets(extracted(RNG.normal(0, 0.1, 20 * RATE_HZ).astype(np.float32)))
    assert len(noise) < 10
