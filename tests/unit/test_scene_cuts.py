import math
import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain import scene_cuts, timebase
from audio_assets.domain.music.analysis import Beat, BeatGrid
from audio_assets.domain.scene_cuts import BeatMap, Cut, beat_map, longest_frames, plan_cuts, shortest_frames

UNTIMED = settings(deadline=None, max_examples=40)  # a busy machine is no failure
RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60)]
CLIPS = [4, 8, 12]
HALF = Fraction(1, 2)


def make_grid(times: list[float], duration_s: float, beats_per_bar: int = 4, confidence: float = 0.9) -> BeatGrid:
    beats = tuple(Beat(time, 0.5) for time in times)
    return BeatGrid(120.0, beats, tuple(times[::beats_per_bar]), beats_per_bar, (), confidence, duration_s)


def steady(bpm: float, duration_s: float, *, start_s: float = 0.0, beats_per_bar: int = 4) -> BeatGrid:
    n_beats = math.ceil((duration_s - start_s) * bpm / 60)
    return make_grid([start_s + beat * 60 / bpm for beat in range(n_beats)], duration_s, beats_per_bar)


@dataclass(frozen=True)
class Song:
    """A song as the planner sees it."""

    grid: BeatGrid
    rate: Fraction
    clip_s: int
    edges_s: tuple[float, ...] = ()
    forced: tuple[Cut, ...] = ()
    whole: tuple[tuple[int, int], ...] = ()

    @property
    def n_frames(self) -> int:
        return timebase.n_frames(self.grid.duration_s, self.rate)

    @cached_property
    def beats(self) -> BeatMap:
        return beat_map(self.grid, self.n_frames, self.rate)

    def plan(self) -> tuple[tuple[Cut, ...], tuple[str, ...]]:
        return plan_cuts(
            self.beats, self.edges_s, n_frames=self.n_frames, rate=self.rate, clip_s=self.clip_s,
            forced=self.forced, whole=self.whole,
        )  # fmt: skip

    @cached_property
    def planned(self) -> tuple[Cut, ...]:
        return self.plan()[0]

    def cuts(self) -> tuple[Cut, ...]:
        return self.planned

    def lengths(self) -> list[int]:
        return [end - start for start, end in pairwise([*(cut.frame for cut in self.cuts()), self.n_frames])]

    def seconds(self) -> list[float]:
        return [round(float(length / self.rate), 2) for length in self.lengths()]

    def bars(self) -> list[float]:
        places = pairwise([*(cut.frame for cut in self.cuts()), self.n_frames])
        return [self.beats.n_bars(start, end) for start, end in places]


@st.composite
def songs(draw: st.DrawFn) -> Song:
    """Any song: tempo that drifts, late start, early end, beats missing, sections anywhere, no beat at all."""
    duration_s = draw(st.one_of(st.floats(0.5, 40), st.floats(20, 300), st.floats(300, 1200)))
    chance = random.Random(draw(st.integers(0, 2**32)))
    bpm, drift = draw(st.floats(40, 220)), draw(st.sampled_from([0.0, 0.002, 0.01]))
    jitter_s = draw(st.sampled_from([0.0, 0.01, 0.03]))
    holes = [(chance.uniform(0, duration_s), chance.uniform(0, 30)) for _ in range(draw(st.integers(0, 3)))]
    time, end_s, times = draw(st.floats(0, 20)), duration_s - draw(st.sampled_from([0.0, 0.4, 3.0, 17.0])), []
    while time < end_s:
        if not any(start <= time < start + length for start, length in holes):
            times.append(max(0.0, time + chance.uniform(-jitter_s, jitter_s)))
        bpm = min(220.0, max(40.0, bpm * (1 + chance.uniform(-drift, drift))))
        time += 60 / bpm
    grid = make_grid(times, duration_s, draw(st.sampled_from([3, 4, 7])), draw(st.sampled_from([0.1, 0.5, 0.9])))
    edges_s = tuple(sorted(chance.uniform(0, duration_s) for _ in range(draw(st.integers(0, 12)))))
    return Song(grid, draw(st.sampled_from(RATES)), draw(st.sampled_from(CLIPS)), edges_s)


def gaps(song: Song) -> list[tuple[int, int]]:
    """The stretches between the beats, and to the song's ends."""
    return list(pairwise([0, *(beat.frame for beat in song.beats.beats), song.n_frames]))


# --- Laws ----------------------------------------------------------------------------------------------------------


