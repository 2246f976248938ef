import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain import timebase
from audio_assets.domain.timebase import FrameRateError, parse_frame_rate

UNTIMED = settings(deadline=None, max_examples=100)  # a busy machine is no failure
RATES = st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(60)])


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("24", Fraction(24)),
        (" 25.0 ", Fraction(25)),
        ("12.5", Fraction(25, 2)),
        ("24000/1001", Fraction(24000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("119.88", Fraction(120000, 1001)),
    ],
)
def test_frame_rates_are_read_exactly(text: str, rate: Fraction) -> None:
    assert parse_frame_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "-24", "24/0", "nan", "inf", "1e9", "24 fps", "24,5"])
def test_what_is_no_frame_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(FrameRateError, match="24000/1001"):
        parse_frame_rate(text)


@UNTIMED
@given(RATES)
def test_a_written_rate_reads_back(rate: Fraction) -> None:
    assert parse_frame_rate(timebase.format_frame_rate(rate)) == rate


@UNTIMED
@given(st.integers(0, 10_000_000), RATES)
def test_a_frame_shows_from_its_own_start(frame: int, rate: Fraction) -> None:
    start_s = timebase.frame_start_s(frame, rate)
    assert timebase.frame_at(start_s, rate) == frame
    assert timebase.frame_at(start_s - Fraction(1, 10**12), rate) == frame - 1
    assert timebase.frame_at(float(start_s), rate) == frame
    assert timebase.nearest_frame(float(start_s), rate) == frame


@UNTIMED
@given(st.integers(0, 10_000_000), RATES)
def test_whole_frames_count_the_same_as_fraction_and_as_float(frames: int, rate: Fraction) -> None:
    duration_s = timebase.frame_start_s(frames, rate)
    assert timebase.n_frames(duration_s, rate) == frames
    assert timebase.n_frames(float(duration_s), rate) == frames
    assert timebase.n_frames(duration_s + Fraction(1, 48_000), rate) == frames + 1
    assert timebase.n_frames(float(duration_s) + 1 / 48_000, rate) == frames + 1


@UNTIMED
@given(st.fractions(0, 4000), RATES)
def test_frames_cover_a_duration_and_not_one_more(duration_s: Fraction, rate: Fraction) -> None:
    assert timebase.n_frames(duration_s, rate) == math.ceil(duration_s * rate)


def test_an_hour_of_film_does_not_drift() -> None:
    film = Fraction(24000, 1001)
    assert timebase.n_frames(3600.0, film) == 86314  # 86313.69
    assert timebase.frame_to_sample(86_400, film, 48_000) == 172_972_800  # 3603.6 s exactly
    assert timebase.sample_to_frame(172_972_800, 48_000, film) == 86_400
    assert timebase.sample_to_frame(172_972_799, 48_000, film) == 86_399


@UNTIMED
@given(st.integers(0, 10**9), st.sampled_from([16_000, 22_050, 44_100, 48_000, 192_000]))
def test_samples_and_seconds_are_inverse(n: int, sample_rate_hz: int) -> None:
    assert timebase.n_samples(timebase.samples_to_s(n, sample_rate_hz), sample_rate_hz) == n
    assert timebase.n_samples(float(timebase.samples_to_s(n, sample_rate_hz)), sample_rate_hz) == n


def test_no_time_is_no_duration() -> None:
    assert timebase.n_frames(0.0, Fraction(24)) == 0
    assert timebase.n_frames(-1.0, Fraction(24)) == 0
    with pytest.raises(ValueError, match="no time"):
        timebase.n_frames(math.nan, Fraction(24))
