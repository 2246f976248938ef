"""The synthetic songs are what they say: their truth is consistent, repeatable, and to be heard in their samples."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import songs

WITH_BEAT = [name for name in songs.ALL if name not in ("ambient", "noise", "speech_like", "silence")]


def onset_strength(song: songs.TrueSong) -> tuple[NDArray[np.float64], float]:
    """The rise of the level in dB, in steps of 5 ms, of what is above about 2 kHz or is loud."""
    hop = song.sample_rate_hz // 200
    mono = song.mono[: len(song.mono) // hop * hop].astype(np.float64)
    rms = np.sqrt((mono.reshape(-1, hop) ** 2).mean(axis=1))
    return np.maximum(np.diff(20 * np.log10(rms + 1e-3), prepend=-60), 0), hop / song.sample_rate_hz


def chroma(mono: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float64]:
    spectrum = np.abs(np.fft.rfft(mono))
    hz = np.fft.rfftfreq(len(mono), 1 / sample_rate_hz)
    is_tonal = (hz > 80) & (hz < 1_500)
    pitch = np.round(12 * np.log2(hz[is_tonal] / 440)).astype(int) % 12
    energy = np.bincount(pitch, spectrum[is_tonal] ** 2, 12)
    return np.asarray(energy / np.linalg.norm(energy))


@pytest.mark.parametrize("name", songs.ALL)
def test_truth_is_consistent(name: str) -> None:
    song = songs.ALL[name]()
    assert song.name == name
    assert song.audio.dtype == np.float32
    assert song.audio.shape[1] == 2
    assert np.isfinite(song.audio).all()
    assert np.abs(song.audio).max() <= 1
    assert np.all(np.diff(song.beats) > 0.2)
    assert set(song.downbeats) <= set(song.beats)
    assert song.sections[0][1] == 0
    assert song.sections[-1][2] == pytest.approx(song.duration_s)
    assert all(left[2] == right[1] for left, right in pairwise(song.sections))
    assert song.has_beat == (name in WITH_BEAT) == bool(len(song.beats)) == bool(song.beats_per_bar)
    if song.has_beat:
        assert song.beats[0] >= 0
        assert song.beats[-1] < song.duration_s
        assert list(song.downbeats) == list(song.beats[:: song.beats_per_bar])


@pytest.mark.parametrize("name", ["constant", "rubato", "ambient", "speech_like"])
def test_same_samples_each_time_others_with_another_seed(name: str) -> None:
    make = getattr(songs, name)
    first, again, other = make(duration_s=8), make(duration_s=8), make(duration_s=8, seed=99)
    assert np.array_equal(first.audio, again.audio)
    n = min(len(first.audio), len(other.audio))
    assert not np.allclose(first.audio[:n], other.audio[:n], atol=0.05)


@pytest.mark.parametrize("name", ["constant", "ramp", "waltz", "half_time_rock", "rubato", "form", "late_start"])
def test_beats_are_heard_where_they_are_true(name: str) -> None:
    song = songs.ALL[name]()
    strength, step_s = onset_strength(song)
    # The strongest rise within 15 ms, four times the humans' spread, against that of places a third of a beat later.
    near = np.array([strength[max(0, round(t / step_s) - 3) : round(t / step_s) + 4].max() for t in song.beats])
    gaps = np.diff(song.beats, append=song.beats[-1] + 0.5) / 3
    between = np.array(
        [strength[round(t / step_s) - 3 : round(t / step_s) + 4].max(initial=0) for t in song.beats + gaps]
    )
    assert near.mean() > 2 * between.mean()


def test_offbeat_treble_is_stronger_than_that_on_the_beat() -> None:
    song = songs.offbeat_hats()
    treble = np.diff(song.mono, n=2, prepend=np.zeros(2, dtype=np.float32))

    def level(times: NDArray[np.float64]) -> float:
        at = (times * song.sample_rate_hz).astype(int)
        return float(np.mean([np.abs(treble[i : i + 2_000]).mean() for i in at]))

    half = float(np.diff(song.beats)[0]) / 2
    assert level(song.beats + half) > 1.5 * level(song.beats)


def test_tempo_follows_its_name() -> None:
    assert np.allclose(60 / np.diff(songs.constant(120).beats), 120)
    tempo = 60 / np.diff(songs.ramp(90, 140).beats)
    assert np.all(np.diff(tempo) > 0)
    assert tempo[0] == pytest.approx(90, abs=1)
    assert tempo[-1] == pytest.approx(139, abs=2)
    breathing = 60 / np.diff(songs.rubato().beats)
    assert breathing.max() / breathing.min() > 1.4
    assert songs.waltz().beats_per_bar == 3


def test_late_start_has_music_before_its_first_beat() -> None:
    song = songs.late_start(intro_s=10)
    intro = song.mono[: 9 * song.sample_rate_hz]
    assert song.beats[0] == 10
    assert song.sections[0] == ("intro", 0.0, 10.0)
    assert np.sqrt((intro**2).mean()) > 0.01


def test_break_is_softer_and_its_beats_go_on() -> None:
    song = songs.break_in_the_middle()
    _, start_s, end_s = song.sections[1]
    at = np.arange(len(song.mono)) / song.sample_rate_hz
    inside = (at >= start_s) & (at < end_s)
    assert np.sqrt((song.mono[inside] ** 2).mean()) < 0.5 * np.sqrt((song.mono[~inside] ** 2).mean())
    assert np.allclose(np.diff(song.beats), 60 / 118)
    assert 12 <= np.count_nonzero((song.beats >= start_s) & (song.beats < end_s)) <= 20


def test_form_repeats_its_harmony_by_letter() -> None:
    song = songs.form()
    assert "".join(label for label, _, _ in song.sections) == "ABABCB"
    rate = song.sample_rate_hz
    heard = [(label, chroma(song.mono[int(a * rate) : int(b * rate)], rate)) for label, a, b in song.sections]
    same = [float(x @ y) for i, (a, x) in enumerate(heard) for b, y in heard[i + 1 :] if a == b]
    other = [float(x @ y) for i, (a, x) in enumerate(heard) for b, y in heard[i + 1 :] if a != b]
    assert min(same) > max(other)


@pytest.mark.parametrize("name", songs.ALL)
def test_short_songs_are_made(name: str) -> None:
    song = songs.form(n_bars=1) if name == "form" else songs.silence(3) if name == "silence" else None
    song = song or getattr(songs, name)(duration_s=3, sample_rate_hz=22_050)
    assert song.duration_s > 1
