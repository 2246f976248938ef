"""The pictures of songs: whole PNGs, never too long, and they show what they are given where it is."""

import zlib
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio_assets.domain.music import pictures
from audio_assets.domain.music.analysis import Beat, BeatGrid, LyricLine, LyricWord, Section, Span, TempoPoint
from audio_assets.domain.music.picture_strip import by_column, figure
from audio_assets.domain.picture_card import BLUE, GOLD, RED, Card, Detail, Frame

PERFORMANCE, B_ROLL, GREEN = (240, 112, 148), (84, 132, 160), (104, 200, 128)


def decoded(png: bytes) -> NDArray[np.uint8]:
    """RGB pixels by another decoder than our own, shape (height, width, 3)."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.ascontiguousarray(image[:, :, ::-1])


def is_colour(image: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Pixels of a colour, or of what an inline picture draws for it."""
    return np.asarray(np.abs(image.astype(int) - colour).max(axis=2) <= 12)


def grid_of(duration_s: float, bpm: float = 120.0, strengths: Sequence[float] = (0.9, 0.4, 0.6, 0.4)) -> BeatGrid:
    times = np.arange(0.25, duration_s, 60 / bpm)
    beats = tuple(Beat(float(t), strengths[i % len(strengths)]) for i, t in enumerate(times))
    return BeatGrid(bpm, beats, tuple(float(t) for t in times[::4]), 4, (TempoPoint(0.0, bpm),), 0.9, duration_s)


def sections_of(labels: str, duration_s: float) -> list[Section]:
    step_s = duration_s / max(1, len(labels))
    return [Section(f"{c}{i}", i * step_s, (i + 1) * step_s, "section", c, 0.5) for i, c in enumerate(labels)]


def scenes_of(n: int, duration_s: float) -> list[pictures.Scene]:
    return [
        pictures.Scene(f"scene_{i + 1}", i * duration_s / n, (i + 1) * duration_s / n, i % 2 == 0, "A1")
        for i in range(n)
    ]


def lines_of(n: int, duration_s: float, confidence: float = 0.8) -> list[LyricLine]:
    step_s = duration_s / max(1, n)
    return [
        LyricLine(
            f"line {i} of the song",
            (LyricWord("line", i * step_s, (i + 0.4) * step_s, confidence),),
            i * step_s,
            (i + 0.8) * step_s,
        )
        for i in range(n)
    ]


