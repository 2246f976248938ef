import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio_assets.domain.dsp.joins import faded, joined, silences, speech_bounds

RATE_HZ = 8000


def tone(n: int, level: float = 0.5) -> NDArray[np.float32]:
    return np.asarray(level * np.sin(np.arange(n) * 0.7), np.float32)


def silence(n: int) -> NDArray[np.float32]:
    return np.zeros(n, np.float32)


def test_bounds_hug_the_speech_to_a_frame() -> None:
    first, end = speech_bounds(np.concatenate([silence(1000), tone(2000), silence(500)]), RATE_HZ)
    assert (first, end) == (1000, 3000)


def test_bounds_ignore_what_is_under_60_db() -> None:
    first, end = speech_bounds(np.concatenate([tone(800, 0.001), tone(800), tone(800, 0.001)]), RATE_HZ)
    assert (first, end) == (800, 1600)


def test_silence_has_no_bounds() -> None:
    assert speech_bounds(silence(700), RATE_HZ) == (0, 0)
    assert speech_bounds(silence(0), RATE_HZ) == (0, 0)


def test_silences_are_found_between_and_around() -> None:
    signal = np.concatenate([silence(400), tone(800), silence(1200), tone(800)])
    assert silences(signal, RATE_HZ, below_loudest_db=40) == [(0, 400), (1200, 2400)]
    assert silences(silence(0), RATE_HZ, below_loudest_db=40) == []


@given(st.integers(0, 500), st.integers(0, 100))
def test_faded_ends_at_zero_and_keeps_the_middle(n: int, n_fade: int) -> None:
    signal = np.ones(n, np.float32)
    out = faded(signal, n_fade)
    assert len(out) == n
    n_used = min(n_fade, n // 2)
    if n_used:
        assert out[0] == 0 == out[-1]
    assert np.array_equal(out[n_used : n - n_used], signal[n_used : n - n_used])
    assert np.array_equal(signal, np.ones(n, np.float32))


def test_joined_parts_stand_where_it_says() -> None:
    parts = [tone(300), tone(200), tone(100)]
    row, starts = joined(parts, [50, 0])
    assert starts == [0, 350, 550]
    assert len(row) == 650
    for part, start in zip(parts, starts, strict=True):
        assert np.array_equal(row[start : start + len(part)], part)
    assert not row[300:350].any()


def test_a_join_of_faded_parts_has_no_step() -> None:
    parts = [faded(np.ones(400, np.float32), 40), faded(-np.ones(400, np.float32), 40)]
    row, _ = joined(parts, [0])
    assert np.max(np.abs(np.diff(row))) < 0.06
