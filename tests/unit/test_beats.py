"""The beat grid: laws of any grid, then songs whose beats are known."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from audio_assets.domain.music.analysis import BeatGrid
from audio_assets.domain.music.beats import track_beats
from audio_assets.domain.music.features import RATE_HZ, from_bytes, to_bytes
from audio_assets.domain.music.metre_weights import WEIGHTS
from audio_assets.domain.music.tempo import find_pulse, whitened
from tests import songs
from tests.unit.test_song_features import extracted

Samples = NDArray[np.float32]
RNG = np.random.default_rng(5)
SHORT_S = 40


def grid_of(song: songs.TrueSong) -> BeatGrid:
    return track_beats(extracted(np.asarray(soxr.resample(song.mono, song.sample_rate_hz, RATE_HZ), np.float32)))


def times_of(grid: BeatGrid) -> NDArray[np.float64]:
    return np.array([beat.time for beat in grid.beats])


def f_measure(found: NDArray[np.float64], true: NDArray[np.float64], within_s: float = 0.07) -> float:
    near = np.abs(found[:, None] - true) <= within_s
    return 2 * float(min(near.any(axis=0).sum(), near.any(axis=1).sum())) / (len(found) + len(true))


def bias_s(found: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    off = found - true[np.abs(found[:, None] - true).argmin(axis=1)]
    return float(np.median(off[np.abs(off) < 0.07]))


def drummed(beats_s: NDArray[np.float64], duration_s: float) -> Samples:
    """Kick and snare in turn, hats between, over faint noise."""
    samples = RNG.normal(0, 1e-3, round(duration_s * RATE_HZ))
    t = np.arange(RATE_HZ // 5) / RATE_HZ
    kick = np.sin(2 * np.pi * (50 * t + 8 * (1 - np.exp(-30 * t)))) * np.exp(-18 * t)
    snare = RNG.normal(0, 0.4, len(t)) * np.exp(-25 * t) + 0.3 * np.sin(2 * np.pi * 190 * t) * np.exp(-20 * t)
    hat = np.diff(RNG.normal(0, 0.08, len(t) + 1)) * np.exp(-70 * t)
    halves = (beats_s[:-1] + beats_s[1:]) / 2
    hits = [(time, kick if i % 2 == 0 else snare) for i, time in enumerate(beats_s)] + [(time, hat) for time in halves]
    for time, sound in hits:
        at = round(time * RATE_HZ)
        samples[at : at + len(t)] += sound[: max(len(samples) - at, 0)]
    return np.asarray(samples * 0.5, np.float32)


@pytest.fixture(scope="module")
def steady() -> BeatGrid:
    return grid_of(songs.constant(duration_s=SHORT_S))


def test_beats_rise_within_the_song_and_downbeats_are_beats(steady: BeatGrid) -> None:
    times = times_of(steady)
    assert (np.diff(times) > 0).all()
    assert times[0] >= 0
    assert times[-1] <= steady.duration_s
    assert set(steady.downbeats) <= set(times)
    assert all(0 <= beat.strength <= 1 for beat in steady.beats)
    assert 0 <= steady.confidence <= 1


def test_a_steady_song_has_an_even_grid_and_one_tempo(steady: BeatGrid) -> None:
    intervals = np.diff(times_of(steady))
    np.testing.assert_allclose(intervals, intervals.mean(), atol=2e-4)
    assert len(steady.tempo_curve) == 1
    assert steady.bpm == pytest.approx(120, rel=1e-3)


def test_the_same_features_give_the_same_grid_also_from_bytes() -> None:
    features = extracted(drummed(np.arange(0.4, 19, 0.55), 20))
    assert track_beats(features) == track_beats(features) == track_beats(from_bytes(to_bytes(features)))


@pytest.mark.parametrize("bpm", [71.36, 76.4])
def test_a_tempo_between_whole_phases_a_hop_is_held(bpm: float) -> None:
    song = songs.constant(bpm=bpm, duration_s=SHORT_S)
    features = extracted(np.asarray(soxr.resample(song.mono, song.sample_rate_hz, RATE_HZ), np.float32))
    pulse = find_pulse(features, whitened(features.onset, features.onset_rate_hz))
    assert pulse is not None
    assert pulse.is_steady
    assert pulse.bpm == pytest.approx(bpm, rel=1e-3)


def test_a_song_that_begins_with_a_beat_has_it_at_its_start() -> None:
    grid = track_beats(extracted(drummed(np.arange(0, 39, 0.5), 40)))
    assert grid.beats[0].time == grid.downbeats[0] == 0
    assert grid.beats[1].time == pytest.approx(0.5, abs=0.02)


def test_silence_before_the_song_moves_the_beats_and_has_none() -> None:
    samples = drummed(np.arange(0.4, 39, 0.5), 40)
    later = np.concatenate([np.zeros(10 * RATE_HZ, np.float32), samples])
    moved = times_of(track_beats(extracted(later)))
    assert moved[0] > 9.8
    assert f_measure(moved - 10, times_of(track_beats(extracted(samples))), 0.01) > 0.97


@pytest.mark.parametrize("bpm", [95, 120, 140, 160])
def test_a_backbeat_is_counted_as_played(bpm: float) -> None:
    beats = np.arange(0.3, 39, 60 / bpm)
    grid = track_beats(extracted(drummed(beats, 40)))
    assert grid.bpm == pytest.approx(bpm, rel=2e-3)
    assert f_measure(times_of(grid), beats) > 0.95
    assert abs(bias_s(times_of(grid), beats)) < 0.01


@pytest.mark.parametrize(
    ("play", "beats_per_bar"),
    [
        (partial(songs.constant, bpm=172, duration_s=SHORT_S, seed=2), 4),
        (partial(songs.ramp), 4),
        (partial(songs.swing, duration_s=SHORT_S), 4),
        (partial(songs.waltz, duration_s=SHORT_S), 3),
        (partial(songs.rubato), 4),
        (partial(songs.ballad), 4),
        (partial(songs.ballad, bpm=60, seed=1), 4),
        (partial(songs.ballad, bpm=72, seed=1), 4),
        (partial(songs.break_in_the_middle), 4),
        (partial(songs.half_time_rock, duration_s=SHORT_S), 4),
        (partial(songs.offbeat_hats), 4),
        (partial(songs.syncopated, duration_s=SHORT_S), 4),
    ],
    ids=lambda value: value.func.__name__ if isinstance(value, partial) else str(value),
)
def test_songs_with_a_beat(play: Callable[[], songs.TrueSong], beats_per_bar: int) -> None:
    song = play()
    grid = grid_of(song)
    found = times_of(grid)
    assert f_measure(found, song.beats) >= 0.95
    assert abs(bias_s(found, song.beats)) < 0.01
    assert grid.beats_per_bar == beats_per_bar
    assert grid.confidence > 0.4


@pytest.mark.parametrize("play", [songs.constant, songs.waltz], ids=["four", "three"])
def test_downbeats_begin_the_bars(play: Callable[..., songs.TrueSong]) -> None:
    song = play(duration_s=SHORT_S)
    assert f_measure(np.array(grid_of(song).downbeats), song.downbeats) > 0.9


def test_the_tempo_curve_follows_a_ramp() -> None:
    song = songs.ramp()
    curve = grid_of(song).tempo_curve
    true_bpm = np.interp([point.time for point in curve], song.beats[:-1], 60 / np.diff(song.beats))
    np.testing.assert_allclose([point.bpm for point in curve], true_bpm, rtol=0.05)
    assert len(curve) > 5


@pytest.mark.parametrize("make", [songs.ambient, songs.noise, songs.speech_like, songs.silence])
def test_confidence_is_low_without_a_beat(make: type) -> None:
    assert grid_of(make(duration_s=SHORT_S)).confidence < 0.3


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0),
        RNG.normal(0, 0.1, 4410),
        RNG.normal(0, 0.1, RATE_HZ),
        RNG.normal(0, 0.1, 3 * RATE_HZ),
        RNG.normal(0, 0.1, 4 * RATE_HZ),
        np.zeros(20 * RATE_HZ),
        np.full(20 * RATE_HZ, 0.3),
        np.sign(np.sin(np.arange(20 * RATE_HZ) * 0.05)),
    ],
    ids=["nothing", "0.2 s", "1 s", "3 s", "4 s", "zeros", "DC", "clipped"],
)
def test_hardly_anything_gives_a_grid_of_low_confidence(samples: Samples) -> None:
    grid = track_beats(extracted(np.asarray(samples, np.float32)))
    assert grid.confidence < 0.3
    assert all(math.isfinite(beat.time) for beat in grid.beats)
    assert len(grid.beats) != 0 or grid.bpm == 0


def test_ten_clicks_are_ten_beats() -> None:
    samples = np.zeros(12 * RATE_HZ, np.float32)
    true = 1 + 0.5 * np.arange(10)
    samples[np.round(true * RATE_HZ).astype(int)] = 1
    np.testing.assert_allclose(
        times_of(track_beats(extracted(samples))), true, atol=0.03
    )  # a click is first seen half a window early


def test_weights_are_as_many_as_the_evidence() -> None:
    assert WEIGHTS.shape == (48 * 3 + 4 + 6 + 36 * 3 + 3 + 6 + 3,)