def noise(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def every_picture(duration_s: float, seed: int, is_large: bool) -> dict[str, bytes]:
    """All pictures of a busy song: nothing in it repeats."""
    rng = np.random.default_rng(seed)
    n = round(min(20_000, duration_s * 20))
    grid = grid_of(duration_s, 150.0, [float(v) for v in rng.random(1_000)])
    curve = [(float(t), float(v)) for t, v in zip(np.linspace(0, duration_s, n), rng.random(n), strict=True)]
    sections = sections_of("".join(rng.choice(list("ABCDEFGHIJ"), round(duration_s / 9))), duration_s)
    spans = [Span(s.start_time, (s.start_time + s.end_time) / 2) for s in sections]
    levels = -80.0 * rng.random((64, 640))
    times, values = [t for t, _ in curve], [v for _, v in curve]
    return {
        "song": pictures.song_picture(noise((n, 2), seed), duration_s, grid, sections, curve, is_large=is_large),
        "beats": pictures.beat_picture(grid, is_large=is_large),
        "storyboard": pictures.storyboard_picture(
            scenes_of(1 + round(duration_s / 3), duration_s), duration_s, grid, energy=curve, is_large=is_large
        ),
        "remix": pictures.remix_picture(
            levels, levels[:, ::-1], duration_s, duration_s * 0.7, joins_s=times[::99], is_large=is_large
        ),
        "vocals": pictures.vocals_picture(values, values[::-1], spans, duration_s, is_large=is_large),
        "lyrics": pictures.lyrics_picture(
            lines_of(round(duration_s / 3), duration_s, float(rng.random())), duration_s, is_large=is_large
        ),
        "curve": pictures.curve_picture(times, values, duration_s, "brightness", "Hz", is_large=is_large),
    }


@settings(max_examples=5, deadline=None)
@given(duration_s=st.sampled_from([0.2, 3.0, 60.0, 288.0, 7200.0]), seed=st.integers(0, 2**32 - 1))
def test_no_song_makes_a_picture_too_long(duration_s: float, seed: int) -> None:
    for name, picture in every_picture(duration_s, seed, is_large=False).items():
        assert len(picture) <= pictures.MAX_BYTES, name
        assert decoded(picture).shape[1] == 640


def test_a_large_picture_is_twice_as_wide_and_keeps_its_length_too() -> None:
    small, large = every_picture(288.0, 1, is_large=False), every_picture(288.0, 1, is_large=True)
    for name, picture in large.items():
        assert len(small[name]) < len(picture) <= pictures.LARGE_BYTES, name
        assert decoded(picture).shape[1] == 2 * decoded(small[name]).shape[1]


def test_the_same_values_give_the_same_bytes() -> None:
    assert every_picture(9.0, 5, is_large=False) == every_picture(9.0, 5, is_large=False)


@pytest.mark.parametrize("is_large", [False, True])
def test_nothing_makes_a_picture_too(is_large: bool) -> None:
    no_beat = BeatGrid(0.0, (), (), 4, (), 0.0, 0.0)
    none = np.zeros((0, 0))
    drawn: list[Callable[[], bytes]] = [
        lambda: pictures.song_picture(np.zeros((0, 2), np.float32), 0.0, None, [], [], is_large=is_large),
        lambda: pictures.song_picture(np.zeros(0, np.float32), 0.0, no_beat, [], [], is_large=is_large),
        lambda: pictures.beat_picture(no_beat, is_large=is_large),
        lambda: pictures.storyboard_picture([], 0.0, None, is_large=is_large),
        lambda: pictures.remix_picture(None, none, 0.0, 0.0, is_large=is_large),
        lambda: pictures.remix_picture(none, np.full((4, 4), -120.0), 0.0, 1.0, is_large=is_large),
        lambda: pictures.vocals_picture([], [], [], 0.0, is_large=is_large),
        lambda: pictures.lyrics_picture([], 0.0, is_large=is_large),
        lambda: pictures.lyrics_picture([LyricLine("not placed", ())], 1.0, is_large=is_large),
        lambda: pictures.curve_picture([], [], 0.0, "flux", is_large=is_large),
        lambda: pictures.curve_picture([0.0, 1.0], [float("nan"), float("inf")], 1.0, "flux", is_large=is_large),
        lambda: pictures.curve_picture([0.0, 1.0], [-3.0, -3.0], 1.0, "flux", is_large=is_large),
    ]
    for draw in drawn:
        decoded(draw())


def test_sections_are_in_their_colour_for_their_time_and_equal_labels_alike() -> None:
    image = decoded(
        pictures.song_picture(np.ones(100, np.float32), 40.0, None, sections_of("ABAA", 40.0), [], is_large=True)
    )
    wave = image[130]
    n_blue, n_other = (int(is_colour(wave[None], c).sum()) for c in (BLUE, (255, 146, 92)))
    assert n_blue == pytest.approx(3 * n_other, rel=0.02)


def test_the_wave_is_high_where_the_song_is_loud() -> None:
    peaks = np.array([[-0.1, 0.1]] * 50 + [[-0.8, 0.4]] * 50, dtype=np.float32)
    is_wave = is_colour(decoded(pictures.song_picture(peaks, 10.0, None, [], [])), BLUE)
    quiet, loud = is_wave[:, 60:300].sum(axis=0), is_wave[:, 400:600].sum(axis=0)
    assert loud.min() > 6 * quiet.max() > 0


def test_bars_that_lie_too_close_are_thinned() -> None:
    def n_ticks(duration_s: float) -> int:
        image = decoded(pictures.song_picture(np.zeros(1, np.float32), duration_s, grid_of(duration_s), [], []))
        return int(is_colour(image[-24:-23], (232, 236, 242)).sum())

    assert n_ticks(20.0) == 10
    assert 90 < n_ticks(288.0) <= 195
    assert 90 < n_ticks(7200.0) <= 195


def test_a_faster_tempo_is_higher_and_held_until_the_next() -> None:
    grid = grid_of(100.0)
    grid = BeatGrid(120.0, grid.beats, grid.downbeats, 4, (TempoPoint(0.0, 90.0), TempoPoint(75.0, 150.0)), 0.9, 100.0)
    line = is_colour(decoded(pictures.beat_picture(grid)), BLUE)
    rows = [int(np.flatnonzero(line[:, x]).mean()) for x in (60, 300, 480, 510, 630)]
    assert rows[0] == rows[1] == rows[2] > rows[3] + 20
    assert rows[3] == rows[4]


def test_a_stronger_beat_is_higher() -> None:
    strong, weak = (
        is_colour(decoded(pictures.beat_picture(grid_of(20.0, strengths=[s]))), GOLD).sum() for s in (1.0, 0.25)
    )
    assert strong == pytest.approx(4 * weak, rel=0.1)


def test_scenes_are_in_their_kinds_colours_for_their_time() -> None:
    scenes = [("s1", 0.0, 30.0, True, "A"), ("s2", 30.0, 40.0, False, "A")]
    image = decoded(pictures.storyboard_picture(scenes, 40.0, None))
    row = image[40:44]
    assert is_colour(row, PERFORMANCE).sum() == pytest.approx(3 * is_colour(row, B_ROLL).sum(), rel=0.05)


def test_scenes_have_their_ids_where_there_is_room_and_numbers_where_there_is_less() -> None:
    def ink(n: int) -> int:
        image = decoded(pictures.storyboard_picture(scenes_of(n, 300.0), 300.0, None))
        return int((image[48:64, 50:630].max(axis=2) < 80).sum())

    separators = 16 * 11
    assert ink(12) > separators + 100
    assert ink(60) > 60 * 16 * 0.8  # every fifth has a number, on a patch without separators
    assert pictures._short("scene_007") == "7"
    assert pictures._short("intro") == "intro"


def test_a_shorter_remix_ends_earlier_on_the_same_axis() -> None:
    levels = np.full((32, 100), -10.0) - 50 * np.linspace(0, 1, 32)[:, None]
    image = decoded(pictures.remix_picture(levels, levels, 100.0, 50.0))
    before, after = image[50, 48:634], image[50 + 54 + 16, 48:634]
    is_lit = [np.flatnonzero(row.max(axis=1) > 70) for row in (before, after)]
    assert is_lit[0].max() > 570
    assert 285 < is_lit[1].max() < 300
    assert image.shape[0] > decoded(pictures.remix_picture(None, levels, 100.0, 50.0)).shape[0]


def test_joins_are_marked_in_what_was_joined() -> None:
    levels = np.full((8, 50), -40.0)
    plain, marked = (
        decoded(pictures.remix_picture(levels, levels, 10.0, 10.0, joins_s=joins_s)) for joins_s in ((), (2.5, 5.0))
    )
    is_other = (plain != marked).any(axis=2)
    assert not is_other[:74].any(), "neither the headline nor the sound before"
    assert list(np.flatnonzero(is_other[92:140].all(axis=0))) == [48 + round(586 / 4), 48 + 586 // 2]


def test_what_is_louder_is_brighter_in_one_scale_for_both() -> None:
    levels = np.tile(np.linspace(-60.0, -10.0, 32)[:, None], (1, 100))
    image = decoded(pictures.remix_picture(levels, levels - 30, 10.0, 10.0)).astype(int)
    assert image[24, 300].sum() > image[50, 300].sum() > image[70, 300].sum(), "the highest band is at the top"
    assert image[30, 300].sum() > image[30 + 70, 300].sum() + 100


def test_lines_without_a_place_are_told() -> None:
    lost = LyricLine("not found", (LyricWord("not"), LyricWord("found")))
    assert is_colour(decoded(pictures.lyrics_picture([*lines_of(4, 60.0), lost], 60.0)), RED).any()
    assert not is_colour(decoded(pictures.lyrics_picture(lines_of(4, 60.0), 60.0)), RED).any()


@pytest.mark.parametrize("is_large", [False, True])
def test_what_is_sure_is_high_and_green_and_what_is_not_low_and_red(is_large: bool) -> None:
    sure, unsure = (decoded(pictures.lyrics_picture(lines_of(4, 60.0, c), 60.0, is_large=is_large)) for c in (1.0, 0.1))
    assert is_colour(sure, GREEN).sum() > 5 * is_colour(unsure, RED).sum() > 0
    assert not is_colour(sure, RED).any()


def test_the_voice_is_drawn_where_it_is_heard() -> None:
    image = decoded(pictures.vocals_picture([1.0] * 100, [0.0] * 50 + [0.5] * 50, [Span(5.0, 10.0)], 10.0))
    columns = np.flatnonzero(is_colour(image[18:], GREEN).sum(axis=0) > 20)
    assert columns.min() == pytest.approx(48 + 586 / 2, abs=5)
    assert columns.max() > 620


def test_a_curve_needs_a_value_for_each_time() -> None:
    with pytest.raises(ValueError, match="2 times for 1 values of 'flux'"):
        pictures.curve_picture([0.0, 1.0], [1.0], 2.0, "flux")


def test_a_single_peak_in_a_long_curve_is_not_lost() -> None:
    values = np.zeros(500_000)
    values[250_000] = 1.0
    flat = decoded(pictures.curve_picture(np.arange(500_000) / 100, np.zeros(500_000), 5000.0, "flux"))
    peak = decoded(pictures.curve_picture(np.arange(500_000) / 100, values, 5000.0, "flux"))
    is_other = (flat != peak).any(axis=2)[:, 330:350]
    assert is_other.any(axis=1).sum() > 70


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), n=st.integers(1, 40), seed=st.integers(0, 2**32 - 1)
)
def test_columns_hold_their_values(values: list[float], n: int, seed: int) -> None:
    times = np.random.default_rng(seed).random(len(values)) * 10
    low, mean, high = by_column(times, values, 10.0, n)
    slack = 1e-6 * max(abs(v) for v in values) + 1e-9
    assert len(low) == len(mean) == len(high) == n
    assert np.all(low <= mean + slack)
    assert np.all(mean <= high + slack)
    assert low.min() >= min(values) - slack
    assert low.min() == pytest.approx(min(values), abs=slack)
    assert high.max() == pytest.approx(max(values), abs=slack)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.123, "0.12"), (3.14159, "3.14"), (42.24, "42.2"), (-120.4, "-120"), (2440, "2.4k")]
)
def test_figures_are_short(value: float, text: str) -> None:
    assert figure(value) == text


