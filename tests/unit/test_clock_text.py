import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.clock_text import clock, parse_clock


@given(st.integers(0, 10_000_000))
def test_a_written_time_reads_back_to_the_millisecond(n_ms: int) -> None:
    read = parse_clock(clock(n_ms / 1000))
    assert read is None or round(read * 1000) == n_ms
    assert read is not None or n_ms >= 60_000_000  # minutes have three digits


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (62.5, "1:02.5"), (59.9996, "1:00"), (600.05, "10:00.05"), (7200, "120:00")]
)
def test_times_are_written_without_needless_zeros(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("0:00", 0), (" 1:02.5 ", 62.5), ("1:00:01", 3601), ("120:00", 7200), ("1:2", 62)]
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert parse_clock(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "1:60", "1:60:00", "-1:00", "1:00:", "1.5:00", "\u0661:00", "9999:00"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert parse_clock(text) is None
