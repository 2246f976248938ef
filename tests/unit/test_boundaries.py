from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.dsp import boundaries

RATE_HZ = 16_000


def tone_then_noise(change_s: float, duration_s: float = 0.6) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(0).normal(0, 3000, len(t))
    return np.where(t < change_s, 6000 * np.sin(2 * np.pi * 300 * t), noise).astype(np.int16)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 48_000])
def test_a_frame_is_two_milliseconds_at_any_rate(rate_hz: int) -> None:
    assert boundaries.log_mel(np.zeros(rate_hz, np.int16), rate_hz).shape == (501, 26)


@pytest.mark.parametrize("change_s", [0.2, 0.301, 0.4])
def test_the_spectrum_changes_most_where_the_sound_does(change_s: float) -> None:
    strength = boundaries.change(boundaries.log_mel(tone_then_noise(change_s), RATE_HZ))
    inside = slice(25, -25)
    # Half a window at most: a window holding a little noise is nearer to noise than to a tone.
    assert abs((np.argmax(strength[inside]) + 25) * boundaries.HOP_S - change_s) <= 0.006


def test_silence_has_no_change() -> None:
    assert np.all(boundaries.change(boundaries.log_mel(np.zeros(8000, np.int16), RATE_HZ)) == 0)


def test_states_are_entered_in_order_and_all_of_them() -> None:
    rng = np.random.default_rng(1)
    entered = boundaries.entry_probabilities(rng.normal(0, 3, (60, 7)), np.full(7, -0.2), np.full(7, -1.7))
    assert np.allclose(entered[:, 0], 1)
    assert np.allclose(entered[-1], 1)
    assert np.all(np.diff(entered, axis=0) > -1e-9)
    assert np.all(np.diff(entered, axis=1) < 1e-9)


def test_entry_probabilities_are_those_of_counting_every_path() -> None:
    rng = np.random.default_rng(2)
    fit, stay, go = rng.normal(0, 2, (6, 3)), np.log([0.7, 0.5, 0.6]), np.log([0.3, 0.5, 0.4])
    total, by_entry = 0.0, np.zeros((6, 3))
    for second in range(1, 6):
        for third in range(second + 1, 6):
            path = np.array([0] * second + [1] * (third - second) + [2] * (6 - third))
            moves = [stay[a] if a == b else go[a] for a, b in pairwise(path)]
            weight = np.exp(fit[np.arange(6), path].sum() + sum(moves))
            total += weight
            by_entry += weight * (path[:, None] >= np.arange(3))
    assert np.allclose(boundaries.entry_probabilities(fit, stay, go), by_entry / total)


def test_too_few_frames_for_the_states_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 frames"):
        boundaries.entry_probabilities(np.zeros((2, 3)), np.zeros(3), np.zeros(3))


def test_a_vague_entry_goes_to_the_change_within_it() -> None:
    strength = np.full(251, 0.1)
    strength[110] = 5.0
    entered = np.clip((np.arange(101) - 38) / 10, 0, 1)[:, None]  # anywhere from 0.19 to 0.24 s
    (time,) = boundaries.best_times(entered, 0.005, strength)
    assert time == pytest.approx(0.220, abs=0.003)


def test_a_sure_entry_without_change_stays_where_it_is() -> None:
    entered = (np.arange(101) >= 40)[:, None].astype(float)
    (time,) = boundaries.best_times(entered, 0.005, np.ones(251))
    assert time == pytest.approx(39.5 * 0.005, abs=0.003)


def test_an_expected_time_decides_between_equal_entries() -> None:
    entered = 0.5 * ((np.arange(101) >= 20)[:, None].astype(float) + (np.arange(101) >= 60)[:, None])
    for expected_s in (0.1, 0.3):
        (time,) = boundaries.best_times(entered, 0.005, np.ones(251), near_s=np.array([expected_s]))
        assert time == pytest.approx(expected_s, abs=0.005)


def test_speech_edges_are_where_the_level_rises_and_falls() -> None:
    loudness = np.full(500, 20.0)
    loudness[150:350] = 60.0  # sound from 0.3 to 0.7 s
    start = boundaries.speech_edges(loudness, (0.0, 0.34), (0.34, 0.66), is_onset=True)
    end = boundaries.speech_edges(loudness, (0.66, 0.998), (0.34, 0.66), is_onset=False)
    assert start == pytest.approx(0.3, abs=0.003)
    assert end == pytest.approx(0.7, abs=0.003)


def test_an_edge_without_a_rise_stays() -> None:
    assert boundaries.speech_edges(np.full(500, 30.0), (0.0, 0.3), (0.3, 0.5), is_onset=True) == 0.3


spans = st.lists(st.tuples(st.floats(-1, 3), st.floats(-1, 3)), max_size=30)


@given(spans)
def test_any_spans_become_ones_that_rise_do_not_overlap_and_lie_in_the_file(raw: list[tuple[float, float]]) -> None:
    fixed = boundaries.ordered(np.array(raw).reshape(-1, 2), 2.0)
    flat = fixed.ravel()
    assert np.all(np.diff(flat) >= -1e-9)
    assert np.all(fixed[:, 1] - fixed[:, 0] >= 0.005 - 1e-9)
    assert np.all((flat >= 0) & (flat <= 2.0))


@given(spans)
def test_ordering_what_is_ordered_changes_nothing(raw: list[tuple[float, float]]) -> None:
    once = boundaries.ordered(np.array(raw).reshape(-1, 2), 2.0)
    assert np.allclose(boundaries.ordered(once, 2.0), once)


def test_more_spans_than_there_is_room_for_is_an_error() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        boundaries.ordered(np.zeros((10, 2)), 0.03)