# --- Spectrograms --------------------------------------------------------------------------------------------------


def sine(hz: float, rate_hz: int = 44_100, duration_s: float = 2.0) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate_hz)) / rate_hz).astype(np.float32)


@pytest.mark.parametrize("hz", [110.0, 1_000.0, 9_000.0])
@pytest.mark.parametrize("rate_hz", [22_050, 48_000])
def test_a_full_sine_is_0_db_in_its_band(hz: float, rate_hz: int) -> None:
    levels = pictures.spectrogram(sine(hz, rate_hz), rate_hz, 10, 24)
    edges = np.geomspace(*pictures.SPECTROGRAM_HZ, 25)
    band = int(np.searchsorted(edges, hz)) - 1
    assert levels.shape == (24, 10)
    assert (levels.argmax(axis=0) == band).all()
    total = 10 * np.log10((10 ** (levels / 10)).sum(axis=0))
    assert total == pytest.approx(0, abs=0.1)


def test_half_as_loud_is_6_db_less() -> None:
    sound = noise((44_100,), 3) * 0.1
    loud, soft = (pictures.spectrogram(sound * gain, 44_100, 5, 16) for gain in (np.float32(1), np.float32(0.5)))
    assert loud - soft == pytest.approx(6.02, abs=0.01)


def test_silence_and_what_is_above_half_the_rate_is_nothing() -> None:
    assert (pictures.spectrogram(np.zeros(10_000, np.float32), 44_100, 4, 8) == -120).all()
    levels = pictures.spectrogram(noise((32_000,), 1), 8_000, 4, 32)
    edges = np.geomspace(*pictures.SPECTROGRAM_HZ, 33)
    assert (levels[edges[:-1] > 4_010] == -120).all()
    assert (levels[edges[1:] < 4_000] > -60).all()