@UNTIMED
@given(songs())
def test_scenes_cover_the_song_without_gap_or_overlap(song: Song) -> None:
    frames = [cut.frame for cut in song.cuts()]
    assert frames[0] == 0
    assert all(start < end for start, end in pairwise([*frames, song.n_frames]))


@UNTIMED
@given(songs())
def test_every_scene_fits_in_a_clip(song: Song) -> None:
    assert max(song.lengths()) <= longest_frames(song.clip_s, song.rate)
    starts_s = [timebase.frame_start_s(length - 1, song.rate) for length in song.lengths()]
    assert max(starts_s) < song.clip_s


@UNTIMED
@given(songs())
def test_every_cut_is_the_frame_nearest_its_beat_over_the_whole_song(song: Song) -> None:
    times = sorted(Fraction(beat.time) for beat in song.grid.beats)
    for cut in song.cuts()[1:]:
        if cut.kind == "frame":
            continue
        assert cut.kind in ("beat", "downbeat")
        at = bisect_left(times, cut.frame / song.rate)
        error = min(abs(time * song.rate - cut.frame) for time in times[max(0, at - 1) : at + 1])
        assert error <= HALF
        assert cut.error_frames == pytest.approx(float(error))


@UNTIMED
@given(songs())
def test_a_cut_without_a_beat_stands_where_there_is_none(song: Song) -> None:
    cuts, notes = song.plan()
    for cut in cuts[1:]:
        if cut.kind == "frame":
            start, end = next((start, end) for start, end in gaps(song) if start < cut.frame < end)
            assert end - start > 2 * song.rate
    has_some = any(cut.kind == "frame" for cut in cuts[1:])
    assert bool(notes) == (has_some and bool(song.beats.beats))


@UNTIMED
@given(songs())
def test_there_are_slivers_only_where_the_beats_leave_no_choice(song: Song) -> None:
    low, high = shortest_frames(song.clip_s, song.rate), longest_frames(song.clip_s, song.rate)
    if min(song.lengths()) >= low or len(song.lengths()) == 1:
        return
    places = [0, *(beat.frame for beat in song.beats.beats if beat.frame), song.n_frames]
    reached = {0}  # every beat at which a row of scenes that are no slivers can end
    for place in places[1:]:
        if any(low <= place - start <= high and start in reached for start in places[: places.index(place)][-100:]):
            reached.add(place)
    assert song.n_frames not in reached


@UNTIMED
@given(songs())
def test_the_same_song_is_cut_the_same(song: Song) -> None:
    assert song.plan() == song.plan()


@UNTIMED
@given(
    st.integers(60, 200), st.floats(0, 3), st.sampled_from([3, 4, 7]), st.sampled_from(RATES), st.sampled_from([8, 12])
)
def test_a_steady_song_is_cut_into_whole_bars(bpm: int, start_s: float, meter: int, rate: Fraction, clip: int) -> None:
    song = Song(steady(bpm, 95.0, start_s=start_s, beats_per_bar=meter), rate, clip)
    bar_s = meter * 60 / bpm
    if bar_s > clip / 3:
        return
    assert {cut.kind for cut in song.cuts()[1:]} == {"downbeat"}
    inner = song.bars()[1:-1]
    assert all(bars == int(bars) and bars >= 1 for bars in inner)
    assert len(song.lengths()) == fewest_scenes(song, song.beats.bars)


def fewest_scenes(song: Song, frames: Sequence[int]) -> int:
    """The least number of scenes that cuts at some of `frames` can make without a sliver."""
    low, high = shortest_frames(song.clip_s, song.rate), longest_frames(song.clip_s, song.rate)
    places = [0, *(frame for frame in frames if frame), song.n_frames]
    n_scenes = {0: 0}
    for place in places[1:]:
        before = [n_scenes[start] for start in n_scenes if low <= place - start <= high]
        if before:
            n_scenes[place] = min(before) + 1
    return n_scenes[song.n_frames]


@UNTIMED
@given(songs(), st.data())
def test_forced_cuts_are_kept_and_what_is_whole_stays_whole(song: Song, data: st.DataObject) -> None:
    if song.n_frames < 3:
        return
    frames = data.draw(st.sets(st.integers(1, song.n_frames - 1), min_size=1, max_size=6))
    spans = list(pairwise([0, *sorted(frames), song.n_frames]))
    whole = data.draw(st.sampled_from(spans))
    forced = tuple(Cut(frame, "exact") for frame in sorted(frames))
    planned = Song(song.grid, song.rate, song.clip_s, song.edges_s, forced, (whole,)).cuts()
    assert set(forced) <= set(planned)
    starts = [cut.frame for cut in planned]
    assert not [frame for frame in starts if whole[0] < frame < whole[1]]
    for start, end in pairwise([*starts, song.n_frames]):
        assert end - start <= longest_frames(song.clip_s, song.rate) or (start, end) == whole


