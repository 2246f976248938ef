import numpy as np
import pytest

from audio_assets.domain.dsp.filters import (
    Cascade,
    filtered,
    high_pass,
    high_shelf,
    low_pass,
    low_shelf,
    peak,
)

RATE_HZ = 44_100


def gain_db(cascade: Cascade, hz: float) -> float:
    """Measured on the answer to a click."""
    click = np.zeros((1 << 15, 1), np.float32)
    click[0] = 1.0
    answer = filtered(click, cascade)[:, 0].astype(np.float64)
    turn = np.exp(-2j * np.pi * hz / RATE_HZ * np.arange(len(answer)))
    return float(20 * np.log10(abs(np.sum(answer * turn)) + 1e-12))


@pytest.mark.parametrize("order", range(1, 9))
def test_butterworth_is_3_db_down_at_the_cutoff_and_falls_by_its_order(order: int) -> None:
    low, high = low_pass(1000, RATE_HZ, order=order), high_pass(1000, RATE_HZ, order=order)
    for cascade in (low, high):
        assert gain_db(cascade, 1000) == pytest.approx(-3.01, abs=0.02)
    assert gain_db(low, 50) == pytest.approx(0.0, abs=0.02)
    assert gain_db(high, 15_000) == pytest.approx(0.0, abs=0.02)
    assert gain_db(high, 500) == pytest.approx(-10 * np.log10(1 + 4.0**order), abs=0.3)
    assert gain_db(low, 2000) < -10 * np.log10(1 + 4.0**order) + 0.3


def test_shelves_and_peaks_have_their_gain_where_they_should() -> None:
    assert gain_db(low_shelf(200, 6, RATE_HZ), 10) == pytest.approx(6, abs=0.05)
    assert gain_db(low_shelf(200, 6, RATE_HZ), 200) == pytest.approx(3, abs=0.1)
    assert gain_db(low_shelf(200, 6, RATE_HZ), 8000) == pytest.approx(0, abs=0.05)
    assert gain_db(high_shelf(3000, -9, RATE_HZ), 20_000) == pytest.approx(-9, abs=0.1)
    assert gain_db(high_shelf(3000, -9, RATE_HZ), 3000) == pytest.approx(-4.5, abs=0.1)
    assert gain_db(high_shelf(3000, -9, RATE_HZ), 50) == pytest.approx(0, abs=0.05)
    assert gain_db(peak(1000, -12, 2, RATE_HZ), 1000) == pytest.approx(-12, abs=0.05)
    assert gain_db(peak(1000, -12, 2, RATE_HZ), 60) == pytest.approx(0, abs=0.1)


def test_corners_beyond_half_the_rate_stay_stable() -> None:
    noise = np.random.default_rng(0).standard_normal((20_000, 2)).astype(np.float32)
    for cascade in (low_pass(20_000, 22_050, order=8), high_shelf(20_000, 12, 22_050)):
        assert np.abs(filtered(noise, cascade)).max() < 30


def test_the_argument_stays_and_channels_do_not_mix() -> None:
    noise = np.random.default_rng(0).standard_normal((5000, 2)).astype(np.float32)
    noise[:, 1] = 0.0
    before = noise.copy()
    out = filtered(noise, low_pass(500, RATE_HZ))
    assert np.array_equal(noise, before)
    assert not out[:, 1].any()
    assert out[:, 0].any()