@pytest.mark.parametrize("n_samples", [0, 1, 4_095, 4_097])
def test_short_sounds_have_a_spectrogram(n_samples: int) -> None:
    assert np.isfinite(pictures.spectrogram(np.ones(n_samples, np.float32), 44_100, 3, 5)).all()


def test_a_sound_is_in_the_columns_of_its_time() -> None:
    sound = np.concatenate([np.zeros(88_200, np.float32), sine(1_000)])
    levels = pictures.spectrogram(sound, 44_100, 20, 8).max(axis=0)
    assert (levels[:9] < -100).all()
    assert (levels[11:] > -10).all()


# --- The card ------------------------------------------------------------------------------------------------------


def test_a_tight_card_shows_the_same_in_fewer_bytes() -> None:
    card = Card(80, 60.0, 60, Detail(1, 1, 1), Frame(641, 20, 3))
    card.area(4, 50, np.abs(np.sin(np.arange(618) / 9)), BLUE)
    plain, tight = card.png(), card.png(is_tight=True)
    assert (decoded(plain) == decoded(tight)).all()
    assert len(tight) < len(plain)
    assert zlib.crc32(tight) == zlib.crc32(card.png(is_tight=True))


def test_many_shades_become_sixteen_that_are_close() -> None:
    card = Card(40, 60.0, 30, Detail(1, 1, 1))
    shades = np.array([(20 * i, 20 * i + j, 20 * i) for i in range(12) for j in (0, 3)], dtype=np.uint8)
    card.image(0, 0.0, np.repeat(np.tile(shades, (20, 1, 1)), 10, axis=1))
    plain, tight = decoded(card.png()), decoded(card.png(is_tight=True))
    assert len(np.unique(plain.reshape(-1, 3), axis=0)) > 16
    assert len(np.unique(tight.reshape(-1, 3), axis=0)) == 16
    assert np.abs(plain.astype(int) - tight).max() <= 25
