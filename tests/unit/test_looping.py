import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_assets.domain.dsp.looping import (
    Stretch,
    aligned,
    mapped_times,
    plan_jumps,
    plan_plain_jumps,
    spliced,
)

RATE_HZ = 22_050
BAR = 22_050  # a bar of a second


def song(n_bars: int, seed: int = 0) -> tuple[NDArray[np.float32], list[int]]:
    """Bars of four tones over a drone; bars repeat every four, and each begins with a hit."""
    time = np.arange(BAR) / RATE_HZ
    random = np.random.default_rng(seed)
    hit = 0.3 * random.standard_normal(1500) * np.exp(-np.arange(1500) / 300)
    bars = []
    for bar in range(n_bars):
        wave = 0.2 * np.sin(2 * np.pi * (220.0, 330.0, 275.0, 440.0)[bar % 4] * time) + 0.1 * np.sin(
            2 * np.pi * 110 * time
        )
        wave[: len(hit)] += hit
        bars.append(wave)
    mono = np.concatenate(bars)
    return np.stack([mono, mono], axis=1).astype(np.float32), [bar * BAR for bar in range(n_bars)]


def length(stretches: list[Stretch]) -> int:
    return sum(stretch.end - stretch.start for stretch in stretches)


@pytest.mark.parametrize("n_wanted_bars", [5.3, 9.0, 12.5, 17.2, 31.7, 60.0])
def test_a_plan_is_as_long_as_wanted_within_a_bar_and_keeps_both_ends(n_wanted_bars: float) -> None:
    samples, lines = song(16)
    n_wanted = round(n_wanted_bars * BAR)
    plan = plan_jumps(samples, RATE_HZ, lines, n_wanted)
    assert n_wanted - BAR <= length(plan) <= n_wanted
    assert plan[0].start == 0
    assert plan[-1].end == len(samples)
    assert all(stretch.start % BAR == 0 and stretch.end % BAR == 0 for stretch in plan)


def test_jumps_land_where_the_music_repeats() -> None:
    samples, lines = song(16)
    for n_bars in (8, 12, 20, 24):
        plan = plan_jumps(samples, RATE_HZ, lines, n_bars * BAR + 100)
        for before, after in itertools.pairwise(plan):
            assert (before.end - after.start) % (4 * BAR) == 0


def test_what_fits_is_left_alone() -> None:
    samples, lines = song(8)
    assert plan_jumps(samples, RATE_HZ, lines, len(samples)) == [Stretch(0, len(samples))]
    assert plan_jumps(samples, RATE_HZ, lines, len(samples) + BAR // 2) == [Stretch(0, len(samples))]


def test_too_short_for_both_ends_is_the_beginning() -> None:
    samples, lines = song(8)
    (only,) = plan_jumps(samples, RATE_HZ, lines, BAR // 2)
    assert only == Stretch(0, BAR // 2)


@pytest.mark.parametrize("n_wanted", [500, 1000, 1001, 2500, 9999])
def test_without_bar_lines_the_length_is_exact(n_wanted: int) -> None:
    plan = plan_plain_jumps(1000, 100, n_wanted)
    assert length(plan) == n_wanted
    assert all(0 <= stretch.start <= stretch.end <= 1000 for stretch in plan)


def test_joints_do_not_click_and_keep_their_power() -> None:
    samples, lines = song(12)
    plan = aligned(samples, RATE_HZ, plan_jumps(samples, RATE_HZ, lines, 30 * BAR))
    out = spliced(samples, plan, 660)
    assert len(out) == length(plan)
    assert np.abs(np.diff(out[:, 0])).max() <= 1.05 * np.abs(np.diff(samples[:, 0])).max()
    at = np.cumsum([stretch.end - stretch.start for stretch in plan])[:-1]
    for joint in at:
        joined, ordinary = out[joint - 660 : joint].std(), samples[BAR - 660 : BAR].std()
        assert joined == pytest.approx(ordinary, rel=0.3)


def test_a_crossfade_of_unlike_sounds_keeps_power() -> None:
    noise = np.random.default_rng(0).standard_normal((40_000, 2)).astype(np.float32)
    out = spliced(noise, [Stretch(0, 20_000), Stretch(30_000, 40_000)], 4000)
    assert out[16_000:20_000].std() == pytest.approx(1.0, abs=0.05)
    same = np.ones((40_000, 2), np.float32)
    assert np.allclose(spliced(same, [Stretch(0, 20_000), Stretch(30_000, 40_000)], 4000), 1.0, atol=1e-5)


def test_landings_move_to_where_the_waves_match() -> None:
    samples, _ = song(16)
    off = [Stretch(0, 8 * BAR), Stretch(4 * BAR + 130, 16 * BAR)]  # a bar line that is 6 ms late
    moved = aligned(samples, RATE_HZ, off)
    assert abs(moved[1].start - 4 * BAR) <= 2


def test_beats_go_along_and_play_twice_where_the_music_does() -> None:
    plan = [Stretch(0, 2 * BAR), Stretch(BAR, 3 * BAR)]
    assert mapped_times([0.0, 0.5, 1.0, 1.5, 2.0, 2.5], plan, RATE_HZ) == pytest.approx(
        [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]
    )