def test_no_other_choice_of_beats_is_cheaper() -> None:
    """Against every subset of the beats of short songs, priced scene by scene by the planner's own costs."""
    chance = random.Random(5)
    for _ in range(12):
        times = [0.4 + 1.4 * beat + chance.uniform(-0.3, 0.3) for beat in range(9)]
        grid = make_grid(times, 12.5, chance.choice([2, 3, 4]))
        song = Song(grid, Fraction(24), 4, (chance.uniform(1, 12),))
        nodes = scene_cuts._nodes(song.beats, song.edges_s, (), song.n_frames, song.rate, longest_frames(4, song.rate))
        limits = scene_cuts._Limits(longest_frames(4, song.rate), shortest_frames(4, song.rate), song.beats.hole_frames)
        chosen = [nodes.cuts.index(cut) for cut in song.cuts()]
        assert cost(nodes, limits, chosen) == min(cost(nodes, limits, row) for row in rows(nodes, limits))


def rows(nodes: scene_cuts._Nodes, limits: scene_cuts._Limits) -> list[list[int]]:
    """All ways to choose cuts so that every scene fits in a clip."""
    last = len(nodes.cuts) - 1
    every = ([0, *(at for at in range(1, last) if number >> at & 1)] for number in range(0, 2**last, 2))
    return [row for row in every if max(np.diff(nodes.frames[[*row, last]])) <= limits.longest]


def cost(nodes: scene_cuts._Nodes, limits: scene_cuts._Limits, row: list[int]) -> int:
    scenes = pairwise([*row, len(nodes.cuts) - 1])
    whole = sum(int(scene_cuts._scene_costs(nodes, start, end, limits)[0]) for start, end in scenes)
    return whole + sum(int(nodes.costs[at]) for at in row[1:])


# --- Examples ------------------------------------------------------------------------------------------------------


def test_four_bars_of_two_seconds_fill_eight() -> None:
    song = Song(steady(120, 64.0), Fraction(24), 8)
    assert song.seconds() == [8.0] * 8
    assert song.bars() == [4.0] * 8


def test_four_bars_of_two_seconds_fill_eight_at_an_ntsc_rate_too() -> None:
    assert set(Song(steady(120, 64.0), Fraction(24000, 1001), 8).bars()) == {4.0}


def test_a_section_s_edge_is_a_cut_and_the_short_scene_comes_last() -> None:
    song = Song(steady(120, 60.0), Fraction(24), 8, edges_s=(20.2, 40.0))
    assert song.seconds() == [8.0, 8.0, 4.0] * 3


def test_an_edge_that_a_scene_can_not_begin_at_is_crossed() -> None:
    song = Song(steady(120, 32.0), Fraction(24), 8, edges_s=(0.5, 31.0))
    assert song.seconds() == [8.0] * 4


def test_eight_bars_that_do_not_fit_are_halves_and_not_five_and_three() -> None:
    song = Song(steady(155, 8 * 240 / 155 * 3), Fraction(24), 8, edges_s=(8 * 240 / 155, 16 * 240 / 155))
    assert song.bars() == [4.0] * 6


def test_nine_bars_are_four_three_and_two_and_not_four_four_and_one() -> None:
    assert Song(steady(120, 18.0), Fraction(24), 8).bars() == [4.0, 3.0, 2.0]


def test_two_edges_less_than_a_bar_apart_are_one_cut() -> None:
    song = Song(steady(80, 24.0), Fraction(24), 8, edges_s=(8.25, 10.5))
    assert min(song.bars()) >= 1.0
    assert sum(cut.frame in (198, 252) for cut in song.cuts()) == 1


def test_a_stretch_without_a_beat_that_a_clip_reaches_across_is_left_whole() -> None:
    times = [beat / 2 for beat in range(64) if not 16 < beat / 2 < 20.9]
    song = Song(make_grid(times, 32.0), Fraction(24), 8)
    assert "frame" not in {cut.kind for cut in song.cuts()}


