import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.dsp.ducking import (
    Ducker,
    add_hop_powers,
    add_with_gain_line,
    duck_under_speech,
    hop_samples,
)
from audio_assets.domain.mix_spec import Ducking

RATE_HZ = 48_000
HOP = 48


def bursts(*spans: tuple[float, float], seconds: float = 4.0, level: float = 0.1) -> np.ndarray:
    speech = np.zeros((round(seconds * RATE_HZ), 1), dtype=np.float32)
    for start_s, end_s in spans:
        part = speech[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
        part[:, 0] = level * np.sin(2 * np.pi * 220 * np.arange(len(part)) / RATE_HZ)
    return speech


def gain_line(speech: np.ndarray, settings: Ducking | None = None) -> np.ndarray:
    ones = np.ones_like(speech)
    ducked, _ = duck_under_speech(ones, speech, RATE_HZ, settings or Ducking())
    with np.errstate(divide="ignore"):
        return 20 * np.log10(ducked[:, 0])


def at(line: np.ndarray, second: float) -> float:
    return float(line[round(second * RATE_HZ)])


def test_no_speech_changes_nothing() -> None:
    bed = np.random.default_rng(0).standard_normal((RATE_HZ, 2)).astype(np.float32)
    ducked, gains_db = duck_under_speech(bed, np.zeros_like(bed), RATE_HZ, Ducking())
    assert np.array_equal(ducked, bed)
    assert not gains_db.any()


def test_the_gain_is_down_when_speech_begins() -> None:
    line = gain_line(bursts((1.0, 2.0)))
    assert at(line, 0.79) == 0.0
    assert at(line, 1.0) == pytest.approx(-12 * (1 - np.exp(-0.2 / 0.06)), abs=0.25)
    assert at(line, 1.9) == pytest.approx(-12.0, abs=0.01)


def test_the_gain_returns_with_its_time_constant() -> None:
    line = gain_line(bursts((1.0, 2.0)))
    assert at(line, 2.39) == pytest.approx(-12.0, abs=0.05)  # hold
    assert at(line, 2.41 + 0.35) == pytest.approx(-12 / np.e, abs=0.3)
    assert at(line, 3.99) > -0.2


def test_speech_at_the_first_sample_finds_the_bed_ducked() -> None:
    assert at(gain_line(bursts((0.0, 1.0))), 0.0) < -11.0


@pytest.mark.parametrize("gap_s", [0.05, 0.15, 0.3])
def test_a_gap_between_words_does_not_pump(gap_s: float) -> None:
    line = gain_line(bursts((1.0, 1.5), (1.5 + gap_s, 2.5)))
    assert line[round(1.3 * RATE_HZ) : round(2.5 * RATE_HZ)].max() < -11.9


def test_the_gain_stays_between_nothing_and_the_amount() -> None:
    line = gain_line(bursts((0.2, 0.4), (1.1, 1.2), (3.0, 3.9)), Ducking(amount_db=7.5))
    assert line.min() >= -7.5 - 1e-4
    assert line.max() <= 1e-6


def test_the_threshold_decides() -> None:
    quiet = bursts((1.0, 2.0), level=0.005)  # -49 dB RMS
    assert not gain_line(quiet, Ducking(threshold_db=-45)).any()
    assert gain_line(quiet, Ducking(threshold_db=-55)).min() < -11


def test_a_click_is_not_speech() -> None:
    click = bursts()
    click[RATE_HZ] = 0.2  # 10 ms around it have -41 dB RMS
    assert not gain_line(click).any()


def test_no_lookahead_starts_at_the_speech() -> None:
    line = gain_line(bursts((1.0, 2.0)), Ducking(lookahead_s=0.0))
    assert at(line, 0.999) == 0.0
    assert at(line, 1.2) < -11


def test_the_line_has_no_steps() -> None:
    gain = 10 ** (gain_line(bursts((1.0, 2.0), (2.5, 2.6))) / 20)
    assert np.abs(np.diff(gain)).max() < 0.001  # a step of more clicks


def test_events_count_openings() -> None:
    powers = np.zeros(6000)
    for start in (500, 2500, 4500):
        powers[start : start + 300] = 0.1
    ducker = Ducker(Ducking(), RATE_HZ)
    ducker.push(powers)
    ducker.end()
    ducker.take(6000)
    assert ducker.n_events == 3


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=10), st.lists(st.integers(1, 700), min_size=1, max_size=10))
def test_pieces_do_not_change_the_line(pushes: list[int], takes: list[int]) -> None:
    powers = np.random.default_rng(3).uniform(0, 3e-4, 2000) * (np.arange(2000) % 900 < 300)
    whole = Ducker(Ducking(), RATE_HZ)
    whole.push(powers)
    whole.end()
    expected = whole.take(2000)
    pieces = Ducker(Ducking(), RATE_HZ)
    for part in np.split(powers, np.cumsum(pushes)[np.cumsum(pushes) < 2000]):
        pieces.push(part)
    pieces.end()
    got, last, n_left = [], expected[0], 2000
    for wanted in [*takes, 2000]:
        line = pieces.take(min(wanted, n_left))
        assert line[0] == last
        got.append(line[1:])
        last, n_left = line[-1], n_left - len(line) + 1
    assert np.array_equal(np.concatenate(got), expected[1:])


def test_the_lookahead_must_be_there() -> None:
    ducker = Ducker(Ducking(), RATE_HZ)
    ducker.push(np.zeros(100))
    with pytest.raises(ValueError, match="200 more hops"):
        ducker.take(100)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="as long as"):
        duck_under_speech(np.zeros((10, 1), np.float32), np.zeros((11, 1), np.float32), RATE_HZ, Ducking())


def test_hop_power_is_the_mean_square() -> None:
    block = np.random.default_rng(0).standard_normal((HOP * 3 - 7, 2)).astype(np.float32)
    powers = np.zeros(3)
    add_hop_powers(block, HOP, powers)
    padded = np.vstack([block, np.zeros((7, 2), np.float32)]).reshape(3, -1)
    assert powers == pytest.approx((padded.astype(np.float64) ** 2).mean(axis=1), rel=1e-5)


def test_the_gain_line_is_straight_between_hops() -> None:
    total, ones = np.zeros((HOP * 2, 2), np.float32), np.ones((HOP * 2, 2), np.float32)
    add_with_gain_line(total, ones, np.array([0.0, 1.0, 1.0]), HOP)
    assert total[:HOP, 0] == pytest.approx(np.arange(HOP) / HOP, abs=1e-6)
    assert np.array_equal(total[:, 0], total[:, 1])
    assert (total[HOP:] == 1.0).all()


@pytest.mark.parametrize(("rate_hz", "hop"), [(8_000, 8), (44_100, 44), (48_000, 48), (192_000, 192)])
def test_a_hop_is_a_millisecond(rate_hz: int, hop: int) -> None:
    assert hop_samples(rate_hz) == hop
