import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.shot_fit import nearest_size, sold_seconds

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=8)
SIDE = st.integers(16, 4096)
SIZE = st.tuples(SIDE, SIDE)
OFFERED = st.lists(SIZE, min_size=1, max_size=8)


@given(LENGTHS, st.floats(0.04, 60))
def test_the_shortest_length_that_covers_is_sold(offered: list[int], needed_s: float) -> None:
    enough = [seconds for seconds in offered if seconds >= needed_s]
    if enough:
        assert sold_seconds(offered, needed_s) == min(enough)
    elif max(offered) < needed_s - 1e-3:
        with pytest.raises(ValueError, match=f"at most {max(offered)} s"):
            sold_seconds(offered, needed_s)


@given(LENGTHS, st.data())
def test_a_shot_as_long_as_a_length_gets_that_length(offered: list[int], data: st.DataObject) -> None:
    seconds = data.draw(st.sampled_from(offered))
    assert sold_seconds(offered, seconds + 1e-9) == sold_seconds(offered, seconds) == seconds


@given(st.floats(0.04, 60))
def test_where_any_length_is_sold_it_is_the_shot_s_own(needed_s: float) -> None:
    assert sold_seconds((), needed_s) in (math.ceil(needed_s), max(1, math.ceil(needed_s) - 1))
    assert sold_seconds((), needed_s) >= needed_s - 1e-6


@pytest.mark.parametrize(
    ("offered", "needed_s", "remedy"),
    [((4, 6, 8), 11.2, "set the song's clip_seconds to 8"), ((5,), 7.5, "set the song's clip_seconds to 4"),
     ((2, 3), 4.0, "choose another video_model"), ((12,), 12.5, "set the song's clip_seconds to 12")],
)  # fmt: skip
def test_a_shot_that_is_too_long_says_what_to_set(offered: tuple[int, ...], needed_s: float, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        sold_seconds(offered, needed_s)


@given(OFFERED, SIZE)
def test_the_size_is_one_on_offer_of_the_shot_s_orientation_where_there_is_one(
    offered: list[tuple[int, int]], wanted: tuple[int, int]
) -> None:
    found = nearest_size(offered, *wanted)
    assert found in offered
    same = [size for size in offered if _turn(size) == _turn(wanted)]
    assert not same or found in same
    among = same or offered
    assert _stretch(found, wanted) <= min(_stretch(size, wanted) for size in among)


@given(OFFERED, st.data())
def test_a_size_on_offer_is_its_own_nearest(offered: list[tuple[int, int]], data: st.DataObject) -> None:
    wanted = data.draw(st.sampled_from(offered))
    assert nearest_size(offered, *wanted) == wanted


@given(OFFERED, SIZE)
def test_a_portrait_is_answered_as_its_landscape_is(offered: list[tuple[int, int]], wanted: tuple[int, int]) -> None:
    found = nearest_size(offered, *wanted)
    turned = nearest_size([size[::-1] for size in offered], *wanted[::-1])
    assert (_stretch(turned, wanted[::-1]), turned[0] * turned[1]) == (_stretch(found, wanted), found[0] * found[1])


def test_equal_shapes_are_told_apart_by_their_area() -> None:
    offered = ((1920, 1080), (1280, 720), (640, 360))
    assert nearest_size(offered, 1024, 576) == (1280, 720)
    assert nearest_size(offered, 720, 405) == (640, 360)
    assert nearest_size((), 854, 480) == (854, 480)


def test_a_shape_counts_before_an_area_and_an_orientation_before_both() -> None:
    assert nearest_size([(1280, 960), (3840, 2160)], 1280, 720) == (3840, 2160)
    assert nearest_size([(721, 720), (720, 1280)], 720, 1280) == (720, 1280)
    assert nearest_size([(2160, 720), (720, 720)], 721, 720) == (2160, 720)


def _turn(size: tuple[int, int]) -> int:
    return (size[0] > size[1]) - (size[0] < size[1])


def _stretch(size: tuple[int, int], wanted: tuple[int, int]) -> Fraction:
    ratio = Fraction(*size) / Fraction(*wanted)
    return max(ratio, 1 / ratio)