def test_a_bar_is_as_long_as_its_neighbours_where_beats_are_missing() -> None:
    times = [beat / 2 for beat in range(130) if not 16.2 < beat / 2 < 35.9]
    beats = Song(make_grid(times, 65.0), Fraction(24), 8).beats
    assert set(scene_cuts._bar_frames(beats, np.arange(0, 1560, 12))) == {48.0}


def test_bars_longer_than_a_clip_are_cut_on_their_beats() -> None:
    song = Song(steady(40, 60.0), Fraction(24), 4)
    assert song.seconds() == [3.0] * 20
    assert {cut.kind for cut in song.cuts()[1:]} == {"beat", "downbeat"}
    assert song.bars() == [0.5] * 20


def test_a_pickup_joins_the_first_bars() -> None:
    song = Song(steady(120, 40.5, start_s=0.5), Fraction(24), 8)
    assert song.seconds() == [4.5, 8.0, 8.0, 8.0, 8.0, 4.0]


def test_a_long_start_without_a_beat_is_equal_parts_and_told() -> None:
    song = Song(steady(120, 46.0, start_s=14.0), Fraction(24), 8)
    cuts, notes = song.plan()
    assert song.seconds() == [7.0, 7.0, 8.0, 8.0, 8.0, 8.0]
    assert [cut.kind for cut in cuts] == ["start", "frame", *["downbeat"] * 4]
    assert notes == ("no beat from 0:00 to 0:14: 1 cut stands on none",)


def test_a_hole_in_the_beat_is_bridged_from_bar_to_bar() -> None:
    times = [beat / 2 for beat in range(128) if not 16 < beat / 2 < 36.4]
    song = Song(make_grid(times, 64.0), Fraction(24), 8)
    cuts, notes = song.plan()
    assert song.seconds()[:5] == [8.0] * 5
    assert [cut.kind for cut in cuts[:6]] == ["downbeat", "downbeat", "downbeat", "frame", "frame", "downbeat"]
    assert notes == ("no beat from 0:16 to 0:36.5: 2 cuts stand on none",)


@pytest.mark.parametrize("grid", [make_grid([], 30.0), make_grid([1.0, 2.0], 30.0, confidence=0.1)])
def test_without_a_beat_to_believe_the_song_is_equal_parts_and_told(grid: BeatGrid) -> None:
    song = Song(grid, Fraction(25), 8)
    assert song.seconds() == [7.52, 7.48, 7.52, 7.48]
    assert "scenes are equal parts" in song.beats.notes[0]


def test_without_a_beat_sections_edges_are_cuts() -> None:
    song = Song(make_grid([], 30.0), Fraction(24), 8, edges_s=(12.0,))
    assert song.seconds() == [6.0, 6.0, 6.0, 6.0, 6.0]


def test_without_bar_lines_bars_are_counted_from_the_first_beat() -> None:
    beats = tuple(Beat(beat / 2, 0.5) for beat in range(64))
    song = Song(BeatGrid(120.0, beats, (), 4, (), 0.9, 32.0), Fraction(24), 8)
    assert song.seconds() == [8.0] * 4
    assert {cut.kind for cut in song.cuts()[1:]} == {"beat"}
    assert song.beats.notes == ("no bar lines were found: bars count from the first beat",)


def test_a_song_shorter_than_everything_is_one_scene() -> None:
    assert Song(steady(120, 0.5), Fraction(24), 8).lengths() == [12]


@pytest.mark.parametrize(
    ("clip_s", "rate", "shortest", "longest"),
    [(4, RATES[1], 48, 96), (8, RATES[1], 48, 192), (8, RATES[0], 48, 192), (12, RATES[5], 120, 720)],
)
def test_the_frames_of_a_clip(clip_s: int, rate: Fraction, shortest: int, longest: int) -> None:
    assert (shortest_frames(clip_s, rate), longest_frames(clip_s, rate)) == (shortest, longest)


@pytest.mark.parametrize(
    ("time_s", "nearest_s"), [(10.1, 10.0), (10.24, 10.0), (10.26, 10.5), (30.0, None), (20.4, 20.0)]
)
def test_the_nearest_beat_is_found_unless_there_is_none_around(time_s: float, nearest_s: float | None) -> None:
    times = [beat / 2 for beat in range(100) if not 20.2 < beat / 2 < 39.9]
    beats = beat_map(make_grid(times, 50.0), 1200, Fraction(24))
    found = beats.nearest(Fraction(time_s) * 24)
    assert (None if found is None else found.frame / 24) == nearest_s
